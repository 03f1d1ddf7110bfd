"""A question is asked from outside: embedded between transactions where that takes time, and reinforced behind the answer."""

from collections.abc import Callable
from functools import cache
from uuid import UUID

import structlog

from empla.embedding.embedder import Embedder
from empla.embedding.static import StaticEmbedder
from empla.errors import UnavailableError
from empla.memory import behind
from empla.memory.question import Asked, Filters, check, embedded, meaning
from empla.memory.ranking import DEFAULT, Ranking
from empla.memory.recall import Hit, recall
from empla.memory.spent import spent
from empla.storage.database import Database
from empla.storage.tx import Caller, ReadTx

_log = structlog.stdlib.get_logger("empla.memory")


async def answer(
    database: Database,
    caller: Caller,
    *,
    employee: UUID,
    query: str,
    limit: int = 10,
    filters: Filters | None = None,
    ranking: Ranking = DEFAULT,
    reinforce: bool = True,
    allowed: Callable[[ReadTx], None] | None = None,
) -> list[Hit]:
    """As `recall`, by the model that the employee's memories are compared by; by words alone while that can't be reached.

    What was recalled is reinforced behind the answer, unless `reinforce` is false. `allowed` raises where who asks may not: it is called
    before a model is asked that is elsewhere, and before anything is reinforced or answered. Raises `InvalidError`.
    """
    check(query, limit)
    await behind.settled(database, caller, employee=employee)
    embedder, time = database.embedder, spent(database)
    time.recalls += 1
    asked = None
    if embedder is not None and not embedder.is_instant:
        asked = await _asked(database, caller, employee=employee, query=query, embedder=embedder, allowed=allowed)
        embedder = None
    async with database.ask(caller) as tx:
        hits = await recall(
            tx,
            employee=employee,
            query=query,
            embedder=embedder,
            asked=asked,
            limit=limit,
            filters=filters,
            ranking=ranking,
            spent=time,
        )
        if allowed is not None:
            allowed(tx)
    if reinforce:
        episodes = [hit.id for hit in hits if hit.kind == "episode"]
        behind.recalled(database, caller, employee=employee, episodes=episodes)
    return hits


async def _asked(
    database: Database,
    caller: Caller,
    *,
    employee: UUID,
    query: str,
    embedder: Embedder,
    allowed: Callable[[ReadTx], None] | None,
) -> Asked | None:
    time = spent(database)
    with time.on("sql"):
        async with database.read(caller) as tx:
            if allowed is not None:
                allowed(tx)
            meant = await meaning(tx, employee=employee, query=query)
    # Until an employee has moved over, what it was embedded by before answers, if that is here.
    for each in (embedder, _static()):
        if meant.model_name in {None, each.name}:
            try:
                with time.on("embed"):
                    return await embedded(query, meant, each)
            except UnavailableError as error:
                _log.warning("recalls by words alone", error=str(error))
                return None
    return None


@cache
def _static() -> StaticEmbedder:
    return StaticEmbedder()
