"""An assignment lets a user see an employee, from the user's next transaction on."""

from typing import LiteralString
from uuid import UUID

from empla.errors import NotFoundError
from empla.storage.tx import Tx

ASSIGN: LiteralString = """
    INSERT INTO employee_assignments (tenant_id, user_id, employee_id)
    VALUES (%(tenant)s::uuid, %(user)s::uuid, %(employee)s::uuid)
    ON CONFLICT DO NOTHING
"""


async def assign(tx: Tx, *, user: UUID, employee: UUID) -> None:
    """The user looks after the employee; assigning twice changes nothing. Raises `NotFoundError`, `ForbiddenError`."""
    await tx.execute(ASSIGN, user=user, employee=employee)


WITHDRAW: LiteralString = """
    DELETE FROM employee_assignments
     WHERE tenant_id = %(tenant)s::uuid AND user_id = %(user)s::uuid AND employee_id = %(employee)s::uuid
"""


async def withdraw(tx: Tx, *, user: UUID, employee: UUID) -> None:
    """The user sees the employee no more. Raises `NotFoundError`."""
    if not await tx.execute(WITHDRAW, user=user, employee=employee):
        raise NotFoundError("there is no such assignment")
