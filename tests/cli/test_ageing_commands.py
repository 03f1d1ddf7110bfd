"""`empla memory importance | forget | consolidate`, and the same words of the handle."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from empla.app import App, EmployeeHandle
from empla.storage import opening

if TYPE_CHECKING:
    from conftest import Run

    from empla.settings import Settings

JORDAN = "jordan@acme.example"


@pytest.fixture
def where(empla: "Run", slug: str) -> tuple[str, ...]:
    """Jordan, of a fresh tenant, and a user beside."""
    hire = ("employee", "hire", "--tenant", slug, "--name", "Jordan", "--role", "pm", "--email", JORDAN)
    assert empla(*hire).code == 0
    assert empla("user", "invite", "u@acme.example", "--tenant", slug, "--name", "U", "--role", "user").code == 0
    assert empla("employee", "assign", JORDAN, "--to", "u@acme.example", "--tenant", slug).code == 0
    return ("--tenant", slug)


def on_jordan(settings: "Settings", slug: str, what: Callable[[EmployeeHandle], Awaitable[Any]]) -> Any:
    """By the Python library."""

    async def run() -> Any:
        async with opening.opened(settings) as database, App(database).tenant(slug) as acme:
            return await what(await acme.employees.get(JORDAN))

    return asyncio.run(run())


async def lived(jordan: EmployeeHandle) -> list[str]:
    """Two calls that tell the same, and three about the price."""
    said = ["Jane is angry", "Jane is angry", *(f"Jane spoke of the price, {part}" for part in ("dear", "fair", "low"))]
    return [
        str(
            (
                await jordan.memory.record(
                    each, participants=["jane@x.example"], content={"intent": "price"} if "price" in each else {}
                )
            ).id
        )
        for each in said
    ]


def test_what_an_episode_weighs_is_told(empla: "Run", where: tuple[str, ...], settings: "Settings"):
    [first, *_] = on_jordan(settings, where[1], lived)
    said = empla("memory", "importance", "--employee", JORDAN, first, *where)
    assert said.out.splitlines()[:3] == [
        "importance 0.57",
        "  0.45  for what it is: interaction",
        "  0.12  for how it moves people: angri",
    ], said.err
    assert empla("memory", "importance", "--employee", JORDAN, first, *where, "--json").json["parts"]["emotion"] == 0.5
    assert empla("memory", "importance", "--employee", JORDAN, str(uuid4()), *where).code == 3


def test_consolidation_says_first_what_it_would_do(empla: "Run", where: tuple[str, ...], settings: "Settings"):
    on_jordan(settings, where[1], lived)
    would = empla("memory", "consolidate", "--employee", JORDAN, *where, "--dry-run")
    assert would.out.splitlines() == [
        "1 episode would be merged, 1 fact would be learned or reinforced",
        "  2 times: Jane is angry",
        "  jane@x.example often_about price: 3 times",
    ], would.err
    asked = empla("memory", "consolidate", "--employee", JORDAN, *where, "--user", "u@acme.example")
    assert (asked.code, asked.err) == (5, "empla: the caller's role does not allow this\n")
    done = empla("memory", "consolidate", "--employee", JORDAN, *where)
    assert done.out == would.out.replace("would be", "were")
    assert empla("memory", "consolidate", "--employee", JORDAN, *where, "--json").json == {
        "dry_run": False,
        "merges": [],
        "facts": [],
        "learned": [],
        "more": False,
    }
    assert len(empla("facts", *where, "--employee", JORDAN, "--json").json) == 1
    assert (
        empla("memory", "consolidate", "--employee", JORDAN, *where, "--user", "u@acme.example").code == 0
    )  # nothing to do


def test_what_is_forgotten_is_listed_no_more(empla: "Run", where: tuple[str, ...], settings: "Settings"):
    ids = on_jordan(settings, where[1], lived)
    assert empla("memory", "forget", "--employee", JORDAN, *where).code == 2
    refused = empla("memory", "forget", "--employee", JORDAN, ids[0], *where, "--user", "u@acme.example")
    assert (refused.code, refused.err) == (5, "empla: people alone make an employee forget\n")
    assert empla("memory", "forget", "--employee", JORDAN, *ids[:2], *where).out == "Jordan has forgotten 2 episodes\n"
    assert empla("memory", "forget", "--employee", JORDAN, ids[2], *where, "--json").json == {"forgotten": [ids[2]]}
    assert len(empla("episodes", *where, "--employee", JORDAN, "--json").json) == 2
    assert empla("memory", "forget", "--employee", JORDAN, str(uuid4()), *where).code == 3


def test_a_program_says_the_same(where: tuple[str, ...], settings: "Settings"):
    async def use(jordan: EmployeeHandle) -> None:
        ids = [episode.id for episode in reversed(await jordan.memory.latest())]
        assert str(await jordan.memory.importance(ids[0])).startswith("importance 0.57")
        assert (await jordan.memory.consolidate(dry_run=True)).merged == 1
        assert (await jordan.memory.consolidate()).merged == 1
        assert await jordan.memory.forget(ids[1:2]) == sorted(ids[:2])
        assert await jordan.memory.forget([]) == []

    on_jordan(settings, where[1], lived)
    on_jordan(settings, where[1], use)
