"""Memories put in and asked for, as the library does it; everything that happens behind the answer has happened."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np

from empla.embedding.embedder import Embedder, Vectors, normalised
from empla.embedding.static import StaticEmbedder
from empla.errors import UnavailableError
from empla.memory import episodic, indexing
from empla.memory import recall as recalling
from empla.memory.episodic import NewEpisode
from empla.memory.question import Filters
from empla.memory.ranking import DEFAULT, Ranking
from empla.memory.recall import Hit
from empla.storage.database import Database
from empla.storage.tx import Caller

EMBEDDER = StaticEmbedder()


class Backwards:
    """Another model: it reads texts from their end."""

    name = "backwards@1"
    is_instant = False
    max_batch = 7

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.is_down = False

    async def embed(self, texts: Sequence[str]) -> Vectors:
        if self.is_down:
            raise UnavailableError("the model is down")
        self.asked.append(len(texts))
        return normalised(np.flip(EMBEDDER.embed_now([text[::-1] for text in texts]), axis=1))

    async def close(self) -> None:
        pass


async def remembered(
    database: Database, caller: Caller, employee: UUID, *said: str | NewEpisode, caught_up: bool = True
) -> list[UUID]:
    """Recorded together, and embedded unless they are to wait."""
    episodes = [each if isinstance(each, NewEpisode) else NewEpisode(description=each) for each in said]
    async with database.write(caller) as tx:
        ids = await episodic.record_many(tx, employee=employee, episodes=episodes)
    if caught_up:
        await indexing.catch_up(database, Caller(caller.tenant), employee=employee, embedder=EMBEDDER)
    return ids


async def recall(
    database: Database,
    caller: Caller,
    employee: UUID,
    query: str,
    *,
    limit: int = 10,
    ranking: Ranking = DEFAULT,
    kinds: Sequence[str] = ("episode",),
    embedder: Embedder | None = EMBEDDER,
    **filters: Any,
) -> list[Hit]:
    """What is recalled, of episodes alone unless other kinds are named."""
    async with database.ask(caller) as tx:
        return await recalling.recall(
            tx,
            employee=employee,
            query=query,
            embedder=embedder,
            limit=limit,
            filters=Filters.of(kinds=tuple(kinds), **filters),
            ranking=ranking,
        )


def texts(hits: Sequence[Hit]) -> list[str]:
    """What they say, the best first."""
    return [hit.text for hit in hits]
