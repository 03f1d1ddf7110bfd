"""What changed before a goal succeeded: from its trouble to its success, beliefs and plans in the order of time."""

from uuid import UUID

import pytest
from living import Living

from empla.errors import NotFoundError
from empla.mind.outcome import BeforeSuccess, before_success
from empla.storage.tx import Caller

CALL = {"action": "task", "title": "Call ten prospects"}


async def before(living: Living, goal: UUID) -> BeforeSuccess:
    async with living.database.read(living.caller) as tx:
        return await before_success(tx, goal=goal)


GOLDEN = """\
From 2025-03-04 09:00 to 2025-03-08 09:00, 4.0 days:
  2025-03-04 09:00  belief pipeline.coverage updated: 1.4 → 0.8  (newer evidence of another state)
  2025-03-04 09:00  goal violated, in progress: pipeline.coverage is 0.8, wanted >= 1 (restored at 1.1)
  2025-03-04 09:00  plan rebuild was adopted
  2025-03-06 09:00  belief pipeline.coverage updated: 0.8 → 1.05  (Hilltop Foods: open → won)
  2025-03-06 09:00  belief hilltop.stage created: "won"  (first evidence)
  2025-03-08 09:00  belief pipeline.coverage updated: 1.05 → 1.2  (newer evidence of another state)
  2025-03-08 09:00  goal met, active: pipeline.coverage is 1.2, wanted >= 1 (restored at 1.1)
  2025-03-08 09:00  plan rebuild completed: what it was for came about: pipeline.coverage >= 1.1"""


async def test_a_restored_goal_tells_from_its_violation_on(living: Living):
    await living.learns(
        "rebuild",
        CALL,
        {"action": "note", "text": "Hilltop is won", "if": 'hilltop.stage = "won"'},
        goals=["pipeline.coverage"],
        success="pipeline.coverage >= 1.1",
    )
    goal = await living.wants("pipeline.coverage", threshold=1.0, restore=1.1)
    await living.hears(1.4, decay_rate=0)
    await living.goes_on()
    await living.waits(1)
    await living.hears(0.8, decay_rate=0)
    await living.goes_on()
    await living.waits(2)
    await living.hears(1.05, decay_rate=0, reason="Hilltop Foods: open → won")
    await living.hears("won", "hilltop", "stage")
    await living.hears("sunny", "sky", "looks")  # nobody watches it
    await living.goes_on()
    await living.waits(2)
    await living.hears(1.2, decay_rate=0)
    await living.goes_on()
    await living.waits(2)
    await living.hears(1.3, decay_rate=0)
    await living.goes_on()
    found = await before(living, goal.id)
    assert [plan.plan_key for plan in found.plans] == ["rebuild"]
    assert found.plans[0].steps_done == 1
    assert str(found) == GOLDEN


async def test_an_achievement_tells_from_its_adoption_on(living: Living):
    await living.hears(1, "self", "deals", decay_rate=0)
    goal = await living.wants("deals", goal_type="achievement", value=2)
    await living.goes_on()
    await living.waits(3)
    await living.hears(2, "self", "deals", decay_rate=0)
    await living.goes_on()
    found = await before(living, goal.id)
    assert (found.since, (found.until - found.since).days) == (goal.created_at, 3)
    assert [(change.old_value, change.new_value) for change in found.changes] == [(None, 1), (1, 2)]
    assert found.story[-1].new_status == "completed"


async def test_of_two_troubles_the_last_one_counts(living: Living):
    goal = await living.wants("pipeline.coverage", threshold=1.0)
    for value in (0.8, 1.2, 0.7, 1.3):
        await living.hears(value, decay_rate=0)
        await living.goes_on()
        await living.waits(1)
    found = await before(living, goal.id)
    assert [change.new_value for change in found.changes] == [0.7, 1.3]


async def test_while_it_was_unknown_the_trouble_went_on(living: Living):
    goal = await living.wants("pipeline.coverage", threshold=1.0)
    await living.hears(0.8, decay_rate=0.1)
    await living.goes_on()
    await living.waits(6)  # the belief has faded under .5
    await living.goes_on()
    assert (await living.goal(goal.id)).current_progress.state == "unknown"
    await living.hears(1.2, decay_rate=0)
    await living.goes_on()
    found = await before(living, goal.id)
    assert (found.until - found.since).days == 6
    assert [event.new_state for event in found.story if event.new_state != event.old_state] == [
        "violated",
        "unknown",
        "met",
    ]


async def test_what_was_kept_to_its_end_tells_of_all_its_time(living: Living):
    await living.hears(1, "deals", "stale", decay_rate=0)
    goal = await living.wants("deals.stale", goal_type="prevention", threshold=3, deadline="2025-03-10T00:00:00Z")
    await living.goes_on()
    await living.waits(3)
    await living.hears(2, "deals", "stale", decay_rate=0)
    await living.goes_on()
    await living.waits(7)
    await living.goes_on()
    found = await before(living, goal.id)
    assert found.story[-1].new_status == "completed"
    assert found.since == goal.created_at
    assert [change.new_value for change in found.changes] == [1, 2]


async def test_a_plan_that_failed_on_the_way_is_told_and_one_from_before_is_not(living: Living):
    await living.learns(
        "call",
        {"action": "task", "title": "Call", "criteria": "phone.works", "retries": 0},
        goals=["pipeline.coverage"],
    )
    await living.learns("mail", CALL, goals=["pipeline.coverage"], success="pipeline.coverage >= 1")
    goal = await living.wants("pipeline.coverage", threshold=1.0)
    for value in (0.8, 1.2, 0.7, 1.3):
        await living.hears(value, decay_rate=0)
        await living.goes_on()
        await living.waits(1)
    found = await before(living, goal.id)
    assert [(plan.plan_key, plan.status) for plan in found.plans] == [("mail", "completed")]
    assert {plan.status for plan in await living.plans()} == {"failed", "completed"}
    assert "plan mail completed" in str(found)


async def test_a_goal_that_was_never_met_has_no_success(living: Living, rival: Caller):
    goal = await living.wants("pipeline.coverage", threshold=1.0)
    await living.hears(0.8, decay_rate=0)
    await living.goes_on()
    with pytest.raises(NotFoundError, match=r"^this goal was not met so far$"):
        await before(living, goal.id)
    async with living.database.read(rival) as tx:
        with pytest.raises(NotFoundError, match=r"^there is no such goal$"):
            await before_success(tx, goal=goal.id)
