"""The fence costs a comparison per statement, not per row: it is a one-time filter over an index, however many rows others have."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, LiteralString

import pytest
from psycopg import sql
from world import WHEN, Connection, Gate, Role, Values, World, a_home

from empla.bdi import beliefs

if TYPE_CHECKING:
    from tests.conftest import Cluster

OTHERS: LiteralString = """
    INSERT INTO empla.beliefs (tenant_id, employee_id, belief_type, subject, predicate, object, source)
    SELECT md5('tenant ' || t)::uuid, md5(t || ' employee ' || e)::uuid, 'state', 'deal ' || i, 'stage', '"open"', 'observation'
      FROM generate_series(1, 20) t, generate_series(1, 5) e, generate_series(1, 200) i
"""


@pytest.fixture(scope="module")
def crowd(cluster: "Cluster") -> Iterator[World]:
    """A world in a database of its own, where other tenants have 20,000 beliefs."""
    name = cluster.clone(f"{cluster.database}_crowd")
    with Gate(cluster.url("app", name), cluster.url("worker", name), cluster.url("admin", name)) as gate:
        with gate.admin.transaction():
            gate.admin.execute("SET LOCAL session_replication_role = replica")  # neither triggers nor foreign keys
            gate.admin.execute(OTHERS)
        world = World(gate, a_home(gate, "Acme"), a_home(gate, "Rival"))
        gate.admin.execute("ANALYZE empla.beliefs")
        yield world
    cluster.drop(name)


Node = dict[str, Any]  # as EXPLAIN's JSON has it


def plan_of(connection: Connection, statement: LiteralString, values: Values) -> list[Node]:
    """The nodes of the statement's plan, the topmost first."""
    row = connection.execute("EXPLAIN (COSTS OFF, FORMAT JSON) " + statement, values).fetchone()
    assert row is not None
    nodes: list[Node] = [row[0][0]["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    return nodes


STATEMENTS: dict[str, LiteralString] = {"held": beliefs.HELD, "retract": beliefs.RETRACT, "forget": beliefs.FORGET}


@pytest.mark.parametrize("role", ["operator", "delegate", "user", "employee"])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_fence_is_checked_once_and_the_index_finds_the_rows(crowd: World, statement: str, role: Role):
    house = crowd.ours.house
    values = {"tenant": house.tenant, "employee": house.own, "subject": "pipeline", "predicate": "coverage"}
    values |= {"predicates": ["coverage"], "reason": "test", "floor": 0.05, "now": WHEN}
    with crowd.gate.enter(house, role) as connection:
        nodes = plan_of(connection, STATEMENTS[statement], values)
    once = " ".join(node.get("One-Time Filter", "") for node in nodes)
    found = " ".join(node.get("Index Cond", "") for node in nodes)
    assert "current_setting('app.current_tenant_id'" in once
    assert ("current_setting('app.current_employee_id'" in once) == (role == "employee")
    assert f"tenant_id = '{house.tenant}'" in found
    assert f"employee_id = '{house.own}'" in found
    assert not [node for node in nodes if node["Node Type"] == "Seq Scan"]


@pytest.mark.parametrize("role", ["operator", "delegate", "employee"])
def test_a_plan_kept_for_any_tenant_does_the_same(crowd: World, role: Role):
    """After a few runs the server keeps one plan, without the values of this one."""
    house = crowd.ours.house
    with crowd.gate.enter(house, role) as connection:
        connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        connection.execute(
            "PREPARE held (uuid, uuid) AS SELECT * FROM beliefs WHERE tenant_id = $1 AND employee_id = $2 AND deleted_at IS NULL"
        )
        running = sql.SQL("EXECUTE held ({}, {})").format(sql.Literal(house.tenant), sql.Literal(house.own))
        row = connection.execute(sql.SQL("EXPLAIN (COSTS OFF) {}").format(running)).fetchall()
        connection.execute("DEALLOCATE held")
    plan = " ".join(line[0] for line in row)
    assert "One-Time Filter: " in plan
    assert "Index Cond: ((tenant_id = $1) AND (employee_id = $2))" in plan
    assert "Seq Scan" not in plan


def test_no_fence_costs_anything_where_it_is_not_the_callers_tenant(crowd: World):
    """The one-time filter is false before the first row is fetched."""
    values = {
        "tenant": crowd.theirs.house.tenant,
        "employee": crowd.theirs.house.own,
        "subject": None,
        "predicate": None,
    }
    with crowd.gate.enter(crowd.ours.house, "operator") as connection:
        row = connection.execute(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + beliefs.HELD, {**values, "now": WHEN}
        ).fetchall()
    assert "(never executed)" in " ".join(line[0] for line in row)
