"""Service accounts: programs that have a role and keys, and no password."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from empla.access import service_accounts
from empla.access.service_accounts import ServiceAccount
from empla.api.doors import ADMINS, STAFF
from empla.api.etags import Seen
from empla.api.operations import Body, Noun
from empla.api.paging import Page, Paging
from empla.storage.tx import ReadTx, Tx
from empla.tenancy.users import Role

noun = Noun("service_accounts", about="Programs of the tenant. Their keys are made by admins.")
_FEEDER: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000007",
    "name": "CRM feeder",
    "role": "manager",
    "created_at": "2026-03-01T09:00:00Z",
}


class AfterName(BaseModel):
    """The place in the list."""

    model_config = ConfigDict(extra="forbid")

    name: str
    id: UUID


@noun.reads(
    "/service-accounts",
    "list",
    summary="The service accounts",
    scope="read",
    roles=STAFF,
    example={"items": [_FEEDER], "next_cursor": None},
)
async def listed(tx: ReadTx, *, cut: Paging) -> Page[ServiceAccount]:
    """By name."""
    after = cut.place(AfterName)
    found = await service_accounts.everyone(
        tx, limit=cut.reach, after_name=after and after.name, after=after and after.id
    )
    return cut.page(found, lambda last: AfterName(name=last.name, id=last.id))


class MakeServiceAccount(Body):
    """Which program comes."""

    name: str = Field(min_length=1, max_length=200)
    role: Role


@noun.makes(
    "/service-accounts",
    "create",
    summary="A new service account",
    scope="admin",
    roles=ADMINS,
    location="/service-accounts/{id}",
    sends={"name": "CRM feeder", "role": "manager"},
    example=_FEEDER,
)
async def create(tx: Tx, *, body: MakeServiceAccount) -> ServiceAccount:
    """It comes in by keys alone."""
    return await service_accounts.create(tx, name=body.name, role=body.role)


@noun.reads(
    "/service-accounts/{account}", "get", summary="A service account", scope="read", roles=STAFF, example=_FEEDER
)
async def get(tx: ReadTx, *, account: UUID) -> ServiceAccount:
    """A person is none."""
    return await service_accounts.get(tx, account=account)


class ChangeServiceAccount(Body):
    """What is to be changed; what is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    role: Role | None = None


@noun.changes(
    "/service-accounts/{account}",
    "change",
    summary="Rename a service account, or change its role",
    scope="admin",
    roles=ADMINS,
    sends={"role": "user"},
    example={**_FEEDER, "role": "user"},
)
async def change(tx: Tx, *, seen: Seen, account: UUID, body: ChangeServiceAccount) -> ServiceAccount:
    """A role counts for its keys from their next request on."""
    seen.check(await service_accounts.held(tx, account=account))
    return await service_accounts.change(tx, account=account, name=body.name, role=body.role)


@noun.removes(
    "/service-accounts/{account}", "remove", summary="A service account is removed", scope="admin", roles=ADMINS
)
async def remove(tx: Tx, *, account: UUID) -> None:
    """Its keys open nothing from the next request on."""
    await service_accounts.remove(tx, account=account)
