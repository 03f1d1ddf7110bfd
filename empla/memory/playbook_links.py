"""How playbooks refer to one another: skills that steps name, playbooks that they pursue, veto or rank. Nothing runs in a circle."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from pydantic import JsonValue

from empla.memory.actions import ACTIONS, Call, call
from empla.memory.playbook import Playbook
from empla.memory.playbook_rules import Draft, Fault, draft, faults_of_parameters
from empla.memory.shapes import Step
from empla.memory.strict_yaml import Path

Library = Mapping[str, Draft]


def links(one: Draft, library: Library) -> Iterator[Fault]:
    """What is wrong with its references, given all playbooks by name, itself among them."""
    if one.type == "skill":
        yield from _faults_of_skill(one)
    for index, step in one.steps.items():
        yield from _faults_of_call(one, index, step, library)
    yield from _circles(one, library)
    if one.type == "workflow" and not one.is_called and one.playbook is not None and not _is_pursued(one, library):
        yield Fault("nothing starts it: it has no triggers, goals or finds_out, and no other playbook pursues it")


def faults_among(playbooks: Iterable[Playbook]) -> dict[str, list[str]]:
    """Of playbooks that belong together, those that can't be carried out, each with all its faults; of two of a name the last counts."""
    library = {playbook.name: draft(playbook.to_file()) for playbook in playbooks}
    found = {name: [str(fault) for fault in (*each.faults, *links(each, library))] for name, each in library.items()}
    return {name: faults for name, faults in found.items() if faults}


def _faults_of_skill(one: Draft) -> Iterator[Fault]:
    if one.playbook is not None and len(one.steps) != 1:
        yield Fault(f"a skill has exactly one step, not {len(one.steps)}", ("steps",))
    for index, step in one.steps.items():
        if step.action not in ACTIONS:
            yield Fault(f"a skill's step is an action, not another skill: {step.action}", ("steps", index, "action"))


def _faults_of_call(one: Draft, index: int, step: Step, library: Library) -> Iterator[Fault]:
    here: Path = ("steps", index)
    called = library.get(step.action)
    if step.action not in ACTIONS:
        if called is None and one.type != "skill":
            yield Fault(f"{step.action} is neither an action nor a skill", (*here, "action"))
        elif called is not None and called.type != "skill":
            yield Fault(f"{step.action} is a {called.type}, not a skill: pursue it", (*here, "action"))
    made = _made(step, library)
    if made is None:
        return
    if made.skill is not None:
        yield from faults_of_parameters(made.action, made.step.to_json(), here)
    lent: frozenset[str] = frozenset() if called is None or made.skill is None else called.templates
    if made.step.template is not None and made.step.template not in one.templates | lent:
        yield Fault(f"there is no template {made.step.template}", (*here, "template"))
    yield from _faults_of_target(made, here, library)


def _faults_of_target(made: Call, here: Path, library: Library) -> Iterator[Fault]:
    target = _target(made)
    if target is None:
        return
    found = library.get(target)
    if found is None:
        yield Fault(f"there is no playbook {target}", (*here, "playbook"))
    elif found.type != "workflow":
        yield Fault(f"{target} is a {found.type}, and only workflows are pursued or chosen", (*here, "playbook"))


def _made(step: Step, library: Library) -> Call | None:
    called = library.get(step.action)
    return call(step, skill=None if called is None else called.skill_step)


def _target(made: Call) -> str | None:
    """The playbook that a step refers to by name."""
    named: JsonValue = made.step.parameters.get("playbook") if "playbook" in made.action.parameters() else None
    return named if isinstance(named, str) else None


def _pursued(one: Draft, library: Library) -> dict[str, int]:
    """The playbooks that it pursues, each with the index of the first step that does."""
    found: dict[str, int] = {}
    for index, step in one.steps.items():
        made = _made(step, library)
        if made is not None and made.action.name == "pursue" and (target := _target(made)) is not None:
            found.setdefault(target, index)
    return found


def _is_pursued(one: Draft, library: Library) -> bool:
    return any(one.name in _pursued(other, library) for other in library.values() if other.name != one.name)


def _circles(one: Draft, library: Library) -> Iterator[Fault]:
    """Each step whose pursuit comes back to this playbook, with the shortest way."""
    for first, index in _pursued(one, library).items():
        way = _way(first, one.name, library)
        if way is not None:
            circle = " → ".join((one.name, *way))
            yield Fault(f"it would pursue itself: {circle}", ("steps", index, "playbook"))


def _way(start: str, end: str, library: Library) -> tuple[str, ...] | None:
    """The shortest chain of pursuits from one playbook to another; None when there is none."""
    seen = {start}
    waiting: deque[tuple[str, ...]] = deque([(start,)])
    while waiting:
        way = waiting.popleft()
        if way[-1] == end:
            return way
        here = library.get(way[-1])
        for after in _pursued(here, library) if here is not None else ():
            if after not in seen:
                seen.add(after)
                waiting.append((*way, after))
    return None
