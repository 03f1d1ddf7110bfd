"""The first page: how the employees of the tenant do, and what waits for people."""

from pydantic import Field
from starlette.responses import Response

from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Visit
from empla.employees.employees import Status
from empla.mind import overview
from empla.observability import events
from empla.observability.events import KINDS, EventKind

room = Room("overview")
A_PAGE = 50  # employees
_LATEST = 10  # events
# What people would want to be told; the rest is on each employee's page.
_TOLD: tuple[EventKind, ...] = tuple(
    kind for kind in KINDS if kind not in {"belief.changed", "cycle.finished", "step.done"}
)


class Asked(Fields):
    """Whom to show."""

    search: str | None = Field(default=None, max_length=100)
    status: Status | None = None
    page: int = Field(default=1, ge=1, le=10_000)
    told: str | None = Field(default=None, max_length=40)


@room.shows("/")
async def shown(visit: Visit) -> Response:
    """Each part is one statement; the frame's is one more."""
    asked = visit.asked(Asked)
    async with visit.read() as tx:
        sums = await overview.sums(tx) if visit.wants("sums") else None
        team = (
            await overview.team(
                tx, search=asked.search, status=asked.status, limit=A_PAGE + 1, skip=(asked.page - 1) * A_PAGE
            )
            if visit.wants("team")
            else []
        )
        latest = await events.latest(tx, limit=_LATEST, kinds=_TOLD) if visit.wants("latest") else []
    return visit.show(
        "overview.html", asked=asked, sums=sums, team=team[:A_PAGE], has_more=len(team) > A_PAGE, latest=latest
    )
