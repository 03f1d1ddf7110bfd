"""An employee in simulated time."""

import pytest
from believer import Believer
from factories import a_simulated_tenant, an_employee
from living import Living, hired

from empla.storage.database import Database


@pytest.fixture
async def jordan(database: Database) -> Believer:
    caller = await a_simulated_tenant(database)
    return Believer(database, caller, (await an_employee(database, caller)).id)


@pytest.fixture
async def living(database: Database) -> Living:
    return await hired(database)
