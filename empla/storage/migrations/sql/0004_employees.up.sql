-- Digital employees, who looks after them, and when each runs next.

CREATE TABLE empla.employees (
    tenant_id           uuid NOT NULL REFERENCES empla.tenants (id) ON DELETE CASCADE,
    id                  uuid NOT NULL DEFAULT uuidv7(),
    name                text NOT NULL CHECK (length(btrim(name)) BETWEEN 1 AND 200),
    role                text NOT NULL CHECK (role IN ('sales_ae', 'csm', 'pm', 'sdr', 'recruiter', 'custom')),
    email               text NOT NULL CONSTRAINT employees_email_check CHECK (empla.is_email(email)),
    email_key           text NOT NULL GENERATED ALWAYS AS (lower(email)) STORED,
    personality         jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(personality, 65536)),
    status              text NOT NULL DEFAULT 'onboarding' CHECK (status IN ('onboarding', 'active', 'paused', 'terminated')),
    lifecycle_stage     text NOT NULL DEFAULT 'shadow' CHECK (lifecycle_stage IN ('shadow', 'supervised', 'autonomous')),
    onboarded_at        timestamptz,
    activated_at        timestamptz,
    config              jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(config, 65536)),
    capabilities        text[] NOT NULL DEFAULT '{}' CHECK (array_position(capabilities, NULL) IS NULL),
    performance_metrics jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(performance_metrics, 65536)),
    created_by          uuid,
    metadata            jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at          timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at          timestamptz NOT NULL DEFAULT ctx.now(),
    deleted_at          timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES empla.users (tenant_id, id),
    CONSTRAINT employees_onboarding_is_shadow CHECK (status <> 'onboarding' OR lifecycle_stage = 'shadow'),
    CONSTRAINT employees_active_has_time CHECK (status <> 'active' OR activated_at IS NOT NULL),
    CONSTRAINT employees_onboarded_first CHECK (activated_at IS NULL OR (onboarded_at IS NOT NULL AND activated_at >= onboarded_at))
);
CREATE UNIQUE INDEX idx_employees_email ON empla.employees (tenant_id, email_key) WHERE deleted_at IS NULL;
CREATE INDEX idx_employees_status ON empla.employees (tenant_id, status) WHERE deleted_at IS NULL;
CREATE INDEX idx_employees_role ON empla.employees (tenant_id, role) WHERE deleted_at IS NULL;
CREATE INDEX idx_employees_lifecycle ON empla.employees (tenant_id, lifecycle_stage) WHERE deleted_at IS NULL;
CREATE INDEX idx_employees_created_by ON empla.employees (tenant_id, created_by) WHERE created_by IS NOT NULL;

CREATE TABLE empla.employee_assignments (
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    employee_id uuid NOT NULL,
    metadata    jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 8192)),
    created_at  timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, user_id, employee_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES empla.users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_assignments_employee ON empla.employee_assignments (tenant_id, employee_id);

-- The clock. It stands by itself, without foreign keys (on a cluster it is one local table, claimed over all tenants); the
-- operations that change an employee keep it in step. next_cycle_at is domain time, lease_until the wall clock.
CREATE TABLE empla.employee_schedule (
    tenant_id     uuid NOT NULL,
    employee_id   uuid NOT NULL,
    next_cycle_at timestamptz NOT NULL,
    last_cycle_at timestamptz,
    lease_until   timestamptz,
    fence         bigint NOT NULL DEFAULT 0 CHECK (fence >= 0),
    PRIMARY KEY (tenant_id, employee_id)
);
CREATE INDEX idx_schedule_due ON empla.employee_schedule (next_cycle_at);

ALTER TABLE empla.metrics ADD FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE;

CALL ctx.fence('empla.employees', 'employees_tenant_isolation', 'id');
CALL ctx.fence('empla.employee_schedule', 'schedule_tenant_isolation');
ALTER TABLE empla.employee_assignments ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY assignments_tenant_isolation ON empla.employee_assignments TO empla_app
    USING (tenant_id = ctx.tenant_id() AND ctx.is_staff()) WITH CHECK (tenant_id = ctx.tenant_id() AND ctx.is_staff());
CREATE POLICY own_assignments_read ON empla.employee_assignments FOR SELECT TO empla_app
    USING (tenant_id = ctx.tenant_id() AND user_id = ctx.user_id());
CALL ctx.let_migrator_in('empla.employee_assignments');

GRANT SELECT, INSERT, UPDATE ON empla.employees TO empla_app;
GRANT SELECT, UPDATE (performance_metrics, metadata) ON empla.employees TO empla_worker;
GRANT SELECT, INSERT (tenant_id, user_id, employee_id, metadata), DELETE ON empla.employee_assignments TO empla_app;
GRANT SELECT, INSERT, UPDATE (next_cycle_at, last_cycle_at, lease_until, fence), DELETE ON empla.employee_schedule TO empla_app;
GRANT SELECT, UPDATE (next_cycle_at, last_cycle_at, lease_until, fence) ON empla.employee_schedule TO empla_worker;
CALL empla.keep_touched('empla.employees');
CALL empla.keep_key('empla.employees');
CALL empla.keep_audited('empla.employees', 'employee', 'name,role,email,status,lifecycle_stage,config,capabilities');
CALL empla.keep_audited('empla.employee_assignments', 'assignment', 'user_id,employee_id');

-- The door of every transaction: who is asking, in which tenant; returns the domain's now.
-- A user's role and assignments are read here, in the database: what a caller says about himself does not count, and a change is
-- effective at the next transaction. SET LOCAL by EXECUTE, because set_config() does not reach the other nodes of a cluster.
CREATE FUNCTION ctx.enter(tenant uuid, as_user uuid DEFAULT NULL, as_employee uuid DEFAULT NULL) RETURNS timestamptz
    LANGUAGE plpgsql AS $$
DECLARE
    house record; person record; assigned uuid[]; asking_role text := 'operator'; domain_now text := '';
BEGIN
    IF current_setting('citus.version', true) IS NOT NULL THEN
        PERFORM set_config('citus.propagate_set_commands', 'local', true);
    END IF;
    SET LOCAL search_path = empla, public, pg_temp;
    EXECUTE format('SET LOCAL app.current_tenant_id = %L', coalesce(tenant::text, ''));
    EXECUTE format('SET LOCAL app.current_user_id = %L', coalesce(as_user::text, ''));
    EXECUTE format('SET LOCAL app.current_employee_id = %L', coalesce(as_employee::text, ''));
    SELECT status, simulated_now INTO house FROM empla.tenants WHERE id = tenant;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such tenant' USING ERRCODE = 'EM404';
    ELSIF house.status <> 'active' THEN
        RAISE EXCEPTION 'this tenant is %', house.status USING ERRCODE = 'EM403';
    END IF;
    domain_now := coalesce(house.simulated_now::text, '');
    IF as_user IS NOT NULL THEN
        IF as_employee IS NOT NULL THEN
            RAISE EXCEPTION 'one asks as a user or as an employee, not as both' USING ERRCODE = '22023';
        END IF;
        SELECT role INTO person FROM empla.users WHERE tenant_id = tenant AND id = as_user AND deleted_at IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no such user' USING ERRCODE = 'EM404';
        END IF;
        asking_role := person.role;
        IF asking_role = 'user' THEN
            SELECT array_agg(employee_id) INTO assigned FROM empla.employee_assignments WHERE tenant_id = tenant AND user_id = as_user;
        END IF;
    ELSIF as_employee IS NOT NULL THEN
        asking_role := 'employee';
        SELECT status INTO person FROM empla.employees WHERE tenant_id = tenant AND id = as_employee AND deleted_at IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no such employee' USING ERRCODE = 'EM404';
        ELSIF person.status <> 'active' THEN  -- paused and onboarding employees run no cycle
            RAISE EXCEPTION 'this employee is %', person.status USING ERRCODE = 'EM409';
        END IF;
    END IF;
    EXECUTE format('SET LOCAL app."current_role" = %L', asking_role);
    EXECUTE format('SET LOCAL app.assigned_employee_ids = %L', coalesce(assigned::text, ''));
    EXECUTE format('SET LOCAL app.now = %L', domain_now);
    RETURN ctx.now();
END $$;
REVOKE ALL ON FUNCTION ctx.enter(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ctx.enter(uuid, uuid, uuid) TO empla_app, empla_worker;
