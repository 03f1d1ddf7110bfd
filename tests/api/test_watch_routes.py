"""Who did what, and how it goes, over HTTP."""

from datetime import datetime, timedelta

import area_world
import httpx
from calling import Home, counted, problem

from empla.storage.database import Database


async def everything(caller: httpx.AsyncClient, **params: str) -> list[dict[str, object]]:
    """All pages of the trail, two entries each."""
    found: list[dict[str, object]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await caller.get("/v1/audit", params={**params, "limit": "2", **cursor})).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_who_approved_this_is_answered(
    manager: httpx.AsyncClient, admin: httpx.AsyncClient, database: Database, ours: Home
):
    things = await area_world.AREA.things(database, ours)
    path = f"/v1/approvals/{things['approval']}"
    digest = (await manager.get(path)).json()["digest"]
    assert (await manager.post(f"{path}/approve", json={"digest": digest})).status_code == 200
    asked = {"resource_type": "approval", "resource": str(things["approval"])}
    decided, created = await everything(admin, **asked)
    assert (decided["action_type"], decided["actor_type"]) == ("approval.changed", "user")
    assert (decided["actor_id"], decided["actor"]) == (str(ours.people["manager"]), "Manager")
    changes = decided["details"]
    assert isinstance(changes, dict)
    assert changes["status"] == ["pending", "approved"]
    assert created["action_type"] == "approval.created"
    by_manager = await everything(admin, actor=str(ours.people["manager"]))
    assert decided in by_manager
    assert created not in by_manager
    assert await everything(admin, **asked, action="approval.changed") == [decided]


async def test_the_trail_is_one_tenant_s_the_latest_first_and_page_by_page(
    admin: httpx.AsyncClient, database: Database, ours: Home, theirs: Home
):
    things = await area_world.AREA.things(database, ours)
    elsewhere = await area_world.AREA.things(database, theirs)
    trail = await everything(admin)
    places = [(each["occurred_at"], each["id"]) for each in trail]
    assert places == sorted(places, reverse=True)
    assert len(set(places)) == len(places)
    with counted(database, 3):
        whole = (await admin.get("/v1/audit", params={"limit": 200})).json()
    assert (whole["items"], whole["next_cursor"]) == (trail, None)
    assert str(elsewhere["approval"]) not in {each["resource_id"] for each in trail}
    assert await everything(admin, resource=str(elsewhere["approval"])) == []

    own = await everything(admin, employee=str(ours.own))
    assert {"employee", "assignment", "approval", "effect", "notice"} <= {each["resource_type"] for each in own}
    assert str(things["approval"]) in {each["resource_id"] for each in own}
    colleague = await everything(admin, employee=str(ours.colleague))
    assert {each["resource_type"] for each in colleague} == {"employee"}

    middle = trail[len(trail) // 2]["occurred_at"]
    assert isinstance(middle, str)
    later, before = await everything(admin, since=middle), await everything(admin, until=middle)
    assert later + before == trail
    assert later
    assert before
    tomorrow = (datetime.fromisoformat(middle) + timedelta(days=1)).isoformat()
    assert await everything(admin, since=tomorrow) == []


async def test_the_trail_is_for_admins_and_managers(
    user: httpx.AsyncClient, manager: httpx.AsyncClient, admin: httpx.AsyncClient
):
    problem(await user.get("/v1/audit"), 403, "forbidden")
    assert await everything(manager) == await everything(admin)
    problem(await admin.get("/v1/audit", params={"since": "yesterday"}), 422, "invalid")
