"""What can be asked of an employee's memories, and what the words of a question mean there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from empla.clock import as_utc
from empla.embedding.embedder import Embedder, Vectors
from empla.errors import InvalidError
from empla.memory.episodic import EpisodeType
from empla.shapes import check_json
from empla.storage.tx import ReadTx

Kind = Literal["episode", "fact", "procedure", "working"]
KINDS: tuple[Kind, ...] = ("episode", "fact", "procedure", "working")
MAX_RECALLED = 1000
MAX_QUERY = 10_000  # characters


class Window(NamedTuple):
    """From when until when, as the statements take it."""

    since: datetime | str
    until: datetime | str


class Filters(BaseModel):
    """What may be recalled at all."""

    model_config = ConfigDict(frozen=True)

    kinds: tuple[Kind, ...] = KINDS
    since: datetime | None = None  # inclusive
    until: datetime | None = None  # not inclusive
    participant: str | None = None
    episode_type: EpisodeType | None = None
    location: str | None = None

    @property
    def narrow_episodes(self) -> bool:
        """Whether only some episodes are asked for, by what they themselves say."""
        return any((self.participant, self.episode_type, self.location))

    @property
    def window(self) -> Window:
        """Raises `InvalidError` for one that ends before it begins, and for a time without a zone."""
        since, until = (None if at is None else as_utc(at, what="a time") for at in (self.since, self.until))
        if since is not None and until is not None and since >= until:
            raise InvalidError("the time window ends before it begins")
        return Window(since or "-infinity", until or "infinity")

    @classmethod
    def of(cls, **filters: Any) -> "Filters":
        """The filters of these names. Raises `InvalidError` for one that there is not, or that takes something else."""
        try:
            return cls.model_validate(filters, extra="forbid")
        except ValidationError as error:
            [first, *_] = error.errors()
            raise InvalidError(f"the filter {first['loc'][0]} can't be used: {first['msg'].lower()}") from None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's vector that is known already, as one row, and the model that it is of."""

    model: str
    vector: Vectors


def check(query: str, limit: int) -> None:
    """Raises `InvalidError` for what can't be asked."""
    if not query.strip():
        raise InvalidError("a question says what to look for; the latest episodes are listed without one")
    if len(query) > MAX_QUERY:
        raise InvalidError(f"a question has at most {MAX_QUERY:,} characters")
    check_json(query, what="the question")
    if not 1 <= limit <= MAX_RECALLED:
        raise InvalidError(f"a limit is 1 to {MAX_RECALLED:,}, not {limit}")


class Meaning(BaseModel):
    """What a question's words mean to this employee."""

    words: str | None  # each with its weight, as pgvector reads a sparse vector
    named: list[int]  # words of participants' names
    names: list[str]  # as they stand in the question
    model: int | None
    model_name: str | None


# The rarer a word is in what the employee remembers, the more it says: idf as in BM25, never negative.
MEANING: LiteralString = """
    WITH asked AS MATERIALIZED (
        SELECT word FROM empla.words(%(question)s::text)
    ), known AS MATERIALIZED (
        SELECT word, memories, named FROM memory_words
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND word = ANY (0 || ARRAY(SELECT word FROM asked))
    ), space AS MATERIALIZED (
        SELECT model, model_name FROM memory_spaces
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND is_current
    ), weighed AS MATERIALIZED (
        SELECT word, ln(1 + (greatest(memories, found) - found + 0.5) / (found + 0.5)) AS idf
          FROM (SELECT a.word, coalesce(k.memories, 0)::float8 AS found, coalesce(n.memories, 0)::float8 AS memories
                  FROM asked a LEFT JOIN known k ON k.word = a.word LEFT JOIN known n ON n.word = 0) AS counted
    )
    SELECT (SELECT '{' || string_agg(word || ':' || idf::numeric(8, 4), ',') || '}/1000000000' FROM weighed) AS words,
           ARRAY(SELECT word FROM known WHERE named > 0) AS named,
           CASE WHEN EXISTS (SELECT FROM known WHERE named > 0) THEN ARRAY(
               SELECT sign FROM regexp_split_to_table(%(question)s::text, '[^[:alnum:]]+') AS sign
                WHERE EXISTS (SELECT FROM empla.words(sign) w JOIN known k ON k.word = w.word WHERE k.named > 0)) ELSE '{}' END AS names,
           (SELECT model FROM space) AS model, (SELECT model_name FROM space) AS model_name
"""


async def meaning(tx: ReadTx, *, employee: UUID, query: str) -> Meaning:
    """What the question's words mean to this employee."""
    [meant] = await tx.fetch_all(Meaning, MEANING, employee=employee, question=query)
    return meant


async def embedded(query: str, meant: Meaning, embedder: Embedder) -> Asked:
    """The question's vector. Raises `UnavailableError`."""
    return Asked(embedder.name, await embedder.embed([without(query, meant.names)]))


def without(query: str, names: Sequence[str]) -> str:
    """The question without the names in it: who it was with is told by the participants, and a name's vector is mostly noise."""
    bare = query
    for name in names:
        bare = re.sub(rf"\b{re.escape(name)}(['’]s)?\b", " ", bare, flags=re.IGNORECASE)
    return bare if re.search(r"\w", bare) else query
