"""People of two tenants, and keys that sign tokens."""

from typing import TYPE_CHECKING

import pytest
from insider import Person, a_house, a_person, cheap, with_keys

from empla.settings import Settings
from empla.storage.database import Database

if TYPE_CHECKING:
    from tests.conftest import Cluster


@pytest.fixture(autouse=True)
def hashings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return cheap(monkeypatch)


@pytest.fixture
def settings(cluster: "Cluster") -> Settings:
    chosen = Settings(
        database_url=cluster.url("app"),  # pyright: ignore[reportArgumentType]
        worker_database_url=cluster.url("worker"),  # pyright: ignore[reportArgumentType]
        admin_database_url=cluster.url("admin"),  # pyright: ignore[reportArgumentType]
        pool_size=4,
    )
    return with_keys(chosen)


@pytest.fixture
async def dana(database: Database) -> Person:
    """A user."""
    return await a_person(database, await a_house(database))


@pytest.fixture
async def ada(database: Database, dana: Person) -> Person:
    """An admin of Dana's tenant."""
    return await a_person(database, dana.operator, "admin")


@pytest.fixture
async def rita(database: Database) -> Person:
    """An admin of another tenant."""
    return await a_person(database, await a_house(database), "admin")
