-- Identity: how people and programs prove who they are, and what a proof is worth. docs/identity.md explains it.
-- Sign-ins, keys and links live by the wall clock, also where a tenant's own time is simulated.

ALTER TABLE empla.users ADD COLUMN is_service boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN empla.users.is_service IS 'A program: it has keys, and neither a password nor sign-ins';
-- A person does not become a program, nor a program a person.
DROP TRIGGER keep_key ON empla.users;
CALL empla.keep_key('empla.users', '{is_service}');

-- One row from signing in to signing out; its refresh token is exchanged at each use.
CREATE TABLE empla.sign_ins (
    tenant_id     uuid NOT NULL,
    id            uuid NOT NULL DEFAULT uuidv7(),
    user_id       uuid NOT NULL,
    address       text CHECK (length(address) <= 100),
    agent         text CHECK (length(agent) <= 500),
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    refreshed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    idle_until    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    ended_because text CHECK (ended_because IN ('signed_out', 'revoked', 'reused', 'password_changed')),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES empla.users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT sign_ins_ended CHECK ((ended_at IS NULL) = (ended_because IS NULL))
);
COMMENT ON COLUMN empla.sign_ins.idle_until IS 'It is over then, unless its refresh token was exchanged before';
COMMENT ON COLUMN empla.sign_ins.expires_at IS 'It is over then, however often it was refreshed';
CREATE INDEX idx_sign_ins_user ON empla.sign_ins (tenant_id, user_id);

CREATE TABLE empla.api_keys (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL DEFAULT uuidv7(),
    user_id      uuid NOT NULL,
    name         text NOT NULL CONSTRAINT api_keys_name_check CHECK (length(btrim(name)) BETWEEN 1 AND 200),
    prefix       text NOT NULL CHECK (length(prefix) BETWEEN 8 AND 40),
    scopes       text[] NOT NULL CONSTRAINT api_keys_scopes_check
                 CHECK (cardinality(scopes) BETWEEN 1 AND 50 AND array_to_string(scopes, ' ', '?') ~ '^[a-z]+(:[a-z]+)?( [a-z]+(:[a-z]+)?)*$'),
    employee_ids uuid[] CONSTRAINT api_keys_employees_check
                 CHECK (cardinality(employee_ids) BETWEEN 1 AND 1000 AND array_position(employee_ids, NULL) IS NULL),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    created_by   uuid,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES empla.users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, created_by) REFERENCES empla.users (tenant_id, id)
);
COMMENT ON COLUMN empla.api_keys.prefix IS 'The beginning of its text, by which people know it; it proves nothing';
COMMENT ON COLUMN empla.api_keys.employee_ids IS 'What the key sees, where it is narrowed; null where it is not';
COMMENT ON COLUMN empla.api_keys.last_used_at IS 'Written behind the answer, at most once a minute';
CREATE INDEX idx_api_keys_user ON empla.api_keys (tenant_id, user_id);
CREATE INDEX idx_api_keys_created_by ON empla.api_keys (tenant_id, created_by) WHERE created_by IS NOT NULL;

-- All that proves, in one table that no login can read: argon2 of a password, SHA-256 of what is random anyway.
CREATE TABLE empla.user_secrets (
    tenant_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('password', 'refresh', 'key', 'invitation', 'reset')),
    id         uuid NOT NULL,
    secret     bytea NOT NULL CHECK (length(secret) BETWEEN 32 AND 512),
    family     bytea CHECK (length(family) = 32),
    previous   bytea CHECK (length(previous) = 32),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    PRIMARY KEY (tenant_id, user_id, kind, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES empla.users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT user_secrets_family CHECK ((kind = 'refresh') = (family IS NOT NULL)),
    CONSTRAINT user_secrets_previous CHECK (kind = 'refresh' OR previous IS NULL),
    CONSTRAINT user_secrets_expires CHECK ((kind IN ('invitation', 'reset')) = (expires_at IS NOT NULL)),
    CONSTRAINT user_secrets_password CHECK (kind <> 'password' OR id = user_id)
);
COMMENT ON COLUMN empla.user_secrets.id IS 'Of the sign-in, the key or the link; a password''s is its user''s';
COMMENT ON COLUMN empla.user_secrets.family IS 'The half of a refresh token that stays the same: who has it, and not the other half, has an old token of this sign-in';
COMMENT ON COLUMN empla.user_secrets.previous IS 'The half that was exchanged last, at changed_at: a double click sends it twice';
CREATE UNIQUE INDEX idx_user_secrets_one ON empla.user_secrets (tenant_id, user_id, kind) WHERE kind IN ('password', 'invitation', 'reset');

-- How often somebody tried. Without a foreign key: accounts and tenants that do not exist are counted alike (in the nil tenant), and so are addresses.
CREATE TABLE empla.sign_in_attempts (
    tenant_id    uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('account', 'address', 'reset')),
    key          bytea NOT NULL CHECK (length(key) = 32),
    attempts     integer NOT NULL CHECK (attempts >= 0),
    since        timestamptz NOT NULL,
    locked_until timestamptz,
    PRIMARY KEY (tenant_id, kind, key)
);
COMMENT ON COLUMN empla.sign_in_attempts.key IS 'SHA-256 of slug and e-mail, or of the address';
CREATE INDEX idx_attempts_since ON empla.sign_in_attempts (tenant_id, since);

ALTER TABLE empla.sign_ins ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_ins_tenant_isolation ON empla.sign_ins FOR SELECT TO empla_app
    USING (tenant_id = ctx.tenant_id() AND (ctx.is_admin() OR user_id = ctx.user_id()));
ALTER TABLE empla.api_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY api_keys_tenant_isolation ON empla.api_keys FOR SELECT TO empla_app
    USING (tenant_id = ctx.tenant_id() AND (ctx.is_admin() OR user_id = ctx.user_id()));
ALTER TABLE empla.user_secrets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE empla.sign_in_attempts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
-- The functions below enter the tenant before they look: their rights end at its fence too.
CREATE POLICY proving ON empla.users FOR SELECT TO empla_auth USING (tenant_id = ctx.tenant_id());
CREATE POLICY proving ON empla.sign_ins TO empla_auth USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY proving ON empla.api_keys TO empla_auth USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY proving ON empla.user_secrets TO empla_auth USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY proving ON empla.sign_in_attempts TO empla_auth USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CALL ctx.let_migrator_in('empla.sign_ins');
CALL ctx.let_migrator_in('empla.api_keys');
CALL ctx.let_migrator_in('empla.user_secrets');
CALL ctx.let_migrator_in('empla.sign_in_attempts');
GRANT SELECT ON empla.sign_ins, empla.api_keys TO empla_app;
GRANT SELECT ON empla.users TO empla_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON empla.sign_ins, empla.api_keys, empla.user_secrets, empla.sign_in_attempts TO empla_auth;
CALL empla.keep_key('empla.sign_ins', '{user_id}');
CALL empla.keep_key('empla.api_keys', '{user_id}');
CALL empla.keep_key('empla.user_secrets');
CALL empla.keep_key('empla.sign_in_attempts');
CALL empla.keep_audited('empla.sign_ins', 'sign_in', 'user_id,address,ended_because');
CALL empla.keep_audited('empla.api_keys', 'api_key', 'user_id,name,prefix,scopes,employee_ids,expires_at,revoked_at');

-- What the key of the caller may do; null for whoever has signed in, or holds the database's URL.
CREATE FUNCTION ctx.scopes() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('app.current_scopes', true), '')::text[] $$;

-- Tools of the functions below

-- Into a tenant, as its door or as one of its people; out of it again with null.
CREATE FUNCTION empla.step_into(tenant uuid, person uuid DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL app.current_tenant_id = %L', coalesce(tenant::text, ''));
    EXECUTE format('SET LOCAL app.current_user_id = %L', coalesce(person::text, ''));
    EXECUTE format('SET LOCAL app."current_role" = %L', CASE WHEN tenant IS NULL THEN '' ELSE 'operator' END);
    SET LOCAL app.current_employee_id = '';
    SET LOCAL app.now = '';
END $$;

-- Doors are opened from outside: nobody who has entered a tenant learns of another one here.
CREATE FUNCTION empla.require_outside() RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF ctx.tenant_id() IS NOT NULL THEN
        RAISE EXCEPTION 'one signs in from outside of every tenant' USING ERRCODE = '42501';
    END IF;
END $$;

-- The tenant of this slug that lets people in; the nil tenant, in which nobody is, for any other.
CREATE FUNCTION empla.house_of(wanted_slug text) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT t.id FROM empla.tenant_slugs s JOIN empla.tenants t ON t.id = s.tenant_id
                      WHERE s.slug = wanted_slug AND t.status = 'active'), '00000000-0000-0000-0000-000000000000'::uuid)
$$;

CREATE FUNCTION empla.account_key(wanted_slug text, address text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT sha256(convert_to(wanted_slug || E'\n' || lower(address), 'UTF8')) $$;

CREATE FUNCTION empla.living_person(tenant uuid, person uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM empla.users u JOIN empla.tenants t ON t.id = u.tenant_id
                    WHERE u.tenant_id = tenant AND u.id = person AND u.deleted_at IS NULL AND NOT u.is_service AND t.status = 'active')
$$;

-- A try is counted before it is judged, so that many at once are many. Returns until when there is no further one; null: go on.
-- The context is the tenant already. What was counted long ago is swept.
CREATE FUNCTION empla.count_attempt(tenant uuid, what text, whose bytea, most integer, within interval, lock_for interval)
    RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp(); kept record;
BEGIN
    INSERT INTO empla.sign_in_attempts (tenant_id, kind, key, attempts, since) VALUES (tenant, what, whose, 0, moment) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        DELETE FROM empla.sign_in_attempts a
         WHERE a.tenant_id = tenant AND (a.kind, a.key) IN (
                   SELECT o.kind, o.key FROM empla.sign_in_attempts o
                    WHERE o.tenant_id = tenant AND o.since < moment - interval '2 days' AND coalesce(o.locked_until < moment, true)
                    LIMIT 100 FOR UPDATE SKIP LOCKED);
    END IF;
    SELECT a.attempts, a.since, a.locked_until INTO kept FROM empla.sign_in_attempts a
     WHERE a.tenant_id = tenant AND a.kind = what AND a.key = whose FOR UPDATE;
    IF kept.locked_until > moment THEN
        RETURN kept.locked_until;
    END IF;
    IF kept.locked_until IS NOT NULL OR kept.since < moment - within THEN
        kept.attempts := 0;
        kept.since := moment;
    END IF;
    UPDATE empla.sign_in_attempts a
       SET attempts = kept.attempts + 1, since = kept.since, locked_until = CASE WHEN kept.attempts + 1 >= most THEN moment + lock_for END
     WHERE a.tenant_id = tenant AND a.kind = what AND a.key = whose;
    RETURN NULL;
END $$;

-- It was no guess.
CREATE FUNCTION empla.clear_attempts(tenant uuid, what text, whose bytea) RETURNS void LANGUAGE sql AS $$
    UPDATE empla.sign_in_attempts SET attempts = 0, locked_until = NULL WHERE tenant_id = tenant AND kind = what AND key = whose
$$;

-- The sign-ins of a person are over: one, or all but one.
CREATE FUNCTION empla.close_sign_ins(tenant uuid, person uuid, only_one uuid, but uuid, because text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp(); closed integer;
BEGIN
    UPDATE empla.sign_ins i SET ended_at = moment, ended_because = because
     WHERE i.tenant_id = tenant AND i.user_id = person AND i.ended_at IS NULL
       AND (only_one IS NULL OR i.id = only_one) AND i.id IS DISTINCT FROM but;
    GET DIAGNOSTICS closed = ROW_COUNT;
    DELETE FROM empla.user_secrets s
     WHERE s.tenant_id = tenant AND s.user_id = person AND s.kind = 'refresh'
       AND (only_one IS NULL OR s.id = only_one) AND s.id IS DISTINCT FROM but;
    RETURN closed;
END $$;

-- A new password; whoever asked for another way in needs none any more. Of the sign-ins, `but` alone goes on.
CREATE FUNCTION empla.put_password(tenant uuid, person uuid, hash text, but uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF hash !~ '^\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{22,86}$' THEN
        RAISE EXCEPTION 'this is no hash of a password' USING ERRCODE = '22023';
    END IF;
    DELETE FROM empla.user_secrets s WHERE s.tenant_id = tenant AND s.user_id = person AND s.kind IN ('password', 'invitation', 'reset');
    INSERT INTO empla.user_secrets (tenant_id, user_id, kind, id, secret) VALUES (tenant, person, 'password', person, convert_to(hash, 'UTF8'));
    PERFORM empla.close_sign_ins(tenant, person, NULL, but, 'password_changed');
    PERFORM empla.clear_attempts(tenant, 'account', empla.account_key(t.slug, u.email))
       FROM empla.users u JOIN empla.tenants t ON t.id = u.tenant_id WHERE u.tenant_id = tenant AND u.id = person;
END $$;

-- What of a hash is no secret: the algorithm, its costs and the salt. The digest stays here.
CREATE FUNCTION empla.recipe_of(tenant uuid, person uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT regexp_replace(convert_from(s.secret, 'UTF8'), '\$[^$]*$', '') FROM empla.user_secrets s
     WHERE s.tenant_id = tenant AND s.user_id = person AND s.kind = 'password'
$$;

-- Signing in

-- First half: may this be tried, and by which recipe is the password hashed? Nothing in the answer may leave the program.
CREATE FUNCTION empla.begin_sign_in(wanted_slug text, email text, address_key bytea, most integer, address_most integer, within interval,
                                    lock_for interval)
    RETURNS TABLE (tenant uuid, person uuid, recipe text, locked_until timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    PERFORM require_outside();
    tenant := house_of(wanted_slug);
    IF address_key IS NOT NULL THEN
        PERFORM step_into(nobody);
        locked_until := count_attempt(nobody, 'address', address_key, address_most, within, lock_for);
    END IF;
    PERFORM step_into(tenant);
    IF locked_until IS NULL THEN
        locked_until := count_attempt(tenant, 'account', account_key(wanted_slug, email), most, within, lock_for);
    END IF;
    SELECT u.id, recipe_of(u.tenant_id, u.id) INTO person, recipe FROM users u
     WHERE u.tenant_id = tenant AND u.email_key = lower(begin_sign_in.email) AND u.deleted_at IS NULL AND NOT u.is_service;
    PERFORM step_into(NULL);
    RETURN NEXT;
END $$;

-- Second half: the hash is compared here, so that it is nowhere else. A row is a sign-in; none is a failure, which is told to the log
-- of the tenant (of the nil one, where there is none).
CREATE FUNCTION empla.finish_sign_in(tenant uuid, person uuid, hash text, wanted_slug text, email text, address text,
                                     address_key bytea, agent text, family bytea, refresh bytea, idle interval, life interval)
    RETURNS TABLE (sign_in uuid, user_id uuid, expires_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    nobody constant uuid := '00000000-0000-0000-0000-000000000000'; moment timestamptz := clock_timestamp(); whose bytea;
BEGIN
    PERFORM require_outside();
    IF idle NOT BETWEEN interval '1 minute' AND interval '366 days' OR life NOT BETWEEN interval '1 minute' AND interval '366 days' THEN
        RAISE EXCEPTION 'a sign-in lasts a minute to a year' USING ERRCODE = '22023';
    END IF;
    PERFORM step_into(tenant);
    whose := account_key(wanted_slug, email);
    SELECT s.user_id INTO user_id FROM user_secrets s
     WHERE s.tenant_id = tenant AND s.user_id = person AND s.kind = 'password' AND s.secret = convert_to(hash, 'UTF8') AND living_person(tenant, person);
    IF user_id IS NULL THEN
        PERFORM note_action('sign_in.failed', 'user', person, jsonb_strip_nulls(jsonb_build_object('address', address, 'locked',
            (SELECT true FROM sign_in_attempts a WHERE a.tenant_id = tenant AND a.kind = 'account' AND a.key = whose AND a.locked_until > moment))));
        PERFORM step_into(NULL);
        RETURN;
    END IF;
    PERFORM step_into(tenant, person);
    expires_at := moment + life;
    INSERT INTO sign_ins AS i (tenant_id, user_id, address, agent, created_at, refreshed_at, idle_until, expires_at)
    VALUES (tenant, person, finish_sign_in.address, finish_sign_in.agent, moment, moment, least(moment + idle, moment + life), moment + life)
    RETURNING i.id INTO sign_in;
    INSERT INTO user_secrets (tenant_id, user_id, kind, id, secret, family) VALUES (tenant, person, 'refresh', sign_in, refresh, finish_sign_in.family);
    PERFORM clear_attempts(tenant, 'account', whose);
    PERFORM step_into(nobody);
    UPDATE sign_in_attempts a SET attempts = greatest(a.attempts - 1, 0), locked_until = NULL
     WHERE a.tenant_id = nobody AND a.kind = 'address' AND a.key = address_key;
    PERFORM step_into(NULL);
    RETURN NEXT;
END $$;

-- The refresh token is exchanged: 'exchanged', 'again' (the one before, a moment ago: a double click), 'reused' (an old one, so that somebody
-- else may have it: the sign-in is over) or 'refused'.
CREATE FUNCTION empla.exchange_refresh(tenant uuid, person uuid, sign_in uuid, its_family bytea, its_secret bytea, next_secret bytea,
                                       grace interval, idle interval)
    RETURNS TABLE (outcome text, expires_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    moment timestamptz; kept record;
BEGIN
    PERFORM require_outside();
    PERFORM step_into(tenant, person);
    -- One at a time: whoever waited looks again.
    PERFORM FROM sign_ins i WHERE i.tenant_id = tenant AND i.user_id = person AND i.id = sign_in FOR UPDATE;
    moment := clock_timestamp();
    SELECT s.secret, s.previous, s.changed_at, i.expires_at INTO kept
      FROM sign_ins i JOIN user_secrets s ON s.tenant_id = i.tenant_id AND s.user_id = i.user_id AND s.kind = 'refresh' AND s.id = i.id
     WHERE i.tenant_id = tenant AND i.user_id = person AND i.id = sign_in AND s.family = its_family
       AND i.ended_at IS NULL AND i.expires_at > moment AND i.idle_until > moment AND living_person(tenant, person);
    IF NOT FOUND THEN
        outcome := 'refused';
    ELSIF kept.secret = its_secret THEN
        UPDATE user_secrets s SET previous = kept.secret, secret = next_secret, changed_at = moment
         WHERE s.tenant_id = tenant AND s.user_id = person AND s.kind = 'refresh' AND s.id = sign_in;
        UPDATE sign_ins i SET refreshed_at = moment, idle_until = least(moment + idle, kept.expires_at)
         WHERE i.tenant_id = tenant AND i.id = sign_in;
        outcome := 'exchanged';
        expires_at := kept.expires_at;
    ELSIF kept.previous = its_secret AND kept.changed_at > moment - grace THEN
        outcome := 'again';
    ELSE
        PERFORM note_action('sign_in.reused', 'sign_in', sign_in);
        PERFORM close_sign_ins(tenant, person, sign_in, NULL, 'reused');
        outcome := 'reused';
    END IF;
    PERFORM step_into(NULL);
    RETURN NEXT;
END $$;

-- By themselves, or by an admin. How many there were.
CREATE FUNCTION empla.end_sign_ins(person uuid, only_one uuid, but uuid, because text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    IF NOT coalesce(ctx.is_admin() OR person = ctx.user_id(), false) OR because NOT IN ('signed_out', 'revoked') THEN
        RAISE EXCEPTION 'people end their own sign-ins, and admins those of others' USING ERRCODE = 'EM403';
    END IF;
    RETURN close_sign_ins(ctx.tenant_id(), person, only_one, but, because);
END $$;

-- Passwords and links

-- Somebody who has signed in wants another password, and says the old one: how is that hashed? Counted as a try.
CREATE FUNCTION empla.own_recipe(most integer, within interval, lock_for interval) RETURNS TABLE (email text, recipe text, locked_until timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    slug text;
BEGIN
    IF ctx.user_id() IS NULL OR ctx.scopes() IS NOT NULL THEN
        RAISE EXCEPTION 'people change their own passwords, signed in' USING ERRCODE = 'EM403';
    END IF;
    SELECT u.email, t.slug, recipe_of(u.tenant_id, u.id) INTO email, slug, recipe
      FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.tenant_id = ctx.tenant_id() AND u.id = ctx.user_id();
    locked_until := count_attempt(ctx.tenant_id(), 'account', account_key(slug, email), most, within, lock_for);
    RETURN NEXT;
END $$;

-- True when the old one was right: all other sign-ins are over.
CREATE FUNCTION empla.change_password(old_hash text, new_hash text, but uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    IF ctx.user_id() IS NULL OR ctx.scopes() IS NOT NULL THEN
        RAISE EXCEPTION 'people change their own passwords, signed in' USING ERRCODE = 'EM403';
    END IF;
    IF NOT EXISTS (SELECT FROM user_secrets s WHERE s.tenant_id = ctx.tenant_id() AND s.user_id = ctx.user_id() AND s.kind = 'password'
                                                AND s.secret = convert_to(old_hash, 'UTF8')) THEN
        PERFORM note_action('password.refused', 'user', ctx.user_id());
        RETURN false;
    END IF;
    PERFORM put_password(ctx.tenant_id(), ctx.user_id(), new_hash, but);
    PERFORM note_action('password.set', 'user', ctx.user_id(), '{"by": "old password"}');
    RETURN true;
END $$;

-- The operator's way.
CREATE FUNCTION empla.set_password(person uuid, hash text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    IF ctx.role() IS DISTINCT FROM 'operator' THEN
        RAISE EXCEPTION 'a password is set by its owner, by a link or by the operator' USING ERRCODE = 'EM403';
    ELSIF NOT living_person(ctx.tenant_id(), person) THEN
        RAISE EXCEPTION 'there is no such person' USING ERRCODE = 'EM404';
    END IF;
    PERFORM put_password(ctx.tenant_id(), person, hash, NULL);
    PERFORM note_action('password.set', 'user', person, '{"by": "operator"}');
END $$;

-- A link that an admin hands out: an invitation for whoever has no password yet, a reset for whoever is no admin. The newest counts.
CREATE FUNCTION empla.make_link(person uuid, purpose text, link uuid, digest bytea, life interval) RETURNS timestamptz
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    until timestamptz := clock_timestamp() + life;
BEGIN
    IF NOT ctx.is_admin() OR ctx.scopes() IS NOT NULL THEN
        RAISE EXCEPTION 'admins invite, signed in' USING ERRCODE = 'EM403';
    ELSIF NOT living_person(ctx.tenant_id(), person) THEN
        RAISE EXCEPTION 'there is no such person' USING ERRCODE = 'EM404';
    ELSIF purpose = 'invitation' AND recipe_of(ctx.tenant_id(), person) IS NOT NULL THEN
        RAISE EXCEPTION 'this person has a password already' USING ERRCODE = 'EM409';
    ELSIF purpose = 'reset' AND ctx.role() <> 'operator'
          AND EXISTS (SELECT FROM users u WHERE u.tenant_id = ctx.tenant_id() AND u.id = person AND u.role = 'admin') THEN
        RAISE EXCEPTION 'an admin''s password is reset by mail, or by the operator' USING ERRCODE = 'EM403';
    END IF;
    DELETE FROM user_secrets s WHERE s.tenant_id = ctx.tenant_id() AND s.user_id = person AND s.kind = purpose;
    INSERT INTO user_secrets (tenant_id, user_id, kind, id, secret, expires_at) VALUES (ctx.tenant_id(), person, purpose, link, digest, until);
    PERFORM note_action('link.made', 'user', person, jsonb_build_object('purpose', purpose));
    RETURN until;
END $$;

-- Somebody has forgotten the password. The same steps, whether there is such a person or not; a row where there is one.
CREATE FUNCTION empla.request_reset(wanted_slug text, email text, address_key bytea, link uuid, digest bytea, life interval, most integer,
                                    address_most integer, within interval, lock_for interval)
    RETURNS TABLE (tenant uuid, person uuid, known_email text, name text, locked_until timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    nobody constant uuid := '00000000-0000-0000-0000-000000000000'; until timestamptz := clock_timestamp() + life;
BEGIN
    PERFORM require_outside();
    tenant := house_of(wanted_slug);
    IF address_key IS NOT NULL THEN
        PERFORM step_into(nobody);
        locked_until := count_attempt(nobody, 'address', address_key, address_most, within, lock_for);
    END IF;
    PERFORM step_into(tenant);
    IF locked_until IS NULL THEN
        locked_until := count_attempt(tenant, 'reset', account_key(wanted_slug, email), most, within, lock_for);
    END IF;
    IF locked_until IS NULL THEN
        SELECT u.id, u.email, u.name INTO person, known_email, name FROM users u
         WHERE u.tenant_id = tenant AND u.email_key = lower(request_reset.email) AND u.deleted_at IS NULL AND NOT u.is_service;
        DELETE FROM user_secrets s WHERE s.tenant_id = tenant AND s.user_id = person AND s.kind = 'reset';
        INSERT INTO user_secrets (tenant_id, user_id, kind, id, secret, expires_at)
        SELECT tenant, u.id, 'reset', link, digest, until FROM users u WHERE u.tenant_id = tenant AND u.id = person
        ON CONFLICT DO NOTHING;
        PERFORM note_action('link.requested', 'user', person, '{"purpose": "reset"}');
    END IF;
    PERFORM step_into(NULL);
    RETURN NEXT;
END $$;

-- Whose link it is; no row for one that was used, is over, or never was.
CREATE FUNCTION empla.look_at_link(tenant uuid, person uuid, link uuid, digest bytea)
    RETURNS TABLE (purpose text, email text, name text, slug text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM require_outside();
    PERFORM step_into(tenant);
    SELECT s.kind, u.email, u.name, t.slug INTO purpose, email, name, slug
      FROM user_secrets s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id JOIN tenants t ON t.id = s.tenant_id
     WHERE s.tenant_id = tenant AND s.user_id = person AND s.kind IN ('invitation', 'reset') AND s.id = link AND s.secret = digest
       AND s.expires_at > moment AND living_person(tenant, person);
    PERFORM step_into(NULL);
    IF purpose IS NOT NULL THEN
        RETURN NEXT;
    END IF;
END $$;

-- The link is used up, and the password is this one. False for a link that is not good any more.
CREATE FUNCTION empla.use_link(tenant uuid, person uuid, link uuid, digest bytea, hash text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp(); purpose text;
BEGIN
    PERFORM require_outside();
    PERFORM step_into(tenant, person);
    DELETE FROM user_secrets s
     WHERE s.tenant_id = tenant AND s.user_id = person AND s.kind IN ('invitation', 'reset') AND s.id = link AND s.secret = digest
       AND s.expires_at > moment AND living_person(tenant, person)
    RETURNING s.kind INTO purpose;
    IF purpose IS NOT NULL THEN
        PERFORM put_password(tenant, person, hash, NULL);
        PERFORM note_action('password.set', 'user', person, jsonb_build_object('by', purpose));
    END IF;
    PERFORM step_into(NULL);
    RETURN purpose IS NOT NULL;
END $$;

-- API keys

-- For oneself, or by an admin for a program. A key makes no keys: it would hand on more than it has.
CREATE FUNCTION empla.make_key(key uuid, person uuid, name text, prefix text, scopes text[], employee_ids uuid[], expires_at timestamptz, digest bytea)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    owner record;
BEGIN
    SELECT u.is_service INTO owner FROM users u WHERE u.tenant_id = ctx.tenant_id() AND u.id = person AND u.deleted_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such user' USING ERRCODE = 'EM404';
    ELSIF ctx.scopes() IS NOT NULL
          OR NOT coalesce(person = ctx.user_id() OR ctx.role() = 'operator' OR (ctx.is_admin() AND owner.is_service), false) THEN
        RAISE EXCEPTION 'people make their own keys, admins those of service accounts' USING ERRCODE = 'EM403';
    END IF;
    INSERT INTO api_keys (tenant_id, id, user_id, name, prefix, scopes, employee_ids, expires_at, created_by)
    VALUES (ctx.tenant_id(), key, person, make_key.name, make_key.prefix, make_key.scopes, make_key.employee_ids, make_key.expires_at, ctx.user_id());
    INSERT INTO user_secrets (tenant_id, user_id, kind, id, secret) VALUES (ctx.tenant_id(), person, 'key', key, digest);
END $$;

-- By its owner or an admin. False where there is no such key that is in use.
CREATE FUNCTION empla.revoke_key(key uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp(); owner uuid;
BEGIN
    UPDATE api_keys k SET revoked_at = moment
     WHERE k.tenant_id = ctx.tenant_id() AND k.id = key AND k.revoked_at IS NULL AND (ctx.is_admin() OR k.user_id = ctx.user_id())
    RETURNING k.user_id INTO owner;
    DELETE FROM user_secrets s WHERE s.tenant_id = ctx.tenant_id() AND s.user_id = owner AND s.kind = 'key' AND s.id = key;
    RETURN owner IS NOT NULL;
END $$;

-- Behind the answer: nobody waits, and a minute is exact enough.
CREATE FUNCTION empla.note_key_use(tenant uuid, person uuid, key uuid, digest bytea) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp(); noted boolean;
BEGIN
    PERFORM require_outside();
    PERFORM step_into(tenant, person);
    UPDATE api_keys k SET last_used_at = moment
     WHERE k.tenant_id = tenant AND k.id = (
               SELECT o.id FROM api_keys o JOIN user_secrets s ON s.tenant_id = o.tenant_id AND s.user_id = o.user_id AND s.kind = 'key' AND s.id = o.id
                WHERE o.tenant_id = tenant AND o.id = key AND s.secret = digest AND coalesce(o.last_used_at < moment - interval '1 minute', true)
                  FOR UPDATE OF o SKIP LOCKED);
    noted := FOUND;
    PERFORM step_into(NULL);
    RETURN noted;
END $$;

-- The door

-- What a proof is worth: one row, or none when it proves nothing. `scopes` is null for a sign-in.
CREATE FUNCTION empla.prove(tenant uuid, person uuid, sign_in uuid, api_key uuid, digest bytea) RETURNS TABLE (scopes text[], employee_ids uuid[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    IF api_key IS NULL THEN
        RETURN QUERY SELECT NULL::text[], NULL::uuid[] FROM sign_ins i
          WHERE i.tenant_id = tenant AND i.id = sign_in AND i.user_id = person
            AND i.ended_at IS NULL AND i.expires_at > statement_timestamp() AND i.idle_until > statement_timestamp();
    ELSIF sign_in IS NULL THEN
        RETURN QUERY SELECT k.scopes, k.employee_ids
           FROM api_keys k JOIN user_secrets s ON s.tenant_id = k.tenant_id AND s.user_id = k.user_id AND s.kind = 'key' AND s.id = k.id
          WHERE k.tenant_id = tenant AND k.id = api_key AND k.user_id = person AND s.secret = digest
            AND k.revoked_at IS NULL AND coalesce(k.expires_at > statement_timestamp(), true);
    END IF;
END $$;

-- The door of every transaction: who is asking, in which tenant, and how do they prove it; returns the domain's now.
-- A user's role and assignments are read here, in the database: what a caller says about himself does not count, and a change is
-- effective at the next transaction. SET LOCAL by EXECUTE, because set_config() does not reach the other nodes of a cluster.
-- Whoever brings a proof hears one sentence when it is not enough; a caller without one holds the database's URL.
DROP FUNCTION ctx.enter(uuid, uuid, uuid);
CREATE FUNCTION ctx.enter(tenant uuid, as_user uuid DEFAULT NULL, as_employee uuid DEFAULT NULL, sign_in uuid DEFAULT NULL,
                          api_key uuid DEFAULT NULL, key_digest bytea DEFAULT NULL) RETURNS timestamptz
    LANGUAGE plpgsql AS $$
DECLARE
    house record; person record; proof record; assigned uuid[]; asking_role text := 'operator'; scopes text[]; domain_now text := '';
    brings_proof boolean := sign_in IS NOT NULL OR api_key IS NOT NULL OR key_digest IS NOT NULL; unproven boolean;
BEGIN
    IF current_setting('citus.version', true) IS NOT NULL THEN
        PERFORM set_config('citus.propagate_set_commands', 'local', true);
    END IF;
    SET LOCAL search_path = empla, public, pg_temp;
    EXECUTE format('SET LOCAL app.current_tenant_id = %L', coalesce(tenant::text, ''));
    EXECUTE format('SET LOCAL app.current_user_id = %L', coalesce(as_user::text, ''));
    EXECUTE format('SET LOCAL app.current_employee_id = %L', coalesce(as_employee::text, ''));
    SELECT status, simulated_now INTO house FROM empla.tenants WHERE id = tenant;
    IF brings_proof THEN
        unproven := house.status IS DISTINCT FROM 'active' OR as_user IS NULL OR as_employee IS NOT NULL;
        IF NOT unproven THEN
            SELECT p.scopes, p.employee_ids INTO proof FROM empla.prove(tenant, as_user, sign_in, api_key, key_digest) p;
            unproven := NOT FOUND;
            SELECT role INTO person FROM empla.users WHERE id = as_user AND tenant_id = enter.tenant AND deleted_at IS NULL;
            unproven := unproven OR NOT FOUND;
        END IF;
        IF unproven THEN
            RAISE EXCEPTION 'not signed in: the credential is wrong, or not good any more' USING ERRCODE = 'EM401';
        END IF;
        asking_role := person.role;
        scopes := proof.scopes;
    ELSIF house.status IS NULL THEN
        RAISE EXCEPTION 'no such tenant' USING ERRCODE = 'EM404';
    ELSIF house.status <> 'active' THEN
        RAISE EXCEPTION 'this tenant is %', house.status USING ERRCODE = 'EM403';
    ELSIF as_user IS NOT NULL THEN
        IF as_employee IS NOT NULL THEN
            RAISE EXCEPTION 'one asks as a user or as an employee, not as both' USING ERRCODE = '22023';
        END IF;
        SELECT role INTO person FROM empla.users WHERE tenant_id = tenant AND id = as_user AND deleted_at IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no such user' USING ERRCODE = 'EM404';
        END IF;
        asking_role := person.role;
    ELSIF as_employee IS NOT NULL THEN
        asking_role := 'employee';
        SELECT status INTO person FROM empla.employees WHERE tenant_id = tenant AND id = as_employee AND deleted_at IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no such employee' USING ERRCODE = 'EM404';
        ELSIF person.status <> 'active' THEN  -- paused and onboarding employees run no cycle
            RAISE EXCEPTION 'this employee is %', person.status USING ERRCODE = 'EM409';
        END IF;
    END IF;
    domain_now := coalesce(house.simulated_now::text, '');
    IF asking_role = 'user' THEN
        SELECT array_agg(employee_id) INTO assigned FROM empla.employee_assignments WHERE tenant_id = tenant AND user_id = as_user;
    END IF;
    IF scopes IS NOT NULL THEN
        -- A key is worth less than its owner, or as much.
        IF asking_role = 'admin' AND NOT 'admin' = ANY (scopes) THEN
            asking_role := 'manager';
        END IF;
        IF proof.employee_ids IS NOT NULL THEN
            assigned := CASE WHEN asking_role = 'user' THEN ARRAY(SELECT e FROM unnest(proof.employee_ids) e WHERE e = ANY (assigned))
                             ELSE proof.employee_ids END;
            asking_role := 'user';
        END IF;
        IF NOT EXISTS (SELECT FROM unnest(scopes) s WHERE s IN ('write', 'approve', 'admin') OR s LIKE '%:write') THEN
            SET LOCAL transaction_read_only = on;
        END IF;
    END IF;
    EXECUTE format('SET LOCAL app."current_role" = %L', asking_role);
    EXECUTE format('SET LOCAL app.assigned_employee_ids = %L', coalesce(assigned::text, ''));
    EXECUTE format('SET LOCAL app.current_scopes = %L', coalesce(scopes::text, ''));
    EXECUTE format('SET LOCAL app.now = %L', domain_now);
    RETURN ctx.now();
END $$;

-- Rights

REVOKE ALL ON FUNCTION ctx.scopes(), ctx.enter(uuid, uuid, uuid, uuid, uuid, bytea), empla.step_into(uuid, uuid), empla.require_outside(),
    empla.house_of(text), empla.account_key(text, text), empla.living_person(uuid, uuid),
    empla.count_attempt(uuid, text, bytea, integer, interval, interval), empla.clear_attempts(uuid, text, bytea),
    empla.close_sign_ins(uuid, uuid, uuid, uuid, text), empla.put_password(uuid, uuid, text, uuid), empla.recipe_of(uuid, uuid),
    empla.begin_sign_in(text, text, bytea, integer, integer, interval, interval),
    empla.finish_sign_in(uuid, uuid, text, text, text, text, bytea, text, bytea, bytea, interval, interval),
    empla.exchange_refresh(uuid, uuid, uuid, bytea, bytea, bytea, interval, interval), empla.end_sign_ins(uuid, uuid, uuid, text),
    empla.own_recipe(integer, interval, interval), empla.change_password(text, text, uuid), empla.set_password(uuid, text),
    empla.make_link(uuid, text, uuid, bytea, interval),
    empla.request_reset(text, text, bytea, uuid, bytea, interval, integer, integer, interval, interval),
    empla.look_at_link(uuid, uuid, uuid, bytea), empla.use_link(uuid, uuid, uuid, bytea, text),
    empla.make_key(uuid, uuid, text, text, text[], uuid[], timestamptz, bytea), empla.revoke_key(uuid),
    empla.note_key_use(uuid, uuid, uuid, bytea), empla.prove(uuid, uuid, uuid, uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ctx.scopes() TO empla_app, empla_worker, empla_auth, empla_keeper, empla_retention, empla_migrator;
GRANT EXECUTE ON FUNCTION ctx.enter(uuid, uuid, uuid, uuid, uuid, bytea) TO empla_app, empla_worker;
GRANT EXECUTE ON FUNCTION empla.step_into(uuid, uuid), empla.require_outside(), empla.house_of(text), empla.account_key(text, text),
    empla.living_person(uuid, uuid), empla.count_attempt(uuid, text, bytea, integer, interval, interval), empla.clear_attempts(uuid, text, bytea),
    empla.close_sign_ins(uuid, uuid, uuid, uuid, text), empla.put_password(uuid, uuid, text, uuid), empla.recipe_of(uuid, uuid) TO empla_auth;
GRANT EXECUTE ON FUNCTION empla.begin_sign_in(text, text, bytea, integer, integer, interval, interval),
    empla.finish_sign_in(uuid, uuid, text, text, text, text, bytea, text, bytea, bytea, interval, interval),
    empla.exchange_refresh(uuid, uuid, uuid, bytea, bytea, bytea, interval, interval), empla.end_sign_ins(uuid, uuid, uuid, text),
    empla.own_recipe(integer, interval, interval), empla.change_password(text, text, uuid), empla.set_password(uuid, text),
    empla.make_link(uuid, text, uuid, bytea, interval),
    empla.request_reset(text, text, bytea, uuid, bytea, interval, integer, integer, interval, interval),
    empla.look_at_link(uuid, uuid, uuid, bytea), empla.use_link(uuid, uuid, uuid, bytea, text),
    empla.make_key(uuid, uuid, text, text, text[], uuid[], timestamptz, bytea), empla.revoke_key(uuid),
    empla.note_key_use(uuid, uuid, uuid, bytea), empla.prove(uuid, uuid, uuid, uuid, bytea) TO empla_app;
SET LOCAL ROLE empla_keeper;
GRANT EXECUTE ON FUNCTION empla.note_action(text, text, uuid, jsonb) TO empla_auth;
SET LOCAL ROLE empla_owner;
GRANT CREATE ON SCHEMA empla TO empla_auth;
ALTER FUNCTION empla.begin_sign_in(text, text, bytea, integer, integer, interval, interval) OWNER TO empla_auth;
ALTER FUNCTION empla.finish_sign_in(uuid, uuid, text, text, text, text, bytea, text, bytea, bytea, interval, interval) OWNER TO empla_auth;
ALTER FUNCTION empla.exchange_refresh(uuid, uuid, uuid, bytea, bytea, bytea, interval, interval) OWNER TO empla_auth;
ALTER FUNCTION empla.end_sign_ins(uuid, uuid, uuid, text) OWNER TO empla_auth;
ALTER FUNCTION empla.own_recipe(integer, interval, interval) OWNER TO empla_auth;
ALTER FUNCTION empla.change_password(text, text, uuid) OWNER TO empla_auth;
ALTER FUNCTION empla.set_password(uuid, text) OWNER TO empla_auth;
ALTER FUNCTION empla.make_link(uuid, text, uuid, bytea, interval) OWNER TO empla_auth;
ALTER FUNCTION empla.request_reset(text, text, bytea, uuid, bytea, interval, integer, integer, interval, interval) OWNER TO empla_auth;
ALTER FUNCTION empla.look_at_link(uuid, uuid, uuid, bytea) OWNER TO empla_auth;
ALTER FUNCTION empla.use_link(uuid, uuid, uuid, bytea, text) OWNER TO empla_auth;
ALTER FUNCTION empla.make_key(uuid, uuid, text, text, text[], uuid[], timestamptz, bytea) OWNER TO empla_auth;
ALTER FUNCTION empla.revoke_key(uuid) OWNER TO empla_auth;
ALTER FUNCTION empla.note_key_use(uuid, uuid, uuid, bytea) OWNER TO empla_auth;
ALTER FUNCTION empla.prove(uuid, uuid, uuid, uuid, bytea) OWNER TO empla_auth;
REVOKE CREATE ON SCHEMA empla FROM empla_auth;
