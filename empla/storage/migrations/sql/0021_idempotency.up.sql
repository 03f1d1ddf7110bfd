-- A request that is sent twice is done once: what was answered to a caller's key, written in the transaction of the change.
-- docs/api.md explains it.

CREATE TABLE empla.idempotency_keys (
    tenant_id       uuid NOT NULL REFERENCES empla.tenants (id) ON DELETE CASCADE,
    actor_id        uuid NOT NULL,
    idempotency_key text NOT NULL CONSTRAINT idempotency_keys_key_check CHECK (idempotency_key ~ '^[!-~]{1,200}$'),
    digest          bytea NOT NULL CONSTRAINT idempotency_keys_digest_check CHECK (octet_length(digest) = 32),
    status          integer NOT NULL CONSTRAINT idempotency_keys_status_check CHECK (status BETWEEN 200 AND 299),
    headers         jsonb NOT NULL DEFAULT '{}' CONSTRAINT idempotency_keys_headers_check CHECK (empla.is_object(headers, 8192)),
    body            text CONSTRAINT idempotency_keys_body_check CHECK (octet_length(body) <= 1048576),
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, actor_id, idempotency_key)
);
COMMENT ON COLUMN empla.idempotency_keys.actor_id IS 'Whose key it is: a user, or the nil uuid for the operator';
COMMENT ON COLUMN empla.idempotency_keys.digest IS 'SHA-256 of the request: its method, path and body';
COMMENT ON COLUMN empla.idempotency_keys.body IS 'What was answered; null when it was too large, or not to be written down';
COMMENT ON COLUMN empla.idempotency_keys.recorded_at IS 'Wall clock; nobody may set it';
-- Housekeeping sweeps a tenant's by their age.
CREATE INDEX idx_idempotency_recorded ON empla.idempotency_keys (tenant_id, recorded_at);

ALTER TABLE empla.idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY idempotency_tenant_isolation ON empla.idempotency_keys TO empla_app
    USING (tenant_id = ctx.tenant_id() AND actor_id = ctx.actor_id()) WITH CHECK (tenant_id = ctx.tenant_id() AND actor_id = ctx.actor_id());
CREATE POLICY sweeping_read ON empla.idempotency_keys FOR SELECT TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.role() = 'operator');
CREATE POLICY sweeping ON empla.idempotency_keys FOR DELETE TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.role() = 'operator');
CALL ctx.let_migrator_in('empla.idempotency_keys');
CALL empla.keep_key('empla.idempotency_keys');
GRANT SELECT, INSERT (tenant_id, actor_id, idempotency_key, digest, status, headers, body), DELETE ON empla.idempotency_keys TO empla_app;

-- How far cycles lag behind their clock, over all tenants, for those who watch the process.
CREATE FUNCTION empla.turns() RETURNS TABLE (due bigint, running bigint, lag double precision)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = empla, pg_temp AS $$
    SELECT count(*) FILTER (WHERE s.lease_until IS NULL OR s.lease_until <= clock_timestamp()),
           count(*) FILTER (WHERE s.lease_until > clock_timestamp()),
           coalesce(extract(epoch FROM clock_timestamp() - min(s.next_cycle_at)
                                FILTER (WHERE s.lease_until IS NULL OR s.lease_until <= clock_timestamp())), 0)::float8
      FROM employee_schedule s
     WHERE s.active AND NOT s.suspended AND s.clock_now IS NULL AND s.next_cycle_at <= clock_timestamp() AND ctx.tenant_id() IS NULL
$$;
REVOKE ALL ON FUNCTION empla.turns() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.turns() TO empla_app;
GRANT CREATE ON SCHEMA empla TO empla_auth;
ALTER FUNCTION empla.turns() OWNER TO empla_auth;
REVOKE CREATE ON SCHEMA empla FROM empla_auth;
