-- What the engine needs: goals that know their state, intentions with steps, effects and notices, the log of goals.

-- The graphs of bdi/states.py; a test holds the two equal, a trigger holds every row to them. A state that is '' is a row that is not there yet.
CREATE FUNCTION empla.may_become(kind text, old_state text, new_state text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE kind || ':' || old_state
        WHEN 'goal:' THEN new_state IN ('active', 'blocked')
        WHEN 'goal:active' THEN new_state IN ('in_progress', 'blocked', 'completed', 'abandoned')
        WHEN 'goal:in_progress' THEN new_state IN ('active', 'blocked', 'completed', 'abandoned')
        WHEN 'goal:blocked' THEN new_state IN ('active', 'in_progress', 'completed', 'abandoned')
        WHEN 'intention:' THEN new_state = 'planned'
        WHEN 'intention:planned' THEN new_state IN ('in_progress', 'abandoned')
        WHEN 'intention:in_progress' THEN new_state IN ('completed', 'failed', 'abandoned')
        WHEN 'step:' THEN new_state = 'pending'
        WHEN 'step:pending' THEN new_state IN ('in_progress', 'completed', 'failed', 'skipped', 'abandoned')
        WHEN 'step:in_progress' THEN new_state IN ('pending', 'completed', 'failed', 'abandoned')
        ELSE false END
$$;

CREATE FUNCTION empla.keep_to_graph() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := CASE TG_OP WHEN 'INSERT' THEN '' ELSE OLD.status END;
BEGIN
    IF NEW.status IS DISTINCT FROM before AND NOT empla.may_become(TG_ARGV[0], before, NEW.status) THEN
        RAISE EXCEPTION '%', CASE before WHEN '' THEN format('a new %s cannot be %s', TG_ARGV[0], NEW.status)
                                         ELSE format('a %s that is %s cannot become %s', TG_ARGV[0], before, NEW.status) END
              USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;

-- Goals

ALTER TABLE empla.employee_goals
    ADD COLUMN goal_key text CONSTRAINT goals_key_check CHECK (length(btrim(goal_key)) BETWEEN 1 AND 300),
    ADD COLUMN parent_id uuid,
    ADD COLUMN importance double precision NOT NULL DEFAULT 0.5 CONSTRAINT goals_importance_check CHECK (importance BETWEEN 0 AND 1),
    ADD COLUMN priority_inputs jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(priority_inputs, 8192)),
    ADD COLUMN conditions jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(conditions, 65536)),
    ADD COLUMN measure jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(measure, 8192)),
    ADD COLUMN watches jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(watches) = 'array' AND pg_column_size(watches) <= 65536),
    ADD COLUMN trying_since timestamptz,
    ADD COLUMN retry_at timestamptz,
    ADD COLUMN served_at timestamptz,
    ADD COLUMN reason text CONSTRAINT goals_reason_check CHECK (length(reason) <= 2000),
    ADD CONSTRAINT goals_parent_fkey FOREIGN KEY (tenant_id, employee_id, parent_id) REFERENCES empla.employee_goals (tenant_id, employee_id, id) ON DELETE CASCADE,
    ADD CONSTRAINT goals_not_its_own_parent CHECK (parent_id <> id);
COMMENT ON COLUMN empla.employee_goals.measure IS 'How the target''s metric is read: subject, predicate, and where it has one the window';
COMMENT ON COLUMN empla.employee_goals.watches IS 'The beliefs, [subject, predicate] each, that say how the goal stands';
COMMENT ON COLUMN empla.employee_goals.priority_inputs IS 'What the priority was computed from, when it last changed';
COMMENT ON COLUMN empla.employee_goals.trying_since IS 'Plans that failed since then are not tried again';
COMMENT ON COLUMN empla.employee_goals.retry_at IS 'No plan was found, or a human was asked; looked at again then';
COMMENT ON COLUMN empla.employee_goals.served_at IS 'When a step last ran for it: what waits longer grows in priority';
COMMENT ON COLUMN empla.employee_goals.reason IS 'Why its status is what it is';
CREATE INDEX idx_goals_parent ON empla.employee_goals (tenant_id, employee_id, parent_id);
CREATE UNIQUE INDEX idx_goals_key ON empla.employee_goals (tenant_id, employee_id, goal_key)
    WHERE deleted_at IS NULL AND status IN ('active', 'in_progress', 'blocked');

-- What stood there before knew a priority alone.
ALTER TABLE empla.employee_goals DISABLE TRIGGER USER;
SET LOCAL ROLE empla_migrator;
UPDATE empla.employee_goals SET importance = priority / 10.0;
SET LOCAL ROLE empla_owner;
ALTER TABLE empla.employee_goals ENABLE TRIGGER USER;

CREATE TRIGGER keep_to_graph BEFORE INSERT OR UPDATE OF status ON empla.employee_goals FOR EACH ROW EXECUTE FUNCTION empla.keep_to_graph('goal');

-- The log of goals: each change of status or state, written by the database alone.
CREATE TABLE empla.goal_history (
    tenant_id     uuid NOT NULL,
    employee_id   uuid NOT NULL,
    id            uuid NOT NULL DEFAULT uuidv7(),
    goal_id       uuid NOT NULL,
    old_status    text,
    new_status    text NOT NULL,
    old_state     text,
    new_state     text,
    value         jsonb CHECK (pg_column_size(value) <= 8192),
    reason        text,
    actor_type    text NOT NULL,
    actor_id      uuid NOT NULL,
    changed_at    timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_digest bytea,
    PRIMARY KEY (tenant_id, employee_id, id)
) PARTITION BY RANGE (id);
COMMENT ON COLUMN empla.goal_history.changed_at IS 'Domain time: the tenant''s clock';
COMMENT ON COLUMN empla.goal_history.recorded_at IS 'Wall clock; nobody may set it';
CREATE INDEX idx_goal_history_goal ON empla.goal_history (tenant_id, employee_id, goal_id, changed_at DESC);

CREATE FUNCTION empla.log_goals() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO goal_history (tenant_id, employee_id, goal_id, new_status, new_state, value, reason, actor_type, actor_id, changed_at)
        SELECT n.tenant_id, n.employee_id, n.id, n.status, n.current_progress ->> 'state', n.current_progress -> 'value', n.reason,
               ctx.actor_type(), ctx.actor_id(), ctx.log_now()
          FROM new_rows n
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO goal_history (tenant_id, employee_id, goal_id, old_status, new_status, old_state, new_state, value, reason, actor_type,
                                  actor_id, changed_at)
        SELECT n.tenant_id, n.employee_id, n.id, o.status, n.status, o.current_progress ->> 'state', n.current_progress ->> 'state',
               n.current_progress -> 'value', n.reason, ctx.actor_type(), ctx.actor_id(), ctx.log_now()
          FROM new_rows n JOIN old_rows o ON o.tenant_id = n.tenant_id AND o.employee_id = n.employee_id AND o.id = n.id
         WHERE n.status <> o.status OR n.current_progress ->> 'state' IS DISTINCT FROM o.current_progress ->> 'state'
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER log_insert AFTER INSERT ON empla.employee_goals REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION empla.log_goals();
CREATE TRIGGER log_update AFTER UPDATE ON empla.employee_goals REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION empla.log_goals();

ALTER TABLE empla.goal_history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY goal_history_tenant_isolation ON empla.goal_history FOR SELECT TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.is_staff());
CREATE POLICY assigned_read ON empla.goal_history FOR SELECT TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.is_assigned(employee_id));
CREATE POLICY own_rows ON empla.goal_history FOR SELECT TO empla_worker USING (tenant_id = ctx.tenant_id() AND employee_id = ctx.employee_id());
CREATE POLICY keeping ON empla.goal_history FOR INSERT TO empla_keeper WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY retention ON empla.goal_history TO empla_retention USING (true) WITH CHECK (true);
GRANT SELECT ON empla.goal_history TO empla_app, empla_worker;
GRANT INSERT ON empla.goal_history TO empla_keeper;
REVOKE TRUNCATE ON empla.goal_history FROM empla_owner;
GRANT SELECT, UPDATE (value, reason, erased_digest), DELETE ON empla.goal_history TO empla_retention;

-- A metric over a time: from the value at its beginning to that of `at`. `period` is a number of seconds, or the name of the running
-- calendar unit (UTC). change: last minus first; mean is weighted by time. What was not a number says nothing. Exact inside, for numbers
-- of any size must not stop a cycle; what float8 can't hold is the nearest that it can.
CREATE FUNCTION empla.measured(tenant uuid, employee uuid, metric_subject text, metric_predicate text, period jsonb, measure text,
                               at timestamptz) RETURNS double precision LANGUAGE sql STABLE AS $$
    WITH span AS (
        SELECT CASE jsonb_typeof(period) WHEN 'number' THEN at - make_interval(secs => (period #>> '{}')::float8)
                    ELSE date_trunc(period #>> '{}', at, 'UTC') END AS began
    ), said AS (
        SELECT greatest(h.changed_at, s.began) AS since, h.id,
               CASE WHEN jsonb_typeof(h.new_value) = 'number' THEN (h.new_value #>> '{}')::numeric END AS value
          FROM empla.belief_history h CROSS JOIN span s
         WHERE h.tenant_id = tenant AND h.employee_id = employee AND h.subject = metric_subject AND h.predicate = metric_predicate
           AND h.change_type NOT IN ('late', 'contradicted') AND h.changed_at <= at
           AND (h.changed_at > s.began OR h.id = (
                SELECT b.id FROM empla.belief_history b
                 WHERE b.tenant_id = tenant AND b.employee_id = employee AND b.subject = metric_subject AND b.predicate = metric_predicate
                   AND b.change_type NOT IN ('late', 'contradicted') AND b.changed_at <= s.began
                 ORDER BY b.changed_at DESC, b.id DESC LIMIT 1))
    ), spells AS (
        SELECT value, since, id, extract(epoch FROM lead(since, 1, at) OVER (ORDER BY since, id) - since) AS seconds FROM said
    ), known AS (
        SELECT * FROM spells WHERE value IS NOT NULL
    ), last AS (
        SELECT value FROM known ORDER BY since DESC, id DESC LIMIT 1
    ), found AS (
        SELECT CASE measure
            WHEN 'change' THEN (SELECT value FROM last) - (SELECT value FROM known ORDER BY since, id LIMIT 1)
            WHEN 'min' THEN (SELECT min(value) FROM known)
            WHEN 'max' THEN (SELECT max(value) FROM known)
            WHEN 'mean' THEN coalesce((SELECT sum(value * seconds) / nullif(sum(seconds), 0) FROM known), (SELECT value FROM last)) END AS value
    )
    SELECT CASE WHEN abs(value) < 1e-307 THEN 0
                WHEN value IS NOT NULL THEN least(greatest(value, -1.7976931348623157e308), 1.7976931348623157e308)::float8 END
      FROM found
$$;

-- Intentions

ALTER TABLE empla.employee_intentions
    ADD COLUMN parent_id uuid,
    ADD COLUMN parent_position integer,
    ADD COLUMN procedure_id uuid,
    ADD COLUMN plan_key text CONSTRAINT intentions_plan_key_check CHECK (length(plan_key) BETWEEN 1 AND 300),
    ADD COLUMN cause_id uuid,
    ADD COLUMN commitment text NOT NULL DEFAULT 'single_minded' CONSTRAINT intentions_commitment_check
        CHECK (commitment IN ('blind', 'single_minded', 'open_minded')),
    ADD COLUMN on_failed_dependency text NOT NULL DEFAULT 'replan' CONSTRAINT intentions_on_failed_dependency_check
        CHECK (on_failed_dependency IN ('replan', 'abandon', 'proceed')),
    ADD COLUMN watches jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(watches) = 'array' AND pg_column_size(watches) <= 65536),
    ADD COLUMN deadline_at timestamptz,
    ADD COLUMN abandoned_at timestamptz,
    ADD COLUMN served_at timestamptz,
    ADD COLUMN reason text CONSTRAINT intentions_reason_check CHECK (length(reason) <= 2000),
    ADD CONSTRAINT intentions_parent_fkey
        FOREIGN KEY (tenant_id, employee_id, parent_id) REFERENCES empla.employee_intentions (tenant_id, employee_id, id) ON DELETE CASCADE,
    ADD CONSTRAINT intentions_procedure_fkey
        FOREIGN KEY (tenant_id, employee_id, procedure_id) REFERENCES empla.memory_procedural (tenant_id, employee_id, id) ON DELETE CASCADE,
    ADD CONSTRAINT intentions_not_its_own_parent CHECK (parent_id <> id),
    ADD CONSTRAINT intentions_parent_step CHECK ((parent_id IS NULL) = (parent_position IS NULL));
COMMENT ON COLUMN empla.employee_intentions.plan_key IS 'The playbook''s name; one live intention for each goal (or event) and plan';
COMMENT ON COLUMN empla.employee_intentions.cause_id IS 'The episode that called for it, where no goal did';
COMMENT ON COLUMN empla.employee_intentions.watches IS 'The beliefs, [subject, predicate] each, that its steps and its success look at';
COMMENT ON COLUMN empla.employee_intentions.deadline_at IS 'When it has failed unless it succeeded: its start and the plan''s timeframe';
CREATE INDEX idx_intentions_parent ON empla.employee_intentions (tenant_id, employee_id, parent_id);
CREATE INDEX idx_intentions_procedure ON empla.employee_intentions (tenant_id, employee_id, procedure_id);
CREATE UNIQUE INDEX idx_intentions_live_plan ON empla.employee_intentions (tenant_id, employee_id, goal_id, cause_id, plan_key) NULLS NOT DISTINCT
    WHERE plan_key IS NOT NULL AND deleted_at IS NULL AND status IN ('planned', 'in_progress');

ALTER TABLE empla.employee_intentions DISABLE TRIGGER USER;
SET LOCAL ROLE empla_migrator;
UPDATE empla.employee_intentions SET abandoned_at = updated_at WHERE status = 'abandoned';
SET LOCAL ROLE empla_owner;
ALTER TABLE empla.employee_intentions ENABLE TRIGGER USER;
ALTER TABLE empla.employee_intentions ADD CONSTRAINT intentions_abandoned_at CHECK ((status = 'abandoned') = (abandoned_at IS NOT NULL));
CREATE TRIGGER keep_to_graph BEFORE INSERT OR UPDATE OF status ON empla.employee_intentions
    FOR EACH ROW EXECUTE FUNCTION empla.keep_to_graph('intention');

-- Steps. A step depends on earlier positions alone, so that no cycle can exist, whoever writes at once.
CREATE TABLE empla.intention_steps (
    tenant_id       uuid NOT NULL,
    employee_id     uuid NOT NULL,
    intention_id    uuid NOT NULL,
    position        integer NOT NULL CHECK (position BETWEEN 1 AND 1000),
    action          text NOT NULL CHECK (length(action) BETWEEN 1 AND 200),
    definition      jsonb NOT NULL CHECK (empla.is_object(definition, 65536)),
    depends_on      integer[] NOT NULL DEFAULT '{}',
    capability      text CHECK (length(capability) BETWEEN 1 AND 200),
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'in_progress', 'completed', 'failed', 'skipped', 'abandoned')),
    idempotency_key text NOT NULL GENERATED ALWAYS AS (intention_id::text || '/' || position::text) STORED,
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    max_attempts    integer NOT NULL DEFAULT 3 CHECK (max_attempts BETWEEN 1 AND 100),
    not_before      timestamptz,
    timeout_at      timestamptz,
    started_at      timestamptz,
    ended_at        timestamptz,
    result          jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(result, 65536)),
    error           text CHECK (length(error) <= 2000),
    metadata        jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at      timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at      timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, employee_id, intention_id, position),
    FOREIGN KEY (tenant_id, employee_id, intention_id)
        REFERENCES empla.employee_intentions (tenant_id, employee_id, id) ON DELETE CASCADE,
    CONSTRAINT steps_depend_on_earlier_ones CHECK (position > ALL (depends_on) AND 0 < ALL (depends_on) AND array_position(depends_on, NULL) IS NULL
                                                   AND cardinality(depends_on) <= 100),
    CONSTRAINT steps_ended_at CHECK ((status IN ('completed', 'failed', 'skipped', 'abandoned')) = (ended_at IS NOT NULL)),
    CONSTRAINT steps_started_at CHECK (status <> 'in_progress' OR started_at IS NOT NULL),
    CONSTRAINT steps_error CHECK (status <> 'failed' OR error IS NOT NULL)
);
COMMENT ON COLUMN empla.intention_steps.definition IS 'The playbook''s step, its skill resolved';
COMMENT ON COLUMN empla.intention_steps.not_before IS 'A step that failed is tried again then';
COMMENT ON COLUMN empla.intention_steps.timeout_at IS 'A step that waits has failed then';
CREATE TRIGGER keep_to_graph BEFORE INSERT OR UPDATE OF status ON empla.intention_steps FOR EACH ROW EXECUTE FUNCTION empla.keep_to_graph('step');

-- What a step brought about. In this version nothing leaves empla: tasks and notes are done when they stand here, drafts wait.
CREATE TABLE empla.effects (
    tenant_id       uuid NOT NULL,
    employee_id     uuid NOT NULL,
    id              uuid NOT NULL DEFAULT uuidv7(),
    intention_id    uuid,
    kind            text NOT NULL CHECK (kind IN ('task', 'note', 'draft')),
    capability      text CHECK (length(capability) BETWEEN 1 AND 200),
    title           text NOT NULL CONSTRAINT effects_title_check CHECK (length(btrim(title)) BETWEEN 1 AND 1000),
    body            text NOT NULL DEFAULT '' CONSTRAINT effects_body_check CHECK (octet_length(body) <= 65536),
    arguments       jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(arguments, 65536)),
    status          text NOT NULL CHECK (status IN ('drafted', 'done', 'cancelled')),
    idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 300),
    metadata        jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at      timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at      timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, employee_id, intention_id) REFERENCES empla.employee_intentions (tenant_id, employee_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX idx_effects_once ON empla.effects (tenant_id, employee_id, idempotency_key);
CREATE INDEX idx_effects_intention ON empla.effects (tenant_id, employee_id, intention_id);
CREATE INDEX idx_effects_latest ON empla.effects (tenant_id, employee_id, created_at DESC);

-- What an employee tells or asks the people around it. At most one open notice for each key, so that nothing is said twice.
CREATE TABLE empla.notices (
    tenant_id    uuid NOT NULL,
    employee_id  uuid NOT NULL,
    id           uuid NOT NULL DEFAULT uuidv7(),
    kind         text NOT NULL CHECK (kind IN ('escalation', 'question', 'information', 'playbook')),
    severity     text NOT NULL DEFAULT 'info' CONSTRAINT notices_severity_check CHECK (severity IN ('info', 'warning', 'urgent')),
    text         text NOT NULL CONSTRAINT notices_text_check CHECK (length(btrim(text)) BETWEEN 1 AND 10000),
    notice_key   text NOT NULL CHECK (length(notice_key) BETWEEN 1 AND 400),
    goal_id      uuid,
    intention_id uuid,
    status       text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'answered', 'lapsed')),
    answer       text CONSTRAINT notices_answer_check CHECK (length(answer) <= 10000),
    answered_by  uuid,
    answered_at  timestamptz,
    metadata     jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at   timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at   timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, employee_id, goal_id) REFERENCES empla.employee_goals (tenant_id, employee_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, employee_id, intention_id) REFERENCES empla.employee_intentions (tenant_id, employee_id, id) ON DELETE CASCADE,
    CONSTRAINT notices_answered CHECK ((status = 'answered') = (answered_at IS NOT NULL) AND (status = 'answered') = (answer IS NOT NULL))
);
COMMENT ON COLUMN empla.notices.answered_by IS 'The user who answered; the nil uuid for the operator';
CREATE UNIQUE INDEX idx_notices_open ON empla.notices (tenant_id, employee_id, notice_key) WHERE status = 'open';
CREATE INDEX idx_notices_latest ON empla.notices (tenant_id, employee_id, created_at DESC);
CREATE INDEX idx_notices_goal ON empla.notices (tenant_id, employee_id, goal_id);
CREATE INDEX idx_notices_intention ON empla.notices (tenant_id, employee_id, intention_id);

-- Working memory: what is pinned outlives its cycle.
ALTER TABLE empla.memory_working ADD COLUMN pinned boolean NOT NULL DEFAULT false;

CALL ctx.fence('empla.intention_steps', 'steps_tenant_isolation');
CALL ctx.fence('empla.effects', 'effects_tenant_isolation');
CALL ctx.fence('empla.notices', 'notices_tenant_isolation');
GRANT SELECT, INSERT, UPDATE ON empla.intention_steps, empla.effects TO empla_app, empla_worker;
GRANT SELECT, INSERT, UPDATE ON empla.notices TO empla_app;
-- An employee's notice lapses when its matter is settled; only people answer.
GRANT SELECT, INSERT (tenant_id, employee_id, kind, severity, text, notice_key, goal_id, intention_id, metadata), UPDATE (status) ON empla.notices TO empla_worker;
CALL empla.keep_touched('empla.intention_steps');
CALL empla.keep_touched('empla.effects');
CALL empla.keep_touched('empla.notices');
CALL empla.keep_key('empla.intention_steps');
CALL empla.keep_key('empla.effects');
CALL empla.keep_key('empla.notices');
CALL empla.keep_audited('empla.effects', 'effect', 'kind,title,status');
CALL empla.keep_audited('empla.notices', 'notice', 'kind,severity,status');

REVOKE ALL ON FUNCTION empla.may_become(text, text, text), empla.keep_to_graph(), empla.log_goals(),
    empla.measured(uuid, uuid, text, text, jsonb, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.may_become(text, text, text), empla.measured(uuid, uuid, text, text, jsonb, text, timestamptz)
    TO empla_app, empla_worker, empla_migrator;
GRANT CREATE ON SCHEMA empla TO empla_keeper;
ALTER FUNCTION empla.log_goals() OWNER TO empla_keeper;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;
SELECT empla.ensure_partitions();

-- Personal payloads leave this log too.
GRANT CREATE ON SCHEMA empla TO empla_retention;
SET LOCAL ROLE empla_retention;
CREATE OR REPLACE FUNCTION empla.erase_log_payloads(tenant uuid, recorded_before timestamptz) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    audits bigint; histories bigint; goals bigint;
BEGIN
    UPDATE audit_log SET details = '{}', metadata = '{}', erased_digest = sha256(convert_to(details::text || metadata::text, 'UTF8'))
     WHERE tenant_id = tenant AND recorded_at < recorded_before AND erased_digest IS NULL;
    GET DIAGNOSTICS audits = ROW_COUNT;
    UPDATE belief_history SET old_value = NULL, new_value = NULL, evidence = '[]', grounds = '[]', reason = NULL,
           erased_digest = sha256(convert_to(concat(old_value::text, new_value::text, evidence::text, grounds::text, reason), 'UTF8'))
     WHERE tenant_id = tenant AND recorded_at < recorded_before AND erased_digest IS NULL;
    GET DIAGNOSTICS histories = ROW_COUNT;
    UPDATE goal_history SET value = NULL, reason = NULL, erased_digest = sha256(convert_to(concat(value::text, reason), 'UTF8'))
     WHERE tenant_id = tenant AND recorded_at < recorded_before AND erased_digest IS NULL;
    GET DIAGNOSTICS goals = ROW_COUNT;
    RETURN audits + histories + goals;
END $$;
SET LOCAL ROLE empla_owner;
REVOKE CREATE ON SCHEMA empla FROM empla_retention;
