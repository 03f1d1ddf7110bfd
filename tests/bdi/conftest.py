"""An employee in simulated time."""

import pytest
from factories import a_simulated_tenant, an_employee
from mind import Mind

from empla.storage.database import Database


@pytest.fixture
async def jordan(database: Database) -> Mind:
    caller = await a_simulated_tenant(database)
    return Mind(database, caller, (await an_employee(database, caller)).id)
