"""Who changed what, and when: of one employee, and of the whole company. Written by the database; here it is read alone."""

from datetime import datetime
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from empla.api.doors import STAFF
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Visit
from empla.employees import employees
from empla.observability import audit
from empla.observability.audit import ActorType, Entry
from empla.storage.tx import ReadTx

room = Room("audit")
_A_PAGE = 50  # entries


class Asked(Fields):
    """Which entries: of whom, about what, and before which."""

    by: ActorType | None = None
    about: str | None = Field(default=None, max_length=40, pattern="^[a-z_]+$")
    until: datetime | None = None
    before: datetime | None = None
    before_id: UUID | None = None
    told: str | None = Field(default=None, max_length=40)


@room.shows("/employees/{employee:uuid}/audit")
async def of_employee(visit: Visit, employee: UUID) -> Response:
    """What it did, and what was done to it and to what is its own."""
    asked = visit.asked(Asked)
    async with visit.read(roles=STAFF) as tx:
        person = await employees.get(tx, employee=employee)
        found = await _found(tx, asked, employee)
    return visit.show(
        "employee_audit.html", person=person, asked=asked, entries=found[:_A_PAGE], has_more=len(found) > _A_PAGE
    )


@room.shows("/administration/audit")
async def of_company(visit: Visit) -> Response:
    """What anybody did."""
    asked = visit.asked(Asked)
    async with visit.read(roles=STAFF) as tx:
        found = await _found(tx, asked)
    return visit.show("company_audit.html", asked=asked, entries=found[:_A_PAGE], has_more=len(found) > _A_PAGE)


async def _found(tx: ReadTx, asked: Asked, employee: UUID | None = None) -> list[Entry]:
    return await audit.listed(
        tx,
        limit=_A_PAGE + 1,
        before=asked.before,
        before_id=asked.before_id,
        until=asked.until,
        actor_type=asked.by,
        resource_type=asked.about,
        employee=employee,
    )
