"""Is the database as it should be? Every verdict is read from the catalogue, under the app's own login, and changes nothing."""

import time
from collections.abc import Iterator, Sequence
from typing import Literal, LiteralString

from pydantic import BaseModel, ConfigDict, computed_field

from empla.errors import UnavailableError
from empla.storage.database import Database
from empla.storage.ground import ROLES
from empla.storage.revision import HEAD, MINIMUM_SERVER, MINIMUM_VECTOR

Topic = Literal["server", "revision", "roles", "logins", "fences", "partitions"]
TOPICS: tuple[Topic, ...] = ("server", "revision", "roles", "logins", "fences", "partitions")


class Finding(BaseModel):
    """One thing that is not as it should be, in a sentence."""

    model_config = ConfigDict(frozen=True)

    topic: Topic
    finding: str


class UnhealthyError(UnavailableError):
    """The database answers, but is not as it should be."""


class Table(BaseModel):
    """One table with all its partitions, indexes and out-of-line values."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int | None  # an estimate; None before the first ANALYZE
    bytes: int


class Server(BaseModel):
    """What answered."""

    model_config = ConfigDict(frozen=True)

    login: str
    server: int  # server_version_num
    server_version: str
    vector_version: str | None
    database_bytes: int


class Health(BaseModel):
    """All that was looked at. `findings` is empty in a healthy database."""

    model_config = ConfigDict(frozen=True)

    latency_ms: float
    login: str
    server_version: str
    vector_version: str | None
    revision: str | None
    newest_revision: str
    database_bytes: int
    findings: list[Finding]
    tables: list[Table]

    @computed_field
    @property
    def healthy(self) -> bool:
        return not self.findings


SERVER: LiteralString = """
    SELECT session_user::text AS login, current_setting('server_version_num')::int AS server,
           current_setting('server_version') AS server_version,
           (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector_version,
           pg_database_size(current_database()) AS database_bytes
"""

TABLES: LiteralString = """
    SELECT t.relname::text AS name, (sum(part.reltuples) FILTER (WHERE part.reltuples >= 0))::bigint AS rows,
           sum(pg_total_relation_size(part.oid))::bigint AS bytes
      FROM pg_class t
      JOIN pg_namespace n ON n.oid = t.relnamespace
     CROSS JOIN LATERAL (SELECT t.oid AS relid UNION SELECT relid FROM pg_partition_tree(t.oid)) tree
      JOIN pg_class part ON part.oid = tree.relid AND part.relkind = 'r'
     WHERE n.nspname = 'empla' AND t.relkind IN ('r', 'p') AND NOT t.relispartition
     GROUP BY t.relname ORDER BY t.relname
"""


def unhealthy(findings: Sequence[Finding]) -> UnhealthyError:
    """What to raise once the findings were told."""
    return UnhealthyError(f"the database is not as it should be (findings: {len(findings)})")


async def health(database: Database) -> Health:
    """Looks at everything; open the database as it is, or opening it has mended its partitions already."""
    tables = await database.across(Table, TABLES)
    findings = await check(database)
    started = time.perf_counter()
    (server,) = await database.across(Server, SERVER)
    latency_ms = round((time.perf_counter() - started) * 1000, 2)
    return Health(
        latency_ms=latency_ms,
        login=server.login,
        server_version=server.server_version,
        vector_version=server.vector_version,
        revision=database.revision,
        newest_revision=HEAD,
        database_bytes=server.database_bytes,
        findings=findings,
        tables=tables,
    )


# Each part of the union is one law. An administrator that made a role is its member neither to inherit nor to set, and is not meant.
FINDINGS: LiteralString = """
    WITH RECURSIVE ours AS (
        SELECT oid, rolname::text AS name, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = ANY (%(roles)s::text[])
    ), member (role, login) AS (
        SELECT roleid, member FROM pg_auth_members WHERE inherit_option OR set_option
         UNION
        SELECT m.role, a.member FROM member m JOIN pg_auth_members a ON a.roleid = m.login WHERE a.inherit_option OR a.set_option
    ), login AS (
        SELECT r.oid, r.rolname::text AS name, r.rolsuper, r.rolbypassrls
          FROM pg_roles r
         WHERE r.rolname = session_user OR r.rolname = %(worker_login)s::text
            OR (r.rolcanlogin AND EXISTS (SELECT FROM member m JOIN ours o ON o.oid = m.role
                                           WHERE m.login = r.oid AND o.name IN ('empla_app', 'empla_worker')))
    ), held AS (
        SELECT login.name AS login, ours.name AS role
          FROM login JOIN member ON member.login = login.oid JOIN ours ON ours.oid = member.role
    ), month (name) AS (
        SELECT to_char(now() AT TIME ZONE 'UTC' + ahead * interval '1 month', 'YYYYMM') FROM generate_series(0, 3) ahead
    ), relation AS (
        SELECT c.oid, c.relname::text AS name, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
               pg_get_userbyid(c.relowner)::text AS owner
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'empla' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname <> 'alembic_version'
    )
    SELECT 'roles' AS topic, 'the role ' || wanted || ' is missing' AS finding
      FROM unnest(%(roles)s::text[]) wanted WHERE wanted NOT IN (SELECT name FROM ours)
    UNION ALL
    SELECT 'roles', 'the role ' || name || ' is a superuser' FROM ours WHERE rolsuper
    UNION ALL
    SELECT 'roles', 'the role ' || name || ' bypasses row security' FROM ours WHERE rolbypassrls
    UNION ALL
    SELECT 'roles', 'the role ' || name || ' may log in' FROM ours WHERE rolcanlogin AND current_setting('citus.version', true) IS NULL
    UNION ALL
    SELECT 'logins', 'the login ' || name || ' is a superuser: no fence holds for it' FROM login WHERE rolsuper
    UNION ALL
    SELECT 'logins', 'the login ' || name || ' bypasses row security' FROM login WHERE rolbypassrls
    UNION ALL
    SELECT 'logins', 'the login ' || login || ' is also a member of ' || role || ', which it may become by SET ROLE'
      FROM held WHERE role NOT IN ('empla_app', 'empla_worker')
    UNION ALL
    SELECT 'logins', 'the login ' || login || ' is a member of both empla_app and empla_worker'
      FROM held WHERE role IN ('empla_app', 'empla_worker') GROUP BY login HAVING count(*) = 2
    UNION ALL
    SELECT 'logins', 'the login ' || session_user || ' is no member of empla_app'
     WHERE (session_user::text, 'empla_app') NOT IN (SELECT login, role FROM held)
    UNION ALL
    SELECT 'logins', 'the login ' || %(worker_login)s::text || ' is no member of empla_worker'
     WHERE %(worker_login)s::text IS NOT NULL AND (%(worker_login)s::text, 'empla_worker') NOT IN (SELECT login, role FROM held)
    UNION ALL
    SELECT 'fences', name || ' has no row security' FROM relation WHERE relkind IN ('r', 'p') AND NOT relrowsecurity
    UNION ALL
    SELECT 'fences', name || ' does not force row security on its owner'
      FROM relation WHERE relkind IN ('r', 'p') AND NOT relforcerowsecurity
    UNION ALL
    SELECT 'fences', name || ' belongs to ' || owner || ', not to empla_owner' FROM relation WHERE owner <> 'empla_owner'
    UNION ALL
    SELECT 'fences', name || ' is a view that asks with its owner''s rights, not the caller''s'
      FROM relation WHERE relkind = 'v' AND NOT coalesce(reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on']
    UNION ALL
    SELECT 'fences', name || ' keeps rows outside of row security' FROM relation WHERE relkind IN ('m', 'f')
    UNION ALL
    SELECT 'fences', 'the policy ' || p.polname || ' of ' || r.name || ' does not ask for the tenant'
      FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
     WHERE NOT p.polroles <@ (SELECT array_agg(oid) FROM ours WHERE name IN ('empla_auth', 'empla_retention', 'empla_migrator'))
       AND (pg_get_expr(p.polqual, p.polrelid) NOT LIKE '%%ctx.tenant_id()%%'
            OR pg_get_expr(p.polwithcheck, p.polrelid) NOT LIKE '%%ctx.tenant_id()%%')
    UNION ALL
    SELECT 'fences', 'the function ' || p.oid::regprocedure || ' belongs to ' || pg_get_userbyid(p.proowner) || ', who is none of ours'
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname IN ('empla', 'ctx') AND p.proowner NOT IN (SELECT oid FROM ours)
    UNION ALL
    SELECT 'partitions', log.name || ' has no partition ' || log.name || '_' || month.name
      FROM relation log CROSS JOIN month
     WHERE log.relkind = 'p'
       AND NOT EXISTS (SELECT FROM pg_inherits i JOIN relation part ON part.oid = i.inhrelid
                        WHERE i.inhparent = log.oid AND part.name = log.name || '_' || month.name)
    ORDER BY 1, 2
"""


async def check(database: Database) -> list[Finding]:
    """What is not as it should be, in the order of `TOPICS`."""
    (server,) = await database.across(Server, SERVER)
    found = [
        *_versions(server, database.revision),
        *await database.across(Finding, FINDINGS, roles=list(ROLES), worker_login=database.worker_login),
    ]
    return sorted(found, key=lambda finding: TOPICS.index(finding.topic))


def _versions(server: Server, revision: str | None) -> Iterator[Finding]:
    if server.server < MINIMUM_SERVER * 10_000:
        yield Finding(
            topic="server",
            finding=f"PostgreSQL is {server.server_version}; empla needs {MINIMUM_SERVER} or newer",
        )
    needed = ".".join(map(str, MINIMUM_VECTOR))
    if server.vector_version is None:
        yield Finding(topic="server", finding=f"pgvector is missing; empla needs {needed} or newer")
    elif tuple(int(part) for part in server.vector_version.split(".")[:2]) < MINIMUM_VECTOR:
        yield Finding(topic="server", finding=f"pgvector is {server.vector_version}; empla needs {needed} or newer")
    if revision != HEAD:
        yield Finding(topic="revision", finding=f"the schema is at {revision or 'base'}; this empla needs {HEAD}")
