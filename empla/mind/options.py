"""Which playbooks apply to an event, and which is chosen: .5 · Wilson bound of success + .3 · context match + .2 · capability."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import JsonValue

from empla.conditions import Condition, Judgement, Key, View, resolve
from empla.conditions_values import shown
from empla.errors import InvalidError
from empla.memory.procedural import Procedure
from empla.mind.plans import Library, Need, capabilities_of

# What the parts of a score weigh.
SUCCESS, MATCH, CAPABILITY = 0.5, 0.3, 0.2
ANYTHING = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What calls for a plan: a goal that wants something, or something that happened."""

    kind: str  # "violated" or "unknown" for a goal's metric, else the percept's kind
    description: str
    bindings: Mapping[str, JsonValue]
    goal: UUID | None = None
    metric: Key | None = None  # of the goal
    cause: UUID | None = None  # the episode, where no goal wants it
    priority: int = 5
    tried: frozenset[str] = frozenset()  # plans that ran and did not bring it
    tainted: bool = False  # it came from outside
    is_any: bool = False  # nothing in particular: every plan is about it; for a look around, never in a cycle

    @property
    def is_of_a_goal(self) -> bool:
        return self.goal is not None


@dataclass(frozen=True, slots=True)
class Option:
    """A playbook that concerns an event: its score in parts, or why it does not apply."""

    procedure: Procedure
    judgement: Judgement  # of its context
    refused: str | None  # why it does not apply
    success: float  # Wilson's lower bound, 0..1
    held: int  # of the conditions that its context and its preferences state
    stated: int
    capability: float  # share of its steps that the employee may do
    rank: float  # what heuristics add, -.3 … +.3

    @property
    def match(self) -> float:
        """The stated conditions that hold, h of s: h / (s + 1), so that the more specific plan wins."""
        return self.held / (self.stated + 1)

    @property
    def score(self) -> float:
        """What options are chosen by."""
        return SUCCESS * self.success + MATCH * self.match + CAPABILITY * self.capability + self.rank

    def parts(self) -> dict[str, JsonValue]:
        """The score, in parts and with what they come from, as it is kept with the intention."""
        return {
            "score": round(self.score, 4),
            "success": round(self.success, 4),
            "match": round(self.match, 4),
            "capability": round(self.capability, 4),
            "rank": round(self.rank, 4),
            "succeeded": self.procedure.success_count,
            "executed": self.procedure.execution_count,
            "held": self.held,
            "stated": self.stated,
        }


def concerns(procedure: Procedure, event: Event, *, unused: bool = False) -> bool:
    """Whether the playbook is about such an event at all; disabled and demoted ones are about nothing, unless `unused` says so."""
    if procedure.procedure_type == "heuristic" or (not unused and _disuse(procedure) is not None):
        return False
    stated = procedure.conditions
    if event.is_any:
        return procedure.procedure_type == "workflow"
    if event.metric is not None:
        wanted = stated.finds_out if event.kind == "unknown" else stated.goals
        return any(_fits(pattern, event.metric) for pattern in wanted or ())
    return event.kind in (stated.triggers or ())


def _disuse(procedure: Procedure) -> str | None:
    """Why it is not chosen whatever happens; None when it may be."""
    if not procedure.enabled:
        return "it is disabled"
    return "it is demoted" if procedure.standing == "demoted" else None


def _fits(pattern: str, metric: Key) -> bool:
    """`pipeline.coverage` is that metric; `*.health` that of any subject; a bare one is the employee's own."""
    subject, dot, predicate = pattern.rpartition(".")
    return predicate == metric[1] and (subject if dot else "self") in {ANYTHING, metric[0]}


def keys_of(library: Iterable[Procedure], events: Sequence[Event], *, unused: bool = False) -> set[Key]:
    """The beliefs that choosing may need, to be fetched at once."""
    keys: set[Key] = set()
    for procedure in library:
        for event in events:
            if procedure.procedure_type == "heuristic" or concerns(procedure, event, unused=unused):
                stated = procedure.conditions
                for written in (stated.context, stated.prefers, stated.impossible):
                    keys |= _condition(procedure, written).keys(event.bindings)
    # The metric itself is what a choice rests on first.
    return keys | {event.metric for event in events if event.metric is not None}


def options(library: Library, event: Event, *, view: View, held: Iterable[str], unused: bool = False) -> list[Option]:
    """The playbooks that concern the event, the best first; those that don't apply come last, with the reason. Ties go by name.

    With `unused`, disabled and demoted ones are there, too, refused for that.
    """
    capabilities = frozenset(held)
    vetoes, ranks = _heuristics(library, view)
    found = [
        _option(procedure, library, event, view, capabilities, vetoes, ranks)
        for procedure in library.procedures
        if concerns(procedure, event, unused=unused)
    ]
    return sorted(found, key=order)


def order(option: Option) -> tuple[bool, float, str]:
    """What options are sorted by: those that apply first, of them the best; ties go by name."""
    return option.refused is not None, -option.score, option.procedure.procedure_name


def _option(
    procedure: Procedure,
    library: Library,
    event: Event,
    view: View,
    capabilities: frozenset[str],
    vetoes: Mapping[str, str],
    ranks: Mapping[str, float],
) -> Option:
    stated = procedure.conditions
    condition = _condition(procedure, stated.context)
    context = condition.judge(view)
    prefers = _condition(procedure, stated.prefers).judge(view)
    needs = capabilities_of(procedure, library)
    may = sum(need.capability is None or need.capability in capabilities for need in needs)
    name = procedure.procedure_name
    return Option(
        procedure=procedure,
        judgement=context,
        refused=_disuse(procedure)
        or _refusal(procedure, library, event, needs, capabilities)
        or (None if context.holds else f"its context does not hold: {'; '.join(_lacking(condition, context, view))}")
        or (f"vetoed by {vetoes[name]}" if name in vetoes else None)
        or _impossibility(procedure, view),
        success=procedure.success_bound,
        held=context.held + prefers.held,
        stated=context.stated + prefers.stated,
        capability=may / len(needs) if needs else 1.0,
        rank=max(-0.3, min(0.3, ranks.get(name, 0.0))),
    )


def _refusal(
    procedure: Procedure,
    library: Library,
    event: Event,
    needs: Sequence[Need],
    capabilities: frozenset[str],
) -> str | None:
    if procedure.procedure_name in event.tried:
        return "it was tried already and did not bring it"
    try:
        library.resolved(procedure)
    except InvalidError as error:
        return str(error)
    missing = sorted({need.capability for need in needs if need.is_certain and need.capability} - capabilities)
    if missing:
        return f"the employee lacks the capability {', '.join(missing)}"
    return None


def _lacking(condition: Condition, judged: Judgement, view: View) -> list[str]:
    """Why a condition does not hold: what is unknown, else each part that is false, with what it looked at."""
    return list(judged.notes) or [
        f"{part} ({', '.join(said)})"
        if (said := _looked_at(Condition(condition.written, (part,)), view))
        else str(part)
        for part in condition.parts
        if not Condition(condition.written, (part,)).judge(view).holds
    ]


def _looked_at(part: Condition, view: View) -> list[str]:
    values = {str(name): resolve(str(name), view) for name in part.names()}
    return [f"{name} is {shown(value)}" for name, value in sorted(values.items()) if value is not None]


def _impossibility(procedure: Procedure, view: View) -> str | None:
    """Why the plan would be given up as soon as it began; None when it would not."""
    if procedure.conditions.impossible is None:
        return None
    impossible = _condition(procedure, procedure.conditions.impossible)
    return f"it is believed impossible: {impossible}" if impossible.judge(view).holds else None


def _heuristics(library: Library, view: View) -> tuple[dict[str, str], dict[str, float]]:
    vetoes: dict[str, str] = {}
    ranks: dict[str, float] = {}
    for procedure in library.procedures:
        if procedure.procedure_type != "heuristic" or _disuse(procedure) is not None:
            continue
        if not _condition(procedure, procedure.conditions.context).judge(view).holds:
            continue
        for step in procedure.steps.steps or ():
            rule = step.to_json()
            playbook, weight = str(rule.get("playbook")), rule.get("weight")
            if rule["action"] == "veto":
                vetoes[playbook] = procedure.procedure_name
            elif isinstance(weight, int | float):
                ranks[playbook] = ranks.get(playbook, 0.0) + weight
    return vetoes, ranks


def _condition(procedure: Procedure, written: JsonValue) -> Condition:
    """A stored condition; one that states nothing holds."""
    return Condition.parse([] if written is None else written, what=f"the playbook {procedure.procedure_name}")
