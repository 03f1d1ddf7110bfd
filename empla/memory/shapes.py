"""The JSON of the memories: what happened, how things are done and when, and what is in hand."""

from typing import ClassVar

from pydantic import Field, JsonValue

from empla.shapes import Many, Shape


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


class Step(Shape):
    """One step of a procedure. Keys of its own, such as `platform` or `questions`, go to the action."""

    step: int | None = Field(default=None, ge=1, description="Its place, counted from 1.")
    action: str = Field(min_length=1, description='What to do, e.g. "research_account".')
    only_if: str | None = Field(
        default=None,
        validation_alias="if",
        serialization_alias="if",
        description="The condition under which it is done; always when absent.",
    )
    criteria: str | None = Field(default=None, description='What it decides by, e.g. "bant_score > 70".')
    duration: str | None = Field(default=None, description='How long it takes, with its unit, e.g. "10m".')
    template: str | None = Field(default=None, description="The template that it works from.")


class Steps(Shape):
    """What a procedure does, in order."""

    column: ClassVar[str] = "memory_procedural.steps"

    workflow: str | None = Field(default=None, description="The name of the whole.")
    steps: Many[Step] | None = Field(default=None, description="The steps, in order.")


class Conditions(Shape):
    """When a procedure applies."""

    column: ClassVar[str] = "memory_procedural.conditions"

    triggers: Many[str] | None = Field(default=None, description="Events, any of which calls for it.")
    context: dict[str, JsonValue] | None = Field(
        default=None,
        description='What must be believed: a value, a list of which one holds, or a comparison such as "> 10000".',
    )


class WorkingContent(Shape):
    """What an employee has in hand: its task, what it needs to know for it, and how far it is."""

    column: ClassVar[str] = "memory_working.content"

    task: str | None = Field(default=None, description='What it is doing, e.g. "compose_followup_email".')
    context: dict[str, JsonValue] | None = Field(default=None, description="What it needs to know for it.")
    progress: dict[str, JsonValue] | None = Field(default=None, description="How far it is.")
