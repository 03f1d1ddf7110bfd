"""API keys: of a user or a service account, worth at most as much, narrowed to scopes and employees. A key's text is shown once."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import LiteralString
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field

from empla.access import credentials, principals
from empla.access.credentials import Credential
from empla.access.principals import Principal
from empla.clock import as_utc
from empla.errors import InvalidError, NotFoundError
from empla.storage.tx import Caller, Proof, ReadTx, Tx


class ApiKey(BaseModel):
    """One key, without what proves it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    user_id: UUID
    name: str
    prefix: str
    scopes: list[str]
    employee_ids: list[UUID] | None
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_by: UUID | None
    created_at: datetime


class NewKey(BaseModel):
    """A key and its text, which is nowhere else."""

    model_config = ConfigDict(frozen=True)

    key: ApiKey
    text: str = Field(repr=False)


SEEN: LiteralString = """
    SELECT count(*)::integer FROM employees
     WHERE tenant_id = %(tenant)s::uuid AND id = ANY (%(ids)s::uuid[]) AND deleted_at IS NULL
"""
MAKE: LiteralString = """
    SELECT make_key(%(key)s::uuid, %(user)s::uuid, %(name)s::text, %(prefix)s::text, %(scopes)s::text[], %(employees)s::uuid[],
                    %(expires_at)s::timestamptz, %(digest)s::bytea)
"""


async def create(
    tx: Tx,
    *,
    user: UUID,
    name: str,
    scopes: Iterable[str],
    employees: Iterable[UUID] | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """For oneself, or by an admin for a service account. With `employees` it sees these alone; of staff, it writes for them.

    Raises `InvalidError` for a word that is no scope and for an end that has passed, `NotFoundError` for an employee that the caller
    does not see, `ForbiddenError` for another person's key and for whoever came by a key.
    """
    wanted = principals.checked(scopes)
    until = None if expires_at is None else as_utc(expires_at, what="expires_at")
    if until is not None and until <= datetime.now(UTC):
        raise InvalidError("a key ends in the future")
    narrowed = None if employees is None else sorted(set(employees))
    if narrowed == []:
        raise InvalidError("a key is narrowed to at least one employee, or not at all")
    if narrowed is not None and await tx.fetch_value(int, SEEN, ids=narrowed) != len(narrowed):
        raise NotFoundError("there is no such employee")
    made = Credential("key", uuid4(), tx.tenant_id, user, (credentials.secret(),))
    await tx.execute(
        MAKE,
        key=made.id,
        user=user,
        name=name.strip(),
        prefix=made.shown,
        scopes=wanted,
        employees=narrowed,
        expires_at=until,
        digest=made.digests[0],
    )
    return NewKey(key=await find(tx, key=made.id), text=made.text)


LISTED: LiteralString = """
    SELECT id, user_id, name, prefix, scopes, employee_ids, expires_at, last_used_at, revoked_at, created_by, created_at
      FROM api_keys
     WHERE tenant_id = %(tenant)s::uuid AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
       AND (%(user)s::uuid IS NULL OR user_id = %(user)s::uuid) AND (%(revoked)s::boolean OR revoked_at IS NULL)
       AND (%(before)s::uuid IS NULL OR (created_at, id) < (%(before_at)s::timestamptz, %(before)s::uuid))
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s::integer
"""


async def listed(
    tx: ReadTx,
    *,
    user: UUID | None = None,
    revoked: bool = False,
    limit: int = 100,
    before_at: datetime | None = None,
    before: UUID | None = None,
) -> list[ApiKey]:
    """The latest first, from the one before this moment and id on: one's own, for an admin those of all."""
    return await tx.fetch_all(
        ApiKey, LISTED, id=None, user=user, revoked=revoked, limit=limit, before_at=before_at, before=before
    )


class OwnedKey(ApiKey):
    """A key, with whose it is."""

    owner: str
    is_service: bool  # a program's


OWNED: LiteralString = """
    SELECT k.id, k.user_id, k.name, k.prefix, k.scopes, k.employee_ids, k.expires_at, k.last_used_at, k.revoked_at, k.created_by,
           k.created_at, u.name AS owner, u.is_service
      FROM api_keys k JOIN users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id
     WHERE k.tenant_id = %(tenant)s::uuid AND k.revoked_at IS NULL
     ORDER BY k.created_at DESC, k.id DESC LIMIT %(limit)s::integer OFFSET %(skip)s::integer
"""


async def owned(tx: ReadTx, *, limit: int = 50, skip: int = 0) -> list[OwnedKey]:
    """Those that open something or would if they had not ended, the latest first: one's own, for an admin those of all."""
    return await tx.fetch_all(OwnedKey, OWNED, limit=limit, skip=skip)


async def find(tx: ReadTx, *, key: UUID) -> ApiKey:
    """One key, revoked ones too. Raises `NotFoundError`, also for another's."""
    found = await tx.fetch_one(ApiKey, LISTED, id=key, user=None, revoked=True, limit=1, before_at=None, before=None)
    if found is None:
        raise NotFoundError("there is no such key")
    return found


REVOKE: LiteralString = "SELECT revoke_key(%(key)s::uuid)"


async def revoke(tx: Tx, *, key: UUID) -> None:
    """It opens nothing from the next transaction on. Raises `NotFoundError`, also for another's and for one that is revoked already."""
    if not await tx.fetch_value(bool, REVOKE, key=key):
        raise NotFoundError("there is no such key in use")


def principal(text: str) -> Principal:
    """Who brings this key, to be proven by a transaction. Raises `UnauthorizedError` for what is no key."""
    brought = credentials.read("key", text)
    caller = Caller(brought.tenant, user=brought.user, proof=Proof(key=brought.id, digest=brought.digests[0]))
    return Principal(caller, user=brought.user, kind="api_key", name=brought.shown)
