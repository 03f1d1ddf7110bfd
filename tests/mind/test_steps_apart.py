"""Each step is a transaction of its own: few messages, all or nothing, and in fair turns."""

from datetime import timedelta
from typing import Any

from living import Living

from empla.employees import schedule
from empla.mind import act as acting
from empla.storage.tx import Caller

LEASE = timedelta(minutes=1)


async def busy(living: Living, *names: str, steps: int = 2, **stated: Any) -> None:
    """So many plans are under way, each of so many notes."""
    for name in names:
        notes = [{"action": "note", "text": f"{name} {number}"} for number in range(1, steps + 1)]
        await living.learns(name, *notes, triggers=[name], **stated)
        await living.meets(name)


async def test_a_step_sends_eight_messages(living: Living):
    await busy(living, "a", steps=3)
    await living.lives()  # adopted, and the first step taken
    caller = Caller(living.caller.tenant, employee=living.employee)
    async with living.database.work(caller) as tx:
        turn = await schedule.take_turn(tx, employee=living.employee)
        assert turn is not None
        await schedule.keep_turn(tx, employee=living.employee, fence=turn.fence, lease=LEASE)
    before = living.database.statements
    done = await acting.act(living.database, caller, turn, served=(), lease=LEASE)
    assert done is not None
    # begin, keep the turn, look, take in hand, the note, the step, served, commit
    assert living.database.statements - before == 8


async def test_a_cycle_takes_one_step_of_each_plan(living: Living):
    await busy(living, "a", "b", "c")
    assert (await living.lives()).steps == 3
    assert sorted(await living.titles()) == ["a 1", "b 1", "c 1"]
    assert (await living.lives()).steps == 3
    assert sorted(await living.titles()) == ["a 1", "a 2", "b 1", "b 2", "c 1", "c 2"]


async def test_a_step_that_is_refused_leaves_the_others(living: Living):
    await busy(living, "a")
    await living.learns("wrong", {"action": "follow_up", "kind": "{what}", "in": "1 day"}, triggers=["wrong"])
    await living.meets("wrong", what="k" * 200)
    await busy(living, "b")
    await living.goes_on()
    titles = await living.titles()
    assert {"a 1", "a 2", "b 1", "b 2"} <= set(titles)
    (refused,) = await living.steps("wrong")
    assert (refused.status, refused.attempts) == ("pending", 1)
    assert refused.error is not None


async def test_no_more_plans_are_begun_than_may_be_worked_on_at_once(living: Living):
    names = [f"p{number}" for number in range(7)]
    await busy(living, *names, steps=3)
    await living.lives()
    under_way = [plan.plan_key for plan in await living.plans() if plan.status == "in_progress"]
    assert len(under_way) == 5
    for _ in range(2):
        await living.lives()
    assert {plan.status for plan in await living.plans() if plan.plan_key in under_way} == {"completed"}
    await living.goes_on()
    assert {plan.status for plan in await living.plans()} == {"completed"}
    assert len(await living.titles()) == 21


async def test_a_plan_that_only_waits_takes_no_place(living: Living):
    for number in range(5):
        await living.learns(
            f"wait{number}",
            {"action": "await", "criteria": "phone.works", "timeout": "9 days"},
            triggers=[f"wait{number}"],
        )
        await living.meets(f"wait{number}")
    await living.goes_on()
    await busy(living, "a", "b")
    await living.goes_on()
    assert sorted(await living.titles()) == ["a 1", "a 2", "b 1", "b 2"]


async def test_who_waited_longest_is_served_among_equals_and_the_pressing_before_them(living: Living):
    await living.wants("pipeline.coverage", threshold=1.0, importance=1.0)
    await living.learns("urgent", {"action": "note", "text": "urgent"}, goals=["pipeline.coverage"])
    await busy(living, "a", "b")
    await living.hears(0.5, decay_rate=0)
    await living.lives()
    assert (await living.titles())[0] == "urgent"
