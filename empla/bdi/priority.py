"""How pressing a goal is: 10 · (.6 urgency + .4 importance), and a little more for each day that it waits to be served."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Self

from pydantic import JsonValue

# A goal that wants something and is not served gains a point in so many days, so that nothing starves.
DAYS_PER_POINT = 3.0
LEAST, MOST = 1, 10
URGENCY, IMPORTANCE = 0.6, 0.4
_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """What a priority is computed from; kept beside it, so that "why 9?" has an answer."""

    importance: float  # 0..1, as somebody said
    deadline: float = 0.0  # 0..1: the share of the time that has gone
    pace: float = 0.0  # 0..1: pace needed / pace seen, 1 when it is behind
    violation: float = 0.0  # 1 while a state that shall be kept is violated
    waiting_days: float = 0.0  # since it wants something and no step ran for it

    @classmethod
    def kept(cls, inputs: Mapping[str, JsonValue], *, importance: float) -> Self:
        """What was kept beside a priority, with this importance."""
        names = ("deadline", "pace", "violation", "waiting_days")
        found = {name: inputs.get(name) for name in names}
        numbers = {name: float(value) if isinstance(value, int | float) else 0.0 for name, value in found.items()}
        return cls(importance=importance, **numbers)

    @property
    def urgency(self) -> float:
        """The strongest of the three."""
        return max(self.deadline, self.pace, self.violation)

    @property
    def wanted(self) -> float:
        """10 · (.6 urgency + .4 importance) + waiting days / 3, as it is before it is rounded."""
        return 10 * (URGENCY * self.urgency + IMPORTANCE * self.importance) + self.waiting_days / DAYS_PER_POINT

    @property
    def priority(self) -> int:
        """1 … 10: clamp(round(10 · (.6 urgency + .4 importance) + waiting days / 3))."""
        return min(MOST, max(LEAST, round(self.wanted)))

    def to_json(self) -> dict[str, JsonValue]:
        """As it is kept: four digits are enough to follow the arithmetic."""
        return {name: round(value, 4) for name, value in asdict(self).items()} | {"urgency": round(self.urgency, 4)}


def deadline_urgency(*, since: datetime, deadline: datetime | None, now: datetime) -> float:
    """The share of the time to the deadline that has gone, 0..1; 0 without a deadline, 1 from it on."""
    if deadline is None:
        return 0.0
    whole = (deadline - since).total_seconds()
    return 1.0 if whole <= 0 else min(1.0, max(0.0, (now - since).total_seconds() / whole))


def pace_urgency(
    *, baseline: float, value: float, wanted: float, since: datetime, deadline: datetime | None, now: datetime
) -> float:
    """Pace needed to reach `wanted` by the deadline / pace seen since `since`, at most 1; 0 when there, or nobody counts the days."""
    if deadline is None or now <= since:
        return 0.0
    # Exactly, for a belief may hold any number, and floating point would divide by what is too small, or overflow.
    left, gone = Fraction(wanted) - Fraction(value), Fraction(value) - Fraction(baseline)
    if left * (left + gone) <= 0:  # reached, or passed
        return 0.0
    if now >= deadline or gone * left <= 0:  # no time, or it moves away
        return 1.0
    return float(min(Fraction(1), left * _microseconds(now - since) / (gone * _microseconds(deadline - now))))


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def days_between(since: datetime, now: datetime) -> float:
    """Elapsed days, fractions counted; 0 when `since` lies ahead."""
    return max(0.0, (now - since).total_seconds() / _SECONDS_PER_DAY)
