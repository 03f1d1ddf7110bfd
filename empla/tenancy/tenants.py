"""A tenant is a customer: everything else belongs to exactly one."""

from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.clock import as_utc
from empla.errors import InvalidError, NotFoundError
from empla.storage.database import Database
from empla.storage.tx import ReadTx, Tx
from empla.tenancy.shapes import TenantSettings

Status = Literal["active", "suspended", "deleted"]
Clock = Literal["real", "simulated"]


class Found(BaseModel):
    """What the door learns of a tenant from its slug."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    status: Status
    clock: Clock
    simulated_now: datetime | None


class Tenant(BaseModel):
    """One tenant, as its own people see it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    slug: str
    settings: TenantSettings
    status: Status
    clock: Clock
    simulated_now: datetime | None
    metadata: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime


class _Id(BaseModel):
    id: UUID


class _Flag(BaseModel):
    done: bool


FIND: LiteralString = "SELECT id, name, status, clock, simulated_now FROM empla.find_tenant(%(slug)s::text)"


async def find(database: Database, slug: str) -> Found:
    """The tenant of this slug, whatever its status but deleted. Raises `NotFoundError`."""
    rows = await database.across(Found, FIND, slug=slug)
    if not rows:
        raise NotFoundError(f"there is no tenant {slug!r}")
    return rows[0]


ACTIVE: LiteralString = "SELECT id FROM empla.active_tenants()"


async def active(database: Database) -> list[UUID]:
    """All that are not suspended."""
    return [found.id for found in await database.across(_Id, ACTIVE)]


PROVISION: LiteralString = """
    SELECT empla.provision_tenant(%(slug)s::text, %(name)s::text, %(starts_at)s::timestamptz,
                                  %(settings)s::jsonb, %(metadata)s::jsonb) AS id
"""


async def create(
    database: Database,
    *,
    slug: str,
    name: str,
    starts_at: datetime | None = None,
    settings: TenantSettings | None = None,
    metadata: dict[str, JsonValue] | None = None,
) -> UUID:
    """A new tenant; with `starts_at` it lives in simulated time from then on. Raises `ConflictError` when the slug is taken."""
    rows = await database.across(
        _Id,
        PROVISION,
        slug=slug,
        name=name,
        starts_at=None if starts_at is None else as_utc(starts_at, what="starts_at"),
        settings=(settings or TenantSettings()).to_json(),
        metadata=metadata or {},
    )
    return rows[0].id


GET: LiteralString = """
    SELECT id, name, slug, settings, status, clock, simulated_now, metadata, created_at, updated_at
      FROM tenants WHERE id = %(tenant)s::uuid
"""


async def get(tx: ReadTx) -> Tenant:
    """The caller's own tenant."""
    tenant = await tx.fetch_one(Tenant, GET)
    if tenant is None:
        raise NotFoundError("no such tenant")
    return tenant


HELD: LiteralString = """
    SELECT id, name, slug, settings, status, clock, simulated_now, metadata, created_at, updated_at
      FROM tenants WHERE id = %(tenant)s::uuid FOR NO KEY UPDATE
"""


async def held(tx: Tx) -> Tenant:
    """The caller's own tenant, which nobody else changes while this transaction lasts. Raises `NotFoundError` for whoever may not."""
    tenant = await tx.fetch_one(Tenant, HELD)
    if tenant is None:
        raise NotFoundError("no such tenant, or not yours to change")
    return tenant


SET_STATUS: LiteralString = "SELECT empla.set_tenant_status(%(id)s::uuid, %(status)s::text) AS done"


async def set_status(database: Database, *, tenant: UUID, status: Literal["active", "suspended"]) -> None:
    """A suspended tenant's people and employees are refused from their next transaction on. Raises `NotFoundError`."""
    rows = await database.across(_Flag, SET_STATUS, id=tenant, status=status)
    if not rows[0].done:
        raise NotFoundError("no such tenant")


ADVANCE: LiteralString = "SELECT empla.advance_clock(%(moment)s::timestamptz)"


async def advance_clock(tx: Tx, moment: datetime) -> datetime:
    """A simulated tenant's time is at least `moment` from the next transaction on; returns it. Raises `ConflictError` in a real one."""
    reached = await tx.fetch_value(datetime, ADVANCE, moment=as_utc(moment, what="the clock's moment"))
    if reached is None:
        raise InvalidError("the clock did not move")
    return reached


CHANGE: LiteralString = """
    UPDATE tenants SET name = coalesce(%(name)s::text, name), settings = coalesce(%(settings)s::jsonb, settings)
     WHERE id = %(tenant)s::uuid
    RETURNING id, name, slug, settings, status, clock, simulated_now, metadata, created_at, updated_at
"""


async def change(tx: Tx, *, name: str | None = None, settings: TenantSettings | None = None) -> Tenant:
    """Rename the tenant or replace its settings; admins only. Raises `NotFoundError` for whoever may not."""
    changed = await tx.fetch_one(Tenant, CHANGE, name=name, settings=None if settings is None else settings.to_json())
    if changed is None:
        raise NotFoundError("no such tenant, or not yours to change")
    return changed
