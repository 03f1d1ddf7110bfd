"""A goal is something that an employee wants to be, stay or never become true; a metric over its beliefs says how far it is."""

from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.bdi.shapes import GoalType, Progress, Target
from empla.errors import InvalidError
from empla.storage.tx import ReadTx, Tx

GoalStatus = Literal["active", "in_progress", "completed", "abandoned", "blocked"]


class Goal(BaseModel):
    """One goal."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    goal_type: GoalType
    description: str
    priority: int  # 1..10
    target: Target
    current_progress: Progress
    status: GoalStatus
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    abandoned_at: datetime | None


ADOPT: LiteralString = """
    INSERT INTO employee_goals (tenant_id, employee_id, goal_type, description, priority, target)
    VALUES (%(tenant)s::uuid, %(employee)s::uuid, %(goal_type)s::text, %(description)s::text, %(priority)s::int, %(target)s::jsonb)
    RETURNING id, employee_id, goal_type, description, priority, target, current_progress, status, created_at, updated_at,
              completed_at, abandoned_at
"""


async def adopt(
    tx: Tx, *, employee: UUID, goal_type: GoalType, description: str, target: Target, priority: int = 5
) -> Goal:
    """The employee wants it from now on. Raises `InvalidError`, `NotFoundError` for another's or no employee, `ForbiddenError`."""
    goal = await tx.fetch_one(
        Goal,
        ADOPT,
        employee=employee,
        goal_type=goal_type,
        description=description.strip(),
        priority=priority,
        target=target.to_json(),
    )
    if goal is None:
        raise InvalidError("no goal was adopted")
    return goal


LISTED: LiteralString = """
    SELECT id, employee_id, goal_type, description, priority, target, current_progress, status, created_at, updated_at,
           completed_at, abandoned_at
      FROM employee_goals
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (%(status)s::text IS NULL OR status = %(status)s::text)
     ORDER BY priority DESC, created_at, id
"""


async def listed(tx: ReadTx, *, employee: UUID, status: GoalStatus | None = None) -> list[Goal]:
    """The employee's goals, the most pressing first."""
    return await tx.fetch_all(Goal, LISTED, employee=employee, status=status)
