"""Every table, every verb, each of the four roles, in its own tenant and against another: nobody reaches what is not theirs."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from attack import Attacker, Attempt, describe
from catalogue import tables
from world import ROLES, ROWS, Gate, World, a_home

if TYPE_CHECKING:
    from tests.conftest import Cluster


@pytest.fixture(scope="module")
def world(cluster: "Cluster") -> Iterator[World]:
    with Gate(cluster.url("app"), cluster.url("worker"), cluster.url("admin")) as gate:
        yield World(gate, a_home(gate, "Acme"), a_home(gate, "Rival"))


def attacked(world: World, table: str) -> list[Attempt]:
    found: list[Attempt] = []
    described = describe(world.gate.admin, table)
    for role in ROLES:
        with world.gate.enter(world.ours.house, role) as connection:
            found += Attacker(connection, world, described, role).attempts()
    return found


def test_the_attack_plan_has_a_row_for_every_table(world: World):
    assert sorted(ROWS) == tables(world.gate.admin)


@pytest.mark.parametrize("table", sorted(ROWS))
def test_nobody_reaches_what_is_not_theirs(world: World, table: str, record_property: Callable[[str, object], None]):
    attempts = attacked(world, table)
    record_property("attack", [[a.table, a.verb, a.role, a.side, a.leak is not None] for a in attempts])
    assert not [attempt for attempt in attempts if attempt.leak]
