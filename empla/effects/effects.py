"""What an employee brings about: tasks, notes and drafts within empla; messages and calls that leave it, if they may.

Nobody but the database changes the state of an effect: it says how one comes in (by its employee's stage), and `outbox` how it goes out.
"""

from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla import ids
from empla.employees.employees import Stage
from empla.errors import NotFoundError
from empla.storage.tx import ReadTx, Tx

EffectKind = Literal["task", "note", "draft", "message", "call"]
EffectStatus = Literal[
    "drafted", "awaiting_approval", "approved", "started", "done", "failed", "uncertain", "cancelled"
]


class Effect(BaseModel):
    """One effect."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    intention_id: UUID | None
    step_position: int | None
    kind: EffectKind
    capability: str | None
    title: str
    body: str
    recipients: list[str]  # addresses
    arguments: dict[str, JsonValue]
    digest: str  # SHA-256 of kind, capability, recipients, title, body and arguments, hexadecimal
    status: EffectStatus
    stage: Stage | None  # in which it was asked for; None for what stays within
    tainted: bool  # what came from outside called for it
    attempts: int  # to bring it about
    not_before: datetime | None
    expires_at: datetime | None
    started_at: datetime | None  # the last attempt
    ended_at: datetime | None
    receipt: dict[str, JsonValue]  # what the provider said
    reason: str | None  # why it is as it is
    created_at: datetime


class NewEffect(BaseModel):
    """An effect to be, of one step."""

    model_config = ConfigDict(frozen=True)

    employee_id: UUID
    intention_id: UUID
    step_position: int
    idempotency_key: str
    kind: EffectKind
    title: str
    body: str = ""
    capability: str | None = None
    recipients: tuple[str, ...] = ()
    recipient_zone: str | None = None  # IANA, whose quiet hours are heeded
    arguments: dict[str, JsonValue] = {}
    tainted: bool = False
    is_draft: bool = False  # it is not to leave, whatever the stage
    expires_at: datetime | None = None  # nobody is asked any more


# How it comes in is the trigger's to say; `drafted` alone is heeded.
MAKE: LiteralString = """
    INSERT INTO effects (tenant_id, employee_id, intention_id, step_position, kind, capability, title, body, recipients, recipient_zone,
                         arguments, tainted, status, idempotency_key, expires_at)
    VALUES (%(tenant)s::uuid, %(employee)s::uuid, %(intention)s::uuid, %(position)s::int, %(kind)s::text, %(capability)s::text,
            %(title)s::text, %(body)s::text, %(recipients)s::text[], %(zone)s::text, %(arguments)s::jsonb, %(tainted)s::boolean,
            CASE WHEN %(is_draft)s::boolean THEN 'drafted' END, %(key)s::text, %(expires_at)s::timestamptz)
    ON CONFLICT (tenant_id, employee_id, idempotency_key) DO NOTHING
    RETURNING id, employee_id, intention_id, step_position, kind, capability, title, body, recipients, arguments, digest, status, stage,
              tainted, attempts, not_before, expires_at, started_at, ended_at, receipt, reason, created_at
"""


async def make(tx: Tx, new: NewEffect) -> Effect | None:
    """It stands there, as far as it may come; None when the step of this key made it already.

    Raises `InvalidError` for a capability that the employee lacks or that is not offered, `ConflictError` for what repeats another.
    """
    return await tx.fetch_one(
        Effect,
        MAKE,
        employee=new.employee_id,
        intention=new.intention_id,
        position=new.step_position,
        kind=new.kind,
        capability=new.capability,
        title=new.title,
        body=new.body,
        recipients=list(new.recipients),
        zone=new.recipient_zone,
        arguments=new.arguments,
        tainted=new.tainted,
        is_draft=new.is_draft,
        key=new.idempotency_key,
        expires_at=new.expires_at,
    )


LATEST: LiteralString = """
    SELECT id, employee_id, intention_id, step_position, kind, capability, title, body, recipients, arguments, digest, status, stage,
           tainted, attempts, not_before, expires_at, started_at, ended_at, receipt, reason, created_at
      FROM effects
     WHERE tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR employee_id = %(employee)s::uuid)
       AND (%(intention)s::uuid IS NULL OR intention_id = %(intention)s::uuid)
       AND (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s::text[]))
       AND (%(statuses)s::text[] IS NULL OR status = ANY (%(statuses)s::text[]))
       AND (%(part)s::text IS NULL OR starts_with(id::text, %(part)s::text) OR right(id::text, length(%(part)s::text)) = %(part)s::text)
       AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
       AND (%(before)s::timestamptz IS NULL OR (created_at, id) < (%(before)s::timestamptz, %(before_id)s::uuid))
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s::int
"""


async def latest(
    tx: ReadTx,
    *,
    employee: UUID | None = None,
    intention: UUID | None = None,
    kinds: list[EffectKind] | None = None,
    statuses: list[EffectStatus] | None = None,
    before: datetime | None = None,
    before_id: UUID | None = None,
    limit: int = 100,
) -> list[Effect]:
    """What one employee or all whom the caller may see brought about, or one intention did, the latest first.

    With a moment and an id: those after that one in the list.
    """
    return await tx.fetch_all(
        Effect,
        LATEST,
        employee=employee,
        intention=intention,
        kinds=kinds,
        statuses=statuses,
        id=None,
        part=None,
        before=before,
        before_id=before_id,
        limit=limit,
    )


async def find(tx: ReadTx, *, named: str) -> Effect:
    """The effect whose id begins or ends so. Raises `NotFoundError`, `UsageError` for several."""
    part = ids.part(named)
    found = await tx.fetch_all(
        Effect,
        LATEST,
        employee=None,
        intention=None,
        kinds=None,
        statuses=None,
        id=None,
        part=part,
        before=None,
        before_id=None,
        limit=ids.MOST_NAMED,
    )
    return ids.only(found, what="effect", named=named)


async def get(tx: ReadTx, *, effect: UUID) -> Effect:
    """The effect of this id, which the caller may see. Raises `NotFoundError`."""
    found = await tx.fetch_one(
        Effect,
        LATEST,
        employee=None,
        intention=None,
        kinds=None,
        statuses=None,
        id=effect,
        part=None,
        before=None,
        before_id=None,
        limit=1,
    )
    if found is None:
        raise NotFoundError("there is no such effect")
    return found
