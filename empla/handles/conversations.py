"""What people and one employee write to each other, for Python programs; each call is a transaction of its own."""

from uuid import UUID

from empla.senses import conversations
from empla.senses.conversations import Conversation, ConversationStatus, Message, Said
from empla.storage.database import Database
from empla.storage.tx import Caller


class ConversationsHandle:
    """The conversations of one employee."""

    def __init__(self, database: Database, caller: Caller, employee: UUID) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def say(
        self,
        words: str,
        *,
        conversation: UUID | None = None,
        title: str | None = None,
        visitor: str | None = None,
        in_reply_to: UUID | None = None,
        key: str | None = None,
    ) -> Said:
        """The employee perceives it in its next cycle, due now; without a conversation a new one begins. Raises as `conversations.say`."""
        async with self._database.write(self._caller) as tx:
            return await conversations.say(
                tx,
                employee=self._employee,
                words=words,
                conversation=conversation,
                title=title,
                visitor=visitor,
                in_reply_to=in_reply_to,
                key=key,
            )

    async def listed(self, status: ConversationStatus | None = None, *, limit: int = 100) -> list[Conversation]:
        """The latest first."""
        async with self._database.read(self._caller) as tx:
            return await conversations.listed(tx, employee=self._employee, status=status, limit=limit)

    async def messages(self, conversation: UUID, *, after: int = 0, limit: int = 1000) -> list[Message]:
        """What was written behind that position, the oldest first."""
        async with self._database.read(self._caller) as tx:
            return await conversations.messages(
                tx, employee=self._employee, conversation=conversation, after=after, limit=limit
            )

    async def close(self, conversation: UUID) -> Conversation:
        """Nobody writes to it any more. Raises `NotFoundError`."""
        async with self._database.write(self._caller) as tx:
            return await conversations.change(tx, conversation=conversation, status="closed")

    async def reopen(self, conversation: UUID) -> Conversation:
        """It goes on. Raises `NotFoundError`."""
        async with self._database.write(self._caller) as tx:
            return await conversations.change(tx, conversation=conversation, status="open")
