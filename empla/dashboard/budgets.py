"""What the tenant and its employees may spend in a day, and what of it is spent."""

from decimal import Decimal
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from empla.api.doors import STAFF
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Visit
from empla.effects import budgets
from empla.effects.budgets import Resource
from empla.employees import employees

room = Room("budgets")
A_PAGE = 50  # employees
_RESOURCES = 4


class Asked(Fields):
    """Whose."""

    employee: UUID | None = None
    search: str | None = Field(default=None, max_length=100)
    page: int = Field(default=1, ge=1, le=10_000)
    told: str | None = Field(default=None, max_length=40)


@room.shows("/administration/budgets")
async def today(visit: Visit) -> Response:
    """Those of the tenant or of one employee are one statement, those of all another."""
    asked = visit.asked(Asked)
    async with visit.read(roles=STAFF) as tx:
        whose = None if asked.employee is None else await employees.get(tx, employee=asked.employee)
        limits = await budgets.used(tx, scopes=[asked.employee or tx.tenant_id]) if visit.wants("limits") else []
        team = (
            await budgets.of_team(tx, search=asked.search, limit=A_PAGE + 1, skip=(asked.page - 1) * A_PAGE)
            if visit.wants("team")
            else []
        )
    rows = [team[at : at + _RESOURCES] for at in range(0, len(team), _RESOURCES)]
    return visit.show(
        "budgets.html", asked=asked, whose=whose, limits=limits, team=rows[:A_PAGE], has_more=len(rows) > A_PAGE
    )


class Daily(Fields):
    """At most so much in a day."""

    resource: Resource
    daily: Decimal = Field(ge=0, lt=10**14, decimal_places=6)
    employee: UUID | None = None


@room.takes("/administration/budgets")
async def set_daily(visit: Visit) -> Response:
    """For the tenant, or for one employee."""
    sent = await visit.sent(Daily)
    async with visit.write(roles=STAFF) as tx:
        if sent.employee is not None:
            await employees.get(tx, employee=sent.employee)
        await budgets.set_daily(tx, scope=sent.employee or tx.tenant_id, resource=sent.resource, daily=sent.daily)
    return visit.go("/administration/budgets", told="budget_set", employee=sent.employee)
