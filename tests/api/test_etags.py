"""An answer that is known already is not sent again, and nobody changes what he has not seen."""

import asyncio

import httpx
from calling import Home, problem


async def test_what_is_known_already_is_not_sent_again(manager: httpx.AsyncClient, ours: Home):
    path = f"/v1/employees/{ours.own}"
    tag = (await manager.get(path)).headers["etag"]
    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        known = await manager.get(path, headers={"If-None-Match": sent})
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    assert (await manager.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
    problem(await manager.get(path, headers={"If-None-Match": "no-quotes"}), 400, "malformed")


async def test_a_change_says_what_was_seen(manager: httpx.AsyncClient, ours: Home):
    path = f"/v1/employees/{ours.own}"
    tag = (await manager.get(path)).headers["etag"]
    problem(await manager.patch(path, json={"name": "Jo"}), 428, "unmatched")
    for stale in ('"other"', f"W/{tag}", '""'):
        problem(await manager.patch(path, json={"name": "Jo"}, headers={"If-Match": stale}), 412, "changed")
    problem(await manager.patch(path, json={"name": "Jo"}, headers={"If-Match": "no-quotes"}), 400, "malformed")
    changed = await manager.patch(path, json={"name": "Jo"}, headers={"If-Match": f'"other", {tag}'})
    assert changed.json()["name"] == "Jo"
    problem(await manager.patch(path, json={"name": "Joe"}, headers={"If-Match": tag}), 412, "changed")
    anyway = await manager.patch(path, json={"name": "Joe"}, headers={"If-Match": "*"})
    assert anyway.json()["name"] == "Joe"


async def test_of_many_who_saw_the_same_one_changes_it(manager: httpx.AsyncClient, ours: Home):
    path = f"/v1/employees/{ours.own}"
    tag = (await manager.get(path)).headers["etag"]
    answers = await asyncio.gather(
        *(manager.patch(path, json={"name": f"Jo {n}"}, headers={"If-Match": tag}) for n in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert (await manager.get(path)).json() == won.json()


async def test_the_tenant_and_people_are_changed_with_what_was_seen(admin: httpx.AsyncClient, ours: Home):
    for path in ("/v1/tenant", f"/v1/users/{ours.people['user']}"):
        problem(await admin.patch(path, json={"name": "New"}), 428, "unmatched")
        tag = (await admin.get(path)).headers["etag"]
        changed = await admin.patch(path, json={"name": "New"}, headers={"If-Match": tag})
        assert changed.json()["name"] == "New"
        assert changed.headers["etag"] == (await admin.get(path)).headers["etag"] != tag
        problem(await admin.patch(path, json={"name": "Newer"}, headers={"If-Match": tag}), 412, "changed")
