"""The specification's schema beside ours: what each database's catalogue says of columns, constraints, indexes and policies."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg

SHARED = Path(os.environ.get("EMPLA_SHARED") or Path(__file__).parents[2].parent / "shared")
SPECIFICATION = SHARED / "spec" / "database-schema.md"

# By kind and name; a column and a policy are named with their table, the others are unique in their schema.
Objects = dict[tuple[str, str], "Object"]


@dataclass(frozen=True)
class Object:
    """A column, key, check, index or policy."""

    table: str
    definition: str


_OBJECTS = r"""
    WITH relation AS (
        SELECT oid, relname FROM pg_class
         WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'alembic_version'
    )
    SELECT r.relname, 'column', r.relname || '.' || a.attname,
           format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
           || coalesce(CASE a.attgenerated WHEN 's' THEN ' generated as ' ELSE ' default ' END || pg_get_expr(d.adbin, d.adrelid), '')
      FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    UNION ALL
    SELECT r.relname, CASE c.contype WHEN 'c' THEN 'check' ELSE 'key' END, c.conname, pg_get_constraintdef(c.oid)
      FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid WHERE c.contype IN ('c', 'p', 'u', 'f')
    UNION ALL
    SELECT r.relname, 'index', i.indexrelid::regclass::text,
           regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE (UNIQUE )?INDEX .* USING (\w+)', '\1\2')
      FROM pg_index i JOIN relation r ON r.oid = i.indrelid
     WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u'))
    UNION ALL
    SELECT r.relname, 'policy', r.relname || '.' || p.polname,
           CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END
           || ' to ' || array_to_string(ARRAY(SELECT CASE o WHEN 0 THEN 'public' ELSE o::regrole::text END
                                                FROM unnest(p.polroles) o ORDER BY 1), ', ')
           || coalesce(' using ' || pg_get_expr(p.polqual, p.polrelid), '')
           || CASE WHEN pg_get_expr(p.polwithcheck, p.polrelid) = pg_get_expr(p.polqual, p.polrelid) THEN ' with the same check'
                   ELSE coalesce(' with check ' || pg_get_expr(p.polwithcheck, p.polrelid), '') END
      FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
"""


def objects_of(connection: psycopg.Connection, schema: str) -> Objects:
    """What the schema has, defined in words that do not name the schema."""
    connection.execute("SELECT set_config('search_path', %s, false)", (f"{schema}, public",))
    rows = connection.execute(_OBJECTS, {"schema": schema})
    return {(kind, name): Object(table, definition) for table, kind, name, definition in rows}


def run_specification(connection: psycopg.Connection) -> dict[str, str]:
    """The schema `seed` of this database is as the specification writes it; returns what could not be run, with the SQLSTATE."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector; CREATE SCHEMA seed; SET search_path = seed, public")
    failed: dict[str, str] = {}
    for block in re.findall(r"```sql\n(.*?)```", SPECIFICATION.read_text(encoding="utf-8"), re.DOTALL):
        for statement in re.sub(r"--.*", "", block).split(";"):
            if re.match(r"\s*(CREATE|ALTER) (TABLE|INDEX|POLICY)\b", statement):
                try:
                    connection.execute(statement.encode())
                except psycopg.Error as error:
                    failed[" ".join(statement.split()[:3])] = error.sqlstate or ""
    return failed
