"""The table of actions, and how a step calls a skill."""

from datetime import UTC, datetime
from typing import Any

import pytest

from empla.conditions import View, render
from empla.employees.capabilities import KNOWN, OF_ROLE
from empla.errors import InvalidError
from empla.memory.actions import ACTIONS, OF_EVERY_STEP, call, with_arguments
from empla.memory.playbook import Playbook
from empla.memory.shapes import Step


def step(**keys: Any) -> Step:
    return Step.parse(keys)


def playbook(name: str, *steps: dict[str, Any], **keys: Any) -> Playbook:
    return Playbook.of({"name": name, "description": name, "steps": list(steps), **keys})


JOIN = playbook(
    "join_call", {"action": "task", "title": "Join {account} on {platform}", "capability": "calendar"}, type="skill"
)
QUESTIONS = playbook(
    "prepare_questions",
    {"action": "note", "title": "Questions", "template": "bant", "if": "known account"},
    type="skill",
    templates={"bant": "Budget?", "open": "What annoys you?"},
)


def test_a_capability_of_the_table_or_of_a_role_is_one_that_is_known():
    named = {action.capability for action in ACTIONS.values() if action.capability}
    assert named | {capability for held in OF_ROLE.values() for capability in held} <= KNOWN.keys()


def test_no_parameter_hides_a_key_of_every_step_but_those_that_are_meant():
    shared = {name for action in ACTIONS.values() for name in action.parameters()} & OF_EVERY_STEP
    assert shared == {"template", "criteria", "timeout", "capability"}


def test_an_action_is_called_as_it_is():
    made = call(step(action="draft", to="Jane", text="Hello"))
    assert made is not None
    assert (made.action, made.skill, made.capability) == (ACTIONS["draft"], None, "email")
    named = call(step(action="draft", to="Jane", text="Hello", capability="chat"))
    assert named is not None
    assert named.capability == "chat"


def test_what_is_neither_an_action_nor_a_skill_is_no_call():
    assert call(step(action="dance")) is None
    assert call(step(action="dance"), skill=step(action="sing")) is None


def test_the_callers_keys_come_on_top_of_the_skills():
    made = call(
        step(action="join_call", platform="zoom", title="Be there", **{"as": "joined", "step": 3, "after": [1]}),
        skill=step(action="task", title="Join", due="1d", step=1, **{"as": "was_there"}),
    )
    assert made is not None
    assert made.skill == "join_call"
    assert made.step.to_json() == {
        "action": "task",
        "title": "Be there",
        "due": "1d",
        "as": "joined",
        "platform": "zoom",
        "step": 3,
        "after": [1],
    }


def test_a_skill_is_no_place_in_a_procedure():
    made = call(step(action="x"), skill=step(action="task", title="Join", step=1, after=[]))
    assert made is not None
    assert made.step.to_json() == {"action": "task", "title": "Join"}


def test_both_conditions_must_hold():
    made = call(step(action="x", **{"if": "a"}), skill=step(action="note", text="Hm", **{"if": "b"}))
    assert made is not None
    assert made.step.only_if == ["b", "a"]
    own = call(step(action="x"), skill=step(action="note", text="Hm", **{"if": "b"}))
    assert own is not None
    assert own.step.only_if == "b"


def test_the_callers_template_takes_the_place_of_the_skills_text():
    made = call(step(action="x", template="open"), skill=step(action="note", text="Hm"))
    assert made is not None
    assert made.step.to_json() == {"action": "note", "template": "open"}


CALLER = playbook("discovery", {"action": "x"}, triggers=["call"], templates={"open": "Own words"})


@pytest.mark.parametrize(
    ("asked", "skill", "definition"),
    [
        ({"action": "note", "text": "Hm"}, None, {"action": "note", "text": "Hm"}),
        ({"action": "note", "template": "open"}, None, {"action": "note", "template": "open", "text": "Own words"}),
        (
            {"action": "prepare_questions"},
            QUESTIONS,
            {
                "action": "note",
                "title": "Questions",
                "template": "bant",
                "if": "known account",
                "text": "Budget?",
                "skill": "prepare_questions",
            },
        ),
        (
            {"action": "prepare_questions", "template": "open"},
            QUESTIONS,
            {
                "action": "note",
                "title": "Questions",
                "if": "known account",
                "template": "open",
                "text": "Own words",
                "skill": "prepare_questions",
            },
        ),
    ],
)
def test_a_step_is_resolved_to_an_action_with_its_text(
    asked: dict[str, Any], skill: Playbook | None, definition: dict[str, Any]
):
    assert CALLER.resolved(step(**asked), skill) == definition


@pytest.mark.parametrize(
    ("asked", "skill", "sentence"),
    [
        ({"action": "dance"}, None, "dance is neither an action nor a skill"),
        ({"action": "dance"}, CALLER, "dance is neither an action nor a skill"),
        ({"action": "note", "template": "bant"}, None, "there is no template bant"),
        ({"action": "prepare_questions", "template": "spin"}, QUESTIONS, "there is no template spin"),
    ],
)
def test_what_can_not_be_resolved_is_refused(asked: dict[str, Any], skill: Playbook | None, sentence: str):
    with pytest.raises(InvalidError) as refusal:
        CALLER.resolved(step(**asked), skill)
    assert str(refusal.value) == sentence


def test_a_skills_text_speaks_of_what_its_caller_said():
    view = View({"account": "Acme", "platform": "the phone", "who": "Jane"}, {}, datetime(2026, 1, 1, tzinfo=UTC))
    definition = CALLER.resolved(
        step(action="join_call", platform="zoom, for {who}", questions=["price", "{who}"], duration="10m"), JOIN
    )
    seen = with_arguments(view, definition)
    assert render(str(definition["title"]), seen) == "Join Acme on zoom, for Jane"
    assert seen.bindings == {
        "account": "Acme",
        "platform": "zoom, for Jane",
        "who": "Jane",
        "questions": ["price", "Jane"],
        "duration": "10m",
    }
    assert with_arguments(view, {"action": "task", "title": "x", "platform": "zoom"}) is view
