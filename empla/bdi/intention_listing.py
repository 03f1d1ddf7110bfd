"""An employee's intentions as people look at them: one line for each, and one with all that it belongs to."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.bdi.intentions import IntentionType
from empla.bdi.states import IntentionStatus, StepStatus
from empla.errors import NotFoundError
from empla.storage.tx import ReadTx


class Line(BaseModel):
    """One intention in a line."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    plan_key: str | None
    description: str
    intention_type: IntentionType
    status: IntentionStatus
    priority: int
    goal_id: UUID | None
    goal: str | None  # what it serves, in words
    parent_id: UUID | None
    event: str | None  # that called for it
    reason: str | None  # why it ended, or waits
    created_at: datetime
    ended_at: datetime | None
    steps: int
    done: int  # of them: completed or skipped
    now: str | None  # the action that is under way

    @property
    def name(self) -> str:
        return self.plan_key or self.description


LINES: LiteralString = """
    SELECT i.id, i.plan_key, i.description, i.intention_type, i.status, i.priority, i.goal_id, g.description AS goal, i.parent_id,
           i.context #>> '{event,description}' AS event, i.reason, i.created_at, coalesce(i.completed_at, i.failed_at, i.abandoned_at) AS ended_at, s.steps, s.done, s.now
      FROM (SELECT * FROM employee_intentions
             WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
               AND (%(statuses)s::text[] IS NULL OR status = ANY (%(statuses)s::text[]))
               AND (%(goal)s::uuid IS NULL OR goal_id = %(goal)s::uuid)
               AND (%(procedure)s::uuid IS NULL OR procedure_id = %(procedure)s::uuid)
               AND (%(before)s::uuid IS NULL OR id < %(before)s::uuid)
             ORDER BY id DESC LIMIT %(limit)s::int) i
      LEFT JOIN employee_goals g ON g.tenant_id = %(tenant)s::uuid AND g.employee_id = i.employee_id AND g.id = i.goal_id
      LEFT JOIN LATERAL (
           SELECT count(*) AS steps, count(*) FILTER (WHERE t.status IN ('completed', 'skipped')) AS done,
                  min(t.action) FILTER (WHERE t.status = 'in_progress') AS now
             FROM intention_steps t
            WHERE t.tenant_id = %(tenant)s::uuid AND t.employee_id = i.employee_id AND t.intention_id = i.id) s ON true
     ORDER BY i.id DESC
"""


async def lines(
    tx: ReadTx,
    *,
    employee: UUID,
    limit: int,
    before: UUID | None = None,
    statuses: Sequence[IntentionStatus] | None = None,
    goal: UUID | None = None,
    procedure: UUID | None = None,
) -> list[Line]:
    """At most so many of the employee's intentions, what was adopted last first, from before the one of this id."""
    return await tx.fetch_all(
        Line,
        LINES,
        employee=employee,
        limit=limit,
        before=before,
        statuses=None if statuses is None else list(statuses),
        goal=goal,
        procedure=procedure,
    )


class Placed(BaseModel):
    """A step in its place among the others."""

    model_config = ConfigDict(frozen=True)

    position: int
    action: str
    definition: dict[str, JsonValue]
    depends_on: list[int]
    status: StepStatus


class Relative(BaseModel):
    """An intention with its steps, one of a family: what pursues it stands before it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    parent_id: UUID | None
    parent_position: int | None
    plan_key: str | None
    description: str
    intention_type: IntentionType
    status: IntentionStatus
    dependencies: list[UUID] | None
    depth: int  # 0 for the one that nothing pursues
    steps: list[Placed]

    @property
    def name(self) -> str:
        return self.plan_key or self.description


MOST_RELATIVES = 40
# From the intention up to what nothing pursues, and down again to all that this pursues.
FAMILY: LiteralString = """
    WITH RECURSIVE above AS (
        SELECT i.id, i.parent_id, 0 AS height FROM employee_intentions i
         WHERE i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.id = %(intention)s::uuid AND i.deleted_at IS NULL
         UNION ALL
        SELECT p.id, p.parent_id, a.height + 1
          FROM above a
          JOIN employee_intentions p ON p.tenant_id = %(tenant)s::uuid AND p.employee_id = %(employee)s::uuid AND p.id = a.parent_id
         WHERE p.deleted_at IS NULL AND a.height < 20
    ), below AS (
        (SELECT a.id, 0 AS depth FROM above a ORDER BY a.height DESC LIMIT 1)
         UNION ALL
        SELECT c.id, b.depth + 1
          FROM below b
          JOIN employee_intentions c ON c.tenant_id = %(tenant)s::uuid AND c.employee_id = %(employee)s::uuid AND c.parent_id = b.id
         WHERE c.deleted_at IS NULL AND b.depth < 20
    )
    SELECT i.id, i.parent_id, i.parent_position, i.plan_key, i.description, i.intention_type, i.status, i.dependencies, b.depth,
           coalesce((SELECT jsonb_agg(jsonb_build_object('position', s.position, 'action', s.action, 'definition', s.definition,
                                                         'depends_on', s.depends_on, 'status', s.status) ORDER BY s.position)
                       FROM intention_steps s
                      WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid AND s.intention_id = i.id), '[]') AS steps
      FROM below b
      JOIN employee_intentions i ON i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.id = b.id
     ORDER BY b.depth, i.parent_position, i.id LIMIT %(most)s::int
"""


async def family(tx: ReadTx, *, employee: UUID, intention: UUID) -> list[Relative]:
    """The strategy that it is a part of, with all its parts and their steps; at most MOST_RELATIVES. Raises `NotFoundError`."""
    found = await tx.fetch_all(Relative, FAMILY, employee=employee, intention=intention, most=MOST_RELATIVES)
    if not found:
        raise NotFoundError("there is no such intention")
    return found
