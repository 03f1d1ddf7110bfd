"""Working memory holds little, for a while: what matters least goes when there is too much, and a cycle begins with empty hands."""

from datetime import timedelta

import pytest
from factories import MONDAY, a_simulated_tenant, an_employee
from living import Living, hired

from empla.errors import InvalidError, NotFoundError
from empla.memory import working
from empla.memory.shapes import WorkingContent
from empla.memory.working import ContextType, WorkingItem
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database

HOUR = timedelta(hours=1)


@pytest.fixture
async def living(database: Database) -> Living:
    return await hired(database)


async def holds(
    living: Living,
    task: str,
    *,
    priority: int = 5,
    kind: ContextType = "scratchpad",
    pinned: bool = False,
    hours: float | None = None,
) -> WorkingItem:
    async with living.database.write(living.caller) as tx:
        return await working.hold(
            tx,
            employee=living.employee,
            context_type=kind,
            content=WorkingContent.parse({"task": task}),
            priority=priority,
            pinned=pinned,
            expires_at=None if hours is None else tx.now + hours * HOUR,
        )


async def tasks(living: Living) -> list[str | None]:
    return [item.content.task for item in await living.in_hand()]


async def clears(living: Living) -> int:
    async with living.database.write(living.caller) as tx:
        return await working.clear(tx, employee=living.employee)


async def test_what_matters_most_comes_first_and_of_equals_the_latest(living: Living):
    for task, priority in (("a", 5), ("b", 9), ("c", 1), ("d", 5)):
        await holds(living, task, priority=priority)
        await living.waits(0.01)
    assert await tasks(living) == ["b", "d", "a", "c"]


async def test_what_matters_least_goes_when_there_is_too_much(settings: Settings):
    small = settings.model_copy(update={"working_capacity": 3})
    async with opening.opened(small) as database:
        caller = await a_simulated_tenant(database)
        living = Living(database, caller, (await an_employee(database, caller)).id)
        for number, priority in enumerate((5, 9, 1, 7, 5, 8)):
            await holds(living, f"{number} at {priority}", priority=priority)
            await living.waits(0.01)
            assert len(await tasks(living)) == min(number + 1, 3)
        assert await tasks(living) == ["1 at 9", "5 at 8", "3 at 7"]


async def test_what_is_pinned_stays_whatever_comes(settings: Settings):
    small = settings.model_copy(update={"working_capacity": 2})
    async with opening.opened(small) as database:
        caller = await a_simulated_tenant(database)
        living = Living(database, caller, (await an_employee(database, caller)).id)
        await holds(living, "pinned", priority=1, pinned=True)
        for number in range(4):
            await holds(living, f"{number}", priority=10)
        assert await tasks(living) == ["3", "pinned"]
        await holds(living, "pinned too", priority=1, pinned=True)
        await holds(living, "another", priority=2)
        assert set(await tasks(living)) == {"pinned", "pinned too", "another"}


async def test_what_has_expired_is_not_in_hand_and_takes_no_room(settings: Settings):
    small = settings.model_copy(update={"working_capacity": 2})
    async with opening.opened(small) as database:
        caller = await a_simulated_tenant(database)
        living = Living(database, caller, (await an_employee(database, caller)).id)
        await holds(living, "for an hour", priority=10, hours=1)
        await holds(living, "for long", priority=2)
        assert await tasks(living) == ["for an hour", "for long"]
        await living.waits(1 / 24)
        assert await tasks(living) == ["for long"]
        await holds(living, "next", priority=1)
        assert await tasks(living) == ["for long", "next"]


async def test_an_expiry_that_has_passed_and_a_priority_that_is_none_are_refused(living: Living):
    with pytest.raises(InvalidError, match="must expire later than now"):
        await holds(living, "late", hours=0)
    for priority in (0, 11):
        with pytest.raises(InvalidError, match="a priority is 1 to 10"):
            await holds(living, "odd", priority=priority)
    assert await tasks(living) == []


async def test_clearing_leaves_what_is_pinned_until_it_expires(living: Living):
    await holds(living, "plain")
    await holds(living, "pinned", pinned=True)
    await holds(living, "pinned for an hour", pinned=True, hours=1)
    assert await clears(living) == 1
    assert await tasks(living) == ["pinned for an hour", "pinned"]
    await living.waits(1 / 24)
    assert await clears(living) == 1
    assert await tasks(living) == ["pinned"]


async def test_the_current_task_is_one(living: Living):
    await holds(living, "first", kind="current_task", priority=10)
    await holds(living, "thought", priority=1)
    await holds(living, "second", kind="current_task", priority=1)
    assert set(await tasks(living)) == {"second", "thought"}


async def test_nobody_takes_anothers_things_in_hand(living: Living, database: Database):
    stranger = Living(database, await a_simulated_tenant(database), living.employee)
    with pytest.raises(NotFoundError):
        await holds(stranger, "theirs")
    await holds(living, "ours")
    assert await stranger.in_hand() == []


# In the cycle


async def test_a_cycle_begins_with_empty_hands_and_holds_its_task(living: Living):
    note = {"action": "note", "text": "done"}
    await living.learns("work", note, {"action": "task", "title": "Call"}, triggers=["chance"])
    await living.meets("chance")
    await living.lives()
    [item] = await living.in_hand()
    plan = await living.plan("work")
    assert (item.context_type, item.content.task, item.priority) == ("current_task", "note", plan.priority)
    assert item.content.context == {"intention": str(plan.id), "plan": "work", "for": "work"}
    assert item.content.progress == {"step": 1, "attempt": 1}
    await holds(living, "pinned", pinned=True)
    await living.lives()
    assert [item.content.task for item in await living.in_hand()] == ["task", "pinned"]
    await living.lives()
    assert await tasks(living) == ["pinned"]
    assert (await living.in_hand())[0].created_at == MONDAY
