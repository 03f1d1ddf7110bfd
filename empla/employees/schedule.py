"""When each employee runs next, in its tenant's time."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.errors import NotFoundError
from empla.storage.tx import ReadTx, Tx


class Turn(BaseModel):
    """One employee's place in the schedule."""

    model_config = ConfigDict(frozen=True)

    employee_id: UUID
    next_cycle_at: datetime
    last_cycle_at: datetime | None


TURNS: LiteralString = """
    SELECT employee_id, next_cycle_at, last_cycle_at
      FROM employee_schedule WHERE tenant_id = %(tenant)s::uuid ORDER BY next_cycle_at, employee_id
"""


async def turns(tx: ReadTx) -> list[Turn]:
    """Everybody's next cycle, soonest first."""
    return await tx.fetch_all(Turn, TURNS)


RESCHEDULE: LiteralString = """
    UPDATE employee_schedule SET last_cycle_at = %(now)s::timestamptz, next_cycle_at = %(next)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
       AND (NOT %(if_due)s::boolean OR next_cycle_at <= %(now)s::timestamptz)
"""


async def reschedule(tx: Tx, *, employee: UUID, next_cycle_at: datetime, if_due: bool = False) -> bool:
    """The employee's cycle belongs to this transaction, and the next is due then; False when `if_due`, and none was due.

    Whoever else asks for it waits for this transaction to end. Raises `NotFoundError` for one that is not scheduled.
    """
    changed = await tx.execute(RESCHEDULE, employee=employee, next=next_cycle_at, now=tx.now, if_due=if_due)
    if not changed and not if_due:
        raise NotFoundError("this employee is not scheduled")
    return changed > 0
