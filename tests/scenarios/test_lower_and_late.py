"""Goals of other kinds: lower is better, plans that fail and one that works, news that comes late or contradicts."""

from datetime import timedelta

from factories import MONDAY
from living import Living

from empla.bdi import intentions

NOTE = {"action": "note", "text": "done"}
DAY = timedelta(days=1)


async def lives_until(living: Living, days: float) -> None:
    await living.waits(days)
    await living.goes_on()


# Lower is better


async def test_an_answer_time_that_is_too_long_is_brought_down(living: Living):
    await living.learns(
        "clear the queue",
        {"action": "task", "title": "Clear the queue: {value} hours, wanted {wanted}"},
        goals=["support.response_hours"],
        success="support.response_hours <= 12",
        timeframe="2 weeks",
    )
    goal = await living.wants("support.response_hours", threshold=24, restore=12, comparator="<=")
    for hours, status, state in (
        (10, "active", "met"),
        (24, "active", "met"),
        (24.5, "in_progress", "violated"),
        (18, "in_progress", "violated"),
        (12, "active", "met"),
        (20, "active", "met"),
        (30, "in_progress", "violated"),
    ):
        await living.waits(1)
        await living.hears(hours, "support", "response_hours", decay_rate=0)
        await living.goes_on()
        now = await living.goal(goal.id)
        assert (now.status, now.current_progress.state) == (status, state), hours
    assert await living.titles() == [
        "Clear the queue: 24.5 hours, wanted 12",
        "Clear the queue: 30 hours, wanted 12",
    ]
    assert [plan.status for plan in await living.plans()] == ["completed", "in_progress"]
    assert (await living.goal(goal.id)).current_progress.violations == 2


async def test_a_churn_that_shall_fall_is_achieved_when_it_is_low_enough(living: Living):
    deadline = (MONDAY + 20 * DAY).isoformat()
    goal = await living.wants(
        "accounts.churn", goal_type="achievement", value=5, comparator="<=", deadline=deadline, importance=0.5
    )
    await living.hears(20, "accounts", "churn", decay_rate=0)
    await living.goes_on()
    await living.waits(10)
    await living.hears(15, "accounts", "churn", decay_rate=0)
    await living.lives()
    inputs = (await living.goal(goal.id)).priority_inputs
    assert (inputs["deadline"], inputs["pace"]) == (0.0, 0.0)  # nobody has a plan: a human was asked, it rests
    await living.learns("call", NOTE, goals=["accounts.churn"])
    await living.meets("news")
    await living.lives()
    await living.lives()
    inputs = (await living.goal(goal.id)).priority_inputs
    assert (inputs["deadline"], inputs["pace"]) == (0.5, 1.0)  # 10 left in 10 days, 5 went in 10
    await living.waits(1)
    await living.hears(5, "accounts", "churn", decay_rate=0)
    await living.goes_on()
    assert (await living.goal(goal.id)).status == "completed"


# Plans that fail, one that works, then none


async def test_a_plan_fails_another_works_and_when_none_is_left_a_human_is_asked_once(living: Living):
    hopeless = {"action": "follow_up", "kind": "in no time", "retries": 0}
    await living.learns("a hopeless one", hopeless, goals=["pipeline.coverage"])
    wins = {"success": "pipeline.coverage >= 1", "timeframe": "2 days"}
    await living.learns("b slow one", NOTE, goals=["pipeline.coverage"], **wins)
    goal = await living.wants("pipeline.coverage", threshold=1, conditions={"recur_after": "10 days"})
    await living.hears(0.5, decay_rate=0)
    await living.goes_on()
    assert [(plan.plan_key, plan.status) for plan in await living.plans()] == [
        ("a hopeless one", "failed"),
        ("b slow one", "in_progress"),
    ]
    await lives_until(living, 1)
    await living.hears(1.2, decay_rate=0)
    await living.goes_on()
    assert (await living.goal(goal.id)).status == "active"
    assert (await living.plan("b slow one")).status == "completed"

    await living.waits(1)
    await living.hears(0.4, decay_rate=0)  # violated anew: both are tried again, and neither helps
    await living.goes_on()
    await lives_until(living, 2.01)
    assert [plan.status for plan in await living.plans()] == ["failed", "completed", "failed", "failed"]
    asked = await living.now()
    [notice] = await living.notices()
    now = await living.goal(goal.id)
    assert (now.status, now.retry_at) == ("blocked", asked + 10 * DAY)

    for _ in range(3):
        await lives_until(living, 1)
        await living.meets("news")
        await living.goes_on()
    assert [one.id for one in await living.notices(status=None)] == [notice.id]
    assert len(await living.plans()) == 4  # at rest

    await living.answers("Offer them a discount")
    await living.learns("c discount", NOTE, goals=["pipeline.coverage"], prefers="pipeline.coverage < 1", **wins)
    await living.goes_on()
    assert (await living.plans())[-1].plan_key == "c discount"
    assert (await living.goal(goal.id)).status == "in_progress"
    await living.waits(1)
    await living.hears(1.3, decay_rate=0)
    await living.goes_on()
    now = await living.goal(goal.id)
    assert (now.status, now.retry_at, now.current_progress.violations) == ("active", None, 2)
    assert (await living.plan("c discount")).status == "completed"


async def test_all_plans_are_tried_afresh_after_the_delay_and_not_before(living: Living):
    await living.learns("a", NOTE, goals=["pipeline.coverage"])
    await living.learns("b", NOTE, goals=["pipeline.coverage"])
    await living.wants("pipeline.coverage", threshold=1, conditions={"recur_after": "10 days"})
    await living.hears(0.5, decay_rate=0)
    await living.goes_on()
    await lives_until(living, 9.9)
    assert [plan.plan_key for plan in await living.plans()] == ["a", "b"]
    await lives_until(living, 0.1)
    assert [plan.plan_key for plan in await living.plans()] == ["a", "b", "a", "b"]
    assert len(await living.notices()) == 1  # the first question still stands


async def test_tried_plans_are_named_with_why_they_did_not_help(living: Living):
    await living.learns("a", {"action": "await", "criteria": "self.never", "timeout": "1 day"}, goals=["x.y"])
    goal = await living.wants("x.y", threshold=1)
    await living.hears(0, "x", "y", decay_rate=0)
    await living.goes_on()
    await lives_until(living, 1)
    async with living.database.read(living.caller) as tx:
        [tried] = await intentions.tried(tx, employee=living.employee, goals=[goal.id])
    assert (tried.plan_key, tried.reason) == (
        "a",
        "step 1 (await) failed: it waited in vain until its time was over",
    )


# Late and contradicting news


async def test_late_news_goes_to_history_and_moves_no_goal(living: Living):
    goal = await living.wants("pipeline.coverage", threshold=1)
    await living.hears(1.5, decay_rate=0)
    await living.goes_on()
    now = await living.waits(5)
    await living.hears(1.4, decay_rate=0, occurred_at=now - DAY)
    await living.goes_on()
    await living.hears(0.2, decay_rate=0, occurred_at=now - 3 * DAY)  # older than what is believed
    await living.goes_on()
    standing = await living.goal(goal.id)
    assert (standing.status, standing.current_progress.value, standing.current_progress.violations) == (
        "active",
        1.4,
        None,
    )
    assert (await living.changes())[-1] == "late"


async def test_a_guess_against_a_humans_word_moves_no_goal(living: Living):
    goal = await living.wants("pipeline.coverage", threshold=1)
    await living.hears(1.5, decay_rate=0, source="told_by_human")
    await living.goes_on()
    await living.waits(1)
    await living.hears(0.2, decay_rate=0, source="inference")
    await living.goes_on()
    assert (await living.goal(goal.id)).current_progress.value == 1.5
    assert (await living.changes())[-1] == "contradicted"
    await living.hears(0.3, decay_rate=0, source="observation")
    await living.goes_on()
    assert (await living.goal(goal.id)).current_progress.state == "violated"


async def test_news_of_one_moment_that_contradict_leave_the_metric_unknown_until_it_is_sure(living: Living):
    goal = await living.wants("pipeline.coverage", threshold=1, min_confidence=0.6)
    await living.hears(1.5, decay_rate=0)
    await living.goes_on()
    await living.hears(0.5, decay_rate=0)  # of the same moment: one of the two is wrong
    await living.goes_on()
    standing = await living.goal(goal.id)
    assert standing.current_progress.state == "unknown"
    assert "confidence under 0.6" in (standing.current_progress.note or "")
    await living.hears(0.5, decay_rate=0)
    await living.goes_on()
    standing = await living.goal(goal.id)
    assert (standing.current_progress.state, standing.current_progress.value) == ("violated", 0.5)


async def test_news_that_come_late_do_not_undo_a_plan_that_goes_on(living: Living):
    await living.learns("rebuild", NOTE, {"action": "await", "criteria": "pipeline.coverage > 1"}, goals=["*.coverage"])
    await living.wants("pipeline.coverage", threshold=1)
    await living.hears(0.5, decay_rate=0)
    await living.goes_on()
    now = await living.waits(2)
    await living.hears(0.6, decay_rate=0, occurred_at=now)
    await living.goes_on()
    await living.hears(3, decay_rate=0, occurred_at=now - DAY)
    await living.goes_on()
    assert [(plan.plan_key, plan.status) for plan in await living.plans()] == [("rebuild", "in_progress")]
