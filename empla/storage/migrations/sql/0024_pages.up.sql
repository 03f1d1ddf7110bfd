-- Lists by page, of a whole tenant: without these a page of what everybody brought about or told is found by reading and sorting all of it.
CREATE INDEX idx_effects_page ON empla.effects (tenant_id, created_at DESC, id DESC);
CREATE INDEX idx_notices_page ON empla.notices (tenant_id, created_at DESC, id DESC);
