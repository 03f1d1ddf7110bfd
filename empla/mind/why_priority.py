"""Why a goal has the priority that it has: the arithmetic, with the inputs that were kept when it was last computed."""

from pydantic import BaseModel, ConfigDict

from empla.bdi.goals import Goal
from empla.bdi.priority import DAYS_PER_POINT, IMPORTANCE, LEAST, MOST, URGENCY, Pressure

_MEANINGS = (
    ("deadline", "the share of the time to its deadline that has gone"),
    ("pace", "the pace needed until its deadline / the pace seen"),
    ("violation", "1 while a state that shall be kept is violated"),
)


class WhyPriority(BaseModel):
    """The answer; `str(answer)` is for a person."""

    model_config = ConfigDict(frozen=True)

    priority: int
    importance: float
    urgency: float  # the strongest of the three
    deadline: float
    pace: float
    violation: float
    waiting_days: float
    sum: float  # before it was rounded, and kept within 1 … 10

    def __str__(self) -> str:
        aged = self.waiting_days / DAYS_PER_POINT
        product = f"10 · ({URGENCY:g} · {self.urgency:.2f} + {IMPORTANCE:g} · {self.importance:.2f})"
        sum_ = f"{self.sum:.2f}, rounded, within {LEAST} … {MOST}"
        lines = [
            f"priority {self.priority}: {product} + {aged:.2f} = {sum_}",
            f"  urgency {self.urgency:.2f} is the strongest of",
        ]
        lines += [f"    {name} {getattr(self, name):.2f}: {meaning}" for name, meaning in _MEANINGS]
        lines.append(f"  importance {self.importance:.2f}, as somebody said")
        lines.append(
            f"  {aged:.2f} for {self.waiting_days:.2f} days without a step for it: a point in {DAYS_PER_POINT:g} days"
        )
        return "\n".join(lines)


def why_priority(goal: Goal) -> WhyPriority:
    """Why 9? What an evaluation found counts until the priority moves again, so the inputs are those of that moment."""
    pressure = Pressure.kept(goal.priority_inputs, importance=goal.importance)
    return WhyPriority(
        priority=goal.priority,
        importance=pressure.importance,
        urgency=pressure.urgency,
        deadline=pressure.deadline,
        pace=pressure.pace,
        violation=pressure.violation,
        waiting_days=pressure.waiting_days,
        sum=pressure.wanted,
    )
