REVOKE SELECT ON empla.alembic_version FROM empla_app, empla_worker;
DROP PROCEDURE empla.keep_key(regclass, name[]), empla.keep_touched(regclass), ctx.let_migrator_in(regclass), ctx.fence(regclass, name, name);
DROP FUNCTION empla.refuse_key_change(), empla.touch(), empla.is_finite(double precision), empla.is_object(jsonb, integer), empla.is_email(text),
    ctx.actor_id(), ctx.actor_type(), ctx.is_assigned(uuid), ctx.is_admin(), ctx.is_staff(), ctx.now(), ctx.assigned_employee_ids(),
    ctx.employee_id(), ctx.role(), ctx.user_id(), ctx.tenant_id(), empla.uuidv7_floor(timestamptz);
DROP FUNCTION IF EXISTS empla.uuidv7();
REVOKE USAGE ON SCHEMA empla, ctx FROM empla_app, empla_worker, empla_auth, empla_keeper, empla_retention, empla_migrator;
COMMENT ON SCHEMA empla IS NULL;
COMMENT ON SCHEMA ctx IS NULL;
