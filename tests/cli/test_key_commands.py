"""Keys and passwords on the command line: what is secret is never an argument, and is shown once."""

import asyncio
import io
import sys
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from insider import with_keys

from empla.access import doors, links, sign_ins
from empla.access.sign_ins import Tokens
from empla.settings import Settings
from empla.storage import opening

if TYPE_CHECKING:
    from tests.cli.conftest import Run

PASSWORD = "correct horse battery"


@pytest.fixture
def slug(empla: "Run") -> str:
    """A fresh tenant with an admin."""
    name = f"t-{uuid4().hex[:12]}"
    assert empla("tenant", "create", name, "--name", "Acme").code == 0
    assert empla("user", "invite", "ada@acme.example", "--tenant", name, "--name", "Ada", "--role", "admin").code == 0
    return name


async def role_of(settings: Settings, text: str) -> str:
    async with (
        opening.opened(settings) as database,
        database.read((await doors.by_token(database, text)).caller) as tx,
    ):
        return tx.role


def test_a_key_is_made_shown_once_and_revoked(empla: "Run", slug: str, settings: Settings):
    said = empla(
        "key",
        "create",
        "CRM feed",
        "--tenant",
        slug,
        "--service",
        "crm",
        "--role",
        "manager",
        "--scope",
        "read",
        "--days",
        "30",
    )
    text = said.out.strip()
    assert text.startswith("empla_")
    assert asyncio.run(role_of(settings, text)) == "manager"
    [listed] = empla("key", "list", "--tenant", slug, "--json").json
    assert (listed["name"], listed["scopes"], listed["prefix"]) == ("CRM feed", ["read"], text[:14])
    assert text not in empla("key", "list", "--tenant", slug).out
    assert empla("key", "revoke", text[:14], "--tenant", slug).code == 0
    assert empla("key", "revoke", text[:14], "--tenant", slug).code == 3
    assert "there is no key" in empla("key", "list", "--tenant", slug).out
    again = empla(
        "key", "create", "CRM", "--tenant", slug, "--service", "crm", "--scope", "read", "--scope", "observations:write"
    )
    assert asyncio.run(role_of(settings, again.out.strip())) == "manager"


def test_a_key_has_an_owner(empla: "Run", slug: str):
    said = empla("key", "create", "CI", "--tenant", slug, "--scope", "read")
    assert (said.code, said.out) == (2, "")
    assert "say whose key it is" in said.err
    assert empla("key", "create", "CI", "--tenant", slug, "--scope", "read", "--for", "ada@acme.example").code == 0
    assert empla("key", "create", "CI", "--tenant", slug, "--scope", "nonsense", "--user", "ada@acme.example").code == 6


def test_a_password_is_read_from_stdin(empla: "Run", slug: str, settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    said = empla("user", "password", "ada@acme.example", "--tenant", slug)
    assert (said.code, PASSWORD in said.out + said.err) == (0, False)

    async def signed_in() -> Tokens:
        async with opening.opened(with_keys(settings)) as database:
            return await sign_ins.sign_in(database, slug=slug, email="ada@acme.example", password=PASSWORD)

    assert asyncio.run(signed_in())
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert empla("user", "password", "ada@acme.example", "--tenant", slug).code == 6


def test_an_invitation_has_a_link(empla: "Run", slug: str, settings: Settings):
    said = empla("user", "invite", "dana@acme.example", "--tenant", slug, "--name", "Dana", "--role", "user", "--link")
    [token] = [line for line in said.out.splitlines() if line.startswith("emplal_")]

    async def looked() -> str:
        async with opening.opened(settings) as database:
            return (await links.look(database, token)).email

    assert asyncio.run(looked()) == "dana@acme.example"
