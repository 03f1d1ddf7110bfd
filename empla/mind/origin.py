"""Where an episode came from, and what rests on it: the facts that it was counted for, and the beliefs whose evidence it is."""

from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.errors import NotFoundError
from empla.storage.tx import ReadTx

MOST_TOLD = 20  # that rest on it


class Resting(BaseModel):
    """A belief or a fact that would miss it."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["belief", "fact"]
    id: UUID
    subject: str
    predicate: str
    object: JsonValue


class Origin(BaseModel):
    """One episode's place among the rest."""

    model_config = ConfigDict(frozen=True)

    tainted: bool  # it came from outside: what it says is nobody's word
    source: str | None  # of the observation that it was
    external_id: str | None
    perceived_at: datetime | None
    rests: list[Resting]  # at most MOST_TOLD


ORIGIN: LiteralString = """
    SELECT m.tainted, o.source, o.external_id, o.perceived_at,
           (SELECT coalesce(jsonb_agg(r), '[]')
              FROM ((SELECT 'belief' AS kind, b.id, b.subject, b.predicate, b.object FROM beliefs b
                      WHERE b.tenant_id = %(tenant)s::uuid AND b.employee_id = %(employee)s::uuid AND b.deleted_at IS NULL
                        AND b.evidence ? m.id::text
                      ORDER BY b.subject, b.predicate LIMIT %(most)s::int)
                     UNION ALL
                    (SELECT 'fact', f.id, f.subject, f.predicate, to_jsonb(f.object)
                       FROM fact_evidence e
                       JOIN memory_semantic f ON f.tenant_id = e.tenant_id AND f.employee_id = e.employee_id AND f.id = e.fact_id
                      WHERE e.tenant_id = %(tenant)s::uuid AND e.employee_id = %(employee)s::uuid AND e.episode_id = m.id
                        AND f.deleted_at IS NULL
                      ORDER BY f.subject, f.predicate LIMIT %(most)s::int)
                     LIMIT %(most)s::int) r) AS rests
      FROM memory_episodes m
      LEFT JOIN observations o ON o.tenant_id = m.tenant_id AND o.employee_id = m.employee_id AND o.id = m.observation_id
     WHERE m.tenant_id = %(tenant)s::uuid AND m.employee_id = %(employee)s::uuid AND m.id = %(episode)s::uuid
"""


async def of_episode(tx: ReadTx, *, employee: UUID, episode: UUID) -> Origin:
    """Of one that has ended, too. Raises `NotFoundError`."""
    found = await tx.fetch_one(Origin, ORIGIN, employee=employee, episode=episode, most=MOST_TOLD)
    if found is None:
        raise NotFoundError("there is no such episode")
    return found
