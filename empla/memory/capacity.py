"""Room is soft: beyond so many episodes an employee forgets what is worth the least, and never what something that is held rests on."""

from datetime import timedelta
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel

from empla.storage.tx import ReadTx, Tx

BATCH = 1000  # episodes in one transaction
YOUNG = timedelta(days=30)  # what has happened or come since is not judged yet


class Crowded(BaseModel):
    """An employee that remembers more than there is room for."""

    employee_id: UUID
    episodes: int


CROWDED: LiteralString = """
    SELECT employee_id, count(*)::int AS episodes FROM memory_episodes
     WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL
     GROUP BY employee_id HAVING count(*) > %(kept)s::int ORDER BY employee_id
"""


async def crowded(tx: ReadTx, *, kept: int) -> list[Crowded]:
    """The employees that remember more than `kept` episodes."""
    return await tx.fetch_all(Crowded, CROWDED, kept=kept)


# The least worth first, of equal ones the older.
EVICT: LiteralString = """
    WITH cited AS MATERIALIZED (
        SELECT id FROM cited_episodes(%(tenant)s::uuid, %(employee)s::uuid)
    ), excess AS MATERIALIZED (
        SELECT count(*) - %(kept)s::int AS episodes FROM memory_episodes
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
    ), least AS (
        SELECT m.id FROM memory_episodes m
         WHERE m.tenant_id = %(tenant)s::uuid AND m.employee_id = %(employee)s::uuid AND m.deleted_at IS NULL
           AND m.episode_type <> 'feedback' AND m.occurred_at <= %(before)s::timestamptz AND m.created_at <= %(before)s::timestamptz
           AND m.id NOT IN (SELECT id FROM cited)
         ORDER BY worth(m.importance, m.recall_count, m.occurred_at, %(now)s::timestamptz), m.occurred_at, m.id
         LIMIT (SELECT least(greatest(episodes, 0), %(most)s::int) FROM excess)
    )
    SELECT count(*) FROM forget_episodes(%(tenant)s::uuid, %(employee)s::uuid, ARRAY(SELECT id FROM least), 'evicted', %(now)s::timestamptz)
"""


async def evict(tx: Tx, *, employee: UUID, kept: int, most: int = BATCH) -> int:
    """The least worth of what is too much is forgotten, at most so many; how many rows that was.

    Never what people said, what a live belief or fact, an open conflict or a plan under way rests on, nor what is younger than 30 days:
    where there is more of it than there is room, it stays all the same.
    """
    before = tx.now - YOUNG
    return await tx.fetch_value(int, EVICT, employee=employee, kept=kept, most=most, before=before, now=tx.now) or 0
