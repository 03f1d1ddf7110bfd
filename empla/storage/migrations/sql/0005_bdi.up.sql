-- Desires and intentions.

CREATE TABLE empla.employee_goals (
    tenant_id        uuid NOT NULL,
    employee_id      uuid NOT NULL,
    id               uuid NOT NULL DEFAULT uuidv7(),
    goal_type        text NOT NULL CHECK (goal_type IN ('achievement', 'maintenance', 'prevention')),
    description      text NOT NULL CHECK (length(btrim(description)) BETWEEN 1 AND 10000),
    priority         integer NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 10),
    target           jsonb NOT NULL CHECK (empla.is_object(target, 65536)),
    current_progress jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(current_progress, 65536)),
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'in_progress', 'completed', 'abandoned', 'blocked')),
    metadata         jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at       timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at       timestamptz NOT NULL DEFAULT ctx.now(),
    completed_at     timestamptz,
    abandoned_at     timestamptz,
    deleted_at       timestamptz,
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT goals_completed_at CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CONSTRAINT goals_abandoned_at CHECK ((status = 'abandoned') = (abandoned_at IS NOT NULL))
);
CREATE INDEX idx_goals_employee ON empla.employee_goals (tenant_id, employee_id, status) WHERE deleted_at IS NULL;
CREATE INDEX idx_goals_priority ON empla.employee_goals (tenant_id, employee_id, priority DESC) WHERE status = 'active';

CREATE TABLE empla.employee_intentions (
    tenant_id      uuid NOT NULL,
    employee_id    uuid NOT NULL,
    id             uuid NOT NULL DEFAULT uuidv7(),
    goal_id        uuid,
    intention_type text NOT NULL CHECK (intention_type IN ('action', 'strategy', 'tactic')),
    description    text NOT NULL CHECK (length(btrim(description)) BETWEEN 1 AND 10000),
    plan           jsonb NOT NULL CHECK (empla.is_object(plan, 262144)),
    status         text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'in_progress', 'completed', 'failed', 'abandoned')),
    priority       integer NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 10),
    started_at     timestamptz,
    completed_at   timestamptz,
    failed_at      timestamptz,
    context        jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(context, 262144)),
    dependencies   uuid[] CHECK (array_position(dependencies, NULL) IS NULL AND cardinality(dependencies) <= 1000),
    metadata       jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at     timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at     timestamptz NOT NULL DEFAULT ctx.now(),
    deleted_at     timestamptz,
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE,
    -- Same tenant and same employee: a plan serves its owner's goal.
    FOREIGN KEY (tenant_id, employee_id, goal_id) REFERENCES empla.employee_goals (tenant_id, employee_id, id) ON DELETE CASCADE,
    CONSTRAINT intentions_started_at CHECK (status NOT IN ('in_progress', 'completed') OR started_at IS NOT NULL),
    CONSTRAINT intentions_completed_at CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CONSTRAINT intentions_failed_at CHECK ((status = 'failed') = (failed_at IS NOT NULL))
);
CREATE INDEX idx_intentions_employee ON empla.employee_intentions (tenant_id, employee_id, status) WHERE deleted_at IS NULL;
CREATE INDEX idx_intentions_goal ON empla.employee_intentions (tenant_id, employee_id, goal_id);
CREATE INDEX idx_intentions_status ON empla.employee_intentions (tenant_id, status) WHERE deleted_at IS NULL;
CREATE INDEX idx_intentions_priority ON empla.employee_intentions (tenant_id, employee_id, priority DESC) WHERE status = 'planned';

-- `dependencies` as rows: real intentions of the same employee, without cycles. Written by the trigger below alone.
CREATE TABLE empla.intention_dependencies (
    tenant_id    uuid NOT NULL,
    employee_id  uuid NOT NULL,
    intention_id uuid NOT NULL,
    depends_on   uuid NOT NULL,
    PRIMARY KEY (tenant_id, employee_id, intention_id, depends_on),
    CONSTRAINT intention_dependencies_not_itself CHECK (intention_id <> depends_on),
    FOREIGN KEY (tenant_id, employee_id, intention_id)
        REFERENCES empla.employee_intentions (tenant_id, employee_id, id) ON DELETE CASCADE,
    -- Deferred, so that one statement may insert plans that depend on each other in any order.
    FOREIGN KEY (tenant_id, employee_id, depends_on)
        REFERENCES empla.employee_intentions (tenant_id, employee_id, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX idx_intention_dependencies_on ON empla.intention_dependencies (tenant_id, employee_id, depends_on);

CREATE FUNCTION empla.keep_dependencies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    wanted uuid[] := coalesce(NEW.dependencies, '{}');
BEGIN
    IF TG_OP = 'UPDATE' AND wanted IS NOT DISTINCT FROM coalesce(OLD.dependencies, '{}') THEN
        RETURN NULL;
    END IF;
    IF (SELECT count(DISTINCT d) FROM unnest(wanted) d) <> cardinality(wanted) THEN
        RAISE EXCEPTION 'a dependency is named twice' USING ERRCODE = '23514';
    END IF;
    -- One employee's edges change one at a time, so that two transactions cannot close a cycle between them. An older snapshot would
    -- not show what the other one wrote.
    IF cardinality(wanted) > 0 AND current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'dependencies change in READ COMMITTED transactions alone' USING ERRCODE = '0A000';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.tenant_id::text || NEW.employee_id::text, 5));
    DELETE FROM intention_dependencies
     WHERE tenant_id = NEW.tenant_id AND employee_id = NEW.employee_id AND intention_id = NEW.id AND depends_on <> ALL (wanted);
    INSERT INTO intention_dependencies (tenant_id, employee_id, intention_id, depends_on)
    SELECT NEW.tenant_id, NEW.employee_id, NEW.id, d FROM unnest(wanted) d
    ON CONFLICT DO NOTHING;
    IF EXISTS (
        WITH RECURSIVE ahead (id) AS (
            SELECT unnest(wanted)
             UNION
            SELECT e.depends_on FROM intention_dependencies e JOIN ahead ON e.intention_id = ahead.id
             WHERE e.tenant_id = NEW.tenant_id AND e.employee_id = NEW.employee_id
        ) SELECT FROM ahead WHERE id = NEW.id
    ) THEN
        RAISE EXCEPTION 'these dependencies close a cycle' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_dependencies AFTER INSERT OR UPDATE OF dependencies ON empla.employee_intentions
    FOR EACH ROW EXECUTE FUNCTION empla.keep_dependencies();

CALL ctx.fence('empla.employee_goals', 'goals_tenant_isolation');
CALL ctx.fence('empla.employee_intentions', 'intentions_tenant_isolation');
CALL ctx.fence('empla.intention_dependencies', 'dependencies_tenant_isolation');
CREATE POLICY keeping ON empla.intention_dependencies TO empla_keeper
    USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
GRANT SELECT, INSERT, UPDATE ON empla.employee_goals, empla.employee_intentions TO empla_app, empla_worker;
GRANT SELECT ON empla.intention_dependencies TO empla_app, empla_worker;
GRANT SELECT, INSERT, DELETE ON empla.intention_dependencies TO empla_keeper;
REVOKE ALL ON FUNCTION empla.keep_dependencies() FROM PUBLIC;
GRANT CREATE ON SCHEMA empla TO empla_keeper;
ALTER FUNCTION empla.keep_dependencies() OWNER TO empla_keeper;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;
CALL empla.keep_touched('empla.employee_goals');
CALL empla.keep_touched('empla.employee_intentions');
CALL empla.keep_key('empla.employee_goals');
CALL empla.keep_key('empla.employee_intentions');
CALL empla.keep_audited('empla.employee_goals', 'goal', 'goal_type,description,priority,target,status');
CALL empla.keep_audited('empla.employee_intentions', 'intention', 'intention_type,description,status,goal_id,dependencies');
