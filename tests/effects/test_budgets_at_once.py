"""Budgets that many spend from at once: never over the limit, not by one, at no moment; nothing is counted twice, nobody waits for ever."""

import asyncio
import random
from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path
from typing import LiteralString
from uuid import UUID

import pytest
from leaving import Leaver, a_leaver, mails
from pydantic import BaseModel
from shift import a_shift, a_tenant

from empla.effects import budgets
from empla.effects.budgets import Resource
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller

SPENDERS, ROUNDS = 8, 40
COSTS: tuple[Resource, ...] = ("calls", "effects", "money")
TENANT, EMPLOYEE = 400, 90  # a day of each resource
HANGS = 60.0  # seconds

# One moment: what is used, what was taken beyond what had been set aside, and what the reservations say is used.
SEEN: LiteralString = """
    SELECT d.scope, d.resource, d.reserved + d.spent AS used, b.daily,
           coalesce(sum(greatest(r.actual - r.amount, 0)), 0) AS beyond,
           coalesce(sum(CASE r.status WHEN 'reserved' THEN r.amount WHEN 'settled' THEN r.actual ELSE 0 END), 0) AS accounted
      FROM budget_days d
      JOIN budgets b ON b.tenant_id = d.tenant_id AND b.scope = d.scope AND b.resource = d.resource
      LEFT JOIN budget_reservations r ON r.tenant_id = d.tenant_id AND r.day = d.day AND r.resource = d.resource
                                     AND d.scope IN (r.tenant_id, r.employee_id)
     WHERE d.tenant_id = %(tenant)s::uuid
     GROUP BY d.scope, d.day, d.resource, d.reserved, d.spent, b.daily
"""


class Seen(BaseModel):
    scope: UUID
    resource: Resource
    used: Decimal
    daily: Decimal
    beyond: Decimal
    accounted: Decimal


@pytest.fixture
async def wide(settings: Settings) -> AsyncGenerator[Database]:
    """A connection for each of them, and one who looks on."""
    async with opening.opened(settings.model_copy(update={"pool_size": SPENDERS + 2})) as found:
        yield found


async def spenders(database: Database, people: int) -> list[Caller]:
    """As many callers as spend at once, of so many employees of one tenant."""
    operator = await a_tenant(database)
    shifts = [await a_shift(database, operator) for _ in range(people)]
    async with database.write(operator) as tx:
        for resource in COSTS:
            await budgets.set_daily(tx, scope=operator.tenant, resource=resource, daily=Decimal(TENANT))
            for shift in shifts:
                await budgets.set_daily(tx, scope=shift.employee, resource=resource, daily=Decimal(EMPLOYEE))
    return [shifts[number % people].caller for number in range(SPENDERS)]


async def reserve(database: Database, caller: Caller, key: str, costs: dict[Resource, float]) -> bool:
    async with database.work(caller) as tx:
        return await budgets.reserve(tx, key=key, costs=costs, fence=1) is None


async def spends(database: Database, caller: Caller, number: int, *, more: bool) -> list[str]:
    """Sets aside, gives back, spends all of it, less or more; the keys that it still holds at the end."""
    chosen = random.Random(number)  # noqa: S311
    held: list[tuple[str, dict[Resource, float]]] = []
    for turn in range(ROUNDS):
        wanted = chosen.sample(COSTS, chosen.randint(1, len(COSTS)))
        costs: dict[Resource, float] = {resource: chosen.randint(1, 7) for resource in wanted}
        key = f"{number}:{turn}"
        if await reserve(database, caller, key, costs):
            held.append((key, costs))
        if len(held) > 3:
            key, costs = held.pop(chosen.randrange(len(held)))
            async with database.work(caller) as tx:
                if chosen.random() < 0.6:
                    await budgets.release(tx, key=key)
                else:
                    factor = chosen.choice([0, 0.5, 1, 1.5] if more else [0, 0.5, 1])
                    await budgets.settle(tx, key=key, actual={name: cost * factor for name, cost in costs.items()})
    return [key for key, _ in held]


async def looks_on(database: Database, caller: Caller, over: asyncio.Event) -> int:
    """At how many moments nothing was over its limit."""
    moments = 0
    while not over.is_set():
        async with database.read(Caller(caller.tenant)) as tx:
            for seen in await tx.fetch_all(Seen, SEEN):
                assert seen.used == seen.accounted, seen
                assert seen.used - seen.beyond <= seen.daily, seen
        moments += 1
    return moments


async def used(database: Database, caller: Caller, scope: UUID | None = None) -> dict[str, tuple[int, int]]:
    """Reserved and spent of each resource."""
    async with database.read(Caller(caller.tenant)) as tx:
        found = await budgets.used(tx, scopes=[scope or caller.tenant])
    return {budget.resource: (int(budget.reserved), int(budget.spent)) for budget in found if budget.resource in COSTS}


@pytest.mark.parametrize("more", [False, True], ids=["never more", "sometimes more"])
@pytest.mark.parametrize("people", [SPENDERS, 1], ids=["eight employees", "one employee"])
async def test_eight_spend_at_once(wide: Database, people: int, *, more: bool):
    callers = await spenders(wide, people)
    over = asyncio.Event()
    looking = asyncio.create_task(looks_on(wide, callers[0], over))
    try:
        async with asyncio.timeout(HANGS):
            held = await asyncio.gather(
                *(spends(wide, caller, number, more=more) for number, caller in enumerate(callers))
            )
    finally:
        over.set()
    assert await looking > 20
    for caller, keys in zip(callers, held, strict=True):
        for key in keys:
            async with wide.work(caller) as tx:
                await budgets.release(tx, key=key)
    assert {reserved for reserved, _ in (await used(wide, callers[0])).values()} == {0}


@pytest.mark.parametrize("people", [SPENDERS, 1], ids=["eight employees", "one employee"])
async def test_all_of_it_can_be_had_and_no_more(wide: Database, people: int):
    callers = await spenders(wide, people)

    async def takes_all(number: int, caller: Caller) -> int:
        taken = 0
        while await reserve(wide, caller, f"{number}:{taken}", dict.fromkeys(COSTS, 1)):
            taken += 1
        return taken

    async with asyncio.timeout(HANGS):
        taken = await asyncio.gather(*(takes_all(number, caller) for number, caller in enumerate(callers)))
    limit = TENANT if people > 1 else EMPLOYEE
    assert sum(taken) == limit
    assert await used(wide, callers[0]) == dict.fromkeys(COSTS, (limit, 0))


async def test_the_same_key_at_once_is_set_aside_once(wide: Database):
    [caller, *_] = await spenders(wide, 1)
    async with asyncio.timeout(HANGS):
        for turn in range(10):
            await asyncio.gather(*(reserve(wide, caller, f"key {turn}", {"effects": 2}) for _ in range(SPENDERS)))
    assert (await used(wide, caller))["effects"] == (20, 0)
    assert (await used(wide, caller, caller.employee))["effects"] == (20, 0)


async def test_eight_send_at_once_what_costs_several_resources(wide: Database, tmp_path: Path):
    first = await a_leaver(wide, tmp_path / "mail", stage="autonomous")
    await first.may(costs=dict.fromkeys(COSTS, 1), recipient_per_day=1000)
    others = [await a_shift(wide, first.caller, role="custom", able=["email"]) for _ in range(SPENDERS - 1)]
    leavers = [first, *(Leaver(wide, first.caller, shift.employee) for shift in others)]
    messages = 6
    steps = [{"action": "send", "to": "jane@prospect.example", "text": f"{{who}} {n}"} for n in range(messages)]

    async def sends(number: int, leaver: Leaver) -> None:
        leaver.happenings = 100 * number  # an occasion of its own
        if number:
            await leaver.is_trusted("autonomous")
        await leaver.is_to_write(*steps, who=str(number))
        await leaver.goes_on()

    async with asyncio.timeout(HANGS):
        await asyncio.gather(*(sends(number, leaver) for number, leaver in enumerate(leavers)))
    assert len(mails(tmp_path / "mail")) == SPENDERS * messages
    assert await used(wide, first.caller) == dict.fromkeys(COSTS, (0, SPENDERS * messages))
