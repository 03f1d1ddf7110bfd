"""People and employees write to each other: what people say is perceived, what the employee answers stands there once it may."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from empla.api.operations import Body, Noun
from empla.api.paging import Page, Paging
from empla.senses import conversations
from empla.senses.conversations import Conversation, ConversationStatus, Message, Said
from empla.storage.tx import ReadTx, Tx

noun = Noun("conversations", about="What people and employees write to each other.")
_ID = "0199a5c0-0000-7000-8000-000000000014"
_TALK: dict[str, JsonValue] = {
    "id": _ID,
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "title": "The Acme renewal",
    "status": "open",
    "started_by": "0199a5c0-0000-7000-8000-000000000002",
    "messages": 1,
    "last_message_at": "2026-03-01T09:00:00Z",
    "created_at": "2026-03-01T09:00:00Z",
}
_SAID: dict[str, JsonValue] = {
    "conversation_id": _ID,
    "message_id": "0199a5c0-0000-7000-8000-000000000015",
    "is_new": True,
}


class BeforeTalk(BaseModel):
    """The place in a list of conversations, the latest first."""

    model_config = ConfigDict(extra="forbid")

    at: datetime | None
    id: UUID


class AfterPosition(BaseModel):
    """The place in a conversation."""

    model_config = ConfigDict(extra="forbid")

    position: int = Field(ge=0, lt=2**31)


@noun.reads(
    "/employees/{employee}/conversations",
    "list",
    summary="An employee's conversations",
    example={"items": [_TALK], "next_cursor": None},
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    employee: UUID,
    status: Annotated[ConversationStatus | None, Query(description="Those that are open, or closed.")] = None,
) -> Page[Conversation]:
    """Where something was written last stands first."""
    place = cut.place(BeforeTalk)
    found = await conversations.listed(
        tx, employee=employee, status=status, limit=cut.reach, last_at=place and place.at, last=place and place.id
    )
    return cut.page(found, lambda last: BeforeTalk(at=last.last_message_at, id=last.id))


class Say(Body):
    """What is written."""

    words: str = Field(min_length=1, max_length=100_000)
    visitor: str | None = Field(
        default=None,
        min_length=1,
        max_length=320,
        description="Who from outside says it, when the caller passes it on.",
    )


class Start(Say):
    """What is written first."""

    title: str | None = Field(default=None, min_length=1, max_length=200)


@noun.makes(
    "/employees/{employee}/conversations",
    "start",
    summary="Somebody writes to an employee",
    location="/employees/{employee}/conversations/{conversation_id}",
    sends={"words": "How does the Acme renewal stand?", "title": "The Acme renewal"},
    example=_SAID,
)
async def start(tx: Tx, *, employee: UUID, body: Start) -> Said:
    """The employee perceives it in its next cycle, due now."""
    return await conversations.say(tx, employee=employee, words=body.words, title=body.title, visitor=body.visitor)


@noun.reads("/employees/{employee}/conversations/{conversation}", "get", summary="A conversation", example=_TALK)
async def get(tx: ReadTx, *, employee: UUID, conversation: UUID) -> Conversation:
    """How it stands; what was written is a list of its own."""
    return await conversations.get(tx, conversation=conversation, employee=employee)


@noun.reads(
    "/employees/{employee}/conversations/{conversation}/messages",
    "messages",
    summary="What was written",
    example={
        "items": [
            {
                "id": "0199a5c0-0000-7000-8000-000000000015",
                "employee_id": "0199a5c0-0000-7000-8000-000000000003",
                "conversation_id": _ID,
                "position": 1,
                "author": "user",
                "user_id": "0199a5c0-0000-7000-8000-000000000002",
                "visitor": None,
                "body": "How does the Acme renewal stand?",
                "in_reply_to": None,
                "observation_id": "0199a5c0-0000-7000-8000-000000000013",
                "effect_id": None,
                "created_at": "2026-03-01T09:00:00Z",
            }
        ],
        "next_cursor": None,
    },
)
async def messages(tx: ReadTx, *, cut: Paging, employee: UUID, conversation: UUID) -> Page[Message]:
    """The oldest first."""
    after = cut.place(AfterPosition)
    found = await conversations.messages(
        tx, employee=employee, conversation=conversation, after=after.position if after else 0, limit=cut.reach
    )
    return cut.page(found, lambda last: AfterPosition(position=last.position))


@noun.makes(
    "/employees/{employee}/conversations/{conversation}/messages",
    "say",
    summary="Somebody writes on",
    location="/employees/{employee}/conversations/{conversation_id}",
    sends={"words": "And what do they ask for?"},
    example=_SAID,
)
async def say(tx: Tx, *, employee: UUID, conversation: UUID, body: Say) -> Said:
    """The employee perceives it in its next cycle, due now. Nobody writes to what is closed."""
    return await conversations.say(
        tx, employee=employee, conversation=conversation, words=body.words, visitor=body.visitor
    )
