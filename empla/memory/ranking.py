"""Ranking: what was measured of each candidate becomes its score, part by part. No SQL here; docs/recall.md explains a real answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Numbers = NDArray[np.float64]


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

    @property
    def is_meaning_alone(self) -> bool:
        """Whether nothing but the vector counts."""
        others = (self.words, self.people, self.neighbours, self.recency, self.importance, self.reinforcement)
        return self.vector > 0 and not any(others)

    def wanted(self, limit: int) -> int:
        """How many candidates by meaning, and as many by words, for an answer of so many."""
        return max(self.breadth, 2 * limit)

    def probed(self, limit: int) -> int:
        """How many are looked at by their codes, at least, to find the nearest."""
        return 2 * max(self.breadth, limit)


DEFAULT = Ranking()
BY_MEANING = Ranking(words=0, people=0, neighbours=0, recency=0, importance=0, reinforcement=0)
BY_WORDS = Ranking(vector=0, people=0, neighbours=0, recency=0, importance=0, reinforcement=0)

MOST_RECALLS = 99  # that count as reinforcement
_SMALLEST_SPREAD = 1e-9  # less is rounding, and says nothing
_SECONDS_PER_DAY = 86_400


class Parts(BaseModel):
    """A score, part by part; they add up to it."""

    model_config = ConfigDict(frozen=True)

    vector: float = 0.0
    words: float = 0.0
    people: float = 0.0
    neighbours: float = 0.0
    recency: float = 0.0
    importance: float = 0.0
    reinforcement: float = 0.0


class Candidates(BaseModel):
    """What was measured of each, a column for each measure; the columns are of one length."""

    model_config = ConfigDict(frozen=True)

    ids: list[UUID]
    kinds: list[str]
    is_first: list[bool]  # found by itself, not as the neighbour of another alone
    occurred_at: list[float]  # seconds since 1970
    cosine: list[float | None]
    matched: list[float]  # BM25
    is_named: list[bool]  # the question names one of its participants
    thread: list[int | None]  # the conversation that it is a piece of


@dataclass(frozen=True, slots=True)
class Ranked:
    """One candidate, with what it was measured by."""

    id: UUID
    kind: str
    parts: Parts
    cosine: float | None
    matched: float


def ranked(found: Candidates, *, ranking: Ranking, now: datetime, most: int) -> list[Ranked]:
    """The best first, at most so many, by all parts but importance and reinforcement; of equal ones the later."""
    if not found.ids:
        return []
    at = np.array(found.occurred_at)
    vector = ranking.vector * _deviations(np.array(found.cosine, np.float64), found.is_first)
    words = ranking.words * _deviations(np.array(found.matched), found.is_first)
    columns = {
        "vector": vector,
        "words": words,
        "people": ranking.people * np.array(found.is_named, np.float64),
        "neighbours": ranking.neighbours
        * min(1, sum(found.is_first) / ranking.breadth)  # the mean of a few says little
        * _beside(found, vector + words, 60 * ranking.gap_minutes),
        "recency": ranking.recency * _freshness(now.timestamp() - at, ranking.recency_days),
    }
    total = np.sum(list(columns.values()), axis=0)
    return [
        Ranked(
            id=found.ids[place],
            kind=found.kinds[place],
            parts=Parts(**{name: float(column[place]) for name, column in columns.items()}),
            cosine=found.cosine[place],
            matched=found.matched[place],
        )
        for place in _order(at, total)[:most]
    ]


def meant_alone(cosine: float, *, mean: float, spread: float, ranking: Ranking) -> Parts:
    """What `ranked` gives where nothing but the vector counts, from the mean and the spread of all candidates."""
    return Parts(vector=0.0 if spread < _SMALLEST_SPREAD else ranking.vector * ((cosine - mean) / spread))


def weighed(parts: Parts, *, importance: float, recall_count: int, ranking: Ranking) -> Parts:
    """The same with what the memory itself says: how important it is, and how often it was of use."""
    return parts.model_copy(
        update={
            "importance": ranking.importance * (importance - 0.5),
            "reinforcement": ranking.reinforcement * math.log10(1 + min(recall_count, MOST_RECALLS)),
        }
    )


def _order(at: Numbers, total: Numbers) -> list[int]:
    return [int(place) for place in np.lexsort((-at, -total))]


def _deviations(measured: Numbers, is_first: Sequence[bool]) -> Numbers:
    """By how many standard deviations each is above the mean of those that were found by themselves; 0 for what could not be measured."""
    among = measured[np.array(is_first) & ~np.isnan(measured)]
    spread = float(among.std()) if among.size else 0.0
    if spread < _SMALLEST_SPREAD:
        return np.zeros(len(measured))
    return np.nan_to_num((measured - among.mean()) / spread, nan=0.0)


def _beside(found: Candidates, base: Numbers, gap: float) -> Numbers:
    """The sum of what the two before and the two after each in its conversation are worth by themselves; `gap` in seconds.

    The candidates hold all of these for what was found by itself, and for no other: two that came as neighbours are none of each other.
    """
    summed = np.zeros(len(base))
    talk = sorted(
        (thread, found.occurred_at[place], found.ids[place], place)
        for place, thread in enumerate(found.thread)
        if thread is not None
    )
    if not talk:
        return summed
    order = np.array([place for *_, place in talk], np.intp)
    thread = np.array([thread for thread, *_ in talk], np.int64)
    at, is_first = np.array(found.occurred_at)[order], np.array(found.is_first)[order]
    for apart in (1, 2):
        before, after = slice(None, -apart), slice(apart, None)
        beside = (
            (thread[before] == thread[after]) & (at[after] - at[before] <= gap) & (is_first[before] | is_first[after])
        )
        np.add.at(summed, order[before][beside], base[order[after][beside]])
        np.add.at(summed, order[after][beside], base[order[before][beside]])
    return summed


def _freshness(age: Numbers, days: float) -> Numbers:
    """1 for what happens now, half of it after so many days; `age` in seconds."""
    return np.exp2(-np.maximum(age, 0) / (days * _SECONDS_PER_DAY))
