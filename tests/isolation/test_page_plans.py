"""A page of a long list is read from an index, wherever it begins: no row before it is looked at, and nothing is sorted."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, LiteralString

import pytest
from test_fence_cost import plan_of
from world import WHEN, Gate, Role, Values, World, a_home

from empla.effects import effects, notices

if TYPE_CHECKING:
    from tests.conftest import Cluster

ROWS = 20_000
EFFECTS: LiteralString = """
    INSERT INTO empla.effects (tenant_id, employee_id, kind, title, status, stage, idempotency_key, created_at)
    SELECT %(tenant)s, %(employee)s, 'task', 'Offer', 'done', 'autonomous', 'page ' || i,
           %(now)s::timestamptz - i * interval '1 minute'
      FROM generate_series(1, %(rows)s) i
"""
NOTICES: LiteralString = """
    INSERT INTO empla.notices (tenant_id, employee_id, kind, text, notice_key, created_at)
    SELECT %(tenant)s, %(employee)s, 'question', 'May I?', 'page ' || i, %(now)s::timestamptz - i * interval '1 minute'
      FROM generate_series(1, %(rows)s) i
"""


@pytest.fixture(scope="module")
def crowd(cluster: "Cluster") -> Iterator[World]:
    """A world in a database of its own, whose tenant has long lists."""
    name = cluster.clone(f"{cluster.database}_pages")
    with Gate(cluster.url("app", name), cluster.url("worker", name), cluster.url("admin", name)) as gate:
        world = World(gate, a_home(gate, "Acme"), a_home(gate, "Rival"))
        house = world.ours.house
        values = {"tenant": house.tenant, "employee": house.own, "now": WHEN, "rows": ROWS}
        with gate.admin.transaction():
            gate.admin.execute("SET LOCAL session_replication_role = replica")  # neither triggers nor foreign keys
            gate.admin.execute(EFFECTS, values)
            gate.admin.execute(NOTICES, values)
        gate.admin.execute("ANALYZE empla.effects, empla.notices")
        yield world
    cluster.drop(name)


LISTS: dict[str, LiteralString] = {"effects": effects.LATEST, "notices": notices.LISTED}


@pytest.mark.parametrize("role", ["operator", "user"])
@pytest.mark.parametrize("whose", ["everybody", "one"])
@pytest.mark.parametrize("name", LISTS)
def test_a_page_in_the_middle_is_an_index_scan(crowd: World, name: str, whose: str, role: Role):
    house = crowd.ours.house
    values: Values = {
        "tenant": house.tenant,
        "employee": None if whose == "everybody" else house.own,
        "intention": None,
        "kinds": ["task", "note"],
        "statuses": None,
        "status": None,
        "part": None,
        "id": None,
        "before": WHEN - timedelta(days=5),
        "before_id": house.own,
        "limit": 51,
    }
    with crowd.gate.enter(house, role) as connection:
        nodes = plan_of(connection, LISTS[name], values)
    kinds = {node["Node Type"] for node in nodes}
    assert not kinds & {"Seq Scan", "Sort", "Bitmap Heap Scan"}
    found = " ".join(node.get("Index Cond", "") for node in nodes)
    assert "created_at" in found
