"""How a goal stands, from what is believed: met, violated or unknown, and what follows for its status. Pure: nothing is read or written.

achievement: done when it is met. maintenance: kept, and restored when violated, never completed. prevention: as maintenance, completed
at its deadline when it was never violated. Unknown is neither met nor violated.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from empla.bdi.goals import Change, Goal
from empla.bdi.priority import Pressure, days_between, deadline_urgency, pace_urgency
from empla.bdi.shapes import Comparator, Progress, ProgressState
from empla.bdi.states import GoalStatus
from empla.shapes import read_moment

_COMPARE: Mapping[Comparator, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Metric:
    """What is believed about a goal's metric now: a number, or why there is none."""

    value: float | None = None
    note: str | None = None  # why it is unknown


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a goal's conditions stand. A goal that states none began, is in its context, and is not to be dropped."""

    creation: bool = True
    context: bool = True
    drop: bool = False


def state_of(goal: Goal, metric: Metric) -> ProgressState:
    """Met, violated or unknown; a state that was violated is met again only from its restore value on (hysteresis)."""
    if metric.value is None:
        return "unknown"
    target = goal.target
    compare = _COMPARE[target.comparator_for(goal.goal_type)]
    is_restoring = goal.current_progress.known_state == "violated" and target.restore is not None
    wanted = target.restore if is_restoring and target.restore is not None else target.number
    return "met" if compare(metric.value, wanted) else "violated"


def assess(goal: Goal, *, metric: Metric, conditions: Conditions, now: datetime) -> Change | None:
    """What is different about a live goal; None when nothing is. Continuous inputs count when they move the priority."""
    if _is_latent(goal) and not conditions.creation and not conditions.drop and not _is_over(goal, now):
        return None
    state = state_of(goal, metric)
    progress = _progress(goal, state, metric, now)
    status, reason, progress = _status(goal, progress, conditions, metric, now)
    fresh = state == "violated" and goal.current_progress.known_state != "violated"
    began = fresh or (_is_latent(goal) and status != "blocked")
    pressure = _pressure(goal, progress, status, now)
    change = Change(
        id=goal.id,
        status=status,
        current_progress=progress,
        priority=pressure.priority,
        priority_inputs=pressure.to_json(),
        reason=reason if status != goal.status or progress.state != goal.current_progress.state else goal.reason,
        trying_since=now if began else goal.trying_since,
        retry_at=None if began or status == "active" else goal.retry_at,
    )
    same = (status, progress, change.priority) == (goal.status, goal.current_progress, goal.priority)
    return None if same and change.retry_at == goal.retry_at else change


def _is_latent(goal: Goal) -> bool:
    return goal.status == "blocked" and goal.current_progress.blocked_by == "creation"


def _is_over(goal: Goal, now: datetime) -> bool:
    deadline = goal.target.deadline_at
    return deadline is not None and now > deadline


def _progress(goal: Goal, state: ProgressState, metric: Metric, now: datetime) -> Progress:
    before = goal.current_progress
    fields = before.to_json()
    fields["state"] = state
    if state != before.state:
        fields["since"] = now.isoformat()
    if metric.value is not None:
        fields["value"] = metric.value
        fields.setdefault("baseline", metric.value)
        fields["known_state"] = state
        fields.pop("note", None)
    else:
        fields["note"] = metric.note
    if goal.goal_type != "achievement" and state == "violated" and before.known_state != "violated":
        fields["violations"] = (before.violations or 0) + 1
    return Progress.parse(fields)


def _status(
    goal: Goal, progress: Progress, conditions: Conditions, metric: Metric, now: datetime
) -> tuple[GoalStatus, str | None, Progress]:
    """The status that follows, why, and the progress with what blocks it."""
    claim = _claim(goal, metric)
    if conditions.drop:
        return "abandoned", "its drop condition holds", progress
    if goal.goal_type == "achievement" and progress.state == "met":
        return "completed", claim, _blocked(progress, None)
    if _is_over(goal, now):
        return _at_deadline(goal, progress, claim)
    if _is_latent(goal) and not conditions.creation:
        return "blocked", goal.reason, progress
    if not conditions.context:
        return "blocked", "suspended: its context does not hold", _blocked(progress, "context")
    if progress.state == "met":
        return "active", claim, _blocked(progress, None)
    if goal.status == "blocked" and progress.blocked_by == "no_plan":
        return "blocked", goal.reason, progress
    if goal.goal_type == "achievement":
        return ("in_progress" if goal.status == "in_progress" else "active"), claim, _blocked(progress, None)
    if progress.state == "violated":
        return "in_progress", claim, _blocked(progress, None)
    # Unknown: what was violated is still to be restored, what was kept is not yet violated.
    pursued: GoalStatus = "in_progress" if progress.known_state == "violated" else "active"
    return pursued, claim, _blocked(progress, None)


def _at_deadline(goal: Goal, progress: Progress, claim: str) -> tuple[GoalStatus, str, Progress]:
    if goal.goal_type == "prevention" and not progress.violations and progress.state != "violated":
        return "completed", "its time is over, and it never happened", _blocked(progress, None)
    if goal.goal_type == "prevention":
        times = progress.violations or 0
        return "abandoned", f"its time is over, and it happened {times} time{'s' * (times != 1)}", progress
    if goal.goal_type == "maintenance":
        return "abandoned", f"the time for which it was to be kept is over: {claim}", progress
    return "abandoned", f"its deadline has passed: {claim}", progress


def _blocked(progress: Progress, by: Literal["creation", "context", "no_plan"] | None) -> Progress:
    fields = progress.to_json()
    if by is None:
        fields.pop("blocked_by", None)
    else:
        fields["blocked_by"] = by
    return Progress.parse(fields)


def _claim(goal: Goal, metric: Metric) -> str:
    target = goal.target
    if metric.value is None:
        return f"{target.metric} is unknown: {metric.note or 'nothing is believed about it'}"
    wanted = f"{target.comparator_for(goal.goal_type)} {target.number:g}"
    restore = "" if target.restore is None else f" (restored at {target.restore:g})"
    return f"{target.metric} is {metric.value:.6g}, wanted {wanted}{restore}"


def _pressure(goal: Goal, progress: Progress, status: GoalStatus, now: datetime) -> Pressure:
    unmet = progress.state in {"violated", "unknown"} and status in {"active", "in_progress"}
    pace = 0.0
    if goal.goal_type == "achievement" and progress.value is not None and progress.baseline is not None:
        pace = pace_urgency(
            baseline=progress.baseline,
            value=progress.value,
            wanted=goal.target.number,
            since=goal.created_at,
            deadline=goal.target.deadline_at,
            now=now,
        )
    began = read_moment(progress.since) if progress.since else goal.created_at
    return Pressure(
        importance=goal.importance,
        deadline=deadline_urgency(since=goal.created_at, deadline=goal.target.deadline_at, now=now) if unmet else 0.0,
        pace=pace if unmet else 0.0,
        violation=1.0 if unmet and goal.goal_type != "achievement" and progress.state == "violated" else 0.0,
        waiting_days=days_between(max(began, goal.served_at or began), now) if unmet else 0.0,
    )
