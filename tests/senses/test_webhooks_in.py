"""Signed webhooks in: what whoever knows the secret signed a moment ago is perceived once; anything else is refused and changes nothing."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any, LiteralString

import pytest
from factories import an_employee
from pydantic import JsonValue, SecretStr

from empla import sealing, signing
from empla.effects import integrations
from empla.employees.employees import Employee
from empla.errors import ForbiddenError, InvalidError
from empla.mind import incoming
from empla.senses import webhooks
from empla.senses.webhooks import Received
from empla.storage.database import Database
from empla.storage.tx import Caller

SECRET = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
NOW = 1_614_265_330
COUNT: LiteralString = "SELECT count(*) FROM observations WHERE tenant_id = %(tenant)s::uuid"


def headers(
    body: bytes, *, webhook_id: str = "msg_1", now: float | None = None, secret: SecretStr = SECRET
) -> dict[str, str]:
    timestamp = str(int(time.time() if now is None else now))
    signed = signing.signature(secret, webhook_id=webhook_id, timestamp=timestamp, body=body)
    return {"Webhook-Id": webhook_id, "Webhook-Timestamp": timestamp, "Webhook-Signature": signed}


async def connected(database: Database, caller: Caller, employee: Employee, **settings: JsonValue) -> None:
    async with database.write(caller) as tx:
        await integrations.connect(
            tx,
            name="billing",
            capability="web",
            kind="webhook_in",
            settings={"employee": employee.email.upper(), **settings},
            secret=SECRET,
        )


async def receive(
    database: Database, caller: Caller, given: dict[str, str], body: bytes, name: str = "billing"
) -> Received:
    async with database.write(caller) as tx:
        return await incoming.receive(tx, integration=name, headers=given, body=body)


async def delivered(database: Database, caller: Caller) -> int:
    async with database.read(caller) as tx:
        return await tx.fetch_value(int, COUNT) or 0


@pytest.fixture
def settings(settings: Any) -> Any:
    return settings.model_copy(update={"secret_keys": SecretStr(sealing.new_key())})


def test_the_signature_is_that_of_the_standard():
    """The example of the standard's own libraries."""
    body = b'{"test": 2432232314}'
    found = signing.signature(SECRET, webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=str(NOW), body=body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    text = f"msg_p5jXN8AQM9LWM0D4loKWxJek.{NOW}.".encode() + body
    key = base64.b64decode(SECRET.get_secret_value().removeprefix("whsec_"))
    assert found == "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


async def test_a_delivery_is_an_observation_once(database: Database, acme: Caller, rival: Caller):
    jordan = await an_employee(database, acme)
    await connected(database, acme, jordan)
    body = json.dumps({"type": "invoice.paid", "description": "Acme has paid", "data": {"total": 3}}).encode()
    first = await receive(database, acme, headers(body), body)
    again = await receive(database, acme, headers(body, now=time.time() - 60), body)
    assert (first.is_new, again.is_new) == (True, False)
    assert first.model_copy(update={"is_new": False}) == again
    assert first.employee_id == jordan.id
    assert (await delivered(database, acme), await delivered(database, rival)) == (1, 0)
    other = await receive(database, acme, headers(body, webhook_id="msg_2"), body)
    assert other.is_new


@pytest.mark.parametrize("trusted", [False, True])
async def test_what_comes_is_tainted_unless_its_sender_is_the_companys_own(
    database: Database, acme: Caller, *, trusted: bool
):
    jordan = await an_employee(database, acme)
    await connected(database, acme, jordan, trusted=trusted, event="paid")
    await receive(database, acme, headers(b"{}"), b"{}")
    async with database.read(acme) as tx:
        query: LiteralString = (
            "SELECT kind || ' ' || tainted || ' ' || source FROM observations WHERE tenant_id = %(tenant)s::uuid"
        )
        assert await tx.fetch_value(str, query) == f"paid {'false' if trusted else 'true'} webhook-billing"


def wrong() -> dict[str, dict[str, str]]:
    right = headers(b"{}")
    other = signing.new_secret()
    return {
        "no header": {},
        "no id": {**right, "Webhook-Id": ""},
        "no signature": {**right, "Webhook-Signature": ""},
        "another version": {**right, "Webhook-Signature": right["Webhook-Signature"].replace("v1,", "v2,")},
        "another secret": headers(b"{}", secret=other),
        "another body": headers(b"{ }"),
        "another id": {**right, "Webhook-Id": "msg_2"},
        "another time": {**right, "Webhook-Timestamp": str(int(time.time()) - 1)},
        "an id with a full stop": headers(b"{}", webhook_id="a.1"),
        "an id of many": headers(b"{}", webhook_id="a" * 256),
        "an id that is no text": headers(b"{}", webhook_id="a\n"),
        "a time that is none": {**right, "Webhook-Timestamp": "1e9"},
        "too old": headers(b"{}", now=time.time() - 302),
        "ahead": headers(b"{}", now=time.time() + 302),
        "letters": {**right, "Webhook-Signature": "v1,é\udcff"},
    }


@pytest.mark.parametrize("what", sorted(wrong()))
async def test_what_is_not_signed_so_is_refused_and_changes_nothing(database: Database, acme: Caller, what: str):
    await connected(database, acme, await an_employee(database, acme))
    with pytest.raises(ForbiddenError, match=r"webhook"):
        await receive(database, acme, wrong()[what], b"{}")
    assert await delivered(database, acme) == 0


async def test_of_several_signatures_one_has_to_be_right(database: Database, acme: Caller):
    await connected(database, acme, await an_employee(database, acme))
    given = headers(b"{}")
    other = headers(b"{}", secret=signing.new_secret())["Webhook-Signature"]
    both = {**given, "Webhook-Signature": f"v1a,abc {other} {given['Webhook-Signature']}"}
    assert (await receive(database, acme, both, b"{}")).is_new


async def test_an_integration_that_there_is_not_is_refused_in_the_same_words(
    database: Database, acme: Caller, rival: Caller
):
    await connected(database, acme, await an_employee(database, acme))
    said: set[str] = set()
    for caller, name, given in (
        (acme, "unheard-of", headers(b"{}")),
        (rival, "billing", headers(b"{}")),
        (acme, "billing", headers(b"{}", secret=signing.new_secret())),
    ):
        with pytest.raises(ForbiddenError) as refused:
            await receive(database, caller, given, b"{}", name)
        said.add(str(refused.value))
    assert said == {"the signature of the webhook is wrong"}


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000, b'{"a": "\\u0000"}'])
async def test_a_body_that_is_no_object_is_invalid(database: Database, acme: Caller, body: bytes):
    await connected(database, acme, await an_employee(database, acme))
    with pytest.raises(InvalidError):
        await receive(database, acme, headers(body), body)
    assert await delivered(database, acme) == 0


@pytest.mark.parametrize(
    "secret", [None, "x" * 40, "whsec_", "whsec_%%", "whsec_" + base64.b64encode(b"short").decode()]
)
async def test_a_secret_has_the_form_of_the_standard(database: Database, acme: Caller, secret: str | None):
    jordan = await an_employee(database, acme)
    with pytest.raises(InvalidError, match="secret"):
        async with database.write(acme) as tx:
            await integrations.connect(
                tx,
                name="billing",
                capability="web",
                kind="webhook_in",
                settings={"employee": jordan.email},
                secret=None if secret is None else SecretStr(secret),
            )


async def test_it_carries_nothing_out_and_stands_beside_what_does(database: Database, acme: Caller, tmp_path: Any):
    await connected(database, acme, await an_employee(database, acme))
    async with database.write(acme) as tx:
        await integrations.connect(
            tx, name="files", capability="web", kind="maildir", settings={"folder": str(tmp_path)}
        )
        assert [each.enabled for each in await integrations.listed(tx)] == [True, True]
    with pytest.raises(InvalidError):
        async with database.write(acme) as tx:
            await integrations.connect(
                tx, name="c", capability="conversation", kind="maildir", settings={"folder": str(tmp_path)}
            )


def test_verifying_is_pure():
    given = headers(b"{}", now=NOW)
    assert webhooks.verify(SECRET, given, b"{}", tolerance=300, now=NOW + 300).webhook_id == "msg_1"
