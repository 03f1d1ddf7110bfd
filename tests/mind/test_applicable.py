"""Recall of what applies to a situation: the engine's own weighing, told before anything happens, and without a trace."""

from typing import Any

import pytest
from factories import a_simulated_tenant, an_employee
from living import Living, hired

from empla.employees import assignments
from empla.errors import InvalidError, NotFoundError
from empla.memory import procedural
from empla.memory.demonstration import Lesson, learn_from_demonstrations
from empla.mind import applicable as applying
from empla.mind.applicable import Situation, WhatApplies
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

NOTE: dict[str, Any] = {"action": "note", "text": "done"}


@pytest.fixture
async def living(database: Database) -> Living:
    return await hired(database)


async def asks(living: Living, **situation: Any) -> WhatApplies:
    async with living.database.read(living.caller) as tx:
        return await applying.applicable(tx, employee=living.employee, situation=Situation(**situation))


def names(answer: WhatApplies) -> list[str]:
    return [each.playbook for each in answer.playbooks if each.applies]


def refusals(answer: WhatApplies) -> dict[str, str | None]:
    return {each.playbook: each.refused for each in answer.playbooks if not each.applies}


async def test_the_more_specific_comes_first_and_each_says_why(living: Living):
    await living.learns("plain", NOTE, triggers=["deal"])
    await living.learns("large", NOTE, triggers=["deal"], context="size > 100")
    await living.learns("small", NOTE, triggers=["deal"], context="size <= 100")
    await living.learns("healthy", NOTE, triggers=["deal"], context="account.health > 50")
    await living.learns("elsewhere", NOTE, triggers=["other"])
    await living.learns("mail", {"action": "draft", "to": "x", "text": "y"}, triggers=["deal"])
    await living.hears(70, "Acme", "health")
    answer = await asks(living, event="deal", content={"size": 500, "account": "Acme"})
    assert names(answer) == ["healthy", "large", "plain"]
    assert refusals(answer) == {
        "small": "its context does not hold: size <= 100 (size is 500)",
        "mail": "the employee lacks the capability email",
    }
    best = answer.best
    assert best is not None
    assert (best.score, best.success, best.match, best.capability, best.rank) == (0.35, 0, 0.5, 1, 0)
    assert (best.held, best.stated, best.looked_at, best.standing) == (1, 1, ["Acme.health"], "established")
    assert str(answer).splitlines() == [
        "Jordan, when deal comes",
        "",
        "What applies (.5 · success + .3 · context match + .2 · capability + rank), the best first:",
        "  healthy: .5 · 0.000 + .3 · 0.500 + .2 · 1.000 + 0.000 = 0.350",
        "  large: .5 · 0.000 + .3 · 0.500 + .2 · 1.000 + 0.000 = 0.350",
        "  plain: .5 · 0.000 + .3 · 0.000 + .2 · 1.000 + 0.000 = 0.200",
        "",
        "What does not:",
        "  small: its context does not hold: size <= 100 (size is 500)",
        "  mail: the employee lacks the capability email",
    ]


async def test_what_a_cycle_chooses_is_what_was_foretold_score_and_all(living: Living):
    await living.learns("plain", NOTE, triggers=["deal"])
    await living.learns("large", NOTE, triggers=["deal"], context="size > 100", prefers="known account")
    await living.learns("calm", {"action": "rank", "playbook": "plain", "weight": 0.3}, kind="heuristic", context=[])
    foretold = await asks(living, event="deal", content={"size": 500})
    assert names(foretold) == ["plain", "large"]
    await living.meets("deal", size=500)
    await living.lives()
    plan = await living.plan("plain")
    best = foretold.best
    assert best is not None
    score = plan.context.score
    assert score is not None
    assert {key: getattr(best, key) for key in score} == score
    await living.learns("never", {"action": "veto", "playbook": "plain"}, kind="heuristic", context=[])
    vetoed = await asks(living, event="deal", content={"size": 500})
    assert (names(vetoed), refusals(vetoed)) == (["large"], {"plain": "vetoed by never"})


async def test_disabled_and_demoted_ones_are_told_and_come_last(living: Living):
    for name in ("off", "down", "on"):
        await living.learns(name, NOTE, triggers=["deal"])
    async with living.database.write(living.caller) as tx:
        off = await procedural.find(tx, employee=living.employee, name="off")
        down = await procedural.find(tx, employee=living.employee, name="down")
        await procedural.set_enabled(tx, employee=living.employee, procedure=off.id, enabled=False)
        await procedural.set_standing(
            tx, employee=living.employee, procedure=down.id, standing="demoted", reason="It annoys"
        )
    answer = await asks(living, event="deal")
    assert (names(answer), refusals(answer)) == (["on"], {"off": "it is disabled", "down": "it is demoted"})


async def test_a_metric_is_looked_at_as_its_goal_would(living: Living):
    await living.learns("rebuild", NOTE, goals=["pipeline.coverage"], context="value < wanted")
    await living.learns("look", NOTE, finds_out=["*.coverage"])
    await living.learns("event", NOTE, triggers=["violated", "unknown"])
    without = await asks(living, metric="pipeline.coverage")
    assert refusals(without) == {"rebuild": "its context does not hold: value is not known; wanted is not known"}
    assert refusals(await asks(living, metric="pipeline.coverage", content={"value": 2, "wanted": 1})) == {
        "rebuild": "its context does not hold: value < wanted (value is 2, wanted is 1)"
    }
    await living.wants("pipeline.coverage", threshold=1.0)
    await living.hears(0.8, decay_rate=0)
    assert names(await asks(living, metric="pipeline.coverage")) == ["rebuild"]
    assert names(await asks(living, metric="pipeline.coverage", is_unknown=True)) == ["look"]
    assert (await asks(living, metric="other.coverage")).playbooks == []
    assert "Jordan knows no playbook about it." in str(await asks(living, metric="other.coverage"))


async def test_what_a_goal_has_tried_is_told(living: Living):
    await living.learns("rebuild", NOTE, goals=["pipeline.coverage"], success="pipeline.coverage >= 1", timeframe="1h")
    await living.learns("other", NOTE, goals=["pipeline.coverage"], context="never")
    await living.wants("pipeline.coverage", threshold=1.0)
    await living.hears(0.8, decay_rate=0)
    await living.goes_on()
    await living.waits(1)
    await living.goes_on()
    answer = await asks(living, metric="pipeline.coverage")
    assert refusals(answer)["rebuild"] == "it was tried already and did not bring it"


async def test_without_an_event_every_workflow_is_weighed_by_what_is_believed_or_supposed(living: Living):
    await living.learns("nurse", NOTE, triggers=["checked"], context="Acme.health < 50")
    await living.learns("cheer", NOTE, goals=["x"], context="Acme.health >= 50")
    await living.learns("hi", NOTE, kind="skill")
    assert names(await asks(living)) == []
    await living.hears(70, "Acme", "health")
    assert names(await asks(living)) == ["cheer"]
    supposed = await asks(living, supposing={"Acme.health": 20})
    assert names(supposed) == ["nurse"]
    assert supposed.situation == "supposing that Acme.health is 20"
    # Through a binding, as the condition itself would read it; and an employee's own, by a bare name.
    await living.learns("bound", NOTE, triggers=["deal"], context="account.health < 50 and busy")
    content = {"account": "Acme"}
    found = await asks(living, event="deal", content=content, supposing={"account.health": 20, "busy": True})
    assert names(found) == ["bound"]


async def test_asking_leaves_no_trace(living: Living):
    await living.learns("plain", NOTE, triggers=["deal"])
    async with living.database.read(living.caller) as tx:
        before = await procedural.library(tx, employee=living.employee)
    await asks(living, event="deal")
    async with living.database.read(living.caller) as tx:
        assert await procedural.library(tx, employee=living.employee) == before
    assert (await living.plans(), await living.effects()) == ([], [])


async def test_an_event_of_an_odd_kind_is_about_nothing_more(living: Living):
    """Nobody outside can name a kind that calls for every plan."""
    await living.learns("plain", NOTE, triggers=["deal"])
    for kind in ("*", "", "violated"):
        assert (await asks(living, event=kind)).playbooks == []


async def test_what_is_no_name_is_refused_and_so_is_anothers_employee(living: Living, database: Database):
    with pytest.raises(InvalidError, match="'a b' is not the name of a metric"):
        await asks(living, metric="a b")
    with pytest.raises(InvalidError, match=r"'1 \+' is not the name of a belief"):
        await asks(living, supposing={"1 +": 2})
    stranger = await a_simulated_tenant(database)
    await an_employee(database, stranger)
    with pytest.raises(NotFoundError):
        await asks(Living(database, stranger, living.employee), event="deal")


async def test_what_was_shown_applies_and_is_carried_out_with_the_words_of_the_event(living: Living):
    shown: dict[str, Any] = {
        "by": "Dana",
        "event": {"kind": "met", "content": {"contact": "Ann Lee", "account": "Hilltop"}},
        "steps": [{"action": "task", "title": "Call Ann Lee of {Hilltop}"}],
    }
    async with living.database.write(living.caller) as tx:
        lesson = Lesson.parse({"name": "greet", "demonstrations": [shown]})
        await learn_from_demonstrations(tx, employee=living.employee, lesson=lesson)
    hole = await asks(living, event="met", content={"contact": "Bob"})
    assert refusals(hole) == {"greet": "its context does not hold: known account"}
    assert names(await asks(living, event="met", content={"contact": "Bob", "account": "Acme"})) == ["greet"]
    await living.meets("met", contact="Bob", account="Acme")
    await living.meets("met", contact="Cleo")
    await living.goes_on()
    assert await living.titles() == ["Call Bob of {Acme}"]
    assert (await living.plan("greet")).status == "completed"


async def test_an_event_and_a_metric_are_asked_about_at_once_and_what_is_said_counts_most(living: Living):
    await living.learns(
        "both", NOTE, goals=["pipeline.coverage"], triggers=["deal"], success="pipeline.coverage >= 1", timeframe="1h"
    )
    await living.learns("short", NOTE, goals=["pipeline.coverage"], context="value < wanted")
    await living.wants("pipeline.coverage", threshold=1.0)
    await living.hears(0.8, decay_rate=0)
    assert names(await asks(living, metric="pipeline.coverage")) == ["short", "both"]
    assert names(await asks(living, metric="pipeline.coverage", content={"wanted": 0.5})) == ["both"]
    async with living.database.write(living.caller) as tx:
        short = await procedural.find(tx, employee=living.employee, name="short")
        await procedural.set_enabled(tx, employee=living.employee, procedure=short.id, enabled=False)
    await living.goes_on()
    await living.waits(1)
    await living.goes_on()
    assert names(await asks(living, metric="pipeline.coverage")) == []
    found = await asks(living, metric="pipeline.coverage", event="deal")
    assert (names(found), found.situation) == (["both"], "when deal comes; when pipeline.coverage falls short")


async def test_a_user_asks_about_an_assigned_employee_and_nobody_elses(living: Living):
    await living.learns("plain", NOTE, triggers=["deal"])
    async with living.database.write(living.caller) as tx:
        uma = await users.invite(tx, email="uma@acme.example", name="Uma", role="user")
    as_uma = Living(living.database, Caller(living.caller.tenant, user=uma.id), living.employee)
    with pytest.raises(NotFoundError):
        await asks(as_uma, event="deal")
    async with living.database.write(living.caller) as tx:
        await assignments.assign(tx, user=uma.id, employee=living.employee)
    assert names(await asks(as_uma, event="deal", metric="pipeline.coverage")) == ["plain"]
