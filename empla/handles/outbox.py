"""What employees want to bring about and what people decide, for Python programs; each call is a transaction of its own."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import JsonValue, SecretStr

from empla.effects import approvals, budgets, effects, integrations, outbox
from empla.effects.approvals import Approval, Decided, Wording
from empla.effects.budgets import Budget, Resource
from empla.effects.effects import Effect, EffectStatus
from empla.effects.integrations import Integration, IntegrationKind
from empla.effects.outbox import Finding
from empla.employees import capabilities
from empla.employees.capabilities import Offer
from empla.mind import deciding, incoming
from empla.senses.webhooks import Received
from empla.storage.database import Database
from empla.storage.tx import Caller


class ApprovalsHandle:
    """What a tenant's employees ask before they act; of one employee, from its own handle."""

    def __init__(self, database: Database, caller: Caller, employee: UUID | None = None) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def listed(
        self, which: Literal["waiting", "drafts", "all"] = "waiting", *, limit: int = 100
    ) -> list[Approval]:
        """Requests, the latest first: what waits, what was drafted and can be judged for the record, or also what was decided."""
        async with self._database.read(self._caller) as tx:
            return await approvals.listed(tx, employee=self._employee, which=which, limit=limit)

    async def approve(self, approval: UUID, *, reason: str | None = None) -> Decided:
        """It goes out just as it stands. Raises as `approvals.decide`."""
        async with self._database.write(self._caller) as tx:
            return await deciding.decide(tx, approval=approval, verdict="approve", reason=reason)

    async def edit(
        self,
        approval: UUID,
        *,
        title: str | None = None,
        body: str | None = None,
        recipients: list[str] | None = None,
        arguments: dict[str, JsonValue] | None = None,
        reason: str | None = None,
    ) -> Decided:
        """It goes out with these words instead, and the employee remembers the difference. Raises as `approvals.decide`."""
        wording = Wording(title=title, body=body, recipients=recipients, arguments=arguments)
        async with self._database.write(self._caller) as tx:
            return await deciding.decide(tx, approval=approval, verdict="edit", reason=reason, wording=wording)

    async def reject(self, approval: UUID, reason: str) -> Decided:
        """It does not happen, and the employee remembers why. Raises as `approvals.decide`."""
        async with self._database.write(self._caller) as tx:
            return await deciding.decide(tx, approval=approval, verdict="reject", reason=reason)


class OutboxHandle:
    """What leaves a tenant, and how far it has come."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def listed(self, statuses: list[EffectStatus] | None = None, *, limit: int = 100) -> list[Effect]:
        """Messages and calls of these statuses (None: all), the latest first."""
        async with self._database.read(self._caller) as tx:
            return await effects.latest(tx, kinds=["message", "call"], statuses=statuses, limit=limit)

    async def settle(self, effect: UUID, finding: Finding, reason: str) -> str:
        """A human found out about an uncertain effect; what it is now. Raises as `outbox.settle`."""
        async with self._database.write(self._caller) as tx:
            found = await effects.find(tx, named=str(effect))
            return await outbox.settle(tx, employee=found.employee_id, effect=effect, finding=finding, reason=reason)


class BudgetsHandle:
    """What a tenant and its employees may spend in a day."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def today(self, employee: UUID | None = None) -> list[Budget]:
        """The limits of the tenant, or of one employee, and what of them is used today."""
        async with self._database.read(self._caller) as tx:
            return await budgets.used(tx, scopes=[employee or self._caller.tenant])

    async def set(self, resource: Resource, daily: Decimal | float, *, employee: UUID | None = None) -> None:
        """At most so much on one day. Raises `InvalidError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            await budgets.set_daily(
                tx, scope=employee or self._caller.tenant, resource=resource, daily=Decimal(str(daily))
            )


class IntegrationsHandle:
    """A tenant's accounts with others."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def listed(self) -> list[Integration]:
        """By name, without their secrets."""
        async with self._database.read(self._caller) as tx:
            return await integrations.listed(tx)

    async def connect(
        self, name: str, *, kind: IntegrationKind, capability: str = "email", secret: str | None = None, **settings: Any
    ) -> Integration:
        """The account carries the capability from now on. Raises as `integrations.connect`."""
        sealed = None if secret is None else SecretStr(secret)
        async with self._database.write(self._caller) as tx:
            return await integrations.connect(
                tx, name=name, capability=capability, kind=kind, settings=settings, secret=sealed
            )

    async def receive(self, name: str, *, headers: Mapping[str, str], body: bytes) -> Received:
        """A signed delivery to that account, as it came over the wire. Raises as `incoming.receive`."""
        async with self._database.write(self._caller) as tx:
            return await incoming.receive(tx, integration=name, headers=headers, body=body)

    async def disconnect(self, name: str) -> None:
        """It carries nothing any more. Raises `NotFoundError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            await integrations.disconnect(tx, name=name)


class CapabilitiesHandle:
    """What a tenant's employees can be able to do, and within which limits."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def offered(self) -> list[Offer]:
        """By name."""
        async with self._database.read(self._caller) as tx:
            return await capabilities.offered(tx)

    async def change(self, name: str, **limits: Any) -> Offer:
        """Its limits, as `capabilities.change` takes and refuses them."""
        async with self._database.write(self._caller) as tx:
            return await capabilities.change(tx, name=name, **limits)
