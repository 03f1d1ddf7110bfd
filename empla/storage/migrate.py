"""The schema moves by Alembic revisions written in SQL, each up and down, run as empla_owner."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from empla.errors import InvalidError, UnavailableError
from empla.storage import ground
from empla.storage.errors import connecting

FOLDER = Path(__file__).parent / "migrations"
# Two upgrades at once: the second waits for the first, and finds nothing to do.
_UPGRADE_LOCK = 7_390_002
_SETTING = "EMPLA_ADMIN_DATABASE_URL"
BASE = "base"  # before the first revision

# A table that never had a row has no page; row security would show the administrator none anyway.
_HOLDS_ROWS: LiteralString = """
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'empla' AND c.relkind = 'r' AND c.relname <> 'alembic_version' AND pg_relation_size(c.oid) > 0)
"""

# The catalogue answers everybody; to_regclass raises for whoever may not use the schema.
_VERSION_TABLE: LiteralString = """
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'empla' AND c.relname = 'alembic_version'
"""


def upgrade(admin_url: str, revision: str = "head") -> str:
    """The database is at `revision`, prepared first where it is new; returns the revision reached.

    Raises `UnavailableError` with what the administrator must do, `InvalidError` for a revision that is unknown or lies behind.
    """
    with connected(admin_url) as admin:
        ground.prepare(admin)
    wanted = revisions()[-1] if revision == "head" else revision
    here = _reached(admin_url)
    if _place(wanted) < _place(here):
        raise InvalidError(f"the schema is at {here} already: empla db downgrade {wanted} goes back")
    _run(command.upgrade, admin_url, wanted)
    return current(admin_url) or BASE


def downgrade(admin_url: str, revision: str = BASE) -> str:
    """The database is back at `revision`; at "base" none of our tables is left (roles, extension and empty schemas stay).

    Returns the revision reached. Raises `InvalidError` for a revision that is unknown or lies ahead.
    """
    check_downgrade(admin_url, revision)
    if current(admin_url) is not None:
        _run(command.downgrade, admin_url, revision)
    return current(admin_url) or BASE


def check_downgrade(admin_url: str, revision: str) -> bool:
    """Whether going back to `revision` may lose rows. Raises `InvalidError` for a revision that is unknown or lies ahead."""
    here = _reached(admin_url)
    if _place(revision) > _place(here):
        raise InvalidError(
            f"the schema is at {here}, before {revision}: empla db upgrade --revision {revision} goes there"
        )
    with connected(admin_url) as admin:
        row = admin.execute(_HOLDS_ROWS).fetchone()
    return revision != here and row is not None and bool(row[0])


def current(admin_url: str) -> str | None:
    """The revision the database is at; None when it is at none. Raises `UnavailableError` for a login that may not know."""
    with connected(admin_url) as admin:
        if admin.execute(_VERSION_TABLE).rowcount == 0:
            return None
        try:
            # An administrator who is no superuser made the owner, but has its rights only as the owner.
            admin.execute("SET ROLE empla_owner")
            row = admin.execute("SELECT version_num FROM empla.alembic_version").fetchone()
        except psycopg.errors.InsufficientPrivilege as error:
            raise UnavailableError(
                f"{admin.info.user} is not the administrator of this schema: set {_SETTING} to the login that made it"
            ) from error
        return None if row is None else str(row[0])


def revisions() -> list[str]:
    """All revisions, oldest first."""
    return [script.revision for script in reversed(list(ScriptDirectory(str(FOLDER)).walk_revisions()))]


def _reached(admin_url: str) -> str:
    """The revision the database is at. Raises `UnavailableError` for one that this code does not know."""
    reached = current(admin_url) or BASE
    if reached not in {BASE, *revisions()}:
        raise UnavailableError(f"the schema is at {reached}, which a newer empla made: use that, or one newer still")
    return reached


def _place(revision: str) -> int:
    """How far a revision is from the beginning. Raises `InvalidError` for one that this code does not know."""
    known = [BASE, *revisions()]
    if revision not in known:
        raise InvalidError(f"this empla does not know revision {revision!r}, only {', '.join(known)}")
    return known.index(revision)


@contextmanager
def connected(admin_url: str) -> Generator[psycopg.Connection]:
    """An autocommit connection of the administrator."""
    with connecting(admin_url, _SETTING):
        connection = psycopg.connect(admin_url, autocommit=True, connect_timeout=10)
    with connection:
        yield connection


def _run(move: Callable[[Config, str], None], admin_url: str, revision: str) -> None:
    def connect() -> psycopg.Connection:
        with connecting(admin_url, _SETTING):
            return psycopg.connect(admin_url, connect_timeout=10)

    engine = sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    try:
        with engine.connect() as connection:
            _become_owner(connection)
            config.attributes["connection"] = connection
            move(config, revision)
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.OperationalError):
            raise UnavailableError(
                f"the migration did not run and nothing was changed: {str(error.orig).splitlines()[0]}"
            ) from error
        raise


def _become_owner(connection: sa.Connection) -> None:
    # The lock outlives each revision's own transaction, so it is the session's; closing the connection frees it.
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({_UPGRADE_LOCK})")
    connection.exec_driver_sql("SET ROLE empla_owner")
    connection.exec_driver_sql("SET search_path = empla, public")
    # A migration that waits for a busy table gives up rather than make everybody behind it wait.
    connection.exec_driver_sql("SET lock_timeout = '4s'")
    connection.commit()


def run_script(connection: Any, name: str) -> None:
    """Send one SQL file as it stands: through the driver, for Alembic's execute would eat `:1` in JSON.

    Raises `UnavailableError` when the server gave up on it (a busy table, a lost connection); the revision is then undone as a whole.
    """
    statements = (FOLDER / "sql" / name).read_text(encoding="utf-8").encode()
    try:
        connection.connection.driver_connection.execute(statements)
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"{name} did not run and nothing of it was kept: {str(error).splitlines()[0]}; run it again when the database is quieter"
        ) from error
