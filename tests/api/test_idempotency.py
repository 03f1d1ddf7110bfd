"""What is sent twice with one key is done once, and answered alike."""

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
from calling import Home, Keys, Role, client, counted, problem
from fastapi import FastAPI

from empla.access import idempotency
from empla.employees import employees
from empla.storage.database import Database
from empla.storage.tx import Caller

if TYPE_CHECKING:
    from tests.conftest import Cluster


def riley() -> dict[str, str]:
    return {"name": "Riley", "role": "custom", "email": f"riley.{uuid4().hex[:8]}@acme.example"}


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


async def hired(database: Database, caller: Caller) -> int:
    async with database.read(caller) as tx:
        return len([each for each in await employees.everyone(tx) if each.name == "Riley"])


async def test_sent_again_it_is_answered_again_and_done_once(
    manager: httpx.AsyncClient, database: Database, ours: Home
):
    sent, once = riley(), key()
    first = await manager.post("/v1/employees", json=sent, headers=once)
    with counted(database, 4):  # begin, the lock, what was kept, commit
        again = await manager.post("/v1/employees", json=sent, headers=once)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    for name in ("location", "etag"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await hired(database, ours.operator) == 1


async def test_a_key_is_for_one_request(manager: httpx.AsyncClient):
    once = key()
    await manager.post("/v1/employees", json=riley(), headers=once)
    told = problem(await manager.post("/v1/employees", json=riley(), headers=once), 422, "idempotency")
    assert told["detail"] == "this Idempotency-Key was used for another request: take a new one"
    for wrong in ("", "two words", "x" * 201, "ä"):
        response = await manager.post("/v1/employees", json=riley(), headers={"Idempotency-Key": wrong.encode()})  # type: ignore[dict-item]
        problem(response, 400, "malformed")


async def test_a_key_is_its_callers_own(app: FastAPI, keys: Keys, ours: Home, theirs: Home, database: Database):
    once = key()
    askers: tuple[tuple[Home, Role], ...] = ((ours, "admin"), (ours, "manager"), (theirs, "manager"))
    for home, role in askers:
        async with client(app, keys.give(home.guest(role))) as caller:
            response = await caller.post("/v1/employees", json=riley(), headers=once)
            assert (response.status_code, "idempotency-replayed" in response.headers) == (201, False)
    assert await hired(database, ours.operator) == 2


async def test_what_failed_is_done_when_it_is_sent_again(manager: httpx.AsyncClient, ours: Home):
    once, path = key(), f"/v1/employees/{ours.own}/promote"
    async with asyncio.timeout(20):
        problem(await manager.post(path, json={"to": "autonomous"}, headers=once), 409, "conflict")
        assert (await manager.post(path, json={"to": "supervised"}, headers=once)).status_code == 200


async def test_of_many_at_once_one_is_done(manager: httpx.AsyncClient, database: Database, ours: Home):
    sent, once = riley(), key()
    answers = await asyncio.gather(*(manager.post("/v1/employees", json=sent, headers=once) for _ in range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    done = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in done}) == 1
    assert await hired(database, ours.operator) == 1


async def test_a_request_that_is_under_way_is_not_waited_for(
    manager: httpx.AsyncClient, database: Database, ours: Home
):
    once = key()
    as_manager = Caller(ours.operator.tenant, user=ours.people["manager"])
    async with database.write(as_manager) as tx:
        digest = bytes(32)
        assert await idempotency.answered(tx, key=once["Idempotency-Key"], digest=digest) is None
        told = problem(await manager.post("/v1/employees", json=riley(), headers=once), 409, "conflict")
    assert told["detail"] == "a request with this Idempotency-Key is under way: ask again in a moment"
    assert (await manager.post("/v1/employees", json=riley(), headers=once)).status_code == 201


async def test_what_was_kept_for_a_day_is_swept_and_counts_no_more(
    manager: httpx.AsyncClient, database: Database, ours: Home, cluster: "Cluster"
):
    sent, once, other = riley(), key(), key()
    await manager.post("/v1/employees", json=sent, headers=once)
    await manager.post("/v1/employees", json=riley(), headers=other)
    with cluster.admin() as admin:
        admin.execute(
            "UPDATE empla.idempotency_keys SET recorded_at = recorded_at - interval '25 hours' WHERE idempotency_key = %s",
            (once["Idempotency-Key"],),
        )
    problem(await manager.post("/v1/employees", json=sent, headers=once), 409, "conflict")  # the e-mail is taken
    async with database.write(ours.operator) as tx:
        assert await idempotency.sweep(tx) == 1
        assert await idempotency.sweep(tx) == 0


async def test_a_user_sweeps_his_own_alone(
    manager: httpx.AsyncClient, database: Database, ours: Home, cluster: "Cluster"
):
    await manager.post("/v1/employees", json=riley(), headers=key())
    with cluster.admin() as admin:
        admin.execute("UPDATE empla.idempotency_keys SET recorded_at = recorded_at - interval '25 hours'")
    async with database.write(Caller(ours.operator.tenant, user=ours.people["admin"])) as tx:
        assert await idempotency.sweep(tx) == 0


async def test_an_answer_that_is_too_large_is_done_once_all_the_same(database: Database, ours: Home):
    async with database.write(ours.operator) as tx:
        large = "x" * (idempotency.MAX_KEPT_BYTES + 1)
        await idempotency.keep(tx, key="large", digest=bytes(32), status=201, headers={}, body=large)
        kept = await idempotency.answered(tx, key="large", digest=bytes(32))
    assert kept is not None
    assert kept.body is None
