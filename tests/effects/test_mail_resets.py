"""Whoever has forgotten a password gets a link by mail, and nobody else does: no admin through his account."""

import email.policy
import re
from email import message_from_bytes
from typing import Any

import pytest
from insider import PASSWORD, Person, a_house, a_person, cheap, with_keys
from mail_servers import Inbox, honest
from pydantic import SecretStr
from structlog.testing import capture_logs

from empla.access import links
from empla.access.links import Delivery
from empla.effects import integrations
from empla.errors import UnauthorizedError, UsageError
from empla.mind import mail_resets
from empla.mind.mail_resets import NOTHING_CARRIES_IT, installation, mail_reset
from empla.settings import Settings
from empla.storage.database import Database
from empla.tenancy.users import Role

NEW = "another horse battery"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap(monkeypatch)
    monkeypatch.setattr(mail_resets, "BEGINS_WITHIN", (0.0, 0.0))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return with_keys(settings)


async def forgets(person: Person, **changed: object) -> list[str]:
    """Everything that was logged when the person has asked."""
    database = person.database
    database.settings = database.settings.model_copy(update=changed)

    async def deliver(delivery: Delivery) -> None:
        await mail_reset(database, delivery)

    with capture_logs() as logged:
        await links.request_reset(database, slug=person.slug, email=person.email, deliver=deliver)
        await database.settled()
    assert "emplal_" not in str(logged)
    return [entry["event"] for entry in logged if entry["log_level"] == "warning"]


def told(inbox: Inbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for envelope in inbox.envelopes:
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=email.policy.default)
        found.append(
            {"from": message["From"].addresses[0].addr_spec, "to": envelope.rcpt_tos, "text": message.get_content()}
        )
    return found


async def one(database: Database, role: Role = "user") -> Person:
    return await a_person(database, await a_house(database), role)


def ours(port: int, **more: object) -> dict[str, object]:
    return {"mail_url": SecretStr(f"smtp://127.0.0.1:{port}"), "mail_from": "empla@host.example", **more}


async def connects(person: Person, port: int, **settings: object) -> None:
    async with person.database.write(person.operator) as tx:
        account = {"host": "127.0.0.1", "port": port, "tls": "none", **settings}
        await integrations.connect(tx, name="mail", capability="email", kind="smtp", settings=account)


async def test_a_link_reaches_its_owner_and_sets_another_password(database: Database):
    dana = await one(database)
    inbox = Inbox()
    async with honest(inbox) as port:
        assert await forgets(dana, **ours(port)) == []
        assert await forgets(dana, link_url="https://app.acme.example/password") == []
    first, second = told(inbox)
    assert (first["from"], first["to"]) == ("empla@host.example", [dana.email])
    assert "Hello Dana," in first["text"]
    [token] = re.findall(r"https://app\.acme\.example/password#(emplal_\S+)", second["text"])
    await links.accept(database, token, password=NEW)
    await dana.sign_in(NEW)
    with pytest.raises(UnauthorizedError):
        await dana.sign_in(PASSWORD)


async def test_nobody_s_mailbox_is_written_to_for_whom_nobody_knows(database: Database):
    dana = await one(database)
    inbox = Inbox()
    async with honest(inbox) as port:
        nobody = Person(database, dana.tenant, dana.slug, dana.id, f"x{dana.email}")
        assert await forgets(nobody, **ours(port)) == []
    assert inbox.envelopes == []


async def test_a_tenant_s_own_account_carries_it_but_never_an_admin_s(database: Database):
    dana, ada = await one(database), await one(database, "admin")
    inbox, stranger = Inbox(), Inbox()
    async with honest(inbox) as port, honest(stranger) as elsewhere:
        for person in (dana, ada):
            await connects(person, port, from_address="post@acme.example")
        rival = await one(database)
        await connects(rival, elsewhere, from_address="post@rival.example")
        assert await forgets(dana, reach_private=True) == []
        assert await forgets(ada) == [NOTHING_CARRIES_IT]
    [mail] = told(inbox)
    assert (mail["from"], mail["to"]) == ("post@acme.example", [dana.email])
    assert stranger.envelopes == []


async def test_where_nothing_carries_it_the_log_says_so_once(database: Database):
    dana = await one(database)
    assert await forgets(dana) == [NOTHING_CARRIES_IT]
    assert await forgets(dana) == []


async def test_what_the_server_refuses_is_logged_without_the_link(database: Database):
    dana = await one(database)
    async with honest(Inbox(refuses=(dana.email,))) as port:
        assert await forgets(dana, **ours(port)) == ["a link was not mailed"]
    assert await forgets(dana) == ["a link was not mailed"]  # nobody is there any more


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("mail.acme.example", "empla@acme.example"),
        ("https://mail.acme.example", "empla@acme.example"),
        ("smtp://", "empla@acme.example"),
        ("smtp://mail.acme.example:99999", "empla@acme.example"),
        ("smtp://dana@mail.acme.example", "empla@acme.example"),
        ("smtps://mail.acme.example/inbox", "empla@acme.example"),
        ("smtps://mail.acme.example", None),
        ("smtps://mail.acme.example", "empla"),
    ],
)
def test_an_address_that_is_none_is_refused_at_once(settings: Settings, url: str, sender: str | None):
    with pytest.raises(UsageError) as refused:
        installation(settings.model_copy(update={"mail_url": SecretStr(url), "mail_from": sender}))
    assert "dana@" not in str(refused.value)


def test_an_address_with_a_login_is_read(settings: Settings):
    url = SecretStr("smtps://dana%40acme.example:p%2Fw@mail.acme.example")
    found = installation(settings.model_copy(update={"mail_url": url, "mail_from": "empla@acme.example"}))
    assert found is not None
    assert found.address == "empla@acme.example"
    assert installation(settings) is None
