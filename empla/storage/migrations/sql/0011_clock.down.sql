GRANT CREATE ON SCHEMA empla TO empla_auth;
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
    SET LOCAL app.current_tenant_id = '';
    SET LOCAL app."current_role" = '';
    RETURN found_one;
END $$;

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
    RETURN reached;
END $$;
DROP FUNCTION empla.claim_due(text, interval, integer), empla.due_in();
SET LOCAL ROLE empla_owner;
REVOKE CREATE ON SCHEMA empla FROM empla_auth;
REVOKE SELECT ON empla.employee_schedule FROM empla_auth;
DROP POLICY claiming ON empla.employee_schedule;
DROP TRIGGER schedule_clock ON empla.employee_schedule;
DROP FUNCTION empla.set_schedule_clock();
REVOKE INSERT (tenant_id, employee_id, next_cycle_at, active) ON empla.employee_schedule FROM empla_app;
GRANT INSERT ON empla.employee_schedule TO empla_app;
REVOKE UPDATE (lease_until, fence) ON empla.employee_schedule FROM empla_auth;
DROP INDEX empla.idx_schedule_due, empla.idx_schedule_due_simulated;
ALTER TABLE empla.employee_schedule DROP CONSTRAINT schedule_leased_by, DROP CONSTRAINT schedule_failures,
    DROP COLUMN active, DROP COLUMN suspended, DROP COLUMN clock_now, DROP COLUMN leased_by, DROP COLUMN failures;
COMMENT ON COLUMN empla.employee_schedule.last_cycle_at IS NULL;
COMMENT ON COLUMN empla.employee_schedule.lease_until IS NULL;
COMMENT ON COLUMN empla.employee_schedule.fence IS NULL;
CREATE INDEX idx_schedule_due ON empla.employee_schedule (next_cycle_at);
