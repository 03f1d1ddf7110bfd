"""Which of an employee's playbooks apply to a situation, by the rule that its cycles choose with; asking changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.bdi import intentions
from empla.conditions import Condition, Key, Known, View
from empla.conditions_syntax import name_of
from empla.employees import employees
from empla.errors import InvalidError
from empla.memory import procedural
from empla.memory.standing import Standing
from empla.mind import options as choosing
from empla.mind.called_for import afresh, as_assessed, begins_anew, beliefs_of, goal_event
from empla.mind.circumstance import known, look
from empla.mind.explanation import Weighed, as_sum
from empla.mind.options import Event, Option
from empla.mind.plans import Library
from empla.mind.standing import assess_all
from empla.shapes import check_json
from empla.storage.tx import ReadTx


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is asked about: an event, a goal's metric, or both; with neither, every workflow is weighed by the beliefs alone."""

    event: str | None = None  # the kind of what has happened
    content: Mapping[str, JsonValue] = field(
        default_factory=dict[str, JsonValue]
    )  # of the event; it is bound by its names
    metric: str | None = None  # as if it fell short; that of a live goal, when there is one
    is_unknown: bool = False  # the metric is not known, instead
    supposing: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])  # beliefs, as if they were held


class Applicable(Weighed):
    """A playbook that is about the situation: its score in parts, and why it does not apply where it does not (`refused`)."""

    model_config = ConfigDict(frozen=True)

    procedure: UUID
    description: str
    standing: Standing
    looked_at: list[str]  # the beliefs that counted, as `subject.predicate`

    @property
    def applies(self) -> bool:
        return self.refused is None


class WhatApplies(BaseModel):
    """The playbooks that are about a situation, the best first; those that do not apply come last."""

    model_config = ConfigDict(frozen=True)

    employee: str  # its name
    situation: str  # in words
    playbooks: list[Applicable]

    @property
    def best(self) -> Applicable | None:
        """What the employee would choose; None when nothing applies."""
        return next((each for each in self.playbooks if each.applies), None)

    def __str__(self) -> str:
        """A page for a person."""
        apply = [f"  {as_sum(each)}" for each in self.playbooks if each.applies]
        refused = [f"  {each.playbook}: {each.refused}" for each in self.playbooks if not each.applies]
        lines = [f"{self.employee}, {self.situation}"]
        if apply:
            lines += [
                "",
                "What applies (.5 · success + .3 · context match + .2 · capability + rank), the best first:",
                *apply,
            ]
        if refused:
            lines += ["", "What does not:", *refused]
        return "\n".join(lines if self.playbooks else [*lines, "", f"{self.employee} knows no playbook about it."])


async def applicable(tx: ReadTx, *, employee: UUID, situation: Situation) -> WhatApplies:
    """What the employee would weigh in this situation, and how; disabled and demoted ones are told, too.

    For the metric of a live goal, the goal is looked at as a cycle would: with its number, and what was tried already. Raises
    `NotFoundError`, `InvalidError`.
    """
    person = await employees.get(tx, employee=employee)
    library = Library(await procedural.library(tx, employee=employee))
    events = await _events(tx, employee, situation)
    bound = {name: value for event in events for name, value in event.bindings.items()}
    events = [replace(event, bindings=bound) for event in events]
    keys = choosing.keys_of(library.procedures, events, unused=True)
    beliefs = known(await beliefs_of(tx, employee, keys)) | _supposed(situation.supposing, bound, tx)
    view = View(bindings=bound, beliefs=beliefs, now=tx.now)
    found: dict[UUID, Option] = {}
    for event in events:
        for option in choosing.options(library, event, view=view, held=person.capabilities, unused=True):
            # What is refused for a goal that tried it already may still answer the event.
            if option.procedure.id not in found or found[option.procedure.id].refused is not None:
                found[option.procedure.id] = option
    ordered = sorted(found.values(), key=choosing.order)
    return WhatApplies(
        employee=person.name, situation=_in_words(situation), playbooks=[_told(each) for each in ordered]
    )


def _told(option: Option) -> Applicable:
    procedure = option.procedure
    return Applicable.model_validate(
        {
            "playbook": procedure.procedure_name,
            "refused": option.refused,
            **option.parts(),
            "procedure": procedure.id,
            "description": procedure.description,
            "standing": procedure.standing,
            "looked_at": [f"{subject}.{predicate}" for subject, predicate in option.judgement.used],
        }
    )


async def _events(tx: ReadTx, employee: UUID, situation: Situation) -> list[Event]:
    check_json(dict(situation.content), what="the content of the event")
    content = dict(situation.content)
    events: list[Event] = []
    if situation.metric is not None:
        # What is said here counts more than what the goal says.
        events += [
            replace(event, bindings={**event.bindings, **content})
            for event in await _goal_events(tx, employee, situation, situation.metric)
        ]
    if situation.event is not None:
        bindings: dict[str, JsonValue] = {**content, "event": situation.event}
        events.append(Event(kind=situation.event, description=situation.event, bindings=bindings))
    return events or [Event(kind="", description="", bindings=content, is_any=True)]


async def _goal_events(tx: ReadTx, employee: UUID, situation: Situation, metric: str) -> Sequence[Event]:
    """Those of the live goals of this metric; one of no goal when there is none."""
    key = _key(metric)
    kind = "unknown" if situation.is_unknown else "violated"
    circumstance = await look(tx, employee=employee)
    changes = {change.id: change for change in assess_all(circumstance)}
    goals = [as_assessed(goal, changes.get(goal.id)) for goal in circumstance.goals if goal.key == key]
    goals = [afresh(goal, circumstance) for goal in goals]
    tried = await intentions.tried(
        tx, employee=employee, goals=[goal.id for goal in goals if not begins_anew(goal, circumstance)]
    )
    # It is asked what if: whether the goal falls short right now does not matter.
    found = [replace(goal_event(goal, tried), kind=kind) for goal in goals]
    return found or [await _metric_event(tx, employee, kind, key, metric)]


async def _metric_event(tx: ReadTx, employee: UUID, kind: str, key: Key, metric: str) -> Event:
    held = await beliefs_of(tx, employee, {key})
    bindings: dict[str, JsonValue] = {"metric": metric, "subject": key[0]}
    if held:
        bindings["value"] = held[0].object
    return Event(kind=kind, description=metric, bindings=bindings, metric=key)


def _key(metric: str) -> Key:
    """Raises `InvalidError` for what is no name."""
    name = name_of(metric)
    if name is None:
        raise InvalidError(f"{metric!r} is not the name of a metric, such as pipeline.coverage")
    return name.subject or "self", name.predicate


def _supposed(supposing: Mapping[str, JsonValue], bound: Mapping[str, JsonValue], tx: ReadTx) -> dict[Key, Known]:
    """Beliefs as if they were held, without a doubt and since now. Raises `InvalidError` for what is no name."""
    found: dict[Key, Known] = {}
    for written, value in supposing.items():
        check_json(value, what=f"what is supposed of {written}")
        if name_of(written) is None:
            raise InvalidError(f"{written!r} is not the name of a belief, such as account.health")
        for key in Condition.parse(f"known {written}", what="what is supposed").keys(bound):
            found[key] = Known(value, 1.0, tx.now)
    return found


def _in_words(situation: Situation) -> str:
    parts = [f"when {situation.event} comes"] if situation.event is not None else []
    if situation.metric is not None:
        parts.append(f"when {situation.metric} {'is not known' if situation.is_unknown else 'falls short'}")
    if situation.supposing:
        parts.append(f"supposing that {', '.join(f'{name} is {value}' for name, value in situation.supposing.items())}")
    return "; ".join(parts) or "as things stand"
