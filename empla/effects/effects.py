"""What a step brought about: a task, a note or a draft, once for each step, in the transaction of the step. Nothing leaves empla here."""

from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.storage.tx import ReadTx, Tx

EffectKind = Literal["task", "note", "draft"]
EffectStatus = Literal["drafted", "done", "cancelled"]


class Effect(BaseModel):
    """One effect."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    intention_id: UUID | None
    kind: EffectKind
    capability: str | None
    title: str
    body: str
    arguments: dict[str, JsonValue]
    status: EffectStatus
    created_at: datetime


MAKE: LiteralString = """
    INSERT INTO effects (tenant_id, employee_id, intention_id, kind, capability, title, body, arguments, status, idempotency_key)
    VALUES (%(tenant)s::uuid, %(employee)s::uuid, %(intention)s::uuid, %(kind)s::text, %(capability)s::text, %(title)s::text,
            %(body)s::text, %(arguments)s::jsonb, %(status)s::text, %(key)s::text)
    ON CONFLICT (tenant_id, employee_id, idempotency_key) DO NOTHING
    RETURNING id, employee_id, intention_id, kind, capability, title, body, arguments, status, created_at
"""


async def make(
    tx: Tx,
    *,
    employee: UUID,
    intention: UUID,
    key: str,
    kind: EffectKind,
    title: str,
    body: str = "",
    capability: str | None = None,
    arguments: dict[str, JsonValue] | None = None,
) -> Effect | None:
    """A task or a note is done by standing here, a draft waits; None when the step of this key made it already."""
    return await tx.fetch_one(
        Effect,
        MAKE,
        employee=employee,
        intention=intention,
        key=key,
        kind=kind,
        capability=capability,
        title=title,
        body=body,
        arguments=arguments or {},
        status="drafted" if kind == "draft" else "done",
    )


LATEST: LiteralString = """
    SELECT id, employee_id, intention_id, kind, capability, title, body, arguments, status, created_at
      FROM effects
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
       AND (%(intention)s::uuid IS NULL OR intention_id = %(intention)s::uuid)
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s::int
"""


async def latest(tx: ReadTx, *, employee: UUID, intention: UUID | None = None, limit: int = 100) -> list[Effect]:
    """What the employee brought about, or one of its intentions did, the latest first."""
    return await tx.fetch_all(Effect, LATEST, employee=employee, intention=intention, limit=limit)
