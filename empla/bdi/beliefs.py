"""A belief moves by evidence alone: newer news replaces, news of the same state is weighed, old news goes to history.

The database does the arithmetic (the SQL function `revise`) and writes history and audit itself, in the same transaction.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, LiteralString, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from empla.bdi.confidence import RELIABILITY, DecayModel, Source
from empla.clock import as_utc
from empla.errors import InvalidError, NotFoundError
from empla.shapes import check_json
from empla.storage.tx import ReadTx, Tx

BeliefType = Literal["state", "event", "causal", "evaluative"]
ChangeType = Literal["created", "updated", "deleted", "decayed", "revised", "confirmed", "late", "contradicted"]
MAX_OBJECT_BYTES = 65_536
MAX_SUBJECT_CHARACTERS = 500
MAX_PREDICATE_CHARACTERS = 200
MAX_PREDICATE_BYTES = 500  # so that subject and predicate fit one index entry, whatever the script
MAX_SUPPORTS = 100  # of one inference
LEAST_DECAY_RATE = 1e-9  # per day; what decays more slowly had better not decay


def _trimmed(name: object) -> object:
    return name.strip() if isinstance(name, str) else name


def _fits_the_index(predicate: str) -> str:
    if len(predicate.encode()) > MAX_PREDICATE_BYTES:
        raise ValueError(f"must have at most {MAX_PREDICATE_BYTES} bytes")
    return predicate


def _noticeable(rate: float | None) -> float | None:
    if rate is not None and 0 < rate < LEAST_DECAY_RATE:
        raise ValueError(f"must be 0, for never, or at least {LEAST_DECAY_RATE:g} a day")
    return rate


Subject = Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT_CHARACTERS), BeforeValidator(_trimmed)]
Predicate = Annotated[
    str,
    Field(min_length=1, max_length=MAX_PREDICATE_CHARACTERS),
    BeforeValidator(_trimmed),
    AfterValidator(_fits_the_index),
]


class Evidence(BaseModel):
    """One piece of news about a subject: what was seen, by which kind of source, and when in the world."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Subject  # without blanks around it; its case counts
    predicate: Predicate
    object: JsonValue
    source: Source = "observation"
    reliability: Annotated[float | None, Field(ge=0.01, le=0.99)] = (
        None  # how often such news is right; by source unless said
    )
    occurred_at: datetime | None = None  # when it was so in the world; now unless said
    evidence: UUID | None = None  # the episode or observation it rests on; the same one counts once
    belief_type: BeliefType | None = None  # "state" unless the belief has another
    # Per day; unless said, the belief's own, else .1, and 0 for an event.
    decay_rate: Annotated[float | None, Field(ge=0, le=1), AfterValidator(_noticeable)] = None
    decay_model: DecayModel | None = None  # "linear" unless the belief has another
    reason: Annotated[str | None, Field(max_length=2000)] = None
    # The employee's own beliefs that an inference was made from, as they are when it is heard: it falls with any of them.
    rests_on: Annotated[tuple[UUID, ...], Field(max_length=MAX_SUPPORTS)] = ()
    tainted: bool = False  # from outside, and nobody vouches for it; so it is anyway where its episode or supports are

    @model_validator(mode="after")
    def _only_inferences_rest_on_beliefs(self) -> Self:
        if self.rests_on and self.source != "inference":
            raise ValueError(f"only an inference rests on beliefs, not {self.source}")
        return self

    @classmethod
    def parse(cls, **fields: Any) -> Self:
        """Evidence from what somebody passed in. Raises `InvalidError`, one sentence."""
        try:
            return cls(**fields)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"]) or "rests_on"
            raise InvalidError(f"evidence: {where}: {fault['msg'].removeprefix('Value error, ')}") from error


class Belief(BaseModel):
    """What an employee believes, as of the moment it was asked."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    belief_type: BeliefType
    subject: str
    predicate: str
    object: JsonValue
    confidence: float  # effective, 0..1: decayed to the moment of asking, and at most that of what it rests on
    stored_confidence: float  # what the last evidence left, .01...99
    source: Source
    evidence: list[str]  # ids of the episodes or observations that support it
    formed_at: datetime  # since when this object is believed
    last_updated_at: datetime  # of the last evidence: the decay's anchor
    decay_rate: float  # per day
    decay_model: DecayModel
    tainted: bool = False  # all that supports it came from outside


class Change(BaseModel):
    """One change of a belief, as the database wrote it; what was `late` or `contradicted` was heard without effect."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    belief_id: UUID
    change_type: ChangeType
    subject: str
    predicate: str
    old_value: JsonValue
    new_value: JsonValue
    old_confidence: float | None
    new_confidence: float | None
    source: Source
    evidence: list[str]
    reason: str | None
    actor_type: str
    actor_id: UUID
    evidence_at: datetime
    changed_at: datetime


# Supports are held before anything is written: the condition that asks for them is looked at first.
OBSERVE: LiteralString = """
    WITH support AS MATERIALIZED (
        SELECT support AS id, said FROM hold_supports(%(tenant)s::uuid, %(employee)s::uuid, %(derived)s::jsonb)
    ), heard AS (
        SELECT subject, predicate,
               jsonb_agg(jsonb_build_object('id', evidence, 'object', object, 'source', source, 'reliability', reliability,
                                            'occurred_at', occurred_at, 'belief_type', belief_type, 'decay_rate', decay_rate,
                                            'decay_model', decay_model, 'reason', reason,
                                            'rests_on', CASE WHEN rests_on IS NOT NULL
                                                             THEN (SELECT jsonb_object_agg(s.id::text, s.said)
                                                                     FROM support s WHERE s.id = ANY (rests_on)) END,
                                            'tainted', CASE WHEN tainted
                                                OR EXISTS (SELECT FROM memory_episodes m
                                                            WHERE m.tenant_id = %(tenant)s::uuid AND m.employee_id = %(employee)s::uuid
                                                              AND m.id = evidence::uuid AND m.tainted)
                                                OR EXISTS (SELECT FROM observations o
                                                            WHERE o.tenant_id = %(tenant)s::uuid AND o.employee_id = %(employee)s::uuid
                                                              AND o.id = evidence::uuid AND o.tainted)
                                                OR (rests_on IS NOT NULL AND EXISTS (
                                                    SELECT FROM beliefs b
                                                     WHERE b.tenant_id = %(tenant)s::uuid AND b.employee_id = %(employee)s::uuid
                                                       AND b.id = ANY (rests_on) AND b.tainted)) THEN true END)
                         ORDER BY occurred_at, position) AS news
          FROM ROWS FROM (jsonb_to_recordset(%(news)s::jsonb) AS (
                   subject text, predicate text, object jsonb, source text, reliability float8, occurred_at timestamptz,
                   evidence text, belief_type text, decay_rate float8, decay_model text, reason text, rests_on uuid[],
                   tainted boolean)) WITH ORDINALITY
               AS n (subject, predicate, object, source, reliability, occurred_at, evidence, belief_type, decay_rate, decay_model,
                     reason, rests_on, tainted, position)
         GROUP BY subject, predicate
    )
    INSERT INTO beliefs AS held (tenant_id, employee_id, belief_type, subject, predicate, object, confidence, source, evidence,
                                 formed_at, last_updated_at, decay_rate, decay_model, log_odds, grounds, silenced, revision,
                                 version, logged_at, reason)
    SELECT %(tenant)s::uuid, %(employee)s::uuid, b.belief_type, h.subject, h.predicate, b.object, b.confidence, b.source, b.evidence,
           b.formed_at, b.last_updated_at, b.decay_rate, b.decay_model, b.log_odds, b.grounds, b.silenced, b.revision, b.version,
           b.logged_at, b.reason
      FROM heard h CROSS JOIN LATERAL revise(NULL, h.news) b
     WHERE %(derived)s::jsonb = '[]' OR (SELECT count(*) FROM support) > 0
     ORDER BY h.subject, h.predicate
    ON CONFLICT (tenant_id, employee_id, subject, predicate) WHERE deleted_at IS NULL DO UPDATE
       SET (belief_type, object, confidence, source, evidence, formed_at, last_updated_at, decay_rate, decay_model, log_odds, grounds,
            silenced, revision, version, logged_at, reason)
         = (SELECT b.belief_type, b.object, b.confidence, b.source, b.evidence, b.formed_at, b.last_updated_at, b.decay_rate,
                   b.decay_model, b.log_odds, b.grounds, b.silenced, b.revision, b.version, b.logged_at, b.reason
              FROM revise(held, EXCLUDED.revision) b)
     WHERE EXISTS (SELECT FROM jsonb_array_elements(EXCLUDED.revision) e
                    WHERE e ->> 'id' IS NULL
                       OR NOT has_heard(held.evidence || held.silenced, held.grounds, e ->> 'id'))
    RETURNING id, employee_id, belief_type, subject, predicate, object,
              at_most_its_supports(effective_confidence(confidence, decay_rate, decay_model, last_updated_at, %(now)s::timestamptz),
                                   tenant_id, employee_id, source, grounds, object, %(now)s::timestamptz) AS confidence,
              confidence AS stored_confidence, source, evidence, formed_at, last_updated_at, decay_rate, decay_model, tainted
"""


async def observe(tx: Tx, *, employee: UUID, piece: Evidence) -> Belief:
    """Hear one piece of evidence, in one statement; returns what is believed after it (one more if it was heard before)."""
    touched = await observe_many(tx, employee=employee, news=[piece])
    if touched:
        return touched[0]
    return await current(tx, employee=employee, subject=piece.subject, predicate=piece.predicate)


async def observe_many(tx: Tx, *, employee: UUID, news: Sequence[Evidence]) -> list[Belief]:
    """Hear all news, in one statement; returns the beliefs that were touched (not those that had heard all of it before).

    Several pieces about one belief are heard in the order of their times and leave one entry in history, for the employee never
    believed what lay between. Raises `InvalidError` before anything is sent, or for a belief that would rest on itself;
    `NotFoundError` for another's or no employee, and when what an inference rests on is not believed (any more).
    """
    if not news:
        return []
    if len(news) > tx.settings.max_batch:
        raise InvalidError(
            f"{len(news)} pieces of evidence at once; at most {tx.settings.max_batch} are heard in one call"
        )
    prepared = [_prepared(piece, tx) for piece in news]
    derived = [{key: piece[key] for key in _DERIVED} for piece in prepared if "rests_on" in piece]
    return await tx.fetch_all(
        Belief,
        OBSERVE,
        employee=employee,
        news=json.dumps(prepared, ensure_ascii=False),
        derived=json.dumps(derived, ensure_ascii=False),
        now=tx.now,
    )


_DERIVED = ("subject", "predicate", "rests_on")


def _prepared(piece: Evidence, tx: Tx) -> dict[str, JsonValue]:
    occurred_at = as_utc(piece.occurred_at, what="occurred_at") if piece.occurred_at else tx.now
    if (occurred_at - tx.now).total_seconds() > tx.settings.max_clock_skew:
        raise InvalidError(
            f"evidence about {piece.subject}.{piece.predicate} lies in the future: {occurred_at:%Y-%m-%d %H:%M} UTC"
        )
    for name in ("subject", "predicate", "reason"):
        check_json(getattr(piece, name), what=f"the {name} of the evidence")
    check_json(piece.object, what=f"the object of {piece.subject}.{piece.predicate}", max_bytes=MAX_OBJECT_BYTES)
    unsaid = {name for name in ("rests_on", "tainted") if not getattr(piece, name)}
    return {
        **piece.model_dump(mode="json", exclude_none=True, exclude=unsaid),
        "object": piece.object,
        "reliability": piece.reliability or RELIABILITY[piece.source],
        "occurred_at": occurred_at.isoformat(),
    }


HELD: LiteralString = """
    SELECT id, employee_id, belief_type, subject, predicate, object,
           at_most_its_supports(effective_confidence(confidence, decay_rate, decay_model, last_updated_at, %(now)s::timestamptz),
                                tenant_id, employee_id, source, grounds, object, %(now)s::timestamptz) AS confidence,
           confidence AS stored_confidence, source, evidence, formed_at, last_updated_at, decay_rate, decay_model, tainted
      FROM beliefs
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (%(subject)s::text IS NULL OR subject = %(subject)s::text)
       AND (%(predicate)s::text IS NULL OR predicate = %(predicate)s::text)
     ORDER BY subject, predicate
"""


async def held(tx: ReadTx, *, employee: UUID, subject: str | None = None, predicate: str | None = None) -> list[Belief]:
    """What the employee believes now, by subject and predicate."""
    return await tx.fetch_all(
        Belief,
        HELD,
        employee=employee,
        subject=subject and subject.strip(),
        predicate=predicate and predicate.strip(),
        now=tx.now,
    )


# A subject of one or two letters stands in most sentences.
MENTIONED: LiteralString = """
    SELECT b.* FROM (
        SELECT id, employee_id, belief_type, subject, predicate, object,
               at_most_its_supports(effective_confidence(confidence, decay_rate, decay_model, last_updated_at, %(now)s::timestamptz),
                                    tenant_id, employee_id, source, grounds, object, %(now)s::timestamptz) AS confidence,
               confidence AS stored_confidence, source, evidence, formed_at, last_updated_at, decay_rate, decay_model, tainted
          FROM beliefs
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL AND length(subject) >= 3
           AND strpos(lower(%(words)s::text), lower(subject)) > 0) b
     ORDER BY (strpos(lower(%(words)s::text), lower(b.predicate)) > 0) DESC, b.confidence DESC, b.subject, b.predicate LIMIT %(limit)s::int
"""


async def mentioned(tx: ReadTx, *, employee: UUID, words: str, limit: int) -> list[Belief]:
    """What it believes now about whatever the words name, what they ask for first, then the surest."""
    return await tx.fetch_all(Belief, MENTIONED, employee=employee, words=words, limit=limit, now=tx.now)


async def current(tx: ReadTx, *, employee: UUID, subject: str, predicate: str) -> Belief:
    """The one live belief. Raises `NotFoundError`."""
    found = await held(tx, employee=employee, subject=subject, predicate=predicate)
    if not found:
        raise NotFoundError(f"nothing is believed about {subject}.{predicate}")
    return found[0]


# Of several changes at one moment the last counts: h.id, for plain id would be the belief's.
AS_OF: LiteralString = """
    SELECT id, employee_id, belief_type, subject, predicate, object,
           at_most_its_supports_then(effective_confidence(stored_confidence, decay_rate, decay_model, last_updated_at, %(at)s::timestamptz),
                                     tenant_id, employee_id, source, grounds, object, %(at)s::timestamptz) AS confidence,
           stored_confidence, source, evidence, formed_at, last_updated_at, decay_rate, decay_model, is_tainted(grounds, object) AS tainted
      FROM (SELECT DISTINCT ON (subject, predicate)
                   belief_id AS id, tenant_id, employee_id, belief_type, subject, predicate, new_value AS object,
                   new_confidence AS stored_confidence, source, evidence, grounds, formed_at, evidence_at AS last_updated_at,
                   decay_rate, decay_model, change_type
              FROM belief_history h
             WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND changed_at <= %(at)s::timestamptz
               AND change_type NOT IN ('late', 'contradicted')
               AND (%(subject)s::text IS NULL OR subject = %(subject)s::text)
               AND (%(predicate)s::text IS NULL OR predicate = %(predicate)s::text)
               AND (%(after_subject)s::text IS NULL OR (subject, predicate) > (%(after_subject)s::text, %(after_predicate)s::text))
             ORDER BY subject, predicate, changed_at DESC, h.id DESC) last
     WHERE change_type NOT IN ('deleted', 'decayed')
     ORDER BY subject, predicate LIMIT %(limit)s::int
"""


async def as_of(
    tx: ReadTx,
    *,
    employee: UUID,
    at: datetime,
    subject: str | None = None,
    predicate: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int | None = None,
) -> list[Belief]:
    """What the employee believed at a moment of its tenant's time; confidences are exact to .01.

    By subject and predicate, from those after these two on; all of it without a limit.
    """
    after_subject, after_predicate = after or (None, None)
    return await tx.fetch_all(
        Belief,
        AS_OF,
        employee=employee,
        at=as_utc(at, what="as_of"),
        subject=subject and subject.strip(),
        predicate=predicate and predicate.strip(),
        after_subject=after_subject,
        after_predicate=after_predicate,
        limit=limit,
    )


CHANGES: LiteralString = """
    SELECT id, belief_id, change_type, subject, predicate, old_value, new_value, old_confidence, new_confidence, source, evidence,
           reason, actor_type, actor_id, evidence_at, changed_at
      FROM belief_history
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
       AND changed_at BETWEEN %(since)s::timestamptz AND %(until)s::timestamptz
       AND (%(subjects)s::text[] IS NULL
            OR (subject, predicate) IN (SELECT * FROM unnest(%(subjects)s::text[], %(predicates)s::text[])))
     ORDER BY changed_at DESC, id DESC LIMIT %(limit)s::int
"""


async def changes(
    tx: ReadTx,
    *,
    employee: UUID,
    since: datetime,
    until: datetime,
    about: Sequence[tuple[str, str]] | None = None,
    limit: int = 100,
) -> list[Change]:
    """What history tells of the time from `since` to `until`, both included, the latest first: "what changed before it succeeded?".

    `about` names the (subject, predicate) pairs that matter; None means all. Raises `InvalidError`.
    """
    if not 1 <= limit <= tx.settings.max_batch:
        raise InvalidError(f"a limit lies between 1 and {tx.settings.max_batch}, not {limit}")
    return await tx.fetch_all(
        Change,
        CHANGES,
        employee=employee,
        since=as_utc(since, what="since"),
        until=as_utc(until, what="until"),
        subjects=None if about is None else [subject.strip() for subject, _ in about],
        predicates=None if about is None else [predicate.strip() for _, predicate in about],
        limit=limit,
    )


RETRACT: LiteralString = """
    UPDATE beliefs SET deleted_at = %(now)s::timestamptz, reason = %(reason)s::text, revision = '[]', version = version + 1
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND subject = %(subject)s::text AND predicate = ANY (%(predicates)s::text[])
"""


async def retract(tx: Tx, *, employee: UUID, subject: str, predicates: Sequence[str], reason: str) -> int:
    """These beliefs are no longer held, and history says why; returns how many there were.

    What was inferred from them falls with them, and is not counted.
    """
    return await tx.execute(
        RETRACT,
        employee=employee,
        subject=subject.strip(),
        predicates=[predicate.strip() for predicate in predicates],
        reason=reason,
        now=tx.now,
    )


RETRACT_ONE: LiteralString = """
    UPDATE beliefs SET deleted_at = %(now)s::timestamptz, reason = %(reason)s::text, revision = '[]', version = version + 1
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL AND id = %(belief)s::uuid
"""


async def retract_one(tx: Tx, *, employee: UUID, belief: UUID, reason: str) -> None:
    """As `retract`, of the belief of this id. Raises `NotFoundError` when it is not held (any more), `InvalidError` without a reason."""
    if not reason.strip():
        raise InvalidError("a belief is retracted with a reason")
    check_json(reason, what="the reason")
    if not await tx.execute(RETRACT_ONE, employee=employee, belief=belief, reason=reason.strip(), now=tx.now):
        raise NotFoundError("there is no such belief")


FORGET: LiteralString = """
    UPDATE beliefs SET deleted_at = %(now)s::timestamptz, reason = 'decayed below ' || %(floor)s::float8,
                       revision = '[{"verdict": "decayed"}]', version = version + 1
     WHERE tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR employee_id = %(employee)s::uuid) AND deleted_at IS NULL
       AND decay_rate > 0
       AND effective_confidence(confidence, decay_rate, decay_model, last_updated_at, %(now)s::timestamptz) < %(floor)s::float8
"""


async def forget(tx: Tx, *, floor: float, employee: UUID | None = None) -> int:
    """Beliefs whose effective confidence fell under `floor` are retired, each with one history row (`decayed`); how many."""
    return await tx.execute(FORGET, employee=employee, floor=floor, now=tx.now)
