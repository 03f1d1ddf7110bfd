"""A digital employee: who it is, its status and its stage. Hiring, pausing and dismissing keep its schedule in step."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.employees.shapes import EmployeeConfig, PerformanceMetrics, Personality
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from empla.storage.tx import ReadTx, Tx

EmployeeRole = Literal["sales_ae", "csm", "pm", "sdr", "recruiter", "custom"]
Status = Literal["onboarding", "active", "paused", "terminated"]
Stage = Literal["shadow", "supervised", "autonomous"]


class Employee(BaseModel):
    """One digital employee."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    role: EmployeeRole
    email: str
    personality: Personality
    status: Status
    lifecycle_stage: Stage
    onboarded_at: datetime | None
    activated_at: datetime | None
    config: EmployeeConfig
    capabilities: list[str]
    performance_metrics: PerformanceMetrics
    created_by: UUID | None
    metadata: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime


HIRE: LiteralString = """
    WITH hired AS (
        INSERT INTO employees (tenant_id, name, role, email, personality, config, capabilities, created_by, metadata,
                               status, onboarded_at, activated_at)
        VALUES (%(tenant)s::uuid, %(name)s::text, %(role)s::text, %(email)s::text, %(personality)s::jsonb,
                %(config)s::jsonb, %(capabilities)s::text[], %(created_by)s::uuid, %(metadata)s::jsonb, %(status)s::text,
                %(active_since)s::timestamptz, %(active_since)s::timestamptz)
        RETURNING *
    ), scheduled AS (
        INSERT INTO employee_schedule (tenant_id, employee_id, next_cycle_at, active)
        SELECT tenant_id, id, %(first_cycle_at)s::timestamptz, status = 'active' FROM hired
        RETURNING employee_id
    )
    SELECT id, name, role, email, personality, status, lifecycle_stage, onboarded_at, activated_at, config, capabilities,
           performance_metrics, created_by, metadata, created_at, updated_at
      FROM hired JOIN scheduled ON scheduled.employee_id = hired.id
"""


async def hire(
    tx: Tx,
    *,
    name: str,
    role: EmployeeRole,
    email: str,
    personality: Personality | None = None,
    config: EmployeeConfig | None = None,
    capabilities: Sequence[str] = (),
    metadata: dict[str, JsonValue] | None = None,
    active: bool = True,
    first_cycle_at: datetime | None = None,
) -> Employee:
    """A new employee in stage shadow, active unless told otherwise, and scheduled.

    Raises `ConflictError` when the e-mail is taken, `InvalidError`, `ForbiddenError`.
    """
    employee = await tx.fetch_one(
        Employee,
        HIRE,
        name=name.strip(),
        role=role,
        email=email.strip(),
        personality=(personality or Personality()).to_json(),
        config=(config or EmployeeConfig()).to_json(),
        capabilities=list(capabilities),
        created_by=tx.caller.user,
        metadata=metadata or {},
        status="active" if active else "onboarding",
        active_since=tx.now if active else None,
        first_cycle_at=first_cycle_at or tx.now,
    )
    if employee is None:
        raise InvalidError("nobody was hired")
    return employee


FIND: LiteralString = """
    SELECT id, name, role, email, personality, status, lifecycle_stage, onboarded_at, activated_at, config, capabilities,
           performance_metrics, created_by, metadata, created_at, updated_at
      FROM employees
     WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL
       AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
       AND (%(email)s::text IS NULL OR email_key = lower(%(email)s::text))
     ORDER BY email_key
"""


async def everyone(tx: ReadTx) -> list[Employee]:
    """The employees whom the caller may see, by e-mail."""
    return await tx.fetch_all(Employee, FIND, id=None, email=None)


async def find(tx: ReadTx, *, email: str) -> Employee:
    """The employee of this e-mail. Raises `NotFoundError`."""
    employee = await tx.fetch_one(Employee, FIND, id=None, email=email.strip())
    if employee is None:
        raise NotFoundError(f"there is no employee {email!r}")
    return employee


async def get(tx: ReadTx, *, employee: UUID) -> Employee:
    """The employee of this id. Raises `NotFoundError`."""
    found = await tx.fetch_one(Employee, FIND, id=employee, email=None)
    if found is None:
        raise NotFoundError("there is no such employee")
    return found


BY_EMAIL: LiteralString = """
    SELECT id, name, role, email, personality, status, lifecycle_stage, onboarded_at, activated_at, config, capabilities,
           performance_metrics, created_by, metadata, created_at, updated_at
      FROM employees
     WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL
       AND (%(status)s::text IS NULL OR status = %(status)s::text) AND (%(role)s::text IS NULL OR role = %(role)s::text)
       AND (%(stage)s::text IS NULL OR lifecycle_stage = %(stage)s::text)
       AND (%(after)s::text IS NULL OR email_key > lower(%(after)s::text))
     ORDER BY email_key LIMIT %(limit)s::int
"""


async def by_email(
    tx: ReadTx,
    *,
    limit: int,
    after: str | None = None,
    status: Status | None = None,
    role: EmployeeRole | None = None,
    stage: Stage | None = None,
) -> list[Employee]:
    """At most so many of those whom the caller may see, by e-mail, from the one after this address on."""
    return await tx.fetch_all(Employee, BY_EMAIL, limit=limit, after=after, status=status, role=role, stage=stage)


LATEST: LiteralString = """
    SELECT id, name, role, email, personality, status, lifecycle_stage, onboarded_at, activated_at, config, capabilities,
           performance_metrics, created_by, metadata, created_at, updated_at
      FROM employees
     WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL
       AND (%(status)s::text IS NULL OR status = %(status)s::text) AND (%(role)s::text IS NULL OR role = %(role)s::text)
       AND (%(stage)s::text IS NULL OR lifecycle_stage = %(stage)s::text)
       AND (%(before)s::uuid IS NULL OR id < %(before)s::uuid)
     ORDER BY id DESC LIMIT %(limit)s::int
"""


async def latest(
    tx: ReadTx,
    *,
    limit: int,
    before: UUID | None = None,
    status: Status | None = None,
    role: EmployeeRole | None = None,
    stage: Stage | None = None,
) -> list[Employee]:
    """As `by_email`, but who was hired last first: an id begins with the moment at which it was made."""
    return await tx.fetch_all(Employee, LATEST, limit=limit, before=before, status=status, role=role, stage=stage)


HELD: LiteralString = """
    SELECT id, name, role, email, personality, status, lifecycle_stage, onboarded_at, activated_at, config, capabilities,
           performance_metrics, created_by, metadata, created_at, updated_at
      FROM employees
     WHERE tenant_id = %(tenant)s::uuid AND id = %(employee)s::uuid AND deleted_at IS NULL FOR NO KEY UPDATE
"""


async def held(tx: Tx, *, employee: UUID) -> Employee:
    """The employee, whom nobody else changes while this transaction lasts. Raises `NotFoundError`, also for whoever may not."""
    found = await tx.fetch_one(Employee, HELD, employee=employee)
    if found is None:
        raise NotFoundError("there is no such employee, or not yours to change")
    return found


CHANGE: LiteralString = """
    UPDATE employees
       SET name = coalesce(%(name)s::text, name), email = coalesce(%(email)s::text, email),
           personality = coalesce(%(personality)s::jsonb, personality), config = coalesce(%(config)s::jsonb, config),
           capabilities = coalesce(%(capabilities)s::text[], capabilities), metadata = coalesce(%(metadata)s::jsonb, metadata)
     WHERE tenant_id = %(tenant)s::uuid AND id = %(employee)s::uuid AND deleted_at IS NULL
    RETURNING id, name, role, email, personality, status, lifecycle_stage, onboarded_at, activated_at, config, capabilities,
           performance_metrics, created_by, metadata, created_at, updated_at
"""


async def change(
    tx: Tx,
    *,
    employee: UUID,
    name: str | None = None,
    email: str | None = None,
    personality: Personality | None = None,
    config: EmployeeConfig | None = None,
    capabilities: Sequence[str] | None = None,
    metadata: dict[str, JsonValue] | None = None,
) -> Employee:
    """What is said is so from its next cycle on. Raises `ConflictError` when the e-mail is taken, `NotFoundError`."""
    changed = await tx.fetch_one(
        Employee,
        CHANGE,
        employee=employee,
        name=None if name is None else name.strip(),
        email=None if email is None else email.strip(),
        personality=None if personality is None else personality.to_json(),
        config=None if config is None else config.to_json(),
        capabilities=None if capabilities is None else list(capabilities),
        metadata=metadata,
    )
    if changed is None:
        raise NotFoundError("there is no such employee, or not yours to change")
    return changed


# The schedule's row is locked first, as a cycle locks it: so this waits for the cycle's transaction, and never the one for the other.
CHANGE_STATUS: LiteralString = """
    WITH turn AS (
        SELECT employee_id FROM employee_schedule
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid FOR UPDATE
    ), changed AS (
        UPDATE employees
           SET status = %(after)s::text,
               onboarded_at = coalesce(onboarded_at, %(active_since)s::timestamptz),
               activated_at = coalesce(activated_at, %(active_since)s::timestamptz)
         WHERE tenant_id = %(tenant)s::uuid AND id = %(employee)s::uuid AND deleted_at IS NULL
           AND status = ANY (%(before)s::text[]) AND (SELECT count(*) FROM turn) <= 1
        RETURNING *
    ), kept AS (
        UPDATE employee_schedule SET active = %(active)s::boolean
         WHERE tenant_id = %(tenant)s::uuid AND employee_id IN (SELECT id FROM changed)
        RETURNING employee_id
    )
    SELECT id, name, role, email, personality, status, lifecycle_stage, onboarded_at, activated_at, config, capabilities,
           performance_metrics, created_by, metadata, created_at, updated_at
      FROM changed
"""


async def pause(tx: Tx, *, employee: UUID) -> Employee:
    """An active employee runs no cycle until it is resumed; a paused one stays paused.

    A cycle that is under way writes nothing after the transaction in hand. Raises `NotFoundError`, `ForbiddenError`, and
    `ConflictError` for one that is still onboarding.
    """
    return await _change_status(tx, employee, before=["active"], after="paused")


async def resume(tx: Tx, *, employee: UUID) -> Employee:
    """A paused or onboarding employee is active and has its turns again; an active one stays active.

    Raises `NotFoundError`, `ForbiddenError`.
    """
    return await _change_status(tx, employee, before=["onboarding", "paused"], after="active")


async def _change_status(tx: Tx, employee: UUID, *, before: list[Status], after: Status) -> Employee:
    changed = await tx.fetch_one(
        Employee,
        CHANGE_STATUS,
        employee=employee,
        before=before,
        after=after,
        active=after == "active",
        active_since=tx.now if after == "active" else None,
    )
    if changed is not None:
        return changed
    as_it_is = await get(tx, employee=employee)
    if as_it_is.status in before:
        raise ForbiddenError("the caller's role does not allow this")
    if as_it_is.status != after:
        raise ConflictError(f"{as_it_is.name} is {as_it_is.status}, and only who is {before[0]} can be {after}")
    return as_it_is


DISMISS: LiteralString = """
    WITH turn AS (
        SELECT employee_id FROM employee_schedule
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid FOR UPDATE
    ), gone AS (
        UPDATE employees SET status = 'terminated', deleted_at = %(now)s::timestamptz
         WHERE tenant_id = %(tenant)s::uuid AND id = %(employee)s::uuid AND deleted_at IS NULL AND (SELECT count(*) FROM turn) <= 1
        RETURNING id
    ), unscheduled AS (
        DELETE FROM employee_schedule
         WHERE tenant_id = %(tenant)s::uuid AND employee_id IN (SELECT id FROM gone)
        RETURNING employee_id
    )
    SELECT count(*)::int FROM gone
"""


async def dismiss(tx: Tx, *, employee: UUID) -> None:
    """Terminated, hidden with all it owns, and out of the schedule; its e-mail is free again. Raises `NotFoundError`."""
    if not await tx.fetch_value(int, DISMISS, employee=employee, now=tx.now):
        raise NotFoundError("there is no such employee")
