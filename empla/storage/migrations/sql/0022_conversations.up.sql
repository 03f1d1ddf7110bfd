-- Conversations: what people write is an observation, what an employee answers is an effect. Events: what employees do, as one stream
-- per tenant that nobody can miss a part of. Webhooks in: an integration that tells an employee something.

-- Conversations

CREATE TABLE empla.conversations (
    tenant_id       uuid NOT NULL,
    employee_id     uuid NOT NULL,
    id              uuid NOT NULL DEFAULT uuidv7(),
    title           text NOT NULL CONSTRAINT conversations_title_check CHECK (length(btrim(title)) BETWEEN 1 AND 300),
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
    started_by      uuid,
    messages        integer NOT NULL DEFAULT 0 CHECK (messages >= 0),
    last_message_at timestamptz,
    metadata        jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at      timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at      timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, started_by) REFERENCES empla.users (tenant_id, id)
);
COMMENT ON COLUMN empla.conversations.started_by IS 'The user who wrote first; null for the operator and for visitors';
COMMENT ON COLUMN empla.conversations.messages IS 'How many there are; whoever adds one locks the conversation by it';
CREATE INDEX idx_conversations_latest ON empla.conversations (tenant_id, employee_id, last_message_at DESC);
CREATE INDEX idx_conversations_started_by ON empla.conversations (tenant_id, started_by) WHERE started_by IS NOT NULL;

CREATE TABLE empla.messages (
    tenant_id       uuid NOT NULL,
    employee_id     uuid NOT NULL,
    id              uuid NOT NULL DEFAULT uuidv7(),
    conversation_id uuid NOT NULL,
    position        integer NOT NULL CHECK (position >= 1),
    author          text NOT NULL CHECK (author IN ('user', 'operator', 'visitor', 'employee')),
    user_id         uuid,
    visitor         text CONSTRAINT messages_visitor_check CHECK (length(btrim(visitor)) BETWEEN 1 AND 320),
    body            text NOT NULL CONSTRAINT messages_body_check CHECK (length(btrim(body)) >= 1 AND octet_length(body) <= 65536),
    in_reply_to     uuid,
    observation_id  uuid,
    effect_id       uuid,
    message_key     text CONSTRAINT messages_key_check CHECK (length(message_key) BETWEEN 1 AND 200),
    created_at      timestamptz NOT NULL DEFAULT ctx.now(),
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id, conversation_id) REFERENCES empla.conversations (tenant_id, employee_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, employee_id, in_reply_to) REFERENCES empla.messages (tenant_id, employee_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, employee_id, observation_id) REFERENCES empla.observations (tenant_id, employee_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, employee_id, effect_id) REFERENCES empla.effects (tenant_id, employee_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES empla.users (tenant_id, id),
    CONSTRAINT messages_author CHECK ((author = 'user') = (user_id IS NOT NULL) AND (author = 'visitor') = (visitor IS NOT NULL)
                                      AND (author = 'employee') = (effect_id IS NOT NULL) AND (author <> 'employee') = (observation_id IS NOT NULL))
);
COMMENT ON COLUMN empla.messages.position IS 'Its place in the conversation, from 1 on without a gap';
COMMENT ON COLUMN empla.messages.visitor IS 'How somebody from outside is called';
COMMENT ON COLUMN empla.messages.message_key IS 'Whoever writes the same key again has written once';
CREATE UNIQUE INDEX idx_messages_position ON empla.messages (tenant_id, employee_id, conversation_id, position);
CREATE UNIQUE INDEX idx_messages_key ON empla.messages (tenant_id, employee_id, conversation_id, message_key) WHERE message_key IS NOT NULL;
CREATE UNIQUE INDEX idx_messages_effect ON empla.messages (tenant_id, employee_id, effect_id) WHERE effect_id IS NOT NULL;
CREATE UNIQUE INDEX idx_messages_observation ON empla.messages (tenant_id, employee_id, observation_id) WHERE observation_id IS NOT NULL;
CREATE INDEX idx_messages_in_reply_to ON empla.messages (tenant_id, employee_id, in_reply_to) WHERE in_reply_to IS NOT NULL;
CREATE INDEX idx_messages_user ON empla.messages (tenant_id, user_id) WHERE user_id IS NOT NULL;

-- Somebody writes to an employee: a message, and the observation that it perceives it by, in one. Staff and whoever has the employee assigned
-- write as themselves; staff and the operator also pass on what a visitor wrote, which is tainted. Without a conversation, a new one begins.
CREATE FUNCTION empla.say(told uuid, conversation uuid, words text, subject text DEFAULT NULL, from_outside text DEFAULT NULL,
                          reply_to uuid DEFAULT NULL, key text DEFAULT NULL)
    RETURNS TABLE (conversation_id uuid, message_id uuid, is_new boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
#variable_conflict use_column
DECLARE
    tenant uuid := ctx.tenant_id(); moment timestamptz := ctx.true_now(); talk uuid := conversation; message uuid := uuidv7(); place integer;
    talk_status text; seen uuid; writer record;
    kind_of text := CASE WHEN from_outside IS NOT NULL THEN 'visitor' WHEN ctx.user_id() IS NOT NULL THEN 'user' ELSE 'operator' END;
BEGIN
    IF NOT (ctx.is_staff() OR (ctx.is_assigned(told) AND from_outside IS NULL)) THEN
        RAISE EXCEPTION 'one writes to employees that one is assigned to' USING ERRCODE = '42501';
    ELSIF NOT EXISTS (SELECT FROM employees e WHERE e.tenant_id = tenant AND e.id = told AND e.deleted_at IS NULL) THEN
        RAISE EXCEPTION 'there is no such employee' USING ERRCODE = 'EM404';
    END IF;
    SELECT u.name, u.email INTO writer FROM users u WHERE u.tenant_id = tenant AND u.id = ctx.user_id();
    IF talk IS NULL THEN
        talk := uuidv7();
        INSERT INTO conversations (tenant_id, employee_id, id, title, started_by, messages, last_message_at)
        VALUES (tenant, told, talk, left(coalesce(subject, btrim(split_part(btrim(words, E' \n\r\t'), E'\n', 1))), 300),
                CASE kind_of WHEN 'user' THEN ctx.user_id() END, 1, moment);
        place := 1;
    ELSE
        SELECT c.status INTO talk_status FROM conversations c WHERE c.tenant_id = tenant AND c.employee_id = told AND c.id = talk FOR UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such conversation' USING ERRCODE = 'EM404';
        END IF;
        SELECT m.id INTO seen FROM messages m
         WHERE m.tenant_id = tenant AND m.employee_id = told AND m.conversation_id = talk AND m.message_key = key;
        IF FOUND THEN
            RETURN QUERY SELECT talk, seen, false;
            RETURN;
        ELSIF talk_status = 'closed' THEN
            RAISE EXCEPTION 'this conversation is closed' USING ERRCODE = 'EM409';
        ELSIF reply_to IS NOT NULL AND NOT EXISTS (SELECT FROM messages m WHERE m.tenant_id = tenant AND m.employee_id = told
                                                                             AND m.conversation_id = talk AND m.id = reply_to) THEN
            RAISE EXCEPTION 'there is no such message in this conversation' USING ERRCODE = 'EM404';
        END IF;
        UPDATE conversations c SET messages = c.messages + 1, last_message_at = moment
         WHERE c.tenant_id = tenant AND c.employee_id = told AND c.id = talk RETURNING c.messages INTO place;
    END IF;
    INSERT INTO observations AS o (tenant_id, employee_id, source, external_id, kind, description, participants, content, occurred_at, tainted)
    VALUES (tenant, told, 'conversation', message::text, CASE kind_of WHEN 'visitor' THEN 'visitor_wrote' ELSE 'message_received' END,
            left(format('%s wrote: %s', coalesce(from_outside, writer.name, 'The operator'), words), 16000),
            array_remove(ARRAY[coalesce(from_outside, writer.email)], NULL),
            jsonb_build_object('conversation', talk, 'message', message, 'words', words, 'person', coalesce(from_outside, writer.name, 'the operator'),
                               'author', kind_of),
            moment, kind_of = 'visitor')
    RETURNING o.id INTO seen;
    INSERT INTO messages (tenant_id, employee_id, id, conversation_id, position, author, user_id, visitor, body, in_reply_to, observation_id, message_key,
                          created_at)
    VALUES (tenant, told, message, talk, place, kind_of, CASE kind_of WHEN 'user' THEN ctx.user_id() END, from_outside, words, reply_to, seen, key, moment);
    UPDATE employee_schedule s SET next_cycle_at = moment WHERE s.tenant_id = tenant AND s.employee_id = told AND s.next_cycle_at > moment;
    RETURN QUERY SELECT talk, message, true;
END $$;

-- Everybody who is hired answers the people around it: no capability that one has or lacks, but one with limits, as every other.
CREATE FUNCTION empla.check_reply() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'an answer stays in its conversation: its words alone can be edited' USING ERRCODE = '23514';
    ELSIF NEW.kind <> 'message' OR cardinality(NEW.recipients) > 0 THEN
        RAISE EXCEPTION 'an answer is a message without any other recipient' USING ERRCODE = '23514';
    ELSIF btrim(NEW.body) = '' THEN
        RAISE EXCEPTION 'an answer has words' USING ERRCODE = '23514';
    ELSIF NOT EXISTS (SELECT FROM conversations c WHERE c.tenant_id = NEW.tenant_id AND c.employee_id = NEW.employee_id
                                                     AND c.id::text = NEW.arguments ->> 'conversation') THEN
        RAISE EXCEPTION 'there is no such conversation' USING ERRCODE = 'EM404';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER gate_reply BEFORE INSERT ON empla.effects FOR EACH ROW WHEN (NEW.capability = 'conversation') EXECUTE FUNCTION empla.check_reply();
CREATE TRIGGER keep_reply BEFORE UPDATE OF recipients, arguments ON empla.effects FOR EACH ROW
    WHEN (OLD.capability = 'conversation' AND (NEW.recipients, NEW.arguments) IS DISTINCT FROM (OLD.recipients, OLD.arguments))
    EXECUTE FUNCTION empla.check_reply();

-- An answer is given by standing there: in the transaction in which its effect is done, so once.
CREATE FUNCTION empla.post_reply() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    talk uuid := (NEW.arguments ->> 'conversation')::uuid; moment timestamptz := ctx.true_now(); place integer;
BEGIN
    UPDATE conversations c SET messages = c.messages + 1, last_message_at = moment
     WHERE c.tenant_id = NEW.tenant_id AND c.employee_id = NEW.employee_id AND c.id = talk RETURNING c.messages INTO place;
    INSERT INTO messages (tenant_id, employee_id, conversation_id, position, author, body, in_reply_to, effect_id, created_at)
    VALUES (NEW.tenant_id, NEW.employee_id, talk, place, 'employee', NEW.body,
            (SELECT m.id FROM messages m WHERE m.tenant_id = NEW.tenant_id AND m.employee_id = NEW.employee_id AND m.conversation_id = talk
                                           AND m.id::text = NEW.arguments ->> 'message'),
            NEW.id, moment);
    RETURN NULL;
END $$;
CREATE TRIGGER post_reply AFTER UPDATE OF status ON empla.effects FOR EACH ROW
    WHEN (NEW.capability = 'conversation' AND NEW.status = 'done' AND OLD.status <> 'done') EXECUTE FUNCTION empla.post_reply();

-- Webhooks in

ALTER TABLE empla.integrations DROP CONSTRAINT integrations_kind_check,
    ADD CONSTRAINT integrations_kind_check CHECK (kind IN ('smtp', 'maildir', 'webhook', 'imap', 'webhook_in')),
    ADD CONSTRAINT integrations_conversation_is_within CHECK (capability <> 'conversation');
DROP INDEX empla.idx_integrations_carrier;
CREATE UNIQUE INDEX idx_integrations_carrier ON empla.integrations (tenant_id, capability) WHERE enabled AND kind NOT IN ('imap', 'webhook_in');

-- Events

CREATE TABLE empla.events (
    tenant_id   uuid NOT NULL,
    tx          bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    id          uuid NOT NULL DEFAULT uuidv7(),
    employee_id uuid NOT NULL,
    kind        text NOT NULL CONSTRAINT events_kind_check CHECK (kind IN (
                    'employee.status', 'cycle.finished', 'belief.changed', 'goal.adopted', 'goal.violated', 'goal.restored', 'goal.status',
                    'intention.proposed', 'intention.status', 'step.done', 'step.failed', 'approval.requested', 'approval.decided',
                    'effect.sent', 'effect.failed', 'effect.uncertain', 'effect.cancelled', 'notice.raised', 'message.posted')),
    subject_id  uuid,
    sentence    text NOT NULL CHECK (length(sentence) BETWEEN 1 AND 500),
    details     jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(details, 4096)),
    occurred_at timestamptz NOT NULL DEFAULT ctx.now(),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, tx, id)
);
COMMENT ON COLUMN empla.events.tx IS 'The transaction that it came with: readers go in its order, and no further than all that are older have ended';
COMMENT ON COLUMN empla.events.subject_id IS 'What it is about: the goal, plan, effect, approval, notice, conversation, belief';

-- Whoever commits this transaction has something to tell (storage/tx.py).
CREATE FUNCTION empla.stir(tenant uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('app.stirred', true) IS DISTINCT FROM tenant::text THEN
        EXECUTE format('SET app.stirred = %L', tenant);
    END IF;
END $$;

-- One event. The triggers call it with the keeper's rights, and it has none of its own: that costs a fraction.
CREATE FUNCTION empla.log_event(tenant uuid, employee uuid, what text, about uuid, said text, more jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO empla.events (tenant_id, employee_id, kind, subject_id, sentence, details) VALUES (tenant, employee, what, about, left(said, 500), more);
    IF current_setting('app.stirred', true) IS DISTINCT FROM tenant::text THEN
        EXECUTE format('SET app.stirred = %L', tenant);
    END IF;
END $$;

CREATE FUNCTION empla.tell_of_employee() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    PERFORM log_event(NEW.tenant_id, NEW.id, 'employee.status', NEW.id,
                      format('%s is %s, in stage %s', NEW.name, CASE WHEN NEW.deleted_at IS NULL THEN NEW.status ELSE 'gone' END, NEW.lifecycle_stage),
                      jsonb_build_object('status', NEW.status, 'stage', NEW.lifecycle_stage));
    RETURN NULL;
END $$;
CREATE TRIGGER tell_insert AFTER INSERT ON empla.employees FOR EACH ROW EXECUTE FUNCTION empla.tell_of_employee();
CREATE TRIGGER tell_update AFTER UPDATE ON empla.employees FOR EACH ROW
    WHEN ((OLD.status, OLD.lifecycle_stage, OLD.deleted_at) IS DISTINCT FROM (NEW.status, NEW.lifecycle_stage, NEW.deleted_at))
    EXECUTE FUNCTION empla.tell_of_employee();

-- A cycle in which nothing happened measures nothing, and tells of nothing.
CREATE FUNCTION empla.tell_of_cycle() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    PERFORM log_event(NEW.tenant_id, NEW.employee_id, 'cycle.finished', NEW.employee_id, 'a cycle has ended');
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON empla.metrics FOR EACH ROW WHEN (NEW.metric_name = 'cycles' AND NEW.employee_id IS NOT NULL)
    EXECUTE FUNCTION empla.tell_of_cycle();

-- What one statement changes is told one by one, or as a number where it is much. What was confirmed or came late changed no belief.
CREATE FUNCTION empla.tell_of_beliefs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    whose record;
BEGIN
    FOR whose IN SELECT r.tenant_id, r.employee_id, count(*) AS changes FROM new_rows r WHERE r.change_type NOT IN ('confirmed', 'late')
                  GROUP BY r.tenant_id, r.employee_id LOOP
        IF whose.changes > 20 THEN
            PERFORM log_event(whose.tenant_id, whose.employee_id, 'belief.changed', NULL, whose.changes || ' beliefs have changed',
                              jsonb_build_object('changes', whose.changes));
        ELSE
            INSERT INTO events (tenant_id, employee_id, kind, subject_id, sentence, details)
            SELECT r.tenant_id, r.employee_id, 'belief.changed', r.belief_id,
                   left(format('%s %s %s', r.subject, r.predicate, CASE WHEN r.change_type IN ('deleted', 'decayed') THEN 'is no longer believed'
                                                                        ELSE 'is ' || left(r.new_value::text, 200) END), 500),
                   jsonb_build_object('change', r.change_type, 'confidence', r.new_confidence)
              FROM new_rows r
             WHERE r.tenant_id = whose.tenant_id AND r.employee_id = whose.employee_id AND r.change_type NOT IN ('confirmed', 'late')
            ON CONFLICT DO NOTHING;
            PERFORM stir(whose.tenant_id);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON empla.belief_history REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION empla.tell_of_beliefs();

CREATE FUNCTION empla.tell_of_goal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    wanted text := (SELECT left(g.description, 300) FROM employee_goals g WHERE g.tenant_id = NEW.tenant_id AND g.employee_id = NEW.employee_id AND g.id = NEW.goal_id);
    what text := CASE WHEN NEW.old_status IS NULL THEN 'goal.adopted'
                      WHEN NEW.new_state = 'violated' AND NEW.old_state IS DISTINCT FROM 'violated' THEN 'goal.violated'
                      WHEN NEW.new_state = 'met' AND NEW.old_state = 'violated' THEN 'goal.restored'
                      WHEN NEW.new_status <> NEW.old_status THEN 'goal.status' END;
BEGIN
    IF what IS NOT NULL THEN
        PERFORM log_event(NEW.tenant_id, NEW.employee_id, what, NEW.goal_id,
                          format('%s: %s', CASE what WHEN 'goal.status' THEN NEW.new_status ELSE split_part(what, '.', 2) END, wanted),
                          jsonb_build_object('status', NEW.new_status, 'state', NEW.new_state));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON empla.goal_history FOR EACH ROW EXECUTE FUNCTION empla.tell_of_goal();

CREATE FUNCTION empla.tell_of_intention() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    PERFORM log_event(NEW.tenant_id, NEW.employee_id, CASE TG_OP WHEN 'INSERT' THEN 'intention.proposed' ELSE 'intention.status' END, NEW.id,
                      format('%s: %s', CASE TG_OP WHEN 'INSERT' THEN 'proposed' ELSE NEW.status END, left(NEW.description, 400)),
                      jsonb_strip_nulls(jsonb_build_object('status', NEW.status, 'plan', left(NEW.plan_key, 200), 'goal', NEW.goal_id)));
    RETURN NULL;
END $$;
CREATE TRIGGER tell_insert AFTER INSERT ON empla.employee_intentions FOR EACH ROW EXECUTE FUNCTION empla.tell_of_intention();
CREATE TRIGGER tell_update AFTER UPDATE OF status ON empla.employee_intentions FOR EACH ROW WHEN (OLD.status <> NEW.status)
    EXECUTE FUNCTION empla.tell_of_intention();

CREATE FUNCTION empla.tell_of_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    PERFORM log_event(NEW.tenant_id, NEW.employee_id, CASE NEW.status WHEN 'failed' THEN 'step.failed' ELSE 'step.done' END, NEW.intention_id,
                      format('step %s (%s) is %s', NEW.position, NEW.action, CASE NEW.status WHEN 'completed' THEN 'done' ELSE 'failed' END),
                      jsonb_build_object('position', NEW.position, 'action', NEW.action, 'attempts', NEW.attempts));
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER UPDATE OF status ON empla.intention_steps FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND NEW.status IN ('completed', 'failed')) EXECUTE FUNCTION empla.tell_of_step();

CREATE FUNCTION empla.tell_of_approval() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    PERFORM log_event(NEW.tenant_id, NEW.employee_id, CASE NEW.status WHEN 'pending' THEN 'approval.requested' ELSE 'approval.decided' END, NEW.id,
                      format('%s: %s', CASE NEW.status WHEN 'pending' THEN 'may I' ELSE NEW.status END,
                             (SELECT left(e.title, 400) FROM effects e
                               WHERE e.tenant_id = NEW.tenant_id AND e.employee_id = NEW.employee_id AND e.id = NEW.effect_id)),
                      jsonb_build_object('status', NEW.status, 'effect', NEW.effect_id));
    RETURN NULL;
END $$;
CREATE TRIGGER tell_insert AFTER INSERT ON empla.approvals FOR EACH ROW WHEN (NEW.status = 'pending') EXECUTE FUNCTION empla.tell_of_approval();
CREATE TRIGGER tell_update AFTER UPDATE OF status ON empla.approvals FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION empla.tell_of_approval();

CREATE FUNCTION empla.tell_of_effect() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    PERFORM log_event(NEW.tenant_id, NEW.employee_id, CASE NEW.status WHEN 'done' THEN 'effect.sent' ELSE 'effect.' || NEW.status END, NEW.id,
                      format('%s: %s', CASE NEW.status WHEN 'done' THEN 'sent' ELSE NEW.status END, left(NEW.title, 400)),
                      jsonb_build_object('status', NEW.status, 'kind', NEW.kind, 'capability', NEW.capability, 'attempts', NEW.attempts));
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER UPDATE OF status ON empla.effects FOR EACH ROW
    WHEN (NEW.kind IN ('message', 'call') AND OLD.status <> NEW.status AND NEW.status IN ('done', 'failed', 'uncertain', 'cancelled'))
    EXECUTE FUNCTION empla.tell_of_effect();

CREATE FUNCTION empla.tell_of_notice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    PERFORM log_event(NEW.tenant_id, NEW.employee_id, 'notice.raised', NEW.id, split_part(btrim(NEW.text, E' \n\r\t'), E'\n', 1),
                      jsonb_build_object('kind', NEW.kind, 'severity', NEW.severity));
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON empla.notices FOR EACH ROW EXECUTE FUNCTION empla.tell_of_notice();

CREATE FUNCTION empla.tell_of_message() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    PERFORM log_event(NEW.tenant_id, NEW.employee_id, 'message.posted', NEW.conversation_id, format('the %s wrote message %s', NEW.author, NEW.position),
                      jsonb_build_object('message', NEW.id, 'author', NEW.author, 'position', NEW.position));
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON empla.messages FOR EACH ROW EXECUTE FUNCTION empla.tell_of_message();

-- The stream is short: what is older than `keep` goes, and so does what another server wrote (a restored copy), whose transactions are none of ours.
CREATE FUNCTION empla.forget_events(keep interval) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    IF ctx.role() IS DISTINCT FROM 'operator' OR keep < interval '1 hour' THEN
        RAISE EXCEPTION 'events are forgotten by housekeeping' USING ERRCODE = '42501';
    END IF;
    DELETE FROM events e
     WHERE e.tenant_id = ctx.tenant_id()
       AND (e.recorded_at < clock_timestamp() - keep
            OR (e.tx >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint AND e.tx <> pg_current_xact_id()::text::bigint));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

-- Fences and rights
CALL ctx.fence('empla.conversations', 'conversations_tenant_isolation');
CALL ctx.fence('empla.messages', 'messages_tenant_isolation');
CREATE POLICY keeping ON empla.conversations TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.messages TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.observations TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.users FOR SELECT TO empla_keeper USING (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.employee_schedule TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.employee_goals FOR SELECT TO empla_keeper USING (tenant_id = ctx.tenant_id());
GRANT SELECT, UPDATE (title, status) ON empla.conversations TO empla_app;
GRANT SELECT ON empla.conversations, empla.messages TO empla_worker;
GRANT SELECT ON empla.messages TO empla_app;
GRANT SELECT, INSERT, UPDATE (messages, last_message_at) ON empla.conversations TO empla_keeper;
GRANT SELECT, INSERT ON empla.messages, empla.observations TO empla_keeper;
GRANT SELECT (tenant_id, id, name, email) ON empla.users TO empla_keeper;
GRANT SELECT, UPDATE (next_cycle_at) ON empla.employee_schedule TO empla_keeper;
GRANT SELECT ON empla.employee_goals TO empla_keeper;
CALL empla.keep_touched('empla.conversations');
CALL empla.keep_key('empla.conversations');
CALL empla.keep_key('empla.messages');
CALL empla.keep_audited('empla.conversations', 'conversation', 'title,status,started_by');

ALTER TABLE empla.events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY events_tenant_isolation ON empla.events FOR SELECT TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.is_staff());
CREATE POLICY assigned_read ON empla.events FOR SELECT TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.is_assigned(employee_id));
CREATE POLICY keeping ON empla.events TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CALL ctx.let_migrator_in('empla.events');
GRANT SELECT ON empla.events TO empla_app;
GRANT SELECT, INSERT (tenant_id, employee_id, kind, subject_id, sentence, details), DELETE ON empla.events TO empla_keeper;

REVOKE ALL ON FUNCTION empla.say(uuid, uuid, text, text, text, uuid, text), empla.check_reply(), empla.post_reply(),
    empla.log_event(uuid, uuid, text, uuid, text, jsonb), empla.stir(uuid), empla.tell_of_employee(), empla.tell_of_cycle(), empla.tell_of_beliefs(),
    empla.tell_of_goal(), empla.tell_of_intention(), empla.tell_of_step(), empla.tell_of_approval(), empla.tell_of_effect(), empla.tell_of_notice(),
    empla.tell_of_message(), empla.forget_events(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.stir(uuid), empla.log_event(uuid, uuid, text, uuid, text, jsonb) TO empla_keeper;
GRANT EXECUTE ON FUNCTION empla.say(uuid, uuid, text, text, text, uuid, text), empla.forget_events(interval) TO empla_app;
GRANT CREATE ON SCHEMA empla TO empla_keeper;
ALTER FUNCTION empla.say(uuid, uuid, text, text, text, uuid, text) OWNER TO empla_keeper;
ALTER FUNCTION empla.check_reply() OWNER TO empla_keeper;
ALTER FUNCTION empla.post_reply() OWNER TO empla_keeper;
ALTER FUNCTION empla.tell_of_employee() OWNER TO empla_keeper;
ALTER FUNCTION empla.tell_of_cycle() OWNER TO empla_keeper;
ALTER FUNCTION empla.tell_of_beliefs() OWNER TO empla_keeper;
ALTER FUNCTION empla.tell_of_goal() OWNER TO empla_keeper;
ALTER FUNCTION empla.tell_of_intention() OWNER TO empla_keeper;
ALTER FUNCTION empla.tell_of_step() OWNER TO empla_keeper;
ALTER FUNCTION empla.tell_of_approval() OWNER TO empla_keeper;
ALTER FUNCTION empla.tell_of_effect() OWNER TO empla_keeper;
ALTER FUNCTION empla.tell_of_notice() OWNER TO empla_keeper;
ALTER FUNCTION empla.tell_of_message() OWNER TO empla_keeper;
ALTER FUNCTION empla.forget_events(interval) OWNER TO empla_keeper;

-- The gates of 0015 know answers: nobody lacks the capability, and no integration carries them. Every tenant has it from its first day.
SET LOCAL ROLE empla_keeper;
GRANT EXECUTE ON FUNCTION empla.tell_of_cycle(), empla.tell_of_beliefs(), empla.tell_of_goal() TO empla_owner;
DO $$
DECLARE
    change record; was text; became text;
BEGIN
    FOR change IN SELECT * FROM (VALUES
        ('empla.gate_effect()', 'IF NOT coalesce(NEW.capability = ANY (person.capabilities), false) THEN',
         'IF NEW.capability <> ''conversation'' AND NOT coalesce(NEW.capability = ANY (person.capabilities), false) THEN'),
        ('empla.begin_effect(uuid,bigint)', 'WHEN NOT coalesce(e.capability = ANY (person.capabilities), false) THEN format(',
         'WHEN e.capability <> ''conversation'' AND NOT coalesce(e.capability = ANY (person.capabilities), false) THEN format('),
        ('empla.begin_effect(uuid,bigint)', 'i.enabled AND i.kind <> ''imap'';', 'i.enabled AND i.kind NOT IN (''imap'', ''webhook_in'');'),
        ('empla.begin_effect(uuid,bigint)', 'IF carrier IS NULL THEN', 'IF carrier IS NULL AND e.capability <> ''conversation'' THEN'),
        ('empla.offer_capabilities()', E'    RETURN NULL;\n',
         E'    INSERT INTO capabilities (tenant_id, name, description, repeat_window, recipient_per_day, tenant_per_hour, costs)\n'
         '    VALUES (NEW.id, ''conversation'', ''answer those who write to it here'', interval ''0'', 100000, 1000000, ''{}'')' || E'\n'
         '    ON CONFLICT DO NOTHING;' || E'\n    RETURN NULL;\n')
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
INSERT INTO empla.capabilities (tenant_id, name, description, repeat_window, recipient_per_day, tenant_per_hour, costs)
SELECT t.id, 'conversation', 'answer those who write to it here', interval '0', 100000, 1000000, '{}' FROM empla.tenants t
ON CONFLICT DO NOTHING;
SET LOCAL ROLE empla_owner;
