"""A customer at risk: health, usage, tickets and silence; what is tried, in which order, and when it counts as saved."""

import pytest
from living import Living, hired

from empla.storage.database import Database

CHECK_IN = [
    {"action": "note", "text": "{subject}: usage {acme.usage}, {acme.tickets} tickets", "if": "acme.usage < 50"},
    {"action": "task", "title": "Clear the tickets of {subject}", "if": "acme.tickets > 5"},
    {"action": "task", "title": "Call {subject}, they are silent", "if": "age acme.last_contact > 14 days"},
]
SPONSOR = [{"action": "task", "title": "Ask our sponsor to call {subject}"}]
SAVED = "acme.health >= 80"


@pytest.fixture
async def riley(database: Database) -> Living:
    """A customer success manager with two playbooks for the same need, the more specific one first."""
    riley = await hired(database, "csm")
    await riley.learns(
        "check in",
        *CHECK_IN,
        goals=["*.health"],
        context="acme.usage < 50",
        prefers="acme.tickets > 5",
        success=SAVED,
        timeframe="7 days",
    )
    await riley.learns("executive sponsor", *SPONSOR, goals=["*.health"], success=SAVED, timeframe="7 days")
    return riley


async def hears(riley: Living, **figures: float) -> None:
    """What her tools say about the customer today; she lives until she has nothing to do."""
    for figure, value in figures.items():
        await riley.hears(value, "acme", figure, decay_rate=0)
    await riley.goes_on()


async def falls(riley: Living) -> None:
    """The customer was well; three weeks later it is not, and was not heard of since."""
    await hears(riley, health=90, usage=80, tickets=1, last_contact=0)
    await riley.waits(21)
    await hears(riley, usage=30, tickets=8, health=55)


async def test_an_account_at_risk_is_saved_by_the_second_thing_that_was_tried(riley: Living):
    goal = await riley.wants("acme.health", threshold=70, restore=80)
    await falls(riley)
    assert await riley.titles() == [
        "acme: usage 30, 8 tickets",
        "Clear the tickets of acme",
        "Call acme, they are silent",
    ]
    plan = await riley.plan("check in")
    assert plan.context.score is not None
    assert (plan.context.score["match"], plan.status) == (0.6667, "in_progress")  # two of two conditions, of three

    await riley.waits(3)
    await hears(riley, health=75)  # better, but not what was wanted: no victory yet
    now = await riley.goal(goal.id)
    assert (now.status, now.current_progress.state) == ("in_progress", "violated")
    assert [plan.status for plan in await riley.plans()] == ["in_progress"]

    await riley.waits(4.01)
    await riley.goes_on()
    first, second = await riley.plans()
    assert (first.status, first.reason) == ("failed", "it did not succeed within its time (7 days)")
    assert (second.plan_key, second.status) == ("executive sponsor", "in_progress")
    assert (await riley.titles())[-1] == "Ask our sponsor to call acme"
    assert await riley.notices() == []  # no human yet

    await riley.waits(2)
    await hears(riley, health=79.9)
    assert (await riley.goal(goal.id)).status == "in_progress"
    await riley.waits(1)
    await hears(riley, health=82)
    now = await riley.goal(goal.id)
    assert (now.status, now.current_progress.state, now.current_progress.violations) == ("active", "met", 1)
    plan = await riley.plan("executive sponsor")
    assert (plan.status, plan.reason) == ("completed", f"what it was for came about: {SAVED}")
    assert await riley.notices() == []


async def test_an_account_that_nothing_saves_is_brought_before_a_human_once(riley: Living):
    goal = await riley.wants("acme.health", threshold=70, restore=80)
    await falls(riley)
    for _ in range(2):
        await riley.waits(7.01)
        await riley.goes_on()
    now = await riley.goal(goal.id)
    assert (now.status, now.current_progress.blocked_by) == ("blocked", "no_plan")
    [notice] = await riley.notices()
    assert (notice.kind, notice.severity, notice.goal_id) == ("escalation", "urgent", goal.id)
    assert notice.text.splitlines() == [
        "I can't go on with my goal “acme.health as it should be”: acme.health is 55, wanted >= 70 (restored at 80).",
        "I tried check in: it did not succeed within its time (7 days).",
        "I tried executive sponsor: it did not succeed within its time (7 days).",
        "What shall I do?",
    ]
    await riley.waits(1)
    await hears(riley, health=50)
    assert len(await riley.notices(status=None)) == 1
    assert [plan.plan_key for plan in await riley.plans()] == ["check in", "executive sponsor"]
    await riley.waits(1)
    await hears(riley, health=85)
    assert [notice.status for notice in await riley.notices(status=None)] == ["lapsed"]


async def test_what_is_not_the_matter_is_not_done(riley: Living):
    """Few tickets, and somebody called yesterday: of the check-in only the look at the usage is left."""
    await riley.wants("acme.health", threshold=70, restore=80)
    await hears(riley, health=90, usage=80, tickets=1)
    await riley.waits(20)
    await hears(riley, last_contact=20)
    await riley.waits(1)
    await hears(riley, usage=30, health=55)
    assert await riley.titles() == ["acme: usage 30, 1 tickets"]
    assert [step.status for step in await riley.steps("check in")] == ["completed", "skipped", "skipped"]


async def test_without_any_sign_of_usage_the_general_playbook_comes_first(riley: Living):
    await riley.wants("acme.health", threshold=70)
    await hears(riley, health=55)
    assert [plan.plan_key for plan in await riley.plans()] == ["executive sponsor"]
    [other] = list((await riley.plan("executive sponsor")).context.alternatives or ())
    assert isinstance(other, dict)
    assert other["refused"] == "its context does not hold: acme.usage is not known"


async def test_two_customers_are_cared_for_each_by_a_plan_of_its_own(riley: Living):
    await riley.learns("call", {"action": "task", "title": "Call {subject}"}, goals=["*.mood"])
    for customer in ("acme", "globex"):
        await riley.wants(f"{customer}.mood", threshold=5)
        await riley.hears(3, customer, "mood", decay_rate=0)
    await riley.goes_on()
    assert sorted(await riley.titles()) == ["Call acme", "Call globex"]
