"""Playbooks over HTTP: taught, found for a situation, disabled and judged."""

import httpx
from area_mind import A_PLAYBOOK
from calling import Home, problem


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
