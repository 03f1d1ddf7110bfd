"""Whose turn it is: a turn belongs to one process at a time, by a lease that ends and a fence that only grows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.employees.employees import EmployeeRole, Stage
from empla.employees.shapes import EmployeeConfig
from empla.errors import ConflictError
from empla.storage.database import Database
from empla.storage.tx import ReadTx, Tx

# Between two cycles of an employee whose config does not say.
DEFAULT_INTERVAL = timedelta(seconds=300)
# After a cycle that failed; doubled with each that fails after it.
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)


class Scheduled(BaseModel):
    """One employee's place in the schedule."""

    model_config = ConfigDict(frozen=True)

    employee_id: UUID
    active: bool  # neither paused nor onboarding
    next_cycle_at: datetime
    last_cycle_at: datetime | None
    leased_by: str | None
    lease_until: datetime | None  # wall clock


class Claim(BaseModel):
    """Somebody who is due, and whose turn is the claimer's until the lease ends."""

    model_config = ConfigDict(frozen=True)

    tenant_id: UUID
    employee_id: UUID
    fence: int


class Turn(BaseModel):
    """A turn that has been taken, with what a cycle needs to know of its employee."""

    model_config = ConfigDict(frozen=True)

    employee_id: UUID
    name: str
    email: str
    role: EmployeeRole
    lifecycle_stage: Stage
    config: EmployeeConfig
    capabilities: list[str]
    fence: int
    next_cycle_at: datetime
    failures: int  # cycles that failed since the last one that did not


class TurnLostError(ConflictError):
    """The turn is another's by now: nothing more may be written for it."""


class _Moment(BaseModel):
    next_cycle_at: datetime


class _Wait(BaseModel):
    due_in: timedelta | None


TURNS: LiteralString = """
    SELECT employee_id, active, next_cycle_at, last_cycle_at, leased_by, lease_until
      FROM employee_schedule WHERE tenant_id = %(tenant)s::uuid ORDER BY next_cycle_at, employee_id
"""


async def turns(tx: ReadTx) -> list[Scheduled]:
    """Everybody's next cycle, soonest first."""
    return await tx.fetch_all(Scheduled, TURNS)


CLAIM: LiteralString = """
    SELECT tenant_id, employee_id, fence FROM empla.claim_due(%(worker)s::text, %(lease)s::interval, %(most)s::int)
"""


async def claim(database: Database, *, worker: str, lease: timedelta, most: int) -> list[Claim]:
    """Of all tenants, at most so many employees who are due and whose turn is nobody's; the longest due first.

    Each is the worker's until the lease ends, by the wall clock of the database.
    """
    return await database.across(Claim, CLAIM, login="worker", worker=worker, lease=lease, most=most)


DUE_IN: LiteralString = "SELECT empla.due_in() AS due_in"


async def due_in(database: Database) -> timedelta | None:
    """How long until somebody in real time is due whose turn is nobody's, negative when somebody is; None when nobody is scheduled."""
    return (await database.across(_Wait, DUE_IN, login="worker"))[0].due_in


# The wall clock stands in FROM, where it is read once: leases are compared by the database's clock, never by a worker's.
TAKE: LiteralString = """
    UPDATE employee_schedule s
       SET fence = s.fence + CASE WHEN %(fence)s::bigint IS NULL THEN 1 ELSE 0 END,
           last_cycle_at = %(now)s::timestamptz,
           next_cycle_at = coalesce(%(next)s::timestamptz, %(now)s::timestamptz + coalesce(
               make_interval(secs => (e.config ->> 'loop_interval_seconds')::float8), %(interval)s::interval)),
           lease_until = clock.wall + %(lease)s::interval,
           leased_by = CASE WHEN %(lease)s::interval IS NULL OR %(fence)s::bigint IS NULL THEN NULL ELSE s.leased_by END
      FROM employees e CROSS JOIN (SELECT clock_timestamp() AS wall) clock
     WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid
       AND e.tenant_id = %(tenant)s::uuid AND e.id = s.employee_id
       AND CASE WHEN %(fence)s::bigint IS NULL THEN s.lease_until IS NULL OR s.lease_until <= clock.wall
                ELSE s.fence = %(fence)s::bigint END
       AND (NOT %(if_due)s::boolean OR s.next_cycle_at <= %(now)s::timestamptz OR s.lease_until IS NOT NULL)
    RETURNING s.employee_id, e.name, e.email, e.role, e.lifecycle_stage, e.config, e.capabilities, s.fence, s.next_cycle_at, s.failures
"""


async def take_turn(
    tx: Tx,
    *,
    employee: UUID,
    fence: int | None = None,
    next_cycle_at: datetime | None = None,
    if_due: bool = False,
    lease: timedelta | None = None,
) -> Turn | None:
    """The employee's turn is this transaction's until it ends, and the caller's until the lease does; None when it is another's.

    With the `fence` of a claim it must be the present one. Without, the turn must be nobody's, and gets the next fence; with `if_due` it
    must also be due, or have been left by somebody whose lease has ended. Whoever else asks waits for this transaction. The next turn is
    the given one, or an interval from now. Without `lease`, the turn is given back by this very statement, and only this transaction
    may write in it.
    """
    return await tx.fetch_one(
        Turn,
        TAKE,
        employee=employee,
        fence=fence,
        next=next_cycle_at,
        if_due=if_due,
        lease=lease,
        interval=DEFAULT_INTERVAL,
        now=tx.now,
    )


KEEP: LiteralString = """
    UPDATE employee_schedule s SET lease_until = clock.wall + %(lease)s::interval
      FROM (SELECT clock_timestamp() AS wall) clock
     WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid AND s.fence = %(fence)s::bigint
"""


async def keep_turn(tx: Tx, *, employee: UUID, fence: int, lease: timedelta) -> None:
    """The turn is still the caller's, and its lease begins anew; the first statement of each further transaction of a cycle.

    Nobody takes the turn before this transaction has ended. Raises `TurnLostError`.
    """
    if not await tx.execute(KEEP, employee=employee, fence=fence, lease=lease):
        raise _lost(fence)


END: LiteralString = """
    UPDATE employee_schedule SET lease_until = NULL, leased_by = NULL, failures = 0,
           next_cycle_at = least(next_cycle_at, %(next)s::timestamptz)
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND fence = %(fence)s::bigint
"""


async def end_turn(tx: Tx, *, employee: UUID, fence: int, next_cycle_at: datetime | None = None) -> None:
    """The cycle is over and has not failed: its turn is nobody's, and the next is at the latest then. Raises `TurnLostError`."""
    if not await tx.execute(END, employee=employee, fence=fence, next=next_cycle_at):
        raise _lost(fence)


REST: LiteralString = """
    UPDATE employee_schedule SET lease_until = NULL, leased_by = NULL, next_cycle_at = %(until)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND fence = %(fence)s::bigint
"""


async def rest(tx: Tx, *, employee: UUID, fence: int, until: datetime) -> None:
    """The employee does not work now: its turn is nobody's, and the next is then and not before. Raises `TurnLostError`."""
    if not await tx.execute(REST, employee=employee, fence=fence, until=until):
        raise _lost(fence)


BACK_OFF: LiteralString = """
    UPDATE employee_schedule SET lease_until = NULL, leased_by = NULL, failures = failures + 1,
           next_cycle_at = greatest(next_cycle_at,
               %(now)s::timestamptz + least(%(first)s::interval * 2 ^ least(failures, 20), %(longest)s::interval))
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND fence = %(fence)s::bigint
    RETURNING next_cycle_at
"""


async def back_off(tx: Tx, *, employee: UUID, fence: int) -> datetime:
    """The cycle has failed: its turn is nobody's, and the next comes after a pause that doubles with each failure, up to an hour.

    Returns when. Raises `TurnLostError`.
    """
    later = await tx.fetch_one(
        _Moment, BACK_OFF, employee=employee, fence=fence, now=tx.now, first=FIRST_PAUSE, longest=LONGEST_PAUSE
    )
    if later is None:
        raise _lost(fence)
    return later.next_cycle_at


# Locked in one order, so that two who wake the same people don't wait for each other; and locked before it is compared, for the cycle
# that runs meanwhile may have set a later turn.
WAKE: LiteralString = """
    WITH asleep AS (
        SELECT employee_id, next_cycle_at FROM employee_schedule
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = ANY (%(employees)s::uuid[])
         ORDER BY employee_id FOR UPDATE
    )
    UPDATE employee_schedule s SET next_cycle_at = %(at)s::timestamptz
      FROM asleep a
     WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = a.employee_id AND a.next_cycle_at > %(at)s::timestamptz
"""


async def wake(tx: Tx, *, employees: Sequence[UUID], at: datetime) -> int:
    """Their next turns are at the latest then; returns how many had a later one."""
    return await tx.execute(WAKE, employees=list(employees), at=at)


def _lost(fence: int) -> TurnLostError:
    return TurnLostError(f"the turn {fence} of this employee is another's by now: nothing was written")


class Standing(BaseModel):
    """How the cycles of one tenant keep up with its clock."""

    model_config = ConfigDict(frozen=True)

    active: int  # employees with a turn to come
    due: int  # and nobody's
    running: int
    lag: timedelta  # since when the longest waiting is due
    last_cycle_at: datetime | None


STANDING: LiteralString = """
    SELECT count(*) FILTER (WHERE active) AS active,
           count(*) FILTER (WHERE active AND next_cycle_at <= %(now)s::timestamptz AND leased_by IS NULL) AS due,
           count(*) FILTER (WHERE leased_by IS NOT NULL) AS running,
           coalesce(max(%(now)s::timestamptz - next_cycle_at)
                    FILTER (WHERE active AND next_cycle_at <= %(now)s::timestamptz AND leased_by IS NULL), interval '0') AS lag,
           max(last_cycle_at) AS last_cycle_at
      FROM employee_schedule WHERE tenant_id = %(tenant)s::uuid
"""


async def standing(tx: ReadTx) -> Standing:
    """Of the employees whom the caller may see."""
    found = await tx.fetch_one(Standing, STANDING, now=tx.now)
    assert found is not None  # noqa: S101 — sums over nothing are one row, too
    return found


class Pace(BaseModel):
    """How cycles keep up with their clock, over all tenants that live in real time."""

    due: int  # and nobody's
    running: int
    lag: float  # seconds since when the longest waiting is due


PACE: LiteralString = "SELECT due, running, lag FROM empla.turns()"


async def pace(database: Database) -> Pace:
    """For those who watch the process."""
    return (await database.across(Pace, PACE))[0]
