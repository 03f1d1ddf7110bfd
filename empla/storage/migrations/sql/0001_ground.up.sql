-- The ground: who is asking (ctx), and the small functions every table uses.
-- Every migration runs as empla_owner. Roles, extension and the two empty schemas exist already (storage/ground.py).

COMMENT ON SCHEMA empla IS 'What digital employees believe, want, plan, remember and do';
COMMENT ON SCHEMA ctx IS 'Who is asking, in which tenant, and what time it is there';
GRANT USAGE ON SCHEMA empla, ctx TO empla_app, empla_worker, empla_auth, empla_keeper, empla_retention, empla_migrator;

-- uuidv7() is PostgreSQL's own from 18 on; before, the same layout: 48 bits of milliseconds, version, variant, random.
DO $$ BEGIN
    IF to_regprocedure('pg_catalog.uuidv7()') IS NULL THEN
        EXECUTE $f$
            CREATE FUNCTION empla.uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $b$
                SELECT encode(
                    set_bit(set_bit(
                        overlay(uuid_send(gen_random_uuid())
                                PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                                FROM 1 FOR 6),
                        52, 1), 53, 1), 'hex')::uuid
            $b$ $f$;
    END IF;
END $$;

-- The smallest uuidv7 of a moment: the bounds of the logs' monthly partitions.
CREATE FUNCTION empla.uuidv7_floor(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Context. Unset and '' both mean nobody, so no row passes any fence; garbage raises 22P02. STABLE and free of tables,
-- so that a statement that names its tenant turns the fence into a one-time filter.
CREATE FUNCTION ctx.tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('app.current_tenant_id', true), '')::uuid $$;
CREATE FUNCTION ctx.user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('app.current_user_id', true), '')::uuid $$;
CREATE FUNCTION ctx.role() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('app.current_role', true), '') $$;
CREATE FUNCTION ctx.employee_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('app.current_employee_id', true), '')::uuid $$;
CREATE FUNCTION ctx.assigned_employee_ids() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('app.assigned_employee_ids', true), '')::uuid[] $$;
-- Domain time: a simulated tenant's own now, else the transaction's.
CREATE FUNCTION ctx.now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT coalesce(nullif(current_setting('app.now', true), '')::timestamptz, transaction_timestamp()) $$;
-- May the caller run the tenant's employees? (admin and manager; operator is the library and the command line.)
CREATE FUNCTION ctx.is_staff() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT coalesce(nullif(current_setting('app.current_role', true), '') IN ('operator', 'admin', 'manager'), false) $$;
CREATE FUNCTION ctx.is_admin() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT coalesce(nullif(current_setting('app.current_role', true), '') IN ('operator', 'admin'), false) $$;
-- Does the caller, a user, have this employee assigned? Assignments travel in the context, so no fence reads a table.
CREATE FUNCTION ctx.is_assigned(employee uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT current_setting('app.current_role', true) = 'user'
          AND employee = ANY (nullif(current_setting('app.assigned_employee_ids', true), '')::uuid[]) $$;
CREATE FUNCTION ctx.actor_type() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT CASE WHEN ctx.user_id() IS NOT NULL THEN 'user' WHEN ctx.role() = 'employee' THEN 'employee' ELSE 'system' END $$;
CREATE FUNCTION ctx.actor_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT CASE ctx.actor_type() WHEN 'user' THEN ctx.user_id() WHEN 'employee' THEN ctx.employee_id()
                   ELSE '00000000-0000-0000-0000-000000000000'::uuid END $$;

-- One strict form of e-mail address, for people and employees: dot-atom local part, at least two labels, a TLD with a letter first.
CREATE FUNCTION empla.is_email(address text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT length(address) <= 254 AND address ~
        '^[A-Za-z0-9_%+''-]+(\.[A-Za-z0-9_%+''-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])$'
$$;
-- A JSON object of bounded size. pg_column_size sees the value before it is compressed, as a CHECK does.
CREATE FUNCTION empla.is_object(value jsonb, max_bytes integer) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT jsonb_typeof(value) = 'object' AND pg_column_size(value) <= max_bytes $$;
CREATE FUNCTION empla.is_finite(value double precision) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT value > '-Infinity'::float8 AND value < 'Infinity'::float8 $$;

-- created_at is when the row came, updated_at when it last changed, in domain time; nobody sets either.
CREATE FUNCTION empla.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.created_at := ctx.now();
    ELSE
        NEW.created_at := OLD.created_at;
    END IF;
    NEW.updated_at := ctx.now();
    RETURN NEW;
END $$;

-- The fence of a table, in one place: row security enabled and forced, the tenant in every policy (never RESTRICTIVE: a cluster
-- drops that word). `policy` is the specification's name. For what an employee owns: staff write, users read the assigned,
-- the worker's context sees its one employee. `worker_writes` is what the worker role may do beside reading.
CREATE PROCEDURE ctx.fence(target regclass, policy name, employee_column name DEFAULT 'employee_id') LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY %I ON %s TO empla_app
                    USING (tenant_id = ctx.tenant_id() AND ctx.is_staff())
                    WITH CHECK (tenant_id = ctx.tenant_id() AND ctx.is_staff())', policy, target);
    EXECUTE format('CREATE POLICY assigned_read ON %s FOR SELECT TO empla_app
                    USING (tenant_id = ctx.tenant_id() AND ctx.is_assigned(%I))', target, employee_column);
    EXECUTE format('CREATE POLICY own_rows ON %s TO empla_worker
                    USING (tenant_id = ctx.tenant_id() AND %I = ctx.employee_id())
                    WITH CHECK (tenant_id = ctx.tenant_id() AND %I = ctx.employee_id())', target, employee_column, employee_column);
    CALL ctx.let_migrator_in(target);
END $$;

-- A migration's backfill runs as empla_migrator (a member role of the admin login alone), because under FORCE the owner sees no row.
CREATE PROCEDURE ctx.let_migrator_in(target regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE POLICY backfill ON %s TO empla_migrator USING (true) WITH CHECK (true)', target);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO empla_migrator', target);
END $$;

CREATE PROCEDURE empla.keep_touched(target regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION empla.touch()', target);
END $$;

-- A row is the same row for good: history and audit find before and after by its key, so a changed key would slip past both.
-- `also` are columns that are the identity of the thing beside the primary key. Statements that set none of them pay nothing.
CREATE FUNCTION empla.refuse_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the identity of a row in % never changes', TG_TABLE_NAME USING ERRCODE = '23514';
END $$;

CREATE PROCEDURE empla.keep_key(target regclass, also name[] DEFAULT '{}') LANGUAGE plpgsql AS $$
DECLARE
    columns text; before text; after text;
BEGIN
    SELECT string_agg(format('%I', a.attname), ', '), string_agg(format('OLD.%I', a.attname), ', '), string_agg(format('NEW.%I', a.attname), ', ')
      INTO columns, before, after
      FROM pg_attribute a
     WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped
       AND (a.attname = ANY (also) OR a.attnum = ANY (SELECT unnest(i.indkey::int2[]) FROM pg_index i WHERE i.indrelid = target AND i.indisprimary));
    EXECUTE format('CREATE TRIGGER keep_key BEFORE UPDATE OF %s ON %s FOR EACH ROW WHEN ((%s) IS DISTINCT FROM (%s))
                    EXECUTE FUNCTION empla.refuse_key_change()', columns, target, before, after);
END $$;

REVOKE ALL ON ALL ROUTINES IN SCHEMA empla, ctx FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ctx TO empla_app, empla_worker, empla_auth, empla_keeper, empla_retention, empla_migrator;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA empla TO empla_app, empla_worker, empla_auth, empla_keeper, empla_retention, empla_migrator;
GRANT SELECT ON empla.alembic_version TO empla_app, empla_worker;
