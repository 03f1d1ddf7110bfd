"""The schema moves by Alembic revisions written in SQL, each up and down, run as empla_owner."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from empla.errors import InvalidError, UnavailableError
from empla.storage import ground
from empla.storage.errors import connecting

FOLDER = Path(__file__).parent / "migrations"
# Two upgrades at once: the second waits for the first, and finds nothing to do.
_UPGRADE_LOCK = 7_390_002
_SETTING = "EMPLA_ADMIN_DATABASE_URL"


def upgrade(admin_url: str, revision: str = "head") -> str:
    """The database is at `revision`, prepared first where it is new; returns the revision reached.

    Raises `UnavailableError` with what the administrator must do, `InvalidError` for an unknown revision.
    """
    with connected(admin_url) as admin:
        ground.prepare(admin)
    _run(command.upgrade, admin_url, revision)
    return current(admin_url) or "base"


def downgrade(admin_url: str, revision: str = "base") -> str:
    """The database is back at `revision`; at "base" none of our tables is left (roles, extension and empty schemas stay)."""
    if current(admin_url) is None:
        return "base"
    _run(command.downgrade, admin_url, revision)
    return current(admin_url) or "base"


def current(admin_url: str) -> str | None:
    """The revision the database is at; None when it is at none."""
    with connected(admin_url) as admin:
        row = admin.execute("SELECT to_regclass('empla.alembic_version')").fetchone()
        if row is None or row[0] is None:
            return None
        row = admin.execute("SELECT version_num FROM empla.alembic_version").fetchone()
        return None if row is None else str(row[0])


def revisions() -> list[str]:
    """All revisions, oldest first."""
    return [script.revision for script in reversed(list(ScriptDirectory(str(FOLDER)).walk_revisions()))]


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
    except CommandError as error:
        raise InvalidError(f"there is no revision {revision}; empla knows {', '.join(revisions())}") from error
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
    """Send one SQL file as it stands: through the driver, for Alembic's execute would eat `:1` in JSON."""
    connection.connection.driver_connection.execute((FOLDER / "sql" / name).read_text(encoding="utf-8").encode())
