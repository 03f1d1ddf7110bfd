"""What a tenant and its employees may spend in a day, and what of it is spent."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from empla.api.doors import STAFF
from empla.api.operations import Body, Noun
from empla.effects import budgets
from empla.effects.budgets import Budget, Resource
from empla.employees import employees
from empla.storage.tx import ReadTx, Tx

noun = Noun("budgets", about="Limits of a day (UTC, the tenant's time): set aside before it is spent, never over.")
_EFFECTS: dict[str, JsonValue] = {
    "scope": "0199a5c0-0000-7000-8000-000000000003",
    "resource": "effects",
    "daily": "50",
    "is_default": False,
    "reserved": "1",
    "spent": "12",
    "day": "2026-03-01",
    "left": "37",
}


class Budgets(BaseModel):
    """Today's, one for each resource."""

    model_config = ConfigDict(frozen=True)

    items: list[Budget]


@noun.reads("/budgets", "list", summary="Today's budgets of the tenant", example={"items": [_EFFECTS]})
async def listed(tx: ReadTx) -> Budgets:
    """Of all its employees together."""
    return Budgets(items=await budgets.used(tx, scopes=[tx.tenant_id]))


@noun.reads(
    "/employees/{employee}/budgets",
    "of_employee",
    summary="Today's budgets of an employee",
    example={"items": [_EFFECTS]},
)
async def of_employee(tx: ReadTx, *, employee: UUID) -> Budgets:
    """The tenant's limit holds beside its own."""
    await employees.get(tx, employee=employee)
    return Budgets(items=await budgets.used(tx, scopes=[employee]))


class SetBudget(Body):
    """How much."""

    daily: Annotated[Decimal, Field(ge=0, lt=10**14, decimal_places=6, description="0 stops it.")]


async def _set(tx: Tx, scope: UUID, resource: Resource, daily: Decimal) -> Budget:
    await budgets.set_daily(tx, scope=scope, resource=resource, daily=daily)
    [found] = [budget for budget in await budgets.used(tx, scopes=[scope]) if budget.resource == resource]
    return found


@noun.puts(
    "/budgets/{resource}",
    "set",
    summary="At most so much in a day, for the whole tenant",
    roles=STAFF,
    sends={"daily": 50},
    example=_EFFECTS,
)
async def set_daily(tx: Tx, *, resource: Resource, body: SetBudget) -> Budget:
    """What waits for it is looked at again."""
    return await _set(tx, tx.tenant_id, resource, body.daily)


@noun.puts(
    "/employees/{employee}/budgets/{resource}",
    "set_of_employee",
    summary="At most so much in a day, for an employee",
    roles=STAFF,
    sends={"daily": 50},
    example=_EFFECTS,
)
async def set_of_employee(tx: Tx, *, employee: UUID, resource: Resource, body: SetBudget) -> Budget:
    """What waits for it is looked at again."""
    await employees.get(tx, employee=employee)
    return await _set(tx, employee, resource, body.daily)
