"""What employees tell and ask the people around them, and what they are answered."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field, JsonValue

from empla.api.doors import DELEGATES
from empla.api.operations import Body, Noun
from empla.api.paging import BeforeMoment, Page, Paging
from empla.effects import notices
from empla.effects.notices import Notice, NoticeStatus
from empla.storage.tx import ReadTx, Tx

noun = Noun("notices", about="What employees tell and ask the people around them.")
_QUESTION: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000012",
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "kind": "question",
    "severity": "warning",
    "text": "Which discount may I offer Jane?",
    "notice_key": "step:0199a5c0-0000-7000-8000-000000000005:2",
    "goal_id": None,
    "intention_id": "0199a5c0-0000-7000-8000-000000000005",
    "status": "open",
    "answer": None,
    "answered_by": None,
    "answered_at": None,
    "created_at": "2026-03-01T09:00:00Z",
}
_ANSWERED: dict[str, JsonValue] = {
    **_QUESTION,
    "status": "answered",
    "answer": "Ten percent.",
    "answered_by": "0199a5c0-0000-7000-8000-000000000002",
    "answered_at": "2026-03-01T10:00:00Z",
}


@noun.reads(
    "/notices", "list", summary="What employees tell and ask", example={"items": [_QUESTION], "next_cursor": None}
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    status: Annotated[NoticeStatus | None, Query(description="Those of this status; all when none is named.")] = None,
    employee: Annotated[UUID | None, Query(description="Those of this employee.")] = None,
    intention: Annotated[UUID | None, Query(description="Those about this intention.")] = None,
) -> Page[Notice]:
    """The latest first."""
    place = cut.place(BeforeMoment)
    found = await notices.listed(
        tx,
        employee=employee,
        intention=intention,
        status=status,
        before=place and place.at,
        before_id=place and place.id,
        limit=cut.reach,
    )
    return cut.page(found, lambda last: BeforeMoment(at=last.created_at, id=last.id))


@noun.reads("/notices/{notice}", "get", summary="A notice", example=_QUESTION)
async def get(tx: ReadTx, *, notice: UUID) -> Notice:
    """Of an employee whom the caller may see."""
    return await notices.get(tx, notice=notice)


class Answer(Body):
    """What the employee shall know."""

    text: str = Field(min_length=1, max_length=4000)


@noun.acts(
    "/notices/{notice}/answer",
    "answer",
    summary="Answer an employee",
    roles=DELEGATES,
    sends={"text": "Ten percent."},
    example=_ANSWERED,
)
async def answer(tx: Tx, *, notice: UUID, body: Answer) -> Notice:
    """A step that asked goes on with it, a goal that had no plan left is planned anew; the employee's next cycle is due."""
    await notices.answer(tx, notice=notice, text=body.text)
    return await notices.get(tx, notice=notice)


@noun.acts(
    "/notices/{notice}/acknowledge",
    "acknowledge",
    summary="Somebody has read it",
    roles=DELEGATES,
    example={**_ANSWERED, "kind": "information", "text": "The territory is empty.", "answer": notices.SEEN},
)
async def acknowledge(tx: Tx, *, notice: UUID) -> Notice:
    """For what asks nothing; a question wants an answer."""
    await notices.acknowledge(tx, notice=notice)
    return await notices.get(tx, notice=notice)
