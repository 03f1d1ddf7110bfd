"""An intention is a plan that an employee is committed to; its steps are rows, and only what its beliefs say makes it a success."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla import ids
from empla.bdi.shapes import Plan, PlanContext
from empla.bdi.states import IntentionStatus, StepStatus
from empla.errors import ConflictError, NotFoundError
from empla.storage.tx import ReadTx, Tx

IntentionType = Literal["action", "tactic", "strategy"]
Commitment = Literal["blind", "single_minded", "open_minded"]
OnFailedDependency = Literal["replan", "abandon", "proceed"]
DEFAULT_PRIORITY = 5


class Intention(BaseModel):
    """One intention."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    goal_id: UUID | None
    parent_id: UUID | None  # the strategy or tactic that pursues it
    parent_position: int | None  # by this step
    procedure_id: UUID | None  # the playbook that it carries out
    plan_key: str | None  # the playbook's name
    cause_id: UUID | None  # the episode that called for it, where no goal did
    intention_type: IntentionType
    description: str
    plan: Plan
    status: IntentionStatus
    priority: int
    commitment: Commitment
    on_failed_dependency: OnFailedDependency
    dependencies: list[UUID] | None
    context: PlanContext  # why this plan
    reason: str | None  # why it ended, or waits
    deadline_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    abandoned_at: datetime | None
    served_at: datetime | None  # when a step of it last ran
    tainted: bool = False  # what came from outside called for it

    @property
    def ended_at(self) -> datetime | None:
        return self.completed_at or self.failed_at or self.abandoned_at


class Step(BaseModel):
    """One step of an intention."""

    model_config = ConfigDict(frozen=True)

    intention_id: UUID
    position: int  # 1..
    action: str
    definition: dict[str, JsonValue]  # the playbook's step, its skill resolved
    depends_on: list[int]  # earlier positions
    capability: str | None
    status: StepStatus
    idempotency_key: str
    attempts: int
    max_attempts: int
    not_before: datetime | None
    timeout_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    result: dict[str, JsonValue]
    error: str | None


class NewStep(BaseModel):
    """A step to be; its position is its place in the list."""

    model_config = ConfigDict(frozen=True)

    action: str
    definition: dict[str, JsonValue]
    depends_on: list[int]
    capability: str | None = None
    max_attempts: int = 3


class NewIntention(BaseModel):
    """An intention to be, with all its steps."""

    model_config = ConfigDict(frozen=True)

    description: str
    intention_type: IntentionType
    plan: Plan
    context: PlanContext
    steps: list[NewStep]
    watches: list[list[str]] = []  # the beliefs that its steps and its success look at
    goal_id: UUID | None = None
    parent_id: UUID | None = None
    parent_position: int | None = None
    procedure_id: UUID | None = None
    plan_key: str | None = None
    cause_id: UUID | None = None
    priority: int = DEFAULT_PRIORITY
    commitment: Commitment = "single_minded"
    on_failed_dependency: OnFailedDependency = "replan"
    dependencies: list[UUID] | None = None
    tainted: bool = False


class _Adopted(BaseModel):
    id: UUID


# One live intention for each goal (or event) and plan: what is pursued already is not adopted again.
ADOPT: LiteralString = """
    WITH adopted AS (
        INSERT INTO employee_intentions (tenant_id, employee_id, goal_id, parent_id, parent_position, procedure_id, plan_key, cause_id,
                                         intention_type, description, plan, priority, context, dependencies, commitment,
                                         on_failed_dependency, watches, tainted)
        VALUES (%(tenant)s::uuid, %(employee)s::uuid, %(goal)s::uuid, %(parent)s::uuid, %(parent_position)s::int, %(procedure)s::uuid,
                %(plan_key)s::text, %(cause)s::uuid, %(intention_type)s::text, %(description)s::text, %(plan)s::jsonb, %(priority)s::int,
                %(context)s::jsonb, %(dependencies)s::uuid[], %(commitment)s::text, %(on_failed_dependency)s::text, %(watches)s::jsonb,
                %(tainted)s::boolean)
        ON CONFLICT (tenant_id, employee_id, goal_id, cause_id, plan_key)
              WHERE plan_key IS NOT NULL AND deleted_at IS NULL AND status IN ('planned', 'in_progress') DO NOTHING
        RETURNING id
    ), stepped AS (
        INSERT INTO intention_steps (tenant_id, employee_id, intention_id, position, action, definition, depends_on, capability,
                                     max_attempts)
        SELECT %(tenant)s::uuid, %(employee)s::uuid, a.id, s.position, s.action, s.definition, s.depends_on, s.capability, s.max_attempts
          FROM adopted a
         CROSS JOIN ROWS FROM (jsonb_to_recordset(%(steps)s::jsonb) AS (action text, definition jsonb, depends_on int[], capability text,
                                                                        max_attempts int))
              WITH ORDINALITY AS s (action, definition, depends_on, capability, max_attempts, position)
        RETURNING intention_id
    )
    SELECT id FROM adopted
"""


async def adopt(tx: Tx, *, employee: UUID, intention: NewIntention) -> UUID | None:
    """The employee is committed to it, with all its steps, in one statement; None when the same plan is pursued already.

    Raises `NotFoundError` for another's or no goal or playbook, `InvalidError` for dependencies that close a cycle.
    """
    new = intention
    adopted = await tx.fetch_one(
        _Adopted,
        ADOPT,
        employee=employee,
        goal=new.goal_id,
        parent=new.parent_id,
        parent_position=new.parent_position,
        procedure=new.procedure_id,
        plan_key=new.plan_key,
        cause=new.cause_id,
        intention_type=new.intention_type,
        description=new.description,
        plan=new.plan.to_json(),
        priority=new.priority,
        context=new.context.to_json(),
        dependencies=new.dependencies,
        commitment=new.commitment,
        on_failed_dependency=new.on_failed_dependency,
        watches=json.dumps(new.watches),
        tainted=new.tainted,
        steps=json.dumps([step.model_dump(mode="json") for step in new.steps], ensure_ascii=False),
    )
    return None if adopted is None else adopted.id


LISTED: LiteralString = """
    SELECT id, employee_id, goal_id, parent_id, parent_position, procedure_id, plan_key, cause_id, intention_type, description, plan,
           status, priority, commitment, on_failed_dependency, dependencies, context, reason, deadline_at, created_at, started_at,
           completed_at, failed_at, abandoned_at, served_at, tainted
      FROM employee_intentions
     WHERE tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR employee_id = %(employee)s::uuid) AND deleted_at IS NULL
       AND (%(goal)s::uuid IS NULL OR goal_id = %(goal)s::uuid)
       AND (%(statuses)s::text[] IS NULL OR status = ANY (%(statuses)s::text[]))
       AND (%(part)s::text IS NULL OR starts_with(id::text, %(part)s::text)
            OR right(id::text, length(%(part)s::text)) = %(part)s::text)
     ORDER BY created_at DESC, id DESC
     LIMIT %(limit)s::int
"""


async def listed(
    tx: ReadTx,
    *,
    employee: UUID,
    statuses: Sequence[IntentionStatus] | None = None,
    goal: UUID | None = None,
    limit: int = 100,
) -> list[Intention]:
    """The employee's intentions, the latest first."""
    chosen = None if statuses is None else list(statuses)
    return await tx.fetch_all(Intention, LISTED, employee=employee, goal=goal, statuses=chosen, part=None, limit=limit)


async def find(tx: ReadTx, *, named: str) -> Intention:
    """The intention whose id begins or ends so. Raises `NotFoundError`, `UsageError` for several."""
    part = ids.part(named)
    found = await tx.fetch_all(
        Intention, LISTED, employee=None, goal=None, statuses=None, part=part, limit=ids.MOST_NAMED
    )
    return ids.only(found, what="intention", named=named)


LATEST: LiteralString = """
    SELECT id, employee_id, goal_id, parent_id, parent_position, procedure_id, plan_key, cause_id, intention_type, description, plan,
           status, priority, commitment, on_failed_dependency, dependencies, context, reason, deadline_at, created_at, started_at,
           completed_at, failed_at, abandoned_at, served_at, tainted
      FROM employee_intentions
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (%(statuses)s::text[] IS NULL OR status = ANY (%(statuses)s::text[]))
       AND (%(goal)s::uuid IS NULL OR goal_id = %(goal)s::uuid)
       AND (%(parent)s::uuid IS NULL OR parent_id = %(parent)s::uuid)
       AND (%(procedure)s::uuid IS NULL OR procedure_id = %(procedure)s::uuid)
       AND (%(before)s::uuid IS NULL OR id < %(before)s::uuid)
     ORDER BY id DESC LIMIT %(limit)s::int
"""


async def latest(
    tx: ReadTx,
    *,
    employee: UUID,
    limit: int,
    before: UUID | None = None,
    statuses: Sequence[IntentionStatus] | None = None,
    goal: UUID | None = None,
    parent: UUID | None = None,
    procedure: UUID | None = None,
) -> list[Intention]:
    """At most so many of the employee's intentions, what was adopted last first: an id begins with the moment at which it was made."""
    return await tx.fetch_all(
        Intention,
        LATEST,
        employee=employee,
        limit=limit,
        before=before,
        statuses=None if statuses is None else list(statuses),
        goal=goal,
        parent=parent,
        procedure=procedure,
    )


BY_ID: LiteralString = """
    SELECT id, employee_id, goal_id, parent_id, parent_position, procedure_id, plan_key, cause_id, intention_type, description, plan,
           status, priority, commitment, on_failed_dependency, dependencies, context, reason, deadline_at, created_at, started_at,
           completed_at, failed_at, abandoned_at, served_at, tainted
      FROM employee_intentions
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(intention)s::uuid AND deleted_at IS NULL
"""


async def get(tx: ReadTx, *, employee: UUID, intention: UUID) -> Intention:
    """The intention of this id. Raises `NotFoundError`."""
    found = await tx.fetch_one(Intention, BY_ID, employee=employee, intention=intention)
    if found is None:
        raise NotFoundError("there is no such intention")
    return found


STEPS: LiteralString = """
    SELECT intention_id, position, action, definition, depends_on, capability, status, idempotency_key, attempts, max_attempts, not_before,
           timeout_at, started_at, ended_at, result, error
      FROM intention_steps
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND intention_id = ANY (%(intentions)s::uuid[])
     ORDER BY intention_id, position
"""


async def steps_of(tx: ReadTx, *, employee: UUID, intentions: Sequence[UUID]) -> list[Step]:
    """The steps of these intentions, in order."""
    return await tx.fetch_all(Step, STEPS, employee=employee, intentions=list(intentions)) if intentions else []


class StepChange(BaseModel):
    """A step as it should be now."""

    model_config = ConfigDict(frozen=True)

    intention_id: UUID
    position: int
    status: StepStatus
    attempts: int
    not_before: datetime | None = None
    timeout_at: datetime | None = None
    result: dict[str, JsonValue] = {}
    error: str | None = None


# started_at is when it was first taken up.
MOVE_STEPS: LiteralString = """
    UPDATE intention_steps s
       SET status = n.status, attempts = n.attempts, not_before = n.not_before, timeout_at = n.timeout_at, result = n.result,
           error = n.error,
           started_at = coalesce(s.started_at, CASE WHEN n.status NOT IN ('skipped', 'abandoned') THEN %(now)s::timestamptz END),
           ended_at = CASE WHEN n.status IN ('completed', 'failed', 'skipped', 'abandoned') THEN %(now)s::timestamptz END
      FROM jsonb_to_recordset(%(changes)s::jsonb) AS n (intention_id uuid, position int, status text, attempts int, not_before timestamptz,
           timeout_at timestamptz, result jsonb, error text)
     WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid AND s.intention_id = n.intention_id
       AND s.position = n.position AND s.status IN ('pending', 'in_progress')
"""


async def move_steps(tx: Tx, *, employee: UUID, changes: Sequence[StepChange]) -> int:
    """The steps are as the changes say, in one statement; one that has ended stays as it is. How many were moved."""
    if not changes:
        return 0
    written = json.dumps([change.model_dump(mode="json") for change in changes], ensure_ascii=False)
    return await tx.execute(MOVE_STEPS, employee=employee, changes=written, now=tx.now)


class Ending(BaseModel):
    """An intention that ends, how and why."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    status: Literal["completed", "failed", "abandoned"]
    reason: str


class Ended(BaseModel):
    """An intention that just ended: what was asked for, or what could not go on without it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    status: IntentionStatus
    reason: str | None
    description: str
    goal_id: UUID | None
    parent_id: UUID | None
    parent_position: int | None
    procedure_id: UUID | None
    plan_key: str | None
    is_asked_for: bool  # it was named in the endings; else it fell with another


# What was pursued for one that ends falls with it, at any depth; what depends on one that failed or was abandoned falls too, unless it
# may proceed. The steps that were still open are abandoned. An intention that was never begun can't fail: it is abandoned.
END: LiteralString = """
    WITH RECURSIVE asked AS (
        SELECT i.id, CASE WHEN i.status = 'planned' THEN 'abandoned' ELSE n.status END AS status, n.reason, 0 AS depth, true AS is_asked_for
          FROM jsonb_to_recordset(%(endings)s::jsonb) AS n (id uuid, status text, reason text)
          JOIN employee_intentions i ON i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.id = n.id
         WHERE i.status IN ('planned', 'in_progress') AND i.deleted_at IS NULL
    ), falling AS (
        SELECT * FROM asked
         UNION
        SELECT i.id, 'abandoned', left(CASE WHEN i.parent_id = f.id THEN 'what pursued it has ended: ' || f.reason
                                            WHEN i.on_failed_dependency = 'replan'
                                            THEN 'to be planned anew, for what it depends on did not come about: ' || f.reason
                                            ELSE 'what it depends on did not come about: ' || f.reason END, 2000), f.depth + 1, false
          FROM falling f
          JOIN employee_intentions i ON i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.deleted_at IS NULL
           AND i.status IN ('planned', 'in_progress')
           AND (i.parent_id = f.id OR (f.status <> 'completed' AND i.on_failed_dependency <> 'proceed' AND EXISTS (
                SELECT FROM intention_dependencies d
                 WHERE d.tenant_id = %(tenant)s::uuid AND d.employee_id = %(employee)s::uuid AND d.intention_id = i.id
                   AND d.depends_on = f.id)))
         WHERE f.depth < 100
    ), last AS (
        SELECT DISTINCT ON (id) * FROM falling ORDER BY id, depth
    ), left_open AS (
        UPDATE intention_steps s SET status = 'abandoned', ended_at = %(now)s::timestamptz, not_before = NULL, timeout_at = NULL
          FROM last l
         WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid AND s.intention_id = l.id
           AND s.status IN ('pending', 'in_progress')
        RETURNING s.position
    )
    UPDATE employee_intentions i
       SET status = l.status, reason = l.reason,
           completed_at = CASE WHEN l.status = 'completed' THEN %(now)s::timestamptz END,
           failed_at = CASE WHEN l.status = 'failed' THEN %(now)s::timestamptz END,
           abandoned_at = CASE WHEN l.status = 'abandoned' THEN %(now)s::timestamptz END
      FROM last l
     WHERE i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.id = l.id
    RETURNING i.id, i.status, i.reason, i.description, i.goal_id, i.parent_id, i.parent_position, i.procedure_id, i.plan_key, l.is_asked_for
"""


async def end(tx: Tx, *, employee: UUID, endings: Sequence[Ending]) -> list[Ended]:
    """These intentions end, and with them what was pursued for them and what depends on them; in one statement, with the reasons."""
    if not endings:
        return []
    written: list[dict[str, Any]] = [ending.model_dump(mode="json") for ending in endings]
    return await tx.fetch_all(Ended, END, employee=employee, endings=json.dumps(written), now=tx.now)


START: LiteralString = """
    UPDATE employee_intentions
       SET status = 'in_progress', started_at = %(now)s::timestamptz, deadline_at = %(deadline)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(intention)s::uuid AND status = 'planned'
"""


async def start(tx: Tx, *, employee: UUID, intention: UUID, deadline: datetime | None) -> None:
    """It is in progress, and has until `deadline` to succeed. Raises `ConflictError` for one that is not planned any more."""
    if not await tx.execute(START, employee=employee, intention=intention, deadline=deadline, now=tx.now):
        raise ConflictError("this intention has begun or ended already")


SERVED: LiteralString = """
    WITH served AS (
        UPDATE employee_intentions SET served_at = %(now)s::timestamptz
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(intention)s::uuid
        RETURNING goal_id
    )
    UPDATE employee_goals SET served_at = %(now)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id IN (SELECT goal_id FROM served)
"""


async def served(tx: Tx, *, employee: UUID, intention: UUID) -> None:
    """A step of it ran now: it and its goal have waited long enough."""
    await tx.execute(SERVED, employee=employee, intention=intention, now=tx.now)


class Tried(BaseModel):
    """A plan that failed for a goal since it wants what it wants."""

    model_config = ConfigDict(frozen=True)

    goal_id: UUID | None
    plan_key: str | None
    reason: str | None


TRIED: LiteralString = """
    SELECT i.goal_id, i.plan_key, i.reason
      FROM employee_intentions i
      JOIN employee_goals g ON g.tenant_id = i.tenant_id AND g.employee_id = i.employee_id AND g.id = i.goal_id
     WHERE i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.goal_id = ANY (%(goals)s::uuid[])
       AND i.status IN ('completed', 'failed') AND i.plan_key IS NOT NULL AND i.parent_id IS NULL AND i.deleted_at IS NULL
       AND i.created_at >= coalesce(g.trying_since, g.created_at)
     ORDER BY i.goal_id, i.failed_at, i.id
"""


async def tried(tx: ReadTx, *, employee: UUID, goals: Sequence[UUID]) -> list[Tried]:
    """The plans that ran for these goals since they want what they want, and did not bring it; children are their parents' matter."""
    return await tx.fetch_all(Tried, TRIED, employee=employee, goals=list(goals)) if goals else []
