"""One PostgreSQL per run, one migrated database per worker, two fresh tenants per test. Nothing is rolled back: tests commit."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from empla.settings import Settings
from empla.storage import embedded, opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants

# The controller loads no conftest of a folder, and it is the one that speaks last.
pytest_plugins = ["isolation.attack_summary", "crash_summary"]
MAJOR = int(os.environ.get("EMPLA_TEST_POSTGRES", "18"))
# A throw-away server need not survive a power cut.
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_HOME = pytest.StashKey[Path]()
TEMPLATE = "empla"


def pytest_configure(config: pytest.Config) -> None:
    """The controller (or the only process) starts the server and makes the template; roles can't be made by several at once."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what goes into the background so, and the programs that tests start would inherit it: Ctrl-C stopped none of them.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    home = Path(tempfile.mkdtemp(prefix="empla-tests-"))
    # Run by root, PostgreSQL runs as another user, who must be able to pass through the home.
    home.chmod(0o711)
    config.stash[_HOME] = home
    server = embedded.start(home, major=MAJOR, options=FAST)
    opening.provision(server.url("admin", "postgres"), server.url("admin", TEMPLATE))
    os.environ["EMPLA_TEST_HOME"] = str(home)  # workers inherit it


def pytest_unconfigure(config: pytest.Config) -> None:
    home = config.stash.get(_HOME, None)
    if home is not None:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Cluster:
    """The run's server and this worker's database in it."""

    server: embedded.Server
    database: str

    def url(self, login: embedded.Login, database: str | None = None) -> str:
        return self.server.url(login, database or self.database)

    def admin(self, database: str | None = None) -> psycopg.Connection:
        return psycopg.connect(self.url("admin", database), autocommit=True)

    def clone(self, name: str, template: str = TEMPLATE) -> str:
        """A new database like the template; nobody may be connected to it meanwhile."""
        with self.admin("postgres") as admin:
            # Two workers that clone at once would find each other connected to the template.
            admin.execute("SELECT pg_advisory_lock(1)")
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return name

    def drop(self, name: str) -> None:
        with self.admin("postgres") as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    home = Path(os.environ["EMPLA_TEST_HOME"])
    server = embedded.running(home)
    assert server is not None, "the controller starts the server"
    name = f"empla_{os.environ.get('PYTEST_XDIST_WORKER', 'only')}"
    found = Cluster(server, name)
    found.clone(name)
    yield found
    found.drop(name)


@pytest.fixture
def settings(cluster: Cluster) -> Settings:
    """What a user would set to reach this worker's database."""
    return Settings(
        database_url=cluster.url("app"),  # pyright: ignore[reportArgumentType]
        worker_database_url=cluster.url("worker"),  # pyright: ignore[reportArgumentType]
        admin_database_url=cluster.url("admin"),  # pyright: ignore[reportArgumentType]
        pool_size=4,
    )


@pytest.fixture
async def database(settings: Settings) -> AsyncGenerator[Database]:
    async with opening.opened(settings) as found:
        yield found


async def a_tenant(database: Database, *, name: str = "Acme") -> UUID:
    """A fresh tenant with a slug of its own."""
    return await tenants.create(database, slug=f"t-{uuid4().hex[:12]}", name=name)


@pytest.fixture
async def acme(database: Database) -> Caller:
    """The operator of a fresh tenant."""
    return Caller(await a_tenant(database))


@pytest.fixture
async def rival(database: Database) -> Caller:
    """The operator of another fresh tenant: two are always present, so that leaks show."""
    return Caller(await a_tenant(database, name="Rival"))
