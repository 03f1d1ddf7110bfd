DROP TRIGGER audit_insert ON empla.users;
DROP TRIGGER audit_update ON empla.users;
DROP TRIGGER audit_delete ON empla.users;
DROP TRIGGER audit_insert ON empla.tenants;
DROP TRIGGER audit_update ON empla.tenants;
DROP TRIGGER audit_delete ON empla.tenants;
DROP PROCEDURE empla.keep_audited(regclass, text, text);
DROP FUNCTION empla.note_action(text, text, uuid, jsonb), empla.audit_rows(), ctx.log_now(), empla.ensure_partitions(integer);
DROP TABLE empla.metrics, empla.audit_log;
