"""Recall: one question, one ranked answer over what an employee remembers, each hit with its score in parts."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.embedding.codes import codes, literals
from empla.embedding.embedder import Embedder, model_id
from empla.memory.question import Asked, Filters, Kind, Meaning, Window, check, embedded, meaning
from empla.memory.ranking import DEFAULT, Candidates, Parts, Ranked, Ranking, meant_alone, ranked, weighed
from empla.memory.spent import Spent
from empla.storage.tx import ReadTx

_LEAST_TOLD = 0.005  # which two decimals would show as nothing
_SAMPLED = 4096  # memories; four times as many are worth a sample
_MOST_WEIGHED = 30  # candidates of which importance and reinforcement are looked up, unless more are asked for


class Hit(BaseModel):
    """One memory that answers, and why it stands where it stands."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    id: UUID
    text: str
    score: float
    parts: Parts
    cosine: float | None  # None without a vector of its own or of the question
    matched: float  # the BM25 score of its words
    occurred_at: datetime
    participants: list[str]
    location: str | None
    source: str | None  # of a fact
    observation_id: UUID | None  # the evidence that an episode rests on
    tainted: bool
    importance: (
        float  # of an episode; a fact's confidence, a procedure's rate of success, a tenth of a working item's priority
    )
    recall_count: int

    @property
    def sum(self) -> str:
        """The score as the sum of its parts; those that are nothing are left out."""
        told = [f"{name} {share:+.2f}" for name, share in dict(self.parts).items() if abs(share) >= _LEAST_TOLD]
        return f"{self.score:.2f} = {', '.join(told) or 'nothing'}"


# One pass over the employee's narrow rows finds the candidates; each then is measured in every way, whichever brought it in: a missing
# measure would count as the worst there is. Whoever speaks before and after a candidate becomes one. Of many memories, a sample sets a bar
# first: what is no better than as many of the sample as are wanted can't be among the best of all, and need not be kept in sight.
# What is in hand is little and soon gone: its words are compared as they stand there, and it has no vector.
CANDIDATES: LiteralString = """
    WITH wanted AS MATERIALIZED (
        SELECT ARRAY(
            SELECT id FROM memory_episodes
             WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
               AND (%(participant)s::text IS NULL OR participants @> ARRAY[%(participant)s::text])
               AND (%(episode_type)s::text IS NULL OR episode_type = %(episode_type)s::text)
               AND (%(location)s::text IS NULL OR location = %(location)s::text)) AS ids
    ), size AS MATERIALIZED (
        SELECT coalesce(max(memories), 0) AS memories, greatest(%(probed)s::int, max(memories) / 100) AS probed FROM memory_words
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND word = 0
    ), sample AS MATERIALIZED (
        SELECT CASE WHEN model = %(model)s::int THEN code <~> %(code)s::bit(512) END AS apart, -(words <#> %(words)s::sparsevec) AS matched
          FROM memory_index
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND kind = ANY (%(kinds)s::text[])
           AND occurred_at >= %(since)s::timestamptz AND occurred_at < %(until)s::timestamptz
           AND (NOT %(narrowed)s::boolean OR memory_id = ANY ((SELECT ids FROM wanted)::uuid[]))
           AND (SELECT memories FROM size) > 4 * %(sampled)s::int
         LIMIT %(sampled)s::int
    ), bar AS MATERIALIZED (
        SELECT (SELECT apart FROM sample WHERE apart IS NOT NULL ORDER BY apart OFFSET (SELECT probed - 1 FROM size) LIMIT 1) AS apart,
               coalesce((SELECT matched FROM sample ORDER BY matched DESC OFFSET %(breadth)s::int - 1 LIMIT 1), 0) AS matched
    ), seen AS MATERIALIZED (
        SELECT s.*
          FROM (SELECT memory_id, kind, occurred_at, thread, people, model, code <~> %(code)s::bit(512) AS apart,
                       -(words <#> %(words)s::sparsevec) AS matched
                  FROM memory_index
                 WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND kind = ANY (%(kinds)s::text[])
                   AND occurred_at >= %(since)s::timestamptz AND occurred_at < %(until)s::timestamptz
                   AND (NOT %(narrowed)s::boolean OR memory_id = ANY ((SELECT ids FROM wanted)::uuid[]))
                OFFSET 0) AS s, bar
         WHERE bar.apart IS NULL OR s.apart <= bar.apart OR (s.matched > 0 AND s.matched >= bar.matched)
    ), by_words AS MATERIALIZED (
        SELECT * FROM seen
        UNION ALL
        SELECT id, 'working', created_at, NULL, '{}', NULL, NULL, -(bag(working_text(content)) <#> %(words)s::sparsevec)
          FROM memory_working
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
           AND (expires_at IS NULL OR expires_at > ctx.now()) AND 'working' = ANY (%(kinds)s::text[]) AND NOT %(narrowed)s::boolean
           AND created_at >= %(since)s::timestamptz AND created_at < %(until)s::timestamptz
    ), near AS MATERIALIZED (
        SELECT p.*, 1 - (v.embedding <=> %(vector)s::halfvec) AS cosine
          FROM (SELECT * FROM seen WHERE model = %(model)s::int
                 ORDER BY apart, memory_id DESC LIMIT (SELECT greatest(%(probed)s::int, probed) FROM size)) AS p
         CROSS JOIN LATERAL (
             SELECT embedding FROM memory_vectors
              WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND memory_id = p.memory_id AND model = %(model)s::int
              LIMIT 1) AS v
         ORDER BY v.embedding <=> %(vector)s::halfvec LIMIT %(breadth)s::int
    ), first AS MATERIALIZED (
        SELECT DISTINCT ON (memory_id) *
          FROM (SELECT * FROM near
                UNION ALL
                (SELECT *, NULL::float8 FROM by_words WHERE %(by_words)s::boolean AND matched > 0
                  ORDER BY matched DESC, memory_id DESC LIMIT %(breadth)s::int)
                UNION ALL
                (SELECT *, NULL FROM by_words WHERE (SELECT count(*) FROM near) < %(limit)s::int ORDER BY occurred_at DESC, memory_id DESC
                  LIMIT %(limit)s::int)
               ) AS found
         ORDER BY memory_id, cosine
    ), beside AS (
        SELECT n.*
          FROM first f
         CROSS JOIN LATERAL (
             (SELECT i.memory_id, i.kind, i.occurred_at, i.thread, i.people, i.words FROM memory_index i
               WHERE i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.thread = f.thread
                 AND (i.occurred_at, i.memory_id) > (f.occurred_at, f.memory_id)
                 AND i.occurred_at <= f.occurred_at + %(gap)s::interval AND i.occurred_at < %(until)s::timestamptz
                 AND (NOT %(narrowed)s::boolean OR i.memory_id = ANY ((SELECT ids FROM wanted)::uuid[]))
               ORDER BY i.occurred_at, i.memory_id LIMIT 2)
             UNION ALL
             (SELECT i.memory_id, i.kind, i.occurred_at, i.thread, i.people, i.words FROM memory_index i
               WHERE i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.thread = f.thread
                 AND (i.occurred_at, i.memory_id) < (f.occurred_at, f.memory_id)
                 AND i.occurred_at >= f.occurred_at - %(gap)s::interval AND i.occurred_at >= %(since)s::timestamptz
                 AND (NOT %(narrowed)s::boolean OR i.memory_id = ANY ((SELECT ids FROM wanted)::uuid[]))
               ORDER BY i.occurred_at DESC, i.memory_id DESC LIMIT 2)) AS n
         WHERE %(beside)s::boolean AND f.thread IS NOT NULL
    ), pool AS (
        SELECT DISTINCT ON (memory_id) *
          FROM (SELECT memory_id, kind, occurred_at, thread, people, matched, cosine, true AS is_first FROM first
                UNION ALL
                SELECT memory_id, kind, occurred_at, thread, people, -(words <#> %(words)s::sparsevec), NULL, false FROM beside) AS joined
         ORDER BY memory_id, is_first DESC
    )
    SELECT coalesce(array_agg(p.memory_id), '{}') AS ids, coalesce(array_agg(p.kind), '{}') AS kinds,
           coalesce(array_agg(p.is_first), '{}') AS is_first,
           coalesce(array_agg(p.thread), '{}') AS thread,
           coalesce(array_agg(extract(epoch FROM p.occurred_at)::float8), '{}') AS occurred_at,
           coalesce(array_agg(coalesce(p.cosine, 1 - (v.embedding <=> %(vector)s::halfvec))), '{}') AS cosine,
           coalesce(array_agg(p.matched), '{}') AS matched, coalesce(array_agg(p.people && %(named)s::int[]), '{}') AS is_named
      FROM pool p
      LEFT JOIN LATERAL (
           SELECT embedding FROM memory_vectors
            WHERE p.cosine IS NULL AND tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND memory_id = p.memory_id
              AND model = %(model)s::int LIMIT 1) AS v ON true
"""

# By meaning alone, one pass and one message: candidates by their codes, their cosines, and what the best of them tell. The more there
# are, the more codes are followed up, for the more lie close to each other.
NEAREST: LiteralString = """
    WITH near AS MATERIALIZED (
        SELECT p.memory_id, p.kind, p.occurred_at, 1 - (v.embedding <=> %(vector)s::halfvec) AS cosine
          FROM (SELECT memory_id, kind, occurred_at FROM memory_index
                 WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND kind = ANY (%(kinds)s::text[])
                   AND occurred_at >= %(since)s::timestamptz AND occurred_at < %(until)s::timestamptz AND model = %(model)s::int
                 ORDER BY code <~> %(code)s::bit(512), memory_id DESC
                 LIMIT greatest(%(probed)s::int, (SELECT memories / 100 FROM memory_words
                       WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND word = 0))) AS p
         CROSS JOIN LATERAL (
             SELECT embedding FROM memory_vectors
              WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND memory_id = p.memory_id AND model = %(model)s::int
              LIMIT 1) AS v
         ORDER BY v.embedding <=> %(vector)s::halfvec LIMIT %(breadth)s::int
    )
    SELECT d.kind, d.memory_id AS id, d.said AS text, d.occurred_at, d.participants, d.location, d.source, d.observation_id, d.tainted,
           d.importance, d.recall_count, n.cosine, n.mean, n.spread
      FROM (SELECT memory_id, kind, cosine, avg(cosine) OVER () AS mean, stddev_pop(cosine) OVER () AS spread
              FROM near ORDER BY cosine DESC, occurred_at DESC LIMIT %(limit)s::int) AS n
     CROSS JOIN LATERAL (
           SELECT * FROM memory_details
            WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND memory_id = n.memory_id AND kind = n.kind
            LIMIT 1) AS d
     ORDER BY n.cosine DESC, d.occurred_at DESC
"""

# One by one, by the key: a planner without statistics would read all that the employee remembers.
DETAILS: LiteralString = """
    SELECT d.kind, d.memory_id AS id, d.said AS text, d.occurred_at, d.participants, d.location, d.source, d.observation_id, d.tainted,
           d.importance, d.recall_count
      FROM unnest(%(ids)s::uuid[], %(kinds)s::text[]) AS n (memory_id, kind)
     CROSS JOIN LATERAL (
           SELECT * FROM memory_details
            WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND memory_id = n.memory_id AND kind = n.kind
            LIMIT 1) AS d
"""


class _Detail(BaseModel):
    kind: Kind
    id: UUID
    text: str
    occurred_at: datetime
    participants: list[str]
    location: str | None
    source: str | None
    observation_id: UUID | None
    tainted: bool
    importance: float
    recall_count: int


class _Near(_Detail):
    """One of the best by meaning, beside the mean and the spread of all candidates."""

    cosine: float
    mean: float
    spread: float


async def recall(
    tx: ReadTx,
    *,
    employee: UUID,
    query: str,
    embedder: Embedder | None = None,
    asked: Asked | None = None,
    limit: int = 10,
    filters: Filters | None = None,
    ranking: Ranking = DEFAULT,
    spent: Spent | None = None,
) -> list[Hit]:
    """What the employee remembers that answers best, at most `limit`, and as many when there are as many; three statements,
    or one for a vector that is known and counts alone.

    What was `asked` already is not embedded again. Without it and without an embedder, words decide. `spent` is told where the time
    goes. Raises `InvalidError`.
    """
    check(query, limit)
    spent = spent or Spent()
    chosen = filters or Filters()
    window = chosen.window
    with spent.on("sql"):
        is_vector_enough = asked is not None and ranking.is_meaning_alone
        meant = None if is_vector_enough else await meaning(tx, employee=employee, query=query)
    with spent.on("embed"):
        known = asked if meant is None or asked is not None else await _embedded(query, meant, embedder)
    if known is not None and not known.vector.any():
        known = None
    if known is not None and ranking.is_meaning_alone and not chosen.narrow_episodes:
        with spent.on("sql"):
            hits = await _nearest(
                tx, employee=employee, asked=known, limit=limit, filters=chosen, window=window, ranking=ranking
            )
        if len(hits) == limit:
            return hits  # else what has no vector yet is looked up as well
    with spent.on("sql"):
        found = await _candidates(
            tx,
            employee=employee,
            meant=meant or await meaning(tx, employee=employee, query=query),
            asked=known,
            limit=limit,
            filters=chosen,
            window=window,
            ranking=ranking,
        )
    with spent.on("rank"):
        likely = ranked(found, ranking=ranking, now=tx.now, most=max(2 * limit, _MOST_WEIGHED))
    if not likely:
        return []
    ids, kinds = [each.id for each in likely], [each.kind for each in likely]
    with spent.on("sql"):
        details = await tx.fetch_all(_Detail, DETAILS, employee=employee, ids=ids, kinds=kinds)
    with spent.on("rank"):
        return _best(likely, details, limit=limit, ranking=ranking)


def _best(likely: Sequence[Ranked], details: Sequence["_Detail"], *, limit: int, ranking: Ranking) -> list[Hit]:
    told = {detail.id: detail for detail in details}
    there = [each for each in likely if each.id in told]
    parts = [
        weighed(
            each.parts, importance=told[each.id].importance, recall_count=told[each.id].recall_count, ranking=ranking
        )
        for each in there
    ]
    scores = [math.fsum(vars(each).values()) for each in parts]
    best = sorted(range(len(there)), key=lambda place: (-scores[place], -told[there[place].id].occurred_at.timestamp()))
    return [
        Hit(
            **vars(told[there[place].id]),
            score=scores[place],
            parts=parts[place],
            cosine=there[place].cosine,
            matched=there[place].matched,
        )
        for place in best[:limit]
    ]


async def _nearest(
    tx: ReadTx,
    *,
    employee: UUID,
    asked: Asked,
    limit: int,
    filters: Filters,
    window: Window,
    ranking: Ranking,
) -> list[Hit]:
    """By meaning alone, of what has a vector: as `_candidates` and `ranked` find and rank it; no words are matched."""
    near = await tx.fetch_all(
        _Near,
        NEAREST,
        employee=employee,
        model=model_id(asked.model),
        code=codes(asked.vector)[0],
        vector=literals(asked.vector)[0],
        kinds=list(filters.kinds),
        since=window.since,
        until=window.until,
        limit=limit,
        breadth=ranking.wanted(limit),
        probed=ranking.probed(limit),
    )
    hits: list[Hit] = []
    for each in near:
        parts = meant_alone(each.cosine, mean=each.mean, spread=each.spread, ranking=ranking)
        told = each.model_dump(exclude={"mean", "spread"})
        hits.append(Hit(**told, score=parts.vector, parts=parts, matched=0.0))
    return hits


async def _candidates(
    tx: ReadTx,
    *,
    employee: UUID,
    meant: Meaning,
    asked: Asked | None,
    limit: int,
    filters: Filters,
    window: Window,
    ranking: Ranking,
) -> Candidates:
    [found] = await tx.fetch_all(
        Candidates,
        CANDIDATES,
        employee=employee,
        words=meant.words or "{}/1000000000",
        named=meant.named,
        model=None if asked is None else model_id(asked.model),
        code=None if asked is None else codes(asked.vector)[0],
        vector=None if asked is None else literals(asked.vector)[0],
        kinds=list(filters.kinds),
        since=window.since,
        until=window.until,
        narrowed=filters.narrow_episodes,
        participant=filters.participant,
        episode_type=filters.episode_type,
        location=filters.location,
        limit=limit,
        breadth=ranking.wanted(limit),
        probed=ranking.probed(limit),
        sampled=_SAMPLED,
        by_words=ranking.words > 0,
        beside=ranking.neighbours > 0 and "episode" in filters.kinds,
        gap=f"{ranking.gap_minutes} minutes",
    )
    return found


async def _embedded(query: str, meant: Meaning, embedder: Embedder | None) -> Asked | None:
    if embedder is None or meant.model_name not in {None, embedder.name}:
        return None  # nothing of the employee could be compared
    return await embedded(query, meant, embedder)
