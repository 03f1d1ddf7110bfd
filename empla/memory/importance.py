"""What an episode weighs when it is remembered, in parts that can be told; and what it is worth later, when room is wanted.

The database measures (the SQL function `weigh_episode`) in the statement that remembers: what kind of thing it is, how it moves people,
how much it has to do with the live goals, whether something came of it. How long ago it was is no part of it: ranking lets every memory
fade when it is read, and what is counted twice fades twice.
"""

import math
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.errors import NotFoundError
from empla.storage.tx import ReadTx

EMOTION, GOALS, OUTCOME = 0.25, 0.2, 0.1  # how much each part adds at most
HALF_LIFE_DAYS = 180.0  # of the half of an importance that goes with time
RECALLED = 0.1  # what ten times as much use adds to the worth
MOST_RECALLS = 99
_MOST_DAYS = 36_500.0
_SECONDS_PER_DAY = 86_400


class Weighed(BaseModel):
    """What was measured in an episode when it was remembered."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: (
        float  # where it begins: .8 for what people said of its work, .45 for an interaction, .4 for what else happened
    )
    emotion: float  # 0..1: the sentiment that is stated, or 1 - .5^n for n moving words
    goals: float  # 0..1: 1 - .5^n for n words that the live goals share
    outcome: float  # 1 where something came of it
    moving: list[str] = []  # the words that move, as stems
    shared: list[str] = []  # those that the goals share


def importance(parts: Weighed) -> float:
    """Kind + .25 emotion + .2 goals + .1 outcome, at most 1."""
    return min(1.0, parts.kind + EMOTION * parts.emotion + GOALS * parts.goals + OUTCOME * parts.outcome)


def worth(importance: float, *, recall_count: int, occurred_at: datetime, at: datetime) -> float:
    """What keeps it when room is wanted: half of its importance halves every 180 days, half stays; each tenfold use adds .1."""
    days = min(max((at - occurred_at).total_seconds() / _SECONDS_PER_DAY, 0.0), _MOST_DAYS)
    lasting = 0.5 + 0.5 * 2 ** (-days / HALF_LIFE_DAYS)
    return importance * lasting + RECALLED * math.log10(1 + min(recall_count, MOST_RECALLS))


class Explained(BaseModel):
    """How important an episode is, and why; `str` tells it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    episode_type: str
    importance: float
    parts: Weighed | None  # None where somebody said how important it is, or when it came before episodes were weighed
    merged: int  # how many episodes it tells beside itself; it is as important as any of them was
    recall_count: int
    occurred_at: datetime
    ended: Literal["forgotten", "evicted", "merged"] | None
    worth: float  # now

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _lines(answer: Explained) -> list[str]:
    lines = [f"importance {answer.importance:.2f}"]
    if answer.parts is None:
        lines.append("  as it was given; it was not weighed")
    else:
        lines += _parts(answer.parts, answer.episode_type)
        if answer.merged and answer.importance > importance(answer.parts):
            lines.append(f"  raised by one of the {answer.merged} that were merged into it")
    times = "once" if answer.recall_count == 1 else f"{answer.recall_count} times"
    lines.append(f"worth {answer.worth:.2f} now: happened {answer.occurred_at:%Y-%m-%d}, recalled {times}")
    return lines if answer.ended is None else [*lines, f"it is {answer.ended}"]


def _parts(parts: Weighed, episode_type: str) -> list[str]:
    told = [f"  {parts.kind:.2f}  for what it is: {episode_type}"]
    because = ", ".join(parts.moving) or "what it says of how it felt"
    for weight, part, why in (
        (EMOTION, parts.emotion, f"for how it moves people: {because}"),
        (GOALS, parts.goals, f"for what it has to do with the goals: {', '.join(parts.shared)}"),
        (OUTCOME, parts.outcome, "for what came of it"),
    ):
        told += [f"  {weight * part:.2f}  {why}"] if part else []
    return told


EXPLAIN: LiteralString = """
    SELECT id, episode_type, importance, metadata -> 'importance' AS parts, recall_count, occurred_at, ended,
           (SELECT count(*) FROM memory_episodes g
             WHERE g.tenant_id = %(tenant)s::uuid AND g.employee_id = %(employee)s::uuid AND g.merged_into = m.id)::int AS merged,
           worth(importance, recall_count, occurred_at, %(now)s::timestamptz) AS worth
      FROM memory_episodes m
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(episode)s::uuid
"""


async def explain(tx: ReadTx, *, employee: UUID, episode: UUID) -> Explained:
    """Why an episode is as important as it is. Raises `NotFoundError`."""
    found = await tx.fetch_one(Explained, EXPLAIN, employee=employee, episode=episode, now=tx.now)
    if found is None:
        raise NotFoundError("there is no such episode")
    return found
