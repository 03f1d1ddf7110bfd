"""What a belief was inferred from, and what was inferred from it: the supports, now or at a moment of the past."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.bdi.confidence import Source
from empla.storage.tx import ReadTx

DEPTH = 5  # how far down is looked
MOST = 200  # supports that one answer holds


class Support(BaseModel):
    """One belief that another rests on, or that rests on it."""

    model_config = ConfigDict(frozen=True)

    depth: int  # 1: directly
    of: UUID  # the belief that rests on it, or that it rests on
    id: UUID
    subject: str
    predicate: str
    object: JsonValue
    source: Source
    confidence: float  # effective, at the moment of asking


BELOW: LiteralString = """
    WITH RECURSIVE below (depth, of, id) AS (
        SELECT 1, s.belief_id, s.rests_on
          FROM belief_supports s
         WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid AND s.belief_id = %(belief)s::uuid
         UNION
        SELECT u.depth + 1, s.belief_id, s.rests_on
          FROM below u
          JOIN belief_supports s ON s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid AND s.belief_id = u.id
         WHERE u.depth < %(depth)s::int
    )
    SELECT u.depth, u.of, b.id, b.subject, b.predicate, b.object, b.source,
           at_most_its_supports(effective_confidence(b.confidence, b.decay_rate, b.decay_model, b.last_updated_at, %(now)s::timestamptz),
                                b.tenant_id, b.employee_id, b.source, b.grounds, b.object, %(now)s::timestamptz) AS confidence
      FROM below u JOIN beliefs b ON b.tenant_id = %(tenant)s::uuid AND b.employee_id = %(employee)s::uuid AND b.id = u.id
     ORDER BY u.depth, b.subject, b.predicate, u.of LIMIT %(most)s::int
"""
# History has what each belief's grounds rested on; what had changed by then carried it no more.
BELOW_AT: LiteralString = """
    WITH RECURSIVE below (depth, of, id, subject, predicate, object, source, grounds, own) AS (
        SELECT 1, d.belief_id, h.belief_id, h.subject, h.predicate, h.new_value, h.source, h.grounds,
               effective_confidence(h.new_confidence, h.decay_rate, h.decay_model, h.evidence_at, %(at)s::timestamptz)
          FROM told(%(tenant)s::uuid, %(employee)s::uuid, %(belief)s::uuid, %(at)s::timestamptz) d
         CROSS JOIN LATERAL resting(d.grounds, d.new_value) r
         CROSS JOIN LATERAL told(%(tenant)s::uuid, %(employee)s::uuid, r.id, %(at)s::timestamptz) h
         WHERE fingerprint(h.new_value) = r.said
         UNION
        SELECT u.depth + 1, u.id, h.belief_id, h.subject, h.predicate, h.new_value, h.source, h.grounds,
               effective_confidence(h.new_confidence, h.decay_rate, h.decay_model, h.evidence_at, %(at)s::timestamptz)
          FROM below u
         CROSS JOIN LATERAL resting(u.grounds, u.object) r
         CROSS JOIN LATERAL told(%(tenant)s::uuid, %(employee)s::uuid, r.id, %(at)s::timestamptz) h
         WHERE u.depth < %(depth)s::int AND fingerprint(h.new_value) = r.said
    )
    SELECT u.depth, u.of, u.id, u.subject, u.predicate, u.object, u.source,
           at_most_its_supports_then(u.own, %(tenant)s::uuid, %(employee)s::uuid, u.source, u.grounds, u.object, %(at)s::timestamptz)
               AS confidence
      FROM below u ORDER BY u.depth, u.subject, u.predicate, u.of LIMIT %(most)s::int
"""


async def below(tx: ReadTx, *, employee: UUID, belief: UUID, at: datetime | None = None) -> list[Support]:
    """What the belief rests on, and what that rests on, to a depth of five, the nearest first."""
    if at is None:
        return await tx.fetch_all(Support, BELOW, employee=employee, belief=belief, depth=DEPTH, most=MOST, now=tx.now)
    return await tx.fetch_all(Support, BELOW_AT, employee=employee, belief=belief, depth=DEPTH, most=MOST, at=at)


ABOVE: LiteralString = """
    SELECT 1 AS depth, s.rests_on AS of, b.id, b.subject, b.predicate, b.object, b.source,
           at_most_its_supports(effective_confidence(b.confidence, b.decay_rate, b.decay_model, b.last_updated_at, %(now)s::timestamptz),
                                b.tenant_id, b.employee_id, b.source, b.grounds, b.object, %(now)s::timestamptz) AS confidence
      FROM belief_supports s
      JOIN beliefs b ON b.tenant_id = s.tenant_id AND b.employee_id = %(employee)s::uuid AND b.id = s.belief_id
     WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid AND s.rests_on = %(belief)s::uuid
     ORDER BY b.subject, b.predicate LIMIT %(most)s::int
"""
ABOVE_AT: LiteralString = """
    SELECT 1 AS depth, b.belief_id AS of, d.belief_id AS id, d.subject, d.predicate, d.new_value AS object, d.source,
           at_most_its_supports_then(
               effective_confidence(d.new_confidence, d.decay_rate, d.decay_model, d.evidence_at, %(at)s::timestamptz),
               %(tenant)s::uuid, %(employee)s::uuid, d.source, d.grounds, d.new_value, %(at)s::timestamptz) AS confidence
      FROM (SELECT DISTINCT ON (h.subject, h.predicate) h.*
              FROM belief_history h
             WHERE h.tenant_id = %(tenant)s::uuid AND h.employee_id = %(employee)s::uuid AND h.changed_at <= %(at)s::timestamptz
               AND h.change_type NOT IN ('late', 'contradicted')
             ORDER BY h.subject, h.predicate, h.changed_at DESC, h.id DESC) d
     CROSS JOIN LATERAL resting(d.grounds, d.new_value) r
      JOIN told(%(tenant)s::uuid, %(employee)s::uuid, %(belief)s::uuid, %(at)s::timestamptz) b
        ON b.belief_id = r.id AND fingerprint(b.new_value) = r.said
     WHERE d.change_type NOT IN ('deleted', 'decayed') AND d.grounds @? '$[*].rests_on'
     ORDER BY d.subject, d.predicate LIMIT %(most)s::int
"""


async def above(tx: ReadTx, *, employee: UUID, belief: UUID, at: datetime | None = None) -> list[Support]:
    """What rests on the belief directly, by subject and predicate."""
    if at is None:
        return await tx.fetch_all(Support, ABOVE, employee=employee, belief=belief, most=MOST, now=tx.now)
    return await tx.fetch_all(Support, ABOVE_AT, employee=employee, belief=belief, most=MOST, at=at)
