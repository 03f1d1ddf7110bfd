"""A database that can't be used says so in one sentence, which says what to do."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from refusals import refused

from empla.errors import InvalidError
from empla.settings import Settings
from empla.storage import database as database_room
from empla.storage import ground, migrate, opening
from empla.storage.revision import HEAD

if TYPE_CHECKING:
    from conftest import Cluster

NOWHERE = "postgresql://app:topsecret@127.0.0.1:1/empla"


@pytest.fixture
def bare(cluster: "Cluster") -> Iterator[str]:
    """The name of a database that holds nothing, not even pgvector."""
    name = f"bare_{uuid4().hex[:12]}"
    yield cluster.clone(name, "template1")
    cluster.drop(name)


@pytest.fixture
def migrated(cluster: "Cluster") -> Iterator[str]:
    """The name of a database at the newest revision, for spoiling."""
    name = f"spoilt_{uuid4().hex[:12]}"
    yield cluster.clone(name)
    cluster.drop(name)


async def _open(url: str) -> None:
    async with opening.opened(Settings.model_validate({"database_url": url, "connect_timeout": 2})):
        pass


async def test_a_database_that_is_down() -> None:
    with refused("no connection to 127.0.0.1:1/empla (EMPLA_DATABASE_URL)", "Connection refused"):
        await _open(NOWHERE)
    for move in (migrate.upgrade, migrate.downgrade, migrate.current):
        with refused("no connection to 127.0.0.1:1/empla (EMPLA_ADMIN_DATABASE_URL)", "Connection refused"):
            move(NOWHERE)


async def test_a_database_that_does_not_exist(cluster: "Cluster") -> None:
    with refused('database "nowhere" does not exist'):
        await _open(cluster.url("app", "nowhere"))
    with refused('database "nowhere" does not exist'):
        migrate.upgrade(cluster.url("admin", "nowhere"))


@pytest.mark.parametrize(
    "url",
    [
        "empla",
        "mysql://app:topsecret@host/empla",
        "postgresql://app:top%zzsecret@host/empla",
        "postgresql://h/e?nonsense=1",
    ],
)
async def test_a_url_that_is_none(url: str) -> None:
    with refused("EMPLA_DATABASE_URL is not a PostgreSQL URL like postgresql://user@host:5432/database"):
        await _open(url)
    with refused("EMPLA_ADMIN_DATABASE_URL is not a PostgreSQL URL"):
        migrate.upgrade(url)


async def test_a_server_that_is_too_old(cluster: "Cluster", bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (database_room, ground):
        monkeypatch.setattr(room, "MINIMUM_SERVER", 99)
    with refused(f"is PostgreSQL {cluster.server.major}; empla needs 99 or newer"):
        await _open(cluster.url("app"))
    with refused(f"empla needs PostgreSQL 99 or newer; this server is {cluster.server.major}."):
        migrate.upgrade(cluster.url("admin", bare))


async def test_a_pgvector_that_is_too_old(cluster: "Cluster", bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "MINIMUM_VECTOR", (99, 0))
    with refused("pgvector", "run ALTER EXTENSION vector UPDATE"):
        migrate.upgrade(cluster.url("admin", bare))


async def test_a_database_without_pgvector(cluster: "Cluster", bare: str) -> None:
    with refused("has no pgvector: have a superuser run CREATE EXTENSION vector, then empla db upgrade"):
        await _open(cluster.url("app", bare))


async def test_a_database_without_the_schema(cluster: "Cluster", bare: str) -> None:
    with psycopg.connect(cluster.url("admin", bare), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION vector")
    with refused("holds no empla schema yet: run empla db upgrade"):
        await _open(cluster.url("app", bare))
    with migrate.connected(cluster.url("admin", bare)) as admin:
        ground.prepare(admin)
    with refused("holds no empla schema yet: run empla db upgrade"):
        await _open(cluster.url("app", bare))


async def test_a_half_migrated_database(cluster: "Cluster", bare: str) -> None:
    assert migrate.upgrade(cluster.url("admin", bare), "0005") == "0005"
    with refused(f"is at revision 0005, this empla needs {HEAD}: run empla db upgrade"):
        await _open(cluster.url("app", bare))
    assert migrate.upgrade(cluster.url("admin", bare)) == HEAD
    await _open(cluster.url("app", bare))


async def test_a_database_that_a_newer_empla_has_migrated(cluster: "Cluster", migrated: str) -> None:
    url = cluster.url("admin", migrated)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("UPDATE empla.alembic_version SET version_num = '9999'")
    with refused(
        f"is at revision 9999, which a newer empla made (this one knows {HEAD}): use that, or one newer still"
    ):
        await _open(cluster.url("app", migrated))
    for move in (migrate.upgrade, migrate.downgrade):
        with refused("the schema is at 9999, which a newer empla made: use that, or one newer still"):
            move(url)
    assert migrate.current(url) == "9999"


@pytest.mark.parametrize("revision", ["0815", "", "head; DROP", "latest"])
def test_a_revision_that_is_none(cluster: "Cluster", revision: str) -> None:
    for move in (migrate.upgrade, migrate.downgrade):
        with refused("revision", HEAD, kind=InvalidError):
            move(cluster.url("admin"), revision)
    assert migrate.current(cluster.url("admin")) == HEAD
