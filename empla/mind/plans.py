"""A playbook becomes an intention: its skills resolved, its steps in order, the beliefs noted that it will look at. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from pydantic import JsonValue

from empla.bdi.beliefs import MAX_PREDICATE_CHARACTERS, MAX_SUBJECT_CHARACTERS
from empla.bdi.intentions import IntentionType, NewIntention, NewStep
from empla.bdi.shapes import Plan, PlanContext
from empla.conditions import Condition, Key, template_keys
from empla.errors import InvalidError
from empla.memory.actions import ACTIONS
from empla.memory.procedural import Procedure
from empla.memory.shapes import DEFAULT_RETRIES

Definition = dict[str, JsonValue]

_MAX_WATCHES_BYTES = 60_000  # of 65,536 that the column holds

# A step that waits is not tried anew unless it says so: its time-out is its answer. What leaves is tried again by the outbox.
_WAITING = frozenset({"await", "ask", "pursue", "send", "reply", "invoke"})
# Keys of a step that are conditions; every other text may be a template.
_CONDITIONS = ("if", "criteria")


@dataclass(frozen=True)
class Library:
    """All that an employee knows how to do."""

    procedures: Sequence[Procedure]

    @cached_property
    def by_name(self) -> Mapping[str, Procedure]:
        return {procedure.procedure_name: procedure for procedure in self.procedures}

    def resolved(self, procedure: Procedure) -> list[Definition]:
        """Its steps, each whole by itself. Raises `InvalidError` for an action that is neither built in nor a skill."""
        playbook = procedure.playbook
        found: list[Definition] = []
        for step in playbook.steps.steps or ():
            named = self.by_name.get(step.action)
            found.append(playbook.resolved(step, None if named is None else named.playbook))
        return found


@dataclass(frozen=True, slots=True)
class Need:
    """What one step needs the employee to be able to do."""

    capability: str | None
    is_certain: bool  # the step has no condition: the plan can't do without


def capabilities_of(procedure: Procedure, library: Library) -> list[Need]:
    """What each step needs; nothing for a playbook that can't be resolved, which is refused for that."""
    try:
        steps = library.resolved(procedure)
    except InvalidError:
        return []
    return [Need(capability_of(step), "if" not in step) for step in steps]


def capability_of(step: Definition) -> str | None:
    """What a resolved step needs the employee to be able to do."""
    named = step.get("capability")
    return named if isinstance(named, str) else ACTIONS[str(step["action"])].capability


def intention_of(
    procedure: Procedure,
    library: Library,
    *,
    bindings: Mapping[str, JsonValue],
    context: PlanContext,
    **about: Any,
) -> NewIntention:
    """The intention to carry the playbook out; `about` says for what. Raises `InvalidError` for one that can't be resolved or kept."""
    steps = library.resolved(procedure)
    body = procedure.steps
    stated = procedure.conditions
    plan: dict[str, Any] = {
        "type": procedure.procedure_name,
        "params": dict(bindings),
        "required_capabilities": sorted({need for step in steps if (need := capability_of(step))}),
        "success_criteria": body.success,
        "timeframe": body.timeframe,
        "impossible": stated.impossible,
        "context": stated.context,
    }
    plan = {key: value for key, value in plan.items() if value is not None}
    return NewIntention(
        description=procedure.description or procedure.procedure_name,
        intention_type=_type_of(steps),
        plan=Plan.parse(plan),
        context=context,
        steps=[_new_step(step, position) for position, step in enumerate(steps, start=1)],
        watches=_fitting(_watched(plan, steps, bindings)),
        procedure_id=procedure.id,
        plan_key=procedure.procedure_name,
        commitment=body.commitment or "single_minded",
        on_failed_dependency=body.on_failed_dependency or "replan",
        **about,
    )


def _type_of(steps: Sequence[Definition]) -> IntentionType:
    """A strategy is made of tactics, a tactic of several steps, an action of one."""
    if any(step["action"] == "pursue" for step in steps):
        return "strategy"
    return "tactic" if len(steps) > 1 else "action"


def _new_step(step: Definition, position: int) -> NewStep:
    action = str(step["action"])
    after = step.get("after")
    before: list[int] = [position - 1] if position > 1 else []
    retries = step.get("retries", 0 if action in _WAITING else DEFAULT_RETRIES)
    return NewStep(
        action=action,
        definition=step,
        depends_on=cast("list[int]", after) if isinstance(after, list) else before,
        capability=capability_of(step),
        max_attempts=1 + (retries if isinstance(retries, int) else DEFAULT_RETRIES),
    )


def _watched(plan: Mapping[str, JsonValue], steps: Sequence[Definition], bindings: Mapping[str, JsonValue]) -> set[Key]:
    keys: set[Key] = set()
    for name in ("success_criteria", "impossible", "context"):
        if plan.get(name) is not None:
            keys |= Condition.parse(plan[name], what=name).keys(bindings)
    for step in steps:
        keys |= keys_of(step, bindings)
    return keys


def keys_of(step: Mapping[str, JsonValue], bindings: Mapping[str, JsonValue]) -> set[Key]:
    """The beliefs that a resolved step looks at, in its conditions and its texts."""
    keys = {key for text in _texts(dict(step)) for key in template_keys(text, bindings)}
    for name in _CONDITIONS:
        if step.get(name) is not None:
            keys |= Condition.parse(step[name], what=name).keys(bindings)
    return keys


def _texts(value: JsonValue) -> Iterator[str]:
    """Every text in it, at any depth."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            for name, item in value.items():
                if name not in _CONDITIONS:
                    yield from _texts(item)
        case _:
            pass


def _fitting(keys: set[Key]) -> list[list[str]]:
    """Those that can be a belief's, in order. Raises `InvalidError` for more than an intention can watch."""
    watches = [
        [subject, predicate]
        for subject, predicate in sorted(keys)
        if 0 < len(subject) <= MAX_SUBJECT_CHARACTERS and 0 < len(predicate) <= MAX_PREDICATE_CHARACTERS
    ]
    if len(json.dumps(watches, ensure_ascii=False).encode()) > _MAX_WATCHES_BYTES:
        raise InvalidError(f"it looks at {len(watches)} beliefs, which are too many")
    return watches
