"""Does it work? What the database finds of itself, and how the employees keep up with their clocks."""

from starlette.responses import Response

from empla import __version__
from empla.api.doors import ADMINS
from empla.dashboard.pages import Room
from empla.dashboard.visits import Told, Visit
from empla.employees import schedule
from empla.observability import health
from empla.storage.revision import HEAD

room = Room("health")


@room.shows("/administration/health")
async def shown(visit: Visit) -> Response:
    """Nothing is told that is another tenant's: neither tables nor sizes."""
    visit.asked(Told)
    database = visit.house.database
    async with visit.read(roles=ADMINS) as tx:
        standing = await schedule.standing(tx) if visit.wants("schedule") else None
    # Looked at once the viewer is let in, and not in his transaction.
    findings = await health.check(database) if visit.wants("findings") else []
    return visit.show(
        "health.html",
        standing=standing,
        findings=findings,
        version=__version__,
        revision=database.revision,
        newest=HEAD,
    )
