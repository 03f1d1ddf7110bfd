"""Beliefs and their history in parts: a page of what is held, one belief by its id, and how beliefs came about."""

from datetime import datetime, timedelta
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.bdi.beliefs import Belief, Change, ChangeType
from empla.bdi.confidence import DecayModel, Source
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


SURE, UNSURE = 0.8, 0.5  # from the one on one is sure of it; under the other it is a guess
Order = Literal["name", "unsure", "latest"]


class Found(Belief):
    """A belief that people looked for among others."""

    is_disputed: bool  # a guess stands against a human's word
    total: int  # that were found, on all pages
    sure: int  # of these
    unsure: int  # of these


# All of what one employee believes is looked at, for what is counted and for what is least sure: it is some thousand rows at most.
SEARCH: LiteralString = """
    WITH found AS (
        SELECT b.id, b.employee_id, b.belief_type, b.subject, b.predicate, b.object,
               at_most_its_supports(effective_confidence(b.confidence, b.decay_rate, b.decay_model, b.last_updated_at, %(now)s::timestamptz),
                                    b.tenant_id, b.employee_id, b.source, b.grounds, b.object, %(now)s::timestamptz) AS confidence,
               b.confidence AS stored_confidence, b.source, b.evidence, b.formed_at, b.last_updated_at, b.decay_rate, b.decay_model,
               b.tainted,
               EXISTS (SELECT FROM belief_conflicts c
                        WHERE c.tenant_id = %(tenant)s::uuid AND c.employee_id = %(employee)s::uuid AND c.belief_id = b.id
                          AND c.status = 'open') AS is_disputed
          FROM beliefs b
         WHERE b.tenant_id = %(tenant)s::uuid AND b.employee_id = %(employee)s::uuid AND b.deleted_at IS NULL
           AND (%(subject)s::text IS NULL OR b.subject = %(subject)s::text)
           AND (%(source)s::text IS NULL OR b.source = %(source)s::text)
           AND (%(words)s::text IS NULL
                OR strpos(lower(b.subject || ' ' || b.predicate || ' ' || b.object::text), lower(%(words)s::text)) > 0)
    )
    SELECT f.id, f.employee_id, f.belief_type, f.subject, f.predicate, f.object, f.confidence, f.stored_confidence, f.source, f.evidence,
           f.formed_at, f.last_updated_at, f.decay_rate, f.decay_model, f.tainted, f.is_disputed, count(*) OVER () AS total,
           count(*) FILTER (WHERE f.confidence >= %(sure)s::float8) OVER () AS sure,
           count(*) FILTER (WHERE f.confidence < %(unsure)s::float8) OVER () AS unsure
      FROM found f
     ORDER BY CASE WHEN %(order)s::text = 'unsure' THEN f.confidence END, CASE WHEN %(order)s::text = 'latest' THEN f.last_updated_at END DESC,
              f.subject, f.predicate
     LIMIT %(limit)s::int OFFSET %(skip)s::int
"""
SEARCH_THEN: LiteralString = """
    WITH last AS (
        SELECT DISTINCT ON (h.subject, h.predicate) h.*
          FROM belief_history h
         WHERE h.tenant_id = %(tenant)s::uuid AND h.employee_id = %(employee)s::uuid AND h.changed_at <= %(at)s::timestamptz
           AND h.change_type NOT IN ('late', 'contradicted')
           AND (%(subject)s::text IS NULL OR h.subject = %(subject)s::text)
         ORDER BY h.subject, h.predicate, h.changed_at DESC, h.id DESC
    ), found AS (
        SELECT l.belief_id AS id, l.employee_id, l.belief_type, l.subject, l.predicate, l.new_value AS object,
               at_most_its_supports_then(effective_confidence(l.new_confidence, l.decay_rate, l.decay_model, l.evidence_at, %(at)s::timestamptz),
                                         l.tenant_id, l.employee_id, l.source, l.grounds, l.new_value, %(at)s::timestamptz) AS confidence,
               coalesce(l.new_confidence, 0) AS stored_confidence, l.source, l.evidence, l.formed_at, l.evidence_at AS last_updated_at,
               l.decay_rate, l.decay_model, is_tainted(l.grounds, l.new_value) AS tainted,
               EXISTS (SELECT FROM belief_conflicts c
                        WHERE c.tenant_id = %(tenant)s::uuid AND c.employee_id = %(employee)s::uuid AND c.belief_id = l.belief_id
                          AND c.opened_at <= %(at)s::timestamptz AND (c.status = 'open' OR c.resolved_at > %(at)s::timestamptz)) AS is_disputed
          FROM last l
         WHERE l.change_type NOT IN ('deleted', 'decayed')
           AND (%(source)s::text IS NULL OR l.source = %(source)s::text)
           AND (%(words)s::text IS NULL
                OR strpos(lower(l.subject || ' ' || l.predicate || ' ' || l.new_value::text), lower(%(words)s::text)) > 0)
    )
    SELECT f.id, f.employee_id, f.belief_type, f.subject, f.predicate, f.object, f.confidence, f.stored_confidence, f.source, f.evidence,
           f.formed_at, f.last_updated_at, f.decay_rate, f.decay_model, f.tainted, f.is_disputed, count(*) OVER () AS total,
           count(*) FILTER (WHERE f.confidence >= %(sure)s::float8) OVER () AS sure,
           count(*) FILTER (WHERE f.confidence < %(unsure)s::float8) OVER () AS unsure
      FROM found f
     ORDER BY CASE WHEN %(order)s::text = 'unsure' THEN f.confidence END, CASE WHEN %(order)s::text = 'latest' THEN f.last_updated_at END DESC,
              f.subject, f.predicate
     LIMIT %(limit)s::int OFFSET %(skip)s::int
"""


async def search(
    tx: ReadTx,
    *,
    employee: UUID,
    limit: int,
    skip: int = 0,
    at: datetime | None = None,
    words: str | None = None,
    subject: str | None = None,
    source: Source | None = None,
    order: Order = "name",
) -> list[Found]:
    """What it believes now, or believed at a moment, where the words stand in a name or a value; with how many there are."""
    if at is None:
        return await tx.fetch_all(
            Found,
            SEARCH,
            employee=employee,
            words=words or None,
            subject=subject,
            source=source,
            order=order,
            sure=SURE,
            unsure=UNSURE,
            limit=limit,
            skip=skip,
            now=tx.now,
        )
    return await tx.fetch_all(
        Found,
        SEARCH_THEN,
        employee=employee,
        at=as_utc(at, what="as_of"),
        words=words or None,
        subject=subject,
        source=source,
        order=order,
        sure=SURE,
        unsure=UNSURE,
        limit=limit,
        skip=skip,
    )


class Activity(BaseModel):
    """How much changed in one part of a time."""

    model_config = ConfigDict(frozen=True)

    part: int  # of so many; the first is 1
    changes: int


ACTIVITY: LiteralString = """
    SELECT least(%(parts)s::int, width_bucket(extract(epoch FROM changed_at), extract(epoch FROM %(since)s::timestamptz),
                                              extract(epoch FROM %(until)s::timestamptz), %(parts)s::int)) AS part, count(*) AS changes
      FROM belief_history
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
       AND changed_at BETWEEN %(since)s::timestamptz AND %(until)s::timestamptz
       AND (%(belief)s::uuid IS NULL OR belief_id = %(belief)s::uuid)
     GROUP BY part ORDER BY part
"""


async def activity(
    tx: ReadTx, *, employee: UUID, since: datetime, until: datetime, parts: int, belief: UUID | None = None
) -> list[Activity]:
    """When its beliefs changed, or this one: the parts of the time in which anything did."""
    return await tx.fetch_all(
        Activity,
        ACTIVITY,
        employee=employee,
        belief=belief,
        since=since,
        until=max(until, since + timedelta(seconds=1)),
        parts=parts,
    )


class Known(Belief):
    """A belief that is held, or was."""

    ended_at: datetime | None
    ended_because: str | None


KNOWN: LiteralString = """
    SELECT id, employee_id, belief_type, subject, predicate, object,
           at_most_its_supports(effective_confidence(confidence, decay_rate, decay_model, last_updated_at, %(now)s::timestamptz),
                                tenant_id, employee_id, source, grounds, object, %(now)s::timestamptz) AS confidence,
           confidence AS stored_confidence, source, evidence, formed_at, last_updated_at, decay_rate, decay_model, tainted,
           deleted_at AS ended_at, CASE WHEN deleted_at IS NOT NULL THEN reason END AS ended_because
      FROM beliefs
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(belief)s::uuid
"""


async def known(tx: ReadTx, *, employee: UUID, belief: UUID) -> Known:
    """The belief of this id as it is held, or as it was at its end. Raises `NotFoundError`."""
    found = await tx.fetch_one(Known, KNOWN, employee=employee, belief=belief, now=tx.now)
    if found is None:
        raise NotFoundError("there is no such belief")
    return found


class Step(BaseModel):
    """One change of what is believed about something, with how it fades from there and who made it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    belief_id: UUID
    change_type: ChangeType
    old_value: JsonValue
    new_value: JsonValue
    old_confidence: float | None
    new_confidence: float | None
    source: Source
    reason: str | None
    actor_type: str
    actor: str | None  # a user's name, where the caller may see it
    evidence_at: datetime
    changed_at: datetime
    decay_rate: float
    decay_model: DecayModel


COURSE: LiteralString = """
    SELECT h.id, h.belief_id, h.change_type, h.old_value, h.new_value, h.old_confidence, h.new_confidence, h.source, h.reason, h.actor_type,
           u.name AS actor, h.evidence_at, h.changed_at, h.decay_rate, h.decay_model
      FROM belief_history h
      LEFT JOIN users u ON u.tenant_id = h.tenant_id AND u.id = h.actor_id AND h.actor_type = 'user'
     WHERE h.tenant_id = %(tenant)s::uuid AND h.employee_id = %(employee)s::uuid AND h.belief_id = %(belief)s::uuid
       AND h.changed_at <= %(until)s::timestamptz
     ORDER BY h.changed_at DESC, h.id DESC LIMIT %(limit)s::int
"""


async def course(tx: ReadTx, *, employee: UUID, belief: UUID, until: datetime, limit: int) -> list[Step]:
    """How the belief came about, the latest first; what was heard without effect, too."""
    return await tx.fetch_all(Step, COURSE, employee=employee, belief=belief, until=until, limit=limit)


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
