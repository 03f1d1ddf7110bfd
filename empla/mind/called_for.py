"""What calls for a plan: a goal as it stands now, or what was perceived; and the beliefs that choosing among plans looks at."""

import json
from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from pydantic import JsonValue

from empla.bdi.goals import Change
from empla.bdi.intentions import Tried
from empla.conditions import Key
from empla.mind.circumstance import Circumstance, Held, LiveGoal
from empla.mind.options import Event
from empla.mind.perceive import Percept
from empla.storage.tx import ReadTx


def as_assessed(goal: LiveGoal, change: Change | None) -> LiveGoal:
    """The goal with what is different about it."""
    return (
        goal
        if change is None
        else goal.model_copy(
            update=change.model_dump(exclude={"id", "current_progress"}) | {"current_progress": change.current_progress}
        )
    )


def afresh(goal: LiveGoal, circumstance: Circumstance) -> LiveGoal:
    """A goal whose rest is over tries all plans anew."""
    if goal.retry_at is None or goal.retry_at > circumstance.seen_at:
        return goal
    return goal.model_copy(update={"trying_since": circumstance.seen_at, "retry_at": None})


def begins_anew(goal: LiveGoal, circumstance: Circumstance) -> bool:
    """It is violated anew, or its rest is over, since this very cycle: nothing was tried yet."""
    before = circumstance.goal(goal.id)
    is_rested = before is not None and before.retry_at is not None and goal.retry_at is None
    return before is None or is_rested or before.trying_since != goal.trying_since


def goal_event(goal: LiveGoal, tried: Sequence[Tried]) -> Event:
    """The goal as an event; what it is called with, playbooks.md says."""
    progress = goal.current_progress
    bindings: dict[str, JsonValue] = {
        "goal": goal.description,
        "metric": goal.target.metric,
        "subject": goal.key[0],
        "value": progress.value,
        "wanted": goal.target.wanted_when(violated=progress.known_state == "violated"),
    }
    return Event(
        kind="unknown" if progress.state == "unknown" else "violated",
        description=goal.reason or goal.description,
        bindings=bindings,
        goal=goal.id,
        metric=goal.key,
        priority=goal.priority,
        tried=frozenset(attempt.plan_key for attempt in tried if attempt.goal_id == goal.id and attempt.plan_key),
        tainted=goal.tainted,
    )


def percept_event(percept: Percept) -> Event:
    """What was perceived as an event."""
    bindings: dict[str, JsonValue] = {
        **percept.content,
        "event": percept.kind,
        "description": percept.description,
        "source": percept.source,
    }
    return Event(
        kind=percept.kind,
        description=percept.description,
        bindings=bindings,
        cause=percept.episode,
        tainted=percept.tainted,
    )


BELIEFS: LiteralString = """
    SELECT b.id, b.subject, b.predicate, b.object,
           at_most_its_supports(effective_confidence(b.confidence, b.decay_rate, b.decay_model, b.last_updated_at, %(now)s::timestamptz),
                                %(tenant)s::uuid, %(employee)s::uuid, b.source, b.grounds, b.object, %(now)s::timestamptz) AS confidence,
           b.last_updated_at, b.tainted
      FROM jsonb_to_recordset(%(keys)s::jsonb) AS k (subject text, predicate text)
      JOIN beliefs b ON b.tenant_id = %(tenant)s::uuid AND b.employee_id = %(employee)s::uuid AND b.subject = k.subject
       AND b.predicate = k.predicate AND b.deleted_at IS NULL
"""


async def beliefs_of(tx: ReadTx, employee: UUID, keys: set[Key]) -> list[Held]:
    """The beliefs of these keys, in one statement."""
    if not keys:
        return []
    written = json.dumps([{"subject": subject, "predicate": predicate} for subject, predicate in sorted(keys)])
    return await tx.fetch_all(Held, BELIEFS, employee=employee, keys=written, now=tx.now)
