"""What an employee knows, knew, and can't decide: facts are read with their confidence at the moment that is asked about."""

from datetime import datetime
from itertools import groupby
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.clock import as_utc
from empla.errors import InvalidError
from empla.memory.episodic import Ending
from empla.memory.semantic import Fact, FactType
from empla.shapes import check_json
from empla.storage.tx import ReadTx

MAX_LISTED = 1000

# The subject is a range, so that a prepared plan goes by its index, whether one is given or not (greatest and least pass over NULL, and
# count as leakproof; coalesce does not).
LIST: LiteralString = """
    SELECT id, employee_id, fact_type, subject, predicate, object,
           effective_confidence(confidence, decay_rate, 'linear', reinforced_at, %(now)s::timestamptz) AS confidence,
           confidence AS stored_confidence, decay_rate, reinforced_at, source, verified, disputed, created_at AS learned_at,
           deleted_at AS ended_at, ended
      FROM memory_semantic
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND subject_key BETWEEN greatest(name_key(%(subject)s::text), '00000000-0000-0000-0000-000000000000')
                           AND least(name_key(%(subject)s::text), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
       AND (%(predicate)s::text IS NULL OR predicate_key = name_key(%(predicate)s::text))
       AND (%(fact_type)s::text IS NULL OR fact_type = %(fact_type)s::text)
       AND (%(verified)s::boolean IS NULL OR verified = %(verified)s::boolean)
       AND effective_confidence(confidence, decay_rate, 'linear', reinforced_at, %(now)s::timestamptz) >= %(min_confidence)s::float8
       AND (%(last)s::uuid IS NULL
            OR (NOT disputed, effective_confidence(confidence, decay_rate, 'linear', reinforced_at, %(now)s::timestamptz), reinforced_at,
                id) < (NOT %(last_disputed)s::boolean, %(last_confidence)s::float8, %(last_reinforced)s::timestamptz, %(last)s::uuid))
     ORDER BY disputed, 7 DESC, reinforced_at DESC, id DESC
     LIMIT %(limit)s::int
"""


class AfterFact(BaseModel):
    """The place in a list of facts, whose confidence is that of one moment: it decays while pages are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    disputed: bool
    confidence: float
    reinforced_at: datetime
    id: UUID


async def listed(
    tx: ReadTx,
    *,
    employee: UUID,
    subject: str | None = None,
    predicate: str | None = None,
    fact_type: FactType | None = None,
    verified: bool | None = None,
    min_confidence: float = 0.0,
    limit: int = 100,
    after: AfterFact | None = None,
) -> list[Fact]:
    """What is known now, the surest first and what is disputed last; names are compared without their case.

    Behind a place, as sure as each was when that was told. Raises `InvalidError`.
    """
    check_limit(limit)
    check_confidence(min_confidence)
    return await tx.fetch_all(
        Fact,
        LIST,
        employee=employee,
        subject=a_name(subject, what="subject"),
        predicate=a_name(predicate, what="predicate"),
        fact_type=fact_type,
        verified=verified,
        min_confidence=min_confidence,
        limit=limit,
        now=after.at if after else tx.now,
        last=after and after.id,
        last_disputed=after and after.disputed,
        last_confidence=after and after.confidence,
        last_reinforced=after and after.reinforced_at,
    )


# Of several changes at one moment the last counts.
AS_OF: LiteralString = """
    SELECT f.id, f.employee_id, f.fact_type, f.subject, f.predicate, f.object,
           effective_confidence(h.confidence, h.decay_rate, 'linear', h.reinforced_at, %(at)s::timestamptz) AS confidence,
           h.confidence AS stored_confidence, h.decay_rate, h.reinforced_at, h.source, h.verified, h.disputed,
           f.created_at AS learned_at, NULL::timestamptz AS ended_at, NULL::text AS ended
      FROM memory_semantic f
     CROSS JOIN LATERAL (SELECT *
                           FROM fact_history t
                          WHERE t.tenant_id = %(tenant)s::uuid AND t.employee_id = %(employee)s::uuid AND t.fact_id = f.id
                            AND t.changed_at <= %(at)s::timestamptz
                          ORDER BY t.changed_at DESC, t.id DESC LIMIT 1) h
     WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = %(employee)s::uuid AND h.live
       AND f.subject_key BETWEEN greatest(name_key(%(subject)s::text), '00000000-0000-0000-0000-000000000000')
                           AND least(name_key(%(subject)s::text), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
       AND (%(predicate)s::text IS NULL OR f.predicate_key = name_key(%(predicate)s::text))
     ORDER BY h.disputed, 7 DESC, h.reinforced_at DESC, f.id DESC
     LIMIT %(limit)s::int
"""


async def as_of(
    tx: ReadTx,
    *,
    employee: UUID,
    at: datetime,
    subject: str | None = None,
    predicate: str | None = None,
    limit: int = 100,
) -> list[Fact]:
    """What was known at a moment of the tenant's time, and how surely then; ordered as `listed`. Raises `InvalidError`."""
    check_limit(limit)
    return await tx.fetch_all(
        Fact,
        AS_OF,
        employee=employee,
        at=as_utc(at, what="as_of"),
        subject=a_name(subject, what="subject"),
        predicate=a_name(predicate, what="predicate"),
        limit=limit,
    )


class _Contested(Fact):
    place: int


class Contradiction(BaseModel):
    """Facts of which one at most can be true; what people vouch for stands first."""

    model_config = ConfigDict(frozen=True)

    subject: str
    predicate: str
    facts: list[Fact]


CONTRADICTIONS: LiteralString = """
    WITH contested AS (
        SELECT f.tenant_id, f.subject_key, f.predicate_key
          FROM fact_predicates p
          JOIN memory_semantic f ON f.tenant_id = p.tenant_id AND f.employee_id = p.employee_id AND f.predicate_key = p.predicate_key
         WHERE p.tenant_id = %(tenant)s::uuid AND p.employee_id = %(employee)s::uuid AND p.functional AND f.deleted_at IS NULL
         GROUP BY f.tenant_id, f.subject_key, f.predicate_key HAVING count(*) > 1
         ORDER BY max(f.reinforced_at) DESC, f.subject_key, f.predicate_key
         LIMIT %(limit)s::int
    )
    SELECT f.id, f.employee_id, f.fact_type, f.subject, f.predicate, f.object,
           effective_confidence(f.confidence, f.decay_rate, 'linear', f.reinforced_at, %(now)s::timestamptz) AS confidence,
           f.confidence AS stored_confidence, f.decay_rate, f.reinforced_at, f.source, f.verified, f.disputed,
           f.created_at AS learned_at, f.deleted_at AS ended_at, f.ended,
           dense_rank() OVER (ORDER BY f.subject_key, f.predicate_key)::int AS place
      FROM contested c
      JOIN memory_semantic f ON f.tenant_id = c.tenant_id AND f.subject_key = c.subject_key AND f.predicate_key = c.predicate_key
     WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = %(employee)s::uuid AND f.deleted_at IS NULL
     ORDER BY place, f.verified DESC, 7 DESC, f.id
"""


async def contradictions(tx: ReadTx, *, employee: UUID, limit: int = 100) -> list[Contradiction]:
    """Functional predicates of which a subject has several objects; `verify` or `forget` one to settle it. Raises `InvalidError`."""
    check_limit(limit)
    contested = await tx.fetch_all(_Contested, CONTRADICTIONS, employee=employee, limit=limit, now=tx.now)
    found: list[Contradiction] = []
    for _, group in groupby(contested, key=lambda fact: fact.place):
        facts = [Fact(**fact.model_dump(exclude={"place"})) for fact in group]
        found.append(Contradiction(subject=facts[0].subject, predicate=facts[0].predicate, facts=facts))
    return found


class FactChange(BaseModel):
    """One change of a fact, as the database wrote it."""

    model_config = ConfigDict(frozen=True)

    fact_id: UUID
    subject: str
    predicate: str
    object: str
    change: Literal[
        "learned",
        "reinforced",
        "verified",
        "disputed",
        "undisputed",
        "changed",
        "superseded",
        "revised",
        "forgotten",
        "revived",
    ]
    confidence: float
    source: str | None
    live: bool  # known from then on
    actor_type: str
    actor_id: UUID
    changed_at: datetime


CHANGES: LiteralString = """
    SELECT h.fact_id, f.subject, f.predicate, f.object, h.change, h.confidence, h.source, h.live, h.actor_type, h.actor_id, h.changed_at
      FROM memory_semantic f
      JOIN fact_history h ON h.tenant_id = f.tenant_id AND h.employee_id = f.employee_id AND h.fact_id = f.id
     WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = %(employee)s::uuid
       AND f.subject_key = name_key(%(subject)s::text)
       AND (%(predicate)s::text IS NULL OR f.predicate_key = name_key(%(predicate)s::text))
     ORDER BY h.changed_at DESC, h.id DESC LIMIT %(limit)s::int
"""


async def changes(
    tx: ReadTx, *, employee: UUID, subject: str, predicate: str | None = None, limit: int = 100
) -> list[FactChange]:
    """What became of the facts about a subject, those that have ended too, the latest change first. Raises `InvalidError`."""
    check_limit(limit)
    return await tx.fetch_all(
        FactChange,
        CHANGES,
        employee=employee,
        subject=a_name(subject, what="subject"),
        predicate=a_name(predicate, what="predicate"),
        limit=limit,
    )


class Named(BaseModel):
    """A name that facts are about, or lead to."""

    model_config = ConfigDict(frozen=True)

    name: str
    facts: int


MAX_NAME = 80  # characters; what is longer is text, and names nothing
NAMES: LiteralString = """
    SELECT min(side.name) AS name, count(*) AS facts
      FROM memory_semantic f
     CROSS JOIN LATERAL (VALUES (true, f.subject_key, f.subject), (false, f.object_key, f.object)) side (is_subject, key, name)
     WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = %(employee)s::uuid AND f.deleted_at IS NULL
       AND (side.is_subject OR (f.object_key <> f.subject_key AND length(f.object) <= %(longest)s::int))
     GROUP BY side.key ORDER BY count(*) DESC, 1 LIMIT %(limit)s::int
"""


async def names(tx: ReadTx, *, employee: UUID, limit: int = 12) -> list[Named]:
    """Of whom or what most is known, first. Raises `InvalidError`."""
    check_limit(limit)
    return await tx.fetch_all(Named, NAMES, employee=employee, longest=MAX_NAME, limit=limit)


class FactEvidence(BaseModel):
    """An episode that a fact rests on."""

    model_config = ConfigDict(frozen=True)

    episode_id: UUID
    description: str
    occurred_at: datetime
    at: datetime  # when it was counted for the fact
    ended: Ending | None  # why the employee no longer remembers it; what was forgotten or evicted has lost its words
    merged_into: UUID | None  # the episode that tells it now


EVIDENCE: LiteralString = """
    SELECT e.episode_id, m.description, m.occurred_at, e.at, m.ended, m.merged_into
      FROM fact_evidence e
      JOIN memory_episodes m ON m.tenant_id = e.tenant_id AND m.employee_id = e.employee_id AND m.id = e.episode_id
     WHERE e.tenant_id = %(tenant)s::uuid AND e.employee_id = %(employee)s::uuid AND e.fact_id = %(fact)s::uuid
     ORDER BY m.occurred_at, m.id
"""


async def evidence(tx: ReadTx, *, employee: UUID, fact: UUID) -> list[FactEvidence]:
    """The episodes that a fact rests on, the oldest first; forgotten ones too."""
    return await tx.fetch_all(FactEvidence, EVIDENCE, employee=employee, fact=fact)


def check_limit(limit: int) -> None:
    """Raises `InvalidError`."""
    if not 1 <= limit <= MAX_LISTED:
        raise InvalidError(f"a limit is 1 to {MAX_LISTED}, not {limit}")


def check_confidence(least: float) -> None:
    """Raises `InvalidError`, for NaN too."""
    if not 0 <= least <= 1:
        raise InvalidError(f"a confidence lies between 0 and 1, not at {least}")


def a_name(name: str | None, *, what: str) -> str | None:
    """Without blanks around it. Raises `InvalidError` for what can't name anything."""
    check_json(name, what=f"the {what}")
    if name is not None and not name.strip():
        raise InvalidError(f"the {what} is empty")
    return name and name.strip()
