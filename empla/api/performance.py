"""Figures of a tenant and its employees: for charts, for reviews, and for whoever keeps them elsewhere."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue

from empla.api.operations import Noun
from empla.api.paging import BeforeMoment, Page, Paging
from empla.observability import performance
from empla.observability.performance import Day, Measurement, Performance
from empla.storage.tx import ReadTx

noun = Noun(
    "metrics", about="How employees do: what was measured, day by day, and in all. Of those whom the caller may see."
)
_CYCLES: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000032",
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "metric_name": "cycles",
    "metric_type": "counter",
    "value": 1.0,
    "tags": {},
    "timestamp": "2026-03-01T09:00:00Z",
    "recorded_at": "2026-03-01T09:00:00Z",
}
_DAY: dict[str, JsonValue] = {
    "day": "2026-03-01",
    "cycles": 14,
    "mean_cycle_seconds": 0.02,
    "cost": "0.250000",
    "goals_achieved": 1,
    "effects_sent": 3,
    "approvals_waiting": 2,
}
_TOTAL: dict[str, JsonValue] = {
    "employees": 1,
    "active": 1,
    "goals_achieved": 4,
    "goal_violations": 1,
    "goals_restored": 1,
    "tasks_completed": 9,
    "tasks_failed": 1,
    "tasks_abandoned": 0,
    "steps_completed": 31,
    "success_rate": 0.9,
    "eventful_cycles": 120,
    "mean_cycle_seconds": 0.02,
    "approvals_waiting": 2,
    "spent_today": "0.250000",
}


class Series(BaseModel):
    """Day by day, without a gap."""

    model_config = ConfigDict(frozen=True)

    items: list[Day]


Since = Annotated[date | None, Query(description="The first day (UTC, the tenant's time); 29 before the last.")]
Until = Annotated[date | None, Query(description="The last day; today. At most 366 days.")]


@noun.reads("/metrics", "list", summary="What was measured", example={"items": [_CYCLES], "next_cursor": None})
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    employee: Annotated[UUID | None, Query(description="Of this employee.")] = None,
    name: Annotated[str | None, Query(min_length=1, max_length=200, description="Of this name: `cycles`.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="From then on, in the tenant's time.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before then, in the tenant's time.")] = None,
) -> Page[Measurement]:
    """The latest first. Counters say how many more, gauges how it stands; a histogram's tags have its count and cumulative buckets."""
    place = cut.place(BeforeMoment)
    found = await performance.measured(
        tx,
        limit=cut.reach,
        employee=employee,
        name=name,
        since=since,
        until=until,
        before=place and place.at,
        before_id=place and place.id,
    )
    return cut.page(found, lambda last: BeforeMoment(at=last.timestamp, id=last.id))


@noun.reads("/metrics/days", "days", summary="How it went, day by day", example={"items": [_DAY]})
async def days(tx: ReadTx, *, since: Since = None, until: Until = None) -> Series:
    """Of all employees whom the caller may see: for charts."""
    return Series(items=await performance.days(tx, since=since, until=until))


@noun.reads("/metrics/total", "total", summary="How employees do in all", example=_TOTAL)
async def total(tx: ReadTx) -> Performance:
    """Of all employees whom the caller may see. What was achieved is summed up once a day; what waits and was spent is of now."""
    return await performance.total(tx)


@noun.reads(
    "/employees/{employee}/metrics/days",
    "days_of_employee",
    summary="How an employee did, day by day",
    example={"items": [_DAY]},
)
async def days_of_employee(tx: ReadTx, *, employee: UUID, since: Since = None, until: Until = None) -> Series:
    """For charts."""
    return Series(items=await performance.days(tx, employee=employee, since=since, until=until))


@noun.reads("/employees/{employee}/metrics/total", "total_of_employee", summary="How an employee does", example=_TOTAL)
async def total_of_employee(tx: ReadTx, *, employee: UUID) -> Performance:
    """What was achieved is summed up once a day; what waits and was spent is of now."""
    return await performance.total(tx, employee=employee)
