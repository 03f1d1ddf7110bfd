"""A worker runs everybody's cycles in time, rests whom it must, backs off from what fails, and stops when it is told."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import structlog
from factories import wait
from shift import Shift, a_shift, a_tenant, claimed, past

from empla.employees import employees, schedule
from empla.employees.schedule import FIRST_PAUSE
from empla.errors import UnavailableError
from empla.memory import episodic
from empla.mind import cycle, housekeeping
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.storage.database import Database
from empla.tenancy import tenants
from empla.worker.worker import Worker


async def works_once(database: Database, *, concurrency: int = 4) -> Worker:
    """A worker that has run whatever was due."""
    worker = Worker(database, name="w", concurrency=concurrency)
    await worker.run(once=True)
    return worker


@asynccontextmanager
async def working(database: Database, *, concurrency: int = 4) -> AsyncGenerator[Worker]:
    """A worker at work; it has stopped when the block ends."""
    worker = Worker(database, name="w", concurrency=concurrency)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await asyncio.wait_for(running, 30)


async def until(reached: Any) -> None:
    for _ in range(600):
        if await reached():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not come to it")


async def delivered(shift: Shift, *names: str, at: datetime | None = None) -> None:
    news = [
        NewObservation(
            source="mail",
            external_id=name,
            recipient="it",
            kind="mail",
            occurred_at=at or past(seconds=1),
            description=name,
            participants=(),
            content={},
        )
        for name in names
    ]
    async with shift.database.write(shift.operator) as tx:
        await inbox.deliver(tx, news, recipients={"it": shift.employee})


async def remembered(shift: Shift) -> list[str]:
    async with shift.database.read(shift.operator) as tx:
        return sorted(episode.description for episode in await episodic.latest(tx, employee=shift.employee))


def lately(hours: float) -> str:
    """A time of day of UTC, so many hours from now."""
    return f"{datetime.now(UTC) + timedelta(hours=hours):%H:%M}"


async def test_whoever_is_due_has_one_cycle_and_is_due_again_after_its_interval(alone: Database):
    real, simulated = await a_tenant(alone), await a_tenant(alone, simulated=True)
    people = [await a_shift(alone, tenant) for tenant in (real, simulated) for _ in range(5)]
    for person in people[:3]:
        await delivered(person, "a", "b", at=past(days=600))
    worker = await works_once(alone, concurrency=3)
    assert (worker.tally.cycles, worker.tally.failed) == (10, 0)
    assert [await remembered(person) for person in people[:4]] == [["a", "b"]] * 3 + [[]]
    assert {(place.fence, place.leased) for place in [await person.place() for person in people]} == {(1, False)}
    assert (await works_once(alone)).tally.cycles == 0
    await wait(alone, simulated, 1)
    assert (await works_once(alone)).tally.cycles == 5


async def test_outside_its_working_hours_an_employee_rests_until_they_begin(alone: Database):
    acme = await a_tenant(alone)
    night = {"timezone": "UTC", "start": lately(6), "end": lately(8)}
    day = {"timezone": "UTC", "start": lately(-2), "end": lately(2)}
    resting, busy = [await a_shift(alone, acme, working_hours=hours) for hours in (night, day)]
    for person in (resting, busy):
        await delivered(person, "a")
    worker = await works_once(alone)
    assert (worker.tally.cycles, worker.tally.rested) == (1, 1)
    assert [await remembered(person) for person in (resting, busy)] == [[], ["a"]]
    place = await resting.place()
    assert f"{place.next_cycle_at:%H:%M}" == night["start"]
    assert (place.leased, place.next_cycle_at > datetime.now(UTC)) == (False, True)


async def test_one_cycle_that_fails_comes_later_and_stops_nobody_else(alone: Database, monkeypatch: pytest.MonkeyPatch):
    acme = await a_tenant(alone)
    bad, good = await a_shift(alone, acme), await a_shift(alone, acme)
    run = cycle.run

    async def failing(database: Database, caller: Any, **how: Any) -> cycle.CycleOutcome:
        if caller.employee == bad.employee:
            raise ZeroDivisionError("of all things")
        return await run(database, caller, **how)

    monkeypatch.setattr(cycle, "run", failing)
    with structlog.testing.capture_logs() as logged:
        worker = await works_once(alone, concurrency=1)
    assert (worker.tally.cycles, worker.tally.failed) == (1, 1)
    (failed,) = [event for event in logged if event["event"] == "failed"]
    assert (failed["employee"], failed["error"], failed["log_level"]) == (bad.employee, "of all things", "error")
    assert isinstance(failed["exc_info"], ZeroDivisionError)
    place = await bad.place()
    assert (place.failures, place.leased) == (1, False)
    assert FIRST_PAUSE / 2 < place.next_cycle_at - datetime.now(UTC) <= FIRST_PAUSE
    assert (await good.place()).failures == 0
    monkeypatch.setattr(cycle, "run", run)
    await bad.wake(past(seconds=1))
    assert (await works_once(alone)).tally.cycles == 1
    assert (await bad.place()).failures == 0


@pytest.mark.parametrize("change", ["pause", "suspend", "dismiss"])
async def test_who_was_shut_out_since_the_claim_is_passed_over_quietly(
    alone: Database, monkeypatch: pytest.MonkeyPatch, change: str
):
    jordan = await a_shift(alone, await a_tenant(alone))
    run = cycle.run

    async def too_late(database: Database, caller: Any, **how: Any) -> cycle.CycleOutcome:
        if change == "suspend":
            await tenants.set_status(database, tenant=caller.tenant, status="suspended")
        else:
            async with database.write(jordan.operator) as tx:
                await (employees.pause if change == "pause" else employees.dismiss)(tx, employee=jordan.employee)
        return await run(database, caller, **how)

    monkeypatch.setattr(cycle, "run", too_late)
    with structlog.testing.capture_logs() as logged:
        worker = await works_once(alone)
    assert (worker.tally.cycles, worker.tally.failed) == (0, 0)
    assert {event["event"] for event in logged} == {"works", "stopped"}


async def test_a_turn_that_was_lost_since_the_claim_is_not_run_and_nothing_is_written(
    alone: Database, monkeypatch: pytest.MonkeyPatch
):
    jordan = await a_shift(alone, await a_tenant(alone))
    await delivered(jordan, "a")
    run = cycle.run

    async def too_late(database: Database, caller: Any, **how: Any) -> cycle.CycleOutcome:
        await jordan.expire()
        assert await jordan.take(lease=timedelta(minutes=1)) is not None
        return await run(database, caller, **how)

    monkeypatch.setattr(cycle, "run", too_late)
    worker = await works_once(alone)
    assert (worker.tally.cycles, worker.tally.failed) == (0, 0)
    assert await remembered(jordan) == []
    place = await jordan.place()
    assert (place.fence, place.leased) == (2, True)


async def test_no_more_is_claimed_than_can_be_run_now(alone: Database, monkeypatch: pytest.MonkeyPatch):
    acme = await a_tenant(alone)
    for _ in range(6):
        await a_shift(alone, acme)
    run, most = cycle.run, 0

    async def counting(database: Database, caller: Any, **how: Any) -> cycle.CycleOutcome:
        nonlocal most
        async with database.read(acme) as tx:
            most = max(most, sum(turn.lease_until is not None for turn in await schedule.turns(tx)))
        return await run(database, caller, **how)

    monkeypatch.setattr(cycle, "run", counting)
    assert (await works_once(alone, concurrency=2)).tally.cycles == 6
    assert most == 2


async def test_a_worker_that_waits_is_there_when_somebody_becomes_due(alone: Database):
    jordan = await a_shift(alone, await a_tenant(alone), due=datetime.now(UTC) + timedelta(seconds=0.5))
    async with working(alone) as worker:
        await until(lambda: _has_run(worker, 1))
        assert (await jordan.place()).last_cycle_at is not None
        await delivered(jordan, "a")
        await until(lambda: _has_run(worker, 2))
    assert await remembered(jordan) == ["a"]


async def _has_run(worker: Worker, cycles: int) -> bool:
    return worker.tally.cycles >= cycles


async def test_a_worker_that_is_told_to_stop_ends_what_it_has_begun_and_begins_nothing(
    alone: Database, monkeypatch: pytest.MonkeyPatch
):
    acme = await a_tenant(alone)
    people = [await a_shift(alone, acme) for _ in range(3)]
    run, going_on = cycle.run, asyncio.Event()
    begun = 0

    async def slow(database: Database, caller: Any, **how: Any) -> cycle.CycleOutcome:
        nonlocal begun
        begun += 1
        await going_on.wait()
        return await run(database, caller, **how)

    monkeypatch.setattr(cycle, "run", slow)
    worker = Worker(alone, name="w", concurrency=2)
    running = asyncio.create_task(worker.run())
    await until(lambda: _are(begun == 2))
    worker.stop()
    await asyncio.sleep(0.1)
    assert not running.done()
    going_on.set()
    await asyncio.wait_for(running, 30)
    assert (worker.tally.cycles, begun) == (2, 2)
    places = [await person.place() for person in people]
    assert sorted(place.fence for place in places) == [0, 1, 1]
    assert not any(place.leased for place in places)


async def _are(so: bool) -> bool:  # noqa: FBT001
    return so


async def test_a_worker_outlives_an_outage_of_its_database_unless_it_works_once(
    alone: Database, monkeypatch: pytest.MonkeyPatch
):
    jordan = await a_shift(alone, await a_tenant(alone))
    across, failures = Database.across, 3

    async def down(self: Database, row: Any, query: Any, **parameters: Any) -> Any:
        nonlocal failures
        if "claim_due" in query and failures:
            failures -= 1
            raise UnavailableError("the database can't be used now")
        return await across(self, row, query, **parameters)

    monkeypatch.setattr(Database, "across", down)
    with pytest.raises(ExceptionGroup, match="unhandled"):
        await works_once(alone)
    with structlog.testing.capture_logs() as logged:
        async with working(alone) as worker:
            await until(lambda: _has_run(worker, 1))
    assert [event["seconds"] for event in logged if event["event"] == "claims nothing"] == [0.05, 0.1]
    assert (await jordan.place()).fence == 1


async def test_one_worker_keeps_house_and_the_next_finds_it_kept(alone: Database):
    assert await housekeeping.is_due(alone)
    with structlog.testing.capture_logs() as logged:
        async with working(alone), working(alone):
            await until(lambda: _are(any(event["event"] == "kept house" for event in logged)))
        assert not await housekeeping.is_due(alone)
        async with working(alone):
            await asyncio.sleep(0.3)
    assert [event["event"] for event in logged].count("kept house") == 1
    assert {event["log_level"] for event in logged} == {"info"}


async def test_a_claim_costs_one_message_and_a_quiet_cycle_six(alone: Database, monkeypatch: pytest.MonkeyPatch):
    """Of a salesperson, who evaluates its own records; of others, five."""
    acme = await a_tenant(alone)
    jordan = await a_shift(alone, acme, role="sales_ae")
    await works_once(alone)
    for person, messages in ((jordan, 6), (await a_shift(alone, acme), 5)):
        await works_once(alone)
        await person.wake(past(seconds=1))
        calls: list[str] = []
        across = Database.across

        async def counting(
            self: Database, row: Any, query: Any, calls: list[str] = calls, across: Any = across, **parameters: Any
        ) -> Any:
            calls.append(query)
            return await across(self, row, query, **parameters)

        before = alone.statements
        monkeypatch.setattr(Database, "across", counting)
        assert (await works_once(alone)).tally.cycles == 1
        monkeypatch.setattr(Database, "across", across)
        assert alone.statements - before == messages
        assert len(calls) == 3  # one claim, one that finds nobody, and whose memories wait


async def test_a_worker_that_dies_in_a_cycle_leaves_nothing_and_another_goes_on(alone: Database):
    jordan = await a_shift(alone, await a_tenant(alone))
    await delivered(jordan, "a")
    (claim,) = await claimed(alone, worker="another")
    with psycopg.connect(str(alone.urls.worker)) as dying:
        dying.execute("SELECT ctx.enter(%s, NULL, %s)", (claim.tenant_id, claim.employee_id))
        dying.execute("UPDATE observations SET status = 'perceived', perceived_at = now()")
        dying.rollback()
    assert (await works_once(alone)).tally.cycles == 0
    await jordan.expire()
    assert (await works_once(alone)).tally.cycles == 1
    assert await remembered(jordan) == ["a"]
