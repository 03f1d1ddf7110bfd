"""How sure an employee was and will be, as curves for a chart; when its beliefs changed, as bars; and a value as one reads it."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from empla.bdi.belief_listing import Activity, Step
from empla.bdi.beliefs import Belief
from empla.bdi.confidence import effective
from empla.dashboard.formats import plain, words

_POINTS = 60  # of a curve that falls; more than a chart marks one by one
_BEYOND = 1.15  # of the time that it takes to fall
_LONGEST = timedelta(days=3650)
_TOO_SHORT = timedelta(hours=1)  # for a curve
_DAY = 86_400  # seconds
HEIGHT, STEP = 36.0, 10.0  # of the bars: the tallest, and from one to the next


@dataclass(frozen=True)
class Fading:
    """What becomes of a belief of which nothing more is heard."""

    series: str  # JSON for a chart
    falls_at: datetime | None  # when it is forgotten; None for one that gets there in no time worth drawing


def fading(belief: Belief, *, at: datetime, floor: float) -> Fading | None:
    """From its last evidence on: to the moment solid, from then on dashed. None for one that does not decay."""
    if not belief.decay_rate:
        return None
    falls_at = _falls_at(belief, floor)
    anchor = belief.last_updated_at
    end = max(at + (at - anchor) * 0.2, anchor + timedelta(days=1))
    if falls_at is not None:
        end = max(end, anchor + (falls_at - anchor) * _BEYOND)
    begins, ends, then = anchor.timestamp(), end.timestamp(), max(at, anchor).timestamp()
    moments = sorted({*(begins + (ends - begins) * part / _POINTS for part in range(_POINTS + 1)), then})
    sure = [_percent(_then(belief, moment)) for moment in moments]
    told = {
        "x": moments,
        "series": [
            {
                "label": "so far",
                "y": [each if moment <= then else None for moment, each in zip(moments, sure, strict=True)],
            },
            {
                "label": "if nothing is heard",
                "y": [each if moment >= then else None for moment, each in zip(moments, sure, strict=True)],
                "dashed": True,
            },
            {"label": "forgotten under", "y": [_percent(floor)] * len(moments), "dashed": True},
        ],
        "unit": "confidence, %",
        "range": [0, 100],
    }
    return Fading(json.dumps(told), falls_at)


def _then(belief: Belief, moment: float) -> float:
    days = max(0.0, moment - belief.last_updated_at.timestamp()) / _DAY
    at = belief.last_updated_at + timedelta(days=days)
    return effective(
        belief.stored_confidence,
        decay_rate=belief.decay_rate,
        decay_model=belief.decay_model,
        anchor=belief.last_updated_at,
        at=at,
    )


def _falls_at(belief: Belief, floor: float) -> datetime | None:
    """When it is at the floor; None where that is later than anybody waits."""
    sure, rate = belief.stored_confidence, belief.decay_rate
    if sure <= floor:
        return belief.last_updated_at
    if belief.decay_model == "linear":
        days = (sure - floor) / rate
    elif floor == 0:
        return None
    else:
        days = math.log(floor / sure) / math.log(1 - rate) if rate < 1 else 0.0
    return belief.last_updated_at + timedelta(days=days) if days < _LONGEST.days else None


@dataclass(frozen=True)
class Course:
    """How a belief came about."""

    confidence: str  # JSON for a chart
    value: str | None  # the same; None where the values are no numbers


def course(steps: Sequence[Step], *, at: datetime) -> Course | None:
    """To the moment; of steps with the latest first. What was heard without effect is no part of it. None for what began just now."""
    told = [step for step in reversed(steps) if step.change_type not in {"late", "contradicted"}]
    if not told or at - told[0].changed_at < _TOO_SHORT:
        return None
    sure: dict[float, float | None] = {}
    values: dict[float, JsonValue] = {}
    for place, step in enumerate(told):
        begins = step.changed_at.timestamp()
        ends = told[place + 1].changed_at.timestamp() - 1 if place + 1 < len(told) else at.timestamp()
        is_over = step.change_type in {"deleted", "decayed"}
        values[begins] = None if is_over else step.new_value
        for moment in _moments(begins, ends, falls=bool(step.decay_rate) and not is_over):
            sure[moment] = None if is_over else _percent(_left(step, moment))
    values[at.timestamp()] = values[max(values)]
    chart = {"series": [{"label": "confidence", "y": list(sure.values())}], "unit": "confidence, %", "range": [0, 100]}
    numbers = {value for value in values.values() if isinstance(value, int | float) and not isinstance(value, bool)}
    return Course(
        json.dumps({"x": list(sure), **chart}),
        json.dumps({"x": list(values), "series": [{"label": "value", "y": list(values.values()), "steps": True}]})
        if len(numbers) > 1 and all(value is None or value in numbers for value in map(_number, values.values()))
        else None,
    )


def _number(value: JsonValue) -> JsonValue:
    """Itself where it may stand in a set."""
    return value if isinstance(value, int | float) or value is None else ""


def _moments(begins: float, ends: float, *, falls: bool) -> list[float]:
    if ends <= begins:
        return [begins]
    parts = 12 if falls else 1
    return [begins + (ends - begins) * part / parts for part in range(parts + 1)]


def _left(step: Step, moment: float) -> float:
    anchor = step.evidence_at
    at = anchor + timedelta(seconds=max(0.0, moment - anchor.timestamp()))
    return effective(
        step.new_confidence or 0.0, decay_rate=step.decay_rate, decay_model=step.decay_model, anchor=anchor, at=at
    )


def _percent(share: float) -> float:
    return round(share * 100, 1)


@dataclass(frozen=True)
class Bar:
    """One part of the time."""

    x: float
    y: float
    height: float
    changes: int


def bars(activity: Sequence[Activity]) -> list[Bar]:
    """The root of how much changed, so that the day on which everything was told does not hide the others."""
    most = max((part.changes for part in activity), default=1)
    found: list[Bar] = []
    for part in activity:
        height = round(max(3.0, HEIGHT * math.sqrt(part.changes / most)), 1)
        found.append(Bar((part.part - 1) * STEP, round(HEIGHT - height, 1), height, part.changes))
    return found


def said(value: JsonValue) -> str:
    """A value as one reads it in a line: `stage: won · series: Delta`."""
    if isinstance(value, dict):
        return " · ".join(f"{words(name)}: {plain(part)}" for name, part in value.items()) or "nothing"
    if isinstance(value, list):
        return ", ".join(plain(part) for part in value) or "nothing"
    return plain(value)
