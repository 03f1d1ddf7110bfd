"""What a playbook must be to be carried out: every fault is found at once, each with its place and one sentence."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast, get_args

from pydantic import JsonValue

from empla.conditions import Condition, template_names
from empla.conditions_syntax import name_of
from empla.durations import duration
from empla.employees.capabilities import KNOWN
from empla.errors import FaultyError, InvalidError
from empla.memory.actions import ACTIONS, LEAST_WEIGHT, MOST_WEIGHT, OF_EVERY_STEP, Action, Kind, Parameter
from empla.memory.playbook import KEYS, Playbook, ProcedureType
from empla.memory.shapes import MAX_RETRIES, MAX_STEPS, Commitment, FailedDependency, Step
from empla.memory.strict_yaml import Path
from empla.shapes import check_json

MAX_TEXT = 10_000  # characters
MAX_NAME = 500  # characters, as a belief's subject
MAX_EVENT = 100  # characters, as an observation's kind
MAX_LISTED = 50
MAX_PLAYBOOK_BYTES = 65_536

_PLAYBOOK_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_WORD = re.compile(r"[^\W\d]\w{0,99}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a playbook, and where in it."""

    reason: str
    path: Path = ()

    def __str__(self) -> str:
        step = self.path[1] if len(self.path) > 1 and self.path[0] == "steps" else None
        return f"step {step + 1}: {self.reason}" if isinstance(step, int) else self.reason


@dataclass(frozen=True, slots=True)
class Draft:
    """A playbook as far as it can be read: its faults of form, and the steps that have none."""

    name: str
    type: ProcedureType
    faults: tuple[Fault, ...]
    steps: Mapping[int, Step] = field(default_factory=dict[int, Step])
    templates: frozenset[str] = frozenset()
    is_called: bool = False  # by events or goals
    playbook: Playbook | None = None  # None when it has faults of form

    @property
    def skill_step(self) -> Step | None:
        return self.steps.get(0) if self.type == "skill" else None


def draft(written: JsonValue) -> Draft:
    """What can be said about a playbook by itself."""
    if not isinstance(written, dict):
        return Draft("", "workflow", (Fault("a playbook must be a mapping of keys, such as name and steps"),))
    kind = written.get("type")
    found: ProcedureType = cast("ProcedureType", kind) if kind in get_args(ProcedureType) else "workflow"
    name, texts, items = written.get("name"), written.get("templates"), written.get("steps")
    faults = [*_faults_of_form(written, found)]
    steps: dict[int, Step] = {}
    sound = items if isinstance(items, list) and len(items) <= MAX_STEPS else []
    for index, item in enumerate(sound):
        wrong = [*_faults_of_step(item, index, len(sound), found)]
        faults += wrong
        if isinstance(item, dict) and not wrong:
            steps[index] = Step.parse(item)
    return Draft(
        name=name if isinstance(name, str) else "",
        type=found,
        faults=tuple(faults),
        steps=steps,
        templates=frozenset(texts) if isinstance(texts, dict) else frozenset(),
        is_called=any(written.get(key) for key in ("triggers", "goals", "finds_out")),
        playbook=None if faults else Playbook.of(written),
    )


def parsed(written: JsonValue) -> Playbook:
    """The playbook of a file's keys. Raises `InvalidError`, every fault of form on a line of its own."""
    found = draft(written)
    if found.playbook is None:
        raise FaultyError(told(found))
    return found.playbook


def told(found: Draft) -> list[str]:
    """Its faults of form, a sentence each."""
    return [f"{found.name}: {fault}" if found.name else str(fault) for fault in found.faults]


def _faults_of_form(written: dict[str, JsonValue], kind: ProcedureType) -> Iterator[Fault]:
    yield from map(Fault, _raised(lambda: check_json(written, what="the playbook", max_bytes=MAX_PLAYBOOK_BYTES)))
    for key in written:
        if key not in KEYS[kind]:
            where = f"in a {kind}" if key in KEYS["workflow"] else "in a playbook"
            yield Fault(f"{key} is not a key that may stand {where}", (key,))
    for key in ("name", "description", "steps"):
        if written.get(key) is None:
            yield Fault(f"{key} is missing")
    for key, check in _CHECKS.items():
        if written.get(key) is not None:
            for reason in check(written[key], key):
                yield Fault(reason, (key,))
    texts = written.get("templates")
    for name, text in texts.items() if isinstance(texts, dict) else ():
        for reason in _words(text, f"the template {name}"):
            yield Fault(reason, ("templates", name))


def _words(value: JsonValue, what: str, *, longest: int = MAX_TEXT) -> Iterator[str]:
    """A text that is not blank, with every `{name}` well written."""
    if not isinstance(value, str):
        yield f"{what} must be text"
    elif not value.strip():
        yield f"{what} must not be empty"
    elif len(value) > longest:
        yield f"{what} has {len(value):,} characters, but at most {longest:,} are allowed"
    else:
        yield from _raised(lambda: template_names(value, what=what))


def _raised(check: Callable[[], object]) -> Iterator[str]:
    try:
        check()
    except InvalidError as error:
        yield str(error)


def _plain(value: JsonValue, what: str, *, longest: int) -> Iterator[str]:
    if not isinstance(value, str) or not value.strip():
        yield f"{what} must be text"
    elif len(value) > longest:
        yield f"{what} has {len(value):,} characters, but at most {longest:,} are allowed"


def _condition(value: JsonValue, what: str) -> Iterator[str]:
    yield from _raised(lambda: Condition.parse(value, what=what))


def _duration(value: JsonValue, what: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from (f"{what}: {reason}" for reason in _raised(lambda: duration(value)))
    else:
        yield f'{what} must be a duration such as "48h" or "2 weeks"'


def _choice(value: JsonValue, what: str, *, choices: Sequence[str]) -> Iterator[str]:
    if value not in choices:
        yield f"{what} must be one of {', '.join(choices)}"


def _whole(value: JsonValue, what: str, *, least: int, most: int) -> Iterator[str]:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        yield f"{what} must be a whole number from {least:,} to {most:,}"


def _number(value: JsonValue, what: str, *, least: float | None = None, most: float | None = None) -> Iterator[str]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        yield f"{what} must be a number"
    elif least is not None and most is not None and not least <= value <= most:
        yield f"{what} must be a number from {least:g} to {most:g}"


def _named(value: JsonValue, what: str) -> Iterator[str]:
    if not isinstance(value, str) or not _PLAYBOOK_NAME.fullmatch(value):
        yield f"{what} must be small letters, digits and underscores, a letter first, at most 100"
    elif value in ACTIONS:
        yield f"{what}: {value} is the name of an action"


def _metric(value: JsonValue, what: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{what} must be the name of a metric, such as pipeline.coverage"
    elif len(value) > MAX_NAME or "{" in value:
        yield from _words(value, what, longest=MAX_NAME)
    elif name_of(f"any{value[1:]}" if value.startswith("*.") else value) is None:
        yield f"{what}: {value} is not the name of a metric, such as pipeline.coverage or *.health"


def _many(value: JsonValue, what: str, *, each: Callable[[JsonValue, str], Iterator[str]]) -> Iterator[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_LISTED:
        yield f"{what} must be a list of 1 to {MAX_LISTED}"
        return
    for item in value:
        yield from each(item, what)


def _steps(value: JsonValue, what: str) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield f"{what} must be a list of at least one step"
    elif len(value) > MAX_STEPS:
        yield f"there are {len(value):,} steps, but at most {MAX_STEPS} are allowed"


def _templates(value: JsonValue, what: str) -> Iterator[str]:
    if not isinstance(value, dict) or len(value) > MAX_LISTED:
        yield f"{what} must be at most {MAX_LISTED} texts by their names"


_event = partial(_plain, longest=MAX_EVENT)
_CHECKS: dict[str, Callable[[JsonValue, str], Iterator[str]]] = {
    "name": _named,
    "version": partial(_whole, least=1, most=1_000_000),
    "type": partial(_choice, choices=get_args(ProcedureType)),
    "description": partial(_plain, longest=MAX_TEXT),
    "triggers": partial(_many, each=_event),
    "goals": partial(_many, each=_metric),
    "finds_out": partial(_many, each=_metric),
    "context": _condition,
    "prefers": _condition,
    "impossible": _condition,
    "success": _condition,
    "steps": _steps,
    "timeframe": _duration,
    "commitment": partial(_choice, choices=get_args(Commitment)),
    "on_failed_dependency": partial(_choice, choices=get_args(FailedDependency)),
    "templates": _templates,
}


def _value(value: JsonValue, what: str) -> Iterator[str]:
    match value:
        case str():
            yield from _raised(lambda: template_names(value, what=what))
        case list():
            for item in value:
                yield from _value(item, what)
        case dict():
            for member in value.values():
                yield from _value(member, what)
        case _:
            pass


_KINDS: dict[Kind, Callable[[JsonValue, str], Iterator[str]]] = {
    "text": _words,
    "name": partial(_words, longest=MAX_NAME),
    "names": partial(_many, each=partial(_words, longest=MAX_NAME)),
    "value": _value,
    "number": _number,
    "share": partial(_number, least=0, most=1),
    "weight": partial(_number, least=LEAST_WEIGHT, most=MOST_WEIGHT),
    "duration": _duration,
    "condition": _condition,
    "metric": _metric,
    "playbook": _named,
    "event": _event,
}


def _capability(value: JsonValue, what: str) -> Iterator[str]:
    if value not in KNOWN:
        yield f"{what}: {value} is not a capability; there are {', '.join(KNOWN)}"


_OWN: dict[str, Callable[[JsonValue, str], Iterator[str]]] = {
    "if": _condition,
    "criteria": _condition,
    "duration": _duration,
    "template": partial(_plain, longest=MAX_NAME),
    "capability": _capability,
    "timeout": _duration,
    "retries": partial(_whole, least=0, most=MAX_RETRIES),
    "backoff": _duration,
}


def _faults_of_step(item: JsonValue, index: int, count: int, kind: ProcedureType) -> Iterator[Fault]:
    here: Path = ("steps", index)
    if not isinstance(item, dict):
        yield Fault("a step must be a mapping of keys, such as action", here)
        return
    unstorable = [*_raised(lambda: check_json(item, what="the step"))]
    if unstorable:
        yield Fault(unstorable[0], here)
        return
    action = item.get("action")
    if not isinstance(action, str) or not action.strip():
        yield Fault("action is missing" if action is None else "action must be text", here)
        return
    for key, check in _OWN.items():
        if item.get(key) is not None:
            yield from (Fault(reason, (*here, key)) for reason in check(item[key], key))
    yield from _faults_of_place(item, index, count, here)
    name = item.get("as")
    if name is not None and (not isinstance(name, str) or not _WORD.fullmatch(name)):
        yield Fault("as must be one word, letters, digits and underscores", (*here, "as"))
    known = ACTIONS.get(action)
    if known is None:
        return
    if known.for_heuristics != (kind == "heuristic"):
        only = "heuristics alone" if known.for_heuristics else "skills and workflows; a heuristic has veto and rank"
        yield Fault(f"{action} is for {only}", (*here, "action"))
    for key in item:
        if key not in OF_EVERY_STEP and key not in known.parameters():
            yield Fault(f"{action} takes no {key}", (*here, key))
    yield from faults_of_parameters(known, item, here)


def _faults_of_place(item: dict[str, JsonValue], index: int, count: int, here: Path) -> Iterator[Fault]:
    number, after = item.get("step"), item.get("after")
    if number is not None and number != index + 1:
        yield Fault(f"step is {number}, but this is step {index + 1}", (*here, "step"))
    if after is None:
        return
    if not isinstance(after, list):
        yield Fault("after must be a list of earlier steps, by their numbers", (*here, "after"))
        return
    for other in after:
        if not isinstance(other, int) or isinstance(other, bool) or not 1 <= other <= count:
            yield Fault(f"after names {other}, but there is no such step", (*here, "after"))
        elif other == index + 1:
            yield Fault("after names the step itself", (*here, "after"))
        elif other > index + 1:
            yield Fault(f"after names {other}, which comes later: steps wait for earlier ones alone", (*here, "after"))


def faults_of_parameters(action: Action, item: Mapping[str, JsonValue], here: Path) -> Iterator[Fault]:
    """What the action does not take the way it is written: missing, mistyped, or two where one is wanted."""
    for parameter in action.required:
        if item.get(parameter.name) is None:
            yield Fault(f"{action.name} needs {parameter.name}", here)
    given = [parameter.name for parameter in action.one_of if item.get(parameter.name) is not None]
    if action.one_of and len(given) != 1:
        wanted = " or ".join(parameter.name for parameter in action.one_of)
        yield Fault(f"{action.name} needs {wanted}, and only one of them", here)
    for name, parameter in action.parameters().items():
        if name not in _OWN and item.get(name) is not None:
            yield from (Fault(reason, (*here, name)) for reason in _faults_of_kind(parameter, item[name]))


def _faults_of_kind(parameter: Parameter, value: JsonValue) -> Iterator[str]:
    if parameter.choices:
        yield from _choice(value, parameter.name, choices=parameter.choices)
    else:
        yield from _KINDS[parameter.kind](value, parameter.name)
