"""What the isolation tests share: two tenants, always, with people and employees in each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from world import Gate, House, World, a_home, a_house

if TYPE_CHECKING:
    from tests.conftest import Cluster


@pytest.fixture
def gate(cluster: "Cluster") -> Iterator[Gate]:
    """Connections to this worker's database as each login."""
    with Gate(cluster.url("app"), cluster.url("worker"), cluster.url("admin")) as opened:
        yield opened


@pytest.fixture
def ours(gate: Gate) -> House:
    return a_house(gate, "Acme")


@pytest.fixture
def theirs(gate: Gate) -> House:
    return a_house(gate, "Rival")


@pytest.fixture(scope="module")
def world(cluster: "Cluster") -> Iterator[World]:
    """Two tenants with rows in every table. What a test does to them, it undoes."""
    with Gate(cluster.url("app"), cluster.url("worker"), cluster.url("admin")) as gate:
        yield World(gate, a_home(gate, "Acme"), a_home(gate, "Rival"))
