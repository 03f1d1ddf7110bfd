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


_WHOLE_FROM = 2.0**53
# How much of a metric's name a reason shows, in characters.
_NAMED = 1000


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


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The status that follows, why, and what blocks the goal."""

    status: GoalStatus
    reason: str | None
    blocked_by: Literal["creation", "context", "no_plan"] | None = None


def state_of(goal: Goal, metric: Metric) -> ProgressState:
    """Met, violated or unknown; a state that was violated is met again only from its restore value on (hysteresis)."""
    if metric.value is None:
        return "unknown"
    target = goal.target
    compare = _COMPARE[target.comparator_for(goal.goal_type)]
    wanted = target.wanted_when(violated=goal.current_progress.known_state == "violated")
    return "met" if compare(metric.value, wanted) else "violated"


def assess(goal: Goal, *, metric: Metric, conditions: Conditions, now: datetime) -> Change | None:
    """What is different about a live goal; None when nothing is. Continuous inputs count when they move the priority."""
    if _is_latent(goal) and not conditions.creation and not conditions.drop and not _is_over(goal, now):
        return None
    state = state_of(goal, metric)
    progress = _progress(goal, state, metric, now)
    verdict = _verdict(goal, progress, conditions, _claim(goal, metric), now)
    progress = _with_block(progress, verdict)
    fresh = state == "violated" and goal.current_progress.known_state != "violated"
    began = fresh or (_is_latent(goal) and verdict.status != "blocked")
    pressure = _pressure(goal, progress, verdict.status, now)
    has_moved = verdict.status != goal.status or progress.state != goal.current_progress.state
    change = Change(
        id=goal.id,
        status=verdict.status,
        current_progress=progress,
        priority=pressure.priority,
        priority_inputs=pressure.to_json(),
        reason=verdict.reason if has_moved else goal.reason,
        trying_since=now if began else goal.trying_since,
        retry_at=None if began or verdict.status == "active" else goal.retry_at,
    )
    same = (verdict.status, progress, change.priority) == (goal.status, goal.current_progress, goal.priority)
    return None if same and change.retry_at == goal.retry_at else change


def _with_block(progress: Progress, verdict: _Verdict) -> Progress:
    if progress.blocked_by == verdict.blocked_by:
        return progress
    fields = progress.to_json()
    fields.pop("blocked_by", None)
    return Progress.parse(fields if verdict.blocked_by is None else {**fields, "blocked_by": verdict.blocked_by})


def _is_latent(goal: Goal) -> bool:
    return goal.status == "blocked" and goal.current_progress.blocked_by == "creation"


def _is_over(goal: Goal, now: datetime) -> bool:
    deadline = goal.target.deadline_at
    return deadline is not None and now > deadline


def _progress(goal: Goal, state: ProgressState, metric: Metric, now: datetime) -> Progress:
    before = goal.current_progress
    # As it was, in most cycles; what follows below would say the same.
    if (state, metric.value, metric.note) == (
        before.state,
        before.value if metric.value is not None else None,
        before.note,
    ):
        return before
    fields = before.to_json()
    fields["state"] = state
    if state != before.state:
        fields["since"] = now.isoformat()
    if metric.value is not None:
        fields["value"] = _storable(metric.value)
        fields.setdefault("baseline", fields["value"])
        fields["known_state"] = state
        fields.pop("note", None)
    else:
        fields["note"] = metric.note
    if goal.goal_type != "achievement" and state == "violated" and before.known_state != "violated":
        fields["violations"] = (before.violations or 0) + 1
    return Progress.parse(fields)


def _storable(value: float) -> float:
    """The same number, as JSON gives it back: from 2**53 on, a float is a whole number anyway."""
    return int(value) if isinstance(value, float) and abs(value) >= _WHOLE_FROM else value


def _verdict(goal: Goal, progress: Progress, conditions: Conditions, claim: str, now: datetime) -> _Verdict:
    over = _end(goal, progress, conditions, claim, now)
    return over or _blocked(goal, progress, conditions) or _pursued(goal, progress, claim)


def _end(goal: Goal, progress: Progress, conditions: Conditions, claim: str, now: datetime) -> _Verdict | None:
    """How a goal ends now; None while it lives."""
    if conditions.drop:
        return _Verdict("abandoned", "its drop condition holds")
    if goal.goal_type == "achievement" and progress.state == "met":
        return _Verdict("completed", claim)
    if not _is_over(goal, now):
        return None
    if goal.goal_type != "prevention":
        lead = (
            "its deadline has passed"
            if goal.goal_type == "achievement"
            else "the time for which it was to be kept is over"
        )
        return _Verdict("abandoned", f"{lead}: {claim}")
    times = progress.violations or 0
    if times == 0:
        return _Verdict("completed", "its time is over, and it never happened")
    return _Verdict("abandoned", f"its time is over, and it happened {times} time{'s' * (times != 1)}")


def _blocked(goal: Goal, progress: Progress, conditions: Conditions) -> _Verdict | None:
    """What keeps a living goal from being pursued; None when nothing does."""
    if _is_latent(goal) and not conditions.creation:
        return _Verdict("blocked", goal.reason, "creation")
    if not conditions.context:
        return _Verdict("blocked", "suspended: its context does not hold", "context")
    if progress.state != "met" and goal.status == "blocked" and goal.current_progress.blocked_by == "no_plan":
        return _Verdict("blocked", goal.reason, "no_plan")
    return None


def _pursued(goal: Goal, progress: Progress, claim: str) -> _Verdict:
    if progress.state == "met":
        return _Verdict("active", claim)
    if goal.goal_type == "achievement":
        return _Verdict("in_progress" if goal.status == "in_progress" else "active", claim)
    # While it is unknown, what was violated is still to be restored, and what was kept is not yet violated.
    return _Verdict("in_progress" if progress.known_state == "violated" else "active", claim)


def _claim(goal: Goal, metric: Metric) -> str:
    target = goal.target
    lead = target.metric if len(target.metric) <= _NAMED else target.metric[: _NAMED - 1] + "…"
    if metric.value is None:
        return f"{lead} is unknown: {metric.note or 'nothing is believed about it'}"
    wanted = f"{target.comparator_for(goal.goal_type)} {target.number:g}"
    restore = "" if target.restore is None else f" (restored at {target.restore:g})"
    return f"{lead} is {_shown(metric.value)}, wanted {wanted}{restore}"


def _shown(value: float) -> str:
    """Four digits are enough for a person; the belief itself has all of them."""
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"  # noqa: PLR2004


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
