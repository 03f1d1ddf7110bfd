"""What employees do, as it happens, for the pages that are open: who, and of which kind. A page then asks anew for the part it shows."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

from pydantic import Field
from starlette.responses import Response

from empla.api.doors import Desk
from empla.api.streams import EventStream, Opened
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Visit
from empla.observability import events

room = Room("live")


class After(Fields):
    """Where it goes on; a browser says it in a header when it comes again."""

    after: str | None = Field(default=None, max_length=60)


@room.streams("/live")
async def live(visit: Visit) -> Response:
    """One stream for each page that is open; it ends as the API's streams do, and the browser opens it again."""
    settings, desk = visit.house.settings, visit.at_desk
    place = visit.request.headers.get("last-event-id") or visit.asked(After).after
    async with desk.read() as tx:
        place = place or await events.now(tx)
        await events.since(tx, after=place, limit=1)  # what is no id is told now
    streams = visit.house.streams
    leave = streams.take(f"{desk.caller.tenant}:{desk.principal.user}")
    return EventStream(
        Opened(place, _pieces(desk, place)),
        among=streams,
        heartbeat=settings.api_heartbeat,
        life=settings.api_stream_life,
        done=leave,
    )


async def _pieces(desk: Desk, after: str) -> AsyncGenerator[bytes]:
    async with aclosing(events.follow(desk.database, desk.caller, after=after)) as happening:
        async for event in happening:
            said = {"kind": event.kind, "employee": str(event.employee_id)}
            yield f"id: {event.id}\ndata: {json.dumps(said)}\n\n".encode()
