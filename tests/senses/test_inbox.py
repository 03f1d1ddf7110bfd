"""The inbox takes each observation once, and says what it already had."""

from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pytest
from factories import an_employee
from pydantic import BaseModel, JsonValue

from empla.employees.employees import Employee
from empla.errors import ForbiddenError, InvalidError, NotFoundError
from empla.senses import inbox
from empla.senses.inbox import Delivery
from empla.senses.observation import NewObservation
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)

WAITING: LiteralString = """
    SELECT external_id, content, occurred_at FROM observations WHERE tenant_id = %(tenant)s::uuid AND status = 'pending' ORDER BY id
"""


class Letter(BaseModel):
    external_id: str
    content: dict[str, JsonValue]
    occurred_at: datetime


def letter(number: int = 1, **more: Any) -> NewObservation:
    fields: dict[str, Any] = {
        "source": "mail",
        "external_id": f"letter {number}",
        "recipient": "Jordan@acme.example",
        "kind": "mail",
        "occurred_at": NOON,
        "description": "Jane wrote",
        "participants": ("jane@prospect.example",),
        "content": {"number": number},
    }
    return NewObservation(**(fields | more))


@pytest.fixture
async def jordan(database: Database, acme: Caller) -> Employee:
    return await an_employee(database, acme)


async def deliver(database: Database, caller: Caller, employee: Employee, *observations: NewObservation) -> Delivery:
    async with database.write(caller) as tx:
        found = await inbox.deliver(tx, observations, recipients={"jordan@acme.example": employee.id})
    assert tx.statements <= 3
    return found


async def waiting(database: Database, caller: Caller) -> list[Letter]:
    async with database.read(caller) as tx:
        return await tx.fetch_all(Letter, WAITING)


async def test_an_observation_is_delivered_once_however_often_it_is_read(
    database: Database, acme: Caller, jordan: Employee
):
    assert await deliver(database, acme, jordan, letter(1), letter(2)) == Delivery(new=2)
    assert await deliver(database, acme, jordan, letter(2), letter(3), letter(1)) == Delivery(new=1, known=2)
    assert len(await waiting(database, acme)) == 3


async def test_what_comes_twice_in_one_batch_is_delivered_once(database: Database, acme: Caller, jordan: Employee):
    assert await deliver(database, acme, jordan, letter(), letter()) == Delivery(new=1, known=1)
    assert len(await waiting(database, acme)) == 1


@pytest.mark.parametrize("more", [{"content": {"number": 2}}, {"occurred_at": NOON + timedelta(hours=1)}])
async def test_changed_content_is_reported_and_left_as_it_was(
    database: Database, acme: Caller, jordan: Employee, more: dict[str, Any]
):
    first = Delivery(new=1, changed=["letter 1"])
    assert await deliver(database, acme, jordan, letter(), letter(**more)) == first
    assert await deliver(database, acme, jordan, letter(**more), letter()) == Delivery(
        known=0, changed=["letter 1"] * 2
    )
    (kept,) = await waiting(database, acme)
    assert (kept.content, kept.occurred_at) == ({"number": 1}, NOON)


async def test_the_keys_of_equal_content_may_come_in_another_order(database: Database, acme: Caller, jordan: Employee):
    await deliver(database, acme, jordan, letter(content={"a": 1, "b": 2}))
    assert await deliver(database, acme, jordan, letter(content={"b": 2, "a": 1.0})) == Delivery(known=1)


async def test_another_source_or_another_recipient_is_another_observation(
    database: Database, acme: Caller, jordan: Employee
):
    riley = await an_employee(database, acme, name="Riley")
    await deliver(database, acme, jordan, letter())
    assert await deliver(database, acme, jordan, letter(source="crm")) == Delivery(new=1)
    assert await deliver(database, acme, riley, letter()) == Delivery(new=1)


async def test_observations_wait_in_the_order_of_the_world(database: Database, acme: Caller, jordan: Employee):
    news = [letter(number, occurred_at=NOON - timedelta(hours=number)) for number in range(5)]
    await deliver(database, acme, jordan, *news)
    assert [each.content["number"] for each in await waiting(database, acme)] == [4, 3, 2, 1, 0]


async def test_an_unknown_recipient_is_an_error_and_nothing_is_delivered(
    database: Database, acme: Caller, jordan: Employee
):
    with pytest.raises(NotFoundError, match=r"^there is no employee 'casey@acme.example' to perceive letter 2$"):
        await deliver(database, acme, jordan, letter(1), letter(2, recipient="casey@acme.example"))
    assert await waiting(database, acme) == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"content": {"x": "a" * 1_048_576}},
            "the content of letter 1 has 1,048,585 bytes of JSON, but at most 1,048,576 are allowed",
        ),
        (
            {"content": {"x": float("nan")}},
            "the content of letter 1.x is nan, which is not a number that can be stored",
        ),
        ({"content": {"x": "\0"}}, "the content of letter 1.x contains a NUL character, which PostgreSQL can't store"),
        ({"description": "a\0b"}, "the description of letter 1 has a NUL byte"),
        ({"description": "é" * 32_769}, "a description has 1 to 65,536 bytes"),
        ({"source": "Mail"}, "a source is 1 to 60 lower-case letters, digits, hyphens and underscores, a letter first"),
        ({"kind": "x" * 101}, "a kind has 1 to 100 characters"),
    ],
)
async def test_what_cannot_be_kept_is_refused_in_a_sentence(
    database: Database, acme: Caller, jordan: Employee, more: dict[str, Any], sentence: str
):
    with pytest.raises(InvalidError) as raised:
        await deliver(database, acme, jordan, letter(2), letter(**more))
    assert str(raised.value) == sentence
    assert await waiting(database, acme) == []


async def test_another_tenants_employee_gets_no_observation(
    database: Database, rival: Caller, acme: Caller, jordan: Employee
):
    with pytest.raises(NotFoundError):
        await deliver(database, rival, jordan, letter())
    assert await waiting(database, acme) == []


async def test_a_user_delivers_nothing(database: Database, acme: Caller, jordan: Employee):
    async with database.write(acme) as tx:
        sam = await users.invite(tx, email="sam@acme.example", name="Sam", role="user")
    with pytest.raises(ForbiddenError):
        await deliver(database, Caller(acme.tenant, user=sam.id), jordan, letter())


async def test_no_observations_are_no_message(database: Database, acme: Caller, jordan: Employee):
    assert await deliver(database, acme, jordan) == Delivery()
