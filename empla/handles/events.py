"""What a tenant's employees do, for Python programs that read it or follow it."""

from collections.abc import AsyncGenerator, Sequence
from uuid import UUID

from empla.observability import events
from empla.observability.events import Event, EventKind, Page
from empla.storage.database import Database
from empla.storage.tx import Caller


class EventsHandle:
    """The events that the caller may see."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def since(
        self,
        after: str | None = None,
        *,
        limit: int = 100,
        employee: UUID | None = None,
        kinds: Sequence[EventKind] | None = None,
    ) -> Page:
        """What came after that id, or from the oldest that is kept; `page.after` goes on. Raises as `events.since`."""
        async with self._database.read(self._caller) as tx:
            return await events.since(tx, after=after, limit=limit, employee=employee, kinds=kinds)

    def follow(
        self, after: str | None = None, *, employee: UUID | None = None, kinds: Sequence[EventKind] | None = None
    ) -> AsyncGenerator[Event]:
        """Events as they happen, after that id or from now on: `async for event in acme.events.follow()`."""
        return events.follow(self._database, self._caller, after=after, employee=employee, kinds=kinds)
