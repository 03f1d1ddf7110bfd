"""How an employee, or all of a tenant, does: read from the rows themselves, each in one statement, of those alone whom the caller sees."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.errors import InvalidError, NotFoundError
from empla.observability.metrics import MetricType
from empla.storage.tx import ReadTx

MOST_DAYS, USUAL_DAYS = 366, 30


class Measurement(BaseModel):
    """One measurement that was kept."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID | None  # None for one of the tenant
    metric_name: str
    metric_type: MetricType
    value: float
    tags: dict[str, JsonValue]  # of a histogram: count and cumulative buckets
    timestamp: datetime  # the tenant's time
    recorded_at: datetime  # the wall clock's


MEASURED: LiteralString = """
    SELECT id, employee_id, metric_name, metric_type, value, tags, timestamp, recorded_at
      FROM metrics
     WHERE tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR employee_id = %(employee)s::uuid)
       AND (%(name)s::text IS NULL OR metric_name = %(name)s::text)
       AND (%(since)s::timestamptz IS NULL OR timestamp >= %(since)s::timestamptz)
       AND (%(until)s::timestamptz IS NULL OR timestamp < %(until)s::timestamptz)
       AND (%(before)s::timestamptz IS NULL OR (timestamp, id) < (%(before)s::timestamptz, %(before_id)s::uuid))
     ORDER BY timestamp DESC, id DESC LIMIT %(limit)s::int
"""


async def measured(
    tx: ReadTx,
    *,
    limit: int,
    employee: UUID | None = None,
    name: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: datetime | None = None,
    before_id: UUID | None = None,
) -> list[Measurement]:
    """What was measured, the latest first; `since` is inclusive, `until` is not."""
    return await tx.fetch_all(
        Measurement,
        MEASURED,
        limit=limit,
        employee=employee,
        name=name,
        since=since,
        until=until,
        before=before,
        before_id=before_id,
    )


class Day(BaseModel):
    """What happened on one day (UTC, the tenant's time), and what waited when it ended."""

    model_config = ConfigDict(frozen=True)

    day: date
    cycles: int  # in which something happened
    mean_cycle_seconds: float | None  # None without one
    cost: Decimal  # money, in the tenant's currency
    goals_achieved: int
    effects_sent: int  # messages and calls that have left for certain
    approvals_waiting: int  # when the day ended; today's, now


# What waits is counted as a balance: whoever came before less whoever left before, and so on day by day.
DAYS: LiteralString = """
    WITH day AS (
        SELECT d::date AS day FROM generate_series(%(since)s::date::timestamp, %(until)s::date::timestamp, interval '1 day') d
         WHERE %(employee)s::uuid IS NULL OR EXISTS (
               SELECT FROM employees e WHERE e.tenant_id = %(tenant)s::uuid AND e.id = %(employee)s::uuid AND e.deleted_at IS NULL)
    ), span AS (
        SELECT %(since)s::date::timestamp AT TIME ZONE 'UTC' AS since, (%(until)s::date + 1)::timestamp AT TIME ZONE 'UTC' AS until
    ), cycle AS (
        SELECT (m.timestamp AT TIME ZONE 'UTC')::date AS day, sum(m.value) FILTER (WHERE m.metric_name = 'cycles') AS cycles,
               sum(m.value) FILTER (WHERE m.metric_name = 'cycle_seconds')
                   / nullif(sum((m.tags ->> 'count')::int) FILTER (WHERE m.metric_name = 'cycle_seconds'), 0) AS seconds
          FROM metrics m, span
         WHERE m.tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR m.employee_id = %(employee)s::uuid)
           AND m.metric_name IN ('cycles', 'cycle_seconds') AND m.timestamp >= span.since AND m.timestamp < span.until GROUP BY 1
    ), cost AS (
        SELECT b.day, sum(b.spent) AS spent FROM budget_days b
         WHERE b.tenant_id = %(tenant)s::uuid AND b.scope <> %(tenant)s::uuid AND b.resource = 'money'
           AND (%(employee)s::uuid IS NULL OR b.scope = %(employee)s::uuid) AND b.day BETWEEN %(since)s::date AND %(until)s::date GROUP BY 1
    ), goal AS (
        SELECT (g.completed_at AT TIME ZONE 'UTC')::date AS day, count(*) AS achieved FROM employee_goals g, span
         WHERE g.tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR g.employee_id = %(employee)s::uuid)
           AND g.deleted_at IS NULL AND g.status = 'completed' AND g.completed_at >= span.since AND g.completed_at < span.until GROUP BY 1
    ), sent AS (
        SELECT (e.ended_at AT TIME ZONE 'UTC')::date AS day, count(*) AS effects FROM effects e, span
         WHERE e.tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR e.employee_id = %(employee)s::uuid)
           AND e.kind IN ('message', 'call') AND e.status = 'done' AND e.ended_at >= span.since AND e.ended_at < span.until GROUP BY 1
    ), request AS (
        SELECT a.created_at, CASE WHEN a.decided_at IS NOT NULL THEN a.decided_at WHEN a.status = 'pending' THEN a.expires_at
                                  ELSE least(a.updated_at, a.expires_at) END AS ended_at
          FROM approvals a
         WHERE a.tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR a.employee_id = %(employee)s::uuid)
           AND a.expires_at IS NOT NULL
    ), balance AS (
        SELECT greatest((m.at AT TIME ZONE 'UTC')::date, %(since)s::date) AS day, sum(m.more) AS more
          FROM (SELECT created_at AS at, 1 AS more FROM request UNION ALL SELECT ended_at, -1 FROM request) m, span
         WHERE m.at < span.until AND m.at <= %(now)s::timestamptz GROUP BY 1
    )
    SELECT day.day, coalesce(c.cycles, 0)::bigint AS cycles, c.seconds AS mean_cycle_seconds, coalesce(m.spent, 0) AS cost,
           coalesce(g.achieved, 0) AS goals_achieved, coalesce(s.effects, 0) AS effects_sent,
           (sum(coalesce(b.more, 0)) OVER (ORDER BY day.day))::bigint AS approvals_waiting
      FROM day
      LEFT JOIN cycle c ON c.day = day.day
      LEFT JOIN cost m ON m.day = day.day
      LEFT JOIN goal g ON g.day = day.day
      LEFT JOIN sent s ON s.day = day.day
      LEFT JOIN balance b ON b.day = day.day
     ORDER BY day.day
"""


async def days(
    tx: ReadTx, *, employee: UUID | None = None, since: date | None = None, until: date | None = None
) -> list[Day]:
    """Each day from `since` to `until`, both included, of one employee or of all whom the caller sees; by default the last thirty.

    Raises `InvalidError` for a time that is none or too long, `NotFoundError` for an employee whom the caller does not see.
    """
    last = until or tx.now.date()
    try:
        first = since or last - timedelta(days=USUAL_DAYS - 1)
    except OverflowError:
        raise InvalidError("there are no days before that") from None
    if not 0 <= (last - first).days < MOST_DAYS or last == date.max:
        raise InvalidError(f"a series is of 1 to {MOST_DAYS} days, and ends after it begins")
    found = await tx.fetch_all(Day, DAYS, employee=employee, since=first, until=last, now=tx.now)
    if not found:
        raise NotFoundError("no such employee")
    return found


class Performance(BaseModel):
    """What one employee, or all of them, achieved so far; summed up by housekeeping, and so at most a day old. Now is what is asked now."""

    model_config = ConfigDict(frozen=True)

    employees: int  # that these are the figures of
    active: int  # of them, now
    goals_achieved: int
    goal_violations: int
    goals_restored: int
    tasks_completed: int
    tasks_failed: int
    tasks_abandoned: int
    steps_completed: int
    success_rate: float | None  # of tasks that ended well or failed; None without any
    eventful_cycles: int
    mean_cycle_seconds: float | None  # weighed by those cycles
    approvals_waiting: int  # now
    spent_today: Decimal  # money, now


TOTAL: LiteralString = """
    WITH whom AS (
        SELECT e.id, e.status, e.performance_metrics AS p FROM employees e
         WHERE e.tenant_id = %(tenant)s::uuid AND e.deleted_at IS NULL AND (%(employee)s::uuid IS NULL OR e.id = %(employee)s::uuid)
    ), figure AS (
        SELECT w.status, f.*, CASE WHEN f.mean_cycle_seconds IS NOT NULL THEN f.eventful_cycles END AS timed_cycles
          FROM whom w
         CROSS JOIN LATERAL jsonb_to_record(w.p) AS f (
               goals_achieved bigint, goal_violations bigint, goals_restored bigint, tasks_completed bigint, tasks_failed bigint,
               tasks_abandoned bigint, steps_completed bigint, eventful_cycles bigint, mean_cycle_seconds float8)
    )
    SELECT count(*) AS employees, count(*) FILTER (WHERE status = 'active') AS active,
           coalesce(sum(goals_achieved), 0)::bigint AS goals_achieved, coalesce(sum(goal_violations), 0)::bigint AS goal_violations,
           coalesce(sum(goals_restored), 0)::bigint AS goals_restored, coalesce(sum(tasks_completed), 0)::bigint AS tasks_completed,
           coalesce(sum(tasks_failed), 0)::bigint AS tasks_failed, coalesce(sum(tasks_abandoned), 0)::bigint AS tasks_abandoned,
           coalesce(sum(steps_completed), 0)::bigint AS steps_completed,
           (sum(tasks_completed) / nullif(coalesce(sum(tasks_completed), 0) + coalesce(sum(tasks_failed), 0), 0))::float8 AS success_rate,
           coalesce(sum(eventful_cycles), 0)::bigint AS eventful_cycles,
           sum(mean_cycle_seconds * timed_cycles) / nullif(sum(timed_cycles), 0)::float8 AS mean_cycle_seconds,
           (SELECT count(*) FROM approvals a
              JOIN effects f ON f.tenant_id = a.tenant_id AND f.employee_id = a.employee_id AND f.id = a.effect_id
             WHERE a.tenant_id = %(tenant)s::uuid AND f.tenant_id = %(tenant)s::uuid AND a.employee_id IN (SELECT id FROM whom)
               AND a.status = 'pending' AND f.status = 'awaiting_approval' AND a.expires_at > %(now)s::timestamptz) AS approvals_waiting,
           (SELECT coalesce(sum(b.spent), 0) FROM budget_days b
             WHERE b.tenant_id = %(tenant)s::uuid AND b.scope IN (SELECT id FROM whom) AND b.resource = 'money'
               AND b.day = (%(now)s::timestamptz AT TIME ZONE 'UTC')::date) AS spent_today
      FROM figure
"""


async def total(tx: ReadTx, *, employee: UUID | None = None) -> Performance:
    """Of one employee, or of all whom the caller sees. Raises `NotFoundError` for one whom the caller does not see."""
    [found] = await tx.fetch_all(Performance, TOTAL, employee=employee, now=tx.now)
    if employee is not None and not found.employees:
        raise NotFoundError("no such employee")
    return found
