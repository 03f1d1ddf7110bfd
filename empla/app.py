"""empla for Python programs: `async with empla.open() as app`, then tenants, employees, beliefs and memories as objects.

Whoever holds the database's URL acts as the operator, unless told to act as a user. Each call is a transaction of its own.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from empla.access import doors
from empla.employees import assignments, employees, lifecycle
from empla.employees.employees import Employee, EmployeeRole, Stage
from empla.employees.lifecycle import Record
from empla.employees.shapes import EmployeeConfig, Personality
from empla.errors import ForbiddenError
from empla.handles.beliefs import BeliefsHandle, ConflictsHandle
from empla.handles.conversations import ConversationsHandle
from empla.handles.effects import EffectsHandle, NoticesHandle
from empla.handles.events import EventsHandle
from empla.handles.goals import GoalsHandle
from empla.handles.intentions import IntentionsHandle
from empla.handles.memory import MemoryHandle, PlaybooksHandle
from empla.handles.outbox import (
    ApprovalsHandle,
    BudgetsHandle,
    CapabilitiesHandle,
    IntegrationsHandle,
    OutboxHandle,
)
from empla.handles.senses import InboxHandle
from empla.memory.recall import Hit
from empla.mind import cycle as cycles
from empla.mind import hiring
from empla.mind import why as reasons
from empla.mind.cycle import CycleOutcome
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
        self.notices = NoticesHandle(database, caller)
        self.conflicts = ConflictsHandle(database, caller)
        self.approvals = ApprovalsHandle(database, caller)
        self.outbox = OutboxHandle(database, caller)
        self.budgets = BudgetsHandle(database, caller)
        self.capabilities = CapabilitiesHandle(database, caller)
        self.integrations = IntegrationsHandle(database, caller)
        self.events = EventsHandle(database, caller)

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
    """One employee: its record, mind and memory."""

    def __init__(self, database: Database, caller: Caller, record: Employee) -> None:
        self._database = database
        self._caller = caller
        self.record = record  # as it was when it was read or changed here
        self.beliefs = BeliefsHandle(database, caller, record.id)
        self.conflicts = ConflictsHandle(database, caller, record.id)
        self.memory = MemoryHandle(database, caller, record.id)
        self.inbox = InboxHandle(database, caller, record.id)
        self.conversations = ConversationsHandle(database, caller, record.id)
        self.goals = GoalsHandle(database, caller, record.id)
        self.intentions = IntentionsHandle(database, caller, record.id)
        self.effects = EffectsHandle(database, caller, record.id)
        self.approvals = ApprovalsHandle(database, caller, record.id)
        self.playbooks = PlaybooksHandle(database, caller, record)

    @property
    def id(self) -> UUID:
        return self.record.id

    @property
    def name(self) -> str:
        return self.record.name

    async def recall(self, query: str, *, limit: int = 10, **more: Any) -> list[Hit]:
        """What it remembers that answers best, the best first: `hit.id`, `.kind`, `.text`, `.score`, `.parts`.

        As `memory.recall`, which says what more there is. Raises `InvalidError`.
        """
        return await self.memory.recall(query, limit=limit, **more)

    async def why(self, subject: str, predicate: str, *, as_of: datetime | None = None) -> Why:
        """Why it believes that: evidence, arithmetic, episodes, history; `print` it. Raises `NotFoundError`."""
        async with self._database.read(self._caller) as tx:
            return await reasons.why(tx, employee=self.id, subject=subject, predicate=predicate, at=as_of)

    async def cycle(self) -> CycleOutcome:
        """One cycle of it now, whatever its working hours. Raises `ForbiddenError` for users: who runs the database runs cycles."""
        if self._caller.user is not None:
            raise ForbiddenError("a cycle is run by the operator, not by a user")
        caller = Caller(self._caller.tenant, employee=self.id)
        return await cycles.run(self._database, caller, regardless_of_hours=True)

    async def assign(self, user_email: str) -> None:
        """The user sees this employee from now on. Raises `NotFoundError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            user = await users.find(tx, email=user_email)
            await assignments.assign(tx, user=user.id, employee=self.id)

    async def record_of_trust(self) -> Record:
        """What people and the world made of its effects in its present stage."""
        async with self._database.read(self._caller) as tx:
            return (await lifecycle.records(tx, employee=self.id))[0]

    async def promote(self, to: Stage) -> None:
        """It is trusted one stage further. Raises `ConflictError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            self.record = await lifecycle.promote(tx, employee=self.id, to=to)

    async def demote(self, to: Stage) -> None:
        """It is trusted less. Raises `ConflictError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            self.record = await lifecycle.demote(tx, employee=self.id, to=to)

    async def pause(self) -> None:
        """No cycle of it runs until it is resumed. Raises `NotFoundError`, `ForbiddenError`, `ConflictError`."""
        async with self._database.write(self._caller) as tx:
            self.record = await employees.pause(tx, employee=self.id)

    async def resume(self) -> None:
        """It works again, or for the first time. Raises `NotFoundError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            self.record = await employees.resume(tx, employee=self.id)

    async def dismiss(self) -> None:
        """Terminated and hidden, with all it owns. Raises `NotFoundError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            await employees.dismiss(tx, employee=self.id)
