"""One employee, and one playbook that it was taught; and a database for laws that Hypothesis drives."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from driving import Driver
from factories import an_employee
from teaching import add, playbook

from empla.employees.employees import Employee
from empla.memory.procedural import Procedure
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller

if TYPE_CHECKING:
    from tests.conftest import Cluster


@pytest.fixture
async def jordan(database: Database, acme: Caller) -> Employee:
    return await an_employee(database, acme)


@pytest.fixture
async def taught(database: Database, acme: Caller, jordan: Employee) -> Procedure:
    return (await add(database, acme, jordan.id, playbook()))[0]


@pytest.fixture(scope="module")
def driver(cluster: "Cluster") -> Iterator[Driver]:
    chosen = Settings(
        database_url=cluster.url("app"),  # pyright: ignore[reportArgumentType]
        worker_database_url=cluster.url("worker"),  # pyright: ignore[reportArgumentType]
        pool_size=4,
    )
    found = Driver(chosen)
    yield found
    found.close()
