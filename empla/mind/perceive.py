"""Perceiving turns what waits in the inbox into episodes, each once and in the order of the world."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.storage.tx import Tx

# A cycle that finds more leaves the rest to the next one.
MAX_PERCEIVED = 1000


class Percept(BaseModel):
    """A fresh episode, with where it came from."""

    model_config = ConfigDict(frozen=True)

    episode: UUID
    source: str  # the adapter that saw it
    kind: str
    description: str
    content: dict[str, JsonValue]
    occurred_at: datetime
    tainted: bool  # it came from outside


# ANY over an array, because the planner may run an IN (SELECT …) anew for each of the employee's observations.
PERCEIVE: LiteralString = """
    WITH seen AS (
        UPDATE observations SET status = 'perceived', perceived_at = %(now)s::timestamptz
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
           AND id = ANY (ARRAY(
               SELECT id FROM observations
                WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
                  AND status = 'pending' AND occurred_at <= %(now)s::timestamptz
                ORDER BY occurred_at, id LIMIT %(limit)s::int
                  FOR UPDATE SKIP LOCKED))
        RETURNING id, source, kind, description, participants, content, occurred_at, tainted
    ), weighed AS MATERIALIZED (
        SELECT *, weigh_episode('observation', description, content, participants,
                                (SELECT goal_words(%(tenant)s::uuid, %(employee)s::uuid))) AS parts
          FROM seen
    ), remembered AS (
        INSERT INTO memory_episodes (tenant_id, employee_id, episode_type, description, content, participants, location,
                                     observation_id, occurred_at, tainted, importance, metadata)
        SELECT %(tenant)s::uuid, %(employee)s::uuid, 'observation', description, content, participants, source, id, occurred_at, tainted,
               importance_of(parts), jsonb_build_object('importance', parts)
          FROM weighed ORDER BY occurred_at, id
        RETURNING id, observation_id
    )
    SELECT remembered.id AS episode, seen.source, seen.kind, seen.description, seen.content, seen.occurred_at, seen.tainted
      FROM seen JOIN remembered ON remembered.observation_id = seen.id
     ORDER BY seen.occurred_at, seen.id
"""


class Fault(BaseModel):
    """What is wrong with what an observation said."""

    model_config = ConfigDict(frozen=True)

    episode: UUID
    error: str


async def perceive(tx: Tx, *, employee: UUID, limit: int = MAX_PERCEIVED) -> list[Percept]:
    """What had happened by now and was not perceived yet is remembered, oldest first; one statement."""
    return await tx.fetch_all(Percept, PERCEIVE, employee=employee, limit=limit, now=tx.now)


SET_ASIDE: LiteralString = """
    UPDATE observations o SET status = 'failed', perceived_at = NULL, error = f.error
      FROM jsonb_to_recordset(%(faults)s::jsonb) AS f (episode uuid, error text)
      JOIN memory_episodes m ON m.tenant_id = %(tenant)s::uuid AND m.employee_id = %(employee)s::uuid AND m.id = f.episode
     WHERE o.tenant_id = %(tenant)s::uuid AND o.employee_id = %(employee)s::uuid AND o.id = m.observation_id
"""


async def set_aside(tx: Tx, *, employee: UUID, faults: Sequence[Fault]) -> int:
    """These observations were remembered, but what they say can't be used: they are failed, each with its visible error."""
    if not faults:
        return 0
    written = json.dumps([fault.model_dump(mode="json") for fault in faults], ensure_ascii=False)
    return await tx.execute(SET_ASIDE, employee=employee, faults=written)
