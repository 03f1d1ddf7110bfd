"""What employees ask is decided over HTTP about exactly what was seen; notices are answered, budgets set."""

import area_world
import httpx
from calling import Home, problem

from empla.storage.database import Database


async def test_what_was_not_seen_is_not_decided(manager: httpx.AsyncClient, database: Database, ours: Home):
    things = await area_world.AREA.things(database, ours)
    [asked] = (await manager.get("/v1/approvals", params={"which": "drafts"})).json()["items"]
    assert (asked["id"], asked["body"]) == (str(things["approval"]), "Dear Jane, here is the offer.")
    path = f"/v1/approvals/{asked['id']}"
    told = problem(await manager.post(f"{path}/approve", json={"digest": "0" * 64}), 409, "conflict")
    assert told["detail"] == "this is not what you saw: look at the request again, and decide anew"
    assert (await manager.get(path)).json() == asked
    edited = await manager.post(f"{path}/approve", json={"digest": asked["digest"], "title": "Our offer"})
    assert edited.json()["after"]["title"] == "Our offer"
    assert (await manager.get(path)).json()["status"] == "edited"


async def test_a_notice_is_answered_once(manager: httpx.AsyncClient, database: Database, ours: Home):
    path = f"/v1/notices/{(await area_world.AREA.things(database, ours))['notice']}"
    answered = (await manager.post(f"{path}/answer", json={"text": "I know."})).json()
    assert (answered["status"], answered["answer"]) == ("answered", "I know.")
    problem(await manager.post(f"{path}/acknowledge"), 409, "conflict")


async def test_a_budget_is_set_and_told(manager: httpx.AsyncClient, ours: Home):
    path = f"/v1/employees/{ours.own}/budgets"
    put = (await manager.put(f"{path}/money", json={"daily": "2.5"})).json()
    assert put in (await manager.get(path)).json()["items"]
    problem(await manager.put(f"{path}/money", json={"daily": -1}), 422, "invalid")
