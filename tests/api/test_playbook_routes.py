"""Playbooks over HTTP: taught, found for a situation, disabled and judged."""

from typing import LiteralString

import httpx
from area_mind import A_PLAYBOOK
from calling import Home, problem

from empla.storage.database import Database

GONE: LiteralString = """
    UPDATE memory_procedural SET deleted_at = %(now)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND procedure_name = %(name)s::text
"""


async def test_a_playbook_is_taught_applies_and_is_disabled(manager: httpx.AsyncClient, ours: Home):
    path = f"/v1/employees/{ours.own}/playbooks"
    added = await manager.post(path, json={"playbook": A_PLAYBOOK})
    assert (added.status_code, added.json()["standing"]) == (201, "established")
    got = await manager.get(added.headers["location"])
    assert got.json() == added.json()
    known = (await manager.get(path, params={"limit": 200})).json()["items"]
    first = (await manager.get(path, params={"limit": 1})).json()
    second = (
        (await manager.get(path, params={"limit": 200, "cursor": first["next_cursor"]})) if len(known) > 1 else None
    )
    assert first["items"] + ([] if second is None else second.json()["items"]) == known
    asked = {"event": "deal_won"}
    told = (await manager.post(f"{path}/applicable", json=asked)).json()["playbooks"]
    assert "thank_for_the_deal" in {each["playbook"] for each in told if each["refused"] is None}
    assert (await manager.post(f"{added.headers['location']}/disable")).json()["enabled"] is False
    told = (await manager.post(f"{path}/applicable", json=asked)).json()["playbooks"]
    assert "thank_for_the_deal" not in {each["playbook"] for each in told if each["refused"] is None}
    decision = {"standing": "demoted", "reason": "It annoys."}
    judged = (await manager.post(f"{added.headers['location']}/judge", json=decision)).json()
    assert (judged["standing"], judged["evidence"][-1]["by"]) == ("demoted", str(ours.people["manager"]))


async def test_what_can_not_be_carried_out_is_refused(manager: httpx.AsyncClient, ours: Home):
    path = f"/v1/employees/{ours.own}/playbooks"
    wrong = {**A_PLAYBOOK, "steps": [{"action": "dance"}]}
    told = problem(await manager.post(path, json={"playbook": wrong}), 422, "invalid")
    assert "dance" in told["detail"]
    assert (await manager.post(path, json={"playbook": A_PLAYBOOK})).status_code == 201
    problem(await manager.post(path, json={"playbook": A_PLAYBOOK}), 409, "conflict")
    again = await manager.post(path, json={"playbook": A_PLAYBOOK, "replace": True})
    assert again.json()["version"] == 2


async def test_every_fault_is_told_in_a_sentence_of_its_own(manager: httpx.AsyncClient, ours: Home):
    path = f"/v1/employees/{ours.own}/playbooks"
    wrong = {**A_PLAYBOOK, "timeframe": "soon", "steps": [{"action": "task"}, {"action": "note", "a\nb": 1}]}
    told = problem(await manager.post(path, json={"playbook": wrong}), 422, "invalid")
    assert len(told["faults"]) == 4
    assert told["detail"] == f"{told['faults'][0]}, and 3 more"
    assert not [fault for fault in told["faults"] if "\n" in fault]
    asked = (await manager.post(f"{path}/check", json={"playbook": wrong})).json()
    assert [" ".join(fault.split()) for fault in asked["faults"]] == told["faults"]
    unknown = {**A_PLAYBOOK, "steps": [{"action": "dance"}, {"action": "sing"}]}
    told = problem(await manager.post(path, json={"playbook": unknown}), 422, "invalid")
    asked = (await manager.post(f"{path}/check", json={"playbook": unknown})).json()
    assert (asked["faults"], len(told["faults"])) == (told["faults"], 2)
    assert (await manager.post(f"{path}/check", json={"playbook": A_PLAYBOOK})).json() == {"faults": []}
    assert "thank_for_the_deal" not in (await manager.get(path, params={"limit": 200})).text
    assert (await manager.get(f"{path}/faults")).json() == {"items": []}


async def test_the_shelf_gives_what_is_missing_and_nothing_twice(
    manager: httpx.AsyncClient, database: Database, ours: Home
):
    path = f"/v1/employees/{ours.own}/playbooks"
    added = (await manager.post(f"{path}/upgrade")).json()["added"]
    known = (await manager.get(path, params={"limit": 200})).json()["items"]
    assert added == [each["procedure_name"] for each in known] != []
    assert (await manager.post(f"{path}/upgrade")).json() == {"added": [], "replaced": [], "left": []}
    first = (await manager.get(path, params={"limit": 1})).json()["items"][0]["procedure_name"]
    async with database.write(ours.operator) as tx:
        await tx.execute(GONE, name=first, now=tx.now)
    assert (await manager.post(f"{path}/upgrade")).json() == {"added": [first], "replaced": [], "left": []}
