"""What an employee has in hand now: little, and for a while."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict

from empla.api.operations import Noun
from empla.memory import working
from empla.memory.rendering import Rendered
from empla.memory.working import WorkingItem
from empla.storage.tx import ReadTx

noun = Noun("working", about="What an employee has in hand: as items, or as text within a budget of tokens.")


class InHand(BaseModel):
    """What matters most first."""

    model_config = ConfigDict(frozen=True)

    items: list[WorkingItem]


@noun.reads(
    "/employees/{employee}/working",
    "list",
    summary="What an employee has in hand",
    scope="memory:read",
    example={
        "items": [
            {
                "id": "0199a5c0-0000-7000-8000-000000000012",
                "employee_id": "0199a5c0-0000-7000-8000-000000000003",
                "context_type": "current_task",
                "content": {"task": "compose_followup_email"},
                "priority": 5,
                "pinned": False,
                "expires_at": None,
                "created_at": "2026-03-01T09:00:00Z",
            }
        ]
    },
)
async def listed(tx: ReadTx, *, employee: UUID) -> InHand:
    """Of an employee whom the caller may see; nobody else has anything in hand."""
    return InHand(items=await working.in_hand(tx, employee=employee))


@noun.reads(
    "/employees/{employee}/working/text",
    "text",
    summary="What an employee has in hand, as text for a prompt",
    scope="memory:read",
    example={
        "text": "current task: compose_followup_email",
        "tokens": 14,
        "budget": 500,
        "shown": 1,
        "shortened": 0,
        "left_out": 0,
    },
)
async def text(
    tx: ReadTx,
    *,
    employee: UUID,
    budget: Annotated[int, Query(ge=1, le=100_000, description="Tokens, at most.")] = working.DEFAULT_BUDGET,
) -> Rendered:
    """A line each, pinned ones first, never more than the budget."""
    return working.render(await working.in_hand(tx, employee=employee), budget)
