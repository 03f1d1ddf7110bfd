"""How much an employee remembers, of each kind, and how far it is indexed."""

from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.storage.tx import ReadTx


class Census(BaseModel):
    """One employee's memories, counted."""

    model_config = ConfigDict(frozen=True)

    episodes: int
    facts: int
    procedures: int
    in_hand: int
    words: int  # different ones
    uncounted: int
    unembedded: int
    model_name: str | None  # by which they are compared


CENSUS: LiteralString = """
    SELECT count(*) FILTER (WHERE kind = 'episode') AS episodes, count(*) FILTER (WHERE kind = 'fact') AS facts,
           count(*) FILTER (WHERE kind = 'procedure') AS procedures, count(*) FILTER (WHERE NOT is_counted) AS uncounted,
           count(*) FILTER (WHERE model IS NULL) AS unembedded,
           (SELECT count(*) FROM memory_working
             WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
               AND (expires_at IS NULL OR expires_at > %(now)s::timestamptz)) AS in_hand,
           (SELECT count(*) FROM memory_words
             WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND word > 0) AS words,
           (SELECT model_name FROM memory_spaces
             WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND is_current) AS model_name
      FROM memory_index WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
"""


async def census(tx: ReadTx, *, employee: UUID) -> Census:
    """What the caller may see of it."""
    [counted] = await tx.fetch_all(Census, CENSUS, employee=employee, now=tx.now)
    return counted
