"""The JSON of the memories: what happened, how things are done and when, and what is in hand."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from empla.durations import Duration
from empla.shapes import Many, Shape, Stated


class EpisodeContent(Shape):
    """What happened in full: a message, a call, an observation."""

    column: ClassVar[str] = "memory_episodes.content"

    interaction_type: str | None = Field(default=None, description='The kind of exchange, e.g. "email".')
    sender: str | None = Field(
        default=None,
        validation_alias="from",
        serialization_alias="from",
        description="Who it came from: address or name.",
    )
    to: str | Many[str] | None = Field(default=None, description="Who it went to: one, or a list.")
    subject: str | None = Field(default=None, description="Its subject line.")
    body: str | None = Field(default=None, description="Its words.")
    sentiment: str | None = Field(default=None, description='How it felt, e.g. "positive".')
    intent: str | None = Field(default=None, description='What it was for, e.g. "negotiation".')
    entities: Many[str] | None = Field(default=None, description="What it speaks of.")
    outcome: str | None = Field(default=None, description='What came of it, e.g. "follow_up_scheduled".')


Commitment = Literal["blind", "single_minded", "open_minded"]
FailedDependency = Literal["replan", "abandon", "proceed"]
MAX_STEPS = 100
MAX_RETRIES = 10
DEFAULT_RETRIES = 2
DEFAULT_BACKOFF = "1h"


class Step(Shape):
    """One step of a procedure. Keys of its own, such as `platform` or `questions`, go to the action (docs/playbooks.md)."""

    step: int | None = Field(default=None, ge=1, description="Its place, counted from 1.")
    action: str = Field(
        min_length=1, description='What to do: an action, or a skill by its name, e.g. "research_account".'
    )
    only_if: Stated | None = Field(
        default=None,
        validation_alias="if",
        serialization_alias="if",
        description="The condition under which it is done; always when absent.",
    )
    criteria: Stated | None = Field(
        default=None,
        description='What must hold after it, or what it decides or waits for, e.g. "bant_score > 70".',
    )
    duration: str | None = Field(default=None, description='How long it takes, with its unit, e.g. "10m".')
    template: str | None = Field(default=None, description="The name of the text that it works from.")
    capability: str | None = Field(
        default=None, min_length=1, description="What the employee must be able to do; the action's own when absent."
    )
    after: Many[Annotated[int, Field(ge=1)]] | None = Field(
        default=None, description="The earlier steps that it waits for; the one before when absent, none when empty."
    )
    timeout: Duration | None = Field(default=None, description='How long it may wait or be tried, e.g. "2 days".')
    retries: int | None = Field(
        default=None, ge=0, le=MAX_RETRIES, description=f"How often it is tried again; {DEFAULT_RETRIES} when absent."
    )
    backoff: Duration | None = Field(
        default=None,
        description=f"The pause before it is tried again, doubled each time, at most a week; {DEFAULT_BACKOFF} when absent.",
    )
    outcome_name: str | None = Field(
        default=None,
        min_length=1,
        validation_alias="as",
        serialization_alias="as",
        description="The name under which later steps find its outcome.",
    )

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """The keys of its own, for the action."""
        return dict(self.model_extra or {})


class Steps(Shape):
    """What a procedure does, in order, and how one knows that it worked."""

    column: ClassVar[str] = "memory_procedural.steps"

    workflow: str | None = Field(default=None, description="The name of the whole.")
    steps: Many[Step] | None = Field(default=None, description="The steps, in order.")
    success: Stated | None = Field(
        default=None, description="The condition by which it has succeeded; its steps being done when absent."
    )
    timeframe: Duration | None = Field(default=None, description='By when it must have succeeded, e.g. "2 weeks".')
    commitment: Commitment | None = Field(
        default=None, description="How it is held on to: single_minded when absent (docs/playbooks.md)."
    )
    on_failed_dependency: FailedDependency | None = Field(
        default=None, description="What happens to a step when one that it waits for has failed: replan when absent."
    )
    templates: dict[str, str] | None = Field(default=None, description="Texts by name, for the steps.")


class Conditions(Shape):
    """When a procedure applies."""

    column: ClassVar[str] = "memory_procedural.conditions"

    triggers: Many[str] | None = Field(default=None, description="Events, any of which calls for it.")
    context: Stated | None = Field(
        default=None,
        description="What must hold: a condition as text, or by name a value, a list of which one holds, or a comparison "
        'such as "> 10000".',
    )
    prefers: Stated | None = Field(
        default=None, description="A condition that makes it the better choice, and no more."
    )
    goals: Many[str] | None = Field(
        default=None,
        description='The metrics that it serves when they fall short, e.g. "pipeline.coverage" or "*.health".',
    )
    finds_out: Many[str] | None = Field(
        default=None, description="The metrics that it finds out when they are unknown."
    )
    impossible: Stated | None = Field(
        default=None, description="The condition under which it can't succeed any more, and is given up."
    )


class WorkingContent(Shape):
    """What an employee has in hand: its task, what it needs to know for it, and how far it is."""

    column: ClassVar[str] = "memory_working.content"

    task: str | None = Field(default=None, description='What it is doing, e.g. "compose_followup_email".')
    context: dict[str, JsonValue] | None = Field(default=None, description="What it needs to know for it.")
    progress: dict[str, JsonValue] | None = Field(default=None, description="How far it is.")
