"""Who did what, and how it goes, over HTTP."""

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import area_world
import httpx
from calling import Home, counted, problem

from empla.observability import metrics
from empla.storage.database import Database

if TYPE_CHECKING:
    from tests.conftest import Cluster


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


def plant(cluster: "Cluster", home: Home, employee: UUID, today: date) -> None:
    """Rows as days behind us would have left them; triggers would date them today."""
    tenant = home.operator.tenant

    def at(ago: int, hour: int) -> datetime:
        return datetime.combine(today - timedelta(days=ago), time(hour), UTC)

    with cluster.admin() as admin:
        admin.execute("SET session_replication_role = replica")
        for ago, value in ((3, 2), (3, 1), (1, 4)):
            for name, kind, amount, tags in (
                ("cycles", "counter", value, "{}"),
                ("cycle_seconds", "histogram", 0.5 * value, f'{{"count": {value}}}'),
            ):
                admin.execute(
                    "INSERT INTO empla.metrics (tenant_id, employee_id, metric_name, metric_type, value, tags, timestamp)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    (tenant, employee, name, kind, amount, tags, at(ago, 23)),
                )
        for scope in (tenant, employee):  # whatever an employee spends, its tenant spends too
            admin.execute(
                "INSERT INTO empla.budget_days AS d (tenant_id, scope, day, resource, spent) VALUES (%s, %s, %s, 'money', 1.25)"
                " ON CONFLICT (tenant_id, scope, day, resource) DO UPDATE SET spent = d.spent + 1.25",
                (tenant, scope, today - timedelta(days=2)),
            )
        admin.execute(
            "INSERT INTO empla.employee_goals (tenant_id, employee_id, goal_type, description, priority, target, status, completed_at)"
            " VALUES (%s, %s, 'achievement', 'Sell', 5, '{}', 'completed', %s)",
            (tenant, employee, at(2, 0)),
        )
        # Asked; decided or expired: before the series, within a day, over two days, not yet.
        for number, (asked, ended, status) in enumerate(
            ((9, 8, "approved"), (9, 2, "expired"), (3, 3, "rejected"), (3, 1, "approved"), (2, None, "pending"))
        ):
            made = admin.execute(
                "INSERT INTO empla.effects (tenant_id, employee_id, kind, title, status, idempotency_key, ended_at, started_at, capability,"
                " stage, intention_id, step_position) VALUES (%s, %s, 'message', 'Hi', %s, %s, %s, %s, 'email', 'supervised', %s, 1)"
                " RETURNING id",
                (
                    *(tenant, employee, "done" if status == "approved" else "awaiting_approval", f"planted {number}"),
                    *(None if ended is None else at(ended, 12), at(asked, 8), employee),
                ),
            ).fetchone()
            assert made is not None
            decided = status in {"approved", "rejected"} and ended is not None
            admin.execute(
                "INSERT INTO empla.approvals (tenant_id, employee_id, effect_id, digest, stage, status, why, created_at, updated_at,"
                " expires_at, decided_at, decided_by, decided_by_type)"
                " VALUES (%s, %s, %s, repeat('0', 64), 'supervised', %s, 'New', %s, %s, %s, %s, %s, %s)",
                (
                    *(tenant, employee, made[0], status, at(asked, 8), at(ended or 0, 12)),
                    at(ended, 12) if status == "expired" and ended is not None else at(-5, 0),
                    *((at(ended or 0, 12), employee, "user") if decided else (None, None, None)),
                ),
            )


async def test_days_are_as_they_were(
    cluster: "Cluster",
    user: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    database: Database,
    ours: Home,
    theirs: Home,
):
    today = datetime.now(UTC).date()
    plant(cluster, ours, ours.own, today)
    plant(cluster, ours, ours.colleague, today)
    plant(cluster, theirs, theirs.own, today)
    span = {"since": str(today - timedelta(days=4)), "until": str(today)}
    with counted(database, 3):
        own = (await user.get("/v1/metrics/days", params=span)).json()["items"]
    with counted(database, 3):
        both = (await admin.get("/v1/metrics/days", params=span)).json()["items"]
    assert [each["day"] for each in own] == [str(today - timedelta(days=ago)) for ago in range(4, -1, -1)]
    expected: dict[str, list[object]] = {
        "cycles": [0, 3, 0, 4, 0],
        "mean_cycle_seconds": [None, 0.5, None, 0.5, None],
        "cost": [0, 0, 1.25, 0, 0],
        "goals_achieved": [0, 0, 1, 0, 0],
        "effects_sent": [0, 0, 0, 1, 0],
        "approvals_waiting": [1, 2, 2, 1, 1],
    }
    for name, days in expected.items():
        told = [float(each[name]) if name == "cost" else each[name] for each in own]
        assert told == days, name
    for each, one in zip(both, own, strict=True):
        assert float(each["cost"]) == 2 * float(one["cost"])
        assert all(each[name] == 2 * one[name] for name in ("cycles", "goals_achieved", "effects_sent"))
        assert each["approvals_waiting"] == 2 * one["approvals_waiting"]
    path = f"/v1/employees/{ours.own}/metrics"
    assert (await admin.get(f"{path}/days", params=span)).json()["items"] == own
    problem(await user.get(f"/v1/employees/{ours.colleague}/metrics/days"), 404, "not-found")
    assert len((await admin.get(f"{path}/days")).json()["items"]) == 30
    for since, until in ((str(today), "2020-01-01"), ("2020-01-01", str(today)), ("0001-01-01", "9999-12-31")):
        problem(await admin.get(f"{path}/days", params={"since": since, "until": until}), 422, "invalid")
    problem(await admin.get(f"{path}/days", params={"until": "0001-01-02"}), 422, "invalid")

    async with database.write(ours.operator) as tx:
        await metrics.roll_up(tx)
    with counted(database, 3):
        one = (await user.get("/v1/metrics/total")).json()
    assert one == (await admin.get(f"{path}/total")).json()
    assert (one["employees"], one["goals_achieved"], one["eventful_cycles"]) == (1, 1, 7)
    assert (one["mean_cycle_seconds"], one["success_rate"], one["approvals_waiting"]) == (0.5, None, 1)
    whole = (await admin.get("/v1/metrics/total")).json()
    assert (whole["employees"], whole["goals_achieved"], whole["approvals_waiting"]) == (2, 2, 2)
    assert whole["mean_cycle_seconds"] == 0.5

    first = (await admin.get("/v1/metrics", params={"name": "cycles", "limit": 4})).json()
    rest = (
        await admin.get("/v1/metrics", params={"name": "cycles", "limit": 4, "cursor": first["next_cursor"]})
    ).json()
    listed = first["items"] + rest["items"]
    assert [each["value"] for each in listed[:2]] == [4, 4]
    assert sum(each["value"] for each in listed) == 14
    assert {each["employee_id"] for each in (await user.get("/v1/metrics")).json()["items"]} == {str(ours.own)}
