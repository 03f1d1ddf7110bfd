"""`empla conflicts`: what a person has to settle, and how it is settled."""

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

import empla as library
from empla.settings import Settings

if TYPE_CHECKING:
    from conftest import Run

JORDAN = "jordan@acme.example"


@pytest.fixture
def disputed(empla: "Run", slug: str, settings: Settings) -> str:
    """A tenant whose Jordan was told one thing and guesses another, twice."""
    hire = ("employee", "hire", "--tenant", slug, "--name", "Jordan", "--role", "pm", "--email", JORDAN)
    assert empla(*hire).code == 0
    for role in ("manager", "user"):
        mail = f"{role}@acme.example"
        assert empla("user", "invite", mail, "--tenant", slug, "--name", role.title(), "--role", role).code == 0

    async def dispute() -> None:
        async with library.open(settings) as app, app.tenant(slug) as here:
            jordan = await here.employees.get(JORDAN)
            await jordan.assign("user@acme.example")
            await jordan.beliefs.observe("acme", "budget", "frozen", source="told_by_human")
            for _ in range(2):
                await jordan.beliefs.observe("acme", "budget", "approved", source="inference")

    asyncio.run(dispute())
    return slug


def an_open_one(empla: "Run", slug: str) -> str:
    (conflict,) = empla("conflicts", "--tenant", slug, "--json").json
    return conflict["id"]


def test_open_conflicts_are_listed(empla: "Run", disputed: str):
    (conflict,) = empla("conflicts", "--tenant", disputed, "--json").json
    assert (conflict["held"], conflict["claimed"], conflict["times"], conflict["status"]) == (
        "frozen",
        "approved",
        2,
        "open",
    )
    said = empla("conflicts", "--tenant", disputed, "--employee", JORDAN).out
    assert said.startswith("1 open conflict\n")
    assert " ".join(said.splitlines()[-1].split()[1:-1]) == f'{JORDAN} acme.budget "frozen" "approved" inference 2'
    assert empla("conflicts", "--tenant", disputed, "--status", "kept", "--json").json == []
    assert empla("conflicts", "--tenant", disputed, "--employee", "nobody@acme.example").code == 3


def test_one_is_settled_once_with_a_reason(empla: "Run", disputed: str):
    found = an_open_one(empla, disputed)
    settle = ("conflicts", "resolve", found, "--tenant", disputed, "--reason", "I called them")
    kept = empla(*settle, "--keep", "--as-user", "manager@acme.example")
    assert kept.out == 'acme.budget stays "frozen": "approved" is refused\n', kept.err
    again = empla(*settle, "--overturn")
    assert (again.code, again.err) == (4, "empla: this conflict is kept already\n")
    (conflict,) = empla("conflicts", "--tenant", disputed, "--status", "kept", "--json").json
    assert (conflict["reason"], conflict["resolved_by_type"]) == ("I called them", "user")


def test_an_overturned_one_is_believed(empla: "Run", disputed: str):
    found = an_open_one(empla, disputed)
    settle = ("conflicts", "resolve", found, "--tenant", disputed, "--reason", "I called them", "--overturn")
    assert empla(*settle).out == 'acme.budget is "approved" from now on, no more "frozen"\n'
    (belief,) = empla("beliefs", "--tenant", disputed, "--employee", JORDAN, "--json").json
    assert (belief["object"], belief["source"]) == ("approved", "told_by_human")


def test_who_may_not_and_what_is_wrong_is_said(empla: "Run", disputed: str):
    found = an_open_one(empla, disputed)
    settle = ("conflicts", "resolve", found, "--tenant", disputed, "--reason", "no")
    assert empla(*settle, "--keep", "--user", "user@acme.example").code == 5
    for wrong in ((), ("--keep", "--overturn")):
        said = empla(*settle, *wrong)
        assert (said.code, said.err) == (2, "empla: say how to settle it: --keep or --overturn\n")
    assert empla("conflicts", "resolve", found, "--tenant", disputed, "--keep").code == 2
    assert empla("conflicts", "resolve", str(uuid4()), "--tenant", disputed, "--keep", "--reason", "no").code == 3
    assert empla("conflicts", "resolve", found, "--tenant", disputed, "--keep", "--reason", " ").code == 6
    assert an_open_one(empla, disputed) == found
