-- Tenants and their people.

CREATE TABLE empla.tenants (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    name          text NOT NULL CHECK (length(btrim(name)) BETWEEN 1 AND 200),
    slug          text NOT NULL CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    settings      jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(settings, 65536)),
    status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'deleted')),
    clock         text NOT NULL DEFAULT 'real' CHECK (clock IN ('real', 'simulated')),
    simulated_now timestamptz,
    metadata      jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at    timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at    timestamptz NOT NULL DEFAULT ctx.now(),
    deleted_at    timestamptz,
    CONSTRAINT tenants_clock_has_now CHECK ((clock = 'simulated') = (simulated_now IS NOT NULL)),
    CONSTRAINT tenants_deleted_at CHECK ((status = 'deleted') = (deleted_at IS NOT NULL))
);
CREATE INDEX idx_tenants_status ON empla.tenants (status) WHERE deleted_at IS NULL;
COMMENT ON COLUMN empla.tenants.simulated_now IS 'A simulated tenant''s own time; it only moves forward';

-- A slug is unique over all tenants, so it lives apart: tenants can then be spread over machines by id.
CREATE TABLE empla.tenant_slugs (
    slug      text PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES empla.tenants (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX idx_tenant_slugs_tenant ON empla.tenant_slugs (tenant_id);

CREATE TABLE empla.users (
    tenant_id  uuid NOT NULL REFERENCES empla.tenants (id) ON DELETE CASCADE,
    id         uuid NOT NULL DEFAULT uuidv7(),
    email      text NOT NULL CONSTRAINT users_email_check CHECK (empla.is_email(email)),
    -- lower() is not leakproof, so an index on the expression would be unusable under row security.
    email_key  text NOT NULL GENERATED ALWAYS AS (lower(email)) STORED,
    name       text NOT NULL CHECK (length(btrim(name)) BETWEEN 1 AND 200),
    role       text NOT NULL CHECK (role IN ('admin', 'manager', 'user')),
    settings   jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(settings, 65536)),
    metadata   jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at timestamptz NOT NULL DEFAULT ctx.now(),
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX idx_users_email ON empla.users (tenant_id, email_key) WHERE deleted_at IS NULL;

ALTER TABLE empla.tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON empla.tenants FOR SELECT TO empla_app, empla_worker, empla_keeper USING (id = ctx.tenant_id());
CREATE POLICY admin_change ON empla.tenants FOR UPDATE TO empla_app
    USING (id = ctx.tenant_id() AND ctx.is_admin()) WITH CHECK (id = ctx.tenant_id() AND ctx.is_admin());
CREATE POLICY provisioning ON empla.tenants TO empla_auth USING (true) WITH CHECK (true);
GRANT SELECT ON empla.tenants TO empla_app, empla_worker, empla_keeper;
-- Status, clock and slug change through the doors of 0009 alone.
GRANT UPDATE (name, settings, metadata) ON empla.tenants TO empla_app;
GRANT SELECT, INSERT, UPDATE ON empla.tenants TO empla_auth;
CALL ctx.let_migrator_in('empla.tenants');

ALTER TABLE empla.tenant_slugs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY provisioning ON empla.tenant_slugs TO empla_auth USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON empla.tenant_slugs TO empla_auth;
CALL ctx.let_migrator_in('empla.tenant_slugs');

ALTER TABLE empla.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY users_tenant_isolation ON empla.users TO empla_app
    USING (tenant_id = ctx.tenant_id() AND ctx.is_admin()) WITH CHECK (tenant_id = ctx.tenant_id() AND ctx.is_admin());
CREATE POLICY staff_and_self_read ON empla.users FOR SELECT TO empla_app
    USING (tenant_id = ctx.tenant_id() AND (ctx.is_staff() OR id = ctx.user_id()));
GRANT SELECT, INSERT, UPDATE ON empla.users TO empla_app;
CALL ctx.let_migrator_in('empla.users');

CALL empla.keep_touched('empla.tenants');
CALL empla.keep_touched('empla.users');
CALL empla.keep_key('empla.tenants');
CALL empla.keep_key('empla.users');
