"""What tests of the clock do with one employee and its turn, in single sentences, each in a transaction of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4

from factories import MONDAY
from pydantic import BaseModel

from empla.employees import employees, schedule
from empla.employees.employees import EmployeeRole
from empla.employees.schedule import Claim, Turn
from empla.employees.shapes import EmployeeConfig
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants

LEASE = timedelta(minutes=5)

PLACE: LiteralString = """
    SELECT fence, active, suspended, clock_now, next_cycle_at, last_cycle_at, failures, leased_by,
           coalesce(lease_until > clock_timestamp(), false) AS leased
      FROM employee_schedule WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
"""
EXPIRE: LiteralString = """
    UPDATE employee_schedule SET lease_until = '2020-01-01Z' WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
       AND lease_until IS NOT NULL
"""


class Place(BaseModel):
    fence: int
    active: bool
    suspended: bool
    clock_now: datetime | None
    next_cycle_at: datetime
    last_cycle_at: datetime | None
    failures: int
    leased_by: str | None
    leased: bool


@dataclass(frozen=True)
class Shift:
    """One employee and its place in the schedule."""

    database: Database
    operator: Caller
    employee: UUID

    @property
    def caller(self) -> Caller:
        return Caller(self.operator.tenant, employee=self.employee)

    async def place(self) -> Place:
        async with self.database.read(self.operator) as tx:
            found = await tx.fetch_one(Place, PLACE, employee=self.employee)
        assert found is not None
        return found

    async def take(self, **how: Any) -> Turn | None:
        async with self.database.work(self.caller) as tx:
            return await schedule.take_turn(tx, employee=self.employee, **how)

    async def keep(self, fence: int) -> None:
        async with self.database.work(self.caller) as tx:
            await schedule.keep_turn(tx, employee=self.employee, fence=fence, lease=LEASE)

    async def end(self, fence: int, next_cycle_at: datetime | None = None) -> None:
        async with self.database.work(self.caller) as tx:
            await schedule.end_turn(tx, employee=self.employee, fence=fence, next_cycle_at=next_cycle_at)

    async def rest(self, fence: int, until: datetime) -> None:
        async with self.database.work(self.caller) as tx:
            await schedule.rest(tx, employee=self.employee, fence=fence, until=until)

    async def back_off(self, fence: int) -> datetime:
        async with self.database.work(self.caller) as tx:
            return await schedule.back_off(tx, employee=self.employee, fence=fence)

    async def wake(self, at: datetime) -> int:
        async with self.database.write(self.operator) as tx:
            return await schedule.wake(tx, employees=[self.employee], at=at)

    async def expire(self) -> None:
        """Whoever holds the turn has been silent for longer than its lease."""
        async with self.database.write(self.operator) as tx:
            await tx.execute(EXPIRE, employee=self.employee)


async def a_tenant(database: Database, *, simulated: bool = False) -> Caller:
    starts_at = MONDAY if simulated else None
    return Caller(await tenants.create(database, slug=f"t-{uuid4().hex[:12]}", name="Acme", starts_at=starts_at))


async def a_shift(
    database: Database,
    operator: Caller,
    *,
    due: datetime | None = None,
    active: bool = True,
    role: EmployeeRole = "pm",
    able: Sequence[str] = (),
    **config: Any,
) -> Shift:
    """An employee who is due now, or then."""
    async with database.write(operator) as tx:
        hired = await employees.hire(
            tx,
            name="Jordan",
            role=role,
            capabilities=able,
            email=f"j-{uuid4().hex[:12]}@acme.example",
            active=active,
            config=EmployeeConfig.parse(config),
            first_cycle_at=due,
        )
    return Shift(database, operator, hired.id)


async def claimed(database: Database, most: int = 100, *, worker: str = "w", lease: timedelta = LEASE) -> list[Claim]:
    return await schedule.claim(database, worker=worker, lease=lease, most=most)


async def who(database: Database, most: int = 100) -> list[UUID]:
    """The employees who are claimed, in the order of the answer."""
    return [claim.employee_id for claim in await claimed(database, most)]


def past(**ago: float) -> datetime:
    return datetime.now(UTC) - timedelta(**ago)


def future(**ahead: float) -> datetime:
    return datetime.now(UTC) + timedelta(**ahead)
