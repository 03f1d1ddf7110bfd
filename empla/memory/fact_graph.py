"""Facts as a graph: whoever stands on either side of a fact is a node, and what is near a node is found in waves, each fact once."""

import unicodedata
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.errors import InvalidError
from empla.memory.fact_listing import a_name, check_confidence, check_limit
from empla.memory.semantic import Fact
from empla.storage.tx import ReadTx

MAX_DEPTH = 3
MAX_FAN_OUT = 100


class Neighbour(Fact):
    """A fact near a node."""

    distance: int  # 1: it is about the node itself
    path: list[UUID]  # the facts from the node to this one, which is the last


class Neighbourhood(BaseModel):
    """What is near a node, the nearest first, and of those the surest."""

    model_config = ConfigDict(frozen=True)

    of: str
    facts: list[Neighbour]

    def walk(self, to: Neighbour) -> str:
        """The way from the node to a fact: `Acme ←works at– Jane –knows→ Bob`."""
        by_id = {fact.id: fact for fact in self.facts}
        here, words = self.of, [self.of]
        for fact in (by_id[step] for step in to.path):
            onwards = _key(fact.subject) == _key(here)
            here = fact.object if onwards else fact.subject
            words.append(f"–{fact.predicate}→ {here}" if onwards else f"←{fact.predicate}– {here}")
        return " ".join(words)


def _key(name: str) -> str:
    """Equal for spellings of one node, as the database sees it (`name_key`)."""
    return unicodedata.normalize("NFC", name.strip(" ")).lower()


# A wave goes out from the nodes that the one before reached, by the freshest facts of each, and brings those that none has found: so
# circles end, and what it carries holds at most `limit` facts. A fact that leads from a node to itself stands in both indexes, hence the
# second condition on the object's side.
NEIGHBOURHOOD: LiteralString = """
    WITH RECURSIVE wave (distance, frontier, found, reached) AS (
        SELECT 0, jsonb_build_array(jsonb_build_object('node', k.node, 'path', '[]'::jsonb)), '{}'::uuid[], '[]'::jsonb
          FROM name_key(%(of)s::text) k (node)
         UNION ALL
        SELECT w.distance + 1, n.frontier, w.found || n.facts, n.reached
          FROM wave w CROSS JOIN LATERAL (
            WITH fact AS (
                SELECT *
                  FROM (SELECT DISTINCT ON (e.id) e.id, e.far, e.reinforced_at, o.path || to_jsonb(e.id) AS path
                          FROM jsonb_to_recordset(w.frontier) o (node uuid, path jsonb)
                         CROSS JOIN LATERAL (
                            (SELECT f.id, f.object_key AS far, f.reinforced_at
                               FROM memory_semantic f
                              WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = %(employee)s::uuid AND f.subject_key = o.node
                                AND f.deleted_at IS NULL AND NOT f.disputed
                                AND effective_confidence(f.confidence, f.decay_rate, 'linear', f.reinforced_at, %(now)s::timestamptz)
                                    >= %(min_confidence)s::float8
                              ORDER BY f.reinforced_at DESC, f.id DESC LIMIT %(fan_out)s::int)
                             UNION ALL
                            (SELECT f.id, f.subject_key, f.reinforced_at
                               FROM memory_semantic f
                              WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = %(employee)s::uuid AND f.object_key = o.node
                                AND f.subject_key <> o.node AND f.deleted_at IS NULL AND NOT f.disputed
                                AND effective_confidence(f.confidence, f.decay_rate, 'linear', f.reinforced_at, %(now)s::timestamptz)
                                    >= %(min_confidence)s::float8
                              ORDER BY f.reinforced_at DESC, f.id DESC LIMIT %(fan_out)s::int)
                             ORDER BY reinforced_at DESC, id DESC LIMIT %(fan_out)s::int) e
                         WHERE e.id <> ALL (w.found)
                         ORDER BY e.id, o.path) once
                 ORDER BY reinforced_at DESC, id DESC LIMIT %(limit)s::int - cardinality(w.found)
            ), node AS (
                SELECT DISTINCT ON (far) far, path FROM fact ORDER BY far, reinforced_at DESC, id DESC
            )
            SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('node', far, 'path', path)), '[]') FROM node) AS frontier,
                   ARRAY(SELECT id FROM fact) AS facts,
                   (SELECT coalesce(jsonb_agg(jsonb_build_object('fact', id, 'path', path)), '[]') FROM fact) AS reached) n
         WHERE w.distance < %(depth)s::int AND w.frontier <> '[]' AND cardinality(w.found) < %(limit)s::int
    )
    SELECT f.id, f.employee_id, f.fact_type, f.subject, f.predicate, f.object,
           effective_confidence(f.confidence, f.decay_rate, 'linear', f.reinforced_at, %(now)s::timestamptz) AS confidence,
           f.confidence AS stored_confidence, f.decay_rate, f.reinforced_at, f.source, f.verified, f.disputed,
           f.created_at AS learned_at, f.deleted_at AS ended_at, f.ended, w.distance,
           ARRAY(SELECT step::uuid FROM jsonb_array_elements_text(r.path) WITH ORDINALITY p (step, place) ORDER BY place) AS path
      FROM wave w
     CROSS JOIN LATERAL jsonb_to_recordset(w.reached) r (fact uuid, path jsonb)
     CROSS JOIN LATERAL (SELECT *
                           FROM memory_semantic m
                          WHERE m.tenant_id = %(tenant)s::uuid AND m.employee_id = %(employee)s::uuid AND m.id = r.fact
                         OFFSET 0) f  -- one by one: a join would read all that the employee knows
     ORDER BY w.distance, 7 DESC, f.reinforced_at DESC, f.id DESC
"""


async def neighbourhood(
    tx: ReadTx,
    *,
    employee: UUID,
    of: str,
    depth: int = 2,
    fan_out: int = 25,
    limit: int = 100,
    min_confidence: float = 0.0,
) -> Neighbourhood:
    """The facts at most `depth` steps from a node, found breadth first over both directions; what is disputed leads nowhere.

    From each node go its `fan_out` freshest facts, and of a wave that has too many for `limit` the freshest are kept, so that a hub costs
    what they allow. Raises `InvalidError`.
    """
    if not 1 <= depth <= MAX_DEPTH:
        raise InvalidError(f"a depth is 1 to {MAX_DEPTH}, not {depth}")
    if not 1 <= fan_out <= MAX_FAN_OUT:
        raise InvalidError(f"a fan-out is 1 to {MAX_FAN_OUT}, not {fan_out}")
    check_limit(limit)
    check_confidence(min_confidence)
    node = a_name(of, what="node") or ""
    facts = await tx.fetch_all(
        Neighbour,
        NEIGHBOURHOOD,
        employee=employee,
        of=node,
        depth=depth,
        fan_out=fan_out,
        limit=limit,
        min_confidence=min_confidence,
        now=tx.now,
    )
    return Neighbourhood(of=node, facts=facts)
