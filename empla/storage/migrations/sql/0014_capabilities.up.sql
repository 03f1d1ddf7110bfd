-- What employees can be able to do, whose accounts they use for it, and what came from outside: taint, from observation to step.

-- Capabilities: what is offered to a tenant, and within which limits. Every tenant has them from its first day.
CREATE TABLE empla.capabilities (
    tenant_id         uuid NOT NULL REFERENCES empla.tenants (id) ON DELETE CASCADE,
    id                uuid NOT NULL DEFAULT uuidv7(),
    name              text NOT NULL CONSTRAINT capabilities_name_check CHECK (name ~ '^[a-z][a-z0-9_]{0,59}$'),
    description       text NOT NULL CONSTRAINT capabilities_description_check CHECK (length(btrim(description)) BETWEEN 1 AND 1000),
    parameters        jsonb NOT NULL DEFAULT '{}' CONSTRAINT capabilities_parameters_check CHECK (empla.is_object(parameters, 65536)),
    destructive       boolean NOT NULL DEFAULT false,
    enabled           boolean NOT NULL DEFAULT true,
    repeat_window     interval NOT NULL DEFAULT '1 day' CONSTRAINT capabilities_repeat_window_check
                      CHECK (repeat_window BETWEEN interval '0' AND interval '366 days'),
    quiet_from        time,
    quiet_until       time,
    recipient_per_day integer NOT NULL DEFAULT 3 CONSTRAINT capabilities_recipient_per_day_check CHECK (recipient_per_day BETWEEN 1 AND 100000),
    tenant_per_hour   integer NOT NULL DEFAULT 200 CONSTRAINT capabilities_tenant_per_hour_check CHECK (tenant_per_hour BETWEEN 1 AND 1000000),
    costs             jsonb NOT NULL DEFAULT '{"effects": 1}' CONSTRAINT capabilities_costs_check
                      CHECK (empla.is_object(costs, 1024) AND costs - '{effects,calls,tokens,money}'::text[] = '{}'
                             AND NOT costs @? '$.* ? (@.type() != "number" || @ < 0)'),
    metadata          jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at        timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at        timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT capabilities_quiet_hours CHECK ((quiet_from IS NULL) = (quiet_until IS NULL) AND quiet_from <> quiet_until)
);
COMMENT ON COLUMN empla.capabilities.parameters IS 'A JSON schema that the arguments of its effects are held to';
COMMENT ON COLUMN empla.capabilities.destructive IS 'What can''t be undone: where the ground came from outside, a human decides at every stage';
COMMENT ON COLUMN empla.capabilities.repeat_window IS 'The same effect is not brought about twice within it';
COMMENT ON COLUMN empla.capabilities.quiet_from IS 'From then to quiet_until, by the recipient''s clock, nothing is sent';
COMMENT ON COLUMN empla.capabilities.costs IS 'What one effect takes of the day''s budgets: effects, calls, tokens, money';
CREATE UNIQUE INDEX idx_capabilities_name ON empla.capabilities (tenant_id, name);

CREATE FUNCTION empla.known_capabilities() RETURNS TABLE (name text, description text, destructive boolean) LANGUAGE sql IMMUTABLE AS $$
    VALUES ('email', 'write and read e-mail', false),
           ('calendar', 'arrange meetings and look at calendars', false),
           ('phone', 'make calls', false),
           ('chat', 'write in the company''s chat', false),
           ('social', 'write on social networks', true),
           ('research', 'look up companies, people and markets', false),
           ('web', 'read web pages', false),
           ('crm', 'look up and note deals, contacts and accounts in the CRM', true),
           ('documents', 'read and write documents', true),
           ('analytics', 'read dashboards and usage figures', false),
           ('surveys', 'send surveys and read their answers', false),
           ('support', 'read and answer support requests', false),
           ('tickets', 'read and write tickets of the engineers', true),
           ('contracts', 'prepare quotes and contracts', true),
           ('invoices', 'look up and remind of invoices', true),
           ('ats', 'look up and note candidates in the applicant tracking system', true),
           ('job_boards', 'publish positions', true)
$$;

CREATE FUNCTION empla.offer_capabilities() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    INSERT INTO capabilities (tenant_id, name, description, destructive, quiet_from, quiet_until)
    SELECT NEW.id, k.name, k.description, k.destructive, CASE WHEN k.name IN ('email', 'phone', 'surveys') THEN time '21:00' END,
           CASE WHEN k.name IN ('email', 'phone', 'surveys') THEN time '07:00' END
      FROM known_capabilities() k
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER offer_capabilities AFTER INSERT ON empla.tenants FOR EACH ROW EXECUTE FUNCTION empla.offer_capabilities();

-- A tenant's accounts with others: what carries its employees' effects out, and what mail is read from. The secret is sealed by a key
-- that the database never sees.
CREATE TABLE empla.integrations (
    tenant_id  uuid NOT NULL REFERENCES empla.tenants (id) ON DELETE CASCADE,
    id         uuid NOT NULL DEFAULT uuidv7(),
    name       text NOT NULL CONSTRAINT integrations_name_check CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,59}$'),
    capability text NOT NULL,
    kind       text NOT NULL CONSTRAINT integrations_kind_check CHECK (kind IN ('smtp', 'maildir', 'webhook', 'imap')),
    settings   jsonb NOT NULL CONSTRAINT integrations_settings_check CHECK (empla.is_object(settings, 65536)),
    sealed     bytea CONSTRAINT integrations_sealed_check CHECK (octet_length(sealed) <= 65536),
    enabled    boolean NOT NULL DEFAULT true,
    created_by uuid,
    metadata   jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at timestamptz NOT NULL DEFAULT ctx.now(),
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, capability) REFERENCES empla.capabilities (tenant_id, name) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, created_by) REFERENCES empla.users (tenant_id, id),
    CONSTRAINT integrations_deleted_is_disabled CHECK (deleted_at IS NULL OR (NOT enabled AND sealed IS NULL))
);
COMMENT ON COLUMN empla.integrations.sealed IS 'Its password or signing key, AES-256-GCM under EMPLA_SECRET_KEYS, bound to this row';
CREATE UNIQUE INDEX idx_integrations_name ON empla.integrations (tenant_id, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX idx_integrations_carrier ON empla.integrations (tenant_id, capability) WHERE enabled AND kind <> 'imap';
CREATE INDEX idx_integrations_capability ON empla.integrations (tenant_id, capability);
CREATE INDEX idx_integrations_created_by ON empla.integrations (tenant_id, created_by) WHERE created_by IS NOT NULL;

ALTER TABLE empla.capabilities ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY capabilities_tenant_isolation ON empla.capabilities FOR SELECT TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.is_staff());
CREATE POLICY carrying ON empla.capabilities FOR SELECT TO empla_worker USING (tenant_id = ctx.tenant_id() AND ctx.employee_id() IS NOT NULL);
CREATE POLICY admin_insert ON empla.capabilities FOR INSERT TO empla_app WITH CHECK (tenant_id = ctx.tenant_id() AND ctx.is_admin());
CREATE POLICY admin_change ON empla.capabilities FOR UPDATE TO empla_app
    USING (tenant_id = ctx.tenant_id() AND ctx.is_admin()) WITH CHECK (tenant_id = ctx.tenant_id() AND ctx.is_admin());
CREATE POLICY keeping ON empla.capabilities TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CALL ctx.let_migrator_in('empla.capabilities');
GRANT SELECT, INSERT, UPDATE ON empla.capabilities TO empla_app;
GRANT SELECT ON empla.capabilities TO empla_worker;
GRANT SELECT, INSERT ON empla.capabilities TO empla_keeper;

ALTER TABLE empla.integrations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
-- A folder of the machine is the operator's to give.
CREATE POLICY integrations_tenant_isolation ON empla.integrations TO empla_app
    USING (tenant_id = ctx.tenant_id() AND ctx.is_admin())
    WITH CHECK (tenant_id = ctx.tenant_id() AND ctx.is_admin() AND (kind <> 'maildir' OR ctx.role() = 'operator'));
CREATE POLICY staff_read ON empla.integrations FOR SELECT TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.is_staff());
CREATE POLICY carrying ON empla.integrations FOR SELECT TO empla_worker USING (tenant_id = ctx.tenant_id() AND ctx.employee_id() IS NOT NULL);
CREATE POLICY keeping ON empla.integrations FOR SELECT TO empla_keeper USING (tenant_id = ctx.tenant_id());
CALL ctx.let_migrator_in('empla.integrations');
GRANT SELECT, INSERT, UPDATE ON empla.integrations TO empla_app;
GRANT SELECT ON empla.integrations TO empla_worker, empla_keeper;

CALL empla.keep_touched('empla.capabilities');
CALL empla.keep_touched('empla.integrations');
CALL empla.keep_key('empla.capabilities', '{name}');
CALL empla.keep_key('empla.integrations', '{kind,capability}');
-- What every tenant has from its first day is not told, what is changed is.
CREATE TRIGGER audit_update AFTER UPDATE ON empla.capabilities REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION empla.audit_rows('capability', 'name,parameters,destructive,enabled,repeat_window,quiet_from,quiet_until,recipient_per_day,tenant_per_hour,costs');
CALL empla.keep_audited('empla.integrations', 'integration', 'name,capability,kind,settings,enabled');

REVOKE ALL ON FUNCTION empla.known_capabilities(), empla.offer_capabilities() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.known_capabilities() TO empla_app, empla_worker, empla_keeper, empla_migrator;
GRANT EXECUTE ON FUNCTION empla.offer_capabilities() TO empla_auth;
GRANT CREATE ON SCHEMA empla TO empla_keeper;
ALTER FUNCTION empla.offer_capabilities() OWNER TO empla_keeper;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;

-- Whoever is a tenant already.
SET LOCAL ROLE empla_migrator;
INSERT INTO empla.capabilities (tenant_id, name, description, destructive, quiet_from, quiet_until)
SELECT t.id, k.name, k.description, k.destructive, CASE WHEN k.name IN ('email', 'phone', 'surveys') THEN time '21:00' END,
       CASE WHEN k.name IN ('email', 'phone', 'surveys') THEN time '07:00' END
  FROM empla.tenants t CROSS JOIN empla.known_capabilities() k
ON CONFLICT DO NOTHING;
SET LOCAL ROLE empla_owner;

-- Taint. What was there came from the company's own records, or its source was not asked: then it counts as from outside.
ALTER TABLE empla.observations ADD COLUMN tainted boolean NOT NULL DEFAULT true;
ALTER TABLE empla.memory_episodes ADD COLUMN tainted boolean NOT NULL DEFAULT false;
ALTER TABLE empla.employee_goals ADD COLUMN tainted boolean NOT NULL DEFAULT false;
ALTER TABLE empla.employee_intentions ADD COLUMN tainted boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN empla.observations.tainted IS 'It came from outside (mail, web, tickets), so what it says is nobody''s word';
COMMENT ON COLUMN empla.employee_intentions.tainted IS 'What came from outside called for it';
SET LOCAL ROLE empla_migrator;
UPDATE empla.observations SET tainted = false WHERE source IN ('crm', 'followup');
SET LOCAL ROLE empla_owner;

-- A belief is tainted where all that supports it came from outside. Each ground says so, and what is carried is as the belief was.
CREATE FUNCTION empla.is_tainted(grounds jsonb, believed jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM jsonb_array_elements(grounds) g WHERE g -> 'object' = believed AND NOT g ? 'tainted')
       AND EXISTS (SELECT FROM jsonb_array_elements(grounds) g WHERE g -> 'object' = believed AND g ? 'tainted');
END $$;
REVOKE ALL ON FUNCTION empla.is_tainted(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.is_tainted(jsonb, jsonb) TO empla_app, empla_worker, empla_keeper, empla_migrator, empla_retention;
-- Beliefs that nothing from outside touched pay one path test.
DO $$ DECLARE
    was text := pg_get_functiondef('empla.revise(empla.beliefs, jsonb)'::regprocedure);
    heard text := E'        IF empla.has_heard(b.evidence || b.silenced, b.grounds, e ->> ''id'') THEN\n';
    carried text := E'            IF b.grounds @? ''$[*].rests_on'' THEN\n';
    changed text;
BEGIN
    changed := replace(was, heard, E'        IF (e ->> ''tainted'')::boolean THEN\n            ground := ground || ''{"tainted": true}'';\n        END IF;\n' || heard);
    changed := replace(changed, carried, E'            IF b.grounds @? ''$[*].tainted'' AND empla.is_tainted(b.grounds, b.object) THEN\n'
                                         '                carried := carried || ''{"tainted": true}'';' || E'\n            END IF;\n' || carried);
    IF length(changed) - length(was) < 250 THEN
        RAISE EXCEPTION 'revise() is not as this migration knows it';
    END IF;
    EXECUTE changed;
END $$;
ALTER TABLE empla.beliefs ADD COLUMN tainted boolean NOT NULL
    GENERATED ALWAYS AS (CASE WHEN grounds @? '$[*].tainted' THEN empla.is_tainted(grounds, object) ELSE false END) STORED;
