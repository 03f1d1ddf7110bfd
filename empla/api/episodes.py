"""What happened to an employee, as it remembers it: recorded, read, and forgotten for good."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from empla.api.doors import DELEGATES
from empla.api.operations import Behind, Body, Noun
from empla.api.paging import Page, Paging
from empla.errors import NotFoundError
from empla.memory import behind as memories
from empla.memory import episodic, importance
from empla.memory.episodic import Episode, EpisodeType, NewEpisode
from empla.memory.importance import Explained
from empla.memory.shapes import EpisodeContent
from empla.storage.tx import ReadTx, Tx

noun = Noun("episodes", about="What happened, kept as it was; what an employee believes rests on episodes.")
_ID = "0199a5c0-0000-7000-8000-000000000011"
_CALL: dict[str, JsonValue] = {
    "id": _ID,
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "episode_type": "interaction",
    "description": "Jane of Acme asked for a discount",
    "content": {"intent": "negotiation"},
    "participants": ["jane@acme.example"],
    "location": None,
    "importance": 0.5,
    "recall_count": 0,
    "last_recalled_at": None,
    "observation_id": None,
    "occurred_at": "2026-03-01T09:00:00Z",
    "created_at": "2026-03-01T09:00:00Z",
    "ended": None,
    "merged_into": None,
}
_SENT: dict[str, JsonValue] = {
    "description": "Jane of Acme asked for a discount",
    "content": {"intent": "negotiation"},
    "participants": ["jane@acme.example"],
    "importance": 0.5,
}


class BeforeEpisode(BaseModel):
    """The place in a list of episodes, the latest first."""

    model_config = ConfigDict(extra="forbid")

    at: datetime
    id: UUID


@noun.reads(
    "/employees/{employee}/episodes",
    "list",
    summary="What happened, the latest first",
    scope="memory:read",
    example={"items": [_CALL], "next_cursor": None},
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    employee: UUID,
    since: Annotated[datetime | None, Query(description="Inclusive; with its offset.")] = None,
    before: Annotated[datetime | None, Query(description="Not inclusive; with its offset.")] = None,
    episode_type: Annotated[EpisodeType | None, Query(description="Those of this type.")] = None,
    participant: Annotated[str | None, Query(max_length=500, description="Those in which this one took part.")] = None,
) -> Page[Episode]:
    """Of an employee whom the caller may see; of nobody else there are none."""
    place = cut.place(BeforeEpisode)
    found = await episodic.latest(
        tx,
        employee=employee,
        limit=cut.reach,
        since=since,
        before=before,
        episode_type=episode_type,
        participant=participant,
        last_at=place and place.at,
        last=place and place.id,
    )
    return cut.page(found, lambda last: BeforeEpisode(at=last.occurred_at, id=last.id))


class RecordEpisode(Body):
    """What happened."""

    description: str = Field(min_length=1, max_length=100_000)
    episode_type: EpisodeType = "interaction"
    content: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    participants: tuple[str, ...] = Field(default=(), max_length=1000)
    location: str | None = Field(default=None, max_length=1000)
    importance: float | None = Field(default=None, ge=0, le=1, description="Weighed, unless it is said.")
    occurred_at: datetime | None = Field(default=None, description="Now, unless it is said.")
    tainted: bool = Field(default=True, description="It came from outside; false for the company's own records.")

    def to_episode(self) -> NewEpisode:
        """Raises `InvalidError` for content of another shape."""
        told: dict[str, Any] = {name: getattr(self, name) for name in RecordEpisode.model_fields}
        told["content"] = EpisodeContent.parse(self.content)
        return NewEpisode(**told)


@noun.makes(
    "/employees/{employee}/episodes",
    "record",
    summary="Something happened",
    scope="memory:write",
    roles=DELEGATES,
    location="/employees/{employee}/episodes/{id}",
    sends=_SENT,
    example=_CALL,
)
async def record(tx: Tx, *, behind: Behind, employee: UUID, body: RecordEpisode) -> Episode:
    """The employee remembers it from now on."""
    told = body.to_episode()
    recorded = await episodic.record(
        tx, employee=employee, **{name: getattr(told, name) for name in NewEpisode.model_fields}
    )
    behind.do(partial(memories.written, employee=employee))
    return recorded


class RecordEpisodes(Body):
    """All of them are recorded, or none."""

    episodes: list[RecordEpisode] = Field(min_length=1, description="At most EMPLA_MAX_BATCH.")


class Ids(BaseModel):
    """Of which ones."""

    model_config = ConfigDict(frozen=True)

    ids: list[UUID]


@noun.acts(
    "/employees/{employee}/episodes/batch",
    "record_many",
    summary="Much happened",
    scope="memory:write",
    roles=DELEGATES,
    sends={"episodes": [_SENT]},
    example={"ids": [_ID]},
)
async def record_many(tx: Tx, *, behind: Behind, employee: UUID, body: RecordEpisodes) -> Ids:
    """Their ids, in the order in which they were sent."""
    ids = await episodic.record_many(tx, employee=employee, episodes=[each.to_episode() for each in body.episodes])
    behind.do(partial(memories.written, employee=employee))
    return Ids(ids=ids)


@noun.reads("/employees/{employee}/episodes/{episode}", "get", summary="An episode", scope="memory:read", example=_CALL)
async def get(tx: ReadTx, *, employee: UUID, episode: UUID) -> Episode:
    """One that has ended too: `ended` says why, and what was forgotten has lost its words."""
    found = await episodic.by_ids(tx, employee=employee, ids=[episode])
    if not found:
        raise NotFoundError("there is no such episode")
    return found[0]


class Importance(Explained):
    """Why an episode is as important as it is."""

    told: str = Field(description="The same in words.")


@noun.reads(
    "/employees/{employee}/episodes/{episode}/importance",
    "importance",
    summary="Why an episode is as important as it is",
    scope="memory:read",
    example={
        "id": _ID,
        "episode_type": "interaction",
        "importance": 0.5,
        "parts": None,
        "merged": 0,
        "recall_count": 0,
        "occurred_at": "2026-03-01T09:00:00Z",
        "ended": None,
        "worth": 0.5,
        "told": "importance 0.50\n  as it was given; it was not weighed\nworth 0.50 now: happened 2026-03-01, recalled 0 times",
    },
)
async def explained(tx: ReadTx, *, employee: UUID, episode: UUID) -> Importance:
    """Part by part, and what it is worth now."""
    found = await importance.explain(tx, employee=employee, episode=episode)
    return Importance(**vars(found), told=str(found))


@noun.removes(
    "/employees/{employee}/episodes/{episode}",
    "forget",
    summary="An episode is forgotten for good",
    scope="memory:write",
    roles=DELEGATES,
)
async def forget(tx: Tx, *, employee: UUID, episode: UUID) -> None:
    """Its words are erased, and what was merged with it goes too."""
    await episodic.forget(tx, employee=employee, ids=[episode])
