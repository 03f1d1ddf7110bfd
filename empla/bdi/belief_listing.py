"""Beliefs and their history in parts: a page of what is held, one belief by its id, and how beliefs came about."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.bdi.beliefs import Belief, Change
from empla.clock import as_utc
from empla.errors import NotFoundError
from empla.storage.tx import ReadTx

BY_NAME: LiteralString = """
    SELECT id, employee_id, belief_type, subject, predicate, object,
           at_most_its_supports(effective_confidence(confidence, decay_rate, decay_model, last_updated_at, %(now)s::timestamptz),
                                tenant_id, employee_id, source, grounds, object, %(now)s::timestamptz) AS confidence,
           confidence AS stored_confidence, source, evidence, formed_at, last_updated_at, decay_rate, decay_model, tainted
      FROM beliefs
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (%(subject)s::text IS NULL OR subject = %(subject)s::text)
       AND (%(predicate)s::text IS NULL OR predicate = %(predicate)s::text)
       AND (%(after_subject)s::text IS NULL OR (subject, predicate) > (%(after_subject)s::text, %(after_predicate)s::text))
     ORDER BY subject, predicate LIMIT %(limit)s::int
"""


async def by_name(
    tx: ReadTx,
    *,
    employee: UUID,
    limit: int,
    after: tuple[str, str] | None = None,
    subject: str | None = None,
    predicate: str | None = None,
) -> list[Belief]:
    """At most so many of what the employee believes now, by subject and predicate, from those after these two on."""
    after_subject, after_predicate = after or (None, None)
    return await tx.fetch_all(
        Belief,
        BY_NAME,
        employee=employee,
        limit=limit,
        after_subject=after_subject,
        after_predicate=after_predicate,
        subject=subject and subject.strip(),
        predicate=predicate and predicate.strip(),
        now=tx.now,
    )


BY_ID: LiteralString = """
    SELECT id, employee_id, belief_type, subject, predicate, object,
           at_most_its_supports(effective_confidence(confidence, decay_rate, decay_model, last_updated_at, %(now)s::timestamptz),
                                tenant_id, employee_id, source, grounds, object, %(now)s::timestamptz) AS confidence,
           confidence AS stored_confidence, source, evidence, formed_at, last_updated_at, decay_rate, decay_model, tainted
      FROM beliefs
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL AND id = %(belief)s::uuid
"""


async def get(tx: ReadTx, *, employee: UUID, belief: UUID) -> Belief:
    """The live belief of this id. Raises `NotFoundError`."""
    found = await tx.fetch_one(Belief, BY_ID, employee=employee, belief=belief, now=tx.now)
    if found is None:
        raise NotFoundError("there is no such belief")
    return found


class Name(BaseModel):
    """What a belief is about."""

    model_config = ConfigDict(frozen=True)

    subject: str
    predicate: str


NAMED: LiteralString = """
    SELECT subject, predicate FROM beliefs
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(belief)s::uuid
"""


async def name(tx: ReadTx, *, employee: UUID, belief: UUID) -> Name:
    """What the belief of this id is about, or was: it may be held no more. Raises `NotFoundError`."""
    found = await tx.fetch_one(Name, NAMED, employee=employee, belief=belief)
    if found is None:
        raise NotFoundError("there is no such belief")
    return found


HISTORY: LiteralString = """
    SELECT id, belief_id, change_type, subject, predicate, old_value, new_value, old_confidence, new_confidence, source, evidence,
           reason, actor_type, actor_id, evidence_at, changed_at
      FROM belief_history
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
       AND (%(belief)s::uuid IS NULL OR belief_id = %(belief)s::uuid)
       AND (%(subject)s::text IS NULL OR subject = %(subject)s::text)
       AND (%(predicate)s::text IS NULL OR predicate = %(predicate)s::text)
       AND (%(since)s::timestamptz IS NULL OR changed_at >= %(since)s::timestamptz)
       AND (%(until)s::timestamptz IS NULL OR changed_at <= %(until)s::timestamptz)
       AND (%(changed_at)s::timestamptz IS NULL OR (changed_at, id) < (%(changed_at)s::timestamptz, %(before)s::uuid))
     ORDER BY changed_at DESC, id DESC LIMIT %(limit)s::int
"""


async def history(
    tx: ReadTx,
    *,
    employee: UUID,
    limit: int,
    belief: UUID | None = None,
    subject: str | None = None,
    predicate: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    changed_at: datetime | None = None,
    before: UUID | None = None,
) -> list[Change]:
    """At most so many changes of the employee's beliefs, the latest first, from those before the one of `changed_at` and `before` on.

    `since` and `until` are within. What was heard without effect is told, too, as `late` or `contradicted`.
    """
    return await tx.fetch_all(
        Change,
        HISTORY,
        employee=employee,
        limit=limit,
        belief=belief,
        subject=subject and subject.strip(),
        predicate=predicate and predicate.strip(),
        since=since and as_utc(since, what="since"),
        until=until and as_utc(until, what="until"),
        changed_at=changed_at,
        before=before,
    )
