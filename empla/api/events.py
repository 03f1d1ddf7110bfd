"""What employees do, as it happens: server-sent events, resumed by the id of the last one; and the same as ordinary pages."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

from fastapi import Header, Query
from pydantic import BaseModel, ConfigDict, JsonValue

from empla.api.doors import Desk
from empla.api.operations import Noun
from empla.api.paging import Page, Paging
from empla.api.streams import EventStream, Opened
from empla.observability import events
from empla.observability.events import Event, EventKind
from empla.storage.tx import ReadTx

noun = Noun("events", about="What employees do: whoever sees an employee sees its events.")
_LAST = "4711-0199a5c0000070008000000000000017"
_PAUSED: dict[str, JsonValue] = {
    "id": _LAST,
    "kind": "employee.status",
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "employee": "Jordan",
    "subject_id": "0199a5c0-0000-7000-8000-000000000003",
    "sentence": "Jordan is paused, in stage shadow",
    "details": {},
    "occurred_at": "2026-03-01T09:00:00Z",
    "recorded_at": "2026-03-01T09:00:00Z",
}
Employee = Annotated[UUID | None, Query(description="Those of this employee.")]
Kinds = Annotated[list[EventKind] | None, Query(description="Those of these kinds.")]


@noun.reads(
    "/events",
    "follow",
    summary="What employees do, as it happens",
    scope="read",
    streams=True,
    example=f"id: {_LAST}\nevent: employee.status\ndata: {{…}}\n\n",
)
async def follow(
    desk: Desk,
    *,
    last_event_id: Annotated[
        str | None, Header(max_length=60, description="After this one, as browsers say it.")
    ] = None,
    after: Annotated[str | None, Query(max_length=60, description="After this one; from now on when absent.")] = None,
    employee: Employee = None,
    kinds: Kinds = None,
) -> EventStream:
    """Each has its id, its kind and the record as JSON. Whoever comes again with the last id misses nothing and gets nothing twice."""
    place = last_event_id or after
    async with desk.read() as tx:
        place = place or await events.now(tx)
        await events.since(tx, after=place, limit=1, employee=employee, kinds=kinds)  # what is no id is told now
    return Opened(place, _pieces(desk, place, employee, kinds))  # pyright: ignore[reportReturnType] — the frame streams it


async def _pieces(
    desk: Desk, after: str, employee: UUID | None, kinds: list[EventKind] | None
) -> AsyncGenerator[bytes]:
    async with aclosing(
        events.follow(desk.database, desk.caller, after=after, employee=employee, kinds=kinds)
    ) as happening:
        async for event in happening:
            yield f"id: {event.id}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n".encode()


class BeforeEvent(BaseModel):
    """The place in a list of events, the latest first."""

    model_config = ConfigDict(extra="forbid")

    id: str


@noun.reads(
    "/events/recent",
    "recent",
    summary="What employees did",
    scope="read",
    example={"items": [_PAUSED], "next_cursor": None},
)
async def recent(tx: ReadTx, *, cut: Paging, employee: Employee = None, kinds: Kinds = None) -> Page[Event]:
    """The latest first, as far back as events are kept."""
    before = cut.place(BeforeEvent)
    found = await events.latest(tx, before=before and before.id, limit=cut.reach, employee=employee, kinds=kinds)
    return cut.page(found, lambda last: BeforeEvent(id=last.id))
