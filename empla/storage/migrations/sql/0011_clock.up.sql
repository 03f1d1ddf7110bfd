-- The clock: whose turn it is, over all tenants, at the same cost for a thousand employees and for ten million.

ALTER TABLE empla.employee_schedule
    ADD COLUMN active    boolean NOT NULL DEFAULT true,
    ADD COLUMN suspended boolean NOT NULL DEFAULT false,
    ADD COLUMN clock_now timestamptz,
    ADD COLUMN leased_by text,
    ADD COLUMN failures  integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT schedule_leased_by CHECK (leased_by IS NULL OR (lease_until IS NOT NULL AND length(leased_by) BETWEEN 1 AND 200)),
    ADD CONSTRAINT schedule_failures CHECK (failures >= 0);
COMMENT ON COLUMN empla.employee_schedule.active IS 'False while its employee is paused or still onboarding';
COMMENT ON COLUMN empla.employee_schedule.suspended IS 'Its tenant is suspended; kept by set_tenant_status()';
COMMENT ON COLUMN empla.employee_schedule.clock_now IS 'A simulated tenant''s own time, kept by advance_clock(); null in real time';
COMMENT ON COLUMN empla.employee_schedule.last_cycle_at IS 'When it last had a turn, in its tenant''s time';
COMMENT ON COLUMN empla.employee_schedule.lease_until IS 'Until when, by the wall clock, its turn is somebody''s';
COMMENT ON COLUMN empla.employee_schedule.fence IS 'Counts the turns; whoever holds an older one writes nothing any more';
COMMENT ON COLUMN empla.employee_schedule.failures IS 'Cycles that failed since the last one that did not';

-- What is there already.
SET LOCAL ROLE empla_migrator;
UPDATE empla.employee_schedule s
   SET active = e.status = 'active', suspended = t.status <> 'active', clock_now = t.simulated_now
  FROM empla.employees e JOIN empla.tenants t ON t.id = e.tenant_id
 WHERE e.tenant_id = s.tenant_id AND e.id = s.employee_id;
SET LOCAL ROLE empla_owner;

-- Only who may run stands in an index, so that nobody's claim walks past those who may not. A simulated tenant's employee comes into
-- its own when it is due by its tenant's clock: both moments are columns of the row.
DROP INDEX empla.idx_schedule_due;
CREATE INDEX idx_schedule_due ON empla.employee_schedule (next_cycle_at) WHERE active AND NOT suspended AND clock_now IS NULL;
CREATE INDEX idx_schedule_due_simulated ON empla.employee_schedule (next_cycle_at) WHERE active AND NOT suspended AND next_cycle_at <= clock_now;

-- Whoever is scheduled in a simulated tenant lives by its clock, whatever the statement says.
CREATE FUNCTION empla.set_schedule_clock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.clock_now := nullif(current_setting('app.now', true), '')::timestamptz;
    RETURN NEW;
END $$;
CREATE TRIGGER schedule_clock BEFORE INSERT ON empla.employee_schedule FOR EACH ROW EXECUTE FUNCTION empla.set_schedule_clock();
REVOKE ALL ON FUNCTION empla.set_schedule_clock() FROM PUBLIC;

REVOKE INSERT ON empla.employee_schedule FROM empla_app;
GRANT INSERT (tenant_id, employee_id, next_cycle_at, active), UPDATE (active, leased_by, failures) ON empla.employee_schedule TO empla_app;
GRANT UPDATE (leased_by, failures) ON empla.employee_schedule TO empla_worker;
CREATE POLICY claiming ON empla.employee_schedule TO empla_auth USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (lease_until, leased_by, fence, suspended, clock_now) ON empla.employee_schedule TO empla_auth;

-- The turns of at most so many employees who are due belong to this worker until the lease ends, the longest due first; each has a
-- fence of its own, and whoever claims it later a higher one. Real and simulated tenants have no time in common: a coin decides which
-- kind is asked first, and for half, so that neither starves the other.
CREATE FUNCTION empla.claim_due(worker text, lease interval, most integer) RETURNS TABLE (tenant_id uuid, employee_id uuid, fence bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp
    -- The planner can't know how few are due, and guesses a third: it must walk the index, whatever the statistics say, and plan once.
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    wall timestamptz := clock_timestamp();
    real_first boolean := random() < 0.5;
    missing integer := most;
    wanted integer; claimed integer; first_drained boolean;
BEGIN
    IF ctx.tenant_id() IS NOT NULL THEN
        RAISE EXCEPTION 'turns are claimed outside of every tenant' USING ERRCODE = '42501';
    END IF;
    IF coalesce(most, 0) NOT BETWEEN 1 AND 10000 OR coalesce(lease, interval '0') <= interval '0' OR coalesce(worker, '') = '' THEN
        RAISE EXCEPTION 'a worker has a name, a lease lasts, and 1 to 10,000 turns are claimed at once' USING ERRCODE = '22023';
    END IF;
    FOR attempt IN 1..3 LOOP
        wanted := CASE attempt WHEN 1 THEN (most + 1) / 2 ELSE missing END;
        IF (attempt = 2) <> real_first THEN
            RETURN QUERY
                WITH due AS (
                    SELECT s.tenant_id, s.employee_id FROM employee_schedule s
                     WHERE s.active AND NOT s.suspended AND s.clock_now IS NULL AND s.next_cycle_at <= wall
                       AND (s.lease_until IS NULL OR s.lease_until <= wall)
                     ORDER BY s.next_cycle_at LIMIT wanted FOR UPDATE SKIP LOCKED
                )
                UPDATE employee_schedule s SET lease_until = wall + lease, leased_by = worker, fence = s.fence + 1
                  FROM due WHERE s.tenant_id = due.tenant_id AND s.employee_id = due.employee_id
                RETURNING s.tenant_id, s.employee_id, s.fence;
        ELSE
            RETURN QUERY
                WITH due AS (
                    SELECT s.tenant_id, s.employee_id FROM employee_schedule s
                     WHERE s.active AND NOT s.suspended AND s.next_cycle_at <= s.clock_now
                       AND (s.lease_until IS NULL OR s.lease_until <= wall)
                     ORDER BY s.next_cycle_at LIMIT wanted FOR UPDATE SKIP LOCKED
                )
                UPDATE employee_schedule s SET lease_until = wall + lease, leased_by = worker, fence = s.fence + 1
                  FROM due WHERE s.tenant_id = due.tenant_id AND s.employee_id = due.employee_id
                RETURNING s.tenant_id, s.employee_id, s.fence;
        END IF;
        GET DIAGNOSTICS claimed = ROW_COUNT;
        missing := missing - claimed;
        first_drained := CASE attempt WHEN 1 THEN claimed < wanted ELSE first_drained END;
        EXIT WHEN missing = 0 OR (attempt = 2 AND first_drained);
    END LOOP;
END $$;

-- How long until somebody is due whose turn is nobody's; null when nobody is scheduled. A simulated clock is moved, and never waited for.
CREATE FUNCTION empla.due_in() RETURNS interval LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = empla, pg_temp SET enable_sort = off AS $$
    SELECT s.next_cycle_at - clock_timestamp() FROM employee_schedule s
     WHERE s.active AND NOT s.suspended AND s.clock_now IS NULL AND (s.lease_until IS NULL OR s.lease_until <= clock_timestamp())
       AND ctx.tenant_id() IS NULL
     ORDER BY s.next_cycle_at LIMIT 1
$$;

REVOKE ALL ON FUNCTION empla.claim_due(text, interval, integer), empla.due_in() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.claim_due(text, interval, integer), empla.due_in() TO empla_worker;
GRANT CREATE ON SCHEMA empla TO empla_auth;
ALTER FUNCTION empla.claim_due(text, interval, integer) OWNER TO empla_auth;
ALTER FUNCTION empla.due_in() OWNER TO empla_auth;

-- The doors that change a tenant's status and clock keep the schedule in step. Rows are locked in one order, as everywhere.
SET LOCAL ROLE empla_auth;
CREATE OR REPLACE FUNCTION empla.set_tenant_status(tenant uuid, wanted text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    found_one boolean;
BEGIN
    IF ctx.tenant_id() IS NOT NULL THEN
        RAISE EXCEPTION 'a tenant is suspended from outside' USING ERRCODE = '42501';
    END IF;
    EXECUTE format('SET LOCAL app.current_tenant_id = %L', tenant);
    SET LOCAL app."current_role" = 'operator';
    UPDATE tenants SET status = wanted WHERE id = tenant AND status IN ('active', 'suspended') AND wanted IN ('active', 'suspended');
    found_one := FOUND;
    IF found_one THEN
        PERFORM FROM employee_schedule WHERE tenant_id = tenant ORDER BY employee_id FOR UPDATE;
        UPDATE employee_schedule SET suspended = wanted = 'suspended' WHERE tenant_id = tenant AND suspended <> (wanted = 'suspended');
    END IF;
    SET LOCAL app.current_tenant_id = '';
    SET LOCAL app."current_role" = '';
    RETURN found_one;
END $$;

-- The clock of a simulated tenant only moves forward; within that tenant's context, by its staff.
CREATE OR REPLACE FUNCTION empla.advance_clock(moment timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    reached timestamptz;
BEGIN
    IF NOT ctx.is_staff() THEN
        RAISE EXCEPTION 'only staff move a tenant''s clock' USING ERRCODE = '42501';
    END IF;
    UPDATE tenants SET simulated_now = moment WHERE id = ctx.tenant_id() AND clock = 'simulated' AND simulated_now < moment;
    SELECT simulated_now INTO reached FROM tenants WHERE id = ctx.tenant_id();
    IF reached IS NULL THEN
        RAISE EXCEPTION 'this tenant lives in real time' USING ERRCODE = 'EM409';
    END IF;
    PERFORM FROM employee_schedule WHERE tenant_id = ctx.tenant_id() ORDER BY employee_id FOR UPDATE;
    UPDATE employee_schedule SET clock_now = reached WHERE tenant_id = ctx.tenant_id() AND clock_now IS DISTINCT FROM reached;
    RETURN reached;
END $$;
SET LOCAL ROLE empla_owner;
REVOKE CREATE ON SCHEMA empla FROM empla_auth;
