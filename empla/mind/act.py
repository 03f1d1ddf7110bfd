"""Acting is one step of one intention in one transaction: its condition, its action, and what follows from it for the plan."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from empla.bdi import intentions
from empla.bdi.intentions import Ended, Step, StepChange
from empla.conditions import Condition, View
from empla.durations import duration
from empla.employees import schedule
from empla.employees.schedule import Turn
from empla.errors import ConflictError, InvalidError, NotFoundError
from empla.memory import working
from empla.memory.actions import with_arguments
from empla.memory.shapes import WorkingContent
from empla.mind import attempts
from empla.mind.actions import PERFORM, Doing
from empla.mind.circumstance import Circumstance, LiveIntention, look
from empla.mind.commitment import Verdicts, after, conclusion, left_behind
from empla.mind.deliberate import apply
from empla.mind.plans import keys_of
from empla.mind.rotation import DEFAULT_CONCURRENT_TASKS, next_step
from empla.storage.database import Database
from empla.storage.tx import Caller, Tx

# What an action may be refused for; the attempt has failed then. Anything else is a defect, and ends the cycle aloud.
REFUSALS = (InvalidError, NotFoundError, ConflictError)


@dataclass(frozen=True, slots=True)
class Acted:
    """What one step came to."""

    intention: UUID
    action: str
    change: StepChange
    ended: list[Ended]  # intentions that ended with it


class _RefusedError(Exception):
    """An action was refused by the database or by a rule: its transaction is undone, and the failure written in another."""

    def __init__(self, intention: LiveIntention, step: Step, reason: str) -> None:
        super().__init__(reason)
        self.intention, self.step, self.reason = intention, step, reason


async def act(
    database: Database, caller: Caller, turn: Turn, *, served: Collection[UUID], lease: timedelta
) -> Acted | None:
    """One ready step of an intention that was not served yet has run; None when there is none. Raises `TurnLostError`.

    Whatever the step did and what became of it are committed together, so a killed process has done all of it or nothing.
    """
    try:
        async with database.work(caller) as tx:
            return await _step(tx, turn, served=served, lease=lease)
    except _RefusedError as refused:
        async with database.work(caller) as tx:
            await schedule.keep_turn(tx, employee=turn.employee_id, fence=turn.fence, lease=lease)
            circumstance = await look(tx, employee=turn.employee_id)
            await _begin(tx, turn, refused.intention)
            change = attempts.failed(refused.step, refused.reason, now=tx.now)
            return await _write(tx, turn, circumstance, refused.intention, change)


async def _step(tx: Tx, turn: Turn, *, served: Collection[UUID], lease: timedelta) -> Acted | None:
    await schedule.keep_turn(tx, employee=turn.employee_id, fence=turn.fence, lease=lease)
    circumstance = await look(tx, employee=turn.employee_id)
    at_once = turn.config.max_concurrent_tasks or DEFAULT_CONCURRENT_TASKS
    chosen = next_step(circumstance, served=served, at_once=at_once)
    if chosen is None:
        return None
    intention, step = chosen
    await _begin(tx, turn, intention)
    await _take_in_hand(tx, turn, intention, step)
    change = await _attempt(tx, turn, circumstance, intention, step)
    return await _write(tx, turn, circumstance, intention, change)


async def _begin(tx: Tx, turn: Turn, intention: LiveIntention) -> None:
    """An intention is in progress from its first step on, and its time runs from then."""
    if intention.status == "planned":
        timeframe = intention.plan.timeframe
        deadline = tx.now + duration(timeframe) if timeframe else None
        await intentions.start(tx, employee=turn.employee_id, intention=intention.id, deadline=deadline)


async def _take_in_hand(tx: Tx, turn: Turn, intention: LiveIntention, step: Step) -> None:
    """Working memory holds what the employee is at."""
    content: Any = {
        "task": step.action,
        "context": {"intention": str(intention.id), "plan": intention.plan_key, "for": intention.description[:500]},
        "progress": {"step": step.position, "attempt": step.attempts + 1},
    }
    await working.hold(
        tx,
        employee=turn.employee_id,
        context_type="current_task",
        content=WorkingContent.parse(content),
        priority=intention.priority,
    )


async def _attempt(tx: Tx, turn: Turn, circumstance: Circumstance, intention: LiveIntention, step: Step) -> StepChange:
    """The step's condition and capability are looked at, then its action runs, then its criteria."""
    view = circumstance.view_of(intention)
    condition = step.definition.get("if")
    if condition is not None:
        judged = Condition.parse(condition, what="if").judge(view)
        if not judged.holds:
            return attempts.skipped(step, "; ".join(judged.notes) or f"{condition} does not hold")
    if step.capability is not None and step.capability not in turn.capabilities:
        refused = step.model_copy(update={"max_attempts": 1})  # trying again would not give it
        return attempts.failed(refused, f"the employee lacks the capability {step.capability}", now=tx.now)
    doing = Doing(tx, turn, intention, step, with_arguments(view, step.definition), _is_tainted(intention, step, view))
    try:
        change = await PERFORM[step.action](doing)
    except REFUSALS as error:
        raise _RefusedError(intention, step, str(error)) from error
    criteria = step.definition.get("criteria")
    if change.status == "completed" and criteria is not None and step.action not in {"decide", "await"}:
        judged = Condition.parse(criteria, what="criteria").judge(view)
        if not judged.holds:
            done = step.model_copy(update={"result": change.result})  # what it made stays, and is not made again
            return attempts.failed(done, f"done, but {criteria} does not hold", now=tx.now)
    return change


def _is_tainted(intention: LiveIntention, step: Step, view: View) -> bool:
    """What came from outside called for the plan, or is what this step looks at."""
    looked_at = (view.beliefs.get(key) for key in keys_of(step.definition, view.bindings))
    return intention.tainted or any(known is not None and known.tainted for known in looked_at)


async def _write(tx: Tx, turn: Turn, circumstance: Circumstance, intention: LiveIntention, change: StepChange) -> Acted:
    """The step is as it is now, its intention and goal were served, and a plan that has come to its end has ended."""
    steps = after(circumstance.steps_by_intention[intention.id], [change])
    lost = left_behind(intention, steps)
    steps = after(steps, lost)
    ending = conclusion(intention, steps, circumstance.view_of(intention, steps))
    verdicts = Verdicts(steps=[change, *lost], endings=[] if ending is None else [ending])
    ended = await apply(tx, employee=turn.employee_id, verdicts=verdicts)
    await intentions.served(tx, employee=turn.employee_id, intention=intention.id)
    action = next(step.action for step in steps if step.position == change.position)
    return Acted(intention=intention.id, action=action, change=change, ended=ended)
