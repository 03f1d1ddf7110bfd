"""What employees can be able to do: a tenant has all of it from its first day, within limits that its admins set."""

from datetime import time, timedelta
from typing import Any, LiteralString

import pytest
from pydantic import BaseModel

from empla.employees import capabilities
from empla.errors import InvalidError, NotFoundError
from empla.storage.database import Database
from empla.storage.tx import Caller

SQL: LiteralString = "SELECT name, description FROM known_capabilities()"
DESTRUCTIVE = {"social", "crm", "documents", "tickets", "contracts", "invoices", "ats", "job_boards"}


class _Known(BaseModel):
    name: str
    description: str


async def test_the_database_offers_what_python_knows(database: Database, acme: Caller):
    async with database.read(acme) as tx:
        offered = await capabilities.offered(tx)
        known = await tx.fetch_all(_Known, SQL)
    assert {each.name: each.description for each in known} == capabilities.KNOWN
    assert {each.name: each.description for each in offered} == capabilities.KNOWN | capabilities.OF_EVERYBODY
    assert {each.name for each in offered if each.destructive} == DESTRUCTIVE
    assert {each.name for each in offered if each.quiet_from is not None} == {"email", "phone", "surveys"}


async def test_what_is_not_named_stays(database: Database, acme: Caller, rival: Caller):
    async with database.write(acme) as tx:
        before = await capabilities.offer(tx, name="email")
        after = await capabilities.change(
            tx, name="email", repeat_window=timedelta(days=2), quiet_hours=(time(20), time(8)), tenant_per_hour=7
        )
    changes = {"repeat_window": timedelta(days=2), "quiet_from": time(20), "quiet_until": time(8), "tenant_per_hour": 7}
    assert after == before.model_copy(update=changes)
    async with database.read(rival) as tx:
        assert (await capabilities.offer(tx, name="email")).tenant_per_hour == 200


@pytest.mark.parametrize(
    "limits",
    [
        {"recipient_per_day": 0},
        {"tenant_per_hour": 0},
        {"repeat_window": timedelta(days=-1)},
        {"quiet_hours": (time(8), time(8))},
        {"costs": {"effects": -1}},
        {"costs": {"wishes": 1}},
        {"parameters": {"type": 7}},
    ],
)
async def test_limits_out_of_bounds_are_refused(database: Database, acme: Caller, limits: dict[str, Any]):
    async with database.read(acme) as tx:
        before = await capabilities.offer(tx, name="email")
    with pytest.raises(InvalidError):
        async with database.write(acme) as tx:
            await capabilities.change(tx, name="email", **limits)
    async with database.read(acme) as tx:
        assert await capabilities.offer(tx, name="email") == before
        with pytest.raises(NotFoundError):
            await capabilities.offer(tx, name="telepathy")
