"""What people ask of an employee: a goal is wanted from now on, or no more; a plan is called off. Its next cycle is due at once."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from empla.bdi import goals, intentions
from empla.bdi.goals import Goal
from empla.bdi.intentions import Ending, Intention
from empla.bdi.shapes import Comparator, GoalConditions, GoalType, Measure, Target
from empla.bdi.states import LIVE_INTENTIONS
from empla.clock import as_utc, moment
from empla.durations import duration
from empla.effects import notices
from empla.employees import schedule
from empla.errors import ConflictError, ForbiddenError, InvalidError, UsageError
from empla.storage.tx import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A goal, as a person says it: a metric, and the number that it shall have, reach, keep or never pass."""

    metric: str
    goal_type: GoalType = "achievement"
    at_least: float | None = None
    at_most: float | None = None
    value: float | None = None  # with a comparator; by the type when there is none: ≥, or ≤ for prevention
    comparator: Comparator | None = None
    restore: float | None = None
    deadline: datetime | str | None = None  # a moment, or how long from now: "2 weeks"
    window: str | None = None
    measure: Measure | None = None
    description: str | None = None
    importance: float = 0.5  # 0..1
    key: str | None = None
    parent: UUID | None = None
    creation: JsonValue = None
    context: JsonValue = None
    drop: JsonValue = None
    recur_after: str | None = None

    def target(self, now: datetime) -> Target:
        """What the goal wants. Raises `UsageError` for no number or several, `InvalidError` for what the shape refuses."""
        fields: dict[str, JsonValue] = {
            "metric": self.metric.strip(),
            "value" if self.goal_type == "achievement" else "threshold": self._number(),
            "comparator": self._sign(),
            "restore": self.restore,
            "deadline": self._deadline(now),
            "window": self.window,
            "measure": self.measure,
        }
        return Target.parse({name: value for name, value in fields.items() if value is not None})

    def conditions(self) -> GoalConditions:
        """When it begins, rests and ends by itself."""
        fields: dict[str, JsonValue] = {
            "creation": self.creation,
            "context": self.context,
            "drop": self.drop,
            "recur_after": self.recur_after,
        }
        return GoalConditions.parse({name: value for name, value in fields.items() if value is not None})

    def _number(self) -> float:
        said = [number for number in (self.at_least, self.at_most, self.value) if number is not None]
        if len(said) != 1:
            raise UsageError("a goal wants one number: at least, at most, or a value with its comparator")
        if self.comparator is not None and self.value is None:
            raise UsageError(f"the comparator {self.comparator} needs a value")
        return said[0]

    def _sign(self) -> Comparator | None:
        if self.at_least is not None:
            return ">="
        return "<=" if self.at_most is not None else self.comparator

    def _deadline(self, now: datetime) -> str | None:
        if self.deadline is None:
            return None
        due = (
            as_utc(self.deadline, what="a deadline")
            if isinstance(self.deadline, datetime)
            else _due(self.deadline, now)
        )
        if due <= now:
            raise InvalidError(f"the deadline {due:%Y-%m-%d %H:%M} UTC has passed already")
        return due.isoformat()


def _due(text: str, now: datetime) -> datetime:
    """A date, a moment, or how long from now."""
    try:
        return now + duration(text)
    except InvalidError:
        pass
    try:
        return moment(text)
    except InvalidError:
        raise InvalidError(
            f'a deadline is a date, a time with its zone, or a span such as "2 weeks", not {text!r}'
        ) from None


async def want(tx: Tx, *, employee: UUID, wanted: Wanted) -> Goal:
    """The employee wants it from now on, and its next cycle is due. Raises what `goals.adopt` does, and `UsageError`."""
    target = wanted.target(tx.now)
    sign = target.comparator_for(wanted.goal_type)
    goal = await goals.adopt(
        tx,
        employee=employee,
        goal_type=wanted.goal_type,
        description=wanted.description or f"{target.metric} {sign} {target.number:g}",
        target=target,
        importance=wanted.importance,
        key=wanted.key,
        parent=wanted.parent,
        conditions=wanted.conditions(),
    )
    await schedule.wake(tx, employees=[employee], at=tx.now)
    return goal


async def reweigh(tx: Tx, *, goal: Goal, importance: float | None = None, description: str | None = None) -> Goal:
    """As `goals.change`; the employee looks in its next cycle, which is due now, what it does first."""
    changed = await goals.change(tx, goal=goal, importance=importance, description=description)
    await schedule.wake(tx, employees=[goal.employee_id], at=tx.now)
    return changed


async def give_up(tx: Tx, *, goal: UUID, reason: str) -> Goal:
    """It is wanted no more: what it had asked people has lapsed; its plans end in the employee's next cycle, which is due now.

    Returns the goal as it was. Raises `ConflictError` for one that is over, `NotFoundError`, `ForbiddenError`, and `InvalidError`
    without a reason.
    """
    if not reason.strip():
        raise InvalidError("giving up a goal needs a reason")
    as_it_was = await goals.get(tx, goal=goal)
    await goals.drop(tx, goal=goal, reason=reason.strip())
    await notices.lapse(tx, employee=as_it_was.employee_id, goals=[goal], intentions=[])
    await schedule.wake(tx, employees=[as_it_was.employee_id], at=tx.now)
    return as_it_was


async def call_off(tx: Tx, *, employee: UUID, intention: UUID, reason: str) -> Intention:
    """A plan is not carried on, nor what was pursued for it: what it had asked people has lapsed, what it had not sent is withdrawn.

    What it served may be pursued anew in the employee's next cycle, which is due now. Returns the intention as it is then. Raises
    `ConflictError` for one that has ended, `NotFoundError`, `ForbiddenError`, and `InvalidError` without a reason.
    """
    if not reason.strip():
        raise InvalidError("calling off a plan needs a reason")
    ending = Ending(id=intention, status="abandoned", reason=reason.strip())
    ended = await intentions.end(tx, employee=employee, endings=[ending])
    found = await intentions.get(tx, employee=employee, intention=intention)
    if not any(over.id == intention for over in ended):
        if found.status in LIVE_INTENTIONS:
            raise ForbiddenError("the caller's role does not allow this")
        raise ConflictError(f"this intention is {found.status} already")
    await notices.lapse(tx, employee=employee, goals=[], intentions=[over.id for over in ended])
    await schedule.wake(tx, employees=[employee], at=tx.now)
    return found
