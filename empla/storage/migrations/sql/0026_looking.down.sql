DROP INDEX empla.idx_events_employee;
DROP INDEX empla.idx_effects_done;
