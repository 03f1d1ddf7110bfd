"""Goals over HTTP: how often one was violated, why it presses, and what happens when it matters more."""

from uuid import UUID

import httpx
from calling import Home, problem

from empla.bdi import goals
from empla.bdi.goals import Change
from empla.storage.database import Database

COVERAGE = {"metric": "pipeline.coverage", "goal_type": "maintenance", "at_least": 3}


async def lives_through(database: Database, home: Home, goal: UUID, *states: str) -> None:
    """What cycles would find, one after the other."""
    for state in states:
        async with database.write(home.operator) as tx:
            found = await goals.get(tx, goal=goal)
            as_it_is = found.model_dump()
            progress = {**as_it_is["current_progress"], "state": state}
            kept = {"violation": 1.0 if state == "violated" else 0.0}
            change = Change.model_validate({**as_it_is, "current_progress": progress, "priority_inputs": kept})
            assert await goals.move(tx, employee=home.own, changes=[change]) == 1


async def test_violations_are_listed_and_what_came_before_success(
    manager: httpx.AsyncClient, database: Database, ours: Home
):
    path = f"/v1/employees/{ours.own}/goals"
    goal = (await manager.post(path, json=COVERAGE)).json()["id"]
    problem(await manager.get(f"{path}/{goal}/before_success"), 404, "not-found")
    await lives_through(database, ours, UUID(goal), "violated", "met", "unknown", "violated", "met")
    every = (await manager.get(f"{path}/{goal}/history")).json()["items"]
    assert [each["new_state"] for each in every] == ["met", "violated", "unknown", "met", "violated", None]
    first = (await manager.get(f"{path}/{goal}/history", params={"state": "violated", "limit": 1})).json()
    second = await manager.get(
        f"{path}/{goal}/history", params={"state": "violated", "limit": 1, "cursor": first["next_cursor"]}
    )
    assert [*first["items"], *second.json()["items"]] == [every[1], every[4]]
    assert second.json()["next_cursor"] is None
    told = (await manager.get(f"{path}/{goal}/before_success")).json()
    assert [each["new_state"] for each in told["story"]] == ["violated", "met"]


async def test_what_matters_more_comes_first(manager: httpx.AsyncClient, database: Database, ours: Home):
    path = f"/v1/employees/{ours.own}/goals"
    adopted = await manager.post(path, json=COVERAGE)
    goal = f"{path}/{adopted.json()['id']}"
    await lives_through(database, ours, UUID(adopted.json()["id"]), "violated")
    seen = await manager.get(goal)
    assert seen.json()["priority"] == 2  # as it was adopted: the change above left it
    more = {"importance": 0.9, "description": "Enough in the pipeline"}
    changed = await manager.patch(goal, json=more, headers={"If-Match": seen.headers["etag"]})
    # 10 · (.6 · 1 + .4 · .9), for it is violated.
    assert changed.json() == {**changed.json(), **more, "priority": 10}
    assert changed.json()["current_progress"] == seen.json()["current_progress"]
    problem(await manager.patch(goal, json=more, headers={"If-Match": seen.headers["etag"]}), 412, "changed")
    why = (await manager.get(f"{goal}/why")).json()
    assert (why["priority"], why["urgency"], why["importance"], why["sum"]) == (10, 1.0, 0.9, 9.6)
    assert (await manager.get(path)).json()["items"][0] == changed.json()
    assert (await manager.post(f"{goal}/drop", json={"reason": "No more."})).status_code == 200
    problem(await manager.patch(goal, json=more, headers={"If-Match": "*"}), 409, "conflict")
    problem(await manager.patch(goal, json={"importance": 2}, headers={"If-Match": "*"}), 422, "invalid")
