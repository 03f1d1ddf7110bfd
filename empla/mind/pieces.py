"""What a belief rests on, piece by piece, each with the words of what it was heard in: from belief to evidence to episode in one statement."""

from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.bdi.confidence import Source
from empla.memory.episodic import Ending
from empla.storage.tx import ReadTx

MOST = 100  # pieces that one answer holds


class Piece(BaseModel):
    """One piece of evidence; what counts adds up, what is silent or earlier does not."""

    model_config = ConfigDict(frozen=True)

    # Of the present state; a guess that a human's word silences; what was heard before, of which `carried` is what is left.
    part: Literal["counted", "silent", "earlier"]
    object: JsonValue
    source: Source | None
    evidence: UUID | None
    reliability: float | None
    occurred_at: datetime | None
    is_carried: bool
    weight: float | None  # log-odds: ln(r / (1 - r)), or what was carried
    supports: bool  # the object that is believed; its weight is taken off otherwise
    told_as: Literal["episode", "observation"] | None  # None where nobody has it (any more)
    told: str | None  # its words
    told_at: datetime | None
    told_by: list[str] | None
    ended: Ending | None  # of the episode: what was forgotten has lost its words


# What is silent is found as mind/why.py finds it.
PIECES: LiteralString = """
    WITH held AS (
        SELECT b.grounds, b.object, b.formed_at FROM beliefs b
         WHERE b.tenant_id = %(tenant)s::uuid AND b.employee_id = %(employee)s::uuid AND b.id = %(belief)s::uuid
           AND %(at)s::timestamptz IS NULL
         UNION ALL
        SELECT h.grounds, h.new_value, h.formed_at FROM told(%(tenant)s::uuid, %(employee)s::uuid, %(belief)s::uuid, %(at)s::timestamptz) h
    ), guess AS (
        SELECT g -> 'object' AS object, g ->> 'source' AS source, g ->> 'id' AS id, (g ->> 'reliability')::float8 AS reliability,
               (g ->> 'occurred_at')::timestamptz AS occurred_at
          FROM held CROSS JOIN LATERAL jsonb_array_elements(held.grounds) g
         WHERE NOT g ? 'carried' AND g -> 'object' <> held.object AND source_rank(g ->> 'source') <= 2
           AND EXISTS (SELECT FROM jsonb_array_elements(held.grounds) w
                        WHERE w ->> 'source' = 'told_by_human' AND w -> 'object' <> g -> 'object')
         UNION ALL
        SELECT h.new_value, h.source, h.evidence ->> 0, h.new_confidence, h.evidence_at
          FROM held JOIN belief_history h ON h.evidence_at >= held.formed_at AND h.new_value <> held.object
         WHERE h.tenant_id = %(tenant)s::uuid AND h.employee_id = %(employee)s::uuid AND h.belief_id = %(belief)s::uuid
           AND h.change_type = 'contradicted' AND (%(at)s::timestamptz IS NULL OR h.changed_at <= %(at)s::timestamptz)
    ), ground AS (
        SELECT 1 AS place, 'counted' AS part, c.object, c.ground ->> 'source' AS source, (c.ground ->> 'id')::uuid AS evidence,
               (c.ground ->> 'reliability')::float8 AS reliability, (c.ground ->> 'occurred_at')::timestamptz AS occurred_at,
               c.ground ? 'carried' AS is_carried, c.weight, c.object = held.object AS supports
          FROM held CROSS JOIN LATERAL counted(held.grounds) c
         UNION ALL
        SELECT 2, 'silent', g.object, g.source, g.id::uuid, g.reliability, g.occurred_at, false, log_odds(g.reliability), false FROM guess g
         UNION ALL
        SELECT 3, 'earlier', c.object, NULL, e.id::uuid, NULL, NULL, false, NULL, c.object = held.object
          FROM held CROSS JOIN LATERAL counted(held.grounds) c CROSS JOIN LATERAL jsonb_array_elements_text(c.ground -> 'evidence') e (id)
         WHERE c.ground ? 'carried'
    )
    SELECT g.part, g.object, g.source, g.evidence, g.reliability, g.occurred_at, g.is_carried, g.weight, g.supports,
           CASE WHEN m.id IS NOT NULL THEN 'episode' WHEN o.id IS NOT NULL THEN 'observation' END AS told_as,
           coalesce(m.description, o.description) AS told, coalesce(m.occurred_at, o.occurred_at) AS told_at,
           coalesce(m.participants, o.participants) AS told_by, m.ended
      FROM ground g
      LEFT JOIN memory_episodes m ON m.tenant_id = %(tenant)s::uuid AND m.employee_id = %(employee)s::uuid AND m.id = g.evidence
      LEFT JOIN observations o ON o.tenant_id = %(tenant)s::uuid AND o.employee_id = %(employee)s::uuid AND o.id = g.evidence
     ORDER BY g.place, g.is_carried DESC, coalesce(g.occurred_at, m.occurred_at, o.occurred_at), g.supports DESC, g.weight DESC,
              g.object::text, g.evidence
     LIMIT %(most)s::int
"""


async def pieces(tx: ReadTx, *, employee: UUID, belief: UUID, at: datetime | None = None) -> list[Piece]:
    """Of the belief as it is held, or was at a moment: what counts, what is silent, and what was heard before; each by its time."""
    return await tx.fetch_all(Piece, PIECES, employee=employee, belief=belief, at=at, most=MOST)
