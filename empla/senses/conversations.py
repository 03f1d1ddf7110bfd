"""Conversations: what somebody writes to an employee is perceived once; what the employee answers stands there once it may.

Nobody writes a message: the door `say` does, with its observation; and the database, when an answer's effect is done (0022).
"""

from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla import ids
from empla.errors import InvalidError, NotFoundError
from empla.storage.tx import ReadTx, Tx

ConversationStatus = Literal["open", "closed"]
Author = Literal["user", "operator", "visitor", "employee"]


class Conversation(BaseModel):
    """People and one employee writing to each other."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    title: str
    status: ConversationStatus
    started_by: UUID | None  # the user; None for the operator and for visitors
    messages: int  # so many there are
    last_message_at: datetime | None
    created_at: datetime


class Message(BaseModel):
    """What was written, as it stays."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    conversation_id: UUID
    position: int  # in the conversation, from 1 on without a gap
    author: Author
    user_id: UUID | None
    visitor: str | None  # how somebody from outside is called
    body: str
    in_reply_to: UUID | None
    observation_id: UUID | None  # by which the employee perceives it
    effect_id: UUID | None  # by which the employee wrote it
    created_at: datetime


class Said(BaseModel):
    """Where a message stands now."""

    model_config = ConfigDict(frozen=True)

    conversation_id: UUID
    message_id: UUID
    is_new: bool  # False: it was written before, under the same key


SAY: LiteralString = """
    SELECT conversation_id, message_id, is_new
      FROM say(%(employee)s::uuid, %(conversation)s::uuid, %(words)s::text, %(title)s::text, %(visitor)s::text, %(in_reply_to)s::uuid,
               %(key)s::text)
     WHERE %(tenant)s::uuid IS NOT NULL
"""


async def say(
    tx: Tx,
    *,
    employee: UUID,
    words: str,
    conversation: UUID | None = None,
    title: str | None = None,
    visitor: str | None = None,
    in_reply_to: UUID | None = None,
    key: str | None = None,
) -> Said:
    """The caller has written to the employee, which perceives it in its next cycle, due now; one statement.

    Without a conversation a new one begins. What the caller writes is the word of one of the company's own; what he passes on of a
    `visitor` (by name or address) came from outside, and is tainted. The same `key` in the same conversation is written once.
    Raises `NotFoundError`, `ConflictError` for a conversation that is closed, `ForbiddenError` for an employee that the caller is not
    assigned to, `InvalidError`.
    """
    for text in (words, title, visitor):
        if text is not None and ("\0" in text or not text.strip()):
            raise InvalidError("a message, its title and its author have words, and no NUL byte")
    if key is not None and conversation is None:
        raise InvalidError("a key is of one conversation: name it")
    [said] = await tx.fetch_all(
        Said,
        SAY,
        employee=employee,
        conversation=conversation,
        words=words,
        title=title,
        visitor=visitor,
        in_reply_to=in_reply_to,
        key=key,
    )
    return said


LISTED: LiteralString = """
    SELECT id, employee_id, title, status, started_by, messages, last_message_at, created_at
      FROM conversations
     WHERE tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR employee_id = %(employee)s::uuid)
       AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid) AND (%(status)s::text IS NULL OR status = %(status)s::text)
       AND (%(part)s::text IS NULL OR starts_with(id::text, %(part)s::text) OR right(id::text, length(%(part)s::text)) = %(part)s::text)
       AND (%(last)s::uuid IS NULL
            OR (coalesce(last_message_at, '-infinity'), id) < (coalesce(%(last_at)s::timestamptz, '-infinity'), %(last)s::uuid))
     ORDER BY last_message_at DESC NULLS LAST, id DESC LIMIT %(limit)s::int
"""


async def listed(
    tx: ReadTx,
    *,
    employee: UUID | None = None,
    status: ConversationStatus | None = None,
    limit: int = 100,
    last_at: datetime | None = None,
    last: UUID | None = None,
) -> list[Conversation]:
    """Those of one employee or of all whom the caller may see, the latest first; behind `last`, whose latest message is of `last_at`."""
    return await tx.fetch_all(
        Conversation,
        LISTED,
        employee=employee,
        id=None,
        status=status,
        part=None,
        limit=limit,
        last_at=last_at,
        last=last,
    )


async def get(tx: ReadTx, *, conversation: UUID, employee: UUID | None = None) -> Conversation:
    """One conversation, of that employee if one is named. Raises `NotFoundError`."""
    found = await tx.fetch_one(
        Conversation,
        LISTED,
        employee=employee,
        id=conversation,
        status=None,
        part=None,
        limit=1,
        last_at=None,
        last=None,
    )
    if found is None:
        raise NotFoundError("there is no such conversation")
    return found


async def find(tx: ReadTx, *, named: str, employee: UUID | None = None) -> Conversation:
    """The conversation whose id begins or ends so. Raises `NotFoundError`, `UsageError` for several."""
    part = ids.part(named)
    found = await tx.fetch_all(
        Conversation,
        LISTED,
        employee=employee,
        id=None,
        status=None,
        part=part,
        limit=ids.MOST_NAMED,
        last_at=None,
        last=None,
    )
    return ids.only(found, what="conversation", named=named)


MESSAGES: LiteralString = """
    SELECT id, employee_id, conversation_id, position, author, user_id, visitor, body, in_reply_to, observation_id, effect_id, created_at
      FROM messages
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND conversation_id = %(conversation)s::uuid
       AND position > %(after)s::int
     ORDER BY position LIMIT %(limit)s::int
"""


async def messages(
    tx: ReadTx, *, employee: UUID, conversation: UUID, after: int = 0, limit: int = 1000
) -> list[Message]:
    """What was written behind that position, the oldest first."""
    return await tx.fetch_all(Message, MESSAGES, employee=employee, conversation=conversation, after=after, limit=limit)


CHANGE: LiteralString = """
    UPDATE conversations SET title = coalesce(%(title)s::text, title), status = coalesce(%(status)s::text, status)
     WHERE tenant_id = %(tenant)s::uuid AND id = %(conversation)s::uuid
    RETURNING id, employee_id, title, status, started_by, messages, last_message_at, created_at
"""


async def change(
    tx: Tx, *, conversation: UUID, title: str | None = None, status: ConversationStatus | None = None
) -> Conversation:
    """It is called so, or is closed (nobody writes to it any more, an answer that is under way still comes) or open again.

    Raises `NotFoundError`, also for whoever may only read it.
    """
    changed = await tx.fetch_one(Conversation, CHANGE, conversation=conversation, title=title, status=status)
    if changed is None:
        raise NotFoundError("there is no such conversation, or it is not the caller's to change")
    return changed
