"""How much an employee remembers, and its consolidation: what was remembered twice becomes one, what repeated itself a fact."""

from uuid import UUID

from pydantic import Field

from empla.api.doors import DELEGATES
from empla.api.operations import Body, Noun
from empla.employees import employees
from empla.memory import census, consolidate
from empla.memory.census import Census
from empla.memory.consolidate import Consolidated
from empla.storage.tx import ReadTx, Tx

noun = Noun("memory", about="How much an employee remembers, and how that is put in order.")


@noun.reads(
    "/employees/{employee}/memory",
    "stats",
    summary="How much an employee remembers",
    example={
        "episodes": 120,
        "facts": 30,
        "procedures": 12,
        "in_hand": 3,
        "words": 800,
        "uncounted": 0,
        "unembedded": 0,
        "model_name": None,
    },
)
async def stats(tx: ReadTx, *, employee: UUID) -> Census:
    """Of each kind, and how far it is indexed."""
    await employees.get(tx, employee=employee)
    return await census.census(tx, employee=employee)


class Consolidate(Body):
    """Done, or only told."""

    dry_run: bool = Field(default=False, description="Nothing is changed.")


@noun.acts(
    "/employees/{employee}/memory/consolidate",
    "consolidate",
    summary="An employee's memories are put in order",
    roles=DELEGATES,
    sends={"dry_run": True},
    example={"dry_run": True, "merges": [], "facts": [], "learned": [], "more": False},
)
async def consolidated(tx: Tx, *, employee: UUID, body: Consolidate) -> Consolidated:
    """About a thousand are merged at once: while there is `more`, ask again. Done a second time, nothing changes."""
    await employees.get(tx, employee=employee)
    if body.dry_run:
        return await consolidate.plan(tx, employee=employee)
    return await consolidate.consolidate(tx, employee=employee)
