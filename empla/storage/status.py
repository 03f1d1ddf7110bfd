"""Where a database is and at which revision, without starting, mending or needing anything."""

from dataclasses import dataclass
from typing import LiteralString

import psycopg

from empla.settings import Settings
from empla.storage import embedded
from empla.storage.errors import connecting, place
from empla.storage.revision import HEAD

# Before the first revision nobody may use the schema; whoever may can read where it is.
_STATUS: LiteralString = """
    SELECT current_setting('server_version'),
           (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
           EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'empla' AND c.relname = 'alembic_version' AND has_schema_privilege(n.oid, 'USAGE'))
"""
_REVISION: LiteralString = "SELECT version_num FROM empla.alembic_version"


@dataclass(frozen=True)
class Status:
    """None is what can't be known: all of it when the server does not run, the revision when this login sees no schema."""

    place: str  # the embedded server's home, or host:port/database
    embedded: bool
    running: bool
    server_version: str | None = None
    vector_version: str | None = None
    revision: str | None = None
    newest: str = HEAD  # the revision that this empla needs


def status(settings: Settings) -> Status:
    """Where the database is. Raises `UnavailableError` when one by URL can't be reached."""
    if settings.database_url is not None:
        given = settings.admin_database_url or settings.database_url
        setting = "EMPLA_ADMIN_DATABASE_URL" if settings.admin_database_url else "EMPLA_DATABASE_URL"
        return _of(given.get_secret_value(), setting, where=place(given.get_secret_value()), is_embedded=False)
    server = embedded.running(settings.home)
    if server is None:
        return Status(str(settings.home), embedded=True, running=False)
    return _of(server.url("admin"), "EMPLA_HOME", where=str(settings.home), is_embedded=True)


def _of(url: str, setting: str, *, where: str, is_embedded: bool) -> Status:
    with connecting(url, setting):
        connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
    with connection:
        row = connection.execute(_STATUS).fetchone()
        version, vector, readable = row or (None, None, False)
        reached = connection.execute(_REVISION).fetchone() if readable else None
    return Status(
        where,
        is_embedded,
        running=True,
        server_version=version,
        vector_version=vector,
        revision=None if reached is None else reached[0],
    )
