"""Whether an employee stays committed to what it intends, and what has become of the steps that wait. Pure: a judgement on a circumstance.

blind: to the end of its steps, or until its goal is reached. single-minded: also dropped when it is believed impossible, its time is
over, or its goal is given up. open-minded: also when why it was chosen no longer holds, or its goal is suspended.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import JsonValue

from empla.bdi.goals import Change
from empla.bdi.intentions import Ending, Intention, Step, StepChange
from empla.bdi.shapes import Plan
from empla.conditions import Condition, View
from empla.mind import attempts
from empla.mind.circumstance import Circumstance, LiveGoal, LiveIntention


@dataclass(slots=True)
class Verdicts:
    """What follows from a circumstance for the intentions."""

    steps: list[StepChange] = field(default_factory=list[StepChange])
    endings: list[Ending] = field(default_factory=list[Ending])


def reconsider(circumstance: Circumstance, changes: Mapping[UUID, Change]) -> Verdicts:
    """What ends, and which waiting steps go on. `changes` are those of the goals in this cycle."""
    verdicts = Verdicts()
    for intention in circumstance.intentions:
        moved = _waiting_steps(intention, circumstance)
        steps = after(circumstance.steps_by_intention[intention.id], moved)
        lost = left_behind(intention, steps)
        steps = after(steps, lost)
        verdicts.steps += [*moved, *lost]
        ending = _ending(intention, steps, circumstance, changes)
        if ending is not None:
            verdicts.endings.append(ending)
    return verdicts


def conclusion(intention: Intention, steps: Sequence[Step], view: View) -> Ending | None:
    """How a plan ends by its own steps: failed with a step, or done and successful; None while it goes on or waits for its success.

    A step that failed fails its plan at once, so that another one is tried (`replan`); a plan that is to go on without it (`proceed`,
    or `abandon` of what depends on it) is judged at its end.
    """
    failed = next((step for step in steps if step.status == "failed"), None)
    if failed is not None and intention.on_failed_dependency == "replan":
        return _failed(intention, failed)
    if any(step.status in {"pending", "in_progress"} for step in steps):
        return None
    if intention.plan.success_criteria is None:
        if failed is not None:
            return _failed(intention, failed)
        return Ending(id=intention.id, status="completed", reason="all its steps are done")
    if success_of(intention.plan).judge(view).holds:
        return Ending(id=intention.id, status="completed", reason=_came_about(intention))
    return None


def _failed(intention: Intention, step: Step) -> Ending:
    reason = f"step {step.position} ({step.action}) failed: {step.error}"
    return Ending(id=intention.id, status="failed", reason=reason[:2000])


def left_behind(intention: Intention, steps: Sequence[Step]) -> list[StepChange]:
    """The pending steps that can never run: what they depend on has failed, and the plan goes on without them (`abandon`)."""
    if intention.on_failed_dependency != "abandon":
        return []
    lost = {step.position for step in steps if step.status in {"failed", "abandoned"}}
    found: list[StepChange] = []
    for step in steps:  # in order, and each depends on earlier ones
        if step.status == "pending" and lost.intersection(step.depends_on):
            lost.add(step.position)
            found.append(attempts.abandoned(step))
    return found


def success_of(plan: Plan) -> Condition:
    """What must hold for it to have succeeded. In the seed's form a number is what a metric must have reached: at least."""
    written: JsonValue = plan.success_criteria
    if isinstance(written, dict):
        written = {
            name: f">= {value}" if isinstance(value, int | float) and not isinstance(value, bool) else value
            for name, value in written.items()
        }
    return Condition.parse(written, what="the success of the plan")


def holds(written: JsonValue, view: View) -> bool:
    """Whether a plan's condition holds."""
    return Condition.parse(written, what="the condition").judge(view).holds


def _came_about(intention: Intention) -> str:
    return f"what it was for came about: {success_of(intention.plan)}"[:2000]


def after(steps: Sequence[Step], changes: Sequence[StepChange]) -> list[Step]:
    """The steps as they will be when the changes are written."""
    changed = {change.position: change for change in changes}
    return [
        step.model_copy(update=changed[step.position].model_dump(exclude={"intention_id", "position"}))
        if step.position in changed
        else step
        for step in steps
    ]


def _ending(
    intention: LiveIntention, steps: list[Step], circumstance: Circumstance, changes: Mapping[UUID, Change]
) -> Ending | None:
    if intention.is_lost:
        lead = "to be planned anew, for " if intention.on_failed_dependency == "replan" else ""
        return Ending(id=intention.id, status="abandoned", reason=f"{lead}what it depends on did not come about")
    view = circumstance.view_of(intention, steps)
    concluded = conclusion(intention, steps, view) if intention.status == "in_progress" else None
    return (
        concluded
        or _goal_verdict(intention, steps, view, _fate(intention, circumstance, changes))
        or _given_up(intention, steps, view, circumstance)
    )


def _given_up(intention: LiveIntention, steps: list[Step], view: View, circumstance: Circumstance) -> Ending | None:
    """What the kind of commitment does not put up with; None while the employee stays committed."""
    plan = intention.plan
    if intention.commitment == "blind" and any(step.status in {"pending", "in_progress"} for step in steps):
        return None
    if plan.impossible is not None and holds(plan.impossible, view):
        written = Condition.parse(plan.impossible, what="impossible")
        return Ending(id=intention.id, status="failed", reason=f"believed impossible: {written}"[:2000])
    if intention.deadline_at is not None and circumstance.seen_at > intention.deadline_at:
        return Ending(
            id=intention.id,
            status="failed",
            reason=f"it did not succeed within its time ({plan.timeframe or 'its deadline'})",
        )
    if intention.commitment == "open_minded" and plan.context is not None and not holds(plan.context, view):
        return Ending(id=intention.id, status="abandoned", reason="why it was chosen no longer holds")
    return None


@dataclass(frozen=True, slots=True)
class _Fate:
    """How the goal of an intention stands after this cycle's evaluation."""

    status: str
    is_met: bool = False
    is_suspended: bool = False
    reason: str | None = None


def _fate(intention: LiveIntention, circumstance: Circumstance, changes: Mapping[UUID, Change]) -> _Fate | None:
    """None for an intention that serves no goal, and for a child, which falls with its parent and not by itself."""
    if intention.goal_id is None or intention.parent_id is not None:
        return None
    goal: LiveGoal | Change | None = changes.get(intention.goal_id) or circumstance.goal(intention.goal_id)
    if goal is None:
        return _Fate("abandoned")  # by people, between two cycles: an evaluation would stand among the changes
    progress = goal.current_progress
    return _Fate(
        goal.status,
        is_met=goal.status == "completed" or (progress.state == "met" and goal.status == "active"),
        is_suspended=goal.status == "blocked" and progress.blocked_by != "no_plan",
        reason=goal.reason,
    )


def _goal_verdict(intention: LiveIntention, steps: list[Step], view: View, goal: _Fate | None) -> Ending | None:
    """What the goal's fate means for the intention."""
    if goal is None:
        return None
    if goal.is_met:
        return _reached(intention, steps, view)
    if intention.commitment == "blind":
        return None
    if goal.status == "abandoned":
        why = "" if goal.reason is None else f": {goal.reason}"
        return Ending(id=intention.id, status="abandoned", reason=f"its goal was given up{why}"[:2000])
    if goal.is_suspended and intention.commitment == "open_minded":
        return Ending(id=intention.id, status="abandoned", reason="its goal is suspended")
    return None


def _reached(intention: LiveIntention, steps: list[Step], view: View) -> Ending:
    """The goal is reached: by this plan, when it had begun and nothing that it wanted is missing."""
    has_worked = intention.status == "in_progress" and any(step.status == "completed" for step in steps)
    if has_worked and (intention.plan.success_criteria is None or success_of(intention.plan).judge(view).holds):
        return Ending(id=intention.id, status="completed", reason="its goal is reached")
    return Ending(id=intention.id, status="abandoned", reason="its goal was reached without it")


def _waiting_steps(intention: LiveIntention, circumstance: Circumstance) -> list[StepChange]:
    view = circumstance.view_of(intention)
    waiting = [step for step in circumstance.steps_by_intention[intention.id] if step.status == "in_progress"]
    found = (_waited(step, circumstance, view) for step in waiting)
    return [change for change in found if change is not None]


def _waited(step: Step, circumstance: Circumstance, view: View) -> StepChange | None:
    """What has become of a step that waits; None while it goes on waiting."""
    match step.action:
        case "pursue":
            change = _pursued(step, circumstance)
        case "send" | "reply" | "invoke":
            change = _left(step, circumstance)
        case "ask":
            asked = attempts.question_key(step, attempt=step.attempts)
            answers = (found.answer for found in circumstance.answers if found.notice_key == asked)
            answer = next(answers, None)
            change = None if answer is None else attempts.done(step, {**step.result, "outcome": _meant(answer)})
        case _:
            came = holds(step.definition.get("criteria"), view)
            change = attempts.done(step, {**step.result, "outcome": True}) if came else None
    if change is None and step.timeout_at is not None and circumstance.seen_at >= step.timeout_at:
        return attempts.failed(step, "it waited in vain until its time was over", now=circumstance.seen_at)
    return change


def _left(step: Step, circumstance: Circumstance) -> StepChange | None:
    """What became of the effect that the step asked for; None while it is on its way, or a human has to find out."""
    effect = next((leaving for leaving in circumstance.outbox if str(leaving.id) == step.result.get("effect")), None)
    if effect is None:
        return attempts.failed(step, "what it asked for is gone", now=circumstance.seen_at)
    if effect.status == "done":
        outcome = "sent" if step.action == "send" else "called"
        return attempts.done(step, {**step.result, "outcome": outcome, "receipt": effect.receipt})
    if effect.status in {"failed", "cancelled"}:
        return attempts.failed(step, effect.reason or f"it was {effect.status}", now=circumstance.seen_at)
    return None


def _pursued(step: Step, circumstance: Circumstance) -> StepChange | None:
    """How the latest plan that the step pursues has ended; None while it goes on."""
    place = (step.intention_id, step.position)
    if any((plan.parent_id, plan.parent_position) == place for plan in circumstance.intentions):
        return None
    # An attempt that was refused pursued nothing: plans can't be counted against attempts.
    ended = [child for child in circumstance.children if (child.parent_id, child.parent_position) == place]
    if not ended:
        return attempts.failed(step, "what it pursued is gone", now=circumstance.seen_at)
    child = ended[-1]
    if child.status == "completed":
        return attempts.done(step, {**step.result, "outcome": True})
    how = "failed" if child.status == "failed" else "been abandoned"
    return attempts.failed(step, f"what it pursued has {how}: {child.reason}", now=circumstance.seen_at)


def _meant(answer: str) -> JsonValue:
    """A human's answer: a number where it is one, so that a condition can compare it, else the words."""
    try:
        number = float(answer)
    except ValueError:
        return answer
    return number if math.isfinite(number) else answer
