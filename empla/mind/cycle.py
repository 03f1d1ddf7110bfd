"""One cycle of one employee: take its turn, perceive, revise. Outside its working hours the employee rests."""

from dataclasses import dataclass
from datetime import datetime

from empla.bdi import beliefs
from empla.employees import hours, schedule
from empla.employees.schedule import Turn
from empla.errors import UsageError
from empla.mind import pipeline
from empla.mind.perceive import perceive
from empla.storage.database import Database
from empla.storage.tx import Caller


@dataclass(frozen=True, slots=True)
class CycleOutcome:
    """What one cycle did."""

    ran: bool = True
    perceived: int = 0
    revised: int = 0
    steps: int = 0
    next_cycle_at: datetime | None = None  # None when the turn was another's
    resting: bool = False  # the turn was the caller's, at a time when the employee does not work


async def run(
    database: Database,
    caller: Caller,
    *,
    fence: int | None = None,
    next_cycle_at: datetime | None = None,
    if_due: bool = False,
    regardless_of_hours: bool = False,
) -> CycleOutcome:
    """The employee has perceived all that happened, believes what follows from it, and is due again then (or after its interval).

    The caller names the employee. With the `fence` of a claim, the turn must be the claimer's still; without, it must be nobody's, and
    with `if_due` it must also be due: otherwise nothing was done. Taking the turn comes first, for it keeps two from running at once.
    A quiet cycle sends five messages: begin, take turn, perceive, evaluate, commit.
    """
    if caller.employee is None:
        raise UsageError("a cycle is an employee's: name it in the caller")
    async with database.work(caller) as tx:
        turn = await schedule.take_turn(
            tx, employee=caller.employee, fence=fence, next_cycle_at=next_cycle_at, if_due=if_due
        )
        if turn is None:
            return CycleOutcome(ran=False)
        until = None if regardless_of_hours else _rests_until(turn, tx.now)
        if until is not None:
            await schedule.rest(tx, employee=turn.employee_id, fence=turn.fence, until=until)
            return CycleOutcome(ran=False, next_cycle_at=until, resting=True)
        percepts = await perceive(tx, employee=turn.employee_id)
        revised = 0
        if turn.role == "sales_ae":
            revised += len(await beliefs.observe_many(tx, employee=turn.employee_id, news=pipeline.records(percepts)))
            revised += len(await pipeline.evaluate(tx, employee=turn.employee_id, percepts=percepts))
        if turn.failures:  # which are over with this one
            await schedule.end_turn(tx, employee=turn.employee_id, fence=turn.fence)
    return CycleOutcome(perceived=len(percepts), revised=revised, next_cycle_at=turn.next_cycle_at)


def _rests_until(turn: Turn, now: datetime) -> datetime | None:
    """When its next shift begins; None when it works now."""
    working_hours = turn.config.working_hours
    if working_hours is None:
        return None
    start = hours.next_start(working_hours, now)
    return None if start == now else start
