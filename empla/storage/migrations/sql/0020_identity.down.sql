DROP FUNCTION empla.prove(uuid, uuid, uuid, uuid, bytea), empla.note_key_use(uuid, uuid, uuid, bytea), empla.revoke_key(uuid),
    empla.make_key(uuid, uuid, text, text, text[], uuid[], timestamptz, bytea), empla.use_link(uuid, uuid, uuid, bytea, text),
    empla.look_at_link(uuid, uuid, uuid, bytea),
    empla.request_reset(text, text, bytea, uuid, bytea, interval, integer, integer, interval, interval),
    empla.make_link(uuid, text, uuid, bytea, interval), empla.set_password(uuid, text), empla.change_password(text, text, uuid),
    empla.own_recipe(integer, interval, interval), empla.end_sign_ins(uuid, uuid, uuid, text),
    empla.exchange_refresh(uuid, uuid, uuid, bytea, bytea, bytea, interval, interval),
    empla.finish_sign_in(uuid, uuid, text, text, text, text, bytea, text, bytea, bytea, interval, interval),
    empla.begin_sign_in(text, text, bytea, integer, integer, interval, interval), empla.recipe_of(uuid, uuid),
    empla.put_password(uuid, uuid, text, uuid), empla.close_sign_ins(uuid, uuid, uuid, uuid, text), empla.clear_attempts(uuid, text, bytea),
    empla.count_attempt(uuid, text, bytea, integer, interval, interval), empla.living_person(uuid, uuid), empla.account_key(text, text),
    empla.house_of(text), empla.require_outside(), empla.step_into(uuid, uuid), ctx.enter(uuid, uuid, uuid, uuid, uuid, bytea), ctx.scopes();
SET LOCAL ROLE empla_keeper;
REVOKE EXECUTE ON FUNCTION empla.note_action(text, text, uuid, jsonb) FROM empla_auth;
SET LOCAL ROLE empla_owner;
DROP TABLE empla.sign_in_attempts, empla.user_secrets, empla.api_keys, empla.sign_ins;
DROP POLICY proving ON empla.users;
REVOKE SELECT ON empla.users FROM empla_auth;
DROP TRIGGER keep_key ON empla.users;
ALTER TABLE empla.users DROP COLUMN is_service;
CALL empla.keep_key('empla.users');

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
