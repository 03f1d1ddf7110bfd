"""The actions that a step may name, as data: what each takes, what it needs, and what it does. Anything else names a skill."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import JsonValue

from empla.conditions import View, render
from empla.memory.shapes import Step

Kind = Literal[
    "text",
    "name",
    "names",
    "value",
    "number",
    "share",
    "weight",
    "duration",
    "condition",
    "metric",
    "playbook",
    "event",
]
"""What a parameter holds.

text: words, with `{names}` filled in; name: a short text of that kind; names: a list of them; value: any JSON, its texts
filled in; share: 0 to 1; weight: -0.3 to 0.3; metric: `subject.predicate`; event: the kind of a percept.
"""

LEAST_WEIGHT, MOST_WEIGHT = -0.3, 0.3


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key of a step that goes to its action."""

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """What one action takes and does."""

    name: str
    does: str
    required: tuple[Parameter, ...] = ()
    optional: tuple[Parameter, ...] = ()
    one_of: tuple[Parameter, ...] = ()  # exactly one of them must be there
    capability: str | None = None  # unless the step says another
    for_heuristics: bool = False  # and for them alone
    yields: str | None = None  # what its outcome is, for `as`

    def parameters(self) -> dict[str, Parameter]:
        """All that it takes, by name."""
        return {parameter.name: parameter for parameter in (*self.required, *self.one_of, *self.optional)}


_TEXT, _TEMPLATE, _TITLE = Parameter("text", "text"), Parameter("template", "name"), Parameter("title", "text")
_WORDS = (_TEXT, _TEMPLATE)
_CRITERIA = Parameter("criteria", "condition")

ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action(
            "task",
            "A task for a human or for itself.",
            required=(_TITLE,),
            optional=(_TEXT, _TEMPLATE, Parameter("due", "duration"), Parameter("assignee", "name")),
        ),
        Action("note", "A note that stays with the employee.", one_of=_WORDS, optional=(_TITLE,)),
        Action(
            "draft",
            "A message, drafted and never sent.",
            required=(Parameter("to", "name"),),
            one_of=_WORDS,
            optional=(Parameter("subject", "text"),),
            capability="email",
        ),
        Action(
            "send",
            "A message that leaves: drafted in shadow, approved by a human when supervised, else sent within its limits.",
            required=(Parameter("to", "name"),),
            one_of=_WORDS,
            optional=(
                Parameter("subject", "text"),
                Parameter("timezone", "name"),
                Parameter("reply_to", "name"),
                Parameter("in_reply_to", "name"),
                Parameter("timeout", "duration"),
            ),
            capability="email",
            yields="sent or drafted",
        ),
        Action(
            "reply",
            "An answer in the conversation that called for the plan; gated as a message is. With `about`, it goes on with what the "
            "employee believes and remembers about that, or with `otherwise`; never for somebody from outside.",
            one_of=_WORDS,
            optional=(Parameter("about", "text"), Parameter("otherwise", "text"), Parameter("timeout", "duration")),
            yields="sent or drafted",
        ),
        Action(
            "invoke",
            "A call of another system, through what is connected for its capability; gated as a message is.",
            required=(_TITLE, Parameter("capability", "name")),
            optional=(_TEXT, _TEMPLATE, Parameter("arguments", "value"), Parameter("timeout", "duration")),
            yields="called or drafted",
        ),
        Action(
            "believe",
            "A belief by inference; it rests on the beliefs that its `if` used.",
            required=(Parameter("subject", "name"), Parameter("predicate", "name"), Parameter("object", "value")),
        ),
        Action("remember", "An episode to remember.", one_of=_WORDS, optional=(Parameter("participants", "names"),)),
        Action(
            "adopt_goal",
            "A goal; of one key, at most one is alive.",
            required=(Parameter("key", "name"), Parameter("metric", "metric")),
            one_of=(Parameter("value", "number"), Parameter("threshold", "number")),
            optional=(
                Parameter("description", "text"),
                Parameter("goal_type", "name", ("achievement", "maintenance", "prevention")),
                Parameter("comparator", "name", (">=", "<=", ">", "<", "==", "!=")),
                Parameter("restore", "number"),
                Parameter("deadline", "duration"),
                Parameter("importance", "share"),
            ),
        ),
        Action(
            "follow_up",
            "An event that comes due later, once; playbooks may be triggered by its kind.",
            required=(Parameter("kind", "event"), Parameter("in", "duration")),
            optional=(Parameter("key", "name"), _TEXT, _TEMPLATE),
        ),
        Action(
            "notify",
            "A notice for the managers.",
            one_of=_WORDS,
            optional=(Parameter("severity", "name", ("info", "warning", "urgent")),),
        ),
        Action("ask", "A question to a human; it waits for the answer.", one_of=_WORDS, yields="the answer"),
        Action("decide", "A decision: whether its criteria hold.", required=(_CRITERIA,), yields="true or false"),
        Action(
            "await",
            "It waits until its criteria hold, and has failed when the timeout is over.",
            required=(_CRITERIA, Parameter("timeout", "duration")),
        ),
        Action(
            "pursue",
            "Another playbook, as a part of this one: done when that has succeeded, failed when it has failed.",
            required=(Parameter("playbook", "playbook"),),
        ),
        Action(
            "veto",
            "That playbook is not chosen while the heuristic applies.",
            required=(Parameter("playbook", "playbook"),),
            for_heuristics=True,
        ),
        Action(
            "rank",
            "That playbook's score is moved while the heuristic applies.",
            required=(Parameter("playbook", "playbook"), Parameter("weight", "weight")),
            for_heuristics=True,
        ),
    )
}
"""Every action, by name; `skill` procedures add to them."""

OF_EVERY_STEP = frozenset(field.serialization_alias or name for name, field in Step.model_fields.items())
"""The keys of a step that are its own; any other goes to its action."""

_PLACE = frozenset({"step", "after"})  # of a step among the others of its procedure
_TOLD = frozenset({"template", "duration"})  # keys of every step that a skill's texts may speak of


@dataclass(frozen=True, slots=True)
class Call:
    """A step as it is carried out: the action itself, and the step with the parameters of its skill filled in."""

    action: Action
    step: Step
    skill: str | None = None

    @property
    def capability(self) -> str | None:
        """What the employee must be able to do; None for nothing special."""
        return self.step.capability or self.action.capability


def call(step: Step, *, skill: Step | None = None) -> Call | None:
    """How a step is carried out, given the one step of the skill that it names; None when it names no action and no such skill.

    The calling step's keys come on top of the skill's; where both have an `if`, both must hold.
    """
    if step.action in ACTIONS:
        return Call(ACTIONS[step.action], step)
    if skill is None or skill.action not in ACTIONS:
        return None
    action = ACTIONS[skill.action]
    own, below = step.to_json(), skill.to_json()
    alternatives = {parameter.name for parameter in action.one_of}
    if alternatives & own.keys():
        below = {key: value for key, value in below.items() if key not in alternatives}
    merged = {key: value for key, value in below.items() if key not in _PLACE} | own | {"action": action.name}
    if own.get("if") is not None and below.get("if") is not None:
        merged["if"] = [below["if"], own["if"]]
    return Call(action, Step.parse(merged), skill=step.action)


def arguments(definition: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What a step's caller said beyond the parameters of its action; {} for a step that calls no skill.

    `definition` is the step as it is carried out (`Playbook.resolved`).
    """
    action = ACTIONS.get(str(definition.get("action")))
    if action is None or "skill" not in definition:
        return {}
    taken = ((OF_EVERY_STEP | action.parameters().keys()) - _TOLD) | {"skill"}
    return {key: value for key, value in definition.items() if key not in taken}


def with_arguments(view: View, definition: Mapping[str, JsonValue]) -> View:
    """What a step of a skill may look at: what its caller said is bound by name, so that a skill's text may speak of `{platform}`.

    A caller's texts are filled in first; what is bound already under such a name gives way.
    """
    said = {key: _filled_in(value, view) for key, value in arguments(definition).items()}
    return replace(view, bindings={**view.bindings, **said}) if said else view


def _filled_in(value: JsonValue, view: View) -> JsonValue:
    match value:
        case str():
            return render(value, view)
        case list():
            return [_filled_in(item, view) for item in value]
        case _:
            return value
