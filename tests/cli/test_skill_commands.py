"""`empla playbook applicable`, `empla playbook learn` and `empla memory working`: what applies, what was shown, what is in hand."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import empla as package
from empla.memory import working
from empla.memory.shapes import WorkingContent
from empla.settings import Settings

if TYPE_CHECKING:
    from conftest import Run

SHOWN = """\
description: How Dana greets whoever is new.
demonstrations:
- by: Dana
  event: {kind: contact_met, content: {contact: Ann Lee, account: Hilltop Foods}}
  steps:
  - {action: draft, to: Ann Lee, text: "Dear Ann Lee, welcome"}
  - {action: task, title: Call Hilltop Foods, due: 3 days}
- by: Eve
  event: {kind: contact_met, content: {contact: Bob, account: Acme}}
  steps:
  - {action: note, text: Bob is new}
  - {action: draft, to: Bob, text: "Dear Bob, welcome"}
  - {action: task, title: Call Acme, due: 1 week}
"""


@pytest.fixture
def quinn(empla: "Run", slug: str) -> tuple[str, ...]:
    """The options that name a fresh employee without a playbook."""
    said = empla(
        *("employee", "hire", "--tenant", slug, "--name", "Quinn", "--role", "custom"), "--email", "q@acme.example"
    )
    assert said.code == 0, said.err
    return "--tenant", slug, "--employee", "q@acme.example"


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    file = tmp_path / "shown.yaml"
    file.write_text(SHOWN)
    return file


def test_what_was_shown_is_learned_and_told(empla: "Run", quinn: tuple[str, ...], shown: Path):
    said = empla("playbook", "learn", "greet", "--from", str(shown), *quinn)
    assert said.out.splitlines() == [
        "Quinn has learned this, and has it on trial:",
        "",
        "greet",
        "How Dana greets whoever is new.",
        "",
        "It starts when contact_met comes due.",
        "Only if known account and known contact.",
        "  1. Draft to {contact}: “Dear {contact}, welcome” Needs: email.",
        "  2. Task: Call {account}.",
        "It has succeeded when its steps are done.",
        "",
        "Not in it:",
        "  step 2 (task): they differ in its due, and the events do not say why",
        "  Eve's step 1 (note): it is not in every demonstration",
    ]
    lines = empla("playbook", "show", "greet", *quinn).out.splitlines()
    assert lines[-2] == "Version 1, trial; it was not carried out yet."
    assert lines[-1].startswith("It was shown 2 times, by Dana, Eve; told on 20")
    again = empla("playbook", "learn", "greet", "--from", str(shown), *quinn)
    assert (again.code, again.err) == (
        4,
        "empla: there is a playbook greet already; replace it, or choose another name\n",
    )
    replaced = empla("playbook", "learn", "greet", "--from", str(shown), *quinn, "--replace", "--json").json
    assert (replaced["procedure"]["version"], replaced["names"]) == (2, ["account", "contact"])
    assert replaced["procedure"]["learned_from"] == "human_demonstration"


@pytest.mark.parametrize(
    ("written", "code", "sentence"),
    [
        (None, 3, "can't be read: no such file or directory"),
        ("- a", 6, "a lesson holds demonstrations, and may hold triggers, goals, context and success"),
        ("a: 1\na: 2\n", 6, ":2: "),
        ("demonstrations: [", 6, ":2: this is not YAML"),
        ("demonstrations: []", 6, "a playbook is learned from 1 to 20 demonstrations"),
        ("triggers: [x]", 6, "the lesson: demonstrations is missing"),
        ("x" * 300_000, 6, "has more than the 262,144 bytes that are allowed"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_file_that_teaches_nothing_says_why(
    empla: "Run", quinn: tuple[str, ...], shown: Path, written: str | None, code: int, sentence: str
):
    if written is None:
        shown.unlink()
    else:
        shown.write_text(written)
    said = empla("playbook", "learn", "greet", "--from", str(shown), *quinn)
    assert (said.code, len(said.err.splitlines())) == (code, 1)
    assert sentence in said.err


def test_what_applies_is_told_with_its_score_or_the_reason(empla: "Run", quinn: tuple[str, ...], shown: Path):
    assert empla("playbook", "learn", "greet", "--from", str(shown), *quinn).code == 0
    asked = ("playbook", "applicable", *quinn, "--event", "contact_met")
    assert empla(*asked).out.splitlines() == [
        "Quinn, when contact_met comes",
        "",
        "What does not:",
        "  greet: the employee lacks the capability email",
    ]
    (found,) = empla(*asked, "--content", '{"contact": "Ann", "account": "Acme"}', "--json").json["playbooks"]
    assert {key: found[key] for key in ("playbook", "refused", "standing", "held", "stated", "match")} == {
        "playbook": "greet",
        "refused": "the employee lacks the capability email",
        "standing": "trial",
        "held": 2,
        "stated": 2,
        "match": 0.6667,
    }
    supposed = empla("playbook", "applicable", *quinn, "--metric", "a.b", "--unknown", "--suppose", '{"a.b": 1}')
    assert supposed.out.splitlines() == [
        "Quinn, when a.b is not known; supposing that a.b is 1",
        "",
        "Quinn knows no playbook about it.",
    ]
    assert empla(*asked, "--content", "[]").err == "empla: --content must be an object, such as {}\n"
    assert empla(*asked, "--content", "{").code == 6


def test_what_is_in_hand_is_told_within_a_budget(empla: "Run", quinn: tuple[str, ...], settings: Settings):
    hand = ("memory", "working", *quinn)
    assert empla(*hand).out == "Quinn has nothing in hand\n"

    async def takes(task: str, *, pinned: bool) -> None:
        async with package.open(settings) as app, app.tenant(quinn[1]) as acme:
            person = await acme.employees.get(quinn[3])
            async with app.database.write(acme._caller) as tx:  # pyright: ignore[reportPrivateUsage]
                await working.hold(
                    tx,
                    employee=person.id,
                    context_type="scratchpad",
                    content=WorkingContent.parse({"task": task}),
                    pinned=pinned,
                )
            assert (await person.memory.working.render(budget=50)).shown == len(await person.memory.working.in_hand())

    asyncio.run(takes("Call Ann", pinned=False))
    asyncio.run(takes("Be kind", pinned=True))
    assert empla(*hand).out == "scratchpad: Be kind\nscratchpad: Call Ann\n"
    assert empla(*hand, "--budget", "10").out == "scratchpad: Be kind\n\n(1 more, which 10 tokens do not hold)\n"
    assert empla(*hand, "--budget", "2").out == "(none of 2 fits into 2 tokens)\n"
    assert empla(*hand, "--budget", "2", "--json").json == {
        "text": "",
        "tokens": 0,
        "budget": 2,
        "shown": 0,
        "shortened": 0,
        "left_out": 2,
    }
    assert empla(*hand, "--budget", "0").code == 2
