DROP INDEX empla.idx_notices_page, empla.idx_effects_page;
