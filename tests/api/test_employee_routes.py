"""Employees over HTTP: each route does what its operation does, in as few messages, and answers with the record."""

from uuid import uuid4

import httpx
from calling import Home, counted, problem

from empla.storage.database import Database

# Each transaction begins in one message and ends in another.
EDGES = 2


async def test_an_employee_is_hired_got_and_listed(manager: httpx.AsyncClient, database: Database, ours: Home):
    sent = {"name": "Riley", "role": "pm", "email": f"riley.{uuid4().hex[:8]}@acme.example"}
    hired = await manager.post("/v1/employees", json=sent)
    assert hired.status_code == 201, hired.text
    assert hired.headers["location"] == f"/v1/employees/{hired.json()['id']}"
    assert hired.json()["created_by"] == str(ours.people["manager"])
    with counted(database, EDGES + 1):
        got = await manager.get(hired.headers["location"])
    assert got.json() == hired.json()
    assert got.headers["etag"] == hired.headers["etag"]
    with counted(database, EDGES + 1):
        listed = await manager.get("/v1/employees", params={"role": "pm"})
    assert listed.json() == {"items": [hired.json()], "next_cursor": None}


async def test_what_is_sent_is_changed_and_the_rest_stays(manager: httpx.AsyncClient, database: Database, ours: Home):
    path = f"/v1/employees/{ours.own}"
    seen = await manager.get(path)
    with counted(database, EDGES + 2):
        changed = await manager.patch(
            path, json={"config": {"loop_interval_seconds": 600}}, headers={"If-Match": seen.headers["etag"]}
        )
    assert changed.json() == {
        **seen.json(),
        "config": {"loop_interval_seconds": 600},
        "updated_at": changed.json()["updated_at"],
    }
    assert (await manager.get(path)).headers["etag"] == changed.headers["etag"]


async def test_an_employee_pauses_works_again_and_is_dismissed(
    manager: httpx.AsyncClient, database: Database, ours: Home
):
    path = f"/v1/employees/{ours.own}"
    with counted(database, EDGES + 1):
        assert (await manager.post(f"{path}/pause")).json()["status"] == "paused"
    with counted(database, EDGES + 1):
        assert (await manager.post(f"{path}/resume")).json()["status"] == "active"
    with counted(database, EDGES + 1):
        gone = await manager.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    problem(await manager.get(path), 404, "not-found")


async def test_an_employee_is_trusted_one_stage_at_a_time(manager: httpx.AsyncClient, ours: Home):
    path = f"/v1/employees/{ours.own}"
    told = problem(await manager.post(f"{path}/promote", json={"to": "autonomous"}), 409, "conflict")
    assert told["detail"] == "jordan is shadow, and is promoted one stage at a time, not to autonomous"
    assert (await manager.post(f"{path}/promote", json={"to": "supervised"})).json()["lifecycle_stage"] == "supervised"
    assert (await manager.post(f"{path}/demote", json={"to": "shadow"})).json()["lifecycle_stage"] == "shadow"


async def test_a_user_sees_whom_he_looks_after(user: httpx.AsyncClient, ours: Home):
    listed = (await user.get("/v1/employees")).json()["items"]
    assert [each["id"] for each in listed] == [str(ours.own)]
    problem(await user.get(f"/v1/employees/{ours.colleague}"), 404, "not-found")


async def test_nobody_hires_with_what_is_not_his_to_set(manager: httpx.AsyncClient):
    sent = {"name": "Riley", "role": "pm", "email": "riley@acme.example"}
    for key, value in {
        "tenant_id": str(uuid4()),
        "id": str(uuid4()),
        "lifecycle_stage": "autonomous",
        "created_by": str(uuid4()),
        "performance_metrics": {"goals_achieved": 9},
    }.items():
        told = problem(await manager.post("/v1/employees", json={**sent, key: value}), 422, "invalid")
        assert told["errors"] == [{"pointer": f"#/{key}", "detail": f"{key} is not known here"}]
