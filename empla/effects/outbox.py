"""The way out: an approved effect is started once, sent outside of every transaction, and what came of it is told.

Every gate stands in the database (the SQL function `begin_effect`): stage, approval, repeats, quiet hours, rates, budget.
"""

from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.employees import schedule
from empla.storage.tx import Tx

Finding = Literal["happened", "did_not", "again"]


class Begun(BaseModel):
    """What the gates said of one effect, and when it is started, all that its carrier needs."""

    model_config = ConfigDict(frozen=True)

    verdict: Literal["started", "waits", "asks", "cancelled", "gone"]
    until: datetime | None  # it waits until then
    because: str | None
    idempotency_key: str
    kind: str
    title: str
    body: str
    recipients: list[str]
    arguments: dict[str, JsonValue]
    attempts: int  # this one included
    integration_id: UUID | None
    integration_kind: str | None
    integration_settings: dict[str, JsonValue] | None
    sealed: bytes | None


class _Settled(BaseModel):
    status: str


# The effect's own row is seen as it was before: what the function changes of it is not read here, but for the attempt, which is counted.
BEGIN: LiteralString = """
    SELECT b.verdict, b.until, b.because, e.idempotency_key, e.kind, e.title, e.body, e.recipients, e.arguments, e.attempts + 1 AS attempts,
           i.id AS integration_id,
           CASE e.capability WHEN 'conversation' THEN 'conversation' ELSE i.kind END AS integration_kind,
           i.settings AS integration_settings, i.sealed
      FROM begin_effect(%(effect)s::uuid, %(fence)s::bigint) b
      JOIN effects e ON e.tenant_id = %(tenant)s::uuid AND e.employee_id = %(employee)s::uuid AND e.id = %(effect)s::uuid
      LEFT JOIN integrations i ON i.tenant_id = %(tenant)s::uuid AND i.capability = e.capability AND i.enabled
                              AND i.kind NOT IN ('imap', 'webhook_in')
"""


async def begin(tx: Tx, *, employee: UUID, effect: UUID, fence: int) -> Begun | None:
    """The effect goes through every gate, in one statement; None when there is no such effect of the employee.

    Once this is committed as `started` it must be sent, or be found by the next turn: nobody else starts it.
    """
    return await tx.fetch_one(Begun, BEGIN, employee=employee, effect=effect, fence=fence)


# As BEGIN, of an effect that an earlier turn has started.
STARTED: LiteralString = """
    SELECT 'started' AS verdict, NULL::timestamptz AS until, NULL::text AS because, e.idempotency_key, e.kind, e.title, e.body,
           e.recipients, e.arguments, e.attempts, i.id AS integration_id,
           CASE e.capability WHEN 'conversation' THEN 'conversation' ELSE i.kind END AS integration_kind,
           i.settings AS integration_settings, i.sealed
      FROM effects e
      LEFT JOIN integrations i ON i.tenant_id = e.tenant_id AND i.id = e.integration_id
     WHERE e.tenant_id = %(tenant)s::uuid AND e.employee_id = %(employee)s::uuid AND e.id = %(effect)s::uuid AND e.status = 'started'
"""


async def started(tx: Tx, *, employee: UUID, effect: UUID) -> Begun | None:
    """An effect that was started, with what carried it; None when it is not started (any more)."""
    return await tx.fetch_one(Begun, STARTED, employee=employee, effect=effect)


FINISH: LiteralString = """
    SELECT finish_effect(%(effect)s::uuid, %(fence)s::bigint, %(verdict)s::text, %(receipt)s::jsonb, %(reason)s::text,
                         %(again_at)s::timestamptz) AS status
     WHERE %(tenant)s::uuid IS NOT NULL
"""


async def finish(
    tx: Tx,
    *,
    effect: UUID,
    fence: int,
    verdict: str,
    receipt: dict[str, Any],
    reason: str | None,
    again_at: datetime | None = None,
) -> str | None:
    """What came of it: `done`, `failed`, `later` (again at that moment) or `uncertain`; returns its status now.

    `fence` is that of the turn that started it. Raises `ConflictError` when it is not in that turn's hands any more.
    """
    return await tx.fetch_value(
        str,
        FINISH,
        effect=effect,
        fence=fence,
        verdict=verdict,
        receipt=receipt,
        reason=reason or None,
        again_at=again_at,
    )


EXPIRE: LiteralString = """
    SELECT expire_effects() + release_left_budgets(%(fence)s::bigint) WHERE %(tenant)s::uuid IS NOT NULL
"""


async def tidy(tx: Tx, *, fence: int) -> int:
    """What nobody decided in time is cancelled, and what an earlier turn set aside of the budgets is given back; how many it were."""
    return await tx.fetch_value(int, EXPIRE, fence=fence) or 0


SETTLE: LiteralString = """
    SELECT status FROM settle_effect(%(effect)s::uuid, %(finding)s::text, %(reason)s::text) WHERE %(tenant)s::uuid IS NOT NULL
"""


async def settle(tx: Tx, *, employee: UUID, effect: UUID, finding: Finding, reason: str) -> str:
    """A human found out about an uncertain effect; what it is now. Its employee's next cycle is due.

    `happened`: done; `did_not`: failed, and not tried again; `again`: it did not happen, and is tried again. A draft that a human sent
    himself has `happened` too. Raises `ConflictError` for any other, `NotFoundError`, `ForbiddenError`.
    """
    # The turn is locked first, as a cycle locks it.
    await schedule.wake(tx, employees=[employee], at=tx.now)
    [settled] = await tx.fetch_all(_Settled, SETTLE, effect=effect, finding=finding, reason=reason)
    return settled.status
