"""Nobody asks more often, sends more or takes longer than the settings allow."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import uuid4

import httpx
from calling import Home, Keys, client, problem
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from empla.api.app import create
from empla.api.limits import MOST_BUCKETS, Rates, house
from empla.api.operations import Noun
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import ReadTx
from empla.tenancy import tenants
from empla.tenancy.tenants import Tenant


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_is_emptied_by_asking_and_filled_by_waiting():
    clock = Clock()
    rates = Rates(3, clock=clock)
    assert [rates.take("jane").remaining for _ in range(3)] == [2, 1, 0]
    refused = rates.take("jane")
    assert (refused.remaining, refused.retry_after, refused.reset) == (0, 20, 60)
    assert rates.take("joe").remaining == 2
    clock.now = 19.9
    assert rates.take("jane").retry_after == 1
    clock.now = 20.1
    assert rates.take("jane").retry_after == 0
    clock.now = 1000
    assert rates.take("jane").remaining == 2


def test_the_least_lately_seen_are_forgotten():
    rates = Rates(1, clock=Clock())
    rates.take("first")
    for number in range(MOST_BUCKETS):
        rates.take(str(number))
    assert rates.take("first").retry_after == 0
    assert rates.take(str(MOST_BUCKETS - 1)).retry_after > 0


def test_a_network_of_the_sixth_version_is_one_house():
    assert house("2001:db8:1:2::7") == house("2001:db8:1:2:ffff::1") != house("2001:db8:1:3::7")
    assert house("::ffff:192.0.2.1") == house("192.0.2.1") != house("192.0.2.2")
    assert house("local") == "local"


async def test_a_credential_asks_so_often_a_minute(database: Database, settings: Settings, keys: Keys, ours: Home):
    app = create(database, settings.model_copy(update={"api_rate": 2}), door=keys.door)
    async with client(app, keys.give(ours.guest("admin"))) as caller:
        answers = [await caller.get("/v1/tenant") for _ in range(3)]
        told = [(each.headers["ratelimit-limit"], each.headers["ratelimit-remaining"]) for each in answers]
        assert told == [("2", "1"), ("2", "0"), ("2", "0")]
        problem(answers[2], 429, "rate")
        assert answers[2].headers["retry-after"] == "30"
    async with client(app, keys.give(ours.guest("admin"))) as again:
        problem(await again.get("/v1/tenant"), 429, "rate")  # a new token of the same person
    async with client(app, keys.give(ours.guest("manager"))) as other:
        assert (await other.get("/v1/tenant")).status_code == 200


async def test_an_address_asks_so_often_whoever_it_says_it_is(database: Database, settings: Settings, keys: Keys):
    app = create(database, settings.model_copy(update={"api_address_rate": 2}), door=keys.door)
    async with client(app) as guesser:
        for guess in range(2):
            problem(await guesser.get("/v1/tenant", headers={"Authorization": f"Bearer {guess}"}), 401, "unauthorized")
        problem(await guesser.get("/v1/tenant", headers={"Authorization": "Bearer 3"}), 429, "rate")
        assert (await guesser.get("/healthz")).status_code == 200
    assert keys.asked == 2


async def test_a_body_has_its_size_whatever_it_says_of_itself(
    database: Database, settings: Settings, keys: Keys, ours: Home
):
    app = create(database, settings.model_copy(update={"api_max_body_bytes": 2000}), door=keys.door)
    async with client(app, keys.give(ours.guest("manager"))) as caller:
        headers = {"Content-Type": "application/json"}
        problem(await caller.post("/v1/employees", content=b"x" * 2001, headers=headers), 413, "too-large")

        async def endless() -> AsyncGenerator[bytes]:
            while True:
                yield b"x" * 500

        problem(await caller.post("/v1/employees", content=endless(), headers=headers), 413, "too-large")


async def test_nobody_s_body_is_read_before_the_door_has_looked(app: FastAPI):
    read: list[int] = []

    async def body() -> AsyncGenerator[bytes]:
        read.append(1)
        yield b"x"

    async with client(app, "forged") as caller:
        problem(await caller.post("/v1/employees", content=body()), 401, "unauthorized")
    assert read == []


async def test_a_body_comes_in_time(database: Database, settings: Settings, keys: Keys, ours: Home):
    app = create(database, settings.model_copy(update={"api_body_timeout": 0.1}), door=keys.door)

    async def slow() -> AsyncGenerator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async with client(app, keys.give(ours.guest("manager"))) as caller:
        problem(await caller.post("/v1/employees", content=slow()), 408, "slow")


async def test_a_head_has_its_size(app: FastAPI, keys: Keys, ours: Home):
    async with client(app, keys.give(ours.guest("admin"))) as caller:
        problem(await caller.get("/v1/tenant", headers={"X-Long": "x" * 17_000}), 431, "head-too-large")
        problem(await caller.get("/v1/tenant?" + "x" * 17_000), 431, "head-too-large")


def dawdling(held: asyncio.Event) -> tuple[Noun, ...]:
    noun = Noun("slow", about="What takes its time.")

    @noun.reads("/slow", "read", summary="It waits", scope="read")
    async def read(tx: ReadTx) -> Tenant:
        found = await tenants.get(tx)
        await held.wait()
        return found

    del read
    return (noun,)


async def test_an_answer_takes_no_longer_than_it_may_and_gives_its_connection_back(
    database: Database, settings: Settings, keys: Keys, ours: Home
):
    hurried = settings.model_copy(update={"api_timeout": 0.2})
    app = create(database, hurried, door=keys.door, nouns=dawdling(asyncio.Event()))
    async with client(app, keys.give(ours.guest("admin"))) as caller:
        for _ in range(settings.pool_size + 1):
            response = await caller.get("/v1/slow")
            problem(response, 503, "timeout")
            assert response.headers["retry-after"] == "1"
    assert all(pool.free == pool.size for pool in database.pools)


async def test_so_many_are_answered_at_once(database: Database, settings: Settings, keys: Keys, ours: Home):
    held = asyncio.Event()
    few = settings.model_copy(update={"api_max_requests": 2})
    app = create(database, few, door=keys.door, nouns=dawdling(held))
    async with client(app, keys.give(ours.guest("admin"))) as caller:
        waiting = [asyncio.create_task(caller.get("/v1/slow")) for _ in range(2)]
        async with asyncio.timeout(10):
            while app.state.house.busy < 2:  # noqa: ASYNC110 — it tells nobody
                await asyncio.sleep(0.01)
        problem(await caller.get("/v1/slow"), 503, "busy")
        assert (await caller.get("/healthz")).status_code == 200
        held.set()
        assert [(await each).status_code for each in waiting] == [200, 200]
        assert (await caller.get("/v1/slow")).status_code == 200


async def test_the_answer_is_committed_before_it_is_sent(app: FastAPI, keys: Keys, database: Database, ours: Home):
    """A transaction counts its messages once it is committed: all of them, when the first byte of the answer goes."""
    counts: list[int] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                counts.append(database.statements)
            await send(message)

        await app(scope, receive, sending)

    headers = {"Authorization": f"Bearer {keys.give(ours.guest('manager'))}"}
    before = database.statements
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(watched), base_url="http://empla.test", headers=headers
    ) as caller:
        assert (await caller.post(f"/v1/employees/{ours.own}/pause")).status_code == 200
        problem(await caller.post(f"/v1/employees/{uuid4()}/pause"), 404, "not-found")
    assert counts == [before + 3, before + 3]  # what was refused committed nothing
