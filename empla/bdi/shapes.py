"""The JSON of goals and intentions: what is wanted, how far it is, and how it shall be reached."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, JsonValue, model_validator

from empla.durations import Duration, duration
from empla.errors import InvalidError
from empla.shapes import SMALL_JSON_BYTES, Many, Moment, Number, Shape, Stated, read_moment

Comparator = Literal[">=", "<=", ">", "<", "==", "!="]
GoalType = Literal["achievement", "maintenance", "prevention"]
ProgressState = Literal["met", "violated", "unknown"]
Measure = Literal["last", "change", "min", "max", "mean"]
CalendarUnit = Literal["day", "week", "month", "quarter", "year"]
CALENDAR_UNITS = get_args(CalendarUnit)
# A belief that is held with less confidence says nothing about a goal.
LEAST_CONFIDENCE = 0.5


def _is_window(text: str) -> str:
    if text in CALENDAR_UNITS:
        return text
    try:
        duration(text)
    except InvalidError:
        raise ValueError('must be a duration such as "30 days", or day, week, month, quarter or year') from None
    return text


Window = Annotated[str, AfterValidator(_is_window)]


class Target(Shape):
    """What a goal wants to be true: a metric, compared with a number.

    A metric names a belief, `subject.predicate`; a bare one is the employee's own (subject `self`).
    The number is the `value` to reach or the `threshold` to keep, one of the two.
    """

    column: ClassVar[str] = "employee_goals.target"
    max_bytes: ClassVar[int] = SMALL_JSON_BYTES

    metric: str = Field(min_length=1, description='The belief that is measured, e.g. "pipeline.coverage".')
    value: Number | None = Field(default=None, description="The number to reach, in the metric's own unit.")
    threshold: Number | None = Field(default=None, description="The number to keep, in the metric's own unit.")
    comparator: Comparator | None = Field(
        default=None,
        description="How the metric compares with the number when the target is met: "
        '">=" when absent, "<=" for a prevention goal.',
    )
    timeframe: str | None = Field(default=None, description='The span in words, e.g. "quarter".')
    deadline: Moment | None = Field(
        default=None, description="The moment by which it must be met: ISO 8601 with its offset."
    )
    accounts: Many[str] | None = Field(default=None, description="The accounts that it is about, by their ids.")
    restore: Number | None = Field(
        default=None,
        description="What a violated state must reach again before it counts as kept: stricter than the number.",
    )
    window: Window | None = Field(
        default=None,
        description='Over which time the metric is measured: a time such as "30 days", or the running "day", "week", '
        '"month", "quarter" or "year" (UTC); its last value when absent.',
    )
    measure: Measure | None = Field(
        default=None, description='What of the window counts: "change" when absent, else its min, max, mean or last.'
    )
    min_confidence: Number | None = Field(
        default=None,
        ge=0,
        le=1,
        description=f"How sure the belief must be, else the metric is unknown: {LEAST_CONFIDENCE} when absent.",
    )

    @model_validator(mode="after")
    def _has_one_number(self) -> Self:
        if (self.value is None) == (self.threshold is None):
            raise ValueError("must have either a value or a threshold")
        if self.measure is not None and self.window is None:
            raise ValueError("must have a window when it has a measure")
        return self

    @property
    def number(self) -> float:
        """The number that the metric is compared with."""
        number = self.value if self.value is not None else self.threshold
        return 0.0 if number is None else number  # one of the two is there

    def wanted_when(self, *, violated: bool) -> float:
        """The number that the metric must reach now: a violated state has to reach its restore value, where it has one."""
        return self.restore if violated and self.restore is not None else self.number

    @property
    def confidence_floor(self) -> float:
        """How sure the belief must be for the metric to be known."""
        return LEAST_CONFIDENCE if self.min_confidence is None else self.min_confidence

    @property
    def deadline_at(self) -> datetime | None:
        """The deadline as a moment; None when there is none."""
        return None if self.deadline is None else read_moment(self.deadline)

    def comparator_for(self, goal_type: GoalType) -> Comparator:
        """How the metric compares with the number when a goal of this type is met."""
        return self.comparator or ("<=" if goal_type == "prevention" else ">=")


class Progress(Shape):
    """How a goal stood when it was last evaluated."""

    column: ClassVar[str] = "employee_goals.current_progress"
    max_bytes: ClassVar[int] = SMALL_JSON_BYTES

    value: Number | None = Field(default=None, description="The metric as believed, in its own unit.")
    state: ProgressState | None = Field(
        default=None, description="Whether the target holds; unknown when the belief is missing or stale."
    )
    since: Moment | None = Field(default=None, description="Since when the state is so: ISO 8601 with offset.")
    known_state: Literal["met", "violated"] | None = Field(
        default=None, description="The last state that was known: what a violated state is remembered by."
    )
    baseline: Number | None = Field(default=None, description="The first value known since it was adopted.")
    violations: int | None = Field(default=None, ge=0, description="How often the state was violated so far.")
    note: str | None = Field(default=None, description="Why the metric is unknown.")
    blocked_by: Literal["creation", "context", "no_plan"] | None = Field(
        default=None,
        description="Why a blocked goal is: it does not begin yet, it is suspended, or no plan is left for it.",
    )


class GoalConditions(Shape):
    """When a goal begins, rests and ends by itself, beside its target and deadline; conditions over beliefs."""

    column: ClassVar[str] = "employee_goals.conditions"
    max_bytes: ClassVar[int] = SMALL_JSON_BYTES

    creation: Stated | None = Field(default=None, description="It begins when this holds for the first time.")
    context: Stated | None = Field(default=None, description="It is suspended while this does not hold.")
    drop: Stated | None = Field(default=None, description="It is abandoned once this holds.")
    recur_after: Duration | None = Field(
        default=None,
        description='When all plans have failed, they are tried afresh after this time: "7 days" when absent.',
    )


class Tactic(Shape):
    """One part of a strategy, itself a plan in short."""

    type: str = Field(min_length=1, description='What to do, e.g. "research_accounts".')
    count: int | None = Field(default=None, ge=0, description="How often, or for how many.")
    cadence: str | None = Field(default=None, description='In which rhythm, e.g. "3_touches".')


class Plan(Shape):
    """How an intention shall be carried out, and how one will know that it worked."""

    column: ClassVar[str] = "employee_intentions.plan"
    max_bytes: ClassVar[int] = (
        60 * 1024
    )  # 64 KiB of text can take four times as much as jsonb, and the column holds 256

    type: str = Field(min_length=1, description='What kind of plan it is, e.g. "send_email".')
    params: dict[str, JsonValue] | None = Field(default=None, description="What an action is called with.")
    steps: Many[dict[str, JsonValue]] | None = Field(default=None, description="What to do, in order.")
    tactics: Many[Tactic] | None = Field(default=None, description="The parts of a strategy, in order.")
    required_capabilities: Many[str] | None = Field(
        default=None, description="Capabilities that the employee must have."
    )
    expected_outcome: str | None = Field(default=None, description="What should be believed afterwards.")
    success_criteria: Stated | None = Field(
        default=None,
        description="The condition that must hold for the plan to have succeeded; in the seed's form, what each metric must "
        "have reached.",
    )
    impossible: Stated | None = Field(
        default=None, description="Once this condition holds, the plan can't succeed any more."
    )
    context: Stated | None = Field(
        default=None,
        description="The condition under which it was chosen; an open-minded plan is dropped when it fails.",
    )
    timeframe: str | None = Field(default=None, description='The span in words, e.g. "2_weeks".')


class PlanContext(Shape):
    """Why this plan was chosen."""

    column: ClassVar[str] = "employee_intentions.context"

    rationale: str | None = Field(default=None, description="The reason, in a sentence.")
    alternatives: Many[JsonValue] | None = Field(default=None, description="The other plans considered.")
    score: dict[str, JsonValue] | None = Field(default=None, description="Its score, in parts.")
    beliefs: Many[JsonValue] | None = Field(default=None, description="The beliefs that the choice rested on.")
    event: dict[str, JsonValue] | None = Field(default=None, description="What called for it.")
