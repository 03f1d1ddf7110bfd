"""An assignment lets a user see an employee, from the user's next transaction on."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.errors import NotFoundError
from empla.storage.tx import ReadTx, Tx
from empla.tenancy.users import Role


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


class Person(BaseModel):
    """A person of the tenant, and how many employees he looks after."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    email: str
    name: str
    role: Role
    created_at: datetime
    employees: int


PEOPLE: LiteralString = """
    SELECT u.id, u.email, u.name, u.role, u.created_at, coalesce(a.employees, 0) AS employees
      FROM users u
      LEFT JOIN LATERAL (
          SELECT count(*) AS employees FROM employee_assignments a
            JOIN employees e ON e.tenant_id = a.tenant_id AND e.id = a.employee_id AND e.deleted_at IS NULL
           WHERE a.tenant_id = %(tenant)s::uuid AND a.user_id = u.id) a ON true
     WHERE u.tenant_id = %(tenant)s::uuid AND u.deleted_at IS NULL AND NOT u.is_service AND (%(role)s::text IS NULL OR u.role = %(role)s::text)
       AND (%(search)s::text IS NULL OR strpos(lower(u.name || ' ' || u.email), lower(%(search)s::text)) > 0)
     ORDER BY lower(u.name), u.id LIMIT %(limit)s::int OFFSET %(skip)s::int
"""


async def people(
    tx: ReadTx, *, search: str | None = None, role: Role | None = None, limit: int = 50, skip: int = 0
) -> list[Person]:
    """The living people whom the caller may see, by name."""
    return await tx.fetch_all(Person, PEOPLE, search=search, role=role, limit=limit, skip=skip)


class Choice(BaseModel):
    """An employee, and whether the user looks after it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    email: str
    is_assigned: bool


CHOICES: LiteralString = """
    SELECT e.id, e.name, e.email, a.user_id IS NOT NULL AS is_assigned
      FROM employees e
      LEFT JOIN employee_assignments a ON a.tenant_id = e.tenant_id AND a.employee_id = e.id AND a.user_id = %(user)s::uuid
     WHERE e.tenant_id = %(tenant)s::uuid AND e.deleted_at IS NULL
     ORDER BY a.user_id IS NULL, lower(e.name), e.id LIMIT %(limit)s::int
"""


async def choices(tx: ReadTx, *, user: UUID, limit: int = 200) -> list[Choice]:
    """Those whom the user looks after, then those whom he could, by name."""
    return await tx.fetch_all(Choice, CHOICES, user=user, limit=limit)


WITHDRAW: LiteralString = """
    DELETE FROM employee_assignments
     WHERE tenant_id = %(tenant)s::uuid AND user_id = %(user)s::uuid AND employee_id = %(employee)s::uuid
"""


async def withdraw(tx: Tx, *, user: UUID, employee: UUID) -> None:
    """The user sees the employee no more. Raises `NotFoundError`."""
    if not await tx.execute(WITHDRAW, user=user, employee=employee):
        raise NotFoundError("there is no such assignment")
