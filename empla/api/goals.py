"""What an employee wants: adopted and dropped by people, pursued by the employee."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from empla.api.doors import DELEGATES
from empla.api.etags import Seen
from empla.api.operations import Body, Noun
from empla.api.paging import BeforeId, BeforeMoment, Page, Paging
from empla.bdi import goals
from empla.bdi.goals import Goal, GoalEvent
from empla.bdi.shapes import Comparator, GoalType, Measure, ProgressState
from empla.bdi.states import GoalStatus
from empla.clock import moment
from empla.mind import mandate, outcome
from empla.mind.mandate import Wanted
from empla.mind.outcome import BeforeSuccess
from empla.mind.why_priority import WhyPriority, why_priority
from empla.storage.tx import ReadTx, Tx

noun = Noun("goals", about="What an employee wants to become, to stay or never to be true.")
_COVERAGE: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000004",
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "goal_key": None,
    "parent_id": None,
    "goal_type": "maintenance",
    "description": "pipeline.coverage >= 3",
    "priority": 5,
    "importance": 0.5,
    "priority_inputs": {},
    "target": {"metric": "pipeline.coverage", "threshold": 3, "comparator": ">="},
    "conditions": {},
    "current_progress": {},
    "status": "active",
    "reason": None,
    "trying_since": "2026-03-01T09:00:00Z",
    "retry_at": None,
    "served_at": None,
    "created_at": "2026-03-01T09:00:00Z",
    "updated_at": "2026-03-01T09:00:00Z",
    "completed_at": None,
    "abandoned_at": None,
}


class AfterPriority(BaseModel):
    """The place in a list by priority."""

    model_config = ConfigDict(extra="forbid")

    priority: int
    id: UUID


@noun.reads(
    "/employees/{employee}/goals",
    "list",
    summary="What an employee wants",
    example={"items": [_COVERAGE], "next_cursor": None},
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    employee: UUID,
    sort: Annotated[
        Literal["-priority", "-created"], Query(description="The most pressing first, or what was adopted last.")
    ] = "-priority",
    status: Annotated[list[GoalStatus] | None, Query(description="Those of these statuses.")] = None,
    goal_type: Annotated[GoalType | None, Query(description="Those of this type.")] = None,
) -> Page[Goal]:
    """Of an employee whom the caller may see; of nobody else there are none."""
    if sort == "-priority":
        after = cut.place(AfterPriority)
        found = await goals.most_pressing(
            tx,
            employee=employee,
            limit=cut.reach,
            priority=after and after.priority,
            after=after and after.id,
            statuses=status,
            goal_type=goal_type,
        )
        return cut.page(found, lambda last: AfterPriority(priority=last.priority, id=last.id))
    before = cut.place(BeforeId)
    found = await goals.latest(
        tx, employee=employee, limit=cut.reach, before=before and before.id, statuses=status, goal_type=goal_type
    )
    return cut.page(found, lambda last: BeforeId(id=last.id))


class AdoptGoal(Body):
    """A metric over beliefs, and the number that it shall have, reach, keep or never pass."""

    metric: str = Field(min_length=1, max_length=500, description="`subject.predicate`, or the employee's own.")
    goal_type: GoalType = "achievement"
    at_least: float | None = Field(default=None, description="The number; one of at_least, at_most and value.")
    at_most: float | None = None
    value: float | None = Field(default=None, description="With a comparator.")
    comparator: Comparator | None = None
    restore: float | None = Field(default=None, description="What a violated state must reach to count as kept again.")
    deadline: datetime | str | None = Field(default=None, description='A moment, a date, or a span: "2 weeks".')
    window: str | None = Field(default=None, max_length=100)
    measure: Measure | None = None
    description: str | None = Field(default=None, min_length=1, max_length=2000)
    importance: float = Field(default=0.5, ge=0, le=1)
    key: str | None = Field(default=None, min_length=1, max_length=300, description="At most one live goal has it.")
    parent: UUID | None = None
    creation: JsonValue = None
    context: JsonValue = None
    drop: JsonValue = None
    recur_after: str | None = Field(default=None, max_length=100)


@noun.makes(
    "/employees/{employee}/goals",
    "adopt",
    summary="An employee wants something",
    roles=DELEGATES,
    location="/employees/{employee}/goals/{id}",
    sends={"metric": "pipeline.coverage", "goal_type": "maintenance", "at_least": 3},
    example=_COVERAGE,
)
async def adopt(tx: Tx, *, employee: UUID, body: AdoptGoal) -> Goal:
    """Its next cycle is due at once."""
    wanted = Wanted(**{name: getattr(body, name) for name in AdoptGoal.model_fields})
    return await mandate.want(tx, employee=employee, wanted=wanted)


@noun.reads("/employees/{employee}/goals/{goal}", "get", summary="A goal", example=_COVERAGE)
async def get(tx: ReadTx, *, employee: UUID, goal: UUID) -> Goal:
    """How it stands, and from what its priority was computed."""
    return await goals.get(tx, goal=goal, employee=employee)


class ChangeGoal(Body):
    """What is to be changed; what is left out stays. Another target is another goal."""

    importance: float | None = Field(default=None, ge=0, le=1)
    description: str | None = Field(default=None, min_length=1, max_length=2000)


@noun.changes(
    "/employees/{employee}/goals/{goal}",
    "change",
    summary="A goal matters more, or less",
    roles=DELEGATES,
    sends={"importance": 0.9},
    example={**_COVERAGE, "importance": 0.9},
)
async def change(tx: Tx, *, seen: Seen, employee: UUID, goal: UUID, body: ChangeGoal) -> Goal:
    """Its priority follows at once, and the employee's next cycle is due."""
    found = await goals.held(tx, employee=employee, goal=goal)
    seen.check(found)
    return await mandate.reweigh(tx, goal=found, importance=body.importance, description=body.description)


class GiveUp(Body):
    """Why."""

    reason: str = Field(min_length=1, max_length=2000)


@noun.acts(
    "/employees/{employee}/goals/{goal}/drop",
    "drop",
    summary="A goal is wanted no more",
    roles=DELEGATES,
    sends={"reason": "The territory went to another team."},
    example={**_COVERAGE, "status": "abandoned", "reason": "The territory went to another team."},
)
async def drop(tx: Tx, *, employee: UUID, goal: UUID, body: GiveUp) -> Goal:
    """Its plans end in the employee's next cycle, which is due at once."""
    await mandate.give_up(tx, goal=goal, reason=body.reason)
    return await goals.get(tx, goal=goal, employee=employee)  # of another employee there is none, and nothing was done


_EVENT: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000014",
    "goal_id": "0199a5c0-0000-7000-8000-000000000004",
    "old_status": None,
    "new_status": "active",
    "old_state": None,
    "new_state": None,
    "value": None,
    "reason": None,
    "actor_type": "user",
    "actor_id": "0199a5c0-0000-7000-8000-000000000002",
    "changed_at": "2026-03-01T09:00:00Z",
}


@noun.reads(
    "/employees/{employee}/goals/{goal}/history",
    "history",
    summary="How a goal came to stand where it stands",
    example={"items": [_EVENT], "next_cursor": None},
)
async def history(
    tx: ReadTx,
    *,
    cut: Paging,
    employee: UUID,
    goal: UUID,
    as_of: Annotated[
        str | None, Query(max_length=40, description="Or stood at this moment; a date is the end of its day in UTC.")
    ] = None,
    state: Annotated[
        ProgressState | None,
        Query(description="When it came to be in this state alone: its violations, say."),
    ] = None,
) -> Page[GoalEvent]:
    """The latest change first."""
    before = cut.place(BeforeMoment)
    await goals.get(tx, goal=goal, employee=employee)
    found = await goals.history(
        tx,
        employee=employee,
        goal=goal,
        at=None if as_of is None else moment(as_of),
        state=state,
        limit=cut.reach,
        before_at=before and before.at,
        before=before and before.id,
    )
    return cut.page(found, lambda last: BeforeMoment(at=last.changed_at, id=last.id))


@noun.reads(
    "/employees/{employee}/goals/{goal}/why",
    "why",
    summary="Why a goal has its priority",
    example={
        "priority": 8,
        "importance": 0.5,
        "urgency": 1.0,
        "deadline": 0.0,
        "pace": 0.0,
        "violation": 1.0,
        "waiting_days": 0.0,
        "sum": 8.0,
    },
)
async def why(tx: ReadTx, *, employee: UUID, goal: UUID) -> WhyPriority:
    """The arithmetic, with the inputs of when it was last computed."""
    return why_priority(await goals.get(tx, goal=goal, employee=employee))


@noun.reads(
    "/employees/{employee}/goals/{goal}/before_success",
    "before_success",
    summary="What changed before a goal was last met",
    example={
        "goal": _COVERAGE,
        "since": "2026-03-01T09:00:00Z",
        "until": "2026-03-04T09:00:00Z",
        "story": [{**_EVENT, "old_status": "active", "new_state": "met", "value": 3.2}],
        "changes": [],
        "plans": [],
    },
)
async def before_success(tx: ReadTx, *, employee: UUID, goal: UUID) -> BeforeSuccess:
    """The beliefs that moved and the plans that ran, from its trouble or beginning on. Of one that was never met there is nothing."""
    await goals.get(tx, goal=goal, employee=employee)
    return await outcome.before_success(tx, goal=goal)
