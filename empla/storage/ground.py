"""What a server must have before the first migration: roles, the pgvector extension and two empty schemas.

Roles belong to the server, not to one database, so no migration makes or drops them. No role is a superuser or bypasses row
security, so all of it works on a managed PostgreSQL whose administrator has only CREATEROLE.
"""

from typing import LiteralString

import psycopg
from psycopg import sql

from empla.errors import UnavailableError
from empla.storage.revision import MINIMUM_SERVER, MINIMUM_VECTOR

ROLES: dict[str, str] = {
    "empla_owner": "owns the schemas and tables; sees no row, for row security is forced on it too",
    "empla_app": "the rights of requests; logins are members",
    "empla_worker": "the rights of one employee's cycle; logins are members",
    "empla_auth": "lends its rights to the functions that find and provision tenants",
    "empla_keeper": "lends its rights to the triggers that write history, audit and dependencies",
    "empla_retention": "drops and erases what has been kept long enough",
    "empla_migrator": "sees every row, for backfills in migrations",
}
# Whose functions the owner must be able to hand over (ALTER FUNCTION … OWNER TO), without having their rights.
_LENDERS = ("empla_auth", "empla_keeper", "empla_retention")
# Two upgrades of a database that start at once must not both create the roles.
_ROLES_LOCK = 7_390_001
# Upgrades of two databases of a server can't lock each other out: whoever meets the other's roles looks again.
_OTHERS_MADE_THEM = (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation)
_MOST_LOOKS = 5

_EXISTING: LiteralString = "SELECT rolname FROM pg_roles WHERE rolname = ANY (%(roles)s)"


class TooOldError(UnavailableError):
    """The server or its pgvector is older than empla needs."""


def prepare(admin: psycopg.Connection) -> None:
    """The connected database has every role, the extension and the schemas; may be repeated.

    Raises `UnavailableError` saying what the administrator must do, and `TooOldError`.
    """
    if admin.info.server_version < MINIMUM_SERVER * 10_000:
        raise TooOldError(f"empla needs PostgreSQL {MINIMUM_SERVER} or newer; this server is {_version(admin)}")
    for look in range(1, _MOST_LOOKS + 1):
        try:
            with admin.transaction():
                admin.execute("SELECT pg_advisory_xact_lock(%s)", (_ROLES_LOCK,))
                _make_roles(admin)
                _make_extension(admin)
                for schema in ("empla", "ctx"):
                    _owned_schema(admin, schema)
        except _OTHERS_MADE_THEM:
            if look == _MOST_LOOKS:
                raise
        else:
            return


def make_logins(admin: psycopg.Connection) -> None:
    """The embedded server's logins exist: without a password, for they enter by peer authentication alone."""
    with admin.transaction():
        admin.execute("SELECT pg_advisory_xact_lock(%s)", (_ROLES_LOCK,))
        for login, group in (("empla_app_login", "empla_app"), ("empla_worker_login", "empla_worker")):
            if admin.execute("SELECT FROM pg_roles WHERE rolname = %s", (login,)).rowcount == 0:
                admin.execute(
                    sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(sql.Identifier(login), sql.Identifier(group))
                )


def _make_roles(admin: psycopg.Connection) -> None:
    names = list(ROLES)
    existing = {row[0] for row in admin.execute(_EXISTING, {"roles": names})}
    me = sql.Identifier(admin.info.user)
    try:
        for role in names:
            if role not in existing:
                admin.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        for lender in _LENDERS:
            if not _may_become(admin, "empla_owner", lender):
                admin.execute(
                    sql.SQL("GRANT {} TO empla_owner WITH INHERIT FALSE, SET TRUE").format(sql.Identifier(lender))
                )
        for role in ("empla_owner", "empla_migrator", "empla_retention"):
            if not _may_become(admin, admin.info.user, role):
                admin.execute(sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE").format(sql.Identifier(role), me))
    except psycopg.errors.InsufficientPrivilege as error:
        raise UnavailableError(
            f"the login {admin.info.user} of EMPLA_ADMIN_DATABASE_URL may not create empla's roles: give it CREATEROLE, "
            "or use the login that made them"
        ) from error


def _may_become(admin: psycopg.Connection, member: str, role: str) -> bool:
    row = admin.execute("SELECT pg_has_role(%s, %s, 'SET')", (member, role)).fetchone()
    return row is not None and bool(row[0])


def _make_extension(admin: psycopg.Connection) -> None:
    row = admin.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    if row is None:
        try:
            with admin.transaction():
                admin.execute("CREATE EXTENSION vector SCHEMA public")
        except psycopg.errors.InsufficientPrivilege as error:
            raise UnavailableError(
                f"pgvector is not in this database, and {admin.info.user} may not create it: "
                f'have a superuser run CREATE EXTENSION vector in "{admin.info.dbname}" once'
            ) from error
        except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported) as error:
            raise UnavailableError("pgvector is not installed on this server: install pgvector 0.8 or newer") from error
        row = admin.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    version: str = row[0] if row else ""
    if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM_VECTOR:
        raise TooOldError(
            f"empla needs pgvector 0.8 or newer; this database has {version}: run ALTER EXTENSION vector UPDATE"
        )


def _owned_schema(admin: psycopg.Connection, schema: LiteralString) -> None:
    row = admin.execute("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone()
    if row is None:
        try:
            admin.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION empla_owner").format(sql.Identifier(schema)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise UnavailableError(
                f'{admin.info.user} may not create a schema: have its owner run GRANT CREATE ON DATABASE "{admin.info.dbname}" '
                f'TO "{admin.info.user}"'
            ) from error
    elif row[0] != "empla_owner":
        raise UnavailableError(
            f"the schema {schema} of this database belongs to {row[0]}, not to empla: choose another database"
        )


def _version(connection: psycopg.Connection) -> str:
    number = connection.info.server_version
    return f"{number // 10_000}.{number % 10_000}"
