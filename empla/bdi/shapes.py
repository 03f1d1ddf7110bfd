"""The JSON of goals and intentions: what is wanted, how far it is, and how it shall be reached."""

from datetime import datetime
from typing import ClassVar, Literal, Self

from pydantic import Field, JsonValue, model_validator

from empla.shapes import SMALL_JSON_BYTES, Many, Moment, Number, Shape, read_moment

Comparator = Literal[">=", "<=", ">", "<", "==", "!="]
GoalType = Literal["achievement", "maintenance", "prevention"]
ProgressState = Literal["met", "violated", "unknown"]


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

    @model_validator(mode="after")
    def _has_one_number(self) -> Self:
        if (self.value is None) == (self.threshold is None):
            raise ValueError("must have either a value or a threshold")
        return self

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


class Tactic(Shape):
    """One part of a strategy, itself a plan in short."""

    type: str = Field(min_length=1, description='What to do, e.g. "research_accounts".')
    count: int | None = Field(default=None, ge=0, description="How often, or for how many.")
    cadence: str | None = Field(default=None, description='In which rhythm, e.g. "3_touches".')


class Plan(Shape):
    """How an intention shall be carried out, and how one will know that it worked."""

    column: ClassVar[str] = "employee_intentions.plan"

    type: str = Field(min_length=1, description='What kind of plan it is, e.g. "send_email".')
    params: dict[str, JsonValue] | None = Field(default=None, description="What an action is called with.")
    steps: Many[dict[str, JsonValue]] | None = Field(default=None, description="What to do, in order.")
    tactics: Many[Tactic] | None = Field(default=None, description="The parts of a strategy, in order.")
    required_capabilities: Many[str] | None = Field(
        default=None, description="Capabilities that the employee must have."
    )
    expected_outcome: str | None = Field(default=None, description="What should be believed afterwards.")
    success_criteria: dict[str, JsonValue] | None = Field(
        default=None, description="What each metric must have reached for the plan to have succeeded."
    )
    timeframe: str | None = Field(default=None, description='The span in words, e.g. "2_weeks".')


class PlanContext(Shape):
    """Why this plan was chosen."""

    column: ClassVar[str] = "employee_intentions.context"

    rationale: str | None = Field(default=None, description="The reason, in a sentence.")
    alternatives: Many[JsonValue] | None = Field(default=None, description="The other plans considered.")
