"""A fact fades unless it is heard again or a person vouches for it; its words never change: other words are another fact.

The database weighs (the SQL function `learn_facts`) and writes history and audit itself, in the same transaction.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, LiteralString, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from empla.errors import ForbiddenError, InvalidError, NotFoundError
from empla.shapes import check_json
from empla.storage.tx import ReadTx, Tx

FactType = Literal["entity", "relationship", "rule", "definition"]
Ending = Literal["superseded", "revised", "forgotten"]
Outcome = Literal["learned", "reinforced", "known", "disputed"]
# Confidence lost per day, unless said: relations change sooner than things do; what was laid down holds until it is changed.
DECAY_RATES: dict[FactType, float] = {"entity": 0.002, "relationship": 0.005, "rule": 0, "definition": 0}
MAX_NAME_CHARACTERS = 500
MAX_PREDICATE_CHARACTERS = 200
MAX_PREDICATE_BYTES = 500
MAX_OBJECT_CHARACTERS = 10_000
MAX_SOURCE_CHARACTERS = 1000
MAX_EPISODES = 100  # of one telling


def _trimmed(name: object) -> object:
    return name.strip() if isinstance(name, str) else name


def _short_enough(predicate: str) -> str:
    if len(predicate.encode(errors="surrogatepass")) > MAX_PREDICATE_BYTES:
        raise ValueError(f"must have at most {MAX_PREDICATE_BYTES} bytes")
    return predicate


def _from_0_to_1(share: float) -> float:
    if not 0 <= share <= 1:  # NaN is neither
        raise ValueError("must lie between 0 and 1")
    return share


Share = Annotated[float, AfterValidator(_from_0_to_1)]


class NewFact(BaseModel):
    """What somebody claims: a triple, how sure, and by what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Without blanks around them; a fact that differs in case alone is the same fact, and keeps its first spelling.
    subject: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS), BeforeValidator(_trimmed)]
    predicate: Annotated[
        str,
        Field(min_length=1, max_length=MAX_PREDICATE_CHARACTERS),
        BeforeValidator(_trimmed),
        AfterValidator(_short_enough),
    ]
    object: Annotated[str, Field(min_length=1, max_length=MAX_OBJECT_CHARACTERS), BeforeValidator(_trimmed)]
    fact_type: FactType = "relationship"
    confidence: Share = 0.8  # beyond .99 only a person's word goes: verify
    source: Annotated[str | None, Field(max_length=MAX_SOURCE_CHARACTERS)] = None  # who or what says so
    decay_rate: Share | None = None  # per day; the known fact's own, or by its type
    # One object per subject, as in "lives in"; None: as it was said of this predicate before, else no.
    functional: bool | None = None
    episodes: Annotated[tuple[UUID, ...], Field(max_length=MAX_EPISODES)] = ()  # what it rests on; each counts once

    @classmethod
    def parse(cls, **fields: Any) -> Self:
        """A claim from what somebody passed in. Raises `InvalidError`, one sentence."""
        for name, given in fields.items():
            if isinstance(given, str):
                check_json(given, what=f"the {name} of the fact")
        try:
            return cls(**fields)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise InvalidError(f"fact: {where}: {fault['msg'].removeprefix('Value error, ')}") from error


class Fact(BaseModel):
    """What an employee knows, as of the moment it was asked."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    fact_type: FactType
    subject: str
    predicate: str
    object: str
    confidence: float  # effective, 0..1: decayed to the moment of asking
    stored_confidence: float  # what the last telling left
    decay_rate: float  # per day
    reinforced_at: datetime  # of the last telling: the decay's anchor
    source: str | None  # of the last telling
    verified: bool  # a person vouches for it
    disputed: bool  # it contradicts a verified fact
    learned_at: datetime
    ended_at: datetime | None  # known no more from then on
    ended: Ending | None

    def __str__(self) -> str:
        return f"{self.subject} {self.predicate} {self.object}"


class Learned(Fact):
    """A fact, and what hearing of it did."""

    outcome: Outcome
    superseded: list[UUID]  # the facts that it put an end to


LEARN: LiteralString = """
    SELECT f.id, f.employee_id, f.fact_type, f.subject, f.predicate, f.object,
           effective_confidence(f.confidence, f.decay_rate, 'linear', f.reinforced_at, %(now)s::timestamptz) AS confidence,
           f.confidence AS stored_confidence, f.decay_rate, f.reinforced_at, f.source, f.verified, f.disputed,
           f.created_at AS learned_at, f.deleted_at AS ended_at, f.ended, l.outcome, l.superseded
      FROM learn_facts(%(tenant)s::uuid, %(employee)s::uuid, %(claims)s::jsonb, %(now)s::timestamptz) l
     CROSS JOIN LATERAL (SELECT (l.fact).*) f
     ORDER BY l.place
"""


async def learn(tx: Tx, *, employee: UUID, claim: NewFact) -> Learned:
    """Hear one claim; returns the fact as it stands then. Raises as `learn_many`."""
    return (await learn_many(tx, employee=employee, claims=[claim]))[0]


async def learn_many(tx: Tx, *, employee: UUID, claims: Sequence[NewFact]) -> list[Learned]:
    """Hear all claims in their order, in one statement; one fact for each, as it stood after its claim.

    A known triple is reinforced: 1 - (1 - effective)(1 - claimed), at most .99, and decays from now on; an episode counts once for a
    fact, and a claim that names none counts each time. Of a functional predicate, another object supersedes what nobody verified; against
    a verified fact it is kept as `disputed`, for a person to settle. Raises `InvalidError` before anything is sent, `NotFoundError`
    for another's or no employee or episode.
    """
    if not claims:
        return []
    if len(claims) > tx.settings.max_batch:
        raise InvalidError(f"{len(claims)} facts at once; at most {tx.settings.max_batch} are learned in one call")
    prepared = [_prepared(claim) for claim in claims]
    return await tx.fetch_all(
        Learned, LEARN, employee=employee, claims=json.dumps(prepared, ensure_ascii=False), now=tx.now
    )


def _prepared(claim: NewFact) -> dict[str, JsonValue]:
    for name in ("subject", "predicate", "object", "source"):
        check_json(getattr(claim, name), what=f"the {name} of the fact")
    return {**claim.model_dump(mode="json"), "default_decay": DECAY_RATES[claim.fact_type]}


GET: LiteralString = """
    SELECT id, employee_id, fact_type, subject, predicate, object,
           effective_confidence(confidence, decay_rate, 'linear', reinforced_at, %(now)s::timestamptz) AS confidence,
           confidence AS stored_confidence, decay_rate, reinforced_at, source, verified, disputed, created_at AS learned_at,
           deleted_at AS ended_at, ended
      FROM memory_semantic
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(fact)s::uuid
"""


async def get(tx: ReadTx, *, employee: UUID, fact: UUID) -> Fact:
    """One fact, also when it has ended. Raises `NotFoundError`."""
    found = await tx.fetch_one(Fact, GET, employee=employee, fact=fact, now=tx.now)
    if found is None:
        raise NotFoundError("there is no such fact")
    return found


HOLD: LiteralString = "SELECT hold_facts(%(tenant)s::uuid, %(employee)s::uuid)"

VERIFY: LiteralString = """
    WITH chosen AS (
        UPDATE memory_semantic
           SET verified = true, confidence = 1, decay_rate = 0, disputed = false, reinforced_at = %(now)s::timestamptz,
               source = coalesce(%(source)s::text, source)
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(fact)s::uuid AND deleted_at IS NULL
        RETURNING *
    ), outdone AS (
        UPDATE memory_semantic f SET deleted_at = %(now)s::timestamptz, ended = 'superseded'
          FROM chosen c JOIN fact_predicates p ON p.tenant_id = %(tenant)s::uuid AND p.employee_id = c.employee_id
                                              AND p.predicate_key = c.predicate_key AND p.functional
         WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = %(employee)s::uuid AND f.subject_key = c.subject_key
           AND f.predicate_key = c.predicate_key AND f.id <> c.id AND f.deleted_at IS NULL
        RETURNING f.id
    )
    SELECT id, employee_id, fact_type, subject, predicate, object, confidence, confidence AS stored_confidence, decay_rate,
           reinforced_at, source, verified, disputed, created_at AS learned_at, deleted_at AS ended_at, ended
      FROM chosen
"""


async def verify(tx: Tx, *, employee: UUID, fact: UUID, source: str | None = None) -> Fact:
    """A person vouches for it: certain, no decay. Of a functional predicate, every other object has ended, an older word too.

    Raises `NotFoundError` when it is not known (any more), `ForbiddenError` for users and employees, `InvalidError`.
    """
    _check_source(source)
    await tx.execute(HOLD, employee=employee)
    verified = await tx.fetch_one(Fact, VERIFY, employee=employee, fact=fact, source=source, now=tx.now)
    return verified or await _refused(tx, employee=employee, fact=fact)


# Against whom nobody vouches any more is not disputed.
FORGET: LiteralString = """
    WITH gone AS (
        UPDATE memory_semantic SET deleted_at = %(now)s::timestamptz, ended = 'forgotten'
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(fact)s::uuid AND deleted_at IS NULL
        RETURNING *
    ), freed AS (
        UPDATE memory_semantic f SET disputed = false
          FROM gone g
         WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = %(employee)s::uuid AND g.verified AND f.subject_key = g.subject_key
           AND f.predicate_key = g.predicate_key AND f.id <> g.id AND f.disputed AND f.deleted_at IS NULL
        RETURNING f.id
    )
    SELECT id, employee_id, fact_type, subject, predicate, object,
           effective_confidence(confidence, decay_rate, 'linear', reinforced_at, %(now)s::timestamptz) AS confidence,
           confidence AS stored_confidence, decay_rate, reinforced_at, source, verified, disputed, created_at AS learned_at,
           deleted_at AS ended_at, ended
      FROM gone
"""


async def forget(tx: Tx, *, employee: UUID, fact: UUID) -> Fact:
    """It is known no more; what it disputed is no longer disputed. Raises as `verify`, but an employee forgets what nobody verified."""
    await tx.execute(HOLD, employee=employee)
    gone = await tx.fetch_one(Fact, FORGET, employee=employee, fact=fact, now=tx.now)
    return gone or await _refused(tx, employee=employee, fact=fact)


REVISE: LiteralString = """
    WITH gone AS (
        UPDATE memory_semantic SET deleted_at = %(now)s::timestamptz, ended = 'revised'
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(fact)s::uuid AND deleted_at IS NULL
        RETURNING *
    ), revised AS (
        INSERT INTO memory_semantic (tenant_id, employee_id, fact_type, subject, predicate, object, confidence, decay_rate, reinforced_at,
                                     source, verified, disputed, metadata)
        SELECT tenant_id, employee_id, fact_type, subject, predicate, %(object)s::text, confidence, decay_rate, reinforced_at,
               coalesce(%(source)s::text, source), verified, disputed, metadata
          FROM gone
        RETURNING *
    ), carried AS (
        INSERT INTO fact_evidence (tenant_id, employee_id, fact_id, episode_id, at)
        SELECT e.tenant_id, e.employee_id, r.id, e.episode_id, e.at
          FROM fact_evidence e CROSS JOIN revised r
         WHERE e.tenant_id = %(tenant)s::uuid AND e.employee_id = %(employee)s::uuid AND e.fact_id = %(fact)s::uuid
        ON CONFLICT DO NOTHING
    )
    SELECT id, employee_id, fact_type, subject, predicate, object,
           effective_confidence(confidence, decay_rate, 'linear', reinforced_at, %(now)s::timestamptz) AS confidence,
           confidence AS stored_confidence, decay_rate, reinforced_at, source, verified, disputed, created_at AS learned_at,
           deleted_at AS ended_at, ended
      FROM revised
"""


async def revise(tx: Tx, *, employee: UUID, fact: UUID, to: str, source: str | None = None) -> Fact:
    """A slip in its object is mended: another fact takes its place, as sure, as old and on the same evidence.

    News of another state of the world is not a slip: `learn` it. Raises as `forget`; `ConflictError` when that fact is known already.
    """
    _check_source(source)
    if not 1 <= len(to.strip()) <= MAX_OBJECT_CHARACTERS:
        raise InvalidError(f"an object has 1 to {MAX_OBJECT_CHARACTERS:,} characters")
    check_json(to, what="the object of the fact")
    await tx.execute(HOLD, employee=employee)
    revised = await tx.fetch_one(
        Fact, REVISE, employee=employee, fact=fact, object=to.strip(), source=source, now=tx.now
    )
    return revised or await _refused(tx, employee=employee, fact=fact)


def _check_source(source: str | None) -> None:
    check_json(source, what="the source of the fact")
    if source is not None and len(source) > MAX_SOURCE_CHARACTERS:
        raise InvalidError(f"a source has at most {MAX_SOURCE_CHARACTERS:,} characters")


async def _refused(tx: Tx, *, employee: UUID, fact: UUID) -> Fact:
    """Says why nothing was changed."""
    if (await get(tx, employee=employee, fact=fact)).ended_at is not None:
        raise NotFoundError("this fact is known no more")
    raise ForbiddenError("the caller's role does not allow this")


REST_ON: LiteralString = """
    INSERT INTO fact_evidence (tenant_id, employee_id, fact_id, episode_id, at)
    SELECT %(tenant)s::uuid, %(employee)s::uuid, %(fact)s::uuid, episode, %(now)s::timestamptz
      FROM unnest(%(episodes)s::uuid[]) episode
    ON CONFLICT DO NOTHING
"""


async def rest_on(tx: Tx, *, employee: UUID, fact: UUID, episodes: Sequence[UUID]) -> int:
    """The fact rests on these episodes too, and is no surer for it; how many are new. Raises `NotFoundError`."""
    if not episodes:
        return 0
    return await tx.execute(REST_ON, employee=employee, fact=fact, episodes=list(episodes), now=tx.now)
