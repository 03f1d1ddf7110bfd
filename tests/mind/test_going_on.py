"""An employee goes on when there is something to go on with: at once, or when it comes due, however long its loop interval."""

from datetime import datetime, timedelta

from factories import MONDAY
from living import Living

from empla.employees import schedule
from empla.mind import cycle
from empla.storage.tx import Caller

HOUR = timedelta(hours=1)
NOTE = {"action": "note", "text": "done"}


async def next_turn(living: Living) -> datetime:
    async with living.database.read(living.caller) as tx:
        [turn] = await schedule.turns(tx)
    return turn.next_cycle_at


async def lives_daily(living: Living) -> cycle.CycleOutcome:
    """One cycle of an employee whose next one, if nothing comes up, is tomorrow."""
    async with living.database.read(living.caller) as tx:
        tomorrow = tx.now + timedelta(days=1)
    return await cycle.run(
        living.database, Caller(living.caller.tenant, employee=living.employee), next_cycle_at=tomorrow
    )


async def rests(living: Living) -> datetime:
    """Cycles until nothing is to be done at once; returns when the next one is."""
    for _ in range(20):
        await lives_daily(living)
        async with living.database.read(living.caller) as tx:
            now = tx.now
        if await next_turn(living) > now:
            return await next_turn(living)
    raise AssertionError("it never rests")


async def test_what_a_step_waited_for_is_gone_on_with_in_the_same_cycle(living: Living):
    wait = {"action": "await", "criteria": "account.health > 60"}
    await living.learns("nurse", wait, NOTE, triggers=["account_at_risk"])
    await living.meets("account_at_risk")
    await living.goes_on()
    assert [step.status for step in await living.steps("nurse")] == ["in_progress", "pending"]
    await living.hears(70, "account", "health")
    outcome = await living.lives()
    assert [step.status for step in await living.steps("nurse")] == ["completed", "completed"]
    assert outcome.steps == 1


async def test_an_answer_is_gone_on_with_in_the_same_cycle(living: Living):
    ask = {"action": "ask", "text": "May I?", "as": "answer"}
    await living.learns("polite", ask, {"action": "note", "text": "They said {answer}"}, triggers=["chance"])
    await living.meets("chance")
    await living.goes_on()
    await living.answers("yes")
    assert (await living.lives()).steps == 1
    assert await living.titles() == ["They said yes"]


async def test_a_parent_goes_on_at_once_when_what_it_pursued_timed_out(living: Living):
    wait = {"action": "await", "criteria": "account.health > 60", "timeout": "2 hours"}
    await living.learns("part", wait)
    pursue = {"action": "pursue", "playbook": "part", "retries": 1, "backoff": "3 hours"}
    await living.learns("whole", pursue, triggers=["account_at_risk"])
    await living.meets("account_at_risk")
    assert await rests(living) == MONDAY + 2 * HOUR
    now = await living.waits(2 / 24)
    assert await rests(living) == now + 3 * HOUR
    assert (await living.plan("part")).status == "failed"
    [step] = await living.steps("whole")
    assert (step.status, step.attempts) == ("pending", 1)


async def test_a_step_that_timed_out_is_tried_again_on_time(living: Living):
    wait = {
        "action": "await",
        "criteria": "account.health > 60",
        "timeout": "2 hours",
        "retries": 1,
        "backoff": "3 hours",
    }
    await living.learns("nurse", wait, triggers=["account_at_risk"])
    await living.meets("account_at_risk")
    assert await rests(living) == MONDAY + 2 * HOUR
    assert await living.waits(2 / 24) == MONDAY + 2 * HOUR
    assert await rests(living) == MONDAY + 5 * HOUR
    await living.waits(3 / 24)
    assert await rests(living) == MONDAY + 7 * HOUR
    await living.waits(2 / 24)
    await rests(living)
    plan = await living.plan("nurse")
    assert (plan.status, plan.reason) == (
        "failed",
        "step 1 (await) failed: it waited in vain until its time was over",
    )


async def test_a_goal_without_a_plan_is_looked_at_again_on_time(living: Living):
    await living.wants("pipeline.coverage", threshold=1, conditions={"recur_after": "5 hours"})
    await living.hears(0.5, decay_rate=0)
    assert await rests(living) == MONDAY + 5 * HOUR


async def test_a_goal_ends_on_time(living: Living):
    deadline = (MONDAY + 5 * HOUR).isoformat()
    goal = await living.wants("pipeline.complaints", goal_type="prevention", threshold=0, deadline=deadline)
    await living.hears(0, what="complaints", decay_rate=0)
    due = await rests(living)
    assert MONDAY + 5 * HOUR <= due <= MONDAY + 5 * HOUR + timedelta(seconds=1)
    await living.waits((due - MONDAY) / timedelta(days=1))
    await rests(living)
    assert (await living.goal(goal.id)).status == "completed"


async def test_a_plan_whose_time_is_over_fails_on_time(living: Living):
    await living.learns("slow", NOTE, triggers=["chance"], success="pipeline.coverage > 1", timeframe="5 hours")
    await living.meets("chance")
    due = await rests(living)
    assert MONDAY + 5 * HOUR <= due <= MONDAY + 5 * HOUR + timedelta(seconds=1)
    await living.waits((due - MONDAY) / timedelta(days=1))
    await rests(living)
    plan = await living.plan("slow")
    assert (plan.status, plan.reason) == ("failed", "it did not succeed within its time (5 hours)")


async def test_a_goal_that_rests_is_looked_at_when_its_metric_is_known_again(living: Living):
    """It was told that it has no plan to find the metric out; for a violation it has one."""
    goal = await living.wants("pipeline.coverage", threshold=1)
    await living.goes_on()
    assert (await living.goal(goal.id)).current_progress.blocked_by == "no_plan"
    await living.hears(0.5, decay_rate=0.1)
    await living.learns("rebuild", NOTE, goals=["pipeline.coverage"], success="pipeline.coverage > 1")
    await living.goes_on()
    await living.waits(5)  # stale by now, while the plan still waits for its success
    await living.goes_on()
    assert (await living.goal(goal.id)).current_progress.state == "unknown"
    assert [plan.status for plan in await living.plans()] == ["in_progress"]


async def test_a_goal_that_was_unknown_and_had_no_plan_gets_one_once_it_is_known_to_be_violated(living: Living):
    await living.learns("rebuild", NOTE, {"action": "note", "text": "more"}, goals=["pipeline.coverage"])
    goal = await living.wants("pipeline.coverage", threshold=1)
    await living.hears(0.5, decay_rate=0.2)
    await living.lives()  # it is being rebuilt
    await living.waits(5)
    await living.goes_on()  # done, but nothing is known: nobody can find out, so a human was asked
    now = await living.goal(goal.id)
    assert (now.status, now.current_progress.state) == ("blocked", "unknown")
    await living.learns("rebuild otherwise", NOTE, goals=["pipeline.coverage"])
    await living.hears(0.5)
    await living.goes_on()
    assert [plan.plan_key for plan in await living.plans()] == ["rebuild", "rebuild otherwise"]


async def test_a_plan_that_was_done_and_did_not_bring_it_is_not_tried_again_in_the_same_moment(living: Living):
    await living.learns("rebuild", NOTE, goals=["pipeline.coverage"])
    goal = await living.wants("pipeline.coverage", threshold=1)
    await living.hears(0.5, decay_rate=0)
    await living.goes_on()
    assert [(plan.plan_key, plan.status) for plan in await living.plans()] == [("rebuild", "completed")]
    assert (await living.goal(goal.id)).current_progress.blocked_by == "no_plan"
    [notice] = await living.notices()
    assert "I tried rebuild: all its steps are done." in notice.text
    await living.answers("try once more")
    await living.goes_on()
    assert [plan.plan_key for plan in await living.plans()] == ["rebuild", "rebuild"]
    assert len(await living.notices()) == 1


async def test_a_part_that_could_not_be_pursued_at_first_is_waited_for_later(living: Living):
    """An attempt that was refused has no plan of its own; the next one has."""
    pursue = {"action": "pursue", "playbook": "part", "retries": 2, "backoff": "1 hour"}
    await living.learns("whole", pursue, triggers=["chance"])
    await living.meets("chance")
    await living.goes_on()
    [step] = await living.steps("whole")
    assert (step.status, step.attempts, step.error) == ("pending", 1, "there is no playbook part to pursue")
    await living.learns("part", NOTE)
    await living.waits(1 / 24)
    await living.goes_on()
    await living.lives()
    assert (await living.plan("part")).status == "completed"
    whole = await living.plan("whole")
    assert (whole.status, whole.reason) == ("completed", "all its steps are done")
