"""Recall: one question, one ranked answer over what an employee remembers, each hit with its score in parts."""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.clock import as_utc
from empla.embedding.codes import codes, literals
from empla.embedding.embedder import Embedder, Vectors, model_id
from empla.errors import InvalidError
from empla.memory.episodic import EpisodeType
from empla.shapes import check_json
from empla.storage.tx import ReadTx

Kind = Literal["episode", "fact", "procedure"]
KINDS: tuple[Kind, ...] = ("episode", "fact", "procedure")
MAX_RECALLED = 1000
MAX_QUERY = 10_000  # characters


class Ranking(BaseModel):
    """How much each part of a score weighs, in standard deviations of the candidates; docs/recall.md says how they were found."""

    model_config = ConfigDict(frozen=True)

    vector: float = 1.0
    words: float = 1.0
    people: float = 2.0
    neighbours: float = 0.3
    recency: float = 0.3
    importance: float = 0.5
    reinforcement: float = 0.1
    breadth: int = 50  # candidates by meaning, and as many by words
    gap_minutes: float = 30.0  # what lies further apart in a conversation are no neighbours
    recency_days: float = 30.0  # after which what is recent counts half


DEFAULT = Ranking()
BY_MEANING = Ranking(words=0, people=0, neighbours=0, recency=0, importance=0, reinforcement=0)
BY_WORDS = Ranking(vector=0, people=0, neighbours=0, recency=0, importance=0, reinforcement=0)


class Filters(BaseModel):
    """What may be recalled at all."""

    model_config = ConfigDict(frozen=True)

    kinds: tuple[Kind, ...] = KINDS
    since: datetime | None = None  # inclusive
    until: datetime | None = None  # not inclusive
    participant: str | None = None
    episode_type: EpisodeType | None = None
    location: str | None = None


class Parts(BaseModel):
    """A score, part by part; they add up to it."""

    model_config = ConfigDict(frozen=True)

    vector: float
    words: float
    people: float
    neighbours: float
    recency: float
    importance: float
    reinforcement: float


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
    importance: float  # of an episode; a fact's confidence, a procedure's rate of success
    recall_count: int


class _Meant(BaseModel):
    """What a question's words mean to this employee."""

    words: str | None  # each with its weight, as pgvector reads a sparse vector
    named: list[int]  # words of participants' names
    names: list[str]  # as they stand in the question
    model: int | None
    model_name: str | None


# The rarer a word is in what the employee remembers, the more it says; idf as in BM25, never negative.
MEANING: LiteralString = """
    WITH asked AS MATERIALIZED (
        SELECT q.word, coalesce(d.memories, 0)::float8 AS found, coalesce(d.named, 0) > 0 AS is_name
          FROM empla.words(%(query)s::text) AS q
          LEFT JOIN memory_words d ON d.tenant_id = %(tenant)s::uuid AND d.employee_id = %(employee)s::uuid AND d.word = q.word
    ), space AS MATERIALIZED (
        SELECT memories::float8 AS memories, model, model_name FROM memory_spaces
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
    ), everything AS MATERIALIZED (
        SELECT greatest(coalesce((SELECT memories FROM space), 0), coalesce(max(found), 0)) AS memories FROM asked
    )
    SELECT (SELECT '{' || string_agg(word || ':' || ln(1 + (e.memories - found + 0.5::float8) / (found + 0.5::float8))::numeric(8, 4), ',')
                   || '}/1000000000' FROM asked, everything e) AS words,
           ARRAY(SELECT word FROM asked WHERE is_name) AS named,
           CASE WHEN EXISTS (SELECT FROM asked WHERE is_name) THEN
               ARRAY(SELECT sign FROM regexp_split_to_table(%(query)s::text, '[^[:alnum:]]+') AS sign
                      WHERE EXISTS (SELECT FROM empla.words(sign) w JOIN asked a ON a.word = w.word WHERE a.is_name))
           ELSE ARRAY[]::text[] END AS names,
           (SELECT model FROM space) AS model, (SELECT model_name FROM space) AS model_name
"""

# Both scores are computed for every candidate, whichever brought it in; a missing one would count as the worst there is. What they
# deviate from is the mean of the candidates before their neighbours joined.
RECALL: LiteralString = """
    WITH seen AS MATERIALIZED (
        SELECT memory_id, kind, occurred_at, thread, people,
               CASE WHEN model = %(model)s::int THEN code <~> %(code)s::bit(512) END AS apart,
               -(words <#> %(words)s::sparsevec) AS matched
          FROM memory_index
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
           AND (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s::text[]))
           AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s::timestamptz)
           AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s::timestamptz)
           AND (NOT %(narrowed)s::boolean OR memory_id IN (
                SELECT id FROM memory_episodes
                 WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
                   AND (%(participant)s::text IS NULL OR participants @> ARRAY[%(participant)s::text])
                   AND (%(episode_type)s::text IS NULL OR episode_type = %(episode_type)s::text)
                   AND (%(location)s::text IS NULL OR location = %(location)s::text)))
    ), near AS MATERIALIZED (
        SELECT n.memory_id, 1 - (v.embedding <=> %(vector)s::halfvec) AS cosine
          FROM (SELECT memory_id FROM seen WHERE apart IS NOT NULL ORDER BY apart LIMIT %(probed)s::int) AS n
          JOIN memory_vectors v ON v.tenant_id = %(tenant)s::uuid AND v.employee_id = %(employee)s::uuid
                               AND v.model = %(model)s::int AND v.memory_id = n.memory_id
         ORDER BY v.embedding <=> %(vector)s::halfvec LIMIT %(breadth)s::int
    ), first AS MATERIALIZED (
        SELECT memory_id FROM near
        UNION
        (SELECT memory_id FROM seen WHERE %(by_words)s::boolean AND matched > 0 ORDER BY matched DESC, memory_id LIMIT %(breadth)s::int)
        UNION
        (SELECT memory_id FROM seen WHERE apart IS NULL AND NOT matched > 0 AND (SELECT count(*) FROM near) < %(limit)s::int
          ORDER BY occurred_at DESC, memory_id LIMIT %(limit)s::int)
    ), beside AS MATERIALIZED (
        SELECT f.memory_id, n.memory_id AS neighbour
          FROM first f
          JOIN seen s ON s.memory_id = f.memory_id AND s.thread IS NOT NULL AND %(beside)s::boolean
         CROSS JOIN LATERAL (
             (SELECT i.memory_id FROM memory_index i
               WHERE i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.thread = s.thread
                 AND (i.occurred_at, i.memory_id) > (s.occurred_at, s.memory_id) AND i.occurred_at <= s.occurred_at + %(gap)s::interval
               ORDER BY i.occurred_at, i.memory_id LIMIT 2)
             UNION ALL
             (SELECT i.memory_id FROM memory_index i
               WHERE i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.thread = s.thread
                 AND (i.occurred_at, i.memory_id) < (s.occurred_at, s.memory_id) AND i.occurred_at >= s.occurred_at - %(gap)s::interval
               ORDER BY i.occurred_at DESC, i.memory_id DESC LIMIT 2)) AS n
    ), pool AS MATERIALIZED (
        SELECT s.memory_id, s.kind, s.occurred_at, s.matched, p.is_first,
               CASE WHEN %(by_words)s::boolean THEN cardinality(s.people) > 0 AND s.people && %(named)s::int[] ELSE false END AS is_named,
               coalesce(n.cosine, 1 - (v.embedding <=> %(vector)s::halfvec)) AS cosine
          FROM (SELECT memory_id, bool_or(is_first) AS is_first
                  FROM (SELECT memory_id, true AS is_first FROM first UNION ALL SELECT neighbour, false FROM beside) AS both_kinds
                 GROUP BY memory_id) AS p
          JOIN seen s ON s.memory_id = p.memory_id
          LEFT JOIN near n ON n.memory_id = p.memory_id
          LEFT JOIN memory_vectors v ON n.memory_id IS NULL AND v.tenant_id = %(tenant)s::uuid AND v.employee_id = %(employee)s::uuid
                                    AND v.model = %(model)s::int AND v.memory_id = p.memory_id
    ), spread AS MATERIALIZED (
        SELECT avg(cosine) AS cosine, nullif(stddev_pop(cosine), 0) AS cosine_by, avg(matched) AS matched, nullif(stddev_pop(matched), 0) AS matched_by
          FROM pool WHERE is_first
    ), based AS MATERIALIZED (
        SELECT pool.*, coalesce(%(w_vector)s::float8 * (pool.cosine - spread.cosine) / spread.cosine_by, 0) AS vector,
               coalesce(%(w_words)s::float8 * (pool.matched - spread.matched) / spread.matched_by, 0) AS words
          FROM pool, spread
    ), together AS MATERIALIZED (
        SELECT memory_id, sum(base) AS base
          FROM (SELECT b.memory_id, n.vector + n.words AS base FROM beside b JOIN based n ON n.memory_id = b.neighbour
                UNION ALL
                SELECT b.neighbour, n.vector + n.words FROM beside b JOIN based n ON n.memory_id = b.memory_id AND NOT EXISTS (
                    SELECT FROM first f WHERE f.memory_id = b.neighbour)) AS pairs
         GROUP BY memory_id
    ), ranked AS MATERIALIZED (
        SELECT based.*, %(w_people)s::float8 * is_named::int AS people, %(w_neighbours)s::float8 * coalesce(t.base, 0) AS neighbours,
               %(w_recency)s::float8 * power(2::float8, -greatest(0, extract(epoch FROM %(now)s::timestamptz - occurred_at)::float8)
                                                        / (86400 * %(recency_days)s::float8)) AS recency
          FROM based LEFT JOIN together t ON t.memory_id = based.memory_id
         ORDER BY vector + words + %(w_people)s::float8 * is_named::int + %(w_neighbours)s::float8 * coalesce(t.base, 0) DESC, occurred_at DESC
         LIMIT %(weighed)s::int
    )
    SELECT r.kind, r.memory_id AS id, t.said AS text, r.cosine, r.matched, r.occurred_at, r.vector, r.words, r.people, r.neighbours, r.recency,
           %(w_importance)s::float8 * (t.importance - 0.5) AS importance_part,
           %(w_reinforcement)s::float8 * least(2, ln(1 + t.recall_count) / ln(10::float8)) AS reinforcement,
           t.participants, t.location, t.source, t.observation_id, t.tainted, t.importance, t.recall_count
      FROM ranked r
      JOIN memory_details t ON t.tenant_id = %(tenant)s::uuid AND t.employee_id = %(employee)s::uuid AND t.memory_id = r.memory_id
     ORDER BY r.vector + r.words + r.people + r.neighbours + r.recency + %(w_importance)s::float8 * (t.importance - 0.5)
              + %(w_reinforcement)s::float8 * least(2, ln(1 + t.recall_count) / ln(10::float8)) DESC, r.occurred_at DESC, r.memory_id
     LIMIT %(limit)s::int
"""


class _Found(BaseModel):
    kind: Kind
    id: UUID
    text: str
    cosine: float | None
    matched: float
    occurred_at: datetime
    vector: float
    words: float
    people: float
    neighbours: float
    recency: float
    importance_part: float
    reinforcement: float
    participants: list[str]
    location: str | None
    source: str | None
    observation_id: UUID | None
    tainted: bool
    importance: float
    recall_count: int

    def hit(self) -> Hit:
        """As it is told."""
        parts = Parts(
            vector=self.vector,
            words=self.words,
            people=self.people,
            neighbours=self.neighbours,
            recency=self.recency,
            importance=self.importance_part,
            reinforcement=self.reinforcement,
        )
        return Hit(
            **self.model_dump(include=Hit.model_fields.keys() - {"score", "parts"}),
            parts=parts,
            score=math.fsum(parts.model_dump().values()),
        )


async def recall(
    tx: ReadTx,
    *,
    employee: UUID,
    query: str,
    embedder: Embedder | None,
    vector: Vectors | None = None,
    limit: int = 10,
    filters: Filters | None = None,
    ranking: Ranking = DEFAULT,
) -> list[Hit]:
    """What the employee remembers that answers best, at most `limit`, and as many when there are as many; two statements.

    `vector` is the question's own, when it is known already. Without an embedder, words decide. Raises `InvalidError`.
    """
    _check(query, limit)
    chosen = filters or Filters()
    since, until = (None if at is None else as_utc(at, what="a time") for at in (chosen.since, chosen.until))
    if since is not None and until is not None and since >= until:
        raise InvalidError("the time window ends before it begins")
    meant = await _meant(tx, employee=employee, query=query)
    asked = vector if vector is not None else await _embedded(query, meant, embedder)
    comparable = asked is not None and embedder is not None and asked.any()
    found = await tx.fetch_all(
        _Found,
        RECALL,
        employee=employee,
        words=meant.words or "{}/1000000000",
        named=meant.named,
        model=model_id(embedder.name) if comparable and embedder is not None else None,
        code=codes(asked)[0] if comparable and asked is not None else None,
        vector=literals(asked)[0] if comparable and asked is not None else None,
        kinds=None if set(chosen.kinds) == set(KINDS) else list(chosen.kinds),
        since=since,
        until=until,
        narrowed=any((chosen.participant, chosen.episode_type, chosen.location)),
        participant=chosen.participant,
        episode_type=chosen.episode_type,
        location=chosen.location,
        limit=limit,
        breadth=max(ranking.breadth, 2 * limit),
        probed=max(4 * ranking.breadth, 4 * limit),
        weighed=max(40, 2 * limit),
        by_words=ranking.words > 0,
        beside=ranking.neighbours > 0,
        gap=f"{ranking.gap_minutes} minutes",
        recency_days=ranking.recency_days,
        now=tx.now,
        **{f"w_{part}": getattr(ranking, part) for part in Parts.model_fields},
    )
    return [each.hit() for each in found]


def _check(query: str, limit: int) -> None:
    if not query.strip():
        raise InvalidError("a question says what to look for; the latest episodes are listed without one")
    if len(query) > MAX_QUERY:
        raise InvalidError(f"a question has at most {MAX_QUERY:,} characters")
    check_json(query, what="the question")
    if not 1 <= limit <= MAX_RECALLED:
        raise InvalidError(f"a limit is 1 to {MAX_RECALLED:,}, not {limit}")


async def _meant(tx: ReadTx, *, employee: UUID, query: str) -> _Meant:
    [meant] = await tx.fetch_all(_Meant, MEANING, employee=employee, query=query)
    return meant


async def _embedded(query: str, meant: _Meant, embedder: Embedder | None) -> Vectors | None:
    if embedder is None:
        return None
    return await embedder.embed([without(query, meant.names)])


def without(query: str, names: Sequence[str]) -> str:
    """The question without the names in it: who it was with is told by the participants, and a name's vector is mostly noise."""
    bare = query
    for name in names:
        bare = re.sub(rf"\b{re.escape(name)}(['’]s)?\b", " ", bare, flags=re.IGNORECASE)
    return bare if re.search(r"\w", bare) else query
