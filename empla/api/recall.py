"""Recall: a question, and what an employee remembers that answers best, with the parts of each score."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from empla.api.doors import Desk
from empla.api.operations import Body, Noun
from empla.memory import answering
from empla.memory.episodic import EpisodeType
from empla.memory.question import KINDS, MAX_QUERY, Filters, Kind
from empla.memory.ranking import BY_MEANING, BY_WORDS, DEFAULT
from empla.memory.recall import Hit

noun = Noun("recall", about="One question, one ranked answer over the four memories.")
_RANKINGS = {"usual": DEFAULT, "meaning": BY_MEANING, "words": BY_WORDS}


class Question(Body):
    """What is asked, and what may be recalled at all."""

    query: str = Field(min_length=1, max_length=MAX_QUERY)
    limit: int = Field(default=10, ge=1, le=200)
    kinds: tuple[Kind, ...] = Field(default=KINDS, min_length=1, max_length=len(KINDS))
    since: datetime | None = Field(default=None, description="Inclusive.")
    until: datetime | None = Field(default=None, description="Not inclusive.")
    participant: str | None = Field(default=None, max_length=500, description="Episodes with this one alone.")
    episode_type: EpisodeType | None = None
    location: str | None = Field(default=None, max_length=1000)
    ranking: Literal["usual", "meaning", "words"] = Field(default="usual", description="What counts.")
    reinforce: bool = Field(default=True, description="What was recalled is of use, and is told so behind the answer.")


class Answer(BaseModel):
    """The best first."""

    model_config = ConfigDict(frozen=True)

    hits: list[Hit]


@noun.acts(
    "/employees/{employee}/recall",
    "ask",
    summary="What an employee remembers of something",
    scope="memory:read",
    writes=False,
    sends={"query": "What discount did Jane ask for?", "limit": 5},
    example={
        "hits": [
            {
                "kind": "episode",
                "id": "0199a5c0-0000-7000-8000-000000000011",
                "text": "Jane of Acme asked for a discount",
                "score": 2.5,
                "parts": {
                    "vector": 1.0,
                    "words": 1.0,
                    "people": 0.0,
                    "neighbours": 0.0,
                    "recency": 0.25,
                    "importance": 0.25,
                    "reinforcement": 0.0,
                },
                "cosine": 0.8,
                "matched": 3.2,
                "occurred_at": "2026-03-01T09:00:00Z",
                "participants": ["jane@acme.example"],
                "location": None,
                "source": None,
                "observation_id": None,
                "tainted": True,
                "importance": 1.0,
                "recall_count": 0,
            }
        ]
    },
)
async def ask(desk: Desk, *, employee: UUID, body: Question) -> Answer:
    """As many as there are, up to the limit; of an employee whom the caller may not see, none."""
    filters = Filters(**{name: getattr(body, name) for name in Filters.model_fields})
    hits = await answering.answer(
        desk.database,
        desk.caller,
        employee=employee,
        query=body.query,
        limit=body.limit,
        filters=filters,
        ranking=_RANKINGS[body.ranking],
        reinforce=body.reinforce,
        allowed=desk.check,
    )
    return Answer(hits=hits)
