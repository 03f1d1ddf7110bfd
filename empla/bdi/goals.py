"""A goal is something that an employee wants to be, stay or never become true; a metric over its beliefs says how far it is."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla import ids
from empla.bdi.priority import Pressure, deadline_urgency
from empla.bdi.shapes import CALENDAR_UNITS, GoalConditions, GoalType, Progress, ProgressState, Target
from empla.bdi.states import LIVE_GOALS, GoalStatus
from empla.conditions import Condition, Key
from empla.durations import duration
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from empla.storage.tx import ReadTx, Tx


class Goal(BaseModel):
    """One goal."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    goal_key: str | None  # at most one live goal has it
    parent_id: UUID | None
    goal_type: GoalType
    description: str
    priority: int  # 1..10, computed from priority_inputs
    importance: float  # 0..1, as somebody said
    priority_inputs: dict[str, JsonValue]
    target: Target
    conditions: GoalConditions
    current_progress: Progress
    status: GoalStatus
    reason: str | None  # why the status is what it is
    trying_since: datetime | None  # plans that failed since then are not tried again
    retry_at: datetime | None  # no plan was found; looked at again then
    served_at: datetime | None  # when a step last ran for it
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    abandoned_at: datetime | None


def metric_key(metric: str) -> Key:
    """The belief that a metric names: `subject.predicate`, or the employee's own (subject `self`) for a bare one."""
    subject, dot, predicate = metric.rpartition(".")
    return (subject, predicate) if dot else ("self", metric)


def measure_of(target: Target) -> dict[str, JsonValue]:
    """How the database reads the metric: the belief, and where there is a window its period and what of it counts."""
    subject, predicate = metric_key(target.metric)
    measure: dict[str, JsonValue] = {"subject": subject, "predicate": predicate}
    if target.window is not None and target.measure != "last":
        calendar = target.window in CALENDAR_UNITS
        measure["period"] = target.window if calendar else duration(target.window).total_seconds()
        measure["measure"] = target.measure or "change"
    return measure


def watched(target: Target, conditions: GoalConditions) -> list[list[str]]:
    """The beliefs that say how the goal stands. Raises `InvalidError` for a condition that can't be read."""
    keys = {metric_key(target.metric)}
    for name in ("creation", "context", "drop"):
        written = getattr(conditions, name)
        if written is not None:
            keys |= Condition.parse(written, what=f"the {name} condition of the goal").keys({})
    return [list(key) for key in sorted(keys)]


# A key that is live already adopts nothing; without a key there is no conflict.
ADOPT: LiteralString = """
    INSERT INTO employee_goals (tenant_id, employee_id, goal_key, parent_id, goal_type, description, priority, importance,
                                priority_inputs, target, conditions, measure, watches, status, current_progress, trying_since, tainted)
    VALUES (%(tenant)s::uuid, %(employee)s::uuid, %(goal_key)s::text, %(parent)s::uuid, %(goal_type)s::text, %(description)s::text,
            %(priority)s::int, %(importance)s::float8, %(inputs)s::jsonb, %(target)s::jsonb, %(conditions)s::jsonb, %(measure)s::jsonb,
            %(watches)s::jsonb, %(status)s::text, %(progress)s::jsonb, %(now)s::timestamptz, %(tainted)s::boolean)
    ON CONFLICT (tenant_id, employee_id, goal_key) WHERE deleted_at IS NULL AND status IN ('active', 'in_progress', 'blocked') DO NOTHING
    RETURNING id, employee_id, goal_key, parent_id, goal_type, description, priority, importance, priority_inputs, target, conditions,
              current_progress, status, reason, trying_since, retry_at, served_at, created_at, updated_at, completed_at, abandoned_at
"""


async def adopt(
    tx: Tx,
    *,
    employee: UUID,
    goal_type: GoalType,
    description: str,
    target: Target,
    importance: float = 0.5,
    key: str | None = None,
    parent: UUID | None = None,
    conditions: GoalConditions | None = None,
) -> Goal:
    """The employee wants it from now on; with a creation condition, once that holds.

    Raises `ConflictError` while another goal of this key is live, `InvalidError`, `NotFoundError` for another's or no employee or
    parent, `ForbiddenError`.
    """
    goal = await adopt_once(
        tx,
        employee=employee,
        goal_type=goal_type,
        description=description,
        target=target,
        importance=importance,
        key=key,
        parent=parent,
        conditions=conditions,
    )
    if goal is None:
        raise ConflictError(f"a goal of the key {key!r} is live already")
    return goal


async def adopt_once(
    tx: Tx,
    *,
    employee: UUID,
    goal_type: GoalType,
    description: str,
    target: Target,
    importance: float = 0.5,
    key: str | None = None,
    parent: UUID | None = None,
    conditions: GoalConditions | None = None,
    tainted: bool = False,
) -> Goal | None:
    """As `adopt`; `tainted` where what came from outside called for it; None, and nothing done, while a goal of this key is live."""
    chosen = conditions or GoalConditions()
    check_target(target, goal_type=goal_type)
    if not 0 <= importance <= 1:
        raise InvalidError(f"an importance lies between 0 and 1, not {importance}")
    latent = chosen.creation is not None
    pressure = Pressure(
        importance=importance,
        deadline=deadline_urgency(since=tx.now, deadline=target.deadline_at, now=tx.now),
    )
    return await tx.fetch_one(
        Goal,
        ADOPT,
        employee=employee,
        goal_key=key,
        parent=parent,
        goal_type=goal_type,
        description=description.strip(),
        priority=pressure.priority,
        importance=importance,
        inputs=pressure.to_json(),
        target=target.to_json(),
        conditions=chosen.to_json(),
        measure=measure_of(target),
        watches=json.dumps(watched(target, chosen)),
        status="blocked" if latent else "active",
        progress={"blocked_by": "creation"} if latent else {},
        tainted=tainted,
        now=tx.now,
    )


def check_target(target: Target, *, goal_type: GoalType) -> None:
    """Raises `InvalidError` for a metric that names no belief, a restore value laxer than what is kept, and one on an achievement."""
    if not all(part.strip() for part in metric_key(target.metric)):
        raise InvalidError(
            f"target.metric names a belief, SUBJECT.PREDICATE or the employee's own, not {target.metric!r}"
        )
    if target.restore is None:
        return
    comparator = target.comparator_for(goal_type)
    if goal_type == "achievement":
        raise InvalidError(
            "target.restore is for goals that keep or prevent a state: an achievement is done when it is met"
        )
    stricter = {">": target.restore >= target.number, "<": target.restore <= target.number}.get(comparator[0])
    if not stricter:
        raise InvalidError(
            f"target.restore must be at least as strict as {comparator} {target.number:g}, not {target.restore:g}"
        )


LISTED: LiteralString = """
    SELECT id, employee_id, goal_key, parent_id, goal_type, description, priority, importance, priority_inputs, target, conditions,
           current_progress, status, reason, trying_since, retry_at, served_at, created_at, updated_at, completed_at, abandoned_at
      FROM employee_goals
     WHERE tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR employee_id = %(employee)s::uuid) AND deleted_at IS NULL
       AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
       AND (%(statuses)s::text[] IS NULL OR status = ANY (%(statuses)s::text[]))
       AND (%(named)s::text IS NULL OR (goal_key = %(named)s::text AND status IN ('active', 'in_progress', 'blocked'))
            OR starts_with(id::text, %(part)s::text) OR right(id::text, length(%(part)s::text)) = %(part)s::text)
     ORDER BY priority DESC, created_at, id
"""


async def listed(tx: ReadTx, *, employee: UUID, statuses: Sequence[GoalStatus] | None = None) -> list[Goal]:
    """The employee's goals, the most pressing first."""
    chosen = None if statuses is None else list(statuses)
    return await tx.fetch_all(Goal, LISTED, employee=employee, id=None, statuses=chosen, named=None, part=None)


MOST_PRESSING: LiteralString = """
    SELECT id, employee_id, goal_key, parent_id, goal_type, description, priority, importance, priority_inputs, target, conditions,
           current_progress, status, reason, trying_since, retry_at, served_at, created_at, updated_at, completed_at, abandoned_at
      FROM employee_goals
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (%(statuses)s::text[] IS NULL OR status = ANY (%(statuses)s::text[]))
       AND (%(goal_type)s::text IS NULL OR goal_type = %(goal_type)s::text)
       AND (%(priority)s::int IS NULL OR priority < %(priority)s::int OR (priority = %(priority)s::int AND id > %(after)s::uuid))
     ORDER BY priority DESC, id LIMIT %(limit)s::int
"""


async def most_pressing(
    tx: ReadTx,
    *,
    employee: UUID,
    limit: int,
    priority: int | None = None,
    after: UUID | None = None,
    statuses: Sequence[GoalStatus] | None = None,
    goal_type: GoalType | None = None,
) -> list[Goal]:
    """At most so many of the employee's goals, the most pressing first, from those after the one of this priority and id on."""
    return await tx.fetch_all(
        Goal,
        MOST_PRESSING,
        employee=employee,
        limit=limit,
        priority=priority,
        after=after,
        statuses=None if statuses is None else list(statuses),
        goal_type=goal_type,
    )


LATEST: LiteralString = """
    SELECT id, employee_id, goal_key, parent_id, goal_type, description, priority, importance, priority_inputs, target, conditions,
           current_progress, status, reason, trying_since, retry_at, served_at, created_at, updated_at, completed_at, abandoned_at
      FROM employee_goals
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (%(statuses)s::text[] IS NULL OR status = ANY (%(statuses)s::text[]))
       AND (%(goal_type)s::text IS NULL OR goal_type = %(goal_type)s::text)
       AND (%(before)s::uuid IS NULL OR id < %(before)s::uuid)
     ORDER BY id DESC LIMIT %(limit)s::int
"""


async def latest(
    tx: ReadTx,
    *,
    employee: UUID,
    limit: int,
    before: UUID | None = None,
    statuses: Sequence[GoalStatus] | None = None,
    goal_type: GoalType | None = None,
) -> list[Goal]:
    """As `most_pressing`, but what was adopted last first: an id begins with the moment at which it was made."""
    chosen = None if statuses is None else list(statuses)
    return await tx.fetch_all(
        Goal, LATEST, employee=employee, limit=limit, before=before, statuses=chosen, goal_type=goal_type
    )


async def get(tx: ReadTx, *, goal: UUID, employee: UUID | None = None) -> Goal:
    """The goal of this id, of that employee where one is named. Raises `NotFoundError`."""
    found = await tx.fetch_one(Goal, LISTED, employee=employee, id=goal, statuses=None, named=None, part=None)
    if found is None:
        raise NotFoundError("there is no such goal")
    return found


async def find(tx: ReadTx, *, named: str, employee: UUID | None = None) -> Goal:
    """The goal whose id begins or ends so, or the live one of this key. Raises `NotFoundError`, `UsageError` for several."""
    named, part = named.strip(), ids.part(named)
    found = await tx.fetch_all(Goal, LISTED, employee=employee, id=None, statuses=None, named=named, part=part)
    return ids.only(found, what="goal", named=named)


class Change(BaseModel):
    """What an evaluation found different about one goal: the columns as they should be now."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    status: GoalStatus
    current_progress: Progress
    priority: int
    priority_inputs: dict[str, JsonValue]
    reason: str | None
    trying_since: datetime | None
    retry_at: datetime | None


MOVE: LiteralString = """
    UPDATE employee_goals g
       SET status = n.status, current_progress = n.current_progress, priority = n.priority, priority_inputs = n.priority_inputs,
           reason = n.reason, trying_since = n.trying_since, retry_at = n.retry_at,
           completed_at = CASE WHEN n.status = 'completed' THEN %(now)s::timestamptz END,
           abandoned_at = CASE WHEN n.status = 'abandoned' THEN %(now)s::timestamptz END
      FROM jsonb_to_recordset(%(changes)s::jsonb) AS n (id uuid, status text, current_progress jsonb, priority int, priority_inputs jsonb,
           reason text, trying_since timestamptz, retry_at timestamptz)
     WHERE g.tenant_id = %(tenant)s::uuid AND g.employee_id = %(employee)s::uuid AND g.id = n.id AND g.deleted_at IS NULL
       AND g.status IN ('active', 'in_progress', 'blocked')
"""


async def move(tx: Tx, *, employee: UUID, changes: Sequence[Change]) -> int:
    """The goals are as the changes say, in one statement; the database logs what moved. How many were still live."""
    if not changes:
        return 0
    written: list[dict[str, Any]] = [change.model_dump(mode="json") for change in changes]
    return await tx.execute(MOVE, employee=employee, changes=json.dumps(written), now=tx.now)


DROP: LiteralString = """
    UPDATE employee_goals SET status = 'abandoned', abandoned_at = %(now)s::timestamptz, reason = %(reason)s::text
     WHERE tenant_id = %(tenant)s::uuid AND id = %(goal)s::uuid AND deleted_at IS NULL AND status IN ('active', 'in_progress', 'blocked')
"""


async def drop(tx: Tx, *, goal: UUID, reason: str) -> None:
    """It is wanted no more; its plans end in the employee's next cycle.

    Raises `ConflictError` for one that is over, `NotFoundError`, `ForbiddenError`.
    """
    if not await tx.execute(DROP, goal=goal, reason=reason, now=tx.now):
        found = await get(tx, goal=goal)
        if found.status in LIVE_GOALS:
            raise ForbiddenError("the caller's role does not allow this")
        raise ConflictError(f"this goal is {found.status} already")


HELD: LiteralString = """
    SELECT id, employee_id, goal_key, parent_id, goal_type, description, priority, importance, priority_inputs, target, conditions,
           current_progress, status, reason, trying_since, retry_at, served_at, created_at, updated_at, completed_at, abandoned_at
      FROM employee_goals
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(goal)s::uuid AND deleted_at IS NULL
       FOR NO KEY UPDATE
"""


async def held(tx: Tx, *, employee: UUID, goal: UUID) -> Goal:
    """As `get`, and nobody else changes it until the transaction ends."""
    found = await tx.fetch_one(Goal, HELD, employee=employee, goal=goal)
    return found or await get(tx, goal=goal, employee=employee)


# The graph of its status is the cycle's: here it stays what it is.
REWEIGH: LiteralString = """
    UPDATE employee_goals
       SET importance = %(importance)s::float8, description = %(description)s::text, priority = %(priority)s::int,
           priority_inputs = %(inputs)s::jsonb
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(goal)s::uuid AND deleted_at IS NULL
       AND status IN ('active', 'in_progress', 'blocked')
    RETURNING id, employee_id, goal_key, parent_id, goal_type, description, priority, importance, priority_inputs, target, conditions,
              current_progress, status, reason, trying_since, retry_at, served_at, created_at, updated_at, completed_at, abandoned_at
"""


async def change(tx: Tx, *, goal: Goal, importance: float | None = None, description: str | None = None) -> Goal:
    """The goal, as it is held, is so important and described so from now on; what is None stays. Its priority follows at once.

    Raises `ConflictError` for one that is over, `ForbiddenError`, `InvalidError`.
    """
    if importance is not None and not 0 <= importance <= 1:
        raise InvalidError(f"an importance lies between 0 and 1, not {importance}")
    if description is not None and not description.strip():
        raise InvalidError("a goal has a description")
    if goal.status not in LIVE_GOALS:
        raise ConflictError(f"this goal is {goal.status} already")
    pressure = Pressure.kept(goal.priority_inputs, importance=goal.importance if importance is None else importance)
    changed = await tx.fetch_one(
        Goal,
        REWEIGH,
        employee=goal.employee_id,
        goal=goal.id,
        importance=pressure.importance,
        description=goal.description if description is None else description.strip(),
        priority=pressure.priority,
        inputs=pressure.to_json(),
    )
    if changed is None:
        raise ForbiddenError("the caller's role does not allow this")
    return changed


class GoalEvent(BaseModel):
    """One change of a goal's status or state, as the database wrote it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    goal_id: UUID
    old_status: GoalStatus | None
    new_status: GoalStatus
    old_state: str | None
    new_state: str | None
    value: JsonValue
    reason: str | None
    actor_type: str
    actor_id: UUID
    changed_at: datetime


HISTORY: LiteralString = """
    SELECT id, goal_id, old_status, new_status, old_state, new_state, value, reason, actor_type, actor_id, changed_at
      FROM goal_history
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND goal_id = %(goal)s::uuid
       AND changed_at <= %(at)s::timestamptz
       AND (%(state)s::text IS NULL OR (new_state = %(state)s::text AND old_state IS DISTINCT FROM new_state))
       AND (%(before)s::uuid IS NULL OR (changed_at, id) < (%(before_at)s::timestamptz, %(before)s::uuid))
     ORDER BY changed_at DESC, id DESC LIMIT %(limit)s::int
"""


async def history(
    tx: ReadTx,
    *,
    employee: UUID,
    goal: UUID,
    at: datetime | None = None,
    state: ProgressState | None = None,
    limit: int | None = None,
    before_at: datetime | None = None,
    before: UUID | None = None,
) -> list[GoalEvent]:
    """How the goal came to stand where it stands (or stood at a moment), the latest change first.

    With a state, how often it came to be in that: its violations, say. With a limit, those before the one of this moment and id.
    """
    return await tx.fetch_all(
        GoalEvent,
        HISTORY,
        employee=employee,
        goal=goal,
        at=at or tx.now,
        state=state,
        limit=limit,
        before_at=before_at,
        before=before,
    )
