"""One cycle of one employee: perceive, revise, evaluate, look; deliberate when something happened, act a step at a time, reflect.

The first transaction takes the turn and ends with what was decided; each step is one of its own, and all of them check the fence.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from empla.bdi import beliefs
from empla.bdi.intentions import Ended
from empla.employees import hours, schedule
from empla.employees.schedule import Turn
from empla.errors import UsageError
from empla.memory import working
from empla.mind import pipeline
from empla.mind.act import Acted, act
from empla.mind.circumstance import Circumstance, look
from empla.mind.deliberate import Deliberation, deliberate
from empla.mind.deliver import Delivered, deliver
from empla.mind.mail_notices import mail_notices
from empla.mind.perceive import perceive, set_aside
from empla.mind.rotation import DEFAULT_CONCURRENT_TASKS, next_step
from empla.observability import metrics
from empla.observability.metrics import Sample, counter, gauge, histogram
from empla.storage.database import Database
from empla.storage.tx import Caller, Tx


@dataclass(frozen=True, slots=True)
class CycleOutcome:
    """What one cycle did."""

    ran: bool = True
    perceived: int = 0
    revised: int = 0
    goals_moved: int = 0
    plans_adopted: int = 0
    plans_ended: int = 0
    steps: int = 0
    effects_moved: int = 0  # on their way out: sent, put off, given up
    next_cycle_at: datetime | None = None  # None when the turn was another's
    resting: bool = False  # the turn was the caller's, at a time when the employee does not work


@dataclass(slots=True)
class _Cycle:
    """One cycle as it goes."""

    turn: Turn
    perceived: int = 0
    revised: int = 0
    deliberation: Deliberation = field(default_factory=Deliberation)
    goes_on: bool = False  # beyond its first transaction
    wakes_at: datetime | None = None  # when something comes due before the next turn
    again_at: datetime | None = None  # at once, when it did something
    circumstance: Circumstance | None = None  # when something is on its way out
    delivered: list[Delivered] = field(default_factory=list[Delivered])
    acted: list[Acted] = field(default_factory=list[Acted])

    @property
    def ended(self) -> list[Ended]:
        """The plans that ended in it, by a step or without one."""
        return [*self.deliberation.ended, *(over for acted in self.acted for over in acted.ended)]

    def outcome(self) -> CycleOutcome:
        """What it did, and when the employee is due again."""
        moments = (self.turn.next_cycle_at, self.wakes_at, self.again_at)
        return CycleOutcome(
            perceived=self.perceived,
            revised=self.revised,
            goals_moved=len(self.deliberation.goals_moved),
            plans_adopted=len(self.deliberation.adopted),
            plans_ended=len(self.ended),
            steps=len(self.acted),
            effects_moved=len(self.delivered),
            next_cycle_at=min(moment for moment in moments if moment is not None),
        )


async def run(
    database: Database,
    caller: Caller,
    *,
    fence: int | None = None,
    next_cycle_at: datetime | None = None,
    if_due: bool = False,
    regardless_of_hours: bool = False,
) -> CycleOutcome:
    """The employee has perceived all that happened, believes what follows, and has done a step of what it intends.

    It is due again then (or after its interval), and at once when it did something. The caller names the employee. With the `fence` of a
    claim, the turn must be the claimer's still; without, it must be nobody's, and with `if_due` it must also be due: otherwise nothing was
    done. A quiet cycle sends six messages: begin, take turn, perceive, evaluate, look, commit. Raises `TurnLostError` when the turn was
    taken over after it had begun: what was committed by then stands, and nothing else was written.
    """
    if caller.employee is None:
        raise UsageError("a cycle is an employee's: name it in the caller")
    began = time.perf_counter()
    lease = timedelta(seconds=database.settings.worker_lease)
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
        cycle = await _think(tx, turn)
        if cycle.wakes_at is not None:
            await schedule.wake(tx, employees=[turn.employee_id], at=cycle.wakes_at)
        if cycle.goes_on:
            await schedule.keep_turn(tx, employee=turn.employee_id, fence=turn.fence, lease=lease)
    if cycle.goes_on:
        if cycle.circumstance is not None:
            cycle.delivered = await deliver(database, caller, turn, cycle.circumstance, lease=lease)
            if cycle.circumstance.has_notices_to_mail:
                await mail_notices(database, caller, turn, lease=lease)
        cycle.acted = await _act(database, caller, turn, lease)
        async with database.work(caller) as tx:
            await _reflect(tx, turn, cycle, seconds=time.perf_counter() - began)
    return cycle.outcome()


async def _think(tx: Tx, turn: Turn) -> _Cycle:
    """Perceive, revise, evaluate, look, and deliberate when something happened."""
    cycle = _Cycle(turn)
    employee = turn.employee_id
    percepts = await perceive(tx, employee=employee)
    cycle.perceived = len(percepts)
    if turn.role == "sales_ae":
        records = pipeline.records(percepts)
        await set_aside(tx, employee=employee, faults=records.faults)
        cycle.revised += len(await beliefs.observe_many(tx, employee=employee, news=records.news))
        cycle.revised += len(await pipeline.evaluate(tx, employee=employee, percepts=percepts))
    circumstance = await look(tx, employee=employee, kinds=(percept.kind for percept in percepts))
    if circumstance.items_in_hand:
        await working.clear(tx, employee=employee)
    cycle.deliberation = await deliberate(tx, turn=turn, circumstance=circumstance, percepts=percepts)
    at_once = turn.config.max_concurrent_tasks or DEFAULT_CONCURRENT_TASKS
    moments = (circumstance.wakes_at(), cycle.deliberation.wakes_at(circumstance.seen_at))
    wakes_at = min((moment for moment in moments if moment is not None), default=None)
    cycle.wakes_at = None if wakes_at is None or wakes_at >= turn.next_cycle_at else wakes_at
    has_work = bool(cycle.deliberation.adopted) or next_step(circumstance, served=(), at_once=at_once) is not None
    if circumstance.due_effects or circumstance.has_left_budget or circumstance.has_notices_to_mail:
        cycle.circumstance = circumstance
    cycle.goes_on = cycle.circumstance is not None or has_work or not cycle.deliberation.is_quiet or turn.failures > 0
    return cycle


async def _act(database: Database, caller: Caller, turn: Turn, lease: timedelta) -> list[Acted]:
    """A step of each of at most `max_concurrent_tasks` intentions, one transaction each."""
    acted: list[Acted] = []
    served: set[UUID] = set()
    while len(acted) < (turn.config.max_concurrent_tasks or DEFAULT_CONCURRENT_TASKS):
        done = await act(database, caller, turn, served=served, lease=lease)
        if done is None:
            break
        acted.append(done)
        served.add(done.intention)
    return acted


async def _reflect(tx: Tx, turn: Turn, cycle: _Cycle, *, seconds: float) -> None:
    """The turn is given back, at once due again when something was done or has ended, and the cycle is measured."""
    has_left = any(delivered.status not in {"waits", "approved"} for delivered in cycle.delivered)
    if cycle.acted or has_left or cycle.deliberation.steps or cycle.deliberation.ended:
        cycle.again_at = tx.now
    await schedule.end_turn(tx, employee=turn.employee_id, fence=turn.fence, next_cycle_at=cycle.again_at)
    await metrics.write(tx, employee=turn.employee_id, samples=_samples(cycle, seconds))


def _samples(cycle: _Cycle, seconds: float) -> Sequence[Sample]:
    found = [counter("cycles", 1), histogram("cycle_seconds", [seconds])]
    if cycle.perceived:
        found.append(counter("percepts", cycle.perceived))
    if cycle.revised:
        found.append(counter("beliefs_revised", cycle.revised))
    found += [counter("steps", 1, action=acted.action, status=acted.change.status) for acted in cycle.acted]
    found += [counter("effects", 1, status=delivered.status) for delivered in cycle.delivered]
    found += [counter("plans_ended", 1, plan=ended.plan_key, status=ended.status) for ended in cycle.ended]
    for change in cycle.deliberation.goals_moved:
        value = change.current_progress.value
        if value is not None:
            found.append(gauge("goal_value", value, goal=str(change.id), state=change.current_progress.state))
    return found


def _rests_until(turn: Turn, now: datetime) -> datetime | None:
    """When its next shift begins; None when it works now."""
    working_hours = turn.config.working_hours
    if working_hours is None:
        return None
    start = hours.next_start(working_hours, now)
    return None if start == now else start
