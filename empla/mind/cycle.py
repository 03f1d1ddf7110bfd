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

    perceived: int = 0
    revised: int = 0
    ran: bool = True


async def run(tx: Tx, employee: Employee, *, next_cycle_at: datetime, if_due: bool = False) -> CycleOutcome:
    """The employee has perceived all that happened, believes what follows from it, and is due again at `next_cycle_at`.

    The transaction was entered as the employee. With `if_due`, a cycle that another process has run is not run again. Rescheduling
    comes first, for it keeps two from running at once. A quiet cycle sends five messages: begin, reschedule, perceive, evaluate, commit.
    """
    if not await schedule.reschedule(tx, employee=employee.id, next_cycle_at=next_cycle_at, if_due=if_due):
        return CycleOutcome(ran=False)
    percepts = await perceive(tx, employee=employee.id)
    revised = 0
    if employee.role == "sales_ae":
        revised += len(await beliefs.observe_many(tx, employee=employee.id, news=pipeline.records(percepts)))
        revised += len(await pipeline.evaluate(tx, employee=employee.id, percepts=percepts))
    return CycleOutcome(perceived=len(percepts), revised=revised)
