"""The answer to "why does it do that?": a plan, what called for it, why it was chosen, and how far it is; a page for a person."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.bdi.goals import Goal
from empla.bdi.intentions import Intention, Step
from empla.effects.approvals import Approval
from empla.effects.effects import Effect
from empla.effects.notices import Notice
from empla.ids import short
from empla.memory.episodic import Episode
from empla.mind.options import CAPABILITY, MATCH, SUCCESS

_ARTICLE = {"action": "an", "tactic": "a", "strategy": "a"}
_LONGEST = 100  # characters of a step's own words in a line


class Weighed(BaseModel):
    """A playbook as it was weighed when the plan was chosen: its score in parts, and why it was out of the question where it was."""

    model_config = ConfigDict(frozen=True)

    playbook: str
    refused: str | None = None
    score: float
    success: float  # Wilson's lower bound of succeeded / executed
    match: float  # held / (stated + 1)
    capability: float  # share of its steps that the employee may do
    rank: float  # what heuristics added
    succeeded: int | None = None
    executed: int | None = None
    held: int | None = None
    stated: int | None = None


class Rested(BaseModel):
    """A belief that the choice rested on, as it was then and as it is now."""

    model_config = ConfigDict(frozen=True)

    subject: str
    predicate: str
    object: JsonValue
    confidence: float
    object_now: JsonValue
    confidence_now: float | None  # None when nothing is believed about it any more


class Explanation(BaseModel):
    """The whole answer; `str(explanation)` is a page for a person."""

    model_config = ConfigDict(frozen=True)

    asked_at: datetime
    employee: str  # its name
    intention: Intention
    goal: Goal | None  # that it serves
    cause: Episode | None  # that called for it, where no goal did
    parent: Intention | None  # that pursues it
    children: list[Intention]  # that it pursues, the oldest first
    depends_on: list[Intention]
    chosen: Weighed | None  # None where nothing was to choose, as for a part of another plan
    alternatives: list[Weighed]
    rests_on: list[Rested]
    steps: list[Step]
    effects: list[Effect]  # the oldest first
    decisions: list[Approval]  # what people were asked about them, and said
    notices: list[Notice]  # the oldest first
    waits_for: list[str]  # nothing when it has ended

    def __str__(self) -> str:
        parts = (_claim, _cause, _choice, _beliefs, _alternatives, _steps, _relatives, _waits)
        return "\n".join(line for part in parts for line in part(self))


def written(condition: JsonValue) -> str:
    """A condition as it was stated."""
    return condition if isinstance(condition, str) else json.dumps(condition, ensure_ascii=False)


def _claim(answer: Explanation) -> list[str]:
    intention = answer.intention
    how = intention.status.replace("_", " ")
    lines = [f"{answer.employee}: {intention.plan_key or intention.description}, {how}"]
    if intention.description != intention.plan_key:
        lines.append(f"  {intention.description}")
    what = f"{_ARTICLE[intention.intention_type]} {intention.intention_type}"
    lines.append(
        f"  {what}, priority {intention.priority}, adopted {_at(intention.created_at)}, {_committed(intention)}"
    )
    if intention.ended_at is not None:
        lines.append(f"  {how} {_at(intention.ended_at)}: {intention.reason or 'nobody said why'}")
    lines.append(f"  id {intention.id}")
    return lines


def _committed(intention: Intention) -> str:
    until = "" if intention.deadline_at is None else f" until {_at(intention.deadline_at)}"
    return f"{intention.commitment.replace('_', '-')}{until}"


def _cause(answer: Explanation) -> list[str]:
    event, goal, cause, parent = answer.intention.context.event, answer.goal, answer.cause, answer.parent
    lines: list[str] = []
    if event is not None and parent is None:
        lines.append(f"  {event.get('kind')}: {event.get('description')}")
    if cause is not None:
        lines.append(f"  {_at(cause.occurred_at)}  {cause}")
    if goal is not None:
        state = goal.current_progress.state or "not evaluated yet"
        lines.append(f"  goal {short(goal.id)}: {goal.description} ({goal.goal_type}, priority {goal.priority})")
        lines.append(f"    now {goal.status.replace('_', ' ')}, {state}" + (f": {goal.reason}" if goal.reason else ""))
    if parent is not None:
        whose = f"{parent.plan_key or parent.description} ({short(parent.id)}, {parent.status.replace('_', ' ')})"
        lines.append(f"  step {answer.intention.parent_position} of {whose} pursues it")
    return ["", "What called for it:", *(lines or ["  nobody said"])]


def _choice(answer: Explanation) -> list[str]:
    chosen, rationale = answer.chosen, answer.intention.context.rationale
    if chosen is None:
        return ["", "Why this plan:", f"  {rationale}"] if rationale else []
    lines = [
        "",
        "Why this plan (.5 · success + .3 · context match + .2 · capability + rank; the best that applies is chosen):",
        f"  {as_sum(chosen)}",
    ]
    if chosen.executed is not None:
        times = (
            f"{chosen.succeeded} of {chosen.executed} times" if chosen.executed else "a plan that was never carried out"
        )
        lines.append(f"    success {chosen.success:.3f}: the lower bound (95 %) for {times}")
    if chosen.stated is not None:
        lines.append(
            f"    context match {chosen.match:.3f}: {chosen.held} / ({chosen.stated} + 1), of the conditions that it states"
        )
    lines.append(f"    capability {chosen.capability:.3f}: the share of its steps that {answer.employee} may do")
    return lines


def as_sum(weighed: Weighed) -> str:
    """Its score as the sum that it is, in one line."""
    parts = ((SUCCESS, weighed.success), (MATCH, weighed.match), (CAPABILITY, weighed.capability))
    added = " + ".join(f"{_plain(weight)} · {part:.3f}" for weight, part in parts)
    sign = "-" if weighed.rank < 0 else "+"
    return f"{weighed.playbook}: {added} {sign} {abs(weighed.rank):.3f} = {weighed.score:.3f}"


def _beliefs(answer: Explanation) -> list[str]:
    if not answer.rests_on:
        return []
    lines = ["", "It rested on:"]
    for belief in answer.rests_on:
        if belief.confidence_now is None:
            now = "nothing is believed about it now"
        elif belief.object_now == belief.object:
            now = f"now the same, {belief.confidence_now:.2f}"
        else:
            now = f"now {shown(belief.object_now)}, {belief.confidence_now:.2f}"
        lines.append(
            f"  {belief.subject}.{belief.predicate} = {shown(belief.object)}, confidence {belief.confidence:.2f}; {now}"
        )
    return lines


def _alternatives(answer: Explanation) -> list[str]:
    if not answer.alternatives:
        return [] if answer.chosen is None else ["", "Nothing else was in question."]
    return [
        "",
        "What else was in question:",
        *(
            f"  {other.playbook}: {other.refused}" if other.refused else f"  {as_sum(other)}"
            for other in answer.alternatives
        ),
    ]


def _steps(answer: Explanation) -> list[str]:
    lines = ["", "Its steps:"]
    for step in answer.steps:
        when = step.ended_at or step.started_at
        lines.append(
            f"  {step.position:2}  {step.status.replace('_', ' '):11}  {step.action:10}  {in_short(step.definition)}".rstrip()
            + ("" if when is None else f"  {_at(when)}")
            + ("" if step.attempts <= 1 else f", attempt {step.attempts} of {step.max_attempts}")
        )
        after = [str(position) for position in step.depends_on if position != step.position - 1]
        if after or (not step.depends_on and step.position > 1):
            lines.append(f"      after {' and '.join(map(str, step.depends_on)) or 'nothing'}")
        lines += [f"      {line}" for line in _came_of(step, answer.effects, answer.decisions)]
    return lines


def in_short(definition: Mapping[str, JsonValue]) -> str:
    """What a step is about, in the words of its definition."""
    for name in ("title", "subject", "text", "metric", "criteria", "playbook", "kind"):
        written_there = definition.get(name)
        if isinstance(written_there, str) and written_there.strip():
            line = written_there.strip().partition("\n")[0]
            return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    return ""


def _came_of(step: Step, effects: Sequence[Effect], decisions: Sequence[Approval]) -> list[str]:
    lines: list[str] = []
    made = next((effect for effect in effects if str(effect.id) == step.result.get("effect")), None)
    if made is not None:
        lines.append(f"→ {made.kind} “{made.title}”, {made.status.replace('_', ' ')} ({short(made.id)})")
        lines += [
            f"  {decision.status} by {decision.decider}, {_at(decision.decided_at)}"
            + (f": {decision.reason}" if decision.reason else "")
            for decision in decisions
            if decision.effect_id == made.id and decision.decided_at is not None and decision.edited_from is None
        ]
    if "outcome" in step.result:
        lines.append(f"→ {shown(step.result['outcome'])}")
    if "skipped" in step.result:
        lines.append(f"skipped: {step.result['skipped']}")
    if step.error is not None:
        lines.append(f"{'failed' if step.status == 'failed' else 'last error'}: {step.error}")
    return lines


def _relatives(answer: Explanation) -> list[str]:
    lines: list[str] = []
    for what, others in (("It pursues:", answer.children), ("It depends on:", answer.depends_on)):
        if others:
            lines += ["", what]
            lines += [f"  {_relative(other)}" for other in others]
    if answer.notices:
        lines += ["", "What it told or asked people:"]
        for notice in answer.notices:
            first = notice.text.partition("\n")[0]
            lines.append(f"  {_at(notice.created_at)}  {first} ({short(notice.id)}, {notice.status})")
            if notice.answer is not None:
                lines.append(f"    → {notice.answer}")
    return lines


def _relative(other: Intention) -> str:
    step = "" if other.parent_position is None else f"step {other.parent_position}: "
    why = "" if other.reason is None else f": {other.reason}"
    return f"{step}{other.plan_key or other.description} ({short(other.id)}), {other.status.replace('_', ' ')}{why}"


def _waits(answer: Explanation) -> list[str]:
    return ["", "It waits for:", *(f"  {line}" for line in answer.waits_for)] if answer.waits_for else []


def shown(value: JsonValue) -> str:
    """A JSON value as a person reads it: six digits are enough."""
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.0f}"  # noqa: PLR2004
    return json.dumps(value, ensure_ascii=False)


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _plain(weight: float) -> str:
    return f"{weight:g}".removeprefix("0")
