"""A salesperson whose coverage falls under its goal and recovers; the CRM is all that it sees."""

from datetime import timedelta

import pytest
from deals import deal
from factories import MONDAY
from living import Living, hired

from empla.bdi import beliefs
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.storage.database import Database

DAY = timedelta(days=1)
CALLS = {"action": "task", "title": "Call ten prospects, coverage is {value}", "due": "3 days"}
REVIEW = {"action": "note", "text": "Coverage is back at {pipeline.coverage}", "if": "pipeline.coverage >= 1.1"}
WAIT = {"action": "await", "criteria": "pipeline.coverage >= 1.1", "timeout": "3 weeks"}


async def says(jordan: Living, *news: NewObservation) -> None:
    """The CRM is read, and the employee lives until it has nothing to do."""
    async with jordan.database.write(jordan.caller) as tx:
        await inbox.deliver(tx, news, recipients={"jordan": jordan.employee})
    await jordan.goes_on()


@pytest.fixture
async def jordan(database: Database) -> Living:
    living = await hired(database, "sales_ae")
    await living.learns("rebuild the pipeline", CALLS, WAIT, REVIEW, goals=["pipeline.coverage"], timeframe="4 weeks")
    return living


async def test_coverage_falls_under_its_goal_and_recovers(jordan: Living):
    goal = await jordan.wants("pipeline.coverage", threshold=1.0, restore=1.1)
    won = deal("B", "won", MONDAY, value=2000)
    await says(jordan, deal("A", "open", MONDAY, price=5000), won)
    assert (await jordan.goal(goal.id)).current_progress.value == 2.5
    assert await jordan.plans() == []

    lost = await jordan.waits(10)
    await says(jordan, deal("A", "lost", lost, engaged=MONDAY, value=0), deal("C", "open", lost, price=1500))
    now = await jordan.goal(goal.id)
    assert (now.status, now.current_progress.state, now.current_progress.value) == ("in_progress", "violated", 0.75)
    assert (now.priority, now.priority_inputs["violation"]) == (8, 1.0)
    assert await jordan.titles() == ["Call ten prospects, coverage is 0.75"]
    [plan] = await jordan.plans()
    assert (plan.goal_id, plan.priority, plan.intention_type) == (goal.id, 8, "tactic")
    [belief] = list(plan.context.beliefs or ())
    assert isinstance(belief, dict)
    assert (belief["subject"], belief["predicate"], belief["object"]) == ("pipeline", "coverage", 0.75)

    better = await jordan.waits(6)
    await says(jordan, deal("D", "open", better, price=600))
    now = await jordan.goal(goal.id)
    assert (now.status, now.current_progress.value) == ("in_progress", 1.05)  # over 1.0, yet not restored

    restored = await jordan.waits(3)
    await says(jordan, deal("E", "open", restored, price=400))
    now = await jordan.goal(goal.id)
    assert (now.status, now.reason) == ("active", "pipeline.coverage is 1.25, wanted >= 1 (restored at 1.1)")
    assert now.current_progress.violations == 1
    [plan] = await jordan.plans()
    assert (plan.status, plan.completed_at) == ("completed", restored)
    told = [(event.new_state, event.changed_at) for event in await jordan.goal_history(goal.id)]
    assert [state for state, _ in told if state] == ["met", "violated", "met"]
    assert [at for state, at in told if state] == [MONDAY, lost, restored]
    assert await jordan.notices() == []


async def test_coverage_falls_again_and_the_same_playbook_is_tried_again(jordan: Living):
    goal = await jordan.wants("pipeline.coverage", threshold=1.0)
    await says(jordan, deal("deal 0", "open", MONDAY, price=5000), deal("B", "won", MONDAY, value=2000))
    for number in range(2):
        await says(jordan, deal(f"deal {number}", "lost", await jordan.waits(5), engaged=MONDAY, value=0))
        assert (await jordan.goal(goal.id)).status == "in_progress"
        await says(jordan, deal(f"deal {number + 1}", "open", await jordan.waits(5), price=5000))
        assert (await jordan.goal(goal.id)).status == "active"
    assert (await jordan.goal(goal.id)).current_progress.violations == 2
    plans = [(plan.plan_key, plan.status) for plan in await jordan.plans()]
    assert plans == [("rebuild the pipeline", "completed")] * 2


async def test_with_nothing_won_coverage_is_unknown_and_neither_met_nor_violated(jordan: Living):
    """Its denominator is zero: a quota of nothing is no victory."""
    ask = {"action": "ask", "text": "Nothing was won for ninety days: what shall I measure coverage by?", "as": "said"}
    await jordan.learns("ask about the quota", ask, finds_out=["pipeline.coverage"])
    goal = await jordan.wants("pipeline.coverage", threshold=1.0)
    reach = await jordan.wants("pipeline.coverage", goal_type="achievement", value=0)
    await says(jordan, deal("A", "open", MONDAY, price=5000))
    for one, status in ((goal, "active"), (reach, "in_progress")):
        now = await jordan.goal(one.id)
        assert (now.status, now.current_progress.state, now.current_progress.violations) == (status, "unknown", None)
        assert now.reason == "pipeline.coverage is unknown: nothing is believed about it"
    assert [event.new_status for event in await jordan.goal_history(goal.id)] == ["active", "active"]
    assert {plan.plan_key for plan in await jordan.plans()} == {"ask about the quota"}
    await jordan.waits(1)
    await says(jordan, deal("B", "won", MONDAY + DAY, value=1000))
    assert (await jordan.goal(goal.id)).current_progress.state == "met"
    assert (await jordan.goal(reach.id)).status == "completed"
    assert await jordan.notices() == []  # what was asked has settled itself


async def test_coverage_that_loses_its_denominator_is_unknown_again_and_not_violated(jordan: Living):
    goal = await jordan.wants("pipeline.coverage", threshold=1.0)
    await says(jordan, deal("A", "open", MONDAY, price=5000), deal("B", "won", MONDAY, value=1000))
    await jordan.waits(90)
    await jordan.goes_on()
    now = await jordan.goal(goal.id)
    assert (now.current_progress.state, now.current_progress.known_state) == ("unknown", "met")
    assert now.current_progress.violations is None


async def test_what_changed_before_the_goal_was_restored_can_be_told(jordan: Living):
    goal = await jordan.wants("pipeline.coverage", threshold=1.0)
    await says(jordan, deal("A", "open", MONDAY, price=500), deal("B", "won", MONDAY, value=1000))
    restored = await jordan.waits(3)
    await says(jordan, deal("C", "open", restored, price=700))
    event = (await jordan.goal_history(goal.id))[-1]
    assert (event.new_state, event.value) == ("met", 1.2)
    async with jordan.database.read(jordan.caller) as tx:
        then = await beliefs.as_of(tx, employee=jordan.employee, at=event.changed_at)
        before = await beliefs.as_of(tx, employee=jordan.employee, at=event.changed_at - DAY)
    changed = {b.predicate: b.object for b in then} | {"-": None}
    was = {b.predicate: b.object for b in before}
    assert (was["coverage"], changed["coverage"], was["open_count"], changed["open_count"]) == (0.5, 1.2, 1, 2)
