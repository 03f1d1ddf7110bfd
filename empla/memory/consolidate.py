"""Consolidation: what was remembered twice becomes one episode, and what happened again and again becomes a fact that rests on it.

No language model and no chance: the same memories give the same answer, and doing it again changes nothing. docs/ageing.md says why
each rule is as it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.errors import ForbiddenError
from empla.memory import semantic
from empla.memory.semantic import Learned, NewFact
from empla.storage.tx import ReadTx, Tx

LIKENESS = 0.97  # the cosine from which two tell the same
WINDOW_DAYS = 7  # that lie at most between them
# A code's bits differ as wide as the angle is: 40 of 512 at a cosine of .97, and 64 is four standard deviations more.
_FAR = 64
_BUCKET = 100  # of those that could be alike, each is compared with as many that come next, and at most twice as many
MOST_MERGED = 1000  # in one call, and at most as many again
OFTEN = 3  # times make a fact
_SUPPORT = 0.3  # how sure a single time would make: 1 - .7^n for n
_MOST_FACTS = 1000
SOURCE = "consolidation"


class Merge(BaseModel):
    """Episodes that one of them tells from now on."""

    model_config = ConfigDict(frozen=True)

    kept: UUID
    text: str  # the first words of it
    merged: list[UUID]  # oldest first


class Repeated(BaseModel):
    """What happened so often that it is a fact."""

    model_config = ConfigDict(frozen=True)

    subject: str
    predicate: str
    object: str
    times: int
    confidence: float  # of what is new of it: 1 - .7^n
    episodes: list[UUID]  # that are new evidence, oldest first

    def __str__(self) -> str:
        return f"{self.subject} {self.predicate} {self.object}"


class Consolidated(BaseModel):
    """What was done, or would be."""

    model_config = ConfigDict(frozen=True)

    dry_run: bool
    merges: list[Merge]
    facts: list[Repeated]
    learned: list[Learned]  # what became of the facts; none in a dry run
    more: bool  # it was too much for one call: facts are looked for when nothing is left to merge

    @property
    def merged(self) -> int:
        return sum(len(merge.merged) for merge in self.merges)


@dataclass(frozen=True, slots=True)
class Member:
    """One of a pair."""

    id: UUID
    cited: bool
    occurred_at: datetime
    text: str

    @property
    def rank(self) -> tuple[bool, datetime, UUID]:
        """What something rests on stays, and then what is older."""
        return (not self.cited, self.occurred_at, self.id)


class Pair(BaseModel):
    """Two episodes that tell the same."""

    model_config = ConfigDict(frozen=True)

    one: UUID
    one_at: datetime
    one_cited: bool
    one_text: str
    other: UUID
    other_at: datetime
    other_cited: bool
    other_text: str

    def members(self) -> tuple[Member, Member]:
        return (
            Member(self.one, self.one_cited, self.one_at, self.one_text),
            Member(self.other, self.other_cited, self.other_at, self.other_text),
        )


# Alike can only be what is of one kind, with the same people, at the same place, with the same content beside its words, and with the
# same numbers and denials in them: a vector hardly tells 10 % from 40 %, nor yes from no. What people said is never merged.
PAIRS: LiteralString = r"""
    WITH cited AS MATERIALIZED (
        SELECT id FROM cited_episodes(%(tenant)s::uuid, %(employee)s::uuid)
    ), live AS MATERIALIZED (
        SELECT m.id, m.occurred_at, left(m.description, 200) AS text, i.code, i.model,
               md5(btrim(regexp_replace(lower(normalize(t.said)), '[\s.,;:!?"''()]+', ' ', 'g')))::uuid AS words,
               md5(jsonb_build_array(
                   m.episode_type, m.location, m.tainted, ARRAY(SELECT DISTINCT lower(p) FROM unnest(m.participants) p ORDER BY 1),
                   m.content - '{subject,body,message_id,in_reply_to,references}'::text[],
                   ARRAY(SELECT lower(f[1])
                           FROM regexp_matches(t.said, '(\d+|\m(?:not|no|never|none|nobody|without)\M|n[''’]t\M)', 'gi') f))::text
                  )::uuid AS alike
          FROM memory_episodes m
          JOIN memory_index i ON i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.memory_id = m.id
          JOIN memory_texts t ON t.tenant_id = %(tenant)s::uuid AND t.employee_id = %(employee)s::uuid AND t.memory_id = m.id
         WHERE m.tenant_id = %(tenant)s::uuid AND m.employee_id = %(employee)s::uuid AND m.deleted_at IS NULL
           AND m.episode_type <> 'feedback' AND m.id <> ALL (%(gone)s::uuid[])
    ), placed AS MATERIALIZED (
        SELECT *, row_number() OVER (PARTITION BY alike ORDER BY occurred_at, id) / %(bucket)s::int AS bucket FROM live
    ), near AS MATERIALIZED (
        SELECT a.id AS one, a.occurred_at AS one_at, a.text AS one_text, b.id AS other, b.occurred_at AS other_at, b.text AS other_text,
               a.model, a.words = b.words AS is_same
          FROM placed a
         CROSS JOIN LATERAL (VALUES (a.bucket), (a.bucket + 1)) AS n (bucket)
          JOIN placed b ON b.alike = a.alike AND b.bucket = n.bucket
         WHERE (b.occurred_at, b.id) > (a.occurred_at, a.id) AND b.occurred_at <= a.occurred_at + make_interval(days => %(days)s::int)
           AND (a.words = b.words OR (a.model = b.model AND (a.code <~> b.code) <= %(far)s::int))
    )
    SELECT p.one, p.one_at, p.one IN (SELECT id FROM cited) AS one_cited, p.one_text,
           p.other, p.other_at, p.other IN (SELECT id FROM cited) AS other_cited, p.other_text
      FROM near p
     WHERE p.is_same
        OR EXISTS (SELECT FROM memory_vectors v JOIN memory_vectors w ON w.tenant_id = v.tenant_id AND w.employee_id = v.employee_id
                                                                     AND w.model = v.model AND w.memory_id = p.other
                    WHERE v.tenant_id = %(tenant)s::uuid AND v.employee_id = %(employee)s::uuid AND v.memory_id = p.one
                      AND v.model = p.model
                      AND 1 - (v.embedding <=> w.embedding) >= %(likeness)s::float8)
     ORDER BY p.one_at, p.one, p.other_at, p.other LIMIT %(most)s::int
"""


@dataclass
class _Groups:
    """Who tells whom, while it is found out."""

    kept: dict[UUID, Member] = field(default_factory=dict[UUID, Member])
    told_by: dict[UUID, UUID] = field(default_factory=dict[UUID, UUID])
    at: dict[UUID, datetime] = field(default_factory=dict[UUID, datetime])

    def add(self, keeper: Member, others: Iterable[Member]) -> None:
        for other in others:
            self.told_by[other.id] = keeper.id
            self.at[other.id] = other.occurred_at
            for earlier, teller in self.told_by.items():
                if teller == other.id:
                    self.told_by[earlier] = keeper.id
        self.kept[keeper.id] = keeper

    def merges(self) -> list[Merge]:
        found: list[Merge] = []
        for keeper in sorted(self.kept.values(), key=lambda each: (each.occurred_at, each.id)):
            merged = [gone for gone, teller in self.told_by.items() if teller == keeper.id]
            if merged:
                merged.sort(key=lambda gone: (self.at[gone], gone))
                found.append(Merge(kept=keeper.id, text=keeper.text, merged=merged))
        return found


def stars(pairs: Sequence[Pair]) -> list[tuple[Member, list[Member]]]:
    """The best of those that nobody tells yet tells all that are directly like it: what is like only what was merged stays apart."""
    members: dict[UUID, Member] = {}
    beside: dict[UUID, set[UUID]] = {}
    for pair in pairs:
        one, other = pair.members()
        for member, like in ((one, other), (other, one)):
            members[member.id] = member
            beside.setdefault(member.id, set()).add(like.id)
    found: list[tuple[Member, list[Member]]] = []
    told: set[UUID] = set()
    for keeper in sorted(members.values(), key=lambda member: member.rank):
        if keeper.id not in told:
            others = [members[like] for like in beside[keeper.id] - told]
            told |= {keeper.id, *(other.id for other in others)}
            if others:
                found.append((keeper, others))
    return found


async def _merges(tx: ReadTx, *, employee: UUID) -> tuple[list[Merge], bool]:
    """Round after round, until none is like another or it is enough for one call; and whether there may be more."""
    groups = _Groups()
    while len(groups.told_by) < MOST_MERGED:
        pairs = await tx.fetch_all(
            Pair,
            PAIRS,
            employee=employee,
            gone=list(groups.told_by),
            bucket=_BUCKET,
            days=WINDOW_DAYS,
            far=_FAR,
            likeness=LIKENESS,
            most=MOST_MERGED,
        )
        if not pairs:
            return groups.merges(), False
        for keeper, others in stars(pairs):
            groups.add(keeper, others)
    return groups.merges(), True


# Who took part and what it was about, how it ended, what it spoke of; of whom one's own records say what again and again. Each time counts
# once, whoever tells it; what came from outside does not: saying a thing three times must not make it known.
REPEATED: LiteralString = """
    WITH happened AS (
        SELECT m.id, m.occurred_at, m.content, m.participants, o.kind
          FROM memory_episodes m
          LEFT JOIN observations o ON o.tenant_id = %(tenant)s::uuid AND o.employee_id = %(employee)s::uuid AND o.id = m.observation_id
         WHERE m.tenant_id = %(tenant)s::uuid AND m.employee_id = %(employee)s::uuid AND m.deleted_at IS NULL AND NOT m.tainted
           AND m.id <> ALL (%(gone)s::uuid[])
    ), said AS MATERIALIZED (
        SELECT h.id, h.occurred_at, btrim(c.subject) AS subject, c.predicate, btrim(c.object) AS object,
               name_key(c.subject) AS subject_key, name_key(c.object) AS object_key
          FROM happened h
         CROSS JOIN LATERAL (
               SELECT p, w.predicate, w.object
                 FROM unnest(h.participants[1:20]) p
                CROSS JOIN LATERAL (
                      SELECT 'often_about' AS predicate, h.content ->> 'intent' AS object
                       UNION ALL SELECT 'often_ends_in', h.content ->> 'outcome'
                       UNION ALL SELECT 'often_speaks_of', e
                                   FROM jsonb_array_elements_text(CASE jsonb_typeof(h.content -> 'entities') WHEN 'array'
                                                                       THEN h.content -> 'entities' ELSE '[]' END)
                                        WITH ORDINALITY AS l (e, place)
                                  WHERE place <= 20) w
                WHERE NOT EXISTS (SELECT FROM employees me
                                   WHERE me.tenant_id = %(tenant)s::uuid AND me.id = %(employee)s::uuid AND me.email_key = lower(p))
                UNION ALL
               SELECT h.content ->> 'account', 'has_repeatedly', h.kind) c (subject, predicate, object)
         WHERE length(btrim(c.subject)) BETWEEN 1 AND 500 AND length(btrim(c.object)) BETWEEN 1 AND 500
    ), once AS (
        SELECT DISTINCT ON (subject_key, predicate, object_key, id) * FROM said ORDER BY subject_key, predicate, object_key, id
    ), counted AS (
        SELECT (array_agg(subject ORDER BY occurred_at, id))[1] AS subject, predicate,
               (array_agg(object ORDER BY occurred_at, id))[1] AS object, subject_key, name_key(predicate) AS predicate_key, object_key,
               count(*)::int AS times,
               (array_agg(id ORDER BY occurred_at, id))[1:%(most_episodes)s::int] AS episodes
          FROM once GROUP BY subject_key, predicate, object_key HAVING count(*) >= %(often)s::int
    ), fresh AS (
        SELECT c.subject, c.predicate, c.object, c.times, f.is_known,
               ARRAY(SELECT e.id FROM unnest(c.episodes) WITH ORDINALITY AS e (id, place)
                      WHERE e.id <> ALL (f.evidence) ORDER BY e.place) AS episodes
          FROM counted c
         CROSS JOIN LATERAL (
               SELECT coalesce(bool_or(f.deleted_at IS NULL), false) AS is_known,
                      coalesce(array_agg(coalesce(m.merged_into, m.id)) FILTER (WHERE m.id IS NOT NULL), '{}') AS evidence
                 FROM memory_semantic f
                 LEFT JOIN fact_evidence v ON v.tenant_id = %(tenant)s::uuid AND v.employee_id = %(employee)s::uuid AND v.fact_id = f.id
                 LEFT JOIN memory_episodes m ON m.tenant_id = %(tenant)s::uuid AND m.employee_id = %(employee)s::uuid
                                            AND m.id = v.episode_id
                WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = %(employee)s::uuid AND f.subject_key = c.subject_key
                  AND f.predicate_key = c.predicate_key AND f.object_key = c.object_key) f
    )
    SELECT subject, predicate, object, times, 1 - (1 - %(support)s::float8) ^ cardinality(episodes) AS confidence, episodes
      FROM fresh WHERE cardinality(episodes) >= CASE WHEN is_known THEN 1 ELSE %(often)s::int END
     ORDER BY subject, predicate, object LIMIT %(most)s::int
"""


async def _repeated(tx: ReadTx, *, employee: UUID, gone: Sequence[UUID]) -> list[Repeated]:
    return await tx.fetch_all(
        Repeated,
        REPEATED,
        employee=employee,
        gone=list(gone),
        often=OFTEN,
        support=_SUPPORT,
        most_episodes=semantic.MAX_EPISODES,
        most=_MOST_FACTS,
    )


async def plan(tx: ReadTx, *, employee: UUID) -> Consolidated:
    """What consolidation would do; nothing is changed."""
    merges, more = await _merges(tx, employee=employee)
    gone = [gone for merge in merges for gone in merge.merged]
    facts = [] if more else await _repeated(tx, employee=employee, gone=gone)
    return Consolidated(dry_run=True, merges=merges, facts=facts, learned=[], more=more)


HOLD: LiteralString = """
    SELECT pg_advisory_xact_lock(hashtextextended((%(tenant)s::uuid)::text || (%(employee)s::uuid)::text, 18))
"""

MERGE: LiteralString = """
    SELECT merge_episodes(%(tenant)s::uuid, %(employee)s::uuid, %(gone)s::uuid[], %(kept)s::uuid[], %(now)s::timestamptz)
"""


async def consolidate(tx: Tx, *, employee: UUID) -> Consolidated:
    """Near-duplicates become one, and what repeated itself a fact with its evidence; again, nothing changes.

    About a thousand are merged in one call: while there is `more`, call again. Raises `ForbiddenError` for users, and as `learn_many`.
    """
    await tx.execute(HOLD, employee=employee)
    planned = await plan(tx, employee=employee)
    told = [(gone, merge.kept) for merge in planned.merges for gone in merge.merged]
    if told:
        gone, kept = [gone for gone, _ in told], [kept for _, kept in told]
        if await tx.fetch_value(int, MERGE, employee=employee, gone=gone, kept=kept, now=tx.now) != len(told):
            raise ForbiddenError("the caller's role does not allow this")
    claims = [
        NewFact.parse(
            subject=fact.subject,
            predicate=fact.predicate,
            object=fact.object,
            confidence=fact.confidence,
            source=SOURCE,
            episodes=tuple(fact.episodes),
        )
        for fact in planned.facts
    ]
    learned = await semantic.learn_many(tx, employee=employee, claims=claims)
    return planned.model_copy(update={"dry_run": False, "learned": learned})
