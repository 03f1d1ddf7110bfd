"""A database of the test's own, for a worker works for all of its tenants."""

from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING

import pytest
from own_database import own_database

from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database

if TYPE_CHECKING:
    from own_database import Cluster


@pytest.fixture
def own(cluster: "Cluster") -> Iterator[Settings]:
    with own_database(cluster) as settings:
        yield settings.model_copy(update={"worker_poll": 0.05})


@pytest.fixture
async def alone(own: Settings) -> AsyncGenerator[Database]:
    async with opening.opened(own) as database:
        yield database
