"""What an employee would say about something: what it believes of it, then what it knows and remembers, a line each."""

from dataclasses import dataclass
from uuid import UUID

from empla.bdi import beliefs
from empla.memory import recall
from empla.memory.question import MAX_QUERY, Filters
from empla.storage.tx import ReadTx

_MOST_BELIEFS, _MOST_MEMORIES = 5, 3
_RECALLED = 20  # of which those are left out that only say that somebody asked
_MOST_CHARACTERS = 300  # of one line


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is known."""

    text: str
    tainted: bool  # it came from outside


async def about(tx: ReadTx, *, employee: UUID, words: str) -> list[Line]:
    """At most five beliefs and three memories, by words alone; [] when nothing is known. What people asked before is no knowledge."""
    held = await beliefs.mentioned(tx, employee=employee, words=words, limit=_MOST_BELIEFS)
    found = [
        Line(
            f"- {belief.subject} {belief.predicate}: {_said(belief.object)} (confidence {belief.confidence:.2f})",
            belief.tainted,
        )
        for belief in held
    ]
    hits = await recall.recall(
        tx,
        employee=employee,
        query=words[:MAX_QUERY],
        limit=_RECALLED,
        filters=Filters(kinds=("episode", "fact")),
    )
    told = [hit for hit in hits if hit.matched > 0 and hit.location != "conversation"]
    return found + [Line(f"- {_said(hit.text)}", hit.tainted) for hit in told[:_MOST_MEMORIES]]


def _said(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
