"""Goals are pursued: a plan is chosen, its steps run, and what comes of it is believed, not assumed."""

from living import Living

TASK = {"action": "task", "title": "Call ten prospects"}


async def test_a_violated_goal_starts_the_playbook_that_serves_it(living: Living):
    await living.learns(
        "rebuild", TASK, goals=["pipeline.coverage"], success="pipeline.coverage >= 1.1", timeframe="2 weeks"
    )
    goal = await living.wants("pipeline.coverage", threshold=1.0, restore=1.1)
    await living.hears(0.8, decay_rate=0)
    assert await living.goes_on() == 2
    now = await living.goal(goal.id)
    assert (now.status, now.current_progress.state, now.current_progress.value) == ("in_progress", "violated", 0.8)
    assert await living.titles() == ["Call ten prospects"]
    plan = await living.plan("rebuild")
    assert (plan.status, plan.goal_id) == ("in_progress", goal.id)
    await living.waits(3)
    await living.hears(1.05, decay_rate=0)
    await living.goes_on()
    assert (await living.goal(goal.id)).status == "in_progress"  # between the threshold and the restore value
    await living.waits(1)
    await living.hears(1.2, decay_rate=0)
    await living.goes_on()
    assert (await living.goal(goal.id)).status == "active"
    plan = await living.plan("rebuild")
    assert (plan.status, plan.reason) == ("completed", "what it was for came about: pipeline.coverage >= 1.1")
