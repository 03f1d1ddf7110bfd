"""A request that is sent twice under one key is done once: the answer is kept in the transaction of the change, for a day."""

from typing import LiteralString

from pydantic import BaseModel, ConfigDict

from empla.errors import ConflictError, EmplaError
from empla.storage.tx import Tx

MAX_KEPT_BYTES = 262_144  # of an answer's body; what is larger is not kept


class Kept(BaseModel):
    """What was answered."""

    model_config = ConfigDict(frozen=True)

    digest: bytes  # SHA-256 of the request
    status: int
    headers: dict[str, str]
    body: str | None  # None: too large, or not to be written down
    expired: bool


class OtherRequestError(EmplaError):
    """The key was used for another request."""


class StillAtWorkError(ConflictError):
    """A request of this key is under way."""


class _Free(BaseModel):
    free: bool


# The lock tells whether a request of this key is under way, and waits for none. It is the transaction's, so it ends with it.
RESERVE: LiteralString = """
    SELECT pg_try_advisory_xact_lock(
               hashtextextended(%(tenant)s::uuid::text || ctx.actor_id()::text || %(key)s::text, 21)) AS free
"""
KEPT: LiteralString = """
    SELECT digest, status, headers, body, recorded_at < clock_timestamp() - %(hours)s::float8 * interval '1 hour' AS expired
      FROM idempotency_keys
     WHERE tenant_id = %(tenant)s::uuid AND actor_id = ctx.actor_id() AND idempotency_key = %(key)s::text
"""
FORGET: LiteralString = """
    DELETE FROM idempotency_keys
     WHERE tenant_id = %(tenant)s::uuid AND actor_id = ctx.actor_id() AND idempotency_key = %(key)s::text
"""


async def answered(tx: Tx, *, key: str, digest: bytes) -> Kept | None:
    """What this request was answered before; None when it is the first of its key, which nobody else may use while this transaction lasts.

    Raises `OtherRequestError` for another request, `StillAtWorkError` while one of this key is under way.
    """
    reserved = await tx.fetch_one(_Free, RESERVE, key=key)
    if reserved is None or not reserved.free:
        raise StillAtWorkError("a request with this Idempotency-Key is under way: ask again in a moment")
    # A statement of its own: it sees what was committed before the lock was had.
    kept = await tx.fetch_one(Kept, KEPT, key=key, hours=tx.settings.idempotency_hours)
    if kept is None:
        return None
    if kept.expired:
        await tx.execute(FORGET, key=key)
        return None
    if kept.digest != digest:
        raise OtherRequestError("this Idempotency-Key was used for another request: take a new one")
    return kept


KEEP: LiteralString = """
    INSERT INTO idempotency_keys (tenant_id, actor_id, idempotency_key, digest, status, headers, body)
    VALUES (%(tenant)s::uuid, ctx.actor_id(), %(key)s::text, %(digest)s::bytea, %(status)s::int, %(headers)s::jsonb, %(body)s::text)
"""


async def keep(tx: Tx, *, key: str, digest: bytes, status: int, headers: dict[str, str], body: str | None) -> None:
    """The answer is given again to whoever asks the same with this key. Raises `ConflictError` when the key was used meanwhile."""
    too_large = body is not None and len(body.encode()) > MAX_KEPT_BYTES
    await tx.execute(KEEP, key=key, digest=digest, status=status, headers=headers, body=None if too_large else body)


SWEEP: LiteralString = """
    DELETE FROM idempotency_keys
     WHERE tenant_id = %(tenant)s::uuid AND recorded_at < clock_timestamp() - %(hours)s::float8 * interval '1 hour'
"""


async def sweep(tx: Tx) -> int:
    """The tenant's answers that were kept long enough are gone; how many. For housekeeping, as the operator."""
    return await tx.execute(SWEEP, hours=tx.settings.idempotency_hours)
