-- Sign-ins that are over and links that nobody used are kept for a while, for whoever looks back, and then gone.
-- docs/identity.md explains it.

-- Housekeeping, as the operator of one tenant; how many sign-ins and links. The audit log has had what became of them.
CREATE FUNCTION empla.sweep_sign_ins(keep interval) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    earliest timestamptz := clock_timestamp() - keep; sign_ins_gone bigint; links_gone bigint;
BEGIN
    IF ctx.role() IS DISTINCT FROM 'operator' THEN
        RAISE EXCEPTION 'housekeeping is the operator''s' USING ERRCODE = 'EM403';
    ELSIF keep IS NULL OR keep < interval '1 day' THEN
        RAISE EXCEPTION 'what has just ended is kept for a day at least' USING ERRCODE = '22023';
    END IF;
    -- Who comes with the token of one that is gone is refused as before: what is not there proves nothing.
    WITH gone AS (
        DELETE FROM sign_ins i
         WHERE i.tenant_id = ctx.tenant_id() AND least(i.ended_at, i.expires_at, i.idle_until) < earliest
        RETURNING i.user_id, i.id
    ), forgotten AS (
        DELETE FROM user_secrets s USING gone
         WHERE s.tenant_id = ctx.tenant_id() AND s.user_id = gone.user_id AND s.kind = 'refresh' AND s.id = gone.id
        RETURNING s.id
    )
    SELECT count(*) INTO sign_ins_gone FROM gone;
    DELETE FROM user_secrets s
     WHERE s.tenant_id = ctx.tenant_id() AND s.kind IN ('invitation', 'reset') AND s.expires_at < earliest;
    GET DIAGNOSTICS links_gone = ROW_COUNT;
    RETURN sign_ins_gone + links_gone;
END $$;
REVOKE ALL ON FUNCTION empla.sweep_sign_ins(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.sweep_sign_ins(interval) TO empla_app;
GRANT CREATE ON SCHEMA empla TO empla_auth;
ALTER FUNCTION empla.sweep_sign_ins(interval) OWNER TO empla_auth;
REVOKE CREATE ON SCHEMA empla FROM empla_auth;
