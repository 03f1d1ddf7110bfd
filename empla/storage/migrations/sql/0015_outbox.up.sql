-- The outbox: what employees bring about in the world, once, approved and within budget. The database decides what may go out:
-- nobody but the functions below changes the state of an effect, an approval or a budget.

-- The graphs of bdi/states.py; those of 0013 are as they were.
CREATE OR REPLACE FUNCTION empla.may_become(kind text, old_state text, new_state text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
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
        WHEN 'effect:' THEN new_state IN ('drafted', 'awaiting_approval', 'approved', 'done')
        WHEN 'effect:drafted' THEN new_state IN ('done', 'cancelled')
        WHEN 'effect:awaiting_approval' THEN new_state IN ('approved', 'cancelled')
        WHEN 'effect:approved' THEN new_state IN ('started', 'awaiting_approval', 'cancelled')
        WHEN 'effect:started' THEN new_state IN ('done', 'failed', 'uncertain', 'approved')
        WHEN 'effect:uncertain' THEN new_state IN ('done', 'failed', 'approved')
        WHEN 'approval:' THEN new_state IN ('pending', 'approved')
        WHEN 'approval:pending' THEN new_state IN ('approved', 'edited', 'rejected', 'expired', 'withdrawn')
        ELSE false END
$$;

-- The tenant's time, whatever `app.now` says: what goes out, expires or is counted against a day is nobody's to date.
CREATE FUNCTION ctx.true_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT simulated_now FROM empla.tenants WHERE id = ctx.tenant_id()), transaction_timestamp())
$$;
REVOKE ALL ON FUNCTION ctx.true_now() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ctx.true_now() TO empla_keeper;

-- As touch(), by that time.
CREATE FUNCTION empla.touch_truly() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    NEW.updated_at := ctx.true_now();
    NEW.created_at := CASE TG_OP WHEN 'INSERT' THEN NEW.updated_at ELSE OLD.created_at END;
    RETURN NEW;
END $$;
DROP TRIGGER touch ON empla.effects;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON empla.effects FOR EACH ROW EXECUTE FUNCTION empla.touch_truly();

-- Effects

-- Same kind, capability, recipients, words and arguments: same digest. jsonb has one text for equal values.
CREATE FUNCTION empla.effect_digest(kind text, capability text, recipients text[], title text, body text, arguments jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(sha256(convert_to(jsonb_build_array(kind, capability, to_jsonb(recipients), title, body, arguments)::text, 'UTF8')), 'hex')
$$;
GRANT EXECUTE ON FUNCTION empla.effect_digest(text, text, text[], text, text, jsonb) TO empla_app, empla_worker, empla_keeper, empla_migrator;

ALTER TABLE empla.effects
    DROP CONSTRAINT effects_kind_check,
    DROP CONSTRAINT effects_status_check,
    ADD CONSTRAINT effects_kind_check CHECK (kind IN ('task', 'note', 'draft', 'message', 'call')),
    ADD CONSTRAINT effects_status_check CHECK (status IN ('drafted', 'awaiting_approval', 'approved', 'started', 'done', 'failed',
                                                          'uncertain', 'cancelled')),
    ADD COLUMN step_position  integer,
    ADD COLUMN recipients     text[] NOT NULL DEFAULT '{}' CONSTRAINT effects_recipients_check
        CHECK (array_position(recipients, NULL) IS NULL AND cardinality(recipients) <= 50 AND octet_length(array_to_string(recipients, ' ')) <= 12800),
    ADD COLUMN recipient_zone text CONSTRAINT effects_recipient_zone_check CHECK (length(recipient_zone) BETWEEN 1 AND 64),
    ADD COLUMN tainted        boolean NOT NULL DEFAULT false,
    ADD COLUMN stage          text CONSTRAINT effects_stage_check CHECK (stage IN ('shadow', 'supervised', 'autonomous')),
    ADD COLUMN expires_at     timestamptz,
    ADD COLUMN integration_id uuid,
    ADD COLUMN attempts       integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    ADD COLUMN not_before     timestamptz,
    ADD COLUMN fence          bigint,
    ADD COLUMN started_at     timestamptz,
    ADD COLUMN ended_at       timestamptz,
    ADD COLUMN receipt        jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(receipt, 65536)),
    ADD COLUMN reason         text CONSTRAINT effects_reason_check CHECK (length(reason) <= 2000),
    ADD CONSTRAINT effects_integration_fkey FOREIGN KEY (tenant_id, integration_id) REFERENCES empla.integrations (tenant_id, id),
    ADD CONSTRAINT effects_leave_with_a_capability CHECK (kind NOT IN ('message', 'call') OR (capability IS NOT NULL AND stage IS NOT NULL)),
    ADD CONSTRAINT effects_leave_by_a_step CHECK (kind NOT IN ('message', 'call') OR (intention_id IS NOT NULL AND step_position IS NOT NULL)),
    ADD CONSTRAINT effects_started_at CHECK (status NOT IN ('started', 'uncertain', 'failed') OR started_at IS NOT NULL);
ALTER TABLE empla.effects ADD COLUMN digest text NOT NULL
    GENERATED ALWAYS AS (empla.effect_digest(kind, capability, recipients, title, body, arguments)) STORED;
COMMENT ON COLUMN empla.effects.stage IS 'The lifecycle stage in which it was asked for';
COMMENT ON COLUMN empla.effects.recipient_zone IS 'Whose quiet hours are heeded';
COMMENT ON COLUMN empla.effects.fence IS 'The turn that started it';
COMMENT ON COLUMN empla.effects.receipt IS 'What the provider said';
COMMENT ON COLUMN empla.effects.not_before IS 'It is tried (again) then';
CREATE INDEX idx_effects_open ON empla.effects (tenant_id, employee_id, status) WHERE status IN ('awaiting_approval', 'approved', 'started', 'uncertain');
CREATE INDEX idx_effects_repeat ON empla.effects (tenant_id, digest, started_at);
CREATE INDEX idx_effects_started ON empla.effects (tenant_id, capability, started_at) WHERE started_at IS NOT NULL;
CREATE INDEX idx_effects_integration ON empla.effects (tenant_id, integration_id) WHERE integration_id IS NOT NULL;

-- Approvals: a human's decision on one effect as it stands, known by its digest. What is edited is another effect, with another one.
CREATE TABLE empla.approvals (
    tenant_id       uuid NOT NULL,
    employee_id     uuid NOT NULL,
    id              uuid NOT NULL DEFAULT uuidv7(),
    effect_id       uuid NOT NULL,
    digest          text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    stage           text NOT NULL CHECK (stage IN ('shadow', 'supervised', 'autonomous')),
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'edited', 'rejected', 'expired', 'withdrawn')),
    why             text NOT NULL CHECK (length(why) BETWEEN 1 AND 2000),
    edited_from     uuid,
    decided_by_type text CHECK (decided_by_type IN ('user', 'system')),
    decided_by      uuid,
    decided_at      timestamptz,
    reason          text CONSTRAINT approvals_reason_check CHECK (length(reason) <= 2000),
    expires_at      timestamptz,
    used_at         timestamptz,
    metadata        jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at      timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at      timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id, effect_id) REFERENCES empla.effects (tenant_id, employee_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, employee_id, edited_from) REFERENCES empla.approvals (tenant_id, employee_id, id) ON DELETE CASCADE,
    CONSTRAINT approvals_decided CHECK ((status IN ('approved', 'edited', 'rejected')) = (decided_at IS NOT NULL)
                                        AND (decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (decided_by_type IS NULL)),
    CONSTRAINT approvals_used CHECK (used_at IS NULL OR status = 'approved')
);
COMMENT ON COLUMN empla.approvals.why IS 'Why a human is asked';
COMMENT ON COLUMN empla.approvals.decided_by IS 'The user who decided; the nil uuid for the operator';
COMMENT ON COLUMN empla.approvals.expires_at IS 'Nothing goes out on it from then on; null for what was drafted in shadow';
COMMENT ON COLUMN empla.approvals.used_at IS 'When its effect was started: it serves that one effect, once';
CREATE UNIQUE INDEX idx_approvals_one ON empla.approvals (tenant_id, employee_id, effect_id) WHERE status IN ('pending', 'approved');
CREATE INDEX idx_approvals_effect ON empla.approvals (tenant_id, employee_id, effect_id);
CREATE INDEX idx_approvals_edited_from ON empla.approvals (tenant_id, employee_id, edited_from) WHERE edited_from IS NOT NULL;
CREATE INDEX idx_approvals_pending ON empla.approvals (tenant_id, created_at) WHERE status = 'pending';
CREATE TRIGGER keep_to_graph BEFORE INSERT OR UPDATE OF status ON empla.approvals FOR EACH ROW EXECUTE FUNCTION empla.keep_to_graph('approval');
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON empla.approvals FOR EACH ROW EXECUTE FUNCTION empla.touch_truly();

-- Budgets: a day's limit for the tenant (scope is its own id) or for one employee (scope is that one's).
CREATE TABLE empla.budgets (
    tenant_id  uuid NOT NULL REFERENCES empla.tenants (id) ON DELETE CASCADE,
    id         uuid NOT NULL DEFAULT uuidv7(),
    scope      uuid NOT NULL,
    resource   text NOT NULL CONSTRAINT budgets_resource_check CHECK (resource IN ('effects', 'calls', 'tokens', 'money')),
    daily      numeric(20, 6) NOT NULL CONSTRAINT budgets_daily_check CHECK (daily >= 0 AND daily < 'Infinity'),
    metadata   jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, id)
);
COMMENT ON COLUMN empla.budgets.daily IS 'At most so much on one day (UTC, the tenant''s time); money in the tenant''s currency';
CREATE UNIQUE INDEX idx_budgets_one ON empla.budgets (tenant_id, scope, resource);

CREATE TABLE empla.budget_days (
    tenant_id uuid NOT NULL REFERENCES empla.tenants (id) ON DELETE CASCADE,
    scope     uuid NOT NULL,
    day       date NOT NULL,
    resource  text NOT NULL CHECK (resource IN ('effects', 'calls', 'tokens', 'money')),
    reserved  numeric(20, 6) NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    spent     numeric(20, 6) NOT NULL DEFAULT 0 CHECK (spent >= 0),
    PRIMARY KEY (tenant_id, scope, day, resource)
);

-- What was set aside before it was spent, so that a killed process leaves a trace of it.
CREATE TABLE empla.budget_reservations (
    tenant_id   uuid NOT NULL,
    employee_id uuid NOT NULL,
    id          uuid NOT NULL DEFAULT uuidv7(),
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 400),
    day         date NOT NULL,
    resource    text NOT NULL CHECK (resource IN ('effects', 'calls', 'tokens', 'money')),
    amount      numeric(20, 6) NOT NULL CHECK (amount >= 0),
    actual      numeric(20, 6) CHECK (actual >= 0),
    status      text NOT NULL DEFAULT 'reserved' CHECK (status IN ('reserved', 'settled', 'released')),
    fence       bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at  timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT budget_reservations_actual CHECK ((status = 'settled') = (actual IS NOT NULL))
);
COMMENT ON COLUMN empla.budget_reservations.fence IS 'The turn that reserved it: what an older one left is released';
CREATE UNIQUE INDEX idx_budget_reservations_key ON empla.budget_reservations (tenant_id, employee_id, key, resource);
CREATE INDEX idx_budget_reservations_open ON empla.budget_reservations (tenant_id, employee_id) WHERE status = 'reserved';

-- Lifecycle: since when an employee is in its stage, for that is what its record is counted from.
ALTER TABLE empla.employees ADD COLUMN stage_since timestamptz NOT NULL DEFAULT ctx.now();
COMMENT ON COLUMN empla.employees.stage_since IS 'Since when it is in its lifecycle stage';
CREATE FUNCTION empla.set_stage_since() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    NEW.stage_since := ctx.true_now();
    RETURN NEW;
END $$;
CREATE TRIGGER stage_since_insert BEFORE INSERT ON empla.employees FOR EACH ROW EXECUTE FUNCTION empla.set_stage_since();
CREATE TRIGGER stage_since_update BEFORE UPDATE ON empla.employees FOR EACH ROW
    WHEN (OLD.lifecycle_stage <> NEW.lifecycle_stage OR OLD.stage_since <> NEW.stage_since) EXECUTE FUNCTION empla.set_stage_since();

ALTER TABLE empla.notices DROP CONSTRAINT notices_kind_check,
    ADD CONSTRAINT notices_kind_check CHECK (kind IN ('escalation', 'question', 'information', 'playbook', 'approval', 'budget', 'outbox', 'promotion')),
    ADD COLUMN effect_id uuid,
    ADD COLUMN mailed_at timestamptz,
    ADD COLUMN mail_after timestamptz,
    ADD CONSTRAINT notices_effect_fkey FOREIGN KEY (tenant_id, employee_id, effect_id) REFERENCES empla.effects (tenant_id, employee_id, id) ON DELETE CASCADE;
COMMENT ON COLUMN empla.notices.mailed_at IS 'When it was handed to the mail server for the managers; at most once';
CREATE INDEX idx_notices_to_mail ON empla.notices (tenant_id, employee_id) WHERE status = 'open' AND mailed_at IS NULL;
CREATE INDEX idx_notices_effect ON empla.notices (tenant_id, employee_id, effect_id) WHERE effect_id IS NOT NULL;

-- Taint stays: what came from outside never becomes somebody's word.
CREATE FUNCTION empla.refuse_untainting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what came from outside stays marked as such' USING ERRCODE = '23514';
END $$;
CREATE TRIGGER keep_taint BEFORE UPDATE OF tainted ON empla.memory_episodes FOR EACH ROW WHEN (OLD.tainted AND NOT NEW.tainted)
    EXECUTE FUNCTION empla.refuse_untainting();
CREATE TRIGGER keep_taint BEFORE UPDATE OF tainted ON empla.employee_goals FOR EACH ROW WHEN (OLD.tainted AND NOT NEW.tainted)
    EXECUTE FUNCTION empla.refuse_untainting();
CREATE TRIGGER keep_taint BEFORE UPDATE OF tainted ON empla.employee_intentions FOR EACH ROW WHEN (OLD.tainted AND NOT NEW.tainted)
    EXECUTE FUNCTION empla.refuse_untainting();

-- A plan is as tainted as what called for it: its goal, its episode, the plan it is a part of.
CREATE FUNCTION empla.inherit_taint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.tainted := EXISTS (SELECT FROM empla.employee_goals g
                            WHERE g.tenant_id = NEW.tenant_id AND g.employee_id = NEW.employee_id AND g.id = NEW.goal_id AND g.tainted)
                OR EXISTS (SELECT FROM empla.memory_episodes m
                            WHERE m.tenant_id = NEW.tenant_id AND m.employee_id = NEW.employee_id AND m.id = NEW.cause_id AND m.tainted)
                OR EXISTS (SELECT FROM empla.employee_intentions i
                            WHERE i.tenant_id = NEW.tenant_id AND i.employee_id = NEW.employee_id AND i.id = NEW.parent_id AND i.tainted);
    RETURN NEW;
END $$;
CREATE TRIGGER inherit_taint BEFORE INSERT ON empla.employee_intentions FOR EACH ROW WHEN (NOT NEW.tainted) EXECUTE FUNCTION empla.inherit_taint();

-- How an effect comes in: by its employee's stage, whatever the statement says.
CREATE FUNCTION empla.gate_effect() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    person record; offered record; twin timestamptz; moment timestamptz := ctx.true_now();
BEGIN
    NEW.attempts := 0; NEW.fence := NULL; NEW.started_at := NULL; NEW.integration_id := NULL; NEW.not_before := NULL; NEW.receipt := '{}';
    IF NEW.kind NOT IN ('message', 'call') THEN
        NEW.status := CASE NEW.kind WHEN 'draft' THEN 'drafted' ELSE 'done' END;
        NEW.stage := NULL; NEW.expires_at := NULL; NEW.ended_at := CASE NEW.status WHEN 'done' THEN moment END;
        RETURN NEW;
    END IF;
    SELECT e.lifecycle_stage, e.capabilities INTO person FROM employees e
     WHERE e.tenant_id = NEW.tenant_id AND e.id = NEW.employee_id AND e.deleted_at IS NULL;
    SELECT c.enabled, c.destructive, c.repeat_window INTO offered FROM capabilities c WHERE c.tenant_id = NEW.tenant_id AND c.name = NEW.capability;
    IF NOT coalesce(NEW.capability = ANY (person.capabilities), false) THEN
        RAISE EXCEPTION 'the employee lacks the capability %', NEW.capability USING ERRCODE = '23514';
    ELSIF NOT coalesce(offered.enabled, false) THEN
        RAISE EXCEPTION 'the capability % is not offered here', NEW.capability USING ERRCODE = '23514';
    END IF;
    -- A zone that nobody knows is refused here, and not when somebody's quiet hours are looked at.
    PERFORM moment AT TIME ZONE coalesce(NEW.recipient_zone, 'UTC');
    NEW.stage := person.lifecycle_stage;
    NEW.ended_at := NULL;
    -- What came from outside called for the plan, so it called for this.
    NEW.tainted := NEW.tainted OR EXISTS (SELECT FROM employee_intentions i WHERE i.tenant_id = NEW.tenant_id AND i.employee_id = NEW.employee_id
                                                                              AND i.id = NEW.intention_id AND i.tainted);
    IF NEW.stage = 'shadow' OR NEW.status = 'drafted' THEN
        NEW.status := 'drafted';
        NEW.expires_at := NULL;
        RETURN NEW;
    END IF;
    NEW.expires_at := least(coalesce(NEW.expires_at, moment + interval '14 days'), moment + interval '90 days');
    SELECT e.created_at INTO twin FROM effects e
     WHERE e.tenant_id = NEW.tenant_id
       AND e.digest = effect_digest(NEW.kind, NEW.capability, NEW.recipients, NEW.title, NEW.body, NEW.arguments)
       AND e.idempotency_key <> NEW.idempotency_key
       AND (e.status IN ('awaiting_approval', 'approved')
            OR (e.status IN ('started', 'done', 'uncertain') AND e.started_at > moment - offered.repeat_window))
     LIMIT 1;
    IF FOUND AND offered.repeat_window > interval '0' THEN
        RAISE EXCEPTION 'it repeats the effect of % within %', to_char(twin AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), offered.repeat_window USING ERRCODE = 'EM409';
    END IF;
    NEW.status := CASE WHEN NEW.stage = 'supervised' OR (NEW.tainted AND offered.destructive) THEN 'awaiting_approval' ELSE 'approved' END;
    RETURN NEW;
END $$;
CREATE TRIGGER gate BEFORE INSERT ON empla.effects FOR EACH ROW EXECUTE FUNCTION empla.gate_effect();
CREATE TRIGGER keep_to_graph BEFORE INSERT OR UPDATE OF status ON empla.effects FOR EACH ROW EXECUTE FUNCTION empla.keep_to_graph('effect');

-- A human is asked: about what waits, and, for the record alone, about what shadow drafted.
CREATE FUNCTION empla.ask_approval(asked empla.effects, because text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    INSERT INTO approvals (tenant_id, employee_id, effect_id, digest, stage, why, expires_at)
    VALUES (asked.tenant_id, asked.employee_id, asked.id, asked.digest, asked.stage, because, asked.expires_at);
    IF asked.status = 'awaiting_approval' THEN
        INSERT INTO notices (tenant_id, employee_id, kind, severity, text, notice_key, intention_id, effect_id)
        VALUES (asked.tenant_id, asked.employee_id, 'approval', 'warning',
                left(format('May I? %s (%s)%s', asked.title, asked.capability,
                            CASE WHEN cardinality(asked.recipients) > 0 THEN ' to ' || array_to_string(asked.recipients, ', ') ELSE '' END)
                     || E'\n' || because, 10000),
                'approval:' || asked.id, asked.intention_id, asked.id)
        ON CONFLICT (tenant_id, employee_id, notice_key) WHERE status = 'open' DO NOTHING;
    END IF;
END $$;

CREATE FUNCTION empla.ask_for_effect() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    PERFORM ask_approval(NEW, CASE WHEN NEW.status = 'drafted' AND NEW.stage = 'shadow' THEN 'drafted in shadow: would you have sent it?'
                                   WHEN NEW.status = 'drafted' THEN 'drafted: nobody knows where to send it'
                                   WHEN NEW.stage = 'supervised' THEN 'a supervised employee acts with approval'
                                   ELSE 'it can''t be undone, and what called for it came from outside' END);
    RETURN NULL;
END $$;
CREATE TRIGGER ask AFTER INSERT ON empla.effects FOR EACH ROW WHEN (NEW.kind IN ('message', 'call') AND NEW.status <> 'approved')
    EXECUTE FUNCTION empla.ask_for_effect();

-- Nothing is sent for a plan that is over.
CREATE FUNCTION empla.withdraw_effects() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    moment timestamptz := ctx.true_now();
BEGIN
    UPDATE effects e SET status = 'cancelled', reason = left('its plan is over: ' || coalesce(NEW.reason, NEW.status), 2000), ended_at = moment
     WHERE e.tenant_id = NEW.tenant_id AND e.employee_id = NEW.employee_id AND e.intention_id = NEW.id
       AND e.status IN ('awaiting_approval', 'approved');
    IF FOUND THEN
        UPDATE approvals a SET status = 'withdrawn'
          FROM effects e
         WHERE a.tenant_id = NEW.tenant_id AND a.employee_id = NEW.employee_id AND a.status = 'pending'
           AND e.tenant_id = a.tenant_id AND e.employee_id = a.employee_id AND e.id = a.effect_id AND e.intention_id = NEW.id
           AND e.status = 'cancelled';
        UPDATE notices n SET status = 'lapsed'
         WHERE n.tenant_id = NEW.tenant_id AND n.employee_id = NEW.employee_id AND n.intention_id = NEW.id AND n.status = 'open'
           AND n.kind = 'approval';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER withdraw_effects AFTER UPDATE OF status ON empla.employee_intentions FOR EACH ROW
    WHEN (OLD.status IN ('planned', 'in_progress') AND NEW.status IN ('completed', 'failed', 'abandoned'))
    EXECUTE FUNCTION empla.withdraw_effects();

-- Budgets

-- What holds where nobody has said anything; null for no limit.
CREATE FUNCTION empla.default_budget(is_tenant boolean, resource text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE resource WHEN 'effects' THEN 50 WHEN 'calls' THEN 500 WHEN 'tokens' THEN 1000000 WHEN 'money' THEN 10 END
           * CASE WHEN is_tenant THEN 20 ELSE 1 END
$$;

-- All of it is set aside for the employee and for its tenant, today, or nothing is, and the sentence says why. Whoever counts locks the
-- tenant's rows first, then the employee's, each by day and resource: so nobody spends what another one is about to, and none wait for each other.
CREATE FUNCTION empla.set_aside(wanted_key text, costs jsonb, turn bigint) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    tenant uuid := ctx.tenant_id(); employee uuid := ctx.employee_id(); today date := (ctx.true_now() AT TIME ZONE 'UTC')::date;
    cost record; whose uuid; left_over numeric; allowed numeric; used numeric;
BEGIN
    IF employee IS NULL OR ctx.role() IS DISTINCT FROM 'employee' THEN
        RAISE EXCEPTION 'budgets are spent by employees' USING ERRCODE = '42501';
    END IF;
    INSERT INTO budget_days AS d (tenant_id, scope, day, resource)
    SELECT tenant, s.whose, today, c.key FROM unnest(ARRAY[tenant, employee]) WITH ORDINALITY s (whose, place) CROSS JOIN jsonb_each(costs) c
     ORDER BY s.place, c.key
    ON CONFLICT (tenant_id, scope, day, resource) DO UPDATE SET reserved = d.reserved;
    IF EXISTS (SELECT FROM budget_reservations r WHERE r.tenant_id = tenant AND r.employee_id = employee AND r.key = wanted_key) THEN
        RETURN NULL;
    END IF;
    FOREACH whose IN ARRAY ARRAY[tenant, employee] LOOP
        FOR cost IN SELECT c.key AS resource, c.value::numeric AS amount FROM jsonb_each_text(costs) c ORDER BY c.key LOOP
            IF cost.amount IS NULL OR cost.amount < 0 OR NOT cost.amount < 'Infinity' THEN
                RAISE EXCEPTION 'a cost is a number from 0 on' USING ERRCODE = '22023';
            END IF;
            SELECT d.reserved + d.spent INTO used FROM budget_days d
             WHERE d.tenant_id = tenant AND d.scope = whose AND d.day = today AND d.resource = cost.resource;
            allowed := coalesce((SELECT b.daily FROM budgets b WHERE b.tenant_id = tenant AND b.scope = whose AND b.resource = cost.resource),
                                default_budget(whose = tenant, cost.resource));
            IF used + cost.amount > allowed THEN
                RETURN format('the budget of %s %s a day of %s is spent: %s of it is used on %s',
                              trim_scale(allowed), cost.resource, CASE WHEN whose = tenant THEN 'the tenant' ELSE 'the employee' END, trim_scale(used), today);
            END IF;
        END LOOP;
    END LOOP;
    INSERT INTO budget_reservations (tenant_id, employee_id, key, day, resource, amount, fence)
    SELECT tenant, employee, wanted_key, today, c.key, c.value::numeric, turn FROM jsonb_each_text(costs) c
    ON CONFLICT (tenant_id, employee_id, key, resource) DO NOTHING;
    UPDATE budget_days d SET reserved = d.reserved + c.value::numeric
      FROM jsonb_each_text(costs) c
     WHERE d.tenant_id = tenant AND d.scope IN (tenant, employee) AND d.day = today AND d.resource = c.key;
    RETURN NULL;
END $$;

-- What is set aside under any of the keys is counted by nobody else before this transaction ends.
CREATE FUNCTION empla.lock_budgets(keys text[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    PERFORM FROM budget_days d
      WHERE d.tenant_id = ctx.tenant_id() AND d.scope IN (ctx.tenant_id(), ctx.employee_id())
        AND (d.day, d.resource) IN (SELECT r.day, r.resource FROM budget_reservations r
                                     WHERE r.tenant_id = ctx.tenant_id() AND r.employee_id = ctx.employee_id() AND r.key = ANY (keys) AND r.status = 'reserved')
      ORDER BY d.scope <> ctx.tenant_id(), d.day, d.resource FOR UPDATE;
END $$;

-- What was set aside under the key is spent, as much of it as was needed (all unless said), or given back where `actual` is null.
CREATE FUNCTION empla.settle(settled_key text, is_spent boolean, actual jsonb DEFAULT '{}') RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    tenant uuid := ctx.tenant_id(); employee uuid := ctx.employee_id(); reservation record; cost numeric; settled integer := 0;
BEGIN
    PERFORM lock_budgets(ARRAY[settled_key]);
    FOR reservation IN SELECT r.* FROM budget_reservations r
                        WHERE r.tenant_id = tenant AND r.employee_id = employee AND r.key = settled_key AND r.status = 'reserved'
                        ORDER BY r.resource FOR UPDATE LOOP
        cost := CASE WHEN is_spent THEN coalesce((actual ->> reservation.resource)::numeric, reservation.amount) END;
        IF cost < 0 OR NOT cost < 'Infinity' THEN
            RAISE EXCEPTION 'a cost is a number from 0 on' USING ERRCODE = '22023';
        END IF;
        UPDATE budget_days d SET reserved = d.reserved - reservation.amount, spent = d.spent + coalesce(cost, 0)
         WHERE d.tenant_id = tenant AND d.scope IN (tenant, employee) AND d.day = reservation.day AND d.resource = reservation.resource;
        UPDATE budget_reservations r SET status = CASE WHEN is_spent THEN 'settled' ELSE 'released' END, actual = cost
         WHERE r.tenant_id = tenant AND r.employee_id = employee AND r.id = reservation.id;
        settled := settled + 1;
    END LOOP;
    RETURN settled;
END $$;

-- What an effect costs is set aside and settled with it alone: under a key of its own, that no turn reserves, spends or gives back.
CREATE FUNCTION empla.effect_key(effect uuid, attempt integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT 'effect:' || effect || '#' || attempt $$;
CREATE FUNCTION empla.reserve_budget(wanted_key text, costs jsonb, turn bigint) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    IF wanted_key LIKE 'effect:%' THEN
        RAISE EXCEPTION 'the costs of an effect are set aside with it alone' USING ERRCODE = '42501';
    END IF;
    RETURN set_aside(wanted_key, costs, turn);
END $$;
CREATE FUNCTION empla.settle_budget(settled_key text, is_spent boolean, actual jsonb DEFAULT '{}') RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    IF settled_key LIKE 'effect:%' THEN
        RAISE EXCEPTION 'the costs of an effect are settled with it alone' USING ERRCODE = '42501';
    END IF;
    RETURN settle(settled_key, is_spent, actual);
END $$;

-- What a turn before this one had set aside and never settled is given back, but for what an effect that was started holds.
CREATE FUNCTION empla.release_left_budgets(turn bigint) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    left_keys text[]; left_key text; released integer := 0;
BEGIN
    SELECT array_agg(DISTINCT r.key) INTO left_keys FROM budget_reservations r
     WHERE r.tenant_id = ctx.tenant_id() AND r.employee_id = ctx.employee_id() AND r.status = 'reserved' AND r.fence < turn
       AND NOT EXISTS (SELECT FROM effects e WHERE e.tenant_id = r.tenant_id AND e.employee_id = r.employee_id
                                               AND e.status = 'started' AND effect_key(e.id, e.attempts) = r.key);
    PERFORM lock_budgets(left_keys);
    FOREACH left_key IN ARRAY coalesce(left_keys, '{}') LOOP
        released := released + settle(left_key, false);
    END LOOP;
    RETURN released;
END $$;

-- The way out

-- The end of the quiet hours that `at` lies in, by the clock of that zone; null outside of them.
CREATE FUNCTION empla.quiet_until(at timestamptz, zone text, quiet_from time, until time) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN quiet_from IS NULL THEN NULL
                WHEN quiet_from < until AND l.clock >= quiet_from AND l.clock < until THEN (l.today + until) AT TIME ZONE zone
                WHEN quiet_from > until AND l.clock < until THEN (l.today + until) AT TIME ZONE zone
                WHEN quiet_from > until AND l.clock >= quiet_from THEN (l.today + 1 + until) AT TIME ZONE zone END
      FROM (SELECT (at AT TIME ZONE zone)::date AS today, (at AT TIME ZONE zone)::time AS clock) l
$$;

-- An employee whose last five effects in its stage went wrong three times (rejected, failed, uncertain) works a stage lower from now on.
CREATE FUNCTION empla.demote_failing(tenant uuid, employee uuid) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    person record; bad integer; lower_stage text;
BEGIN
    SELECT e.lifecycle_stage AS stage, e.stage_since AS since, e.name INTO person FROM employees e
     WHERE e.tenant_id = tenant AND e.id = employee FOR NO KEY UPDATE;
    IF person.stage = 'shadow' THEN
        RETURN NULL;
    END IF;
    SELECT count(*) FILTER (WHERE l.status <> 'done') INTO bad
      FROM (SELECT e.status FROM effects e
             WHERE e.tenant_id = tenant AND e.employee_id = employee AND e.kind IN ('message', 'call') AND e.created_at >= person.since
               AND (e.status IN ('done', 'failed', 'uncertain')
                    OR EXISTS (SELECT FROM approvals a WHERE a.tenant_id = tenant AND a.employee_id = employee AND a.effect_id = e.id
                                                         AND a.status = 'rejected'))
             ORDER BY coalesce(e.ended_at, e.started_at) DESC, e.id DESC LIMIT 5) l;
    IF bad < 3 THEN
        RETURN NULL;
    END IF;
    lower_stage := CASE person.stage WHEN 'autonomous' THEN 'supervised' ELSE 'shadow' END;
    UPDATE employees e SET lifecycle_stage = lower_stage WHERE e.tenant_id = tenant AND e.id = employee;
    INSERT INTO notices (tenant_id, employee_id, kind, severity, text, notice_key)
    VALUES (tenant, employee, 'promotion', 'urgent',
            format('%s works %s from now on: %s of its last five effects went wrong. A manager may promote it again.', person.name,
                   CASE lower_stage WHEN 'shadow' THEN 'in shadow' ELSE lower_stage END, bad),
            'demoted:' || lower_stage || ':' || ctx.true_now())
    ON CONFLICT DO NOTHING;
    RETURN lower_stage;
END $$;

-- A human decides. approve: as it stands; edit: with other words, recipients or arguments, which makes it another effect with another digest;
-- reject: it is not brought about. What shadow drafted is judged for the record alone. Returns what the effect was before and is now.
CREATE FUNCTION empla.decide_effect(approval uuid, verdict text, because text DEFAULT NULL, new_title text DEFAULT NULL, new_body text DEFAULT NULL,
                                    new_recipients text[] DEFAULT NULL, new_arguments jsonb DEFAULT NULL)
    RETURNS TABLE (effect_id uuid, employee_id uuid, status text, approval_id uuid, demoted_to text, before jsonb, after jsonb)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
#variable_conflict use_column
DECLARE
    tenant uuid := ctx.tenant_id(); moment timestamptz := ctx.true_now(); asked approvals; effect effects; was jsonb; fresh uuid; lowered text; goes_on boolean;
BEGIN
    IF NOT ctx.is_staff() THEN
        RAISE EXCEPTION 'approvals are decided by admins and managers' USING ERRCODE = '42501';
    ELSIF verdict NOT IN ('approve', 'edit', 'reject') THEN
        RAISE EXCEPTION 'an approval is approved, edited or rejected' USING ERRCODE = '22023';
    END IF;
    SELECT a.* INTO asked FROM approvals a WHERE a.tenant_id = tenant AND a.id = approval;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such approval' USING ERRCODE = 'EM404';
    END IF;
    -- The effect first, as everywhere; the approval as it is by then.
    SELECT e.* INTO effect FROM effects e WHERE e.tenant_id = tenant AND e.employee_id = asked.employee_id AND e.id = asked.effect_id FOR UPDATE;
    SELECT a.* INTO asked FROM approvals a WHERE a.tenant_id = tenant AND a.employee_id = asked.employee_id AND a.id = approval FOR UPDATE;
    IF asked.status <> 'pending' THEN
        RAISE EXCEPTION 'this was % already', asked.status USING ERRCODE = 'EM409';
    ELSIF asked.expires_at <= moment THEN
        RAISE EXCEPTION 'this request has expired' USING ERRCODE = 'EM409';
    ELSIF asked.digest <> effect.digest THEN
        RAISE EXCEPTION 'this was asked for other arguments' USING ERRCODE = 'EM409';
    ELSIF effect.status NOT IN ('drafted', 'awaiting_approval') THEN
        RAISE EXCEPTION 'the effect is % already', effect.status USING ERRCODE = 'EM409';
    ELSIF verdict = 'reject' AND btrim(coalesce(because, '')) = '' THEN
        RAISE EXCEPTION 'a rejection needs a reason' USING ERRCODE = '22023';
    END IF;
    was := jsonb_build_object('title', effect.title, 'body', effect.body, 'recipients', to_jsonb(effect.recipients), 'arguments', effect.arguments);
    goes_on := effect.status = 'awaiting_approval';
    fresh := asked.id;
    IF verdict = 'edit' THEN
        UPDATE effects e SET title = coalesce(new_title, e.title), body = coalesce(new_body, e.body),
               recipients = coalesce(new_recipients, e.recipients), arguments = coalesce(new_arguments, e.arguments)
         WHERE e.tenant_id = tenant AND e.employee_id = asked.employee_id AND e.id = effect.id RETURNING e.* INTO effect;
        IF effect.digest = asked.digest THEN
            RAISE EXCEPTION 'nothing is different: approve it' USING ERRCODE = '22023';
        END IF;
    END IF;
    UPDATE approvals a SET status = CASE verdict WHEN 'approve' THEN 'approved' WHEN 'edit' THEN 'edited' ELSE 'rejected' END,
           decided_by_type = ctx.actor_type(), decided_by = ctx.actor_id(), decided_at = moment, reason = because,
           expires_at = CASE verdict WHEN 'approve' THEN moment + (a.expires_at - a.created_at) ELSE a.expires_at END
     WHERE a.tenant_id = tenant AND a.employee_id = asked.employee_id AND a.id = asked.id;
    IF verdict = 'edit' THEN
        INSERT INTO approvals AS a (tenant_id, employee_id, effect_id, digest, stage, status, why, edited_from, decided_by_type, decided_by, decided_at,
                                    reason, expires_at)
        VALUES (tenant, asked.employee_id, effect.id, effect.digest, asked.stage, 'approved', asked.why, asked.id, ctx.actor_type(), ctx.actor_id(),
                moment, because, moment + (asked.expires_at - asked.created_at))
        RETURNING a.id INTO fresh;
    END IF;
    IF verdict = 'reject' THEN
        UPDATE effects e SET status = 'cancelled', reason = left('rejected: ' || because, 2000), ended_at = moment
         WHERE e.tenant_id = tenant AND e.employee_id = asked.employee_id AND e.id = effect.id RETURNING e.* INTO effect;
        IF goes_on THEN
            lowered := demote_failing(tenant, asked.employee_id);
        END IF;
    ELSIF goes_on THEN
        UPDATE effects e SET status = 'approved' WHERE e.tenant_id = tenant AND e.employee_id = asked.employee_id AND e.id = effect.id
        RETURNING e.* INTO effect;
    END IF;
    UPDATE notices n SET status = 'lapsed'
     WHERE n.tenant_id = tenant AND n.employee_id = asked.employee_id AND n.effect_id = effect.id AND n.kind = 'approval' AND n.status = 'open';
    RETURN QUERY SELECT effect.id, asked.employee_id, effect.status, fresh, lowered, was,
        jsonb_build_object('title', effect.title, 'body', effect.body, 'recipients', to_jsonb(effect.recipients), 'arguments', effect.arguments);
END $$;

-- The effect is cancelled, and whoever was asked about it need not answer.
CREATE FUNCTION empla.cancel_effect(tenant uuid, employee uuid, effect uuid, approval_status text, because text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    moment timestamptz := ctx.true_now();
BEGIN
    UPDATE effects e SET status = 'cancelled', reason = left(because, 2000), ended_at = moment
     WHERE e.tenant_id = tenant AND e.employee_id = employee AND e.id = effect;
    UPDATE approvals a SET status = approval_status
     WHERE a.tenant_id = tenant AND a.employee_id = employee AND a.effect_id = effect AND a.status = 'pending';
    UPDATE notices n SET status = 'lapsed'
     WHERE n.tenant_id = tenant AND n.employee_id = employee AND n.effect_id = effect AND n.kind = 'approval' AND n.status = 'open';
END $$;

-- Every gate on the way out, in one statement, for one approved effect of the employee whose turn it is. 'started': it may be sent, and nobody
-- else will; 'waits': until then, for that reason; 'asks': a human is asked first; 'cancelled': it never goes out; 'gone': it is not approved (any more).
CREATE FUNCTION empla.begin_effect(effect uuid, turn bigint) RETURNS TABLE (verdict text, until timestamptz, because text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
#variable_conflict use_column
DECLARE
    tenant uuid := ctx.tenant_id(); employee uuid := ctx.employee_id(); moment timestamptz := ctx.true_now();
    e effects; person record; offered record; given record; carrier uuid; twin timestamptz; counted integer; since timestamptz; refused text;
BEGIN
    IF employee IS NULL OR ctx.role() IS DISTINCT FROM 'employee' THEN
        RAISE EXCEPTION 'effects are brought about by employees' USING ERRCODE = '42501';
    END IF;
    SELECT * INTO e FROM effects f WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.id = effect FOR UPDATE;
    IF NOT FOUND OR e.status <> 'approved' OR e.not_before > moment THEN
        RETURN QUERY SELECT 'gone', NULL::timestamptz, NULL::text;
        RETURN;
    END IF;
    SELECT p.lifecycle_stage AS stage, p.status, p.capabilities INTO person FROM employees p WHERE p.tenant_id = tenant AND p.id = employee AND p.deleted_at IS NULL;
    SELECT * INTO offered FROM capabilities c WHERE c.tenant_id = tenant AND c.name = e.capability;
    SELECT a.id, a.expires_at, a.used_at INTO given FROM approvals a
     WHERE a.tenant_id = tenant AND a.employee_id = employee AND a.effect_id = e.id AND a.status = 'approved' AND a.digest = e.digest;
    IF coalesce(person.status, '') <> 'active' THEN
        RETURN QUERY SELECT 'waits', moment + interval '1 hour', 'the employee is not active';
        RETURN;
    END IF;

    refused := CASE
        WHEN NOT coalesce(e.capability = ANY (person.capabilities), false) THEN format('the employee lacks the capability %s', e.capability)
        WHEN NOT coalesce(offered.enabled, false) THEN format('the capability %s is not offered here', e.capability)
        WHEN person.stage = 'shadow' THEN 'the employee works in shadow'
        WHEN coalesce(given.expires_at, e.expires_at) <= moment THEN 'its time is over: the approval has expired'
        WHEN e.intention_id IS NOT NULL AND NOT EXISTS (
             SELECT FROM intention_steps s WHERE s.tenant_id = tenant AND s.employee_id = employee AND s.intention_id = e.intention_id
                                             AND s.position = e.step_position AND s.status = 'in_progress') THEN 'the step that asked for it is over' END;
    IF refused IS NOT NULL THEN
        PERFORM cancel_effect(tenant, employee, e.id, 'withdrawn', refused);
        RETURN QUERY SELECT 'cancelled', NULL::timestamptz, refused;
        RETURN;
    END IF;

    IF given.id IS NULL AND (person.stage = 'supervised' OR (e.tainted AND offered.destructive)) THEN
        UPDATE effects f SET status = 'awaiting_approval', stage = person.stage, not_before = NULL
         WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.id = e.id RETURNING f.* INTO e;
        refused := CASE person.stage WHEN 'supervised' THEN 'a supervised employee acts with approval'
                                     ELSE 'it can''t be undone, and what called for it came from outside' END;
        PERFORM ask_approval(e, refused);
        RETURN QUERY SELECT 'asks', NULL::timestamptz, refused;
        RETURN;
    END IF;

    -- From here on what is counted must not move: the tenant's effects are started one at a time. All that it costs is locked at once, in the
    -- order of set_aside.
    INSERT INTO budget_days AS d (tenant_id, scope, day, resource)
    SELECT tenant, tenant, (moment AT TIME ZONE 'UTC')::date, c.resource
      FROM (SELECT jsonb_object_keys(offered.costs) UNION SELECT 'effects') c (resource) ORDER BY c.resource
    ON CONFLICT (tenant_id, scope, day, resource) DO UPDATE SET reserved = d.reserved;
    IF offered.repeat_window > interval '0' THEN
        SELECT f.created_at INTO twin FROM effects f
         WHERE f.tenant_id = tenant AND f.digest = e.digest AND f.id <> e.id AND f.started_at > moment - offered.repeat_window
           AND f.status IN ('started', 'done', 'uncertain') LIMIT 1;
        refused := CASE WHEN FOUND THEN format('it repeats the effect of %s within %s', to_char(twin AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), offered.repeat_window) END;
    END IF;
    IF refused IS NOT NULL THEN
        PERFORM cancel_effect(tenant, employee, e.id, 'withdrawn', refused);
        RETURN QUERY SELECT 'cancelled', NULL::timestamptz, refused;
        RETURN;
    END IF;
    SELECT i.id INTO carrier FROM integrations i WHERE i.tenant_id = tenant AND i.capability = e.capability AND i.enabled AND i.kind <> 'imap';
    until := quiet_until(moment, coalesce(e.recipient_zone, 'UTC'), offered.quiet_from, offered.quiet_until);
    IF carrier IS NULL THEN
        until := moment + interval '1 hour';
        because := format('no integration carries %s: an admin has to connect one', e.capability);
    ELSIF until IS NOT NULL THEN
        because := format('quiet hours of the recipient (%s to %s, %s)', to_char(offered.quiet_from, 'HH24:MI'), to_char(offered.quiet_until, 'HH24:MI'),
                          coalesce(e.recipient_zone, 'UTC'));
    END IF;
    IF because IS NULL AND cardinality(e.recipients) > 0 THEN
        SELECT count(*), min(f.started_at) INTO counted, since FROM effects f
         WHERE f.tenant_id = tenant AND f.capability = e.capability AND f.started_at > moment - interval '1 day' AND f.recipients && e.recipients
           AND f.status IN ('started', 'done', 'uncertain');
        IF counted >= offered.recipient_per_day THEN
            until := since + interval '1 day';
            because := format('the same recipient had %s within a day already', counted);
        END IF;
    END IF;
    IF because IS NULL THEN
        SELECT count(*), min(f.started_at) INTO counted, since FROM effects f
         WHERE f.tenant_id = tenant AND f.capability = e.capability AND f.started_at > moment - interval '1 hour'
           AND f.status IN ('started', 'done', 'uncertain');
        IF counted >= offered.tenant_per_hour THEN
            until := since + interval '1 hour';
            because := format('the tenant had %s within an hour already', counted);
        END IF;
    END IF;
    IF because IS NULL THEN
        because := set_aside(effect_key(e.id, e.attempts + 1), offered.costs, turn);
        IF because IS NOT NULL THEN
            until := ((moment AT TIME ZONE 'UTC')::date + 1)::timestamp AT TIME ZONE 'UTC';
            INSERT INTO notices (tenant_id, employee_id, kind, severity, text, notice_key)
            VALUES (tenant, employee, 'budget', 'urgent',
                    because || '. An admin or a manager may raise it (empla budget set); else it goes on at ' || to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC.',
                    'budget:' || (moment AT TIME ZONE 'UTC')::date || ':' || md5(split_part(because, ' is spent', 1)))
            ON CONFLICT (tenant_id, employee_id, notice_key) WHERE status = 'open' DO NOTHING;
        END IF;
    END IF;
    IF because IS NOT NULL THEN
        UPDATE effects f SET not_before = until, reason = left(because, 2000) WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.id = e.id;
        RETURN QUERY SELECT 'waits', until, because;
        RETURN;
    END IF;

    UPDATE effects f SET status = 'started', started_at = moment, attempts = f.attempts + 1, fence = turn, integration_id = carrier, not_before = NULL,
           reason = NULL
     WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.id = e.id;
    UPDATE approvals a SET used_at = coalesce(a.used_at, moment) WHERE a.tenant_id = tenant AND a.employee_id = employee AND a.id = given.id;
    RETURN QUERY SELECT 'started', NULL::timestamptz, NULL::text;
END $$;

-- What came of an effect, told by the turn that started it, or found out by a later one about a turn before. done: it happened; failed: it did
-- not and never will; later: it did not, and is tried again; uncertain: nobody can say, so a human has to, and it is not tried again.
-- Who started it may still say so when it was given up as uncertain meanwhile. Raises EM409 for anybody else's.
CREATE FUNCTION empla.finish_effect(effect uuid, turn bigint, verdict text, told jsonb DEFAULT '{}', because text DEFAULT NULL,
                                    again_at timestamptz DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    tenant uuid := ctx.tenant_id(); employee uuid := ctx.employee_id(); moment timestamptz := ctx.true_now(); e effects; reached text;
BEGIN
    IF employee IS NULL OR ctx.role() IS DISTINCT FROM 'employee' THEN
        RAISE EXCEPTION 'effects are brought about by employees' USING ERRCODE = '42501';
    ELSIF verdict NOT IN ('done', 'failed', 'later', 'uncertain') THEN
        RAISE EXCEPTION 'an effect is done, failed, tried later, or uncertain' USING ERRCODE = '22023';
    END IF;
    SELECT * INTO e FROM effects f WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.id = effect FOR UPDATE;
    IF NOT FOUND OR e.fence IS DISTINCT FROM turn OR NOT (e.status = 'started' OR (e.status = 'uncertain' AND verdict IN ('done', 'failed'))) THEN
        RAISE EXCEPTION 'this effect is not in the hands of turn % (any more)', turn USING ERRCODE = 'EM409';
    END IF;
    reached := CASE verdict WHEN 'later' THEN 'approved' ELSE verdict END;
    UPDATE effects f SET status = reached, receipt = coalesce(told, '{}'), reason = left(because, 2000),
           not_before = CASE verdict WHEN 'later' THEN coalesce(again_at, moment) END,
           ended_at = CASE WHEN reached IN ('done', 'failed') THEN moment END
     WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.id = e.id;
    PERFORM settle(effect_key(e.id, e.attempts), verdict IN ('done', 'uncertain'));
    IF verdict = 'uncertain' THEN
        INSERT INTO notices (tenant_id, employee_id, kind, severity, text, notice_key, intention_id, effect_id)
        VALUES (tenant, employee, 'outbox', 'urgent',
                left(format('I don''t know whether this happened: %s (%s)%s. %s', e.title, e.capability,
                            CASE WHEN cardinality(e.recipients) > 0 THEN ' to ' || array_to_string(e.recipients, ', ') ELSE '' END,
                            coalesce(because, '')) || E'\nPlease find out, and tell me with empla outbox settle.', 10000),
                'uncertain:' || e.id, e.intention_id, e.id)
        ON CONFLICT (tenant_id, employee_id, notice_key) WHERE status = 'open' DO NOTHING;
    ELSIF e.status = 'uncertain' THEN
        UPDATE notices n SET status = 'lapsed'
         WHERE n.tenant_id = tenant AND n.employee_id = employee AND n.effect_id = e.id AND n.kind = 'outbox' AND n.status = 'open';
    END IF;
    IF verdict IN ('failed', 'uncertain') THEN
        PERFORM demote_failing(tenant, employee);
    END IF;
    RETURN reached;
END $$;

-- What nobody decided in time does not happen.
CREATE FUNCTION empla.expire_effects() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    late uuid; expired integer := 0;
BEGIN
    FOR late IN SELECT e.id FROM effects e
                 WHERE e.tenant_id = ctx.tenant_id() AND e.employee_id = ctx.employee_id() AND e.status = 'awaiting_approval' AND e.expires_at <= ctx.true_now()
                 ORDER BY e.id FOR UPDATE LOOP
        PERFORM cancel_effect(ctx.tenant_id(), ctx.employee_id(), late, 'expired', 'nobody decided in time');
        expired := expired + 1;
    END LOOP;
    RETURN expired;
END $$;

-- A human says what nobody else could: an uncertain effect happened, did not and shall not, or did not and is to be tried again.
CREATE FUNCTION empla.settle_effect(effect uuid, verdict text, because text) RETURNS TABLE (employee_id uuid, status text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
#variable_conflict use_column
DECLARE
    tenant uuid := ctx.tenant_id(); moment timestamptz := ctx.true_now(); e effects; reached text;
BEGIN
    IF NOT ctx.is_staff() THEN
        RAISE EXCEPTION 'what is uncertain is settled by admins and managers' USING ERRCODE = '42501';
    ELSIF verdict NOT IN ('happened', 'did_not', 'again') THEN
        RAISE EXCEPTION 'an effect happened, did_not, or is tried again' USING ERRCODE = '22023';
    END IF;
    SELECT * INTO e FROM effects f WHERE f.tenant_id = tenant AND f.id = effect FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such effect' USING ERRCODE = 'EM404';
    ELSIF e.kind NOT IN ('message', 'call') AND NOT (e.status = 'drafted' AND verdict <> 'again') THEN
        RAISE EXCEPTION 'this effect is % and needs no settling', e.status USING ERRCODE = 'EM409';
    ELSIF e.status NOT IN ('uncertain', 'drafted') OR (e.status = 'drafted' AND verdict = 'again') THEN
        RAISE EXCEPTION 'this effect is %, not uncertain', e.status USING ERRCODE = 'EM409';
    END IF;
    reached := CASE verdict WHEN 'happened' THEN 'done' WHEN 'again' THEN 'approved' ELSE CASE e.status WHEN 'drafted' THEN 'cancelled' ELSE 'failed' END END;
    UPDATE effects f SET status = reached, reason = left(because, 2000), not_before = NULL, ended_at = CASE WHEN reached <> 'approved' THEN moment END,
           expires_at = CASE reached WHEN 'approved' THEN moment + interval '14 days' ELSE f.expires_at END
     WHERE f.tenant_id = tenant AND f.employee_id = e.employee_id AND f.id = e.id;
    IF reached = 'approved' THEN
        UPDATE approvals a SET expires_at = moment + interval '14 days'
         WHERE a.tenant_id = tenant AND a.employee_id = e.employee_id AND a.effect_id = e.id AND a.status = 'approved';
    ELSE
        UPDATE approvals a SET status = 'withdrawn'
         WHERE a.tenant_id = tenant AND a.employee_id = e.employee_id AND a.effect_id = e.id AND a.status = 'pending';
    END IF;
    UPDATE notices n SET status = 'lapsed'
     WHERE n.tenant_id = tenant AND n.employee_id = e.employee_id AND n.effect_id = e.id AND n.status = 'open';
    RETURN QUERY SELECT e.employee_id, reached;
END $$;

-- Fences and rights
CALL ctx.fence('empla.approvals', 'approvals_tenant_isolation');
CALL ctx.fence('empla.budgets', 'budgets_tenant_isolation', 'scope');
CALL ctx.fence('empla.budget_days', 'budget_days_tenant_isolation', 'scope');
CALL ctx.fence('empla.budget_reservations', 'budget_reservations_tenant_isolation');
CREATE POLICY keeping ON empla.effects TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.approvals TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.notices TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.employees TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.budgets FOR SELECT TO empla_keeper USING (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.budget_days TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.budget_reservations TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.intention_steps FOR SELECT TO empla_keeper USING (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.employee_intentions FOR SELECT TO empla_keeper USING (tenant_id = ctx.tenant_id());

REVOKE INSERT, UPDATE ON empla.effects FROM empla_app, empla_worker;
GRANT INSERT (tenant_id, employee_id, intention_id, step_position, kind, capability, title, body, recipients, recipient_zone, arguments, tainted, status,
              idempotency_key, expires_at, metadata) ON empla.effects TO empla_worker;
GRANT SELECT, UPDATE (title, body, recipients, arguments, status, stage, expires_at, integration_id, attempts, not_before, fence, started_at, ended_at,
                      receipt, reason) ON empla.effects TO empla_keeper;
GRANT SELECT ON empla.approvals TO empla_app, empla_worker;
GRANT SELECT, INSERT, UPDATE (status, decided_by_type, decided_by, decided_at, reason, expires_at, used_at) ON empla.approvals TO empla_keeper;
GRANT SELECT, INSERT, UPDATE ON empla.budgets TO empla_app;
GRANT SELECT ON empla.budgets TO empla_worker, empla_keeper;
GRANT SELECT ON empla.budget_days, empla.budget_reservations TO empla_app, empla_worker;
GRANT SELECT, INSERT, UPDATE (reserved, spent) ON empla.budget_days TO empla_keeper;
GRANT SELECT, INSERT, UPDATE (status, actual) ON empla.budget_reservations TO empla_keeper;
GRANT SELECT, INSERT, UPDATE (status) ON empla.notices TO empla_keeper;
GRANT UPDATE (mailed_at, mail_after) ON empla.notices TO empla_worker;
GRANT SELECT, UPDATE (lifecycle_stage) ON empla.employees TO empla_keeper;
GRANT SELECT ON empla.intention_steps, empla.employee_intentions TO empla_keeper;

CALL empla.keep_touched('empla.budgets');
CALL empla.keep_touched('empla.budget_reservations');
CALL empla.keep_key('empla.approvals', '{effect_id,digest}');
CALL empla.keep_key('empla.budgets', '{scope,resource}');
CALL empla.keep_key('empla.budget_days');
CALL empla.keep_key('empla.budget_reservations', '{key}');
CALL empla.keep_audited('empla.approvals', 'approval', 'effect_id,status,decided_by,reason');
CALL empla.keep_audited('empla.budgets', 'budget', 'scope,resource,daily');

REVOKE ALL ON FUNCTION empla.effect_digest(text, text, text[], text, text, jsonb), empla.gate_effect(), empla.ask_approval(empla.effects, text),
    empla.ask_for_effect(), empla.withdraw_effects(), empla.default_budget(boolean, text), empla.reserve_budget(text, jsonb, bigint),
    empla.lock_budgets(text[]), empla.settle_budget(text, boolean, jsonb), empla.release_left_budgets(bigint), empla.quiet_until(timestamptz, text, time, time),
    empla.demote_failing(uuid, uuid), empla.decide_effect(uuid, text, text, text, text, text[], jsonb),
    empla.cancel_effect(uuid, uuid, uuid, text, text), empla.begin_effect(uuid, bigint), empla.expire_effects(), empla.settle_effect(uuid, text, text),
    empla.finish_effect(uuid, bigint, text, jsonb, text, timestamptz), empla.set_stage_since(),
    empla.set_aside(text, jsonb, bigint), empla.settle(text, boolean, jsonb), empla.effect_key(uuid, integer), empla.touch_truly(),
    empla.refuse_untainting(), empla.inherit_taint() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.may_become(text, text, text), empla.effect_key(uuid, integer) TO empla_keeper;
GRANT EXECUTE ON FUNCTION empla.default_budget(boolean, text), empla.quiet_until(timestamptz, text, time, time) TO empla_app, empla_worker, empla_keeper;
GRANT EXECUTE ON FUNCTION empla.decide_effect(uuid, text, text, text, text, text[], jsonb), empla.settle_effect(uuid, text, text) TO empla_app;
GRANT EXECUTE ON FUNCTION empla.begin_effect(uuid, bigint), empla.finish_effect(uuid, bigint, text, jsonb, text, timestamptz), empla.expire_effects(),
    empla.reserve_budget(text, jsonb, bigint), empla.settle_budget(text, boolean, jsonb), empla.release_left_budgets(bigint) TO empla_worker;
GRANT CREATE ON SCHEMA empla TO empla_keeper;
ALTER FUNCTION empla.gate_effect() OWNER TO empla_keeper;
ALTER FUNCTION empla.ask_approval(empla.effects, text) OWNER TO empla_keeper;
ALTER FUNCTION empla.ask_for_effect() OWNER TO empla_keeper;
ALTER FUNCTION empla.withdraw_effects() OWNER TO empla_keeper;
ALTER FUNCTION empla.touch_truly() OWNER TO empla_keeper;
ALTER FUNCTION empla.set_stage_since() OWNER TO empla_keeper;
ALTER FUNCTION empla.set_aside(text, jsonb, bigint) OWNER TO empla_keeper;
ALTER FUNCTION empla.settle(text, boolean, jsonb) OWNER TO empla_keeper;
ALTER FUNCTION empla.reserve_budget(text, jsonb, bigint) OWNER TO empla_keeper;
ALTER FUNCTION empla.lock_budgets(text[]) OWNER TO empla_keeper;
ALTER FUNCTION empla.settle_budget(text, boolean, jsonb) OWNER TO empla_keeper;
ALTER FUNCTION empla.release_left_budgets(bigint) OWNER TO empla_keeper;
ALTER FUNCTION empla.demote_failing(uuid, uuid) OWNER TO empla_keeper;
ALTER FUNCTION empla.decide_effect(uuid, text, text, text, text, text[], jsonb) OWNER TO empla_keeper;
ALTER FUNCTION empla.cancel_effect(uuid, uuid, uuid, text, text) OWNER TO empla_keeper;
ALTER FUNCTION empla.begin_effect(uuid, bigint) OWNER TO empla_keeper;
ALTER FUNCTION empla.finish_effect(uuid, bigint, text, jsonb, text, timestamptz) OWNER TO empla_keeper;
ALTER FUNCTION empla.expire_effects() OWNER TO empla_keeper;
ALTER FUNCTION empla.settle_effect(uuid, text, text) OWNER TO empla_keeper;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;
