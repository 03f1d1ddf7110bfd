"""A follow-up is an observation of the future: made with its step, once for its key and moment, and heard when it is due."""

from datetime import timedelta
from typing import Any, LiteralString

from factories import MONDAY
from living import Living
from pydantic import BaseModel

from empla.employees import schedule

FOLLOW: dict[str, Any] = {"action": "follow_up", "kind": "look_again", "in": "2 days", "key": "call-{who}"}
LOOK = {"action": "note", "text": "{who} again"}
PROMISED: LiteralString = """
    SELECT external_id, status FROM observations
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND source = 'followup' ORDER BY occurred_at, id
"""


class Promised(BaseModel):
    external_id: str
    status: str


async def promised(living: Living) -> list[tuple[str, str]]:
    async with living.database.read(living.caller) as tx:
        return [
            (row.external_id, row.status) for row in await tx.fetch_all(Promised, PROMISED, employee=living.employee)
        ]


async def due_at(living: Living) -> Any:
    async with living.database.read(living.caller) as tx:
        return (await schedule.turns(tx))[0].next_cycle_at


async def test_it_comes_due_on_time_and_once(living: Living):
    await living.learns("call", FOLLOW, triggers=["call"])
    await living.learns("look", LOOK, triggers=["look_again"])
    await living.meets("call", who="Dana")
    await living.goes_on()
    assert await promised(living) == [(f"call-Dana@{(MONDAY + timedelta(days=2)).isoformat()}", "pending")]
    await living.waits(1.99)
    await living.goes_on()
    assert await living.titles() == []
    await living.waits(0.01)
    await living.goes_on()
    assert await living.titles() == ["Dana again"]
    await living.waits(10)
    await living.goes_on()
    assert await living.titles() == ["Dana again"]
    assert [status for _, status in await promised(living)] == ["perceived"]


async def test_the_same_key_and_moment_is_one_follow_up_and_another_moment_is_another(living: Living):
    await living.learns("call", FOLLOW, triggers=["call"])
    for _ in range(2):
        await living.meets("call", who="Dana")
    await living.meets("call", who="Jane")
    await living.goes_on()
    assert sorted(name.partition("@")[0] for name, _ in await promised(living)) == ["call-Dana", "call-Jane"]
    await living.waits(1)
    await living.meets("call", who="Dana")
    await living.goes_on()
    assert len(await promised(living)) == 3


async def test_it_sets_the_next_turn_and_does_not_wait_for_the_interval(living: Living):
    soon = {**FOLLOW, "in": "90s"}
    await living.learns("call", soon, triggers=["call"])
    await living.meets("call", who="Dana")
    await living.goes_on()
    assert await due_at(living) == MONDAY + timedelta(seconds=90)  # the interval is 300


async def test_it_is_not_lost_behind_other_work(living: Living):
    await living.learns("call", FOLLOW, triggers=["call"])
    await living.learns("look", LOOK, triggers=["look_again"])
    await living.learns(
        "toil", *[{"action": "note", "text": f"Toil {number}"} for number in range(9)], triggers=["toil"]
    )
    await living.meets("call", who="Dana")
    await living.goes_on()
    await living.waits(2)
    for _ in range(8):
        await living.meets("toil")
    await living.goes_on()
    titles = await living.titles()
    assert len(titles) == 8 * 9 + 1
    assert titles.index("Dana again") < len(titles) - 1


async def test_a_step_that_is_undone_has_promised_nothing(living: Living):
    await living.learns("call", {**FOLLOW, "kind": "{what}"}, triggers=["call"])
    await living.meets("call", who="Dana", what="k" * 101)  # of no kind that an observation may have
    await living.goes_on()
    assert await promised(living) == []
    assert [step.status for step in await living.steps("call")] == ["pending"]


async def test_it_carries_what_its_plan_was_called_with(living: Living):
    await living.learns("ask", {"action": "decide", "criteria": "true", "as": "sure"}, FOLLOW, triggers=["call"])
    await living.learns("look", {"action": "note", "text": "{who}, {sure}, {event}, {source}"}, triggers=["look_again"])
    await living.meets("call", who="Dana")
    await living.goes_on()
    await living.waits(2)
    await living.goes_on()
    assert await living.titles() == ["Dana, yes, look_again, followup"]
