"""What people ask of an employee is looked at in a cycle that is due at once, and leaves no loose ends."""

from datetime import datetime, timedelta

import pytest
from factories import MONDAY
from living import Living

from empla.bdi import goals
from empla.employees import schedule
from empla.errors import InvalidError
from empla.mind import mandate
from empla.mind.mandate import Wanted


async def due_at(living: Living) -> datetime:
    async with living.database.read(living.caller) as tx:
        (turn,) = await schedule.turns(tx)
    return turn.next_cycle_at


async def gives_up(living: Living, key: str) -> None:
    async with living.database.write(living.caller) as tx:
        (goal,) = [goal for goal in await goals.listed(tx, employee=living.employee) if goal.goal_key == key]
        await mandate.give_up(tx, goal=goal.id, reason="no more")


async def test_adopting_and_giving_up_make_the_next_cycle_due(living: Living):
    await living.lives()
    assert await due_at(living) > MONDAY
    async with living.database.write(living.caller) as tx:
        await mandate.want(tx, employee=living.employee, wanted=Wanted(metric="deals", at_least=3, key="deals"))
    assert await due_at(living) == MONDAY
    await living.goes_on()
    assert await due_at(living) > MONDAY
    await gives_up(living, "deals")
    assert await due_at(living) == MONDAY


async def test_the_plans_and_questions_of_a_goal_that_is_given_up_end_with_it(living: Living):
    await living.learns(
        "wonder", {"action": "ask", "text": "What shall I do?", "timeout": "9 days"}, goals=["pipeline.coverage"]
    )
    await living.wants("pipeline.coverage", threshold=1.0, key="coverage")
    await living.hears(0.8)
    await living.goes_on()
    assert [notice.kind for notice in await living.notices()] == ["question"]
    await gives_up(living, "coverage")
    await living.goes_on()
    plan = await living.plan("wonder")
    assert (plan.status, plan.reason) == ("abandoned", "its goal was given up")
    assert [notice.status for notice in await living.notices(status=None)] == ["lapsed"]


async def test_the_question_of_a_plan_that_failed_lapses(living: Living):
    await living.learns(
        "wonder", {"action": "ask", "text": "What shall I do?", "timeout": "2 days"}, goals=["pipeline.coverage"]
    )
    goal = await living.wants("pipeline.coverage", threshold=1.0)
    await living.hears(0.8, decay_rate=0)
    await living.goes_on()
    await living.waits(3)
    await living.goes_on()
    assert (await living.plan("wonder")).status == "failed"
    (question, escalation) = await living.notices(status=None)
    assert (question.kind, question.status) == ("question", "lapsed")
    assert (escalation.kind, escalation.status, escalation.goal_id) == ("escalation", "open", goal.id)


async def test_plans_that_were_tried_are_not_tried_again_where_time_stands_still(living: Living):
    await living.learns("call", {"action": "note", "text": "Called"}, goals=["pipeline.coverage"])
    await living.learns("mail", {"action": "note", "text": "Mailed"}, goals=["pipeline.coverage"])
    goal = await living.wants("pipeline.coverage", threshold=1.0)
    await living.hears(0.8, decay_rate=0)
    await living.goes_on()
    assert [(plan.plan_key, plan.status) for plan in await living.plans()] == [
        ("call", "completed"),
        ("mail", "completed"),
    ]
    assert (await living.goal(goal.id)).current_progress.blocked_by == "no_plan"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2 weeks", MONDAY + timedelta(weeks=2)),
        ("2025-03-31T12:00:00+02:00", datetime.fromisoformat("2025-03-31T10:00:00+00:00")),
        ("2025-03-31", datetime.fromisoformat("2025-03-31T23:59:59.999999+00:00")),
        (MONDAY + timedelta(days=1), MONDAY + timedelta(days=1)),
    ],
    ids=str,
)
def test_a_deadline_is_a_moment_or_how_long_from_now(said: str | datetime, meant: datetime):
    assert Wanted(metric="deals", at_least=3, deadline=said).target(MONDAY).deadline_at == meant


def test_a_deadline_that_has_passed_is_a_slip():
    with pytest.raises(InvalidError, match=r"^the deadline 2025-03-03 09:00 UTC has passed already$"):
        Wanted(metric="deals", at_least=3, deadline=MONDAY).target(MONDAY)
    with pytest.raises(InvalidError, match=r"^a deadline needs a time zone$"):
        Wanted(metric="deals", at_least=3, deadline=MONDAY.replace(tzinfo=None)).target(MONDAY)
