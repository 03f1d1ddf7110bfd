"""What changed before a goal succeeded: the beliefs that moved and the plans that ran, from its trouble or beginning to its success."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.bdi import beliefs, goals
from empla.bdi.beliefs import Change
from empla.bdi.goals import Goal, GoalEvent
from empla.bdi.states import IntentionStatus
from empla.conditions import Key
from empla.errors import NotFoundError
from empla.mind.explanation import shown
from empla.storage.tx import ReadTx

# Of the latest changes of beliefs; a page of more is no answer.
MOST_CHANGES = 200


class Ran(BaseModel):
    """A plan that ran for the goal in that time."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    plan_key: str | None
    description: str
    status: IntentionStatus
    reason: str | None
    created_at: datetime
    ended_at: datetime | None
    steps_done: int
    watches: list[list[str]]  # subject and predicate of the beliefs that it looked at


class BeforeSuccess(BaseModel):
    """The answer; `str(answer)` is a page for a person, in the order of time."""

    model_config = ConfigDict(frozen=True)

    goal: Goal
    since: datetime  # it was violated, or adopted
    until: datetime  # it was met
    story: list[GoalEvent]  # of the goal itself, the oldest first
    changes: list[Change]  # of the beliefs that the goal and its plans watched, the oldest first
    plans: list[Ran]  # the oldest first

    def __str__(self) -> str:
        days = (self.until - self.since).total_seconds() / 86_400
        head = f"From {_at(self.since)} to {_at(self.until)}, {days:.1f} days:"
        return "\n".join([head, *(f"  {line}" for line in _timeline(self))])


RAN: LiteralString = """
    SELECT i.id, i.plan_key, i.description, i.status, i.reason, i.created_at, i.watches,
           coalesce(i.completed_at, i.failed_at, i.abandoned_at) AS ended_at,
           (SELECT count(*) FROM intention_steps s
             WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid AND s.intention_id = i.id
               AND s.status = 'completed' AND s.ended_at <= %(until)s::timestamptz)::int AS steps_done
      FROM employee_intentions i
     WHERE i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.goal_id = %(goal)s::uuid AND i.deleted_at IS NULL
       AND i.created_at <= %(until)s::timestamptz
       AND coalesce(i.completed_at, i.failed_at, i.abandoned_at, %(until)s::timestamptz) >= %(since)s::timestamptz
     ORDER BY i.created_at, i.id
"""


async def before_success(tx: ReadTx, *, goal: UUID) -> BeforeSuccess:
    """What happened between the goal's last trouble and its last success. Raises `NotFoundError` for one that was never met."""
    found = await goals.get(tx, goal=goal)
    story = list(reversed(await goals.history(tx, employee=found.employee_id, goal=goal)))
    last = next((place for place in reversed(range(len(story))) if _is_success(story, place)), None)
    if last is None:
        raise NotFoundError("this goal was not met so far")
    first = _beginning(found, story, last)
    since, until = story[first].changed_at, story[last].changed_at
    ran = await tx.fetch_all(Ran, RAN, employee=found.employee_id, goal=goal, since=since, until=until)
    changes = await beliefs.changes(
        tx, employee=found.employee_id, since=since, until=until, about=_watched(found, ran), limit=MOST_CHANGES
    )
    return BeforeSuccess(
        goal=found,
        since=since,
        until=until,
        story=story[first : last + 1],
        changes=list(reversed(changes)),
        plans=ran,
    )


def _is_success(story: Sequence[GoalEvent], place: int) -> bool:
    """It came to be met there, or was completed without ever having been violated."""
    event = story[place]
    if event.new_status == "completed":
        return event.old_status != "completed"
    return event.new_state == "met" and event.old_state != "met"


def _beginning(goal: Goal, story: Sequence[GoalEvent], last: int) -> int:
    """Where the trouble began that the success ended: it was violated then. An achievement was wanting since it was adopted."""
    if goal.goal_type == "achievement":
        return 0
    met = next((place for place in reversed(range(last)) if story[place].new_state == "met"), -1)
    run = range(met + 1, last)
    return next((place for place in run if story[place].new_state == "violated"), met + 1 if run else 0)


def _watched(goal: Goal, ran: Sequence[Ran]) -> list[Key]:
    """The beliefs that say how the goal stands, and those that its plans looked at."""
    pairs = [*goals.watched(goal.target, goal.conditions), *(pair for plan in ran for pair in plan.watches)]
    return sorted({(pair[0], pair[1]) for pair in pairs})


def _timeline(answer: BeforeSuccess) -> list[str]:
    """Everything in the order of time; at one moment, beliefs come first, then the goal, then its plans."""
    told = [(event.changed_at, 1, _of_goal(event)) for event in answer.story]
    told += [
        (change.changed_at, 0, _of_belief(change)) for change in answer.changes if change.change_type != "confirmed"
    ]
    for plan in answer.plans:
        name = plan.plan_key or plan.description
        if plan.created_at >= answer.since:
            told.append((plan.created_at, 2, f"plan {name} was adopted"))
        if plan.ended_at is not None and plan.ended_at <= answer.until:
            told.append((plan.ended_at, 3, f"plan {name} {plan.status}: {plan.reason}"))
        else:
            told.append((answer.until, 2, f"plan {name} was under way, with {plan.steps_done} steps done"))
    return [f"{_at(moment)}  {line}" for moment, _, line in sorted(told, key=lambda each: each[:2])]


def _of_goal(event: GoalEvent) -> str:
    state = event.new_state or "adopted"
    status = event.new_status.replace("_", " ")
    return f"goal {state}, {status}" + (f": {event.reason}" if event.reason else "")


def _of_belief(change: Change) -> str:
    old = "" if change.old_value is None else f"{shown(change.old_value)} → "
    new = "nothing" if change.change_type in {"deleted", "decayed"} else shown(change.new_value)
    why = f"  ({change.reason})" if change.reason else ""
    return f"belief {change.subject}.{change.predicate} {change.change_type}: {old}{new}{why}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
