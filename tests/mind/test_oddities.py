"""Whatever is believed, heard or written in a playbook: a condition is false with a note, an attempt fails, and the employee goes on."""

import json
from datetime import timedelta
from typing import Any

import pytest
from factories import MONDAY
from living import Living
from pydantic import JsonValue

from empla.senses import inbox
from empla.senses.observation import NewObservation

NOTE = {"action": "note", "text": "done"}
ODD: list[JsonValue] = [None, True, "many", [1, 2], {"deep": {"er": [1]}}, "", 10**300, "💥" * 300]


def nested(depth: int) -> JsonValue:
    found: JsonValue = 1
    for _ in range(depth):
        found = [found]
    return found


# Conditions


@pytest.mark.parametrize("odd", ODD)
async def test_a_step_whose_condition_meets_an_odd_belief_is_skipped_with_a_note(living: Living, odd: JsonValue):
    await living.hears(odd, "account", "health")
    step = {**NOTE, "if": 'account.health < 60 and account.name = "Acme"'}
    await living.learns("nurse", step, triggers=["chance"])
    await living.meets("chance")
    await living.goes_on()
    [done] = await living.steps("nurse")
    assert done.status == "skipped"
    note = str(done.result["skipped"])
    assert "account." in note
    assert (await living.plan("nurse")).status == "completed"


async def test_a_missing_belief_is_named_in_the_note_and_in_the_outcome_of_a_decision(living: Living):
    decide = {"action": "decide", "criteria": "account.health < 60", "as": "at_risk"}
    skipped = {**NOTE, "if": "at_risk"}
    await living.learns("nurse", decide, skipped, triggers=["chance"])
    await living.meets("chance")
    await living.goes_on()
    first, second = await living.steps("nurse")
    assert first.result == {"outcome": False, "notes": ["account.health is not known"]}
    assert (second.status, second.result) == ("skipped", {"skipped": "at_risk does not hold"})


async def test_a_belief_that_is_not_sure_enough_is_not_heeded(living: Living):
    await living.hears(50, "account", "health", reliability=0.4)
    await living.learns("nurse", {**NOTE, "if": "account.health < 60"}, triggers=["chance"])
    await living.meets("chance")
    await living.goes_on()
    [done] = await living.steps("nurse")
    assert done.result == {"skipped": "account.health is believed with 0.40 only, under 0.5"}


async def test_why_a_playbook_did_not_apply_is_kept_with_the_one_that_did(living: Living):
    await living.hears("lots", "deal", "size")
    await living.learns("big", NOTE, triggers=["lead"], context={"deal.size": "> 10000"})
    await living.learns("any", NOTE, triggers=["lead"])
    await living.meets("lead")
    await living.goes_on()
    [plan] = await living.plans()
    assert plan.plan_key == "any"
    [other] = list(plan.context.alternatives or ())
    assert isinstance(other, dict)
    assert (other["playbook"], other["refused"]) == (
        "big",
        'its context does not hold: deal.size is "lots", which can\'t be compared with 10000',
    )


@pytest.mark.parametrize("odd", ODD)
async def test_goals_on_an_odd_belief_are_unknown_or_measured_and_never_stop_the_cycle(living: Living, odd: JsonValue):
    await living.hears(odd, decay_rate=0)
    plain = await living.wants("pipeline.coverage", threshold=1)
    windowed = await living.wants("pipeline.coverage", threshold=1, window="30 days", measure="mean")
    conditions: dict[str, JsonValue] = {"context": "pipeline.coverage < 10 or account.health < 5"}
    suspended = await living.wants("pipeline.coverage", threshold=1, conditions=conditions)
    await living.goes_on()
    is_number = isinstance(odd, int) and not isinstance(odd, bool)
    for goal in (plain, windowed):
        progress = (await living.goal(goal.id)).current_progress
        assert progress.state == ("met" if is_number else "unknown")
        assert is_number or progress.note in {"what is believed is no number", "nothing is known of that time"}
    assert (await living.goal(suspended.id)).current_progress.blocked_by == "context"


# What comes from outside


NONSENSE: list[dict[str, JsonValue]] = [
    {},
    {"account": None, "health": {"a": []}},
    {"goal": "mine", "event": 7, "source": [], "description": {}, "subject": "x", "value": "NaN"},
    {"": "", " ": " ", "a.b": 1, '"': "\\", "{x}": "{y}", "self": {"health": 3}},
    {"account": "x" * 100_000},
    {"account": "a.b\n\t'; DROP TABLE beliefs; --"},
    {f"key {number}": number for number in range(3000)},
    {"account": nested(29)},
    {"account": nested(31)},
    {"account": [f"item {number}" for number in range(60_000)]},
]


@pytest.mark.parametrize("content", NONSENSE, ids=[str(number) for number in range(len(NONSENSE))])
async def test_nonsense_from_outside_stops_nobody(living: Living, content: dict[str, JsonValue]):
    """It is carried out, or set aside with its error; what came after it is worked on in any case."""
    step = {"action": "note", "text": "{account}: {account.health}, {nothing} {account.more}", "title": "For {event}"}
    follow = {"action": "follow_up", "kind": "later", "in": "1 day"}
    context = 'not (account.health < 3) or account = "x" or known account.more or not known account.more'
    await living.learns("odd", step, follow, triggers=["odd"], context=context)
    await living.learns("even", {**NOTE, "title": "as ever"}, triggers=["even"])
    await living.meets("odd", content=content)
    await living.meets("even")
    await living.goes_on()
    assert "as ever" in await living.titles()
    statuses = {plan.plan_key: plan.status for plan in await living.plans()}
    if "odd" not in statuses:
        [fault] = await living.faults()
        assert fault.startswith("no plan could be made for it: ")
    else:
        assert statuses["odd"] in {"completed", "in_progress"}
        assert "For odd" in await living.titles()


async def test_what_is_set_aside_is_not_met_again(living: Living):
    await living.learns("odd", NOTE, triggers=["odd"])
    await living.meets("odd", account=nested(31))
    await living.goes_on()
    assert len(await living.faults()) == 1
    assert await living.plans() == []
    assert (await living.lives()).perceived == 0


async def test_what_a_choice_rested_on_may_be_large(living: Living):
    await living.hears("x" * 60_000, "account", "story")
    wanted = [f"account{number}.story" for number in range(8)]
    for number in range(8):
        await living.hears("y" * 60_000, f"account{number}", "story")
    await living.learns("reader", NOTE, triggers=["odd"], context=[f"known {name}" for name in wanted])
    await living.meets("odd")
    await living.goes_on()
    plan = await living.plan("reader")
    assert plan.status == "completed"
    assert len(plan.context.beliefs or ()) == 8
    assert len(json.dumps(plan.context.to_json())) < 262_144


async def test_a_plan_that_would_look_at_too_many_beliefs_gives_way_to_another(living: Living):
    steps = [{**NOTE, "if": f"account.figure{number} > 1"} for number in range(150)]
    await living.hears(1, "x", "y")
    await living.learns("careful", *steps, triggers=["odd"], context="x.y = 1")
    await living.learns("plain", NOTE, triggers=["odd"])
    await living.meets("odd", account="x" * 499)
    await living.goes_on()
    [plan] = await living.plans()
    assert plan.plan_key == "plain"
    [other] = list(plan.context.alternatives or ())
    assert isinstance(other, dict)
    assert (other["playbook"], other["refused"]) == ("careful", "it looks at 151 beliefs, which are too many")


# Templates


async def test_a_name_that_means_nothing_is_said_to_be_unknown(living: Living):
    await living.learns("odd", {"action": "note", "text": "Call {who} about {deal.size}, {{really}}"}, triggers=["x"])
    await living.meets("x")
    await living.goes_on()
    assert await living.titles() == ["Call (who unknown) about (deal.size unknown), {really}"]


# Actions that are refused


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a notice that is too long": ({"action": "notify", "text": "x" * 10_001}, "a notice has 1 to 10,000 characters"),
    "a notice without words": ({"action": "notify", "text": "{empty}"}, "a notice has 1 to 10,000 characters"),
    "an unknown severity": (
        {"action": "notify", "text": "x", "severity": "loud"},
        "a notice is info, warning or urgent",
    ),
    "a question without words": ({"action": "ask", "text": " ", "retries": 2}, "a notice has 1 to 10,000 characters"),
    "an episode without words": ({"action": "remember", "text": "{empty}"}, "an episode needs a description"),
    "a belief about nothing": (
        {"action": "believe", "subject": "{empty}", "predicate": "p", "object": 1},
        "evidence: subject: String should have at least 1 character",
    ),
    "a goal without a number": ({"action": "adopt_goal", "key": "k", "metric": "m"}, "target must have either"),
    "a goal of no kind": (
        {"action": "adopt_goal", "key": "k", "metric": "m", "value": 1, "goal_type": "wish"},
        "employee_goals_goal_type_check",
    ),
    "a goal with too long a key": (
        {"action": "adopt_goal", "key": "k" * 301, "metric": "m", "value": 1},
        "a goal's key has 1 to 300 characters",
    ),
    "a goal that is more than important": (
        {"action": "adopt_goal", "key": "k", "metric": "m", "value": 1, "importance": 7},
        "an importance lies between 0 and 1, not 7",
    ),
    "a follow-up of no kind": ({"action": "follow_up", "kind": "{empty}", "in": "1 day"}, "kind"),
    "a follow-up without a time": ({"action": "follow_up", "kind": "k"}, "in how long"),
    "a follow-up of too long a kind": (
        {"action": "follow_up", "kind": "k" * 101, "in": "1 day"},
        "a kind has 1 to 100",
    ),
    "a playbook that is not there": (
        {"action": "pursue", "playbook": "none", "retries": 2},
        "there is no playbook none",
    ),
    "a playbook that is under way": ({"action": "pursue", "playbook": "odd", "retries": 2}, "odd is under way already"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_an_action_that_is_refused_is_tried_again_with_a_pause_and_keeps_nobody_from_the_rest(
    living: Living, name: str
):
    step, reason = REFUSED[name]
    await living.learns("odd", {**step, "backoff": "2 hours"}, triggers=["odd"])
    await living.learns("even", NOTE, triggers=["even"])
    await living.meets("odd", empty="")
    await living.meets("even")
    await living.goes_on()
    assert (await living.plan("even")).status == "completed"
    for attempt, pause in ((1, 2), (2, 4)):
        [tried] = await living.steps("odd")
        assert (tried.status, tried.attempts) == ("pending", attempt)
        assert reason in (tried.error or "")
        now = await living.now()
        assert tried.not_before == now + timedelta(hours=pause)
        await living.waits(pause / 24)
        await living.goes_on()
    [tried] = await living.steps("odd")
    assert (tried.status, tried.attempts, tried.max_attempts) == ("failed", 3, 3)
    plan = await living.plan("odd")
    assert plan.status == "failed"
    assert plan.reason is not None
    assert plan.reason.startswith(f"step 1 ({step['action']}) failed: ")
    assert await living.notices() == []


async def test_a_refused_attempt_leaves_nothing_of_itself(living: Living):
    believe = {"action": "believe", "subject": "self", "predicate": "done", "object": True, "criteria": "self.done"}
    await living.learns("odd", believe, triggers=["odd"])
    await living.meets("odd")
    await living.goes_on()
    [step] = await living.steps("odd")
    assert (step.status, step.attempts) == ("pending", 1)  # what a step does itself shows in the next one


async def test_what_a_step_made_stays_and_is_not_made_again_when_its_criteria_fail(living: Living):
    await living.learns("call", {"action": "task", "title": "Call", "criteria": "jane.called"}, triggers=["chance"])
    await living.meets("chance")
    await living.goes_on()
    [step] = await living.steps("call")
    assert (step.status, step.attempts, step.error) == ("pending", 1, "done, but jane.called does not hold")
    await living.hears(True, "jane", "called")
    await living.waits(1 / 24)
    await living.goes_on()
    [step] = await living.steps("call")
    [made] = await living.effects()
    assert (step.status, step.attempts, step.result["effect"]) == ("completed", 2, str(made.id))


async def test_what_lies_in_the_future_of_the_world_waits(living: Living):
    async with living.database.write(living.caller) as tx:
        far = NewObservation(
            source="world",
            external_id="far",
            recipient="me",
            kind="chance",
            occurred_at=MONDAY + timedelta(days=300_000),
            description="In another age",
            participants=(),
            content={},
        )
        await inbox.deliver(tx, [far], recipients={"me": living.employee})
    await living.learns("odd", NOTE, triggers=["chance"])
    assert (await living.lives()).perceived == 0
