"""The arithmetic of belief is one: PostgreSQL and Python say the same, within bounds, and time only takes away."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import psycopg
import pytest
from driving import law
from hypothesis import example, given
from hypothesis import strategies as st

from empla.bdi import confidence
from empla.bdi.confidence import DecayModel

if TYPE_CHECKING:
    from tests.conftest import Cluster

Connection = psycopg.Connection[Any]
MODELS: tuple[DecayModel, ...] = get_args(DecayModel)
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
AGES = timedelta(days=3650)

confidences = st.floats(0, 1) | st.sampled_from([0.0, 5e-324, 1e-300, 0.01, 0.5, 0.99, 1.0])
rates = st.sampled_from([0.0, 1e-9, 0.001, 0.1, 0.5, 1 - 2**-53, 1.0]) | st.floats(1e-9, 1) | st.floats(0, 1e-6)
models = st.sampled_from(MODELS)
spans = st.timedeltas(-AGES, 100 * AGES) | st.sampled_from(
    [timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1), timedelta(days=1), timedelta(days=700_000)]
)


@pytest.fixture(scope="module")
def sql(cluster: "Cluster") -> Iterator[Connection]:
    with cluster.admin() as connection:
        yield connection


def number(sql: Connection, query: str, *parameters: object) -> float:
    row = sql.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return float(row[0])


def effective_in_sql(sql: Connection, held: float, rate: float, model: DecayModel, at: datetime) -> float:
    query = "SELECT empla.effective_confidence(%s::float8, %s::float8, %s, %s::timestamptz, %s::timestamptz)"
    return number(sql, query, held, rate, model, NOON, at)


def effective_in_python(held: float, rate: float, model: DecayModel, at: datetime) -> float:
    return confidence.effective(held, decay_rate=rate, decay_model=model, anchor=NOON, at=at)


@law()
@given(held=confidences, rate=rates, model=models, span=spans)
@example(held=0.9, rate=0.999999, model="exponential", span=timedelta(days=700_000))
@example(held=1e-300, rate=0.9, model="exponential", span=timedelta(days=36_500))
@example(held=5e-324, rate=0.5, model="exponential", span=timedelta(days=1))
@example(held=0.9, rate=5e-324, model="linear", span=timedelta(microseconds=1))
def test_confidence_at_a_moment_is_the_same_in_the_database_and_in_python(
    sql: Connection, held: float, rate: float, model: DecayModel, span: timedelta
):
    there = effective_in_sql(sql, held, rate, model, NOON + span)
    here = effective_in_python(held, rate, model, NOON + span)
    assert there == pytest.approx(here, abs=1e-9)
    assert 0 <= there <= held


@law()
@given(held=confidences, rate=rates, model=models, one=spans, other=spans)
def test_time_never_adds_confidence(
    sql: Connection, held: float, rate: float, model: DecayModel, one: timedelta, other: timedelta
):
    sooner, later = sorted((one, other))
    effective = partial(effective_in_sql, sql, held, rate, model)
    assert effective(NOON + later) <= effective(NOON + sooner)
    effective = partial(effective_in_python, held, rate, model)
    assert effective(NOON + later) <= effective(NOON + sooner)


@law()
@given(held=confidences, rate=rates, model=models, span=st.timedeltas(-AGES, timedelta(0)))
def test_before_its_anchor_and_without_a_rate_confidence_stands(
    held: float, rate: float, model: DecayModel, span: timedelta
):
    assert effective_in_python(held, rate, model, NOON + span) == held
    assert effective_in_python(held, 0, model, NOON - span) == held


@pytest.mark.parametrize(
    ("model", "days", "left"),
    [
        *[("linear", 1, 0.8), ("linear", 4.5, 0.45), ("linear", 9, 0.0), ("linear", 10, 0.0)],
        *[("exponential", 1, 0.81), ("exponential", 2, 0.729), ("exponential", 0.5, 0.9 * math.sqrt(0.9))],
    ],
)
def test_a_confidence_of_90_percent_that_loses_a_tenth_a_day(
    sql: Connection, model: DecayModel, days: float, left: float
):
    at = NOON + timedelta(days=days)
    assert effective_in_python(0.9, 0.1, model, at) == pytest.approx(left, abs=1e-12)
    assert effective_in_sql(sql, 0.9, 0.1, model, at) == pytest.approx(left, abs=1e-12)


@law()
@given(chance=st.floats(0, 1) | st.sampled_from([0.0, 5e-324, 0.01, 0.5, 0.99, 1 - 2**-53, 1.0]))
def test_log_odds_are_the_same_in_the_database_and_in_python(sql: Connection, chance: float):
    there = number(sql, "SELECT empla.log_odds(%s::float8)", chance)
    assert there == pytest.approx(confidence.log_odds(chance), abs=1e-9)
    assert abs(there) <= math.log(99) + 1e-9


@law()
@given(odds=st.floats(allow_nan=False) | st.floats(-6, 6) | st.sampled_from([-math.inf, -745.2, 0.0, 709.8, math.inf]))
def test_probabilities_are_the_same_in_the_database_and_in_python(sql: Connection, odds: float):
    there = number(sql, "SELECT empla.probability(%s::float8)", odds)
    assert there == pytest.approx(confidence.probability(odds), abs=1e-9)
    assert confidence.LEAST <= there <= confidence.MOST


@law()
@given(chance=st.floats(confidence.LEAST, confidence.MOST), more=st.floats(0, 5))
def test_probability_undoes_log_odds_and_grows_with_them(chance: float, more: float):
    odds = confidence.log_odds(chance)
    assert confidence.probability(odds) == pytest.approx(chance, abs=1e-11)
    assert confidence.probability(odds + more) >= confidence.probability(odds)


@pytest.mark.parametrize(
    ("source", "odds"), [("told_by_human", 2.944), ("observation", 2.197), ("inference", 0.847), ("prior", 0.201)]
)
def test_each_source_weighs_as_its_reliability_says(source: confidence.Source, odds: float):
    assert confidence.log_odds(confidence.RELIABILITY[source]) == pytest.approx(odds, abs=5e-4)
