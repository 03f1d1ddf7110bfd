"""A guess against a human's word is a conflict: the database opens it, a person settles it, and it lapses when there is none any more."""

from datetime import datetime, timedelta
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from empla.shapes import check_json
from empla.storage.tx import ReadTx, Tx

ConflictStatus = Literal["open", "kept", "overturned", "lapsed"]
MAX_REASON = 2000  # characters


class Conflict(BaseModel):
    """What a human said, and what guesses say against it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    belief_id: UUID
    subject: str
    predicate: str
    held: JsonValue  # what the belief said when the claim was heard last
    claimed: JsonValue
    claimed_source: Literal["inference", "prior"]  # of the claim that opened it
    evidence: list[str]  # ids of the evidence for the claim, the last hundred
    times: int  # that it was claimed
    status: ConflictStatus
    opened_at: datetime
    resolved_at: datetime | None
    resolved_by_type: Literal["employee", "user", "system"] | None
    resolved_by: UUID | None
    reason: str | None  # why it was settled so


LISTED: LiteralString = """
    SELECT c.id, c.employee_id, c.belief_id, c.subject, c.predicate, c.held, c.claimed, c.claimed_source, c.evidence, c.times, c.status,
           c.opened_at, c.resolved_at, c.resolved_by_type, c.resolved_by, c.reason
      FROM belief_conflicts c
      JOIN employees e ON e.tenant_id = %(tenant)s::uuid AND e.id = c.employee_id AND e.deleted_at IS NULL
     WHERE c.tenant_id = %(tenant)s::uuid
       AND (%(employee)s::uuid IS NULL OR c.employee_id = %(employee)s::uuid)
       AND (%(conflict)s::uuid IS NULL OR c.id = %(conflict)s::uuid)
       AND (%(status)s::text IS NULL OR c.status = %(status)s::text)
     ORDER BY c.opened_at, c.id
"""


async def listed(tx: ReadTx, *, employee: UUID | None = None, status: ConflictStatus | None = "open") -> list[Conflict]:
    """The conflicts of one employee or of all whom the caller may see, the oldest first; None means of every status."""
    return await tx.fetch_all(Conflict, LISTED, employee=employee, conflict=None, status=status)


OLDEST: LiteralString = """
    SELECT c.id, c.employee_id, c.belief_id, c.subject, c.predicate, c.held, c.claimed, c.claimed_source, c.evidence, c.times, c.status,
           c.opened_at, c.resolved_at, c.resolved_by_type, c.resolved_by, c.reason
      FROM belief_conflicts c
      JOIN employees e ON e.tenant_id = %(tenant)s::uuid AND e.id = c.employee_id AND e.deleted_at IS NULL
     WHERE c.tenant_id = %(tenant)s::uuid
       AND (%(employee)s::uuid IS NULL OR c.employee_id = %(employee)s::uuid)
       AND (%(status)s::text IS NULL OR c.status = %(status)s::text)
       AND (%(opened_at)s::timestamptz IS NULL OR (c.opened_at, c.id) > (%(opened_at)s::timestamptz, %(after)s::uuid))
     ORDER BY c.opened_at, c.id LIMIT %(limit)s::int
"""


async def oldest(
    tx: ReadTx,
    *,
    limit: int,
    employee: UUID | None = None,
    status: ConflictStatus | None = "open",
    opened_at: datetime | None = None,
    after: UUID | None = None,
) -> list[Conflict]:
    """At most so many of `listed`, from those after the one that was opened then and has this id on."""
    return await tx.fetch_all(
        Conflict, OLDEST, employee=employee, limit=limit, status=status, opened_at=opened_at, after=after
    )


async def get(tx: ReadTx, *, conflict: UUID, employee: UUID | None = None) -> Conflict:
    """The conflict of this id, of that employee where one is named. Raises `NotFoundError`."""
    found = await tx.fetch_one(Conflict, LISTED, employee=employee, conflict=conflict, status=None)
    if found is None:
        raise NotFoundError("there is no such conflict")
    return found


ABOUT: LiteralString = """
    SELECT id, employee_id, belief_id, subject, predicate, held, claimed, claimed_source, evidence, times, status, opened_at, resolved_at,
           resolved_by_type, resolved_by, reason
      FROM belief_conflicts
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND belief_id = %(belief)s::uuid
       AND opened_at <= %(at)s::timestamptz AND (status = 'open' OR resolved_at > %(at)s::timestamptz)
     ORDER BY opened_at, id
"""


async def about(tx: ReadTx, *, employee: UUID, belief: UUID, at: datetime) -> list[Conflict]:
    """The conflicts about one belief that were open at a moment of the tenant's time, the oldest first."""
    return await tx.fetch_all(Conflict, ABOUT, employee=employee, belief=belief, at=at)


class _Resolved(BaseModel):
    employee_id: UUID
    subject: str
    predicate: str
    claimed: JsonValue
    last_updated_at: datetime


# The belief is locked before its conflict, as it is when a guess is heard: so the two do not wait for each other.
RESOLVE: LiteralString = """
    WITH disputed AS MATERIALIZED (
        SELECT b.employee_id, b.id, b.last_updated_at
          FROM beliefs b JOIN belief_conflicts c ON c.tenant_id = b.tenant_id AND c.employee_id = b.employee_id AND c.belief_id = b.id
         WHERE b.tenant_id = %(tenant)s::uuid AND c.tenant_id = %(tenant)s::uuid AND c.id = %(conflict)s::uuid
           AND (%(employee)s::uuid IS NULL OR c.employee_id = %(employee)s::uuid)
           FOR NO KEY UPDATE OF b
    )
    UPDATE belief_conflicts c SET status = %(status)s::text, reason = %(reason)s::text
      FROM disputed d
     WHERE c.tenant_id = %(tenant)s::uuid AND c.employee_id = d.employee_id AND c.belief_id = d.id AND c.id = %(conflict)s::uuid
       AND c.status = 'open'
    RETURNING c.employee_id, c.subject, c.predicate, c.claimed, d.last_updated_at
"""


async def resolve(tx: Tx, *, conflict: UUID, keep: bool, reason: str, employee: UUID | None = None) -> Conflict:
    """The conflict is settled: the human's word stands, or else what was claimed is believed, as told by the caller.

    Of that employee where one is named. An admin, a manager or the operator decides. While the belief says what was kept, the same
    claim opens no other conflict. Raises `ConflictError` when it is settled already, `ForbiddenError`, `NotFoundError`, `InvalidError`.
    """
    if not 1 <= len(reason.strip()) <= MAX_REASON:
        raise InvalidError(f"a conflict is settled with a reason of 1 to {MAX_REASON} characters")
    check_json(reason, what="the reason")
    status: ConflictStatus = "kept" if keep else "overturned"
    settled = await tx.fetch_one(
        _Resolved, RESOLVE, conflict=conflict, employee=employee, status=status, reason=reason.strip()
    )
    if settled is None:
        found = await get(tx, conflict=conflict, employee=employee)
        if found.status == "open":
            raise ForbiddenError("the caller's role does not allow this")
        raise ConflictError(f"this conflict is {found.status} already")
    if not keep:
        await beliefs.observe(tx, employee=settled.employee_id, piece=_word(settled, reason.strip(), now=tx.now))
    return await get(tx, conflict=conflict)


def _word(settled: _Resolved, reason: str, *, now: datetime) -> Evidence:
    """The caller's word for the claim. It is newer than what it overturns, not one more opinion about the same moment."""
    return Evidence(
        subject=settled.subject,
        predicate=settled.predicate,
        object=settled.claimed,
        source="told_by_human",
        occurred_at=max(now, settled.last_updated_at + timedelta(microseconds=1)),
        reason=reason,
    )
