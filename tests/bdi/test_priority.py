"""A priority follows its formula, stays between 1 and 10, and whoever waits long enough comes first. Pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from driving import law
from hypothesis import example, given
from hypothesis import strategies as st

from empla.bdi.priority import DAYS_PER_POINT, LEAST, MOST, Pressure, days_between, deadline_urgency, pace_urgency

START = datetime(2025, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

shares = st.floats(0, 1)
pressures = st.builds(
    Pressure,
    importance=shares,
    deadline=shares,
    pace=shares,
    violation=st.sampled_from([0.0, 1.0]),
    waiting_days=st.floats(0, 10_000),
)
values = st.floats(-1000, 1000) | st.integers(-(10**308), 10**308) | st.floats(allow_nan=False, allow_infinity=False)
moments = st.timedeltas(-400 * DAY, 400 * DAY).map(lambda span: START + span)


@pytest.mark.parametrize(
    ("pressure", "priority"),
    [
        (Pressure(importance=0), 1),
        (Pressure(importance=0.5), 2),
        (Pressure(importance=1), 4),
        (Pressure(importance=0.5, deadline=0.5), 5),
        (Pressure(importance=0.8, deadline=0.9, pace=0.3), 9),  # 10 · (.54 + .32) = 8.6
        (Pressure(importance=0.5, violation=1), 8),
        (Pressure(importance=1, violation=1), 10),
        (Pressure(importance=0.5, pace=0.25), 4),  # 10 · (.15 + .2) = 3.5
        (Pressure(importance=0.5, waiting_days=3), 3),
        (Pressure(importance=0.5, waiting_days=9), 5),
        (Pressure(importance=1, violation=1, waiting_days=100), 10),
    ],
)
def test_priorities_reckoned_by_hand(pressure: Pressure, priority: int):
    assert pressure.priority == priority


def test_the_strongest_urgency_counts_and_the_inputs_are_kept():
    pressure = Pressure(importance=0.5, deadline=0.12345, pace=0.7, violation=0, waiting_days=1.5)
    assert pressure.urgency == 0.7
    assert pressure.to_json() == {
        "importance": 0.5,
        "deadline": 0.1235,
        "pace": 0.7,
        "violation": 0,
        "waiting_days": 1.5,
        "urgency": 0.7,
    }


@law()
@given(pressure=pressures)
def test_a_priority_is_a_whole_number_from_1_to_10_near_what_the_formula_says(pressure: Pressure):
    wanted = 10 * (0.6 * pressure.urgency + 0.4 * pressure.importance) + pressure.waiting_days / 3
    assert LEAST <= pressure.priority <= MOST
    assert abs(pressure.priority - min(10, max(1, wanted))) <= 0.5 + 1e-9


@law()
@given(pressure=pressures, more=shares, days=st.floats(0, 100))
def test_more_of_anything_never_makes_it_less_pressing(pressure: Pressure, more: float, days: float):
    for name in ("importance", "deadline", "pace", "violation"):
        grown = replace(pressure, **{name: min(1.0, getattr(pressure, name) + more)})
        assert grown.priority >= pressure.priority
    assert replace(pressure, waiting_days=pressure.waiting_days + days).priority >= pressure.priority


@law()
@given(pressure=pressures)
def test_nothing_starves(pressure: Pressure):
    assert replace(pressure, waiting_days=MOST * DAYS_PER_POINT).priority == MOST


@pytest.mark.parametrize(
    ("days", "share"), [(-1, 0.0), (0, 0.0), (2.5, 0.25), (5, 0.5), (9.999, 0.9999), (10, 1.0), (11, 1.0)]
)
def test_a_deadline_presses_with_the_share_of_its_time_that_has_gone(days: float, share: float):
    pressed = deadline_urgency(since=START, deadline=START + 10 * DAY, now=START + days * DAY)
    assert pressed == pytest.approx(share)


def test_without_a_deadline_nothing_presses_and_one_that_had_passed_at_once_presses_fully():
    assert deadline_urgency(since=START, deadline=None, now=START + DAY) == 0
    assert deadline_urgency(since=START, deadline=START, now=START) == 1
    assert deadline_urgency(since=START, deadline=START - DAY, now=START) == 1


@pytest.mark.parametrize(
    ("value", "days", "urgency"),
    [
        (0, 5, 1.0),  # half the time has gone, nothing came of it
        (5, 5, 1.0),  # 5 left in 5 days, 5 came in 5 days
        (8, 5, 0.25),  # 2 left in 5 days, 8 came in 5: (2/5) / (8/5)
        (4, 2, 0.375),  # 6 left in 8 days, 4 came in 2: (6/8) / (4/2)
        (-3, 5, 1.0),  # it moves away
        (10, 5, 0.0),  # there
        (12, 5, 0.0),  # passed
        (3, 10, 1.0),  # no time left
        (5, 0, 0.0),  # it has just begun
    ],
)
def test_a_pace_is_what_is_needed_against_what_is_seen(value: float, days: float, urgency: float):
    found = pace_urgency(
        baseline=0, value=value, wanted=10, since=START, deadline=START + 10 * DAY, now=START + days * DAY
    )
    assert found == pytest.approx(urgency)


def test_a_pace_downwards_counts_as_one_upwards():
    down = pace_urgency(baseline=100, value=40, wanted=20, since=START, deadline=START + 10 * DAY, now=START + 5 * DAY)
    assert down == pytest.approx((20 / 5) / (60 / 5))
    assert pace_urgency(baseline=0, value=5, wanted=10, since=START, deadline=None, now=START + DAY) == 0


@law(200)
@given(baseline=values, value=values, wanted=values, deadline=st.none() | moments, now=moments)
@example(baseline=0.0, value=5e-324, wanted=1e10, deadline=START + 400 * DAY, now=START + 40 * DAY)
@example(baseline=-1.7e308, value=-1.7e308, wanted=1.7e308, deadline=START + DAY, now=START + DAY / 2)
@example(baseline=-(10**308), value=0, wanted=10**308, deadline=START + DAY, now=START + DAY / 2)
@example(baseline=0.0, value=1e-200, wanted=2e-200, deadline=START + DAY, now=START + DAY / 2)
def test_a_pace_of_any_numbers_is_a_share(
    baseline: float, value: float, wanted: float, deadline: datetime | None, now: datetime
):
    found = pace_urgency(baseline=baseline, value=value, wanted=wanted, since=START, deadline=deadline, now=now)
    assert 0 <= found <= 1
    if deadline is None or now <= START or value == wanted:
        assert found == 0
    elif now >= deadline and (baseline < wanted) == (value < wanted) and baseline != wanted:
        assert found == 1


@law()
@given(
    wanted=st.floats(1, 1000),
    share=st.floats(0.01, 0.98),
    further=st.floats(0.001, 0.5),
    gone=st.floats(0.01, 0.9),
)
def test_who_is_further_is_less_pressed_and_who_has_less_time_more(
    wanted: float, share: float, further: float, gone: float
):
    def urgency(value: float, gone: float) -> float:
        return pace_urgency(
            baseline=0,
            value=value,
            wanted=wanted,
            since=START,
            deadline=START + 100 * DAY,
            now=START + 100 * gone * DAY,
        )

    there = urgency(share * wanted, gone)
    assert urgency(min(1.0, share + further) * wanted, gone) <= there + 1e-9
    assert urgency(share * wanted, min(0.99, gone + further)) >= there - 1e-9


@law()
@given(since=moments, now=moments)
def test_days_between_are_never_negative(since: datetime, now: datetime):
    assert days_between(since, now) == pytest.approx(max(0.0, (now - since) / DAY))
