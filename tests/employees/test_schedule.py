"""A turn: taken by one, kept by its fence, given back, rested, backed off and woken for."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from factories import MONDAY
from shift import LEASE, Shift, a_shift, a_tenant, claimed, future, past

from empla.employees import schedule
from empla.employees.schedule import TurnLostError
from empla.errors import ForbiddenError
from empla.storage.database import Database
from empla.storage.tx import Caller

DAY = timedelta(days=1)


@pytest.fixture
async def jordan(database: Database) -> Shift:
    """In simulated time, due now."""
    return await a_shift(database, await a_tenant(database, simulated=True))


# Taking


async def test_a_turn_tells_what_a_cycle_needs_to_know(database: Database, jordan: Shift):
    robin = await a_shift(database, jordan.operator, role="csm", loop_interval_seconds=60)
    turn = await robin.take()
    assert turn is not None
    assert (turn.employee_id, turn.role, turn.lifecycle_stage, turn.fence) == (robin.employee, "csm", "shadow", 1)
    assert turn.config.loop_interval_seconds == 60


async def test_the_next_turn_is_the_given_one_or_an_interval_from_now(database: Database, jordan: Shift):
    robin = await a_shift(database, jordan.operator, loop_interval_seconds=60)
    for one, given, expected in (
        (jordan, None, schedule.DEFAULT_INTERVAL),
        (robin, None, timedelta(minutes=1)),
        (robin, MONDAY + DAY, DAY),
    ):
        turn = await one.take(next_cycle_at=given)
        place = await one.place()
        assert turn is not None
        assert turn.next_cycle_at == place.next_cycle_at == MONDAY + expected
        assert place.last_cycle_at == MONDAY


async def test_without_a_lease_the_turn_is_given_back_at_once(jordan: Shift):
    for fence in (1, 2, 3):
        turn = await jordan.take()
        assert turn is not None
        assert turn.fence == (await jordan.place()).fence == fence
        assert not (await jordan.place()).leased


async def test_nobody_takes_a_turn_that_is_another_s(jordan: Shift):
    first = await jordan.take(lease=LEASE)
    assert first is not None
    assert await jordan.take() is None
    await jordan.expire()
    second = await jordan.take()
    assert second is not None
    assert second.fence == first.fence + 1


async def test_a_turn_is_taken_by_its_fence_as_long_as_nobody_took_it_since(jordan: Shift):
    first = await jordan.take(lease=LEASE)
    assert first is not None
    await jordan.expire()
    again = await jordan.take(fence=first.fence, lease=LEASE)
    assert again is not None
    assert again.fence == first.fence
    assert (await jordan.place()).leased
    await jordan.expire()
    await jordan.take(lease=LEASE)
    before = await jordan.place()
    assert await jordan.take(fence=first.fence) is None
    assert await jordan.take(fence=before.fence + 1) is None
    assert await jordan.place() == before


async def test_a_turn_that_must_be_due_is_not_taken_before(jordan: Shift):
    assert await jordan.take(if_due=True, next_cycle_at=MONDAY + DAY) is not None
    assert await jordan.take(if_due=True) is None
    assert await jordan.take() is not None


async def test_a_claimed_turn_keeps_the_name_of_its_worker_until_it_is_given_back(alone: Database):
    jordan = await a_shift(alone, await a_tenant(alone), due=past(minutes=1))
    (claim,) = await claimed(alone, worker="nine")
    await jordan.take(fence=claim.fence, lease=LEASE)
    assert (await jordan.place()).leased_by == "nine"
    await jordan.end(claim.fence)
    place = await jordan.place()
    assert (place.leased_by, place.leased) == (None, False)


async def test_who_takes_a_turn_waits_for_the_transaction_that_has_it(jordan: Shift):
    async with jordan.database.work(jordan.caller) as tx:
        assert await schedule.take_turn(tx, employee=jordan.employee) is not None
        second = asyncio.create_task(jordan.take(if_due=True))
        await asyncio.sleep(0.1)
        assert not second.done()
    assert await second is None  # it is not due any more


async def test_an_employee_takes_its_own_turn_alone(database: Database, jordan: Shift):
    robin = await a_shift(database, jordan.operator)
    theirs = await a_shift(database, await a_tenant(database))
    for other in (robin, theirs):
        before = await other.place()
        async with database.work(jordan.caller) as tx:
            assert await schedule.take_turn(tx, employee=other.employee) is None
            assert await schedule.wake(tx, employees=[other.employee], at=past(days=9)) == 0
            with pytest.raises(TurnLostError):
                await schedule.end_turn(tx, employee=other.employee, fence=before.fence)
        assert await other.place() == before


async def test_nobody_in_a_tenant_says_what_time_it_is_there_or_that_it_is_not_suspended(jordan: Shift):
    for column in ("clock_now", "suspended"):
        for caller in (jordan.operator, jordan.caller):
            doing = jordan.database.work(caller) if caller.employee else jordan.database.write(caller)
            with pytest.raises(ForbiddenError):
                async with doing as tx:
                    await tx.execute(f"UPDATE employee_schedule SET {column} = DEFAULT")  # pyright: ignore[reportArgumentType]


# Keeping, ending, resting


async def test_a_turn_is_kept_until_another_takes_it(jordan: Shift):
    turn = await jordan.take(lease=LEASE)
    assert turn is not None
    await jordan.expire()
    await jordan.keep(turn.fence)
    assert (await jordan.place()).leased
    await jordan.expire()
    await jordan.take(lease=LEASE)
    before = await jordan.place()
    for write in (
        jordan.keep(turn.fence),
        jordan.end(turn.fence),
        jordan.rest(turn.fence, MONDAY),
        jordan.back_off(turn.fence),
    ):
        with pytest.raises(TurnLostError, match="the turn 1 of this employee is another's by now"):
            await write
    assert await jordan.place() == before


async def test_a_turn_that_is_kept_just_before_another_takes_it_is_the_keeper_s(jordan: Shift):
    turn = await jordan.take(lease=LEASE)
    assert turn is not None
    await jordan.expire()
    async with jordan.database.work(jordan.caller) as tx:
        await schedule.keep_turn(tx, employee=jordan.employee, fence=turn.fence, lease=LEASE)
        second = asyncio.create_task(jordan.take())
        await asyncio.sleep(0.1)
        assert not second.done()
    assert await second is None


async def test_at_the_end_the_next_turn_comes_sooner_or_stays(jordan: Shift):
    turn = await jordan.take(lease=LEASE, next_cycle_at=MONDAY + DAY)
    assert turn is not None
    for given, expected in ((None, DAY), (2 * DAY, DAY), (DAY / 2, DAY / 2)):
        await jordan.end(turn.fence, None if given is None else MONDAY + given)
        place = await jordan.place()
        assert (place.next_cycle_at, place.leased) == (MONDAY + expected, False)


async def test_who_rests_has_its_next_turn_then_and_not_before(jordan: Shift):
    turn = await jordan.take(lease=LEASE)
    assert turn is not None
    await jordan.rest(turn.fence, MONDAY + DAY)
    place = await jordan.place()
    assert (place.next_cycle_at, place.leased) == (MONDAY + DAY, False)


async def test_failures_double_the_pause_up_to_an_hour_until_one_cycle_does_not_fail(jordan: Shift):
    pauses: list[timedelta] = []
    for _ in range(12):
        turn = await jordan.take(next_cycle_at=MONDAY, lease=LEASE)
        assert turn is not None
        pauses.append(await jordan.back_off(turn.fence) - MONDAY)
        assert not (await jordan.place()).leased
    assert pauses == [timedelta(seconds=min(10 * 2**failed, 3600)) for failed in range(12)]
    turn = await jordan.take(lease=LEASE)
    assert turn is not None
    assert turn.failures == 12
    await jordan.end(turn.fence)
    assert (await jordan.place()).failures == 0


async def test_a_pause_does_not_bring_a_later_turn_forward(jordan: Shift):
    turn = await jordan.take(next_cycle_at=MONDAY + DAY)
    assert turn is not None
    assert await jordan.back_off(turn.fence) == MONDAY + DAY


# Waking


async def test_who_is_woken_has_its_turn_at_the_latest_then(database: Database, jordan: Shift):
    robin = await a_shift(database, jordan.operator, due=MONDAY + 3 * DAY)
    await jordan.take(next_cycle_at=MONDAY + DAY)
    async with database.write(jordan.operator) as tx:
        assert await schedule.wake(tx, employees=[jordan.employee, robin.employee], at=MONDAY + 2 * DAY) == 1
    assert [(await one.place()).next_cycle_at for one in (jordan, robin)] == [MONDAY + DAY, MONDAY + 2 * DAY]


async def test_who_is_woken_in_the_middle_of_its_cycle_is_due_after_it(jordan: Shift):
    """The one who wakes sees a turn that is due already; the cycle has set a later one when it can look again."""
    async with jordan.database.work(jordan.caller) as tx:
        await schedule.take_turn(tx, employee=jordan.employee, next_cycle_at=MONDAY + DAY)
        waking = asyncio.create_task(jordan.wake(MONDAY))
        await asyncio.sleep(0.1)
        assert not waking.done()
    assert await waking == 1
    assert (await jordan.place()).next_cycle_at == MONDAY


async def test_two_who_wake_the_same_people_do_not_wait_for_each_other(database: Database, acme: Caller):
    people = [(await a_shift(database, acme, due=future(days=1))).employee for _ in range(30)]

    async def wake(order: int) -> None:
        async with database.write(acme) as tx:
            await schedule.wake(tx, employees=people[::order], at=past(minutes=order + 2))

    for _ in range(10):
        await asyncio.gather(*(wake(order) for order in (1, -1, 1, -1)))


async def test_everybodys_turns_are_listed_the_soonest_first(database: Database, jordan: Shift):
    robin = await a_shift(database, jordan.operator, due=MONDAY - DAY, active=False)
    await jordan.take(lease=LEASE, next_cycle_at=MONDAY)
    async with database.read(jordan.operator) as tx:
        listed = await schedule.turns(tx)
    assert [(one.employee_id, one.active, one.lease_until is None) for one in listed] == [
        (robin.employee, False, True),
        (jordan.employee, True, False),
    ]


async def test_a_schedule_names_no_worker_without_a_lease(alone: Database):
    jordan = await a_shift(alone, await a_tenant(alone))
    with (
        psycopg.connect(str(alone.urls.admin)) as admin,
        pytest.raises(psycopg.errors.CheckViolation, match="schedule_leased_by"),
    ):
        admin.execute("UPDATE empla.employee_schedule SET leased_by = 'w' WHERE employee_id = %s", (jordan.employee,))
