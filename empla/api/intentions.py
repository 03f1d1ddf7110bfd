"""What an employee is committed to: its plans with their steps, why it chose them, and an end where people want one."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field, JsonValue

from empla.api.doors import DELEGATES
from empla.api.operations import Body, Noun
from empla.api.paging import BeforeId, Page, Paging
from empla.bdi import intentions
from empla.bdi.intentions import Intention, Step
from empla.bdi.states import IntentionStatus
from empla.mind import explain as explaining
from empla.mind import mandate
from empla.mind.explanation import Explanation
from empla.storage.tx import ReadTx, Tx

noun = Noun(
    "intentions",
    about="The plans that an employee is committed to. It adopts them itself, for its goals and for what happens.",
)
_ID = "0199a5c0-0000-7000-8000-000000000008"
_FILL: dict[str, JsonValue] = {
    "id": _ID,
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "goal_id": "0199a5c0-0000-7000-8000-000000000004",
    "parent_id": None,
    "parent_position": None,
    "procedure_id": "0199a5c0-0000-7000-8000-000000000009",
    "plan_key": "fill_the_pipeline",
    "cause_id": None,
    "intention_type": "tactic",
    "description": "Fill the pipeline",
    "plan": {"type": "workflow"},
    "status": "in_progress",
    "priority": 7,
    "commitment": "single_minded",
    "on_failed_dependency": "replan",
    "dependencies": None,
    "context": {"rationale": "Coverage fell under 3."},
    "reason": None,
    "deadline_at": None,
    "created_at": "2026-03-01T09:00:00Z",
    "started_at": "2026-03-01T09:00:00Z",
    "completed_at": None,
    "failed_at": None,
    "abandoned_at": None,
    "served_at": "2026-03-01T09:00:00Z",
    "tainted": False,
}
_STEP: dict[str, JsonValue] = {
    "intention_id": _ID,
    "position": 1,
    "action": "task",
    "definition": {"action": "task", "title": "Call ten accounts"},
    "depends_on": [],
    "capability": None,
    "status": "pending",
    "idempotency_key": f"{_ID}:1",
    "attempts": 0,
    "max_attempts": 3,
    "not_before": None,
    "timeout_at": None,
    "started_at": None,
    "ended_at": None,
    "result": {},
    "error": None,
}


@noun.reads(
    "/employees/{employee}/intentions",
    "list",
    summary="What an employee is committed to",
    example={"items": [_FILL], "next_cursor": None},
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    employee: UUID,
    status: Annotated[list[IntentionStatus] | None, Query(description="Those of these statuses.")] = None,
    goal: Annotated[UUID | None, Query(description="Those that serve this goal.")] = None,
    parent: Annotated[UUID | None, Query(description="Those that this one pursues.")] = None,
    playbook: Annotated[UUID | None, Query(description="Those that carry out this playbook.")] = None,
) -> Page[Intention]:
    """What was adopted last first. Of an employee whom the caller may see; of nobody else there are none."""
    before = cut.place(BeforeId)
    found = await intentions.latest(
        tx,
        employee=employee,
        limit=cut.reach,
        before=before and before.id,
        statuses=status,
        goal=goal,
        parent=parent,
        procedure=playbook,
    )
    return cut.page(found, lambda last: BeforeId(id=last.id))


class WithSteps(Intention):
    """An intention and its steps, in order."""

    steps: list[Step]


@noun.reads(
    "/employees/{employee}/intentions/{intention}",
    "get",
    summary="An intention with its steps",
    example={**_FILL, "steps": [_STEP]},
)
async def get(tx: ReadTx, *, employee: UUID, intention: UUID) -> WithSteps:
    """How far it is, and what each step did."""
    found = await intentions.get(tx, employee=employee, intention=intention)
    steps = await intentions.steps_of(tx, employee=employee, intentions=[intention])
    return WithSteps.model_construct(**dict(found), steps=steps)


_WEIGHED: dict[str, JsonValue] = {
    "playbook": "fill_the_pipeline",
    "refused": None,
    "score": 0.71,
    "success": 0.44,
    "match": 0.97,
    "capability": 1.0,
    "rank": 0.0,
    "succeeded": 3,
    "executed": 3,
    "held": 1,
    "stated": 1,
}


@noun.reads(
    "/employees/{employee}/intentions/{intention}/explain",
    "explain",
    summary="Why an employee does it",
    example={
        "asked_at": "2026-03-01T10:00:00Z",
        "employee": "Jordan",
        "intention": _FILL,
        "goal": None,
        "cause": None,
        "parent": None,
        "children": [],
        "depends_on": [],
        "chosen": _WEIGHED,
        "alternatives": [
            {**_WEIGHED, "playbook": "revive_stale_deals", "refused": "pipeline.stale_count > 5 does not hold"}
        ],
        "rests_on": [
            {
                "subject": "pipeline",
                "predicate": "coverage",
                "object": 2.4,
                "confidence": 0.9,
                "object_now": 2.6,
                "confidence_now": 0.9,
            }
        ],
        "steps": [_STEP],
        "effects": [],
        "decisions": [],
        "notices": [],
        "waits_for": ["its turn: step 1 (task) is next"],
    },
)
async def explain(tx: ReadTx, *, employee: UUID, intention: UUID) -> Explanation:
    """What called for it, why this plan of those that applied, what it rests on, what its steps did, and what it waits for."""
    return await explaining.explain(tx, intention=intention, employee=employee)


class CallOff(Body):
    """Why."""

    reason: str = Field(min_length=1, max_length=2000)


@noun.acts(
    "/employees/{employee}/intentions/{intention}/call_off",
    "call_off",
    summary="A plan is not carried on",
    roles=DELEGATES,
    sends={"reason": "The customer asked us to wait."},
    example={
        **_FILL,
        "status": "abandoned",
        "reason": "The customer asked us to wait.",
        "abandoned_at": "2026-03-02T09:00:00Z",
    },
)
async def call_off(tx: Tx, *, employee: UUID, intention: UUID, body: CallOff) -> Intention:
    """What it had not sent is withdrawn. Its goal may be pursued anew, by this plan too, unless it is dropped or the playbook disabled."""
    return await mandate.call_off(tx, employee=employee, intention=intention, reason=body.reason)
