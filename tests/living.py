"""One employee that tests live with: they move the world and the clock, and read the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from believer import Believer
from factories import a_simulated_tenant
from pydantic import BaseModel, JsonValue

from empla.bdi import goals, intentions
from empla.bdi.goals import Goal, GoalEvent
from empla.bdi.intentions import Intention, NewIntention, NewStep, OnFailedDependency, Step
from empla.bdi.shapes import GoalConditions, GoalType, Plan, PlanContext, Target
from empla.conditions import Condition
from empla.effects import effects, notices
from empla.effects.effects import Effect
from empla.effects.notices import Notice
from empla.employees import employees
from empla.employees.employees import EmployeeRole
from empla.employees.shapes import EmployeeConfig
from empla.memory import working
from empla.memory.playbook import OF_STEPS
from empla.memory.working import WorkingItem
from empla.mind import cycle
from empla.mind.cycle import CycleOutcome
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.storage.database import Database
from empla.storage.tx import Caller

LEARN: LiteralString = """
    INSERT INTO memory_procedural (tenant_id, employee_id, procedure_name, description, procedure_type, steps, conditions, standing,
                                   learned_from)
    VALUES (%(tenant)s::uuid, %(employee)s::uuid, %(name)s::text, %(name)s::text, %(kind)s::text, %(steps)s::jsonb,
            %(conditions)s::jsonb, 'established', 'instruction')
"""
SAMPLES: LiteralString = """
    SELECT metric_name, metric_type, value, tags FROM metrics
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid ORDER BY id
"""


FAULTS: LiteralString = """
    SELECT error FROM observations
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND status = 'failed' ORDER BY occurred_at, id
"""


class _Fault(BaseModel):
    error: str


class Sampled(BaseModel):
    metric_name: str
    metric_type: str
    value: float
    tags: dict[str, JsonValue]


@dataclass
class Living(Believer):
    """Every call is a transaction of its own, as whoever would do it."""

    happenings: int = 0

    async def wants(
        self,
        metric: str,
        *,
        goal_type: GoalType = "maintenance",
        key: str | None = None,
        importance: float = 0.5,
        conditions: dict[str, JsonValue] | None = None,
        **target: Any,
    ) -> Goal:
        async with self.database.write(self.caller) as tx:
            return await goals.adopt(
                tx,
                employee=self.employee,
                goal_type=goal_type,
                description=f"{metric} as it should be",
                target=Target.parse({"metric": metric, **target}),
                importance=importance,
                key=key,
                conditions=GoalConditions.parse(conditions or {}),
            )

    async def learns(self, name: str, *steps: dict[str, Any], kind: str = "workflow", **stated: Any) -> None:
        """A playbook as it may stand there, checked or not; `stated` goes where it belongs."""
        body = {key: stated.pop(key) for key in OF_STEPS if key in stated}
        async with self.database.write(self.caller) as tx:
            await tx.execute(
                LEARN,
                employee=self.employee,
                name=name,
                kind=kind,
                steps={"steps": list(steps), **body},
                conditions=stated,
            )

    async def intends(
        self,
        name: str,
        *steps: dict[str, Any],
        depends_on: Sequence[UUID] = (),
        on_failed_dependency: OnFailedDependency = "replan",
        **plan: JsonValue,
    ) -> UUID:
        """Somebody commits it to a plan, each step after the one before."""
        written = [step[name] for step in steps for name in ("if", "criteria") if name in step]
        watched = {key for condition in written for key in Condition.parse(condition, what="a step").keys({})}
        new = NewIntention(
            description=name,
            intention_type="tactic",
            plan=Plan.parse({"type": name, **plan}),
            context=PlanContext(),
            steps=[
                NewStep(action=step["action"], definition=step, depends_on=[place] if place else [], max_attempts=1)
                for place, step in enumerate(steps)
            ],
            watches=[list(key) for key in sorted(watched)],
            plan_key=name,
            dependencies=list(depends_on),
            on_failed_dependency=on_failed_dependency,
        )
        async with self.database.write(self.caller) as tx:
            adopted = await intentions.adopt(tx, employee=self.employee, intention=new)
        assert adopted is not None
        return adopted

    async def meets(
        self,
        kind: str,
        *,
        source: str = "world",
        at: timedelta = timedelta(0),
        content: dict[str, JsonValue] | None = None,
        tainted: bool = True,
        **more: JsonValue,
    ) -> None:
        """Something happens in the world; it waits in the inbox."""
        self.happenings += 1
        async with self.database.write(self.caller) as tx:
            observation = NewObservation(
                source=source,
                external_id=f"{kind}-{self.happenings}",
                recipient="me",
                kind=kind,
                occurred_at=tx.now + at,
                description=f"{kind} happened",
                participants=(),
                content={**(content or {}), **more},
                tainted=tainted,
            )
            await inbox.deliver(tx, [observation], recipients={"me": self.employee})

    async def lives(self) -> CycleOutcome:
        """One cycle."""
        return await cycle.run(self.database, Caller(self.caller.tenant, employee=self.employee))

    async def goes_on(self, most: int = 50) -> int:
        """Cycles until one is quiet; how many."""
        for number in range(1, most + 1):
            outcome = await self.lives()
            if not (outcome.steps or outcome.plans_ended or outcome.plans_adopted or outcome.effects_moved):
                return number
        raise AssertionError(f"still busy after {most} cycles")

    async def goal(self, goal: UUID) -> Goal:
        async with self.database.read(self.caller) as tx:
            return await goals.get(tx, goal=goal)

    async def goal_history(self, goal: UUID) -> list[GoalEvent]:
        async with self.database.read(self.caller) as tx:
            return list(reversed(await goals.history(tx, employee=self.employee, goal=goal)))

    async def plans(self) -> list[Intention]:
        """The oldest first."""
        async with self.database.read(self.caller) as tx:
            return list(reversed(await intentions.listed(tx, employee=self.employee)))

    async def plan(self, name: str) -> Intention:
        """The latest one of this playbook."""
        return next(plan for plan in reversed(await self.plans()) if plan.plan_key == name)

    async def steps(self, name: str) -> list[Step]:
        plan = await self.plan(name)
        async with self.database.read(self.caller) as tx:
            return await intentions.steps_of(tx, employee=self.employee, intentions=[plan.id])

    async def effects(self) -> list[Effect]:
        """The oldest first."""
        async with self.database.read(self.caller) as tx:
            return list(reversed(await effects.latest(tx, employee=self.employee)))

    async def titles(self) -> list[str]:
        return [effect.title for effect in await self.effects()]

    async def notices(self, status: Any = "open") -> list[Notice]:
        async with self.database.read(self.caller) as tx:
            return list(reversed(await notices.listed(tx, employee=self.employee, status=status)))

    async def answers(self, text: str) -> None:
        """The people answer the only open question."""
        [notice] = await self.notices()
        async with self.database.write(self.caller) as tx:
            await notices.answer(tx, notice=notice.id, text=text)

    async def in_hand(self) -> list[WorkingItem]:
        async with self.database.read(self.caller) as tx:
            return await working.in_hand(tx, employee=self.employee)

    async def samples(self) -> list[Sampled]:
        async with self.database.read(self.caller) as tx:
            return await tx.fetch_all(Sampled, SAMPLES, employee=self.employee)

    async def faults(self) -> list[str]:
        """What is wrong with the observations that were set aside."""
        async with self.database.read(self.caller) as tx:
            return [fault.error for fault in await tx.fetch_all(_Fault, FAULTS, employee=self.employee)]

    async def now(self) -> datetime:
        async with self.database.read(self.caller) as tx:
            return tx.now


async def hired(
    database: Database,
    role: EmployeeRole = "custom",
    *,
    config: dict[str, JsonValue] | None = None,
    able: Sequence[str] = (),
) -> Living:
    """A fresh employee of a fresh tenant in simulated time."""
    caller = await a_simulated_tenant(database)
    async with database.write(caller) as tx:
        employee = await employees.hire(
            tx,
            name="Jordan",
            role=role,
            email="jordan@acme.example",
            capabilities=able,
            config=EmployeeConfig.parse(config or {}),
        )
    return Living(database, caller, employee.id)
