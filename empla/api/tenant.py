"""The caller's own tenant: its name and what it prefers."""

from pydantic import Field, JsonValue

from empla.api.doors import ADMINS
from empla.api.etags import Seen
from empla.api.operations import Body, Noun
from empla.storage.tx import ReadTx, Tx
from empla.tenancy import tenants
from empla.tenancy.shapes import TenantSettings
from empla.tenancy.tenants import Tenant

noun = Noun("tenant", about="The tenant that the credential belongs to.")
_ACME: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000001",
    "name": "Acme Corp",
    "slug": "acme-corp",
    "settings": {"branding": {"colour": "#0a7"}},
    "status": "active",
    "clock": "real",
    "simulated_now": None,
    "metadata": {},
    "created_at": "2026-03-01T09:00:00Z",
    "updated_at": "2026-03-01T09:00:00Z",
}


@noun.reads("/tenant", "get", summary="The tenant", scope="read", example=_ACME)
async def get(tx: ReadTx) -> Tenant:
    """What its own people see of it."""
    return await tenants.get(tx)


class ChangeTenant(Body):
    """What is to be changed; what is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    settings: TenantSettings | None = Field(default=None, description="Replaces all of them.")


@noun.changes(
    "/tenant",
    "change",
    summary="Rename the tenant, or replace its settings",
    scope="admin",
    roles=ADMINS,
    sends={"name": "Acme Corporation"},
    example={**_ACME, "name": "Acme Corporation"},
)
async def change(tx: Tx, *, seen: Seen, body: ChangeTenant) -> Tenant:
    """Effective at once, for all of its people and employees."""
    seen.check(await tenants.held(tx))
    return await tenants.change(tx, name=body.name, settings=body.settings)
