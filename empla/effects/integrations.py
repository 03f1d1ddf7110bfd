"""A tenant's accounts with others: what carries effects out, and what mail is read from. Secrets are sealed, and never shown."""

from typing import Any, Literal, LiteralString
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, JsonValue, SecretStr

from empla import keys
from empla.effects import carriers
from empla.effects.senders.sender import Sender
from empla.errors import ForbiddenError, NotFoundError
from empla.storage.tx import ReadTx, Tx

IntegrationKind = Literal["smtp", "maildir", "webhook", "imap", "webhook_in"]


class Integration(BaseModel):
    """One account, without its secret."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    capability: str
    kind: IntegrationKind
    settings: dict[str, JsonValue]
    has_secret: bool
    enabled: bool
    metadata: dict[str, JsonValue]


class _Sealed(BaseModel):
    id: UUID
    sealed: bytes


RETIRE: LiteralString = """
    UPDATE integrations SET enabled = false
     WHERE tenant_id = %(tenant)s::uuid AND capability = %(capability)s::text AND enabled
       AND kind NOT IN ('imap', 'webhook_in')
"""
CONNECT: LiteralString = """
    INSERT INTO integrations (tenant_id, id, name, capability, kind, settings, sealed, created_by)
    VALUES (%(tenant)s::uuid, %(id)s::uuid, %(name)s::text, %(capability)s::text, %(kind)s::text, %(settings)s::jsonb, %(sealed)s::bytea,
            %(by)s::uuid)
    RETURNING id, name, capability, kind, settings, sealed IS NOT NULL AS has_secret, enabled, metadata
"""


async def connect(
    tx: Tx,
    *,
    name: str,
    capability: str,
    kind: IntegrationKind,
    settings: dict[str, Any],
    secret: SecretStr | None = None,
) -> Integration:
    """The account carries the capability from now on, in place of the one that did; or it is read from (imap). Admins alone.

    Raises `InvalidError` for settings that its kind does not take, `ConflictError` for a name that is taken, `NotFoundError` for a
    capability that there is not, `ForbiddenError`, `UnavailableError` when there is a secret and no key to seal it.
    """
    checked = carriers.check(kind, settings, secret)
    identity = uuid4()
    sealed = (
        None
        if secret is None
        else keys.keyring(tx.settings).seal(secret.get_secret_value(), context=context(tx.tenant_id, identity))
    )
    if kind not in {"imap", "webhook_in"}:
        await tx.execute(RETIRE, capability=capability)
    connected = await tx.fetch_all(
        Integration,
        CONNECT,
        id=identity,
        name=name,
        capability=capability,
        kind=kind,
        settings=checked,
        sealed=sealed,
        by=tx.caller.user,
    )
    return connected[0]


LISTED: LiteralString = """
    SELECT id, name, capability, kind, settings, sealed IS NOT NULL AS has_secret, enabled, metadata
      FROM integrations
     WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL AND (%(name)s::text IS NULL OR name = %(name)s::text)
       AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
     ORDER BY name
"""


async def listed(tx: ReadTx) -> list[Integration]:
    """The tenant's accounts, by name."""
    return await tx.fetch_all(Integration, LISTED, name=None, id=None)


async def find(tx: ReadTx, *, name: str) -> Integration:
    """The account of this name. Raises `NotFoundError`."""
    found = await tx.fetch_one(Integration, LISTED, name=name, id=None)
    if found is None:
        raise NotFoundError(f"there is no integration {name!r}")
    return found


async def get(tx: ReadTx, *, integration: UUID) -> Integration:
    """The account of this id. Raises `NotFoundError`."""
    found = await tx.fetch_one(Integration, LISTED, name=None, id=integration)
    if found is None:
        raise NotFoundError("there is no such integration")
    return found


SET_ENABLED: LiteralString = """
    UPDATE integrations SET enabled = %(enabled)s::boolean
     WHERE tenant_id = %(tenant)s::uuid AND id = %(id)s::uuid AND deleted_at IS NULL
    RETURNING id, name, capability, kind, settings, sealed IS NOT NULL AS has_secret, enabled, metadata
"""


async def set_enabled(tx: Tx, *, integration: UUID, enabled: bool) -> Integration:
    """It is used again, in place of what carries its capability now; or no more, and keeps its secret for when it is.

    Admins alone. Raises `NotFoundError`, `ForbiddenError`.
    """
    found = await get(tx, integration=integration)
    if enabled and not found.enabled and found.kind not in {"imap", "webhook_in"}:
        await tx.execute(RETIRE, capability=found.capability)
    changed = await tx.fetch_one(Integration, SET_ENABLED, id=integration, enabled=enabled)
    if changed is None:
        raise ForbiddenError("the caller's role does not allow this")
    return changed


SEALED: LiteralString = """
    SELECT id, sealed FROM integrations
     WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL AND sealed IS NOT NULL AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
     ORDER BY id FOR UPDATE
"""
RESEAL: LiteralString = """
    UPDATE integrations SET sealed = %(sealed)s::bytea WHERE tenant_id = %(tenant)s::uuid AND id = %(id)s::uuid
"""


# The database tells by itself what became of every other column; of this one it is told that, and never what.
REPLACED: LiteralString = "SELECT note_action('integration.secret_replaced', 'integration', %(id)s::uuid)"


async def replace_secret(tx: Tx, *, integration: UUID, secret: SecretStr) -> Integration:
    """Its password or signing key is this from now on, sealed; the one before is forgotten. The log says that, and not what it is.

    Admins alone. Raises `InvalidError` for what its kind does not take, `NotFoundError`, `ForbiddenError`, `UnavailableError` when
    there is no key to seal it.
    """
    found = await get(tx, integration=integration)
    carriers.check(found.kind, found.settings, secret)
    sealed = keys.keyring(tx.settings).seal(secret.get_secret_value(), context=context(tx.tenant_id, integration))
    if not await tx.execute(RESEAL, id=integration, sealed=sealed):
        raise ForbiddenError("the caller's role does not allow this")
    await tx.execute(REPLACED, id=integration)
    return found.model_copy(update={"has_secret": True})


async def secret_of(tx: Tx, integration: Integration) -> SecretStr | None:
    """Its password or signing key; None when it has none. Raises `UnavailableError` for a key that is not at hand any more."""
    sealed = await tx.fetch_one(_Sealed, SEALED, id=integration.id)
    return None if sealed is None else opened(sealed.sealed, tenant=tx.tenant_id, integration=integration.id, tx=tx)


def opened(sealed: bytes, *, tenant: UUID, integration: UUID, tx: ReadTx) -> SecretStr:
    """The secret of that row alone."""
    return keys.keyring(tx.settings).open(sealed, context=context(tenant, integration))


async def rotate(tx: Tx) -> int:
    """Every secret of the tenant is sealed by the first of EMPLA_SECRET_KEYS; how many were by another. Raises `UnavailableError`."""
    ring = keys.keyring(tx.settings)
    resealed = 0
    for row in await tx.fetch_all(_Sealed, SEALED, id=None):
        if ring.needs_resealing(row.sealed):
            about = context(tx.tenant_id, row.id)
            secret = ring.open(row.sealed, context=about)
            await tx.execute(RESEAL, id=row.id, sealed=ring.seal(secret.get_secret_value(), context=about))
            resealed += 1
    return resealed


NOTE: LiteralString = """
    UPDATE integrations SET metadata = metadata || %(note)s::jsonb WHERE tenant_id = %(tenant)s::uuid AND id = %(id)s::uuid
"""


async def note(tx: Tx, integration: Integration, note: dict[str, JsonValue]) -> None:
    """What is to be known when it is used again, such as how far a mailbox was read. Raises `ForbiddenError`."""
    if not await tx.execute(NOTE, id=integration.id, note=note):
        raise ForbiddenError("the caller's role does not allow this")


DISCONNECT: LiteralString = """
    UPDATE integrations SET enabled = false, sealed = NULL, deleted_at = %(now)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND id = %(id)s::uuid AND deleted_at IS NULL
"""


async def disconnect(tx: Tx, *, name: str) -> None:
    """It carries nothing any more, and its secret is forgotten. Raises `NotFoundError`, `ForbiddenError`."""
    await _disconnect(tx, await find(tx, name=name))


async def remove(tx: Tx, *, integration: UUID) -> None:
    """As `disconnect`, the one of this id."""
    await _disconnect(tx, await get(tx, integration=integration))


async def _disconnect(tx: Tx, found: Integration) -> None:
    if not await tx.execute(DISCONNECT, id=found.id, now=tx.now):
        raise ForbiddenError("the caller's role does not allow this")


def carrier(
    tx: ReadTx, *, integration: UUID, kind: str, settings: dict[str, JsonValue], sealed: bytes | None
) -> Sender:
    """What sends through that account, its secret opened. Raises `UnavailableError`, `InvalidError` where it can't be used."""
    secret = None if sealed is None else opened(sealed, tenant=tx.tenant_id, integration=integration, tx=tx)
    return carriers.sender_of(kind, settings, secret, limits=tx.settings)


def context(tenant: UUID, integration: UUID) -> str:
    """What a secret is bound to, so that it opens in its own row alone."""
    return f"integration {tenant}/{integration}"
