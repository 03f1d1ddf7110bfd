"""Something new wakes its recipient, in the statement that delivers it: when it happened, or now; and nothing else does."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import MONDAY
from shift import Shift, a_shift, a_tenant

from empla.employees import schedule
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.storage.database import Database

DAY = timedelta(days=1)
FAR = MONDAY + 30 * DAY


@pytest.fixture
async def jordan(database: Database) -> Shift:
    """In simulated time, with its next turn far off."""
    return await a_shift(database, await a_tenant(database, simulated=True), due=FAR)


def letter(name: str, at: datetime, *, to: str = "jordan", **more: Any) -> NewObservation:
    return NewObservation(
        source="mail",
        external_id=name,
        recipient=to,
        kind="mail",
        occurred_at=at,
        description=name,
        participants=(),
        content=more,
    )


async def deliver(jordan: Shift, *letters: NewObservation, robin: Shift | None = None) -> None:
    recipients = {"jordan": jordan.employee} | ({"robin": robin.employee} if robin else {})
    async with jordan.database.write(jordan.operator) as tx:
        await inbox.deliver(tx, letters, recipients=recipients)
    assert tx.statements == 3


async def next_turn(shift: Shift) -> datetime:
    return (await shift.place()).next_cycle_at


@pytest.mark.parametrize(
    ("happened", "next_cycle_at"),
    [
        ([MONDAY - DAY], MONDAY),
        ([MONDAY + DAY], MONDAY + DAY),
        ([MONDAY + 3 * DAY, MONDAY + 2 * DAY], MONDAY + 2 * DAY),
        ([FAR + DAY], FAR),
    ],
)
async def test_the_next_turn_is_when_it_happened_or_now_or_sooner(
    jordan: Shift, happened: list[datetime], next_cycle_at: datetime
):
    await deliver(jordan, *(letter(f"{number}", at) for number, at in enumerate(happened)))
    assert await next_turn(jordan) == next_cycle_at


async def test_what_is_known_or_changed_wakes_nobody(jordan: Shift):
    await deliver(jordan, letter("a", MONDAY))
    await jordan.take(next_cycle_at=FAR)
    await deliver(jordan, letter("a", MONDAY), letter("a", MONDAY, another="content"))
    assert await next_turn(jordan) == FAR


async def test_each_recipient_is_woken_for_its_own_and_others_sleep_on(database: Database, jordan: Shift):
    robin, casey = [await a_shift(database, jordan.operator, due=FAR) for _ in range(2)]
    await deliver(jordan, letter("a", MONDAY + DAY), letter("b", MONDAY + 2 * DAY, to="robin"), robin=robin)
    assert [await next_turn(one) for one in (jordan, robin, casey)] == [MONDAY + DAY, MONDAY + 2 * DAY, FAR]


async def test_news_in_the_middle_of_a_cycle_wake_for_the_next(jordan: Shift):
    """The cycle does not see them, and has set a later turn when they come to it."""
    await jordan.wake(MONDAY)
    async with jordan.database.work(jordan.caller) as tx:
        await schedule.take_turn(tx, employee=jordan.employee, next_cycle_at=FAR)
        delivering = asyncio.create_task(deliver(jordan, letter("a", MONDAY)))
        await asyncio.sleep(0.1)
        assert not delivering.done()
    await delivering
    assert await next_turn(jordan) == MONDAY


async def test_an_employee_wakes_itself(jordan: Shift):
    async with jordan.database.work(jordan.caller) as tx:
        turn = await schedule.take_turn(tx, employee=jordan.employee, next_cycle_at=FAR)
        assert turn is not None
        await inbox.deliver(tx, [letter("a", MONDAY + DAY)], recipients={"jordan": jordan.employee})
    assert await next_turn(jordan) == MONDAY + DAY


async def test_two_deliveries_at_once_to_the_same_people_do_not_wait_for_each_other(database: Database, jordan: Shift):
    people = {f"p{number}": await a_shift(database, jordan.operator, due=FAR) for number in range(12)}
    recipients = {name: person.employee for name, person in people.items()}

    async def delivered(source: int, order: int) -> None:
        letters = [letter(f"{source} {name}", MONDAY, to=name) for name in list(people)[::order]]
        async with database.write(jordan.operator) as tx:
            await inbox.deliver(tx, letters, recipients=recipients)

    for source in range(0, 20, 2):
        await asyncio.gather(delivered(source, 1), delivered(source + 1, -1))
    assert {await next_turn(person) for person in people.values()} == {MONDAY}
