"""Who looks after whom: a user of the role `user` sees the employees that are assigned to him, and no others."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, JsonValue

from empla.api.doors import STAFF
from empla.api.operations import Noun
from empla.api.paging import Page, Paging
from empla.employees import assignments
from empla.employees.assignments import Assignment
from empla.storage.tx import ReadTx, Tx

noun = Noun("assignments", about="Which users look after which employees.")
_PAIR: dict[str, JsonValue] = {
    "user_id": "0199a5c0-0000-7000-8000-000000000002",
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "created_at": "2026-03-01T09:00:00Z",
}


class AfterPair(BaseModel):
    """The place in the list."""

    model_config = ConfigDict(extra="forbid")

    user: UUID
    employee: UUID


@noun.reads(
    "/assignments",
    "list",
    summary="The assignments",
    scope="employees:read",
    example={"items": [_PAIR], "next_cursor": None},
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    user: Annotated[UUID | None, Query(description="Those of this user.")] = None,
    employee: Annotated[UUID | None, Query(description="Those of this employee.")] = None,
) -> Page[Assignment]:
    """Staff see all, a user his own; by the ids of user and employee."""
    after = cut.place(AfterPair)
    found = await assignments.listed(
        tx,
        limit=cut.reach,
        user=user,
        employee=employee,
        after_user=after and after.user,
        after_employee=after and after.employee,
    )
    return cut.page(found, lambda last: AfterPair(user=last.user_id, employee=last.employee_id))


@noun.puts(
    "/users/{user}/employees/{employee}",
    "assign",
    summary="A user looks after an employee",
    scope="employees:write",
    roles=STAFF,
    status=204,
)
async def assign(tx: Tx, *, user: UUID, employee: UUID) -> None:
    """From the user's next request on. Assigning twice changes nothing."""
    await assignments.assign(tx, user=user, employee=employee)


@noun.removes(
    "/users/{user}/employees/{employee}",
    "withdraw",
    summary="A user looks after an employee no more",
    scope="employees:write",
    roles=STAFF,
)
async def withdraw(tx: Tx, *, user: UUID, employee: UUID) -> None:
    """From the user's next request on."""
    await assignments.withdraw(tx, user=user, employee=employee)
