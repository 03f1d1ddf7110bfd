GRANT CREATE ON SCHEMA empla TO empla_retention;
SET LOCAL ROLE empla_retention;
CREATE OR REPLACE FUNCTION empla.erase_log_payloads(tenant uuid, recorded_before timestamptz) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    audits bigint; histories bigint;
BEGIN
    UPDATE audit_log SET details = '{}', metadata = '{}', erased_digest = sha256(convert_to(details::text || metadata::text, 'UTF8'))
     WHERE tenant_id = tenant AND recorded_at < recorded_before AND erased_digest IS NULL;
    GET DIAGNOSTICS audits = ROW_COUNT;
    UPDATE belief_history SET old_value = NULL, new_value = NULL, evidence = '[]', grounds = '[]', reason = NULL,
           erased_digest = sha256(convert_to(concat(old_value::text, new_value::text, evidence::text, grounds::text, reason), 'UTF8'))
     WHERE tenant_id = tenant AND recorded_at < recorded_before AND erased_digest IS NULL;
    GET DIAGNOSTICS histories = ROW_COUNT;
    RETURN audits + histories;
END $$;
SET LOCAL ROLE empla_owner;
REVOKE CREATE ON SCHEMA empla FROM empla_retention;
ALTER TABLE empla.memory_working DROP COLUMN pinned;
DROP TABLE empla.notices, empla.effects, empla.intention_steps;
DROP TRIGGER keep_to_graph ON empla.employee_intentions;
ALTER TABLE empla.employee_intentions
    DROP COLUMN parent_id, DROP COLUMN parent_position, DROP COLUMN procedure_id, DROP COLUMN plan_key, DROP COLUMN cause_id, DROP COLUMN commitment,
    DROP COLUMN on_failed_dependency, DROP COLUMN watches, DROP COLUMN deadline_at, DROP COLUMN abandoned_at, DROP COLUMN served_at, DROP COLUMN reason;
DROP TRIGGER log_insert ON empla.employee_goals;
DROP TRIGGER log_update ON empla.employee_goals;
DROP TRIGGER keep_to_graph ON empla.employee_goals;
DROP FUNCTION empla.measured(uuid, uuid, text, text, jsonb, text, timestamptz), empla.log_goals(), empla.keep_to_graph(), empla.may_become(text, text, text);
DROP TABLE empla.goal_history;
ALTER TABLE empla.employee_goals
    DROP COLUMN goal_key, DROP COLUMN parent_id, DROP COLUMN importance, DROP COLUMN priority_inputs, DROP COLUMN conditions, DROP COLUMN measure,
    DROP COLUMN watches, DROP COLUMN trying_since, DROP COLUMN retry_at, DROP COLUMN served_at, DROP COLUMN reason;
