"""A database of the test's own, for claims reach all of a database's tenants."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import pytest
from own_database import own_database

from empla.storage import opening
from empla.storage.database import Database

if TYPE_CHECKING:
    from own_database import Cluster


@pytest.fixture
async def alone(cluster: "Cluster") -> AsyncGenerator[Database]:
    with own_database(cluster) as settings:
        async with opening.opened(settings) as database:
            yield database
