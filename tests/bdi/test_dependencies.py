"""Plans and steps depend on one another without cycles, whoever writes at once."""

import asyncio
from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

import pytest
from factories import an_employee
from pydantic import JsonValue

from empla.bdi import intentions
from empla.bdi.intentions import NewIntention, NewStep
from empla.bdi.shapes import Plan, PlanContext
from empla.errors import InvalidError
from empla.storage.database import Database
from empla.storage.tx import Caller

DEPEND: LiteralString = """
    UPDATE employee_intentions SET dependencies = %(on)s::uuid[]
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(id)s::uuid
"""


def a_plan(name: str, *, steps: Sequence[Sequence[int]] = ((),), depends_on: list[UUID] | None = None) -> NewIntention:
    """A plan of notes; each step with the positions that it depends on."""
    note: dict[str, JsonValue] = {"action": "note", "text": name}
    return NewIntention(
        description=name,
        intention_type="tactic",
        plan=Plan.parse({"type": name}),
        context=PlanContext(),
        steps=[NewStep(action="note", definition=note, depends_on=list(before)) for before in steps],
        plan_key=name,
        dependencies=depends_on,
    )


async def adopted(database: Database, caller: Caller, employee: UUID, plan: NewIntention) -> UUID:
    async with database.write(caller) as tx:
        found = await intentions.adopt(tx, employee=employee, intention=plan)
    assert found is not None
    return found


@pytest.fixture
async def employee(database: Database, acme: Caller) -> UUID:
    return (await an_employee(database, acme)).id


async def test_two_connections_that_would_close_a_cycle_between_them(database: Database, acme: Caller, employee: UUID):
    """Each edge alone is fine; whoever comes second waits for the first, sees what it wrote, and is refused."""
    one, two, three = [await adopted(database, acme, employee, a_plan(name)) for name in ("one", "two", "three")]
    async with database.write(acme) as tx:
        await tx.execute(DEPEND, employee=employee, id=three, on=[two])
    first_wrote, may_commit = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with database.write(acme) as tx:
            await tx.execute(DEPEND, employee=employee, id=one, on=[three])
            first_wrote.set()
            await may_commit.wait()

    async def second() -> None:
        await first_wrote.wait()
        async with database.write(acme) as tx:
            await tx.execute(DEPEND, employee=employee, id=two, on=[one])

    both = asyncio.gather(first(), second(), return_exceptions=True)
    await first_wrote.wait()
    await asyncio.sleep(0.2)
    assert not both.done()  # the second one waits
    may_commit.set()
    won, lost = await both
    assert won is None
    assert isinstance(lost, InvalidError)
    assert str(lost) == "these dependencies close a cycle"


async def test_of_many_that_close_cycles_at_once_the_graph_stays_without_one(
    database: Database, acme: Caller, employee: UUID
):
    plans = [await adopted(database, acme, employee, a_plan(f"plan {number}")) for number in range(4)]

    async def depends(number: int) -> None:
        async with database.write(acme) as tx:
            await tx.execute(DEPEND, employee=employee, id=plans[number], on=[plans[(number + 1) % 4]])

    outcomes = await asyncio.gather(*(depends(number) for number in range(4)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert [str(error) for error in refused] == ["these dependencies close a cycle"]


async def test_a_plan_does_not_depend_on_itself_or_twice_on_another(database: Database, acme: Caller, employee: UUID):
    one = await adopted(database, acme, employee, a_plan("one"))
    for depends_on, reason in (([one], "an intention cannot depend on itself"), ([one, one], "named twice")):
        with pytest.raises(InvalidError, match=reason):
            async with database.write(acme) as tx:
                await tx.execute(DEPEND, employee=employee, id=one, on=depends_on)


async def test_the_same_plan_is_adopted_once_by_two_who_ask_at_once(database: Database, acme: Caller, employee: UUID):
    async def adopts() -> UUID | None:
        async with database.write(acme) as tx:
            return await intentions.adopt(tx, employee=employee, intention=a_plan("one", steps=((), ())))

    found = [one for one in await asyncio.gather(*(adopts() for _ in range(4))) if one is not None]
    assert len(found) == 1
    async with database.read(acme) as tx:
        assert len(await intentions.steps_of(tx, employee=employee, intentions=found)) == 2
        assert len(await intentions.listed(tx, employee=employee)) == 1


@pytest.mark.parametrize(
    "steps",
    [[[1]], [[], [2]], [[], [3], []], [[], [1, 2]], [[0]], [[], [-1]], [[], [1] * 101]],
    ids=["itself", "itself later", "a later one", "an earlier one and itself", "none", "below none", "too many"],
)
async def test_a_step_depends_on_earlier_ones_alone(
    database: Database, acme: Caller, employee: UUID, steps: list[list[int]]
):
    with pytest.raises(InvalidError, match="a step depends on earlier steps alone"):
        await adopted(database, acme, employee, a_plan("odd", steps=steps))
    async with database.read(acme) as tx:
        assert await intentions.listed(tx, employee=employee) == []  # all of it, or nothing
