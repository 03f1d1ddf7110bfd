"""One employee, and one playbook that it was taught."""

import pytest
from factories import an_employee
from teaching import add, playbook

from empla.employees.employees import Employee
from empla.memory.procedural import Procedure
from empla.storage.database import Database
from empla.storage.tx import Caller


@pytest.fixture
async def jordan(database: Database, acme: Caller) -> Employee:
    return await an_employee(database, acme)


@pytest.fixture
async def taught(database: Database, acme: Caller, jordan: Employee) -> Procedure:
    return (await add(database, acme, jordan.id, playbook()))[0]
