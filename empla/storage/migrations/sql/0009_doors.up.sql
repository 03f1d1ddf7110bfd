-- The only statements that cross tenants: finding one by its slug, provisioning, the clock of a simulated one, housekeeping, retention.
-- Each is a definer function of the role whose rights it lends, and runs in a transaction of its own: nobody who has entered a tenant
-- learns of another one here, or changes it.

CREATE FUNCTION empla.find_tenant(wanted_slug text) RETURNS TABLE (id uuid, name text, status text, clock text, simulated_now timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = empla, pg_temp AS $$
    SELECT t.id, t.name, t.status, t.clock, t.simulated_now
      FROM tenant_slugs s JOIN tenants t ON t.id = s.tenant_id
     WHERE s.slug = wanted_slug AND t.status <> 'deleted' AND ctx.tenant_id() IS NULL
$$;

-- A simulated tenant starts at `starts_at`; a real one has none.
CREATE FUNCTION empla.provision_tenant(wanted_slug text, tenant_name text, starts_at timestamptz DEFAULT NULL,
                                       tenant_settings jsonb DEFAULT '{}', tenant_metadata jsonb DEFAULT '{}')
    RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    tenant uuid := uuidv7();
BEGIN
    IF ctx.tenant_id() IS NOT NULL THEN
        RAISE EXCEPTION 'a tenant is made outside of every other' USING ERRCODE = '42501';
    END IF;
    EXECUTE format('SET LOCAL app.current_tenant_id = %L', tenant);
    EXECUTE format('SET LOCAL app.current_user_id = %L', '');
    EXECUTE format('SET LOCAL app.current_employee_id = %L', '');
    EXECUTE format('SET LOCAL app."current_role" = %L', 'operator');
    EXECUTE format('SET LOCAL app.now = %L', coalesce(starts_at::text, ''));
    INSERT INTO tenants (id, name, slug, settings, metadata, clock, simulated_now)
    VALUES (tenant, tenant_name, wanted_slug, tenant_settings, tenant_metadata,
            CASE WHEN starts_at IS NULL THEN 'real' ELSE 'simulated' END, starts_at);
    INSERT INTO tenant_slugs (slug, tenant_id) VALUES (wanted_slug, tenant);
    SET LOCAL app.current_tenant_id = '';
    SET LOCAL app."current_role" = '';
    SET LOCAL app.now = '';
    RETURN tenant;
END $$;

CREATE FUNCTION empla.set_tenant_status(tenant uuid, wanted text) RETURNS boolean
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

-- The clock of a simulated tenant only moves forward; within that tenant's context, by its staff.
CREATE FUNCTION empla.advance_clock(moment timestamptz) RETURNS timestamptz
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

CREATE FUNCTION empla.active_tenants() RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = empla, pg_temp AS $$
    SELECT t.id FROM tenants t WHERE t.status = 'active' AND ctx.tenant_id() IS NULL ORDER BY t.id
$$;

-- Statistics for the planner; the weekly ANALYZE of the specification.
CREATE FUNCTION empla.refresh_statistics() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    target regclass; done integer := 0;
BEGIN
    FOR target IN SELECT oid FROM pg_class WHERE relnamespace = 'empla'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname LOOP
        EXECUTE format('ANALYZE %s', target);
        done := done + 1;
    END LOOP;
    RETURN done;
END $$;

-- Retention. A month of a log goes as a whole; an idle reader makes it wait no longer than two seconds.
CREATE FUNCTION empla.drop_partitions_before(cutoff date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    part record; dropped integer := 0;
BEGIN
    FOR part IN
        SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'empla'::regnamespace AND c.relispartition AND c.relkind = 'r' AND c.relname ~ '_\d{6}$' ORDER BY 1
    LOOP
        IF to_date(right(part.relname, 6), 'YYYYMM') + interval '1 month' <= cutoff THEN
            EXECUTE format('DROP TABLE %I', part.relname);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;

-- Personal payloads leave the logs of one tenant; each row keeps its place, and the digest of what stood there.
CREATE FUNCTION empla.erase_log_payloads(tenant uuid, recorded_before timestamptz) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    audits bigint; histories bigint;
BEGIN
    UPDATE audit_log SET details = '{}', metadata = '{}', erased_digest = sha256(convert_to(details::text || metadata::text, 'UTF8'))
     WHERE tenant_id = tenant AND recorded_at < recorded_before AND erased_digest IS NULL;
    GET DIAGNOSTICS audits = ROW_COUNT;
    UPDATE belief_history SET old_value = NULL, new_value = NULL, evidence = '[]', grounds = '[]', reason = NULL,
           erased_digest = sha256(convert_to(concat(old_value::text, new_value::text, evidence::text, grounds::text, reason), 'UTF8'))
     WHERE tenant_id = tenant AND recorded_at < recorded_before AND erased_digest IS NULL;
    GET DIAGNOSTICS histories = ROW_COUNT;
    RETURN audits + histories;
END $$;

REVOKE ALL ON FUNCTION empla.find_tenant(text), empla.provision_tenant(text, text, timestamptz, jsonb, jsonb), empla.set_tenant_status(uuid, text),
    empla.advance_clock(timestamptz), empla.active_tenants(), empla.refresh_statistics(), empla.drop_partitions_before(date),
    empla.erase_log_payloads(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.find_tenant(text), empla.advance_clock(timestamptz), empla.active_tenants(), empla.refresh_statistics()
    TO empla_app, empla_worker;
GRANT EXECUTE ON FUNCTION empla.provision_tenant(text, text, timestamptz, jsonb, jsonb), empla.set_tenant_status(uuid, text) TO empla_app;
GRANT EXECUTE ON FUNCTION empla.drop_partitions_before(date) TO empla_retention;
-- Rights are settled before a function changes hands: afterwards the owner's REVOKE only warns.
GRANT CREATE ON SCHEMA empla TO empla_auth, empla_retention;
ALTER FUNCTION empla.find_tenant(text) OWNER TO empla_auth;
ALTER FUNCTION empla.provision_tenant(text, text, timestamptz, jsonb, jsonb) OWNER TO empla_auth;
ALTER FUNCTION empla.set_tenant_status(uuid, text) OWNER TO empla_auth;
ALTER FUNCTION empla.advance_clock(timestamptz) OWNER TO empla_auth;
ALTER FUNCTION empla.active_tenants() OWNER TO empla_auth;
ALTER FUNCTION empla.erase_log_payloads(uuid, timestamptz) OWNER TO empla_retention;
REVOKE CREATE ON SCHEMA empla FROM empla_auth, empla_retention;
