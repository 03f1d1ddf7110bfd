"""empla for Python programs: `async with empla.open() as app`, then tenants, employees, beliefs and memories as objects.

Whoever holds the database's URL acts as the operator, unless told to act as a user. Each call is a transaction of its own.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from empla.access import doors
from empla.bdi import beliefs
from empla.bdi.beliefs import Belief, BeliefType, Evidence
from empla.bdi.confidence import DecayModel, Source
from empla.clock import end_of_day
from empla.employees import assignments, employees
from empla.employees.employees import Employee, EmployeeRole
from empla.employees.shapes import EmployeeConfig, Personality
from empla.errors import NotFoundError
from empla.memory import episodic, procedural
from empla.memory.episodic import Episode, EpisodeType
from empla.memory.playbook import Playbook
from empla.memory.playbook_file import checked, read_path
from empla.memory.playbook_rules import parsed
from empla.memory.procedural import Procedure, Upgraded
from empla.memory.shapes import EpisodeContent
from empla.memory.standing import Standing
from empla.mind import hiring
from empla.mind import why as reasons
from empla.mind.why import Why
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants, users
from empla.tenancy.shapes import TenantSettings
from empla.tenancy.tenants import Tenant
from empla.tenancy.users import Role, User


@asynccontextmanager
async def open_app(settings: Settings | None = None, *, home: Path | str | None = None) -> AsyncGenerator["App"]:
    """The application on the embedded PostgreSQL (in `home`), or on EMPLA_DATABASE_URL. Raises `UnavailableError`.

    An embedded server is started when it is not running, and outlives this; `empla db stop` stops it.
    """
    chosen = settings or Settings()
    if home is not None:
        chosen = chosen.model_copy(update={"home": Path(home)})
    async with opening.opened(chosen) as database:
        yield App(database)


class App:
    """All tenants of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def create_tenant(
        self, slug: str, *, name: str, starts_at: datetime | None = None, settings: dict[str, JsonValue] | None = None
    ) -> None:
        """A new tenant; with `starts_at` it lives in simulated time from then on. Raises `ConflictError`, `InvalidError`."""
        shaped = None if settings is None else TenantSettings.parse(settings)
        await tenants.create(self.database, slug=slug, name=name, starts_at=starts_at, settings=shaped)

    @asynccontextmanager
    async def tenant(self, slug: str, *, user: str | None = None) -> AsyncGenerator["TenantHandle"]:
        """The tenant, seen as its operator or as the user of this e-mail. Raises `NotFoundError`, `ForbiddenError`."""
        yield TenantHandle(self.database, await doors.caller_for(self.database, tenant=slug, user=user))


class TenantHandle:
    """One tenant, as one caller may see it."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller
        self.employees = EmployeesHandle(database, caller)
        self.users = UsersHandle(database, caller)

    async def describe(self) -> Tenant:
        """The tenant's own record."""
        async with self._database.read(self._caller) as tx:
            return await tenants.get(tx)

    async def advance_clock(self, moment: datetime) -> datetime:
        """A simulated tenant's time is at least `moment` from now on. Raises `ConflictError` in a real one."""
        async with self._database.write(self._caller) as tx:
            return await tenants.advance_clock(tx, moment)


class UsersHandle:
    """The people of a tenant."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def invite(self, *, email: str, name: str, role: Role) -> User:
        """A new user. Raises `ConflictError`, `InvalidError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            return await users.invite(tx, email=email, name=name, role=role)

    async def everyone(self) -> list[User]:
        """Those whom the caller may see."""
        async with self._database.read(self._caller) as tx:
            return await users.everyone(tx)


class EmployeesHandle:
    """The digital employees of a tenant."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def hire(
        self,
        *,
        name: str,
        role: EmployeeRole,
        email: str,
        personality: dict[str, JsonValue] | None = None,
        config: dict[str, JsonValue] | None = None,
        capabilities: Sequence[str] | None = None,
    ) -> "EmployeeHandle":
        """A new employee, active, in stage shadow, with the playbooks of its role, and its capabilities unless they are said.

        Raises `ConflictError`, `InvalidError`, `ForbiddenError`.
        """
        async with self._database.write(self._caller) as tx:
            hired = await hiring.hire(
                tx,
                name=name,
                role=role,
                email=email,
                personality=Personality.parse(personality or {}),
                config=EmployeeConfig.parse(config or {}),
                capabilities=capabilities,
            )
        return EmployeeHandle(self._database, self._caller, hired)

    async def get(self, email: str) -> "EmployeeHandle":
        """The employee of this e-mail. Raises `NotFoundError`."""
        async with self._database.read(self._caller) as tx:
            return EmployeeHandle(self._database, self._caller, await employees.find(tx, email=email))

    async def everyone(self) -> list["EmployeeHandle"]:
        """Those whom the caller may see, by e-mail."""
        async with self._database.read(self._caller) as tx:
            return [EmployeeHandle(self._database, self._caller, found) for found in await employees.everyone(tx)]


class EmployeeHandle:
    """One employee: its record, beliefs and memory."""

    def __init__(self, database: Database, caller: Caller, record: Employee) -> None:
        self._database = database
        self._caller = caller
        self.record = record  # as it was when it was read
        self.beliefs = BeliefsHandle(database, caller, record.id)
        self.memory = MemoryHandle(database, caller, record.id)
        self.playbooks = PlaybooksHandle(database, caller, record)

    @property
    def id(self) -> UUID:
        return self.record.id

    @property
    def name(self) -> str:
        return self.record.name

    async def why(self, subject: str, predicate: str, *, as_of: datetime | None = None) -> Why:
        """Why it believes that: evidence, arithmetic, episodes, history; `print` it. Raises `NotFoundError`."""
        async with self._database.read(self._caller) as tx:
            return await reasons.why(tx, employee=self.id, subject=subject, predicate=predicate, at=as_of)

    async def assign(self, user_email: str) -> None:
        """The user sees this employee from now on. Raises `NotFoundError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            user = await users.find(tx, email=user_email)
            await assignments.assign(tx, user=user.id, employee=self.id)

    async def dismiss(self) -> None:
        """Terminated and hidden, with all it owns. Raises `NotFoundError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            await employees.dismiss(tx, employee=self.id)


class BeliefsHandle:
    """What one employee believes."""

    def __init__(self, database: Database, caller: Caller, employee: UUID) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def observe(
        self,
        subject: str,
        predicate: str,
        value: JsonValue,
        *,
        source: Source = "observation",
        reliability: float | None = None,
        occurred_at: datetime | None = None,
        evidence: UUID | None = None,
        belief_type: BeliefType | None = None,
        decay_rate: float | None = None,
        decay_model: DecayModel | None = None,
        reason: str | None = None,
    ) -> Belief:
        """Hear one piece of evidence; returns what is believed after it. Raises `InvalidError`, `ForbiddenError`."""
        piece = Evidence.parse(
            subject=subject,
            predicate=predicate,
            object=value,
            source=source,
            reliability=reliability,
            occurred_at=occurred_at,
            evidence=evidence,
            belief_type=belief_type,
            decay_rate=decay_rate,
            decay_model=decay_model,
            reason=reason,
        )
        async with self._database.write(self._caller) as tx:
            return await beliefs.observe(tx, employee=self._employee, piece=piece)

    async def observe_many(self, news: Sequence[Evidence]) -> list[Belief]:
        """Hear all of it, in one statement; returns the beliefs that were touched."""
        async with self._database.write(self._caller) as tx:
            return await beliefs.observe_many(tx, employee=self._employee, news=news)

    async def get(self, subject: str, predicate: str) -> Belief | None:
        """The live belief, or None."""
        async with self._database.read(self._caller) as tx:
            try:
                return await beliefs.current(tx, employee=self._employee, subject=subject, predicate=predicate)
            except NotFoundError:
                return None

    async def held(self, subject: str | None = None) -> list[Belief]:
        """All live beliefs, or those about one subject."""
        async with self._database.read(self._caller) as tx:
            return await beliefs.held(tx, employee=self._employee, subject=subject)

    async def as_of(self, at: datetime | date, subject: str | None = None) -> list[Belief]:
        """What was believed at a moment of the tenant's time; a date means the end of that UTC day."""
        moment = at if isinstance(at, datetime) else end_of_day(at)
        async with self._database.read(self._caller) as tx:
            return await beliefs.as_of(tx, employee=self._employee, at=moment, subject=subject)

    async def retract(self, subject: str, *predicates: str, reason: str) -> int:
        """These beliefs are held no more, and history says why; how many there were."""
        async with self._database.write(self._caller) as tx:
            return await beliefs.retract(
                tx, employee=self._employee, subject=subject, predicates=predicates, reason=reason
            )

    async def forget(self) -> int:
        """Retire what decayed below the floor (EMPLA_FORGET_BELOW); how many."""
        async with self._database.write(self._caller) as tx:
            return await beliefs.forget(tx, floor=self._database.settings.forget_below, employee=self._employee)


class MemoryHandle:
    """What one employee remembers."""

    def __init__(self, database: Database, caller: Caller, employee: UUID) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def record(
        self,
        description: str,
        *,
        episode_type: EpisodeType = "interaction",
        content: dict[str, JsonValue] | None = None,
        participants: Sequence[str] = (),
        location: str | None = None,
        importance: float = 0.5,
        occurred_at: datetime | None = None,
    ) -> Episode:
        """Remember what happened. Raises `InvalidError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            return await episodic.record(
                tx,
                employee=self._employee,
                description=description,
                episode_type=episode_type,
                content=EpisodeContent.parse(content or {}),
                participants=participants,
                location=location,
                importance=importance,
                occurred_at=occurred_at,
            )

    async def latest(self, limit: int = 20, **filters: Any) -> list[Episode]:
        """Episodes, the latest first; `since`, `before`, `episode_type` and `participant` narrow them."""
        async with self._database.read(self._caller) as tx:
            return await episodic.latest(tx, employee=self._employee, limit=limit, **filters)


class PlaybooksHandle:
    """What one employee knows how to do."""

    def __init__(self, database: Database, caller: Caller, record: Employee) -> None:
        self._database = database
        self._caller = caller
        self._employee = record.id
        self._role: EmployeeRole = record.role

    async def library(self) -> list[Procedure]:
        """All of them, by name."""
        async with self._database.read(self._caller) as tx:
            return await procedural.library(tx, employee=self._employee)

    async def get(self, name: str) -> Procedure:
        """The one of this name. Raises `NotFoundError`."""
        async with self._database.read(self._caller) as tx:
            return await procedural.find(tx, employee=self._employee, name=name)

    async def faults(self) -> dict[str, list[str]]:
        """Those that can't be carried out, and why."""
        return procedural.faults_by_name(await self.library())

    async def add(self, *playbooks: dict[str, JsonValue] | Path | str, replace: bool = False) -> list[Procedure]:
        """Taught from now on: each a file, or the keys that a file has for one playbook. Raises `InvalidError`, `ConflictError`."""
        async with self._database.write(self._caller) as tx:
            known = [each.playbook for each in await procedural.library(tx, employee=self._employee)]
            taught: list[Playbook] = []
            for said in playbooks:
                taught += (
                    [parsed(said)] if isinstance(said, dict) else checked(read_path(Path(said), shelf=known)).playbooks
                )
            return await procedural.add(tx, employee=self._employee, playbooks=taught, replace=replace)

    async def enable(self, name: str) -> None:
        """It may be chosen again. Raises `NotFoundError`, `ForbiddenError`."""
        await self._set_enabled(name, enabled=True)

    async def disable(self, name: str) -> None:
        """It is not chosen any more; what is under way goes on. Raises `NotFoundError`, `ForbiddenError`."""
        await self._set_enabled(name, enabled=False)

    async def _set_enabled(self, name: str, *, enabled: bool) -> None:
        async with self._database.write(self._caller) as tx:
            found = await procedural.find(tx, employee=self._employee, name=name)
            await procedural.set_enabled(tx, employee=self._employee, procedure=found.id, enabled=enabled)

    async def decide(self, name: str, standing: Standing, *, reason: str) -> None:
        """How far it is trusted, whatever its record says. Raises `NotFoundError`, `ForbiddenError`, `InvalidError`."""
        async with self._database.write(self._caller) as tx:
            found = await procedural.find(tx, employee=self._employee, name=name)
            await procedural.set_standing(
                tx, employee=self._employee, procedure=found.id, standing=standing, reason=reason
            )

    async def upgrade(self) -> Upgraded:
        """The shelf's newer versions of what nobody has edited."""
        async with self._database.write(self._caller) as tx:
            return await procedural.upgrade(tx, employee=self._employee, role=self._role)
