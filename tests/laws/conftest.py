"""One open database per module, for laws that Hypothesis drives."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from driving import Driver

from empla.settings import Settings

if TYPE_CHECKING:
    from tests.conftest import Cluster


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
