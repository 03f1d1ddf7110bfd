-- What people and employees said here is gone with the conversations, and so are the answers that were to be given.
DROP TRIGGER tell_insert ON empla.employees;
DROP TRIGGER tell_update ON empla.employees;
DROP TRIGGER tell ON empla.metrics;
DROP TRIGGER tell ON empla.belief_history;
DROP TRIGGER tell ON empla.goal_history;
DROP TRIGGER tell_insert ON empla.employee_intentions;
DROP TRIGGER tell_update ON empla.employee_intentions;
DROP TRIGGER tell ON empla.intention_steps;
DROP TRIGGER tell_insert ON empla.approvals;
DROP TRIGGER tell_update ON empla.approvals;
DROP TRIGGER tell ON empla.effects;
DROP TRIGGER tell ON empla.notices;
DROP TRIGGER post_reply ON empla.effects;
DROP TRIGGER keep_reply ON empla.effects;
DROP TRIGGER gate_reply ON empla.effects;
DROP TABLE empla.messages, empla.conversations, empla.events;
DROP FUNCTION empla.forget_events(interval), empla.tell_of_message(), empla.tell_of_notice(), empla.tell_of_effect(), empla.tell_of_approval(),
    empla.tell_of_step(), empla.tell_of_intention(), empla.tell_of_goal(), empla.tell_of_beliefs(), empla.tell_of_cycle(), empla.tell_of_employee(),
    empla.log_event(uuid, uuid, text, uuid, text, jsonb), empla.stir(uuid), empla.post_reply(), empla.check_reply(),
    empla.say(uuid, uuid, text, text, text, uuid, text);
DROP POLICY keeping ON empla.observations;
DROP POLICY keeping ON empla.users;
DROP POLICY keeping ON empla.employee_schedule;
DROP POLICY keeping ON empla.employee_goals;
REVOKE ALL ON empla.observations, empla.employee_schedule, empla.employee_goals FROM empla_keeper;
REVOKE ALL (next_cycle_at) ON empla.employee_schedule FROM empla_keeper;
REVOKE ALL (tenant_id, id, name, email) ON empla.users FROM empla_keeper;

GRANT CREATE ON SCHEMA empla TO empla_keeper;
SET LOCAL ROLE empla_keeper;
DO $$
DECLARE
    change record; was text; became text;
BEGIN
    FOR change IN SELECT * FROM (VALUES
        ('empla.gate_effect()', 'IF NEW.capability <> ''conversation'' AND NOT coalesce(NEW.capability = ANY (person.capabilities), false) THEN',
         'IF NOT coalesce(NEW.capability = ANY (person.capabilities), false) THEN'),
        ('empla.begin_effect(uuid,bigint)', 'WHEN e.capability <> ''conversation'' AND NOT coalesce(', 'WHEN NOT coalesce('),
        ('empla.begin_effect(uuid,bigint)', 'i.enabled AND i.kind NOT IN (''imap'', ''webhook_in'');', 'i.enabled AND i.kind <> ''imap'';'),
        ('empla.begin_effect(uuid,bigint)', 'IF carrier IS NULL AND e.capability <> ''conversation'' THEN', 'IF carrier IS NULL THEN'),
        ('empla.offer_capabilities()',
         E'    INSERT INTO capabilities (tenant_id, name, description, repeat_window, recipient_per_day, tenant_per_hour, costs)\n'
         '    VALUES (NEW.id, ''conversation'', ''answer those who write to it here'', interval ''0'', 100000, 1000000, ''{}'')' || E'\n'
         '    ON CONFLICT DO NOTHING;' || E'\n    RETURN NULL;\n', E'    RETURN NULL;\n')
    ) c (target, before, after) LOOP
        was := pg_get_functiondef(change.target::regprocedure);
        became := replace(was, change.before, change.after);
        IF became = was THEN
            RAISE EXCEPTION '% is not as this migration knows it', change.target;
        END IF;
        EXECUTE became;
    END LOOP;
END $$;
SET LOCAL ROLE empla_owner;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;
SET LOCAL ROLE empla_migrator;
DELETE FROM empla.effects WHERE capability = 'conversation';
DELETE FROM empla.integrations WHERE kind = 'webhook_in';
DELETE FROM empla.capabilities WHERE name = 'conversation';
SET LOCAL ROLE empla_owner;
DROP INDEX empla.idx_integrations_carrier;
ALTER TABLE empla.integrations DROP CONSTRAINT integrations_kind_check, DROP CONSTRAINT integrations_conversation_is_within,
    ADD CONSTRAINT integrations_kind_check CHECK (kind IN ('smtp', 'maildir', 'webhook', 'imap'));
CREATE UNIQUE INDEX idx_integrations_carrier ON empla.integrations (tenant_id, capability) WHERE enabled AND kind <> 'imap';
