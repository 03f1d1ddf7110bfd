"""Opening a database: the embedded server when no URL is given, started, provisioned and migrated as needed; else the given one."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from empla.errors import UnavailableError
from empla.settings import Settings
from empla.storage import embedded
from empla.storage.database import Database, Urls
from empla.storage.errors import connecting
from empla.storage.revision import HEAD

DATABASE = "empla"
_ATTEMPTS = 3


@asynccontextmanager
async def opened(settings: Settings, *, as_it_is: bool = False) -> AsyncGenerator[Database]:
    """An open database at this code's revision. An embedded one is started and brought there; one by URL is not.

    With `as_it_is`, one at another revision is opened too, and nothing in it is mended: for looking at it. Raises
    `UnavailableError` with what to do. The embedded server outlives this.
    """
    async with AsyncExitStack() as stack:
        yield await _connected(stack, settings, as_it_is=as_it_is)


async def _connected(stack: AsyncExitStack, settings: Settings, *, as_it_is: bool) -> Database:
    for _ in range(_ATTEMPTS - 1):
        try:
            return await stack.enter_async_context(Database(urls(settings), settings=settings, as_it_is=as_it_is))
        except UnavailableError:
            # Another command may have stopped the embedded server just before this one was connected: start it again.
            if settings.database_url is not None or embedded.running(settings.home) is not None:
                raise
    return await stack.enter_async_context(Database(urls(settings), settings=settings, as_it_is=as_it_is))


def urls(settings: Settings) -> Urls:
    """Where the database is; the embedded server is running and provisioned when this returns."""
    if settings.database_url is not None:
        return Urls(
            app=settings.database_url.get_secret_value(),
            worker=settings.worker_database_url.get_secret_value() if settings.worker_database_url else None,
            admin=settings.admin_database_url.get_secret_value() if settings.admin_database_url else None,
        )
    server = embedded.start(settings.home, major=settings.postgres_version, start_timeout=settings.start_timeout)
    found = Urls(app=server.url("app"), worker=server.url("worker"), admin=server.url("admin"))
    if not _is_current(server.url("admin")):
        provision(server.url("admin", "postgres"), server.url("admin"))
    return found


def url(settings: Settings, login: embedded.Login) -> str:
    """The URL of one login; the embedded server is running and provisioned when this returns.

    Raises `UnavailableError` when it is not set.
    """
    if login == "admin":
        return admin_url(settings)
    found = urls(settings)
    chosen = found.worker if login == "worker" else found.app
    if chosen is None:
        raise UnavailableError("there is no worker login: set EMPLA_WORKER_DATABASE_URL")
    return chosen


def without_password(url: str) -> str:
    """The same URL (or key=value string), with *** for each password in it. Raises `UnavailableError` for what is neither."""
    with connecting(url):
        parts = conninfo_to_dict(url)
    secrets = {name: "***" for name in parts if "password" in name or "secret" in name}
    if not secrets:
        return url
    if "://" not in url:
        return make_conninfo(url, **secrets)
    split = urlsplit(url)
    user, colon, _ = split.netloc.rpartition("@")[0].partition(":")
    netloc = f"{user}:***@{split.netloc.rpartition('@')[2]}" if colon else split.netloc
    query = "&".join(
        f"{name}=***" if unquote(name) in secrets else f"{name}={value}"
        for name, _, value in (pair.partition("=") for pair in split.query.split("&") if pair)
    )
    return urlunsplit(split._replace(netloc=netloc, query=query))


def admin_url(settings: Settings) -> str:
    """The administrator's URL; the embedded server is running when this returns. Raises `UnavailableError` where none is set."""
    if settings.admin_database_url is not None:
        return settings.admin_database_url.get_secret_value()
    if settings.database_url is not None:
        raise UnavailableError("this needs the administrator's login: set EMPLA_ADMIN_DATABASE_URL")
    server = embedded.start(settings.home, major=settings.postgres_version, start_timeout=settings.start_timeout)
    make_database(server.url("admin", "postgres"), DATABASE)
    return server.url("admin")


def upgrade(settings: Settings, revision: str) -> str:
    """The database is at `revision` or at the newest, "head"; returns the revision reached.

    Raises `UnavailableError` with what the administrator must do, `InvalidError` for a revision that is unknown or lies behind.
    """
    from empla.storage import ground, migrate  # noqa: PLC0415 — as in provision

    url = admin_url(settings)
    reached = migrate.upgrade(url, revision)
    if settings.database_url is None and settings.admin_database_url is None:
        with migrate.connected(url) as admin:
            ground.make_logins(admin)
    return reached


def provision(maintenance_url: str, url: str) -> None:
    """The embedded database exists, with roles, logins, extension and the newest schema."""
    from empla.storage import ground, migrate  # noqa: PLC0415 — Alembic takes 0.3 s to import, and a running database needs none of it

    make_database(maintenance_url, DATABASE)
    with migrate.connected(url) as admin:
        ground.prepare(admin)
        ground.make_logins(admin)
    migrate.upgrade(url)


def make_database(maintenance_url: str, name: str) -> None:
    """The database exists; two processes may ask at once."""
    with connecting(maintenance_url), psycopg.connect(maintenance_url, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).rowcount:
            return
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return


def _is_current(url: str) -> bool:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            row = connection.execute("SELECT version_num FROM empla.alembic_version").fetchone()
            return row is not None and row[0] == HEAD
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return False  # no database, or nothing migrated: provisioning says clearly what is wrong, if it can't mend it
