"""One cycle of one employee: set the next one, perceive, revise; a single transaction under the worker role."""

from dataclasses import dataclass
from datetime import datetime

from empla.bdi import beliefs
from empla.employees import schedule
from empla.employees.employees import Employee
from empla.mind import pipeline
from empla.mind.perceive import perceive
from empla.storage.tx import Tx

# Between two cycles of an employee whose config does not say.
DEFAULT_INTERVAL_SECONDS = 300


@dataclass(frozen=True, slots=True)
class CycleOutcome:
    """What one cycle did."""

    perceived: int
    revised: int


async def run(tx: Tx, employee: Employee, *, next_cycle_at: datetime, by_hand: bool = False) -> CycleOutcome | None:
    """The employee has perceived all that happened, believes what follows from it, and is due again at `next_cycle_at`.

    The transaction was entered as the employee. None when no cycle is due, for another process has run it (`by_hand`,
    it need not be due). Rescheduling comes first: it keeps two processes from running one cycle. A quiet cycle sends
    five messages: begin, reschedule, perceive, evaluate, commit.
    """
    if not await schedule.reschedule(tx, employee=employee.id, next_cycle_at=next_cycle_at, by_hand=by_hand):
        return None
    percepts = await perceive(tx, employee=employee.id)
    revised = 0
    if employee.role == "sales_ae":
        revised += len(await beliefs.observe_many(tx, employee=employee.id, news=pipeline.records(percepts)))
        revised += len(await pipeline.evaluate(tx, employee=employee.id, percepts=percepts))
    return CycleOutcome(perceived=len(percepts), revised=revised)
