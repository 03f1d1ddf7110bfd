"""Why an employee does what it does: what called for a plan, why this one of those that applied, what its steps did, what it waits for."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from pydantic import JsonValue, ValidationError

from empla.bdi import goals, intentions
from empla.bdi.goals import Goal
from empla.bdi.intentions import Intention, Step
from empla.bdi.states import LIVE_INTENTIONS
from empla.effects import approvals, effects, notices
from empla.effects.effects import Effect
from empla.effects.notices import Notice
from empla.employees import employees
from empla.memory import episodic
from empla.mind.attempts import question_key
from empla.mind.explanation import Explanation, Rested, Weighed, written
from empla.storage.tx import ReadTx

RELATED: LiteralString = """
    SELECT id, employee_id, goal_id, parent_id, parent_position, procedure_id, plan_key, cause_id, intention_type, description, plan,
           status, priority, commitment, on_failed_dependency, dependencies, context, reason, deadline_at, created_at, started_at,
           completed_at, failed_at, abandoned_at, served_at
      FROM employee_intentions
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (parent_id = %(intention)s::uuid OR id = ANY (%(ids)s::uuid[]))
     ORDER BY created_at, id
"""


async def explain(tx: ReadTx, *, intention: UUID | str, employee: UUID | None = None) -> Explanation:
    """Why, how far, and what then, of the intention of this id; its beginning or its end are enough when no other is like it.

    With an employee it is the whole id of one of its own. Raises `NotFoundError`, `UsageError` for several.
    """
    if employee is not None and isinstance(intention, UUID):
        found = await intentions.get(tx, employee=employee, intention=intention)
    else:
        found = await intentions.find(tx, named=str(intention))
        employee = found.employee_id
    goal = None if found.goal_id is None else await goals.get(tx, goal=found.goal_id)
    causes = await episodic.by_ids(tx, employee=employee, ids=[] if found.cause_id is None else [found.cause_id])
    named = [*(found.dependencies or ()), *([] if found.parent_id is None else [found.parent_id])]
    related = await tx.fetch_all(Intention, RELATED, employee=employee, intention=found.id, ids=named)
    steps = await intentions.steps_of(tx, employee=employee, intentions=[found.id])
    told = list(reversed(await notices.listed(tx, employee=employee, intention=found.id, status=None)))
    made = list(reversed(await effects.latest(tx, employee=employee, intention=found.id)))
    decided = list(reversed(await approvals.listed(tx, employee=employee, intention=found.id, which="all")))
    children = [other for other in related if other.parent_id == found.id]
    depends_on = [other for other in related if other.id in (found.dependencies or ())]
    return Explanation(
        asked_at=tx.now,
        employee=(await employees.get(tx, employee=employee)).name,
        intention=found,
        goal=goal,
        cause=next(iter(causes), None),
        parent=next((other for other in related if other.id == found.parent_id), None),
        children=children,
        depends_on=depends_on,
        chosen=_weighed({"playbook": found.plan_key, **(found.context.score or {})}),
        alternatives=[weighed for each in found.context.alternatives or () if (weighed := _weighed(each)) is not None],
        rests_on=await _rests_on(tx, employee, found.context.beliefs or ()),
        steps=steps,
        effects=made,
        notices=told,
        decisions=decided,
        waits_for=_waits_for(found, goal, depends_on, children, steps, told, made),
    )


def _weighed(kept: JsonValue) -> Weighed | None:
    """As the engine kept it; None for what somebody else wrote there."""
    try:
        return Weighed.model_validate(kept)
    except ValidationError:
        return None


RESTED: LiteralString = """
    SELECT u.subject, u.predicate, u.object, u.confidence, b.object AS object_now,
           effective_confidence(b.confidence, b.decay_rate, b.decay_model, b.last_updated_at, %(now)s::timestamptz) AS confidence_now
      FROM ROWS FROM (jsonb_to_recordset(%(used)s::jsonb) AS (subject text, predicate text, object jsonb, confidence float8))
           WITH ORDINALITY AS u (subject, predicate, object, confidence, place)
      LEFT JOIN beliefs b ON b.tenant_id = %(tenant)s::uuid AND b.employee_id = %(employee)s::uuid AND b.subject = u.subject
       AND b.predicate = u.predicate AND b.deleted_at IS NULL
     WHERE u.subject IS NOT NULL AND u.predicate IS NOT NULL AND u.confidence IS NOT NULL
     ORDER BY u.place
"""


async def _rests_on(tx: ReadTx, employee: UUID, kept: Sequence[JsonValue]) -> list[Rested]:
    """The beliefs that were kept with the choice, beside what is believed now."""
    used: list[Any] = [belief for belief in kept if isinstance(belief, dict)]
    if not used:
        return []
    return await tx.fetch_all(Rested, RESTED, employee=employee, used=json.dumps(used), now=tx.now)


def _waits_for(
    intention: Intention,
    goal: Goal | None,
    depends_on: Sequence[Intention],
    children: Sequence[Intention],
    steps: Sequence[Step],
    told: Sequence[Notice],
    made: Sequence[Effect],
) -> list[str]:
    """What has to happen before it goes on, in sentences."""
    if intention.status not in LIVE_INTENTIONS:
        return []
    proceeds = intention.on_failed_dependency == "proceed"
    found = [
        f"{other.plan_key or other.description}, which is {_spaced(other.status)}"
        for other in depends_on
        if other.status in LIVE_INTENTIONS or (other.status != "completed" and not proceeds)
    ]
    rests = goal is not None and goal.status == "blocked" and goal.current_progress.blocked_by != "no_plan"
    if goal is not None and rests and intention.commitment != "blind":
        found.append(f"its goal: {goal.reason or 'it does not begin yet'}")
    found += [line for step in steps if (line := _step_waits_for(step, children, told, made)) is not None]
    if (
        not any(step.status in {"pending", "in_progress"} for step in steps)
        and intention.plan.success_criteria is not None
    ):
        found.append(f"what it is for: {written(intention.plan.success_criteria)}{_until(intention.deadline_at)}")
    return found or [_next_in_line(steps)]


def _step_waits_for(
    step: Step, children: Sequence[Intention], told: Sequence[Notice], made: Sequence[Effect]
) -> str | None:
    where = f"step {step.position} ({step.action})"
    if step.status == "pending" and step.not_before is not None:
        return f"{where}, which is tried again from {step.not_before:%Y-%m-%d %H:%M} UTC on: {step.error}"
    if step.status != "in_progress":
        return None
    match step.action:
        case "ask":
            asked = next(
                (notice.text for notice in told if notice.notice_key == question_key(step, attempt=step.attempts)), ""
            )
            return f"{where}: a human's answer to “{asked.partition(chr(10))[0]}”{_until(step.timeout_at)}"
        case "send" | "reply" | "invoke":
            effect = next((effect for effect in made if str(effect.id) == step.result.get("effect")), None)
            return f"{where}: {'its effect' if effect is None else _leaving(effect)}"
        case "pursue":
            names = [
                f"{child.plan_key}, which is {_spaced(child.status)}"
                for child in children
                if child.parent_position == step.position
            ]
            return f"{where}: {'; '.join(names[-1:]) or 'a plan of its own'}{_until(step.timeout_at)}"
        case _:
            return f"{where}: {written(step.definition.get('criteria'))}{_until(step.timeout_at)}"


def _leaving(effect: Effect) -> str:
    """What an effect on its way out waits for."""
    match effect.status:
        case "awaiting_approval":
            return f"approval of “{effect.title}”{_until(effect.expires_at)}"
        case "uncertain":
            return f"a human to find out whether “{effect.title}” happened"
        case _:
            return f"“{effect.title}” to leave{_until(effect.not_before)}" + (
                f": {effect.reason}" if effect.reason else ""
            )


def _next_in_line(steps: Sequence[Step]) -> str:
    done = {step.position for step in steps if step.status in {"completed", "skipped"}}
    ready = next((step for step in steps if step.status == "pending" and done.issuperset(step.depends_on)), None)
    return "its turn" if ready is None else f"its turn: step {ready.position} ({ready.action}) is next"


def _spaced(status: str) -> str:
    return status.replace("_", " ")


def _until(moment: datetime | None) -> str:
    return "" if moment is None else f", until {moment:%Y-%m-%d %H:%M} UTC"
