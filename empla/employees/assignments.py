"""An assignment lets a user see an employee, from the user's next transaction on."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.errors import NotFoundError
from empla.storage.tx import ReadTx, Tx


class Assignment(BaseModel):
    """Who looks after whom, since when."""

    model_config = ConfigDict(frozen=True)

    user_id: UUID
    employee_id: UUID
    created_at: datetime


ASSIGN: LiteralString = """
    INSERT INTO employee_assignments (tenant_id, user_id, employee_id)
    VALUES (%(tenant)s::uuid, %(user)s::uuid, %(employee)s::uuid)
    ON CONFLICT DO NOTHING
"""


async def assign(tx: Tx, *, user: UUID, employee: UUID) -> None:
    """The user looks after the employee; assigning twice changes nothing. Raises `NotFoundError`, `ForbiddenError`."""
    await tx.execute(ASSIGN, user=user, employee=employee)


LISTED: LiteralString = """
    SELECT user_id, employee_id, created_at
      FROM employee_assignments
     WHERE tenant_id = %(tenant)s::uuid AND (%(user)s::uuid IS NULL OR user_id = %(user)s::uuid)
       AND (%(employee)s::uuid IS NULL OR employee_id = %(employee)s::uuid)
       AND (%(after_user)s::uuid IS NULL OR (user_id, employee_id) > (%(after_user)s::uuid, %(after_employee)s::uuid))
     ORDER BY user_id, employee_id LIMIT %(limit)s::int
"""


async def listed(
    tx: ReadTx,
    *,
    limit: int,
    user: UUID | None = None,
    employee: UUID | None = None,
    after_user: UUID | None = None,
    after_employee: UUID | None = None,
) -> list[Assignment]:
    """At most so many that the caller may see, of a user or an employee, in the order of their ids, from those after this pair on."""
    return await tx.fetch_all(
        Assignment,
        LISTED,
        limit=limit,
        user=user,
        employee=employee,
        after_user=after_user,
        after_employee=after_employee,
    )


WITHDRAW: LiteralString = """
    DELETE FROM employee_assignments
     WHERE tenant_id = %(tenant)s::uuid AND user_id = %(user)s::uuid AND employee_id = %(employee)s::uuid
"""


async def withdraw(tx: Tx, *, user: UUID, employee: UUID) -> None:
    """The user sees the employee no more. Raises `NotFoundError`."""
    if not await tx.execute(WITHDRAW, user=user, employee=employee):
        raise NotFoundError("there is no such assignment")
