"""How the goals of a circumstance stand: their metrics and conditions read from the beliefs, then assessed."""

from pydantic import JsonValue

from empla.bdi.assessment import Conditions, Metric, assess
from empla.bdi.goals import Change
from empla.conditions import Condition, View
from empla.mind.circumstance import Circumstance, LiveGoal


def assess_all(circumstance: Circumstance) -> list[Change]:
    """What is different about the live goals; empty in a quiet cycle."""
    moment = circumstance.seen_at
    view = View(bindings={}, beliefs=circumstance.known, now=moment)
    changes = (
        assess(goal, metric=metric_of(goal, circumstance), conditions=_conditions(goal, view), now=moment)
        for goal in circumstance.goals
    )
    return [change for change in changes if change is not None]


def metric_of(goal: LiveGoal, circumstance: Circumstance) -> Metric:
    """The number that is believed, or why there is none: nothing believed, not sure enough, or no number."""
    held = circumstance.known.get(goal.key)
    floor = goal.target.confidence_floor
    if held is None:
        return Metric(note="nothing is believed about it")
    if held.confidence < floor:
        return Metric(note=f"last heard of on {held.since:%Y-%m-%d}, it is believed with a confidence under {floor:g}")
    if "period" in goal.measure:
        return Metric(goal.measured) if goal.measured is not None else Metric(note="nothing is known of that time")
    if isinstance(held.object, bool) or not isinstance(held.object, int | float):
        return Metric(note="what is believed is no number")
    return Metric(held.object)


def _conditions(goal: LiveGoal, view: View) -> Conditions:
    stated = goal.conditions
    return Conditions(
        creation=_holds(stated.creation, view, otherwise=True),
        context=_holds(stated.context, view, otherwise=True),
        drop=_holds(stated.drop, view, otherwise=False),
    )


def _holds(written: JsonValue, view: View, *, otherwise: bool) -> bool:
    if written is None:
        return otherwise
    return Condition.parse(written, what="the condition").judge(view).holds
