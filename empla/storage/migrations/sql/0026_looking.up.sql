-- What an employee has done lately, and what happened to it last, found without looking at what all of its colleagues ever did.
CREATE INDEX idx_effects_done ON empla.effects (tenant_id, employee_id, ended_at) WHERE status = 'done';
CREATE INDEX idx_events_employee ON empla.events (tenant_id, employee_id, tx, id);
