"""Measurements in the tenant's time: counters, gauges, and histograms whose tags hold the count of each bucket; and what they add up to."""

import json
from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.storage.tx import Tx

MetricType = Literal["counter", "gauge", "histogram"]
# Upper bounds in seconds; the last bucket has none.
SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Sample(BaseModel):
    """One measurement."""

    model_config = ConfigDict(frozen=True)

    metric_name: str
    metric_type: MetricType
    value: float
    tags: dict[str, JsonValue] = {}


def counter(name: str, value: float, **tags: JsonValue) -> Sample:
    """So many more than before."""
    return Sample(metric_name=name, metric_type="counter", value=value, tags=tags)


def gauge(name: str, value: float, **tags: JsonValue) -> Sample:
    """It stands there now."""
    return Sample(metric_name=name, metric_type="gauge", value=value, tags=tags)


def histogram(name: str, values: Sequence[float], *, bounds: Sequence[float] = SECONDS_BUCKETS) -> Sample:
    """These values: their sum, with `count` and cumulative `buckets` (value ≤ bound) in the tags, as Prometheus counts them."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_left(bounds, value)] += 1
    buckets: dict[str, JsonValue] = {}
    seen = 0
    for bound, count in zip([*(f"{bound:g}" for bound in bounds), "+Inf"], counts, strict=True):
        seen += count
        buckets[bound] = seen
    return Sample(
        metric_name=name,
        metric_type="histogram",
        value=sum(values),
        tags={"count": len(values), "buckets": buckets},
    )


WRITE: LiteralString = """
    INSERT INTO metrics (tenant_id, employee_id, metric_name, metric_type, value, tags, timestamp)
    SELECT %(tenant)s::uuid, %(employee)s::uuid, m.metric_name, m.metric_type, m.value, m.tags, %(now)s::timestamptz
      FROM jsonb_to_recordset(%(samples)s::jsonb) AS m (metric_name text, metric_type text, value float8, tags jsonb)
    ON CONFLICT DO NOTHING
"""


async def write(tx: Tx, *, employee: UUID | None, samples: Sequence[Sample]) -> None:
    """The measurements are kept, at the tenant's time, in one statement."""
    if samples:
        written = json.dumps([sample.model_dump(mode="json") for sample in samples])
        await tx.execute(WRITE, employee=employee, samples=written, now=tx.now)


# From the rows themselves, which no crash can miscount; the metrics add how long and how often.
ROLL_UP: LiteralString = """
    WITH goal AS (
        SELECT employee_id, count(*) FILTER (WHERE status = 'completed') AS achieved,
               coalesce(sum((current_progress ->> 'violations')::int), 0) AS violations
          FROM employee_goals WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL GROUP BY employee_id
    ), known AS (
        -- Where the last known state changed: what was unknown in between, or moved in status alone, ends nothing.
        SELECT employee_id, goal_id, id, state, changed_at
          FROM (SELECT h.employee_id, h.goal_id, h.id, h.new_state AS state, h.changed_at,
                       lag(h.new_state) OVER (PARTITION BY h.employee_id, h.goal_id ORDER BY h.changed_at, h.id) AS before
                  FROM goal_history h
                  JOIN employee_goals g ON g.tenant_id = h.tenant_id AND g.employee_id = h.employee_id AND g.id = h.goal_id
                 WHERE h.tenant_id = %(tenant)s::uuid AND g.tenant_id = %(tenant)s::uuid AND g.goal_type <> 'achievement'
                   AND h.new_state IN ('met', 'violated')) h
         WHERE before IS DISTINCT FROM state
    ), restored AS (
        SELECT employee_id, count(*) AS times, extract(epoch FROM sum(changed_at - since)) / 86400 AS days
          FROM (SELECT employee_id, state, changed_at, lag(state) OVER w AS before, lag(changed_at) OVER w AS since
                  FROM known WINDOW w AS (PARTITION BY employee_id, goal_id ORDER BY changed_at, id)) k
         WHERE before = 'violated' AND state = 'met' GROUP BY employee_id
    ), plan AS (
        SELECT employee_id, count(*) FILTER (WHERE status = 'completed') AS completed, count(*) FILTER (WHERE status = 'failed') AS failed,
               count(*) FILTER (WHERE status = 'abandoned') AS abandoned
          FROM employee_intentions WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL GROUP BY employee_id
    ), step AS (
        SELECT employee_id, count(*) FILTER (WHERE status = 'completed') AS completed
          FROM intention_steps WHERE tenant_id = %(tenant)s::uuid GROUP BY employee_id
    ), measured AS (
        SELECT employee_id, sum(value) FILTER (WHERE metric_name = 'cycles') AS cycles,
               sum(value) FILTER (WHERE metric_name = 'cycle_seconds') / nullif(sum((tags ->> 'count')::int)
                   FILTER (WHERE metric_name = 'cycle_seconds'), 0) AS cycle_seconds
          FROM metrics WHERE tenant_id = %(tenant)s::uuid AND employee_id IS NOT NULL GROUP BY employee_id
    ), total AS (
        SELECT e.id, jsonb_strip_nulls(jsonb_build_object(
                   'goals_achieved', coalesce(g.achieved, 0), 'goal_violations', coalesce(g.violations, 0),
                   'goals_restored', coalesce(r.times, 0), 'mean_days_to_restore', round((r.days / r.times)::numeric, 4),
                   'tasks_completed', coalesce(p.completed, 0), 'tasks_failed', coalesce(p.failed, 0),
                   'tasks_abandoned', coalesce(p.abandoned, 0),
                   'steps_completed', coalesce(s.completed, 0),
                   'success_rate', round(p.completed::numeric / nullif(p.completed + p.failed, 0), 4),
                   'eventful_cycles', coalesce(m.cycles, 0)::bigint, 'mean_cycle_seconds', round(m.cycle_seconds::numeric, 6))) AS figures
          FROM employees e
          LEFT JOIN goal g ON g.employee_id = e.id
          LEFT JOIN restored r ON r.employee_id = e.id
          LEFT JOIN plan p ON p.employee_id = e.id
          LEFT JOIN step s ON s.employee_id = e.id
          LEFT JOIN measured m ON m.employee_id = e.id
         WHERE e.tenant_id = %(tenant)s::uuid AND e.deleted_at IS NULL
    )
    UPDATE employees e SET performance_metrics = e.performance_metrics || t.figures
      FROM total t
     WHERE e.tenant_id = %(tenant)s::uuid AND e.id = t.id AND NOT e.performance_metrics @> t.figures
"""


async def roll_up(tx: Tx) -> int:
    """The tenant's employees' `performance_metrics` say what they have achieved so far, in one statement; how many changed."""
    return await tx.execute(ROLL_UP)
