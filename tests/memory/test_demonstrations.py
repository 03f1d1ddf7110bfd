"""What people were seen to do becomes a playbook on trial: what all of them did, with what the event says in its place."""

from collections.abc import Sequence
from typing import Any, LiteralString, cast
from uuid import UUID

import pytest
from factories import an_employee, an_id
from pydantic import JsonValue
from teaching import add, held, playbook, skill

from empla.employees.employees import Employee
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from empla.memory import episodic, procedural
from empla.memory.demonstration import Learned, Lesson, learn_from_demonstrations
from empla.memory.shapes import EpisodeContent
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

Seen = dict[str, Any]

FORGET: LiteralString = """
    UPDATE memory_episodes SET deleted_at = ctx.now()
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(id)s::uuid
"""


def shows(*steps: Seen, by: str = "Dana", kind: str = "contact_met", **content: JsonValue) -> Seen:
    return {"by": by, "event": {"kind": kind, "content": content}, "steps": list(steps)}


def task(title: str, **more: Any) -> Seen:
    return {"action": "task", "title": title, **more}


def draft(to: str, text: str, **more: Any) -> Seen:
    return {"action": "draft", "to": to, "text": text, **more}


async def learns(
    database: Database,
    caller: Caller,
    employee: UUID,
    *demonstrations: Seen,
    name: str = "greet",
    replace: bool = False,
    **lesson: Any,
) -> Learned:
    written = Lesson.parse({"name": name, "demonstrations": list(demonstrations), **lesson})
    async with database.write(caller) as tx:
        return await learn_from_demonstrations(tx, employee=employee, lesson=written, replace=replace)


def steps(learned: Learned) -> list[dict[str, Any]]:
    return [step.to_json() for step in learned.procedure.steps.steps or ()]


# One demonstration


async def test_what_one_person_did_once_is_learned_on_trial_with_who_showed_it(
    database: Database, acme: Caller, jordan: Employee
):
    learned = await learns(
        database,
        acme,
        jordan.id,
        shows(
            draft("Ann Lee", "Dear Ann Lee, good to meet {you} of Hilltop Foods.", subject="Hello"),
            task("Call Hilltop Foods", due="3 days", assignee="Sam"),
            contact="Ann Lee",
            account="Hilltop Foods",
        ),
    )
    assert steps(learned) == [
        draft("{contact}", "Dear {contact}, good to meet {{you}} of {account}.", subject="Hello"),
        task("Call {account}", due="3 days", assignee="Sam"),
    ]
    kept = learned.procedure
    assert [kept] == await held(database, acme, jordan.id)
    assert (kept.learned_from, kept.standing, kept.version, kept.enabled) == ("human_demonstration", "trial", 1, True)
    assert kept.description == "Learned from Dana."
    assert kept.conditions.to_json() == {
        "triggers": ["contact_met"],
        "context": "known account and known contact",
    }
    assert (learned.names, learned.left_out, kept.evidence) == (["account", "contact"], [], [])
    told_at = kept.metadata["told_at"]
    assert kept.metadata == {
        "demonstrations": [{"by": "Dana", "event": "contact_met", "steps": 2, "episodes": []}],
        "told_by": None,
        "told_at": told_at,
        "names": ["account", "contact"],
        "left_out": [],
    }
    assert procedural.faults_by_name([kept]) == {}


async def test_words_are_whole_and_what_is_short_stays(database: Database, acme: Caller, jordan: Employee):
    """A 3 may be any 3, and an Ann stands in Anna."""
    learned = await learns(
        database,
        acme,
        jordan.id,
        shows(
            task("Ask Anna and Ann3 3 times about Ann, in 2017"),
            contact="Ann",
            times=3,
            year=2017,
            busy=True,
            event="Ask",
            **{"odd key": "about"},
        ),
    )
    assert steps(learned) == [task("Ask Anna and Ann3 3 times about {contact}, in {year}")]


async def test_names_and_conditions_and_durations_are_not_texts(database: Database, acme: Caller, jordan: Employee):
    learned = await learns(
        database,
        acme,
        jordan.id,
        shows(
            {"action": "await", "criteria": 'account.stage = "Acme"', "timeout": "3 days"},
            {"action": "follow_up", "kind": "Acme", "in": "3 days", "text": "Acme"},
            {"action": "invoke", "title": "Look", "capability": "crm", "arguments": {"of": ["Acme", 5], "x": None}},
            account="Acme",
            span="3 days",
            tool="crm",
        ),
    )
    assert learned.names == ["account"]
    assert steps(learned) == [
        {"action": "await", "criteria": 'account.stage = "Acme"', "timeout": "3 days"},
        {"action": "follow_up", "kind": "Acme", "in": "3 days", "text": "{account}"},
        {"action": "invoke", "title": "Look", "capability": "crm", "arguments": {"of": ["{account}", 5], "x": None}},
    ]


# Several


async def test_of_several_what_all_did_is_learned_in_its_order(database: Database, acme: Caller, jordan: Employee):
    learned = await learns(
        database,
        acme,
        jordan.id,
        shows(
            {"action": "note", "text": "Met Ann"},
            task("Call Ann", due="3 days", assignee="Sam"),
            task("Have lunch"),
            draft("Ann", "Hello Ann"),
            contact="Ann",
        ),
        shows(
            task("Call Bob", due="1 week", assignee="Sam"),
            draft("Bob", "Hello Bob"),
            {"action": "note", "text": "Met Bob"},
            by="Eve",
            kind="contact_called",
            contact="Bob",
        ),
    )
    assert steps(learned) == [task("Call {contact}", assignee="Sam"), draft("{contact}", "Hello {contact}")]
    assert learned.left_out == [
        "step 1 (task): they differ in its due, and the events do not say why",
        "Dana's step 1 (note): it does not come at the same place in all demonstrations",
        "Dana's step 3 (task): it is not in every demonstration",
        "Eve's step 3 (note): it does not come at the same place in all demonstrations",
    ]
    assert learned.procedure.metadata["left_out"] == learned.left_out
    assert learned.procedure.conditions.triggers == ("contact_met", "contact_called")
    assert learned.procedure.description == "Learned from Dana and Eve."


async def test_three_share_what_all_three_share(database: Database, acme: Caller, jordan: Employee):
    first = [task("A"), task("B"), task("C"), task("D"), task("E")]
    second = [task("B"), task("A"), task("C"), task("E")]
    third = [task("A"), task("B"), task("E"), task("C")]
    learned = await learns(database, acme, jordan.id, shows(*first), shows(*second), shows(*third))
    assert [step["title"] for step in steps(learned)] == ["A", "C"]
    again = await learns(database, acme, jordan.id, shows(*first), shows(*second), shows(*third), name="again")
    assert steps(again) == steps(learned)


async def test_of_equally_many_steps_those_that_say_most_are_taken(database: Database, acme: Caller, jordan: Employee):
    one = shows(task("A", due="3 days", assignee="Sam"))
    two = shows(task("A"), task("A", due="3 days", assignee="Sam"), task("A", due="3 days"))
    assert steps(await learns(database, acme, jordan.id, one, two)) == [task("A", due="3 days", assignee="Sam")]


async def test_a_text_that_can_be_read_in_very_many_ways_is_read_soon(
    database: Database, acme: Caller, jordan: Employee
):
    one = shows(task("Ann " * 60 + "x"), contact="Ann", host="Ann")
    two = shows(task("Bob " * 60 + "y"), contact="Bob", host="Bob")
    with pytest.raises(InvalidError, match="they differ in its title"):
        await learns(database, acme, jordan.id, one, two)
    two = shows(task("Bob " * 60 + "x"), contact="Bob", host="Bob")
    assert steps(await learns(database, acme, jordan.id, one, two)) == [task("{contact} " * 60 + "x")]


async def test_a_required_word_that_nothing_explains_is_not_made_up(database: Database, acme: Caller, jordan: Employee):
    ann = shows(task("Call"), draft("Ann", "Hello"), contact="Ann")
    bob = shows(task("Call"), draft("Carl", "Hello"), contact="Bob")
    learned = await learns(database, acme, jordan.id, ann, bob)
    assert steps(learned) == [task("Call")]
    assert learned.left_out == [
        "Dana's step 2 (draft): they differ in its to, and the events do not say why",
        "Dana's step 2 (draft): they differ in its to, and the events do not say why",
    ]


async def test_a_condition_a_name_or_an_argument_that_differs_is_never_dropped(
    database: Database, acme: Caller, jordan: Employee
):
    refund: Seen = {"action": "invoke", "title": "Refund", "capability": "crm"}
    one = shows(task("A"), task("B", **{"if": "x"}), task("C", **{"as": "c"}), refund | {"arguments": {"sum": 5}})
    two = shows(task("A"), task("B"), task("C", **{"as": "d"}), refund | {"arguments": {"sum": 6}})
    learned = await learns(database, acme, jordan.id, one, two)
    assert steps(learned) == [task("A")]
    reasons = [
        "step 2 (task): not all of them say its if",
        "step 3 (task): they differ in its as, and the events do not say why",
        "step 4 (invoke): they differ in its arguments, and the events do not say why",
    ]
    assert learned.left_out == [f"Dana's {reason}" for reason in reasons * 2]


async def test_whose_name_it_is_shows_where_they_differ(database: Database, acme: Caller, jordan: Employee):
    one = shows(task("Tell Ann about Ann"), contact="Ann", host="Ann", level="high", grade="A")
    two = shows(task("Tell Bob about Eve"), contact="Bob", host="Eve", level="low", grade="B")
    assert steps(await learns(database, acme, jordan.id, one, two)) == [task("Tell {contact} about {host}")]
    # What varies in the events and not in the steps is no name of theirs.
    one = shows(task("A high bar"), level="high", grade="A")
    two = shows(task("A high bar"), level="low", grade="B")
    learned = await learns(database, acme, jordan.id, one, two, name="other")
    assert (steps(learned), learned.names) == ([task("A high bar")], [])
    # And where it varies with the event, a single letter is enough.
    one, two = shows(task("Grade A"), grade="A"), shows(task("Grade B"), grade="B")
    assert steps(await learns(database, acme, jordan.id, one, two, name="third")) == [task("Grade {grade}")]


async def test_a_skill_is_learned_with_its_words(database: Database, acme: Caller, jordan: Employee):
    await add(database, acme, jordan.id, skill("join", task("Join {contact} on {platform}")))
    one = shows({"action": "join", "platform": "zoom", "of": "Ann"}, contact="Ann")
    two = shows({"action": "join", "platform": "zoom", "of": "Bob"}, contact="Bob")
    assert steps(await learns(database, acme, jordan.id, one, two)) == [
        {"action": "join", "platform": "zoom", "of": "{contact}"}
    ]
    two = shows({"action": "join", "platform": "meet", "of": "Bob"}, contact="Bob")
    with pytest.raises(InvalidError, match=r"share no step: Dana's step 1 \(join\): they differ in its platform"):
        await learns(database, acme, jordan.id, one, two, name="other")


async def test_when_it_is_to_be_done_may_be_said(database: Database, acme: Caller, jordan: Employee):
    learned = await learns(
        database,
        acme,
        jordan.id,
        shows(task("Call Ann"), contact="Ann"),
        triggers=["lead_replied"],
        goals=["pipeline.coverage"],
        context={"size": "> 5"},
        success="done",
        timeframe="2 weeks",
        description="How Dana greets",
    )
    assert learned.procedure.conditions.to_json() == {
        "triggers": ["lead_replied"],
        "goals": ["pipeline.coverage"],
        "context": [{"size": "> 5"}, "known contact"],
    }
    assert (learned.procedure.steps.success, learned.procedure.steps.timeframe) == ("done", "2 weeks")
    assert learned.procedure.description == "How Dana greets"


# Episodes


async def remembers(
    database: Database, caller: Caller, employee: UUID, content: dict[str, JsonValue], *, tainted: bool = False
) -> str:
    async with database.write(caller) as tx:
        episode = await episodic.record(
            tx, employee=employee, description="Seen", content=EpisodeContent.parse(content), tainted=tainted
        )
    return str(episode.id)


async def test_what_episodes_record_is_learned_in_the_order_in_which_it_happened(
    database: Database, acme: Caller, jordan: Employee
):
    first = await remembers(database, acme, jordan.id, {"step": task("Call")})
    second = await remembers(database, acme, jordan.id, {"step": {"action": "note", "text": "Called"}})
    learned = await learns(
        database, acme, jordan.id, {"by": "Dana", "episodes": [second, first]}, triggers=["contact_met"]
    )
    assert [step["action"] for step in steps(learned)] == ["task", "note"]
    shown = cast("list[dict[str, JsonValue]]", learned.procedure.metadata["demonstrations"])
    assert shown == [{"by": "Dana", "event": None, "steps": 2, "episodes": [second, first]}]


async def test_an_episode_from_outside_of_another_or_without_a_step_teaches_nothing(
    database: Database, acme: Caller, rival: Caller, jordan: Employee
):
    outside = await remembers(database, acme, jordan.id, {"step": task("Pay")}, tainted=True)
    plain = await remembers(database, acme, jordan.id, {"body": "Hello"})
    forgotten = await remembers(database, acme, jordan.id, {"step": task("Call")})
    async with database.write(acme) as tx:
        await tx.execute(FORGET, employee=jordan.id, id=UUID(forgotten))
    casey, kim = await an_employee(database, acme, name="Casey"), await an_employee(database, rival, name="Kim")
    others = [
        await remembers(database, acme, casey.id, {"step": task("Call")}),
        await remembers(database, rival, kim.id, {"step": task("Call")}),
        forgotten,
        str(an_id(1)),
    ]
    for episode, kind, sentence in (
        (outside, InvalidError, "came from outside: nobody was seen to do what it says"),
        (plain, InvalidError, "records no step: its content has no step"),
        *((other, NotFoundError, f"there is no episode {other}") for other in others),
    ):
        with pytest.raises(kind, match=sentence):
            await learns(database, acme, jordan.id, {"by": "Dana", "episodes": [episode]}, triggers=["go"])
    assert await held(database, acme, jordan.id) == []


# What can't be learned


NOT_LEARNED: list[tuple[list[Seen], str]] = [
    ([], "a playbook is learned from 1 to 20 demonstrations"),
    ([shows(task("A"))] * 21, "a playbook is learned from 1 to 20 demonstrations"),
    ([shows()], r"demonstration 1 \(Dana\) shows no step"),
    ([{"by": "Dana", "episodes": []}], r"demonstration 1 \(Dana\) shows no step"),
    (
        [shows(task("A")), shows(task("A"), {"action": "bow"}, by="Eve")],
        r"demonstration 2 \(Eve\), step 2: bow is neither an action nor a skill",
    ),
    ([shows({"title": "A"})], r"demonstration 1 \(Dana\), step 1: a step is an object with an action"),
    ([shows(task("A", after=[1]))], r"step 1: what was seen has its order, and takes no after"),
    ([shows(*[task("A")] * 101)], r"has 101 steps, but at most 100 are allowed"),
    (
        [shows(task("A")), shows({"action": "note", "text": "B"})],
        r"the demonstrations share no step: Dana's step 1 \(task\): it is not in every demonstration",
    ),
    (
        [shows(task("Ring Al")), shows(task("Call Bo"), by="Eve")],
        r"the demonstrations share no step: Dana's step 1 \(task\): they differ in its title, and the events do not say why",
    ),
    ([shows({"action": "task"})], "greet: step 1: task needs title"),
    (
        [shows({"action": "veto", "playbook": "x"})],
        "greet: step 1: veto is for skills|veto is for heuristics alone",
    ),
    ([{"by": "Dana", "steps": [task("A")]}], "greet: nothing starts it"),
    ([{"by": "", "steps": []}], "the lesson: demonstrations.1.by: "),
    ([{"by": "Dana"}], "the lesson: demonstrations.1: must have steps or episodes, and not both"),
    ([{"by": "Dana", "steps": [], "mood": 1}], "the lesson: demonstrations.1.mood: "),
]


@pytest.mark.parametrize(("demonstrations", "sentence"), NOT_LEARNED, ids=str)
async def test_what_can_not_be_learned_is_said_in_one_sentence(
    database: Database, acme: Caller, jordan: Employee, demonstrations: Sequence[Seen], sentence: str
):
    with pytest.raises(InvalidError, match=f"^.*{sentence}") as refusal:
        await learns(database, acme, jordan.id, *demonstrations)
    assert len(str(refusal.value).splitlines()) == 1
    assert await held(database, acme, jordan.id) == []


async def test_one_of_the_same_name_is_not_silently_replaced(database: Database, acme: Caller, jordan: Employee):
    (there,) = await add(database, acme, jordan.id, playbook("greet"))
    with pytest.raises(ConflictError, match="there is a playbook greet already; replace it, or choose another name"):
        await learns(database, acme, jordan.id, shows(task("A")))
    assert await held(database, acme, jordan.id) == [there]
    learned = await learns(database, acme, jordan.id, shows(task("A")), replace=True)
    assert (learned.procedure.id, learned.procedure.version) == (there.id, 2)
    assert (learned.procedure.standing, learned.procedure.learned_from) == ("trial", "human_demonstration")
    assert learned.procedure.metadata["demonstrations"] == [
        {"by": "Dana", "event": "contact_met", "steps": 1, "episodes": []}
    ]
    # Whoever is told how to do it later was not shown it.
    (told,) = await add(database, acme, jordan.id, playbook("greet"), replace=True)
    assert (told.standing, told.learned_from, told.metadata) == ("established", "instruction", {})


async def test_people_show_and_who_told_it_is_kept(database: Database, acme: Caller, rival: Caller, jordan: Employee):
    with pytest.raises(ForbiddenError, match="people say what was shown to an employee, not the employee"):
        async with database.work(Caller(acme.tenant, employee=jordan.id)) as tx:
            await learn_from_demonstrations(
                tx, employee=jordan.id, lesson=Lesson.parse({"name": "greet", "demonstrations": [shows(task("A"))]})
            )
    async with database.write(acme) as tx:
        mia = await users.invite(tx, email="mia@acme.example", name="Mia", role="manager")
        uma = await users.invite(tx, email="uma@acme.example", name="Uma", role="user")
    learned = await learns(database, Caller(acme.tenant, user=mia.id), jordan.id, shows(task("A")))
    assert learned.procedure.metadata["told_by"] == str(mia.id)
    for nobody in (Caller(acme.tenant, user=uma.id), rival):
        with pytest.raises((ForbiddenError, NotFoundError)):
            await learns(database, nobody, jordan.id, shows(task("A")), name="other")
