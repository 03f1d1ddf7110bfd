"""The day-one rules under which the same schema can be spread over machines by tenant, read off the catalogue."""

from typing import LiteralString

import psycopg
from catalogue import Violation
from sql_statements import faults

# Each query names what breaks its rule.
RULES: dict[str, LiteralString] = {
    "every table holds its tenant": """
        SELECT c.oid::regclass::text FROM pg_class c
         WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnotnull AND a.atttypid = 'uuid'::regtype
                              AND a.attname = CASE c.relname WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END)
    """,
    "no policy is RESTRICTIVE, for shards drop the word": """
        SELECT p.polname || ' on ' || p.polrelid::regclass FROM pg_policy p WHERE NOT p.polpermissive
    """,
    "no policy holds a sub-select": """
        SELECT p.polname || ' on ' || p.polrelid::regclass FROM pg_policy p
         WHERE concat(p.polqual::text, p.polwithcheck::text) LIKE '%{SUBLINK%'
    """,
    "no function in a policy reads a table or changes from row to row": r"""
        SELECT p.polname || ' on ' || p.polrelid::regclass || ': ' || f.oid::regprocedure
          FROM pg_policy p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_proc'::regclass
          JOIN pg_proc f ON f.oid = d.refobjid
         WHERE f.provolatile = 'v' OR f.prosecdef OR f.prosrc ~* '\m(from|join|execute|perform|table)\M'
    """,
    "every primary key and unique index holds the tenant": """
        SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND (i.indisunique OR i.indisexclusion)
           AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[])
                              AND a.attname = CASE c.relname WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END)
    """,
    "every foreign key holds the tenant in the same place on both sides": """
        SELECT k.conname || ' on ' || k.conrelid::regclass FROM pg_constraint k
         WHERE k.contype = 'f' AND k.connamespace IN ('empla'::regnamespace, 'ctx'::regnamespace)
           AND NOT EXISTS (
               SELECT FROM unnest(k.conkey, k.confkey) u (child, parent)
                 JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.child AND a.attname = 'tenant_id'
                 JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.parent
                  AND b.attname = CASE k.confrelid::regclass::text WHEN 'empla.tenants' THEN 'id' ELSE 'tenant_id' END)
    """,
    "no foreign key clears or follows a column": """
        SELECT k.conname || ' on ' || k.conrelid::regclass FROM pg_constraint k
         WHERE k.contype = 'f' AND k.connamespace = 'empla'::regnamespace
           AND (k.confdeltype IN ('n', 'd') OR k.confupdtype IN ('n', 'd', 'c'))
    """,
    "the schedule stands by itself": """
        SELECT k.conname || ' on ' || k.conrelid::regclass FROM pg_constraint k
         WHERE k.contype = 'f' AND 'empla.employee_schedule'::regclass IN (k.conrelid, k.confrelid)
    """,
    "the context is set by SET LOCAL, for set_config does not reach other nodes": """
        SELECT p.oid::regprocedure::text FROM pg_proc p
         WHERE p.pronamespace IN ('empla'::regnamespace, 'ctx'::regnamespace)
           AND replace(p.prosrc, 'set_config(''citus.propagate_set_commands'', ''local'', true)', '') ~* 'set_config'
    """,
    "the door lets its settings travel before it makes any, and makes all": """
        SELECT s.setting FROM pg_proc p, unnest(ARRAY['app.current_tenant_id', 'app.current_user_id', 'app.current_employee_id',
               'app."current_role"', 'app.assigned_employee_ids', 'app.current_scopes', 'app.now']) s (setting)
         WHERE p.oid = 'ctx.enter(uuid,uuid,uuid,uuid,uuid,bytea)'::regprocedure
           AND (strpos(p.prosrc, 'format(''SET LOCAL ' || s.setting || ' = %L''') = 0
             OR strpos(p.prosrc, 'citus.propagate_set_commands') NOT BETWEEN 1 AND strpos(p.prosrc, 'SET LOCAL'))
    """,
    "a notice is sent by a statement, not by a trigger": r"""
        SELECT p.oid::regprocedure::text FROM pg_proc p
         WHERE p.pronamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND p.prosrc ~* '\m(pg_notify|notify)\M'
    """,
}

EXCEPTIONS: dict[Violation, str] = {
    Violation("every table holds its tenant", "empla.alembic_version"): "the schema's revision, the same for everybody",
    Violation("every primary key and unique index holds the tenant", "empla.alembic_version_pkc"): "the same",
    Violation(
        "every primary key and unique index holds the tenant", "empla.tenant_slugs_pkey"
    ): "slugs are unique over all tenants: a small table of its own, which every machine holds",
}

_FUNCTIONS: LiteralString = """
    SELECT p.oid::regprocedure::text, p.prosrc FROM pg_proc p
     WHERE p.pronamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND p.prokind = 'f' ORDER BY 1
"""
# Names of which no variant is stable.
_VOLATILE: LiteralString = """
    SELECT proname FROM pg_proc WHERE pronamespace IN ('pg_catalog'::regnamespace, 'empla'::regnamespace, 'ctx'::regnamespace)
     GROUP BY proname HAVING bool_and(provolatile = 'v')
"""


def volatile_functions(connection: psycopg.Connection) -> set[str]:
    """What gives another answer at each call."""
    return {row[0] for row in connection.execute(_VOLATILE)}


def violations(connection: psycopg.Connection) -> list[Violation]:
    """Every violation in the catalogue and in the bodies of our functions, and every exception that nothing needs any more."""
    found = {
        Violation(rule, str(row[0])) for rule, query in RULES.items() for row in connection.execute(query).fetchall()
    }
    unneeded = {Violation(f"exception not needed: {gone.rule}", gone.found) for gone in EXCEPTIONS.keys() - found}
    volatile = volatile_functions(connection)
    bodies = {
        Violation(fault, name)
        for name, body in connection.execute(_FUNCTIONS).fetchall()
        for fault in faults(body, tables=set(), volatile=volatile, tenant_named=False)
    }
    return sorted((found - EXCEPTIONS.keys()) | unneeded | bodies)
