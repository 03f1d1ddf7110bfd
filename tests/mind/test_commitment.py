"""What an employee gives up, and what falls with it: nothing waits for ever for what will not come."""

from typing import get_args

import pytest
from living import Living

from empla.bdi.intentions import OnFailedDependency

NOTE = {"action": "note", "text": "done"}
WAIT = {"action": "await", "criteria": "account.health > 60", "timeout": "1 day"}
POLICIES: tuple[OnFailedDependency, ...] = get_args(OnFailedDependency)
REASONS = {
    "replan": "to be planned anew, for what it depends on did not come about",
    "abandon": "what it depends on did not come about",
}


async def statuses(living: Living) -> dict[str | None, str]:
    return {plan.plan_key: plan.status for plan in await living.plans()}


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_plan_waits_for_what_it_depends_on_and_goes_on_after_it(living: Living, policy: OnFailedDependency):
    first = await living.intends("first", WAIT)
    await living.intends("second", NOTE, depends_on=[first], on_failed_dependency=policy)
    await living.goes_on()
    assert await statuses(living) == {"first": "in_progress", "second": "planned"}
    await living.hears(70, "account", "health")
    await living.goes_on()
    await living.goes_on()
    assert await statuses(living) == {"first": "completed", "second": "completed"}


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_plan_whose_dependency_fails_falls_or_proceeds(living: Living, policy: OnFailedDependency):
    first = await living.intends("first", WAIT)
    await living.intends("second", NOTE, depends_on=[first], on_failed_dependency=policy)
    await living.goes_on()
    await living.waits(1)
    await living.goes_on()
    await living.goes_on()
    second = await living.plan("second")
    if policy == "proceed":
        assert second.status == "completed"
    else:
        assert second.status == "abandoned"
        assert second.reason == f"{REASONS[policy]}: step 1 (await) failed: it waited in vain until its time was over"
        assert [step.status for step in await living.steps("second")] == ["abandoned"]


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_plan_whose_dependency_had_failed_before_does_not_wait_for_ever(
    living: Living, policy: OnFailedDependency
):
    first = await living.intends("first", WAIT)
    await living.goes_on()
    await living.waits(1)
    await living.goes_on()
    assert await statuses(living) == {"first": "failed"}
    await living.intends("second", NOTE, depends_on=[first], on_failed_dependency=policy)
    await living.goes_on()
    second = await living.plan("second")
    if policy == "proceed":
        assert second.status == "completed"
    else:
        assert (second.status, second.reason) == ("abandoned", REASONS[policy])


async def test_what_falls_takes_its_own_dependants_with_it_at_any_depth(living: Living):
    first = before = await living.intends("plan 0", WAIT)
    for number in range(1, 6):
        before = await living.intends(f"plan {number}", NOTE, depends_on=[first, before][-number:])
    await living.goes_on()
    await living.waits(1)
    await living.goes_on()
    found = await statuses(living)
    assert found.pop("plan 0") == "failed"
    assert set(found.values()) == {"abandoned"}


async def test_a_plan_that_is_believed_impossible_is_not_chosen(living: Living):
    await living.hears(True, "account", "closed")
    await living.learns("win back", NOTE, triggers=["chance"], impossible="account.closed")
    await living.learns("write off", NOTE, triggers=["chance"])
    await living.meets("chance")
    await living.goes_on()
    assert await statuses(living) == {"write off": "completed"}
    [other] = list((await living.plan("write off")).context.alternatives or ())
    assert isinstance(other, dict)
    assert other["refused"] == "it is believed impossible: account.closed"


async def test_a_plan_that_becomes_impossible_fails(living: Living):
    await living.learns("win back", WAIT, triggers=["chance"], impossible="account.closed")
    await living.meets("chance")
    await living.goes_on()
    await living.hears(True, "account", "closed")
    await living.goes_on()
    plan = await living.plan("win back")
    assert (plan.status, plan.reason) == ("failed", "believed impossible: account.closed")


async def test_a_question_lapses_with_the_plan_that_asked_it(living: Living):
    ask = {"action": "ask", "text": "May I?", "timeout": "1 day"}
    await living.learns("polite", ask, triggers=["chance"])
    await living.meets("chance")
    await living.goes_on()
    assert [notice.text for notice in await living.notices()] == ["May I?"]
    await living.waits(1)
    await living.goes_on()
    assert (await living.plan("polite")).status == "failed"
    assert await living.notices() == []
    assert [notice.status for notice in await living.notices(status="lapsed")] == ["lapsed"]


async def test_what_was_pursued_for_a_plan_falls_with_it(living: Living):
    await living.learns("leaf", WAIT | {"timeout": "9 days"})
    await living.learns("branch", {"action": "pursue", "playbook": "leaf"})
    await living.learns("tree", {"action": "pursue", "playbook": "branch"}, triggers=["chance"], timeframe="1 day")
    await living.meets("chance")
    await living.goes_on()
    assert await statuses(living) == {"tree": "in_progress", "branch": "in_progress", "leaf": "in_progress"}
    await living.waits(1.01)
    await living.goes_on()
    assert await statuses(living) == {"tree": "failed", "branch": "abandoned", "leaf": "abandoned"}
    assert (await living.plan("leaf")).reason == (
        "what pursued it has ended: what pursued it has ended: it did not succeed within its time (1 day)"
    )
