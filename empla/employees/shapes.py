"""The JSON of an employee: who it is, how it works, and what it has achieved."""

import re
from typing import Annotated, ClassVar, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from empla.shapes import SMALL_JSON_BYTES, Many, Number, Shape

MIN_LOOP_INTERVAL_SECONDS = 1
MAX_LOOP_INTERVAL_SECONDS = 7 * 24 * 60 * 60
MAX_CONCURRENT_TASKS = 1000

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _is_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: "America" on older Pythons
        raise ValueError('must be an IANA time zone such as "Europe/Berlin"') from error
    return name


def _is_time_of_day(text: str) -> str:
    if not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError('must be a time of day such as "09:00", from "00:00" to "23:59"')
    return text


TimeOfDay = Annotated[str, AfterValidator(_is_time_of_day)]


class Personality(Shape):
    """How an employee comes across, and how much it dares."""

    column: ClassVar[str] = "employees.personality"
    max_bytes: ClassVar[int] = SMALL_JSON_BYTES

    tone: str | None = Field(default=None, description='How it sounds, e.g. "professional".')
    risk_tolerance: str | None = Field(default=None, description='How much it dares, e.g. "moderate".')
    communication_style: str | None = Field(default=None, description='How it says things, e.g. "direct".')
    traits: Many[str] | None = Field(default=None, description='What it is like, e.g. "persistent", "empathetic".')


class WorkingHours(Shape):
    """When an employee works, by the clock of its time zone.

    A shift runs from `start` up to, not including, `end`. When `end` comes before `start`, the shift runs
    over midnight, and belongs to the day on which it starts.
    """

    timezone: Annotated[str, AfterValidator(_is_timezone)] = Field(
        description='IANA time zone of the two clocks, e.g. "America/Los_Angeles".'
    )
    start: TimeOfDay = Field(description='First minute of the shift, "HH:MM".')
    end: TimeOfDay = Field(description='End of the shift, "HH:MM", not included; not the same as `start`.')
    days: Annotated[Many[Day], Field(min_length=1)] | None = Field(
        default=None, description="Days on which a shift starts; every day when absent."
    )

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.start == self.end:
            raise ValueError("must end at another time than it starts; leave it out for work around the clock")
        return self


class EmployeeConfig(Shape):
    """How an employee works: its pace, its language model, its hours."""

    column: ClassVar[str] = "employees.config"
    max_bytes: ClassVar[int] = SMALL_JSON_BYTES

    loop_interval_seconds: int | None = Field(
        default=None,
        ge=MIN_LOOP_INTERVAL_SECONDS,
        le=MAX_LOOP_INTERVAL_SECONDS,
        description="Seconds from one cycle to the next: from one second to one week.",
    )
    llm_model: str | None = Field(default=None, min_length=1, description="Name of the language model that it asks.")
    max_concurrent_tasks: int | None = Field(
        default=None, ge=1, le=MAX_CONCURRENT_TASKS, description="How many intentions it pursues at once."
    )
    working_hours: WorkingHours | None = Field(default=None, description="When it works; around the clock when absent.")


class PerformanceMetrics(Shape):
    """What an employee has achieved so far, as totals."""

    column: ClassVar[str] = "employees.performance_metrics"
    max_bytes: ClassVar[int] = SMALL_JSON_BYTES

    goals_achieved: int | None = Field(default=None, ge=0, description="Number of goals completed.")
    tasks_completed: int | None = Field(default=None, ge=0, description="Number of intentions completed.")
    tasks_failed: int | None = Field(default=None, ge=0, description="Number of intentions that failed.")
    tasks_abandoned: int | None = Field(default=None, ge=0, description="Number of intentions abandoned.")
    steps_completed: int | None = Field(default=None, ge=0, description="Number of steps completed.")
    success_rate: Number | None = Field(
        default=None, ge=0, le=1, description="Completed / (completed + failed) intentions."
    )
    goal_violations: int | None = Field(default=None, ge=0, description="How often a state to be kept was violated.")
    goals_restored: int | None = Field(default=None, ge=0, description="How often one was restored.")
    mean_days_to_restore: Number | None = Field(default=None, ge=0, description="Days from violation to restoration.")
    eventful_cycles: int | None = Field(default=None, ge=0, description="Number of cycles in which something happened.")
    mean_cycle_seconds: Number | None = Field(
        default=None, ge=0, description="Wall-clock seconds that such a cycle took."
    )
