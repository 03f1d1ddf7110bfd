"""Intentions over HTTP: listed, read with their steps, explained, and called off."""

from uuid import UUID, uuid4

import httpx
from area_mind import A_PLAN
from calling import Home, counted, problem

from empla.bdi import intentions
from empla.bdi.intentions import NewIntention
from empla.mind import explain
from empla.storage.database import Database

EDGES = 2


async def adopted(database: Database, home: Home, plan: NewIntention = A_PLAN) -> UUID:
    async with database.write(home.operator) as tx:
        found = await intentions.adopt(tx, employee=home.own, intention=plan)
    assert found is not None
    return found


async def test_a_plan_is_listed_read_and_explained(user: httpx.AsyncClient, database: Database, ours: Home):
    plans = [await adopted(database, ours) for _ in range(3)]
    path = f"/v1/employees/{ours.own}/intentions"
    with counted(database, EDGES + 1):
        page = await user.get(path, params={"limit": 2})
    assert [each["id"] for each in page.json()["items"]] == [str(plans[2]), str(plans[1])]
    rest = (await user.get(path, params={"limit": 2, "cursor": page.json()["next_cursor"]})).json()
    assert ([each["id"] for each in rest["items"]], rest["next_cursor"]) == ([str(plans[0])], None)
    assert (await user.get(path, params={"status": "completed"})).json()["items"] == []
    assert (await user.get(path, params={"goal": str(uuid4())})).json()["items"] == []
    with counted(database, EDGES + 2):
        got = (await user.get(f"{path}/{plans[0]}")).json()
    steps = got.pop("steps")
    assert got == rest["items"][0]
    assert [(step["position"], step["action"], step["status"]) for step in steps] == [(1, "note", "pending")]
    told = (await user.get(f"{path}/{plans[0]}/explain")).json()
    async with database.read(ours.operator) as tx:
        same = await explain.explain(tx, intention=plans[0])
    assert told == {**same.model_dump(mode="json", by_alias=True), "asked_at": told["asked_at"]}
    assert told["waits_for"] == ["its turn: step 1 (note) is next"]


async def test_a_plan_is_called_off_with_what_was_pursued_for_it(
    manager: httpx.AsyncClient, database: Database, ours: Home
):
    plan = await adopted(database, ours)
    part = await adopted(database, ours, A_PLAN.model_copy(update={"parent_id": plan, "parent_position": 1}))
    path = f"/v1/employees/{ours.own}/intentions"
    (child,) = (await manager.get(path, params={"parent": str(plan)})).json()["items"]
    assert child["id"] == str(part)
    problem(await manager.post(f"{path}/{plan}/call_off", json={"reason": " "}), 422, "invalid")
    elsewhere = f"/v1/employees/{ours.colleague}/intentions/{plan}"
    problem(await manager.post(f"{elsewhere}/call_off", json={"reason": "No."}), 404, "not-found")
    ended = await manager.post(f"{path}/{plan}/call_off", json={"reason": "We are asked to wait."})
    assert (ended.json()["status"], ended.json()["reason"]) == ("abandoned", "We are asked to wait.")
    for each in (plan, part):
        got = (await manager.get(f"{path}/{each}")).json()
        assert (got["status"], [step["status"] for step in got["steps"]]) == ("abandoned", ["abandoned"])
    again = problem(await manager.post(f"{path}/{plan}/call_off", json={"reason": "Again."}), 409, "conflict")
    assert again["detail"] == "this intention is abandoned already"
