"""Walks the catalogue of a migrated database and names every object that stands without its fence."""

from dataclasses import dataclass
from typing import LiteralString

import psycopg


@dataclass(frozen=True, order=True)
class Violation:
    """An object that breaks a rule."""

    rule: str
    found: str

    def __str__(self) -> str:
        return f"{self.found}: {self.rule}"


# Each query names the objects that break its rule; none when all is well.
RULES: dict[str, LiteralString] = {
    "row security is enabled and forced on every table and partition": """
        SELECT c.oid::regclass::text FROM pg_class c
         WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND c.relkind IN ('r', 'p')
           AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
    """,
    "every table has a policy": """
        SELECT c.oid::regclass::text FROM pg_class c
         WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
    """,
    "nobody but its owner has a right on a partition": """
        SELECT c.oid::regclass::text || ': ' || a.grantee::regrole FROM pg_class c, aclexplode(c.relacl) a
         WHERE c.relispartition AND c.relnamespace = 'empla'::regnamespace AND a.grantee <> c.relowner
        UNION
        SELECT c.oid::regclass::text || ': ' || a.grantee::regrole
          FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
         WHERE c.relispartition AND c.relnamespace = 'empla'::regnamespace
    """,
    # What cannot carry row security at all, or counts over all tenants.
    "there is no materialized view, foreign table or sequence": """
        SELECT c.oid::regclass::text FROM pg_class c
         WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND c.relkind IN ('m', 'f', 'S')
    """,
    "a view asks with the rights of its reader": """
        SELECT c.oid::regclass::text FROM pg_class c
         WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND c.relkind = 'v'
           AND NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)
    """,
    "no table has a rewrite rule": """
        SELECT r.rulename || ' on ' || r.ev_class::regclass FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
         WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND c.relkind <> 'v'
    """,
    "no policy is RESTRICTIVE": """
        SELECT p.polname || ' on ' || p.polrelid::regclass FROM pg_policy p WHERE NOT p.polpermissive
    """,
    "no policy is for PUBLIC": """
        SELECT p.polname || ' on ' || p.polrelid::regclass FROM pg_policy p WHERE 0 = ANY (p.polroles)
    """,
    # The tenant stands at the top level of the AND: `… OR true` around it would be printed with one more parenthesis.
    "the policies of app and worker fence the tenant in, in USING and CHECK": r"""
        WITH fence AS (
            SELECT p.polname || ' on ' || p.polrelid::regclass AS policy, p.polcmd,
                   CASE WHEN p.polrelid = 'empla.tenants'::regclass THEN 'id' ELSE 'tenant_id' END AS tenant,
                   pg_get_expr(p.polqual, p.polrelid) AS seen,
                   coalesce(pg_get_expr(p.polwithcheck, p.polrelid),
                            CASE WHEN p.polcmd IN ('*', 'w') THEN pg_get_expr(p.polqual, p.polrelid) END) AS checked
              FROM pg_policy p
             WHERE p.polroles && ARRAY(SELECT oid FROM pg_roles WHERE rolname IN ('empla_app', 'empla_worker'))
        ), shape AS (
            SELECT *, format('^(\(\(%1$s = ctx\.tenant_id\(\)\) AND .*\)|\(%1$s = ctx\.tenant_id\(\)\))$', tenant) AS fenced FROM fence
        )
        SELECT policy FROM shape
         WHERE (polcmd <> 'a' AND seen !~ fenced) OR (polcmd IN ('*', 'a', 'w') AND checked !~ fenced)
            OR (polcmd <> 'a' AND seen IS NULL) OR (polcmd IN ('*', 'a', 'w') AND checked IS NULL)
    """,
    "the worker's policies fence its employee in": """
        SELECT p.polname || ' on ' || p.polrelid::regclass FROM pg_policy p
         WHERE p.polroles && ARRAY(SELECT oid FROM pg_roles WHERE rolname = 'empla_worker')
           AND (coalesce(pg_get_expr(p.polqual, p.polrelid), '') || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''))
               NOT LIKE '%= ctx.employee_id()%'
    """,
    "no other role's policy crosses tenants": """
        SELECT CASE r.rolname WHEN 'empla_migrator' THEN 'empla_migrator' ELSE r.rolname || ' on ' || p.polrelid::regclass END
          FROM pg_policy p JOIN pg_roles r ON r.oid = ANY (p.polroles)
         WHERE r.rolname NOT IN ('empla_app', 'empla_worker')
           AND (coalesce(pg_get_expr(p.polqual, p.polrelid), 'ctx.tenant_id()') NOT LIKE '%ctx.tenant_id()%'
             OR coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'ctx.tenant_id()') NOT LIKE '%ctx.tenant_id()%')
    """,
    "PUBLIC has no right at all": """
        SELECT c.oid::regclass::text FROM pg_class c, aclexplode(c.relacl) a
         WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND a.grantee = 0
        UNION
        SELECT c.oid::regclass || '.' || t.attname FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
         WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND a.grantee = 0
        UNION
        SELECT p.oid::regprocedure::text FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
         WHERE p.pronamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND a.grantee = 0
        UNION
        SELECT n.nspname FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname IN ('empla', 'ctx') AND a.grantee = 0
    """,
    # A login has what its group has, and no more.
    "rights are granted to our groups alone": """
        SELECT g.granted || ': ' || g.grantee::regrole FROM (
            SELECT c.oid::regclass::text, a.grantee FROM pg_class c, aclexplode(c.relacl) a
             WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace)
            UNION
            SELECT c.oid::regclass || '.' || t.attname, a.grantee
              FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
             WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace)
            UNION
            SELECT p.oid::regprocedure::text, a.grantee FROM pg_proc p, aclexplode(p.proacl) a
             WHERE p.pronamespace IN ('empla'::regnamespace, 'ctx'::regnamespace)
            UNION
            SELECT n.nspname::text, a.grantee FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname IN ('empla', 'ctx')
        ) g (granted, grantee)
         WHERE g.grantee <> 0 AND g.grantee::regrole::text NOT IN
               ('empla_owner', 'empla_app', 'empla_worker', 'empla_auth', 'empla_keeper', 'empla_retention', 'empla_migrator')
    """,
    "only the owner makes objects in our schemas": """
        SELECT n.nspname || ': ' || a.grantee::regrole FROM pg_namespace n, aclexplode(n.nspacl) a
         WHERE n.nspname IN ('empla', 'ctx') AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
    """,
    "no default privilege grants what nobody wrote down": """
        SELECT d.defaclrole::regrole || ' in ' || coalesce(d.defaclnamespace::regnamespace::text, 'every schema')
          FROM pg_default_acl d, aclexplode(d.defaclacl) a WHERE a.grantee <> d.defaclrole
    """,
    "a definer function has a fixed search_path that ends in pg_temp": """
        SELECT p.oid::regprocedure::text FROM pg_proc p
         WHERE p.prosecdef AND p.pronamespace IN ('empla'::regnamespace, 'ctx'::regnamespace)
           AND NOT EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~ '^search_path=(.*, )?pg_temp$')
    """,
    "a definer function lends the rights of a role that nobody enters by": """
        SELECT p.oid::regprocedure::text || ': ' || r.rolname FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
         WHERE p.prosecdef AND p.pronamespace IN ('empla'::regnamespace, 'ctx'::regnamespace)
           AND (r.rolcanlogin OR r.rolsuper OR r.rolbypassrls
                OR r.rolname NOT IN ('empla_owner', 'empla_auth', 'empla_keeper', 'empla_retention'))
    """,
    "app and worker call no definer function": """
        SELECT DISTINCT p.oid::regprocedure::text FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
         WHERE p.prosecdef AND p.pronamespace IN ('empla'::regnamespace, 'ctx'::regnamespace)
           AND (a.grantee = 0 OR a.grantee::regrole::text IN ('empla_app', 'empla_worker'))
    """,
    "schemas, tables and plain functions are the owner's": """
        SELECT c.oid::regclass::text FROM pg_class c
         WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND c.relowner <> 'empla_owner'::regrole
        UNION
        SELECT p.oid::regprocedure::text FROM pg_proc p
         WHERE p.pronamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND NOT p.prosecdef AND p.proowner <> 'empla_owner'::regrole
        UNION
        SELECT n.nspname FROM pg_namespace n WHERE n.nspname IN ('empla', 'ctx') AND n.nspowner <> 'empla_owner'::regrole
    """,
    "our roles own nothing outside of our schemas": """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
         WHERE r.rolname LIKE 'empla%' AND c.relnamespace NOT IN ('empla'::regnamespace, 'ctx'::regnamespace, 'pg_toast'::regnamespace)
        UNION
        SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
         WHERE r.rolname LIKE 'empla%' AND p.pronamespace NOT IN ('empla'::regnamespace, 'ctx'::regnamespace)
    """,
    "no role of ours is stronger than its rights": """
        SELECT rolname FROM pg_roles
         WHERE rolname LIKE 'empla%' AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
    """,
    "our groups can't log in": """
        SELECT rolname FROM pg_roles
         WHERE rolcanlogin AND rolname IN ('empla_owner', 'empla_app', 'empla_worker', 'empla_auth', 'empla_keeper', 'empla_retention',
                                           'empla_migrator')
    """,
    "a login is a member of exactly one group": """
        SELECT l.rolname FROM pg_roles l JOIN pg_auth_members m ON m.member = l.oid
         WHERE l.rolcanlogin AND NOT l.rolsuper
           AND EXISTS (SELECT FROM pg_auth_members g WHERE g.member = l.oid AND g.roleid::regrole::text IN ('empla_app', 'empla_worker'))
         GROUP BY l.rolname HAVING count(*) <> 1 OR bool_or(m.admin_option)
    """,
    "groups are members of nothing, but the owner hands functions over": """
        SELECT m.member::regrole || ' in ' || m.roleid::regrole FROM pg_auth_members m
         WHERE m.member::regrole::text IN ('empla_app', 'empla_worker', 'empla_auth', 'empla_keeper', 'empla_retention', 'empla_migrator')
            OR (m.member = 'empla_owner'::regrole AND m.inherit_option)
    """,
    "nobody but the keeper inserts into the logs": """
        SELECT c.oid::regclass || ': ' || a.grantee::regrole FROM pg_class c, aclexplode(c.relacl) a
         WHERE c.oid IN ('empla.audit_log'::regclass, 'empla.belief_history'::regclass) AND a.privilege_type = 'INSERT'
           AND a.grantee NOT IN ('empla_keeper'::regrole, c.relowner)
        UNION
        SELECT c.oid::regclass || ': ' || a.grantee::regrole
          FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
         WHERE c.oid IN ('empla.audit_log'::regclass, 'empla.belief_history'::regclass) AND a.privilege_type = 'INSERT'
           AND a.grantee <> 'empla_keeper'::regrole
    """,
    "nobody but retention changes or deletes in the logs": """
        SELECT c.oid::regclass || ': ' || a.grantee::regrole FROM pg_class c, aclexplode(c.relacl) a
         WHERE c.oid IN ('empla.audit_log'::regclass, 'empla.belief_history'::regclass) AND a.privilege_type IN ('UPDATE', 'DELETE')
           AND a.grantee NOT IN ('empla_retention'::regrole, c.relowner)
    """,
    "nobody truncates": """
        SELECT c.oid::regclass || ': ' || a.grantee::regrole FROM pg_class c, aclexplode(c.relacl) a
         WHERE c.relnamespace = 'empla'::regnamespace AND a.privilege_type = 'TRUNCATE' AND a.grantee <> c.relowner
    """,
    # Row security does not stop TRUNCATE, so not even the owner keeps the right on what must outlive mistakes.
    "not even the owner truncates a log or its partitions": """
        SELECT c.oid::regclass::text FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
         WHERE c.relnamespace = 'empla'::regnamespace AND c.relname ~ '^(audit_log|belief_history)' AND c.relkind IN ('r', 'p')
           AND a.privilege_type = 'TRUNCATE'
    """,
    "the columns of a key can't be changed": """
        SELECT DISTINCT c.oid::regclass || '.' || t.attname
          FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
          JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum = ANY (i.indkey::int2[])
         CROSS JOIN (VALUES ('empla_app'), ('empla_worker')) w (role)
         WHERE c.relnamespace = 'empla'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND has_column_privilege(w.role, c.oid, t.attnum, 'UPDATE')
           AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgfoid = to_regproc('empla.refuse_key_change')
                              AND t.attnum = ANY (g.tgattr::int2[]))
    """,
    # `column IS NOT NULL` in the index's predicate follows from the key's own comparison; any other predicate hides rows from it.
    "every foreign key has an index that finds its rows": """
        SELECT k.conname || ' on ' || k.conrelid::regclass FROM pg_constraint k
         WHERE k.contype = 'f' AND k.connamespace = 'empla'::regnamespace AND k.conparentid = 0
           AND NOT EXISTS (
               SELECT FROM pg_index i
                WHERE i.indrelid = k.conrelid AND i.indisvalid
                  AND (SELECT array_agg(x ORDER BY x) FROM unnest((i.indkey::int2[])[0:cardinality(k.conkey) - 1]) x)
                      = (SELECT array_agg(x ORDER BY x) FROM unnest(k.conkey) x)
                  AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = ANY (
                           SELECT format('(%I IS NOT NULL)', t.attname) FROM pg_attribute t
                            WHERE t.attrelid = k.conrelid AND t.attnum = ANY (k.conkey))))
    """,
    "no index repeats the beginning of another": """
        SELECT a.indexrelid::regclass::text FROM pg_index a JOIN pg_index b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid
          JOIN pg_class c ON c.oid = a.indrelid
         WHERE c.relnamespace = 'empla'::regnamespace AND NOT c.relispartition AND NOT a.indisunique
           AND a.indpred IS NULL AND b.indpred IS NULL
           AND a.indnkeyatts <= b.indnkeyatts AND (a.indkey::int2[])[0:a.indnkeyatts - 1] = (b.indkey::int2[])[0:a.indnkeyatts - 1]
           AND (a.indoption::int2[])[0:a.indnkeyatts - 1] = (b.indoption::int2[])[0:a.indnkeyatts - 1]
           AND a.indkey[0] <> 0
    """,
}

# What stands without a fence, and why it may.
EXCEPTIONS: dict[Violation, str] = {
    Violation(rule, found): reason
    for rule, by_object in {
        "row security is enabled and forced on every table and partition": {
            "empla.alembic_version": "the schema's revision: one row, the same for everybody, read-only"
        },
        "every table has a policy": {"empla.alembic_version": "as above"},
        "the worker's policies fence its employee in": {
            "tenant_isolation on empla.tenants": "an employee reads its own tenant's row: the clock and the settings",
            "carrying on empla.capabilities": "an employee reads what its tenant offers, and within which limits",
            "carrying on empla.integrations": "an employee reads the account that carries out what it sends; the secret is sealed",
        },
        "no other role's policy crosses tenants": {
            "empla_migrator": "backfills: under FORCE the owner sees no row; nobody but the administrator becomes this role",
            "empla_auth on empla.tenants": "finds tenants by slug, provisions and suspends them, inside definer functions",
            "empla_auth on empla.tenant_slugs": "the same",
            "empla_auth on empla.employee_schedule": "claims turns over all tenants, and keeps the schedule of one in step with its status",
            "empla_auth on empla.memory_index": "says whose memories wait, inside a definer function that names employees and nothing else",
            "empla_auth on empla.memory_spaces": "the same",
            "empla_retention on empla.audit_log": "erases personal payloads, inside a definer function",
            "empla_retention on empla.belief_history": "the same",
            "empla_retention on empla.goal_history": "the same",
            "empla_retention on empla.metrics": "deletes what was kept long enough",
        },
        "app and worker call no definer function": {
            "empla.find_tenant(text)": "signing in starts from a slug, before any tenant is entered",
            "empla.provision_tenant(text,text,timestamp with time zone,jsonb,jsonb)": "makes a tenant",
            "empla.set_tenant_status(uuid,text)": "suspends a tenant, whose own people must not",
            "empla.advance_clock(timestamp with time zone)": "moves the caller's own simulated tenant forward",
            "empla.claim_due(text,interval,integer)": "a worker's turns, whoever's they are",
            "empla.due_in()": "how long a worker may sleep",
            "empla.turns()": "how many are due and how late, for those who watch the process: two counts and a time",
            "empla.waiting_memories(integer,integer)": "whose memories wait to be counted and embedded",
            "empla.active_tenants()": "housekeeping goes from tenant to tenant",
            "empla.refresh_statistics()": "housekeeping: ANALYZE needs the owner",
            "empla.ensure_partitions(integer)": "housekeeping: the coming months' partitions need the owner",
            "empla.decide_effect(uuid,text,text,text,text,text[],jsonb)": "staff decide on an effect: nobody writes an approval",
            "empla.settle_effect(uuid,text,text)": "staff say what came of an uncertain effect",
            "empla.begin_effect(uuid,bigint)": "every gate on the way out: nobody writes an effect's state",
            "empla.finish_effect(uuid,bigint,text,jsonb,text,timestamp with time zone)": "what came of it, told by who started it",
            "empla.expire_effects()": "what nobody decided in time is cancelled",
            "empla.reserve_budget(text,jsonb,bigint)": "nobody writes what is used of a budget",
            "empla.settle_budget(text,boolean,jsonb)": "the same",
            "empla.release_left_budgets(bigint)": "the same",
            "empla.say(uuid,uuid,text,text,text,uuid,text)": "a message and the observation of it in one: nobody writes a message",
            "empla.forget_events(interval)": "housekeeping: nobody else deletes an event",
            "empla.begin_sign_in(text,text,bytea,integer,integer,interval,interval)": "signing in, from outside: gives out no digest",
            "empla.finish_sign_in(uuid,uuid,text,text,text,text,bytea,text,bytea,bytea,interval,interval)": "compares the hash",
            "empla.exchange_refresh(uuid,uuid,uuid,bytea,bytea,bytea,interval,interval)": "for whoever has a refresh token",
            "empla.end_sign_ins(uuid,uuid,uuid,text)": "one's own, or an admin: nobody writes a sign-in",
            "empla.sweep_sign_ins(interval)": "housekeeping: the operator alone, and only what ended long ago",
            "empla.own_recipe(integer,interval,interval)": "the caller's own salt, no digest",
            "empla.change_password(text,text,uuid)": "for whoever knows the old one",
            "empla.set_password(uuid,text)": "the operator alone",
            "empla.make_link(uuid,text,uuid,bytea,interval)": "admins invite",
            "empla.request_reset(text,text,bytea,uuid,bytea,interval,integer,integer,interval,interval)": "the link goes to its owner",
            "empla.look_at_link(uuid,uuid,uuid,bytea)": "for whoever has the link",
            "empla.use_link(uuid,uuid,uuid,bytea,text)": "the same",
            "empla.make_key(uuid,uuid,text,text,text[],uuid[],timestamp with time zone,bytea)": "one's own, or an admin for a program",
            "empla.revoke_key(uuid)": "its owner, or an admin",
            "empla.note_key_use(uuid,uuid,uuid,bytea)": "for whoever has the key: when it was used",
            "empla.prove(uuid,uuid,uuid,uuid,bytea)": "the door asks what a proof is worth; it ends at the tenant's fence",
            "empla.note_action(text,text,uuid,jsonb)": "tells the audit log what changed no row, as the caller",
        },
    }.items()
    for found, reason in by_object.items()
}


def walk(connection: psycopg.Connection) -> list[Violation]:
    """Every violation but the excepted ones, and every exception that nothing needs any more."""
    found = {
        Violation(rule, str(row[0])) for rule, query in RULES.items() for row in connection.execute(query).fetchall()
    }
    unneeded = {Violation(f"exception not needed: {gone.rule}", gone.found) for gone in EXCEPTIONS.keys() - found}
    return sorted((found - EXCEPTIONS.keys()) | unneeded)


TABLES: LiteralString = """
    SELECT c.relname FROM pg_class c
     WHERE c.relnamespace = 'empla'::regnamespace AND c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition
       AND c.relname <> 'alembic_version' ORDER BY 1
"""


def tables(connection: psycopg.Connection) -> list[str]:
    """Every table and view that holds something of a tenant."""
    return [row[0] for row in connection.execute(TABLES)]
