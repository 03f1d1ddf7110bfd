"""Measurements: buckets as a naive count has them, the rows of an eventful cycle, and totals that equal a count by hand."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import LiteralString

import pytest
from driving import law
from factories import a_simulated_tenant, an_employee
from hypothesis import example, given
from hypothesis import strategies as st
from living import Living, hired
from pydantic import BaseModel, JsonValue

from empla.employees.shapes import PerformanceMetrics
from empla.observability import metrics
from empla.observability.metrics import SECONDS_BUCKETS, counter, gauge, histogram
from empla.storage.database import Database

NOTE = {"action": "note", "text": "done"}
DAY = timedelta(days=1)

TOTALS: LiteralString = """
    SELECT performance_metrics AS totals FROM employees WHERE tenant_id = %(tenant)s::uuid AND id = %(employee)s::uuid
"""


class Totals(BaseModel):
    totals: dict[str, JsonValue]


@pytest.fixture
async def living(database: Database) -> Living:
    return await hired(database)


async def totals(living: Living) -> dict[str, JsonValue]:
    async with living.database.read(living.caller) as tx:
        found = await tx.fetch_one(Totals, TOTALS, employee=living.employee)
    assert found is not None
    return found.totals


async def rolls_up(living: Living) -> int:
    async with living.database.write(living.caller) as tx:
        return await metrics.roll_up(tx)


# Buckets

seconds = st.floats(0, 20) | st.sampled_from([*SECONDS_BUCKETS, 0.0, math.nextafter(0.001, 1), 10.000001])


@law()
@given(values=st.lists(seconds, max_size=30))
@example(values=[])
@example(values=list(SECONDS_BUCKETS))
def test_a_bucket_counts_what_is_not_above_its_bound(values: Sequence[float]):
    sample = histogram("cycle_seconds", values)
    expected = {f"{bound:g}": sum(value <= bound for value in values) for bound in SECONDS_BUCKETS}
    assert sample.tags == {"count": len(values), "buckets": {**expected, "+Inf": len(values)}}
    assert (sample.metric_type, sample.value) == ("histogram", pytest.approx(sum(values)))


def test_bounds_may_be_others():
    sample = histogram("people", [1, 2, 3, 9], bounds=(1, 2, 5))
    assert sample.tags["buckets"] == {"1": 1, "2": 2, "5": 3, "+Inf": 4}


# What is written


async def test_measurements_are_kept_at_the_tenants_time_in_one_statement(living: Living):
    samples = [counter("calls", 2, kind="cold"), gauge("coverage", 0.5), histogram("seconds", [0.2])]
    async with living.database.write(living.caller) as tx:
        before = tx.statements
        await metrics.write(tx, employee=living.employee, samples=samples)
        assert tx.statements - before == 1
        await metrics.write(tx, employee=living.employee, samples=[])
        assert tx.statements - before == 1
    found = await living.samples()
    assert [(row.metric_name, row.metric_type, row.value, row.tags) for row in found] == [
        (sample.metric_name, sample.metric_type, sample.value, sample.tags) for sample in samples
    ]


async def test_a_quiet_cycle_writes_nothing(living: Living):
    await living.lives()
    assert await living.samples() == []


async def test_an_eventful_cycle_writes_what_happened(living: Living):
    goal = await living.wants("pipeline.coverage", threshold=1)
    await living.learns("rebuild", NOTE, {"action": "task", "title": "Call"}, goals=["pipeline.coverage"])
    await living.hears(0.5, decay_rate=0)
    await living.meets("chance")
    await living.lives()
    rows = {row.metric_name: row for row in await living.samples()}
    assert set(rows) == {"cycles", "cycle_seconds", "percepts", "steps", "goal_value"}
    assert {name: rows[name].value for name in ("cycles", "percepts", "steps", "goal_value")} == {
        "cycles": 1,
        "percepts": 1,
        "steps": 1,
        "goal_value": 0.5,
    }
    assert rows["steps"].tags == {"action": "note", "status": "completed"}
    assert rows["goal_value"].tags == {"goal": str(goal.id), "state": "violated"}
    assert (rows["cycle_seconds"].metric_type, rows["cycle_seconds"].tags["count"]) == ("histogram", 1)
    assert rows["cycle_seconds"].value > 0
    await living.lives()
    [ended] = [row for row in await living.samples() if row.metric_name == "plans_ended"]
    assert (ended.metric_type, ended.value, ended.tags) == ("counter", 1, {"plan": "rebuild", "status": "completed"})


async def test_a_plan_that_ends_without_a_step_is_counted_too(living: Living):
    await living.learns("slow", NOTE, triggers=["chance"], success="pipeline.coverage > 1", timeframe="1 day")
    await living.meets("chance")
    await living.goes_on()
    await living.waits(1.01)
    await living.goes_on()
    [ended] = [row for row in await living.samples() if row.metric_name == "plans_ended"]
    assert ended.tags == {"plan": "slow", "status": "failed"}


# Totals


async def test_totals_equal_a_count_by_hand_in_each_tenant(living: Living, database: Database):
    other = await a_simulated_tenant(database)
    stranger = Living(database, other, (await an_employee(database, other, role="custom")).id)
    await stranger.learns("work", NOTE, triggers=["chance"])
    await stranger.meets("chance")
    await stranger.goes_on()

    done = await living.wants("pipeline.deals", goal_type="achievement", value=2)
    await living.wants("pipeline.coverage", threshold=1)
    await living.learns("rebuild", NOTE, NOTE, goals=["pipeline.coverage"], success="pipeline.coverage >= 1")
    await living.learns("close", NOTE, {**NOTE, "if": "never"}, goals=["pipeline.deals"])
    await living.learns("hopeless", {**NOTE, "capability": "fax", "if": "true"}, triggers=["chance"])
    await living.hears(0, what="deals", decay_rate=0)
    await living.hears(0.5, decay_rate=0)
    await living.meets("chance")
    await living.goes_on()
    await living.waits(1)
    await living.hears(None, decay_rate=0)  # for a day, nobody knows
    await living.goes_on()
    await living.waits(1)
    await living.hears(0.6, decay_rate=0)
    await living.goes_on()
    await living.waits(1)
    await living.hears(1.5, decay_rate=0)
    await living.goes_on()
    await living.waits(1)
    await living.hears(0.5, decay_rate=0)
    await living.hears(2, what="deals", decay_rate=0)
    await living.goes_on()
    await living.waits(4)
    await living.hears(1.5, decay_rate=0)
    await living.goes_on()
    assert (await living.goal(done.id)).status == "completed"
    statuses = sorted((plan.plan_key or "", plan.status) for plan in await living.plans())
    assert statuses == [
        ("close", "completed"),
        ("hopeless", "failed"),
        ("rebuild", "completed"),
        ("rebuild", "completed"),
    ]
    cycles = sum(row.value for row in await living.samples() if row.metric_name == "cycles")
    assert await rolls_up(living) == 1
    assert await rolls_up(living) == 0  # the same again is nothing new
    found = await totals(living)
    assert found.pop("mean_cycle_seconds")
    assert found == {
        "goals_achieved": 1,
        "goal_violations": 2,
        "goals_restored": 2,
        "mean_days_to_restore": 3.5,  # three days, and four
        "tasks_completed": 3,
        "tasks_failed": 1,
        "tasks_abandoned": 0,
        "steps_completed": 5,  # one was skipped, one failed
        "success_rate": 0.75,
        "eventful_cycles": cycles,
    }
    assert await totals(stranger) == {}
    assert await rolls_up(stranger) == 1
    theirs = await totals(stranger)
    assert (theirs["tasks_completed"], theirs["steps_completed"], theirs["goals_restored"]) == (1, 1, 0)
    assert PerformanceMetrics.parse(await totals(living)).to_json() == await totals(living)


async def test_whoever_has_done_nothing_has_totals_of_nothing(living: Living):
    assert await rolls_up(living) == 1
    found = await totals(living)
    assert found["tasks_completed"] == 0
    assert "success_rate" not in found
    assert "mean_cycle_seconds" not in found
