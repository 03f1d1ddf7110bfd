"""An employee that infers from what it believes, in single sentences."""

from typing import Any, LiteralString

from believer import Believer
from pydantic import BaseModel, JsonValue

from empla.bdi import beliefs
from empla.bdi.beliefs import Belief

EDGES: LiteralString = """
    SELECT d.subject, b.subject AS on_subject
      FROM belief_supports s
      JOIN beliefs d ON d.tenant_id = s.tenant_id AND d.employee_id = s.employee_id AND d.id = s.belief_id
      JOIN beliefs b ON b.tenant_id = s.tenant_id AND b.employee_id = s.employee_id AND b.id = s.rests_on
     WHERE s.tenant_id = %(tenant)s::uuid ORDER BY 1, 2
"""


class Edge(BaseModel):
    subject: str
    on_subject: str


async def infers(jordan: Believer, about: str, *on: Belief, value: JsonValue = "yes", **more: Any) -> Belief:
    """Jordan infers that it is so, from these beliefs."""
    return await jordan.hears(
        value, about, "is", source="inference", rests_on=tuple(belief.id for belief in on), **more
    )


async def sees(jordan: Believer, about: str, value: JsonValue = "yes", **more: Any) -> Belief:
    return await jordan.hears(value, about, "is", **more)


async def held(jordan: Believer) -> list[str]:
    async with jordan.database.read(jordan.caller) as tx:
        return [belief.subject for belief in await beliefs.held(tx, employee=jordan.employee)]


async def edges(jordan: Believer) -> list[tuple[str, str]]:
    async with jordan.database.read(jordan.caller) as tx:
        return [(edge.subject, edge.on_subject) for edge in await tx.fetch_all(Edge, EDGES)]
