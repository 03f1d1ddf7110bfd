"""Behind the answer: what was written is counted and embedded, what was recalled is reinforced. Reads wait for neither."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from empla.memory import episodic, indexing
from empla.storage.database import Database
from empla.storage.tx import Caller


def written(database: Database, caller: Caller, *, employee: UUID) -> None:
    """The employee has new memories: they are counted and embedded soon, by whoever runs this process."""
    operator = Caller(caller.tenant)
    work = partial(indexing.catch_up, database, operator, employee=employee, embedder=database.embedder)
    database.afterwards(("catch up", caller.tenant, employee), work)


async def settled(database: Database, caller: Caller, *, employee: UUID) -> None:
    """What this process wrote of the employee can be recalled by its meaning too, unless the model is a slow one."""
    embedder = database.embedder
    if embedder is not None and embedder.is_instant:
        await database.settled(("catch up", caller.tenant, employee))


def recalled(database: Database, caller: Caller, *, employee: UUID, episodes: Sequence[UUID]) -> None:
    """These were of use. What a user reads who may not write leaves no trace."""

    async def reinforce() -> None:
        async with database.write(caller) as tx:
            await episodic.recalled(tx, employee=employee, times=Counter(episodes))

    if episodes:
        database.afterwards(object(), reinforce)
