"""What changed before something happened: history of a time, the latest first."""

from datetime import timedelta
from typing import Any

import pytest
from believer import Believer
from factories import MONDAY, an_employee
from pydantic import BaseModel, Field, JsonValue

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.errors import InvalidError
from empla.storage.database import Database
from empla.storage.tx import Caller


class Plan(BaseModel):
    """One line of what EXPLAIN says."""

    plan: str = Field(alias="QUERY PLAN")


async def changed(jordan: Believer, since: float, until: float, **more: Any) -> list[tuple[str, str, JsonValue]]:
    """The changes between two days."""
    days = (MONDAY + timedelta(days=since), MONDAY + timedelta(days=until))
    async with jordan.database.read(jordan.caller) as tx:
        found = await beliefs.changes(tx, employee=jordan.employee, since=days[0], until=days[1], **more)
    return [(change.change_type, change.subject, change.new_value) for change in found]


async def test_what_changed_in_a_time_is_told_the_latest_first_with_reason_and_actor(
    database: Database, jordan: Believer, rival: Caller
):
    for day in range(4):
        await jordan.hears(day, "usage", reason=f"day {day}")
        await jordan.hears(day, "tickets", decay_rate=0)
        await jordan.waits(1)
    await jordan.retracts("usage", "coverage")
    assert await changed(jordan, 1, 2) == [
        ("updated", "tickets", 2),
        ("updated", "usage", 2),
        ("updated", "tickets", 1),
        ("updated", "usage", 1),
    ]
    assert await changed(jordan, 3.5, 9) == [("deleted", "usage", None)]
    assert await changed(jordan, 0, 9, about=[("usage", " coverage")], limit=2) == [
        ("deleted", "usage", None),
        ("updated", "usage", 3),
    ]
    assert await changed(jordan, 0, 9, about=[]) == []
    assert await changed(jordan, 0, 9, about=[("usage", "size"), ("coverage", "usage")]) == []
    colleague = Believer(database, jordan.caller, (await an_employee(database, jordan.caller)).id)
    assert await changed(colleague, 0, 9) == []
    assert await changed(Believer(database, rival, jordan.employee), 0, 9) == []
    async with database.read(jordan.caller) as tx:
        (last, *_) = await beliefs.changes(tx, employee=jordan.employee, since=MONDAY, until=tx.now)
    assert (last.reason, last.actor_type, last.old_value) == ("a slip of the pen", "system", 3)


async def test_what_was_heard_without_effect_is_told_too(jordan: Believer):
    await jordan.hears("high", source="told_by_human")
    await jordan.hears("low", source="inference")
    assert await changed(jordan, 0, 0) == [("contradicted", "pipeline", "low"), ("created", "pipeline", "high")]


@pytest.mark.parametrize("limit", [0, -1, 10_001])
async def test_a_limit_of_changes_has_bounds(jordan: Believer, limit: int):
    with pytest.raises(InvalidError, match=r"^a limit lies between 1 and 10000"):
        await changed(jordan, 0, 1, limit=limit)


async def test_changes_are_found_by_the_index_of_their_time(jordan: Believer):
    async with jordan.database.write(jordan.caller) as tx:
        await beliefs.observe_many(
            tx,
            employee=jordan.employee,
            news=[Evidence(subject=f"deal:{number}", predicate="stage", object="open") for number in range(2000)],
        )
        plan = await tx.fetch_all(
            Plan,
            "EXPLAIN " + beliefs.CHANGES,
            employee=jordan.employee,
            since=MONDAY,
            until=MONDAY,
            subjects=None,
            predicates=None,
            limit=100,
        )
    conditions = [line.plan for line in plan if "Index Cond" in line.plan]
    assert conditions
    assert all("changed_at >=" in condition and "employee_id =" in condition for condition in conditions)
