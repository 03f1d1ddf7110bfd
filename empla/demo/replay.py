"""A sales force lives through its CRM's history: one tenant per office, one employee per agent, one cycle per employee and day.

Each step is a transaction that leaves everything consistent, so a run that was killed is carried on by the next.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from empla.bdi import goals
from empla.bdi.shapes import GoalConditions, Target
from empla.demo.trust import day_of_trust, open_mail, trust
from empla.employees import employees, schedule
from empla.employees.employees import Employee
from empla.employees.schedule import TurnLostError
from empla.employees.shapes import EmployeeConfig
from empla.errors import ConflictError, InvalidError, NotFoundError
from empla.mind import cycle, hiring
from empla.mind.cycle import CycleOutcome
from empla.mind.pipeline import SUBJECT
from empla.senses import inbox
from empla.senses.crm import CrmReading
from empla.senses.crm_directory import Agent, email_of
from empla.senses.inbox import Delivery
from empla.storage.database import Database
from empla.storage.tx import Caller, Tx
from empla.tenancy import tenants, users

# Every employee's cycle of the day runs then, in its tenant's simulated time.
CYCLE_AT = time(23, 59, tzinfo=UTC)
_ONE_DAY = timedelta(days=1)
# An employee that has more to do goes on in the same evening, as a worker would let it.
MOST_CYCLES_A_DAY = 20
MOST_STALE_DEALS = 5
_HELD_TURN_PAUSE = 0.1  # seconds; until a turn that another process holds is looked at again


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay of this reading would do."""

    offices: dict[str, list[Agent]]  # by slug; agents that have dated deals
    first_day: date
    last_day: date
    cycles: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What this run did; earlier runs' work is not counted."""

    cycles: int
    perceived: int
    revised: int
    steps: int
    delivery: Delivery


def plan(reading: CrmReading, *, until: date | None = None) -> Plan:
    """Raises `InvalidError` when nothing dated was read, or `until` lies before it."""
    if not reading.observations:
        raise InvalidError("the export has no dated deals: there is nothing to live through")
    working = {observation.recipient for observation in reading.observations}
    offices: dict[str, list[Agent]] = {}
    for agent in sorted(reading.agents, key=lambda agent: agent.email):
        if agent.email in working:
            offices.setdefault(agent.office.lower().replace(" ", "-"), []).append(agent)
    first = reading.observations[0].occurred_at.date()
    last = until or reading.observations[-1].occurred_at.date()
    if last < first:
        raise InvalidError(f"nothing happened before {first}: choose a later --until")
    return Plan(offices, first, last, cycles=((last - first).days + 1) * len(working))


async def replay(
    database: Database, reading: CrmReading, *, until: date | None = None, progress: Callable[[int], None] | None = None
) -> Outcome:
    """The offices' tenants live until the evening of `until` (the last event's day unless said).

    `progress` is called with the number of cycles done, those of earlier runs included. Raises `ConflictError` when the database
    holds another world.
    """
    todo = plan(reading, until=until)
    done = _Progress(progress)
    # A failure in one office stops the others at once; what they committed stays.
    async with asyncio.TaskGroup() as group:
        lives = [
            group.create_task(_Office(database, slug, agents, reading, todo, done).live())
            for slug, agents in todo.offices.items()
        ]
    outcomes = [life.result() for life in lives]
    delivery = Delivery()
    for outcome in outcomes:
        delivery.add(outcome.delivery)
    return Outcome(
        cycles=sum(outcome.cycles for outcome in outcomes),
        perceived=sum(outcome.perceived for outcome in outcomes),
        revised=sum(outcome.revised for outcome in outcomes),
        steps=sum(outcome.steps for outcome in outcomes),
        delivery=delivery,
    )


@dataclass(slots=True)
class _Progress:
    tell: Callable[[int], None] | None
    cycles: int = 0

    def add(self, cycles: int) -> None:
        self.cycles += cycles
        if self.tell:
            self.tell(self.cycles)


@dataclass(slots=True)
class _Lived:
    cycles: int = 0
    perceived: int = 0
    revised: int = 0
    steps: int = 0

    def add(self, outcome: CycleOutcome) -> None:
        self.cycles += outcome.ran
        self.perceived += outcome.perceived
        self.revised += outcome.revised
        self.steps += outcome.steps


@dataclass(frozen=True, slots=True)
class _Office:
    """One office's tenant and what it has to live through."""

    database: Database
    slug: str
    agents: list[Agent]
    reading: CrmReading
    plan: Plan
    done: _Progress

    async def live(self) -> Outcome:
        operator = await self._open()
        try:
            staff = await self._staff(operator)
        except ConflictError:  # another process was hiring the same people: now they are there
            staff = await self._staff(operator)
        delivery = await self._deliver(operator, staff)
        lived = _Lived()
        await self._finish_what_was_left(operator, staff, lived)
        async with self.database.read(operator) as tx:
            turns = {turn.employee_id: turn.next_cycle_at for turn in await schedule.turns(tx)}
        day = self.plan.first_day
        while day <= self.plan.last_day:
            evening = datetime.combine(day, CYCLE_AT)
            due = [employee for employee in staff if turns[employee.id] <= evening]
            if due:
                async with self.database.write(operator) as tx:
                    await tenants.advance_clock(tx, evening)
            if day == day_of_trust(self.reading):
                await self._trust(operator, staff, evening)
            for employee in due:
                await self._spend(operator, employee, evening, lived)
            self.done.add(len(staff))
            day += _ONE_DAY
        return Outcome(lived.cycles, lived.perceived, lived.revised, lived.steps, delivery)

    async def _trust(self, operator: Caller, staff: list[Employee], evening: datetime) -> None:
        """Whose evening has not begun is looked at by its manager."""
        async with self.database.read(operator) as tx:
            turns = {turn.employee_id: turn for turn in await schedule.turns(tx)}
            people = {user.email: user.id for user in await users.everyone(tx)}
        managers = {agent.email: people.get(email_of(agent.manager)) for agent in self.agents if agent.manager}
        for employee in staff:
            lived_until = turns[employee.id].last_cycle_at
            if lived_until is None or lived_until < evening:
                manager = Caller(operator.tenant, user=managers.get(employee.email))
                await trust(self.database, manager, employee, self.reading)

    async def _finish_what_was_left(self, operator: Caller, staff: list[Employee], lived: "_Lived") -> None:
        """The turns that a killed run left in the middle are ended in their own evening, before the clock moves on."""
        async with self.database.read(operator) as tx:
            now, left = tx.now, {turn.employee_id for turn in await schedule.turns(tx) if turn.lease_until is not None}
        for employee in staff:
            if employee.id in left:
                await self._spend(operator, employee, now, lived)

    async def _spend(self, operator: Caller, employee: Employee, evening: datetime, lived: "_Lived") -> None:
        """The employee's cycles of that evening have run, here or in another process that lives this world too.

        It is due again a day later, by whatever evening it is: the other process may have moved the clock on.
        """
        caller = Caller(operator.tenant, employee=employee.id)
        until_then = lived.cycles + MOST_CYCLES_A_DAY
        while lived.cycles < until_then:
            try:
                outcome = await cycle.run(self.database, caller, if_due=True)
            except TurnLostError:  # this process was silent for longer than its lease: another one goes on
                continue
            lived.add(outcome)
            if outcome.next_cycle_at is None and await self._is_held(operator, employee, evening):
                await asyncio.sleep(_HELD_TURN_PAUSE)
            elif outcome.next_cycle_at is None or outcome.next_cycle_at > evening:
                return

    async def _is_held(self, operator: Caller, employee: Employee, evening: datetime) -> bool:
        """Whether its evening is not over: it is due still, or somebody took its turn and did not give it back.

        That is another process at work, or one that was killed: its lease is by the wall clock, and ends.
        """
        async with self.database.read(operator) as tx:
            [turn] = [turn for turn in await schedule.turns(tx) if turn.employee_id == employee.id]
        return turn.next_cycle_at <= evening or turn.lease_until is not None

    async def _open(self) -> Caller:
        """The office's tenant, made on the morning of the first day. Raises `ConflictError` when it has lived through another world."""
        try:
            found = await tenants.find(self.database, self.slug)
        except NotFoundError:
            with suppress(ConflictError):  # another process made it meanwhile
                return Caller(await self._make())
            found = await tenants.find(self.database, self.slug)
        operator = Caller(found.id)
        async with self.database.read(operator) as tx:
            tenant = await tenants.get(tx)
        if tenant.metadata.get("world") != self.reading.digest:
            raise ConflictError(
                f"the tenant {self.slug} of this database lives in another world: choose another --home"
            )
        return operator

    async def _make(self) -> UUID:
        morning = datetime.combine(self.plan.first_day, time(0, tzinfo=UTC))
        return await tenants.create(
            self.database,
            slug=self.slug,
            name=f"{self.agents[0].office} office",
            starts_at=morning,
            metadata={"world": self.reading.digest},
        )

    async def _staff(self, operator: Caller) -> list[Employee]:
        """One employee per agent, hired on the first morning, and the managers they report to as users."""
        async with self.database.write(operator) as tx:
            hired = {employee.email: employee for employee in await employees.everyone(tx)}
            if not hired:
                await open_mail(tx, tenant=self.slug)
                for manager in sorted({agent.manager for agent in self.agents if agent.manager}):
                    await users.invite(tx, email=email_of(manager), name=manager, role="manager")
            first_evening = datetime.combine(self.plan.first_day, CYCLE_AT)
            for agent in self.agents:
                if agent.email not in hired:
                    hired[agent.email] = await hiring.hire(
                        tx,
                        name=agent.name,
                        role="sales_ae",
                        email=agent.email,
                        config=EmployeeConfig(loop_interval_seconds=int(_ONE_DAY.total_seconds())),
                        first_cycle_at=first_evening,
                    )
                    await _want(tx, hired[agent.email].id)
        return [hired[agent.email] for agent in self.agents]

    async def _deliver(self, operator: Caller, staff: list[Employee]) -> Delivery:
        recipients = {employee.email.lower(): employee.id for employee in staff}
        return await inbox.deliver_all(self.database, operator, self.reading.observations, recipients=recipients)


async def _want(tx: Tx, employee: UUID) -> None:
    """What every agent is hired for: enough open deals for what it sells, once that is known, and hardly a stale one."""
    await goals.adopt(
        tx,
        employee=employee,
        key="coverage",
        goal_type="maintenance",
        description="Keep the open deals worth what was won in 90 days",
        target=Target.parse({"metric": f"{SUBJECT}.coverage", "threshold": 1.0, "restore": 1.1}),
        conditions=GoalConditions.parse({"creation": f"known {SUBJECT}.coverage"}),
        importance=0.8,
    )
    await goals.adopt(
        tx,
        employee=employee,
        key="stale_deals",
        goal_type="prevention",
        description=f"Have no more than {MOST_STALE_DEALS} stale deals",
        target=Target.parse({"metric": f"{SUBJECT}.stale_count", "threshold": MOST_STALE_DEALS}),
        importance=0.5,
    )
