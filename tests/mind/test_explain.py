"""Why an employee does something: the page has the whole arithmetic, what it rested on, and what it waits for."""

from typing import Any
from uuid import UUID

import pytest
from living import Living

from empla.bdi import intentions
from empla.bdi.intentions import Ending, NewIntention, NewStep
from empla.bdi.shapes import Plan, PlanContext
from empla.employees import assignments, employees
from empla.errors import NotFoundError, UsageError
from empla.mind.explain import explain
from empla.mind.explanation import Explanation
from empla.storage.tx import Caller
from empla.tenancy import users

CALL = {"action": "task", "title": "Call ten prospects"}


async def explained(living: Living, name: str) -> Explanation:
    plan = await living.plan(name)
    async with living.database.read(living.caller) as tx:
        return await explain(tx, intention=plan.id)


async def coverage_falls(living: Living) -> None:
    await living.wants("pipeline.coverage", threshold=1.0, restore=1.1, importance=0.8)
    await living.hears(0.8, decay_rate=0)
    await living.goes_on()


GOLDEN = """\
Jordan: rebuild, in progress
  a tactic, priority 9, adopted 2025-03-03 09:00 UTC, single-minded until 2025-03-17 09:00 UTC
  id {id}

What called for it:
  violated: pipeline.coverage is 0.8, wanted >= 1 (restored at 1.1)
  goal {goal}: pipeline.coverage as it should be (maintenance, priority 9)
    now in progress, violated: pipeline.coverage is 0.8, wanted >= 1 (restored at 1.1)

Why this plan (.5 · success + .3 · context match + .2 · capability + rank; the best that applies is chosen):
  rebuild: .5 · 0.000 + .3 · 0.500 + .2 · 1.000 + 0.100 = 0.450
    success 0.000: the lower bound (95 %) for a plan that was never carried out
    context match 0.500: 1 / (1 + 1), of the conditions that it states
    capability 1.000: the share of its steps that Jordan may do

It rested on:
  pipeline.coverage = 0.8, confidence 0.90; now 0.95, 0.90

What else was in question:
  call_all: .5 · 0.000 + .3 · 0.000 + .2 · 1.000 + 0.000 = 0.200
  panic: its context does not hold: market.open is not known
  sue: vetoed by calm
  mail_all: the employee lacks the capability email

Its steps:
   1  completed    task        Call ten prospects  2025-03-03 09:00 UTC
      → task “Call ten prospects”, done ({task})
   2  in progress  ask         Shall I go on with {{metric}}?  2025-03-03 09:00 UTC
   3  completed    note        It is {{value}}  2025-03-03 09:00 UTC
      after 1
      → note “It is 0.8”, done ({note})
   4  skipped      task        Celebrate  2025-03-03 09:00 UTC
      after nothing
      skipped: value > 100 does not hold

What it told or asked people:
  2025-03-03 09:00 UTC  Shall I go on with pipeline.coverage? ({notice}, open)

It waits for:
  step 2 (ask): a human's answer to “Shall I go on with pipeline.coverage?”, until 2025-03-06 09:00 UTC"""


async def test_the_page_for_a_person_reads_like_this(living: Living):
    await living.learns(
        "rebuild",
        CALL,
        {"action": "ask", "text": "Shall I go on with {metric}?\nIt is {value}.", "timeout": "3 days"},
        {"action": "note", "text": "It is {value}", "after": [1]},
        {"action": "task", "title": "Celebrate", "if": "value > 100", "after": []},
        goals=["pipeline.coverage"],
        context="pipeline.coverage < 1",
        success="pipeline.coverage >= 1.1",
        timeframe="2 weeks",
    )
    note = {"action": "note", "text": "Help"}
    await living.learns("call_all", note, goals=["*.coverage"])
    await living.learns("mail_all", {"action": "draft", "to": "all", "text": "Buy"}, goals=["pipeline.coverage"])
    await living.learns("panic", note, goals=["pipeline.coverage"], context="market.open")
    await living.learns("sue", note, goals=["pipeline.coverage"])
    await living.learns("calm", {"action": "veto", "playbook": "sue"}, kind="heuristic")
    await living.learns("habit", {"action": "rank", "playbook": "rebuild", "weight": 0.1}, kind="heuristic")
    await coverage_falls(living)
    await living.waits(1)
    await living.hears(0.95, decay_rate=0)
    found = await explained(living, "rebuild")
    assert found.goal is not None
    ids = {
        "goal": found.goal.id,
        "task": found.effects[0].id,
        "note": found.effects[1].id,
        "notice": found.notices[0].id,
    }
    assert str(found) == GOLDEN.format(id=found.intention.id, **{name: str(id_)[-8:] for name, id_ in ids.items()})


async def test_the_arithmetic_adds_up_and_names_what_it_comes_from(living: Living):
    await living.learns(
        "rebuild", CALL, goals=["pipeline.coverage"], context=["value < 1", "value < 0.5 or wanted = 1"]
    )
    for value in (0.9, 1.2, 0.7, 1.2, 0.8):  # twice carried out before
        await living.hears(value, decay_rate=0)
        if value == 0.9:
            await living.wants("pipeline.coverage", threshold=1.0)
        await living.goes_on()
        await living.waits(1)
    chosen = (await explained(living, "rebuild")).chosen
    assert chosen is not None
    assert (chosen.succeeded, chosen.executed, chosen.held, chosen.stated) == (2, 2, 2, 2)
    assert chosen.success == pytest.approx(0.3424, abs=1e-4)  # Wilson's lower bound of 2 of 2, z = 1.96
    assert chosen.match == pytest.approx(2 / 3, abs=1e-4)
    assert chosen.score == pytest.approx(0.5 * 0.3424 + 0.3 * 2 / 3 + 0.2, abs=1e-4)
    assert "for 2 of 2 times" in str(await explained(living, "rebuild"))


async def test_an_end_says_how_and_why(living: Living):
    await living.learns("rebuild", CALL, goals=["pipeline.coverage"], success="pipeline.coverage >= 1.1")
    await coverage_falls(living)
    assert (await explained(living, "rebuild")).waits_for == ["what it is for: pipeline.coverage >= 1.1"]
    await living.waits(2)
    await living.hears(1.2, decay_rate=0)
    await living.goes_on()
    found = await explained(living, "rebuild")
    assert found.waits_for == []
    assert "\n  completed 2025-03-05 09:00 UTC: what it was for came about: pipeline.coverage >= 1.1\n" in str(found)
    assert "It waits for" not in str(found)


async def test_parents_and_children_name_each_other(living: Living):
    await living.learns(
        "calls", {"action": "await", "criteria": "phone.works", "timeout": "5 days"}, triggers=["never"]
    )
    await living.learns("rebuild", {"action": "pursue", "playbook": "calls"}, goals=["pipeline.coverage"])
    await coverage_falls(living)
    parent, child = await explained(living, "rebuild"), await explained(living, "calls")
    assert [other.id for other in parent.children] == [child.intention.id]
    assert parent.waits_for == ["step 1 (pursue): calls, which is in progress"]
    assert f"It pursues:\n  step 1: calls ({str(child.intention.id)[-8:]}), in progress" in str(parent)
    assert child.parent is not None
    assert child.chosen is None
    assert f"  step 1 of rebuild ({str(parent.intention.id)[-8:]}, in progress) pursues it\n" in str(child)
    assert child.waits_for == ["step 1 (await): phone.works, until 2025-03-08 09:00 UTC"]
    assert "Why this plan:\n  step 1 of rebuild pursues it\n" in str(child)


async def test_an_event_of_the_world_is_a_cause(living: Living):
    await living.learns("react", {"action": "note", "text": "{who} called"}, triggers=["call"])
    await living.meets("call", who="Dana")
    await living.goes_on()
    found = await explained(living, "react")
    assert found.goal is None
    assert found.cause is not None
    assert "What called for it:\n  call: call happened\n  2025-03-03 09:00 UTC  call happened  (world)\n" in str(found)


async def test_a_step_that_failed_says_when_it_is_tried_again(living: Living):
    await living.learns(
        "rebuild",
        {"action": "task", "title": "Call", "criteria": "phone.works", "retries": 1, "backoff": "2h"},
        goals=["pipeline.coverage"],
    )
    await coverage_falls(living)
    found = await explained(living, "rebuild")
    failed = "done, but phone.works does not hold"
    assert found.waits_for == [f"step 1 (task), which is tried again from 2025-03-03 11:00 UTC on: {failed}"]
    assert f"      last error: {failed}" in str(found)
    await living.waits(0.1)
    await living.goes_on()
    assert "2025-03-03 11:24 UTC, attempt 2 of 2\n" in str(await explained(living, "rebuild"))
    assert f"      failed: {failed}" in str(await explained(living, "rebuild"))


async def adopts(living: Living, name: str, *, dependencies: list[UUID] | None = None, **more: Any) -> UUID:
    """An intention that no playbook is behind."""
    new = NewIntention(
        description=name,
        intention_type="action",
        plan=Plan.parse({"type": name}),
        context=PlanContext.parse(more.pop("context", {})),
        steps=[NewStep(action="note", definition={"action": "note", "text": name}, depends_on=[])],
        dependencies=dependencies,
        **more,
    )
    async with living.database.write(living.caller) as tx:
        adopted = await intentions.adopt(tx, employee=living.employee, intention=new)
    assert adopted is not None
    return adopted


async def test_what_waits_for_another_says_for_which(living: Living):
    first = await adopts(living, "first")
    second = await adopts(living, "second", dependencies=[first])
    async with living.database.read(living.caller) as tx:
        found, other = await explain(tx, intention=second), await explain(tx, intention=first)
    assert found.waits_for == ["first, which is planned"]
    assert f"It depends on:\n  first ({str(first)[-8:]}), planned" in str(found)
    assert other.waits_for == ["its turn: step 1 (note) is next"]
    assert "What called for it:\n  nobody said" in str(other)


@pytest.mark.parametrize(
    ("policy", "waits_for"),
    [("replan", "first, which is abandoned"), ("proceed", "its turn: step 1 (note) is next")],
)
async def test_what_depends_on_something_that_is_no_more_says_so_unless_it_may_proceed(
    living: Living, policy: Any, waits_for: str
):
    first = await adopts(living, "first")
    async with living.database.write(living.caller) as tx:
        ending = Ending(id=first, status="abandoned", reason="no more")
        await intentions.end(tx, employee=living.employee, endings=[ending])
    second = await adopts(living, "second", dependencies=[first], on_failed_dependency=policy)
    async with living.database.read(living.caller) as tx:
        assert (await explain(tx, intention=second)).waits_for == [waits_for]


async def test_what_waits_for_its_suspended_goal_says_so(living: Living):
    await living.learns(
        "rebuild",
        CALL,
        {"action": "await", "criteria": "phone.works", "timeout": "5 days"},
        goals=["pipeline.coverage"],
    )
    await living.hears(True, "market", "open", decay_rate=0)
    await living.wants("pipeline.coverage", threshold=1.0, conditions={"context": "market.open"})
    await living.hears(0.8, decay_rate=0)
    await living.lives()
    await living.waits(1)
    await living.hears(False, "market", "open", decay_rate=0)
    await living.goes_on()
    assert (await explained(living, "rebuild")).waits_for[0] == "its goal: suspended: its context does not hold"


async def test_a_context_that_somebody_else_wrote_is_no_fault(living: Living):
    odd = {
        "score": {"mine": 3},
        "beliefs": ["sunny", {"subject": "sky"}],
        "alternatives": [1, {"score": "high"}],
        "event": {},
    }
    intention = await adopts(living, "odd", context=odd)
    async with living.database.read(living.caller) as tx:
        found = await explain(tx, intention=intention)
    assert (found.chosen, found.alternatives, found.rests_on) == (None, [], [])
    assert str(found).startswith("Jordan: odd, planned\n")


async def test_a_belief_that_is_no_more_is_said_to_be(living: Living):
    await living.learns("rebuild", CALL, goals=["pipeline.coverage"], success="pipeline.coverage >= 1.1")
    await coverage_falls(living)
    await living.retracts("pipeline", "coverage")
    found = await explained(living, "rebuild")
    assert [(belief.object, belief.confidence_now) for belief in found.rests_on] == [(0.8, None)]
    assert "  pipeline.coverage = 0.8, confidence 0.90; nothing is believed about it now\n" in str(found)


async def test_the_end_of_an_id_is_enough_and_the_time_at_its_beginning_is_not(living: Living):
    first, second = await adopts(living, "first"), await adopts(living, "second")
    async with living.database.read(living.caller) as tx:
        for named in (str(second), str(second)[-8:], str(second)[-8:].upper()):
            assert (await explain(tx, intention=named)).intention.id == second
        with pytest.raises(UsageError, match=r"names 2 intentions"):
            await explain(tx, intention=str(first)[:8])
        with pytest.raises(NotFoundError, match=r"^there is no intention zzzz$"):
            await explain(tx, intention="zzzz")


async def test_only_who_sees_the_employee_gets_an_answer(living: Living, rival: Caller):
    intention = await adopts(living, "first")
    async with living.database.write(living.caller) as tx:
        people = [
            await users.invite(tx, email=f"{role}@acme.example", name=role, role=role)
            for role in ("admin", "manager", "user")
        ]
        other = await employees.hire(tx, name="Riley", role="custom", email="riley@acme.example")
    admin, manager, user = (Caller(living.caller.tenant, user=person.id) for person in people)
    colleague = Caller(living.caller.tenant, employee=other.id)
    for caller in (admin, manager):
        async with living.database.read(caller) as tx:
            assert (await explain(tx, intention=intention)).employee == "Jordan"
    for caller in (rival, user):
        async with living.database.read(caller) as tx:
            with pytest.raises(NotFoundError):
                await explain(tx, intention=intention)
    async with living.database.work(colleague) as tx:
        with pytest.raises(NotFoundError):
            await explain(tx, intention=intention)
    async with living.database.write(living.caller) as tx:
        await assignments.assign(tx, user=user.user or other.id, employee=living.employee)
    async with living.database.read(user) as tx:
        assert (await explain(tx, intention=intention)).intention.id == intention


async def test_the_answer_takes_few_statements_however_long_the_plan(living: Living):
    await living.learns("rebuild", *[CALL] * 30, goals=["pipeline.coverage"])
    await coverage_falls(living)
    plan = await living.plan("rebuild")
    async with living.database.read(living.caller) as tx:
        assert len((await explain(tx, intention=plan.id)).effects) == 30
        assert tx.statements <= 10
