-- What happened: audit_log and metrics, partitioned by month on the uuidv7 id, so that nothing can be back-dated into an old month.

CREATE TABLE empla.audit_log (
    tenant_id     uuid NOT NULL,
    id            uuid NOT NULL DEFAULT uuidv7(),
    actor_type    text NOT NULL CHECK (actor_type IN ('employee', 'user', 'system')),
    actor_id      uuid NOT NULL,
    action_type   text NOT NULL,
    resource_type text NOT NULL,
    resource_id   uuid,
    details       jsonb NOT NULL DEFAULT '{}',
    metadata      jsonb NOT NULL DEFAULT '{}',
    occurred_at   timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_digest bytea,
    PRIMARY KEY (tenant_id, id)
) PARTITION BY RANGE (id);
COMMENT ON COLUMN empla.audit_log.occurred_at IS 'Domain time: the tenant''s clock';
COMMENT ON COLUMN empla.audit_log.recorded_at IS 'Wall clock; nobody may set it';
COMMENT ON COLUMN empla.audit_log.erased_digest IS 'sha256 of the details that retention erased; the row keeps its place';
CREATE INDEX idx_audit_tenant ON empla.audit_log (tenant_id, occurred_at DESC);
CREATE INDEX idx_audit_actor ON empla.audit_log (tenant_id, actor_id, occurred_at DESC);
CREATE INDEX idx_audit_resource ON empla.audit_log (tenant_id, resource_type, resource_id, occurred_at DESC);
CREATE INDEX idx_audit_action ON empla.audit_log (tenant_id, action_type, occurred_at DESC);

CREATE TABLE empla.metrics (
    tenant_id   uuid NOT NULL REFERENCES empla.tenants (id) ON DELETE CASCADE,
    id          uuid NOT NULL DEFAULT uuidv7(),
    employee_id uuid,
    metric_name text NOT NULL CHECK (length(metric_name) BETWEEN 1 AND 200),
    metric_type text NOT NULL CHECK (metric_type IN ('counter', 'gauge', 'histogram')),
    value       double precision NOT NULL CHECK (empla.is_finite(value)),
    tags        jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(tags, 8192)),
    timestamp   timestamptz NOT NULL DEFAULT ctx.now(),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX idx_metrics_tenant ON empla.metrics (tenant_id, timestamp DESC);
CREATE INDEX idx_metrics_employee ON empla.metrics (tenant_id, employee_id, metric_name, timestamp DESC) WHERE employee_id IS NOT NULL;
CREATE INDEX idx_metrics_name ON empla.metrics (tenant_id, metric_name, timestamp DESC);

-- Partitions. Rows are reached through the parent alone: no grant on a partition, and row security forced on each all the same.
-- Row security does not stop TRUNCATE, so nobody keeps that right on a log, not even the owner.
CREATE FUNCTION empla.ensure_partitions(months_ahead integer DEFAULT 3) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    log record; month timestamptz; partition text; made integer := 0;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months_ahead must be 0 to 24, not %', months_ahead USING ERRCODE = '22023';
    END IF;
    FOR log IN SELECT relname AS parent FROM pg_class WHERE relnamespace = 'empla'::regnamespace AND relkind = 'p' ORDER BY 1 LOOP
        FOR month IN SELECT date_trunc('month', clock_timestamp(), 'UTC') + m * interval '1 month' FROM generate_series(-1, months_ahead) m LOOP
            partition := log.parent || '_' || to_char(month AT TIME ZONE 'UTC', 'YYYYMM');
            CONTINUE WHEN to_regclass(partition) IS NOT NULL;
            -- Whoever opens the database first in a month makes it; those who come meanwhile wait here, and find it made.
            PERFORM pg_advisory_xact_lock(7390003);
            CONTINUE WHEN EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'empla'::regnamespace AND c.relname = partition);
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', partition, log.parent,
                           uuidv7_floor(month), uuidv7_floor(((month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC'));
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', partition);
            EXECUTE format('REVOKE TRUNCATE ON %I FROM empla_owner', partition);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
COMMENT ON FUNCTION empla.ensure_partitions IS 'Last month''s, this month''s and the coming months'' partitions exist; returns how many were made';

ALTER TABLE empla.audit_log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_tenant_isolation ON empla.audit_log FOR SELECT TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.is_staff());
CREATE POLICY keeping ON empla.audit_log FOR INSERT TO empla_keeper WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY retention ON empla.audit_log TO empla_retention USING (true) WITH CHECK (true);
GRANT SELECT ON empla.audit_log TO empla_app;
GRANT INSERT ON empla.audit_log TO empla_keeper;
REVOKE TRUNCATE ON empla.audit_log FROM empla_owner;
GRANT SELECT, UPDATE (details, metadata, erased_digest), DELETE ON empla.audit_log TO empla_retention;

CALL ctx.fence('empla.metrics', 'metrics_tenant_isolation');
CREATE POLICY retention ON empla.metrics TO empla_retention USING (true) WITH CHECK (true);
GRANT SELECT, INSERT (tenant_id, employee_id, metric_name, metric_type, value, tags, timestamp) ON empla.metrics TO empla_app, empla_worker;
GRANT SELECT, DELETE ON empla.metrics TO empla_retention;

-- The time that logs carry: the simulated now counts for simulated tenants only, whatever app.now says.
CREATE FUNCTION ctx.log_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT CASE clock WHEN 'simulated' THEN coalesce(nullif(current_setting('app.now', true), '')::timestamptz, simulated_now) END
                       FROM empla.tenants WHERE id = ctx.tenant_id()), transaction_timestamp())
$$;

-- Row changes of significance, one statement at a time. Arguments: what the row is called, then the columns whose values are told.
-- An update that changes none of them leaves no entry.
CREATE FUNCTION empla.audit_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    kind text := TG_ARGV[0];
    told text[] := string_to_array(TG_ARGV[1], ',');
    tenant_column text := CASE TG_TABLE_NAME WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit_log (tenant_id, actor_type, actor_id, action_type, resource_type, resource_id, details, occurred_at)
        SELECT (n.r ->> tenant_column)::uuid, ctx.actor_type(), ctx.actor_id(), kind || '.created', kind, (n.r ->> 'id')::uuid,
               (SELECT jsonb_object_agg(c, n.r -> c) FROM unnest(told) c), ctx.log_now()
          FROM (SELECT to_jsonb(new_rows) AS r FROM new_rows) n
        ON CONFLICT DO NOTHING;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO audit_log (tenant_id, actor_type, actor_id, action_type, resource_type, resource_id, details, occurred_at)
        SELECT (o.r ->> tenant_column)::uuid, ctx.actor_type(), ctx.actor_id(), kind || '.removed', kind, (o.r ->> 'id')::uuid,
               (SELECT jsonb_object_agg(c, o.r -> c) FROM unnest(told) c), ctx.log_now()
          FROM (SELECT to_jsonb(old_rows) AS r FROM old_rows) o
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO audit_log (tenant_id, actor_type, actor_id, action_type, resource_type, resource_id, details, occurred_at)
        SELECT (n.r ->> tenant_column)::uuid, ctx.actor_type(), ctx.actor_id(),
               kind || CASE WHEN n.r ->> 'deleted_at' IS NOT NULL AND o.r ->> 'deleted_at' IS NULL THEN '.deleted'
                            WHEN n.r ->> 'deleted_at' IS NULL AND o.r ->> 'deleted_at' IS NOT NULL THEN '.revived'
                            ELSE '.changed' END,
               kind, (n.r ->> 'id')::uuid, d.changes, ctx.log_now()
          FROM (SELECT to_jsonb(new_rows) AS r FROM new_rows) n
          JOIN (SELECT to_jsonb(old_rows) AS r FROM old_rows) o ON o.r ->> tenant_column = n.r ->> tenant_column AND o.r ->> 'id' = n.r ->> 'id'
         CROSS JOIN LATERAL (SELECT jsonb_object_agg(c, jsonb_build_array(o.r -> c, n.r -> c)) AS changes
                               FROM unnest(told || 'deleted_at'::text) c WHERE o.r -> c IS DISTINCT FROM n.r -> c) d
         WHERE d.changes IS NOT NULL
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

CREATE PROCEDURE empla.keep_audited(target regclass, kind text, told text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER audit_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION empla.audit_rows(%L, %L)', target, kind, told);
    EXECUTE format('CREATE TRIGGER audit_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION empla.audit_rows(%L, %L)', target, kind, told);
    EXECUTE format('CREATE TRIGGER audit_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION empla.audit_rows(%L, %L)', target, kind, told);
END $$;

-- What changes no row but is told all the same (an export, a sign-in): the actor and the time come from the context alone.
CREATE FUNCTION empla.note_action(action text, resource text, resource_id uuid DEFAULT NULL, details jsonb DEFAULT '{}')
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    IF ctx.tenant_id() IS NULL OR ctx.role() IS NULL THEN
        RAISE EXCEPTION 'nobody is asking: enter a tenant first' USING ERRCODE = '42501';
    END IF;
    IF action ~ '\.(created|changed|removed|deleted|revived|updated|decayed|revised|confirmed)$' THEN
        RAISE EXCEPTION 'changes of rows are told by the database alone' USING ERRCODE = '42501';
    END IF;
    IF action !~ '^[a-z_]{1,60}\.[a-z_]{1,60}$' OR resource !~ '^[a-z_]{1,60}$' OR NOT is_object(details, 65536) THEN
        RAISE EXCEPTION 'an action is named resource.verb, with a JSON object of at most 64 KiB' USING ERRCODE = '22023';
    END IF;
    INSERT INTO audit_log (tenant_id, actor_type, actor_id, action_type, resource_type, resource_id, details, occurred_at)
    VALUES (ctx.tenant_id(), ctx.actor_type(), ctx.actor_id(), action, resource, resource_id, details, ctx.log_now());
END $$;

REVOKE ALL ON FUNCTION empla.ensure_partitions(integer), empla.audit_rows(), empla.note_action(text, text, uuid, jsonb), ctx.log_now() FROM PUBLIC;
REVOKE ALL ON PROCEDURE empla.keep_audited(regclass, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.ensure_partitions(integer), empla.note_action(text, text, uuid, jsonb) TO empla_app, empla_worker;
GRANT EXECUTE ON FUNCTION ctx.log_now() TO empla_keeper;
-- Definer functions belong to the roles whose rights they lend. Rights are settled before: afterwards the owner's REVOKE only warns.
GRANT CREATE ON SCHEMA empla TO empla_keeper;
ALTER FUNCTION empla.audit_rows() OWNER TO empla_keeper;
ALTER FUNCTION empla.note_action(text, text, uuid, jsonb) OWNER TO empla_keeper;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;
-- The owner hangs this one on the tables of later migrations.
SET LOCAL ROLE empla_keeper;
GRANT EXECUTE ON FUNCTION empla.audit_rows() TO empla_owner;
SET LOCAL ROLE empla_owner;
CALL empla.keep_audited('empla.tenants', 'tenant', 'name,slug,settings,status,clock');
CALL empla.keep_audited('empla.users', 'user', 'email,name,role');
SELECT empla.ensure_partitions();
