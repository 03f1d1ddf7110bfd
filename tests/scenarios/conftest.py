"""An employee that lives through a scenario: it moves the world and the clock, and reads the database."""

import pytest
from living import Living, hired

from empla.storage.database import Database


@pytest.fixture
async def living(database: Database) -> Living:
    return await hired(database)
