"""A playbook in plain sentences, for the manager who reads it: when it starts, what is done in which order, and when it has worked."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from empla.conditions import Condition
from empla.conditions_values import in_a_text
from empla.durations import duration, in_words
from empla.errors import InvalidError
from empla.memory.actions import ACTIONS, arguments
from empla.memory.events import EVENTS
from empla.memory.playbook import Playbook

Definition = Mapping[str, JsonValue]

_COMMITMENTS = {
    "blind": "It is kept up until it has succeeded or its time is over, whatever happens.",
    "single_minded": "It is kept up until it has succeeded or can't succeed any more.",
    "open_minded": "It is given up as soon as its reason is gone.",
}
_AFTER_FAILURE = {
    "replan": "When a step fails, those that wait for it are planned anew.",
    "abandon": "When a step fails, those that wait for it are left out.",
    "proceed": "When a step fails, the next ones are done all the same.",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A playbook in words, each a sentence or a few."""

    starts: tuple[str, ...]  # any of them starts it
    only_if: tuple[str, ...]  # all of them must hold
    steps: tuple[str, ...]
    ends: tuple[str, ...]  # how one knows that it worked, or did not


def told(playbook: Playbook, library: Mapping[str, Playbook]) -> Told:
    """In words, given the skills that it names."""
    return Told(
        starts=tuple(_starts(playbook)),
        only_if=tuple(_parts(playbook.conditions.context)),
        steps=tuple(_steps(playbook, library)),
        ends=tuple(_ends(playbook)),
    )


def _starts(playbook: Playbook) -> Iterator[str]:
    if playbook.type == "skill":
        yield "as a step of other playbooks"
        return
    if playbook.type == "heuristic":
        yield "whenever a playbook is chosen"
        return
    stated = playbook.conditions
    for metric in stated.goals or ():
        yield f"{_metric(metric)} is not as a goal wants it"
    for metric in stated.finds_out or ():
        yield f"{_metric(metric)} is not known"
    for kind in stated.triggers or ():
        said = EVENTS.get(kind)
        yield f"{said.partition(':')[0]} (`{kind}`)" if said else f"`{kind}` comes due"
    if not (stated.goals or stated.finds_out or stated.triggers):
        yield "another playbook pursues it"


def _metric(name: str) -> str:
    return f"the {name.removeprefix('*.')} of any one (`{name}`)" if name.startswith("*.") else f"`{name}`"


def _parts(written: JsonValue) -> list[str]:
    """The parts of a condition that must all hold; one that can't be read is shown as it is."""
    if written is None:
        return []
    try:
        return [f"`{part}`" for part in Condition.parse(written, what="it").parts]
    except InvalidError:
        return [f"`{json.dumps(written, ensure_ascii=False)}`"]


def _all(written: JsonValue) -> str:
    return " and ".join(_parts(written)) or "always"


def _steps(playbook: Playbook, library: Mapping[str, Playbook]) -> Iterator[str]:
    for number, step in enumerate(playbook.steps.steps or (), start=1):
        try:
            definition = playbook.resolved(step, library.get(step.action))
        except InvalidError as error:
            yield f"{step.action} ({error})"
            continue
        definition = _spoken(definition)
        doing = _DOING[str(definition["action"])](definition)
        skill = f"*{definition['skill']}* – " if "skill" in definition else ""
        condition = f"If {_all(definition['if'])}: " if definition.get("if") is not None else ""
        yield f"{condition}{skill}{doing}{_needs(definition)}{_waits(definition, number)}"


def _spoken(definition: Definition) -> Definition:
    """The texts of a skill with what its caller said filled in."""
    said = arguments(definition)

    def filled(text: str) -> str:
        for name, value in said.items():
            text = text.replace(f"{{{name}}}", in_a_text(value))
        return text

    return {key: filled(value) if isinstance(value, str) else value for key, value in definition.items()}


def _needs(definition: Definition) -> str:
    action = ACTIONS[str(definition["action"])]
    capability = definition.get("capability") or action.capability
    told_as = definition.get("as")
    said = f" What comes of it is called `{told_as}`." if told_as else ""
    if definition.get("criteria") is not None and "criteria" not in action.parameters():
        said += f" It is done when {_all(definition['criteria'])}."
    return f"{said} Needs: {capability}." if capability else said


def _waits(definition: Definition, number: int) -> str:
    after = definition.get("after")
    if not isinstance(after, list) or after == [number - 1]:
        return ""
    if not after:
        return " At once." if number > 1 else ""
    numbers = [str(step) for step in after]
    if len(numbers) == 1:
        return f" After step {numbers[0]}."
    return f" After steps {', '.join(numbers[:-1])} and {numbers[-1]}."


def _quoted(text: JsonValue) -> str:
    """The words of a text in one line."""
    return " ".join(str(text).split())


def _span(text: JsonValue) -> str:
    try:
        return in_words(duration(str(text)))
    except InvalidError:
        return str(text)


def _task(definition: Definition) -> str:
    due = f" Due within {_span(definition['due'])}." if definition.get("due") else ""
    whose = f" For {_quoted(definition['assignee'])}." if definition.get("assignee") else ""
    words = f" {_quoted(definition['text'])}" if definition.get("text") else ""
    return f"Task: **{_quoted(definition['title'])}**.{words}{whose}{due}"


def _note(definition: Definition) -> str:
    title = f"**{_quoted(definition['title'])}**: " if definition.get("title") else ""
    return f"Note: {title}{_quoted(definition['text'])}"


def _draft(definition: Definition) -> str:
    subject = f" **{_quoted(definition['subject'])}**:" if definition.get("subject") else ""
    return f"Draft to {_quoted(definition['to'])}:{subject} “{_quoted(definition['text'])}”"


def _send(definition: Definition) -> str:
    return f"Send{_draft(definition).removeprefix('Draft')}"


def _reply(definition: Definition) -> str:
    told = (
        "" if not definition.get("about") else f" and go on with what is known about “{_quoted(definition['about'])}”"
    )
    return f"Answer in the conversation: “{_quoted(definition['text'])}”{told}"


def _invoke(definition: Definition) -> str:
    given = json.dumps(definition["arguments"], ensure_ascii=False) if definition.get("arguments") else ""
    return f"Call, with what is connected for {definition['capability']}: **{_quoted(definition['title'])}** {given}".strip()


def _believe(definition: Definition) -> str:
    held = json.dumps(definition["object"], ensure_ascii=False)
    return f"Believe from now on: {definition['subject']}, {definition['predicate']}: {held}."


def _adopt_goal(definition: Definition) -> str:
    number = definition.get("value") if definition.get("value") is not None else definition.get("threshold")
    kind = str(definition.get("goal_type") or "achievement")
    sign = definition.get("comparator") or ("<=" if kind == "prevention" else ">=")
    words = f" ({_quoted(definition['description'])})" if definition.get("description") else ""
    deadline = f", within {_span(definition['deadline'])}" if definition.get("deadline") else ""
    return f"Adopt a goal of {kind}: `{definition['metric']} {sign} {number}`{words}{deadline}."


def _follow_up(definition: Definition) -> str:
    return f"Come back in {_span(definition['in'])} (`{definition['kind']}`)."


def _notify(definition: Definition) -> str:
    severity = definition.get("severity")
    how = f" ({severity})" if severity and severity != "info" else ""
    return f"Tell the managers{how}: “{_quoted(definition['text'])}”"


def _ask(definition: Definition) -> str:
    until = f" It waits {_span(definition['timeout'])}." if definition.get("timeout") else ""
    return f"Ask a human: “{_quoted(definition['text'])}”{until}"


def _weight(definition: Definition) -> str:
    weight = definition["weight"]
    way = "more" if isinstance(weight, int | float) and weight > 0 else "less"
    return f"`{definition['playbook']}` is {way} likely to be chosen ({weight:+})."


_DOING: dict[str, Callable[[Definition], str]] = {
    "task": _task,
    "note": _note,
    "draft": _draft,
    "send": _send,
    "reply": _reply,
    "invoke": _invoke,
    "believe": _believe,
    "remember": lambda definition: f"Remember: “{_quoted(definition['text'])}”",
    "adopt_goal": _adopt_goal,
    "follow_up": _follow_up,
    "notify": _notify,
    "ask": _ask,
    "decide": lambda definition: f"Decide whether {_all(definition['criteria'])}.",
    "await": lambda definition: (
        f"Wait until {_all(definition['criteria'])}, at most {_span(definition['timeout'])}; else it has failed."
    ),
    "pursue": lambda definition: f"Pursue `{definition['playbook']}`, and wait for it.",
    "veto": lambda definition: f"`{definition['playbook']}` is not chosen.",
    "rank": _weight,
}


def _ends(playbook: Playbook) -> Iterator[str]:
    steps, stated = playbook.steps, playbook.conditions
    if playbook.type != "workflow":
        return
    within = f", within {_span(steps.timeframe)}" if steps.timeframe else ""
    if steps.success is not None:
        yield f"It has succeeded when {_all(steps.success)}{within}."
    else:
        yield f"It has succeeded when its steps are done{within}."
    if stated.impossible is not None:
        yield f"It is given up when {_all(stated.impossible)}."
    if stated.prefers is not None:
        yield f"It is the better choice when {_all(stated.prefers)}."
    if steps.commitment is not None:
        yield _COMMITMENTS[steps.commitment]
    if steps.on_failed_dependency is not None:
        yield _AFTER_FAILURE[steps.on_failed_dependency]
