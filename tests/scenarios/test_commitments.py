"""Blind, single-minded and open-minded, side by side; and a strategy whose tactic fails and is tried again."""

from datetime import timedelta

from living import Living

from empla.bdi import goals

WAIT = {"action": "await", "criteria": "deal.signed"}
KINDS = ("blind", "single_minded", "open_minded")


async def three(living: Living, *, timeframe: str = "10 days") -> None:
    """The same plan, for three kinds of employees in one."""
    for kind in KINDS:
        await living.learns(
            kind,
            WAIT,
            {"action": "note", "text": f"{kind} went on"},
            goals=["deal.value"],
            commitment=kind,
            context=f"deal.kind = '{kind}'".replace("'", '"'),
            impossible="deal.lost",
            timeframe=timeframe,
        )


async def pursues(living: Living, kind: str) -> None:
    """It wants the deal, and this kind of plan is what it chose."""
    await living.hears(kind, "deal", "kind", decay_rate=0)
    await living.wants("deal.value", goal_type="achievement", value=100, key=kind, conditions={"context": "deal.open"})
    await living.lives()
    await living.lives()
    await living.waits(0.001)


async def statuses(living: Living) -> dict[str | None, str]:
    return {plan.plan_key: plan.status for plan in await living.plans()}


async def begins(living: Living) -> None:
    await three(living)
    for predicate, value in (("open", True), ("lost", False), ("signed", False), ("value", 0)):
        await living.hears(value, "deal", predicate, decay_rate=0)
    for kind in KINDS:
        await pursues(living, kind)


async def test_open_minded_is_dropped_when_why_it_was_chosen_no_longer_holds(living: Living):
    """Each was chosen while the deal was of its kind; only the open-minded one minds that it is of another now."""
    await begins(living)
    assert await statuses(living) == dict.fromkeys(KINDS, "in_progress")
    await living.hears("another", "deal", "kind", decay_rate=0)
    await living.goes_on()
    assert await statuses(living) == {
        "blind": "in_progress",
        "single_minded": "in_progress",
        "open_minded": "abandoned",
    }
    assert (await living.plan("open_minded")).reason == "why it was chosen no longer holds"


async def test_open_minded_is_dropped_and_single_minded_rests_while_the_goal_is_suspended(living: Living):
    await begins(living)
    await living.waits(1)
    await living.hears(False, "deal", "open", decay_rate=0)
    await living.goes_on()
    assert await statuses(living) == {
        "blind": "in_progress",
        "single_minded": "in_progress",
        "open_minded": "abandoned",
    }
    await living.waits(1)
    await living.hears(True, "deal", "signed", decay_rate=0)
    await living.goes_on()
    assert await living.titles() == ["blind went on"]  # the single-minded one rests
    await living.waits(1)
    await living.hears(True, "deal", "open", decay_rate=0)
    await living.goes_on()
    assert "single_minded went on" in await living.titles()


async def test_single_minded_fails_when_it_is_believed_impossible_and_blind_goes_on(living: Living):
    await begins(living)
    await living.waits(1)
    await living.hears(True, "deal", "lost", decay_rate=0)
    await living.goes_on()
    assert await statuses(living) == {"blind": "in_progress", "single_minded": "failed", "open_minded": "failed"}
    assert (await living.plan("single_minded")).reason == "believed impossible: deal.lost"
    await living.waits(1)
    await living.hears(True, "deal", "signed", decay_rate=0)
    await living.goes_on()
    assert (await statuses(living))["blind"] == "completed"
    assert await living.titles() == ["blind went on"]


async def test_single_minded_fails_when_its_time_is_over_and_blind_goes_on(living: Living):
    await begins(living)
    await living.waits(10.1)
    await living.goes_on()
    found = await statuses(living)
    assert (found["blind"], found["single_minded"]) == ("in_progress", "failed")


async def test_single_minded_is_dropped_with_its_goal_and_blind_goes_on(living: Living):
    await begins(living)
    async with living.database.read(living.caller) as tx:
        wanted = await goals.listed(tx, employee=living.employee)
    for goal in wanted:
        async with living.database.write(living.caller) as tx:
            await goals.drop(tx, goal=goal.id, reason="the customer went bankrupt")
    await living.goes_on()
    assert await statuses(living) == {"blind": "in_progress", "single_minded": "abandoned", "open_minded": "abandoned"}
    assert (await living.plan("single_minded")).reason == "its goal was given up"
    await living.waits(1)
    await living.hears(True, "deal", "signed", decay_rate=0)
    await living.goes_on()
    assert (await statuses(living))["blind"] == "completed"


async def test_all_end_when_the_goal_is_reached(living: Living):
    await begins(living)
    await living.waits(1)
    await living.hears(100, "deal", "value", decay_rate=0)
    await living.goes_on()
    assert await statuses(living) == dict.fromkeys(KINDS, "abandoned")
    assert {plan.reason for plan in await living.plans()} == {"its goal was reached without it"}


# Strategy, tactic, action


async def test_a_strategy_has_a_tactic_that_has_an_action_and_all_are_done(living: Living):
    await living.learns("send", {"action": "note", "text": "Sent to {account}"}, kind="workflow")
    await living.learns(
        "approach", {"action": "task", "title": "Look {account} up"}, {"action": "pursue", "playbook": "send"}
    )
    await living.learns(
        "win", {"action": "pursue", "playbook": "approach"}, {"action": "note", "text": "Won"}, triggers=["lead"]
    )
    await living.meets("lead", account="Acme")
    await living.goes_on()
    assert await living.titles() == ["Look Acme up", "Sent to Acme", "Won"]
    found = [(plan.plan_key, plan.intention_type, plan.status) for plan in await living.plans()]
    assert found == [
        ("win", "strategy", "completed"),
        ("approach", "strategy", "completed"),
        ("send", "action", "completed"),
    ]
    win, approach, send = await living.plans()
    assert (approach.parent_id, approach.parent_position) == (win.id, 1)
    assert (send.parent_id, send.parent_position) == (approach.id, 2)


async def test_a_tactic_that_fails_is_tried_again_after_a_pause_and_then_brings_it(living: Living):
    wait = {"action": "await", "criteria": "acme.replied", "timeout": "1 day"}
    await living.learns("write", {"action": "note", "text": "Written"}, wait)
    pursue = {"action": "pursue", "playbook": "write", "retries": 1, "backoff": "2 days"}
    await living.learns("win", pursue, {"action": "note", "text": "Won"}, triggers=["lead"])
    await living.meets("lead")
    await living.goes_on()
    await living.waits(1)
    await living.goes_on()
    [first, _] = await living.steps("win")
    now = await living.now()
    assert (first.status, first.attempts, first.not_before) == ("pending", 1, now + timedelta(days=2))
    assert first.error == (
        "what it pursued has failed: step 2 (await) failed: it waited in vain until its time was over"
    )
    await living.waits(1.9)
    await living.goes_on()
    assert [plan.plan_key for plan in await living.plans()] == ["win", "write"]
    await living.waits(0.1)
    await living.goes_on()
    assert [(plan.plan_key, plan.status) for plan in await living.plans()] == [
        ("win", "in_progress"),
        ("write", "failed"),
        ("write", "in_progress"),
    ]
    await living.hears(True, "acme", "replied", decay_rate=0)
    await living.goes_on()
    assert [plan.status for plan in await living.plans()] == ["completed", "failed", "completed"]
    assert await living.titles() == ["Written", "Written", "Won"]


async def test_a_strategy_whose_tactic_fails_for_good_fails_and_the_next_is_tried(living: Living):
    await living.learns("part", {"action": "follow_up", "kind": "in no time", "retries": 0})
    await living.learns("a plan", {"action": "pursue", "playbook": "part"}, goals=["deal.value"])
    await living.learns("b plan", {"action": "note", "text": "By hand"}, goals=["deal.value"])
    await living.wants("deal.value", goal_type="achievement", value=100)
    await living.hears(1, "deal", "value", decay_rate=0)
    await living.goes_on()
    assert [(plan.plan_key, plan.status) for plan in await living.plans()] == [
        ("a plan", "failed"),
        ("part", "failed"),
        ("b plan", "completed"),
    ]
