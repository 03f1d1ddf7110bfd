"""Working hours by the clock on the wall: over midnight, on certain days, and on the days when clocks are put."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from empla.employees.hours import is_working, next_start
from empla.employees.shapes import Day, WorkingHours

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # puts its clocks by half an hour
    "America/St_Johns",  # was half an hour off, and put its clocks at 00:01
    "Pacific/Apia",  # had no 30 December 2011
    "Africa/Casablanca",  # goes back for Ramadan
)
MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=9)  # and the longest jump

clocks = st.times().map(lambda t: f"{t:%H:%M}") | st.sampled_from(["00:00", "02:00", "02:30", "03:00", "23:59"])


def hours_of(zone: str, start: str, end: str, days: Sequence[str] | None = None) -> WorkingHours:
    return WorkingHours.model_validate({"timezone": zone, "start": start, "end": end, "days": days})


@st.composite
def working_hours(draw: st.DrawFn) -> WorkingHours:
    start, end = draw(st.lists(clocks, min_size=2, max_size=2, unique=True))
    days = draw(st.none() | st.lists(st.sampled_from(get_args(Day)), min_size=1, unique=True))
    return hours_of(draw(st.sampled_from(ZONES)), start, end, days)


moments = st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)) | st.sampled_from(  # noqa: DTZ001
    [
        datetime(2025, 3, 30, 1, tzinfo=UTC),
        datetime(2025, 10, 26, 1, tzinfo=UTC),
        datetime(2025, 11, 2, 9, tzinfo=UTC),
        datetime(2025, 10, 4, 15, 30, tzinfo=UTC),
        datetime(2011, 12, 30, 10, tzinfo=UTC),
        datetime(2010, 11, 7, 2, 31, tzinfo=UTC),
    ]
).flatmap(lambda at: st.timedeltas(timedelta(days=-2), timedelta(days=2)).map(lambda off: at + off))


def shows_work(hours: WorkingHours, at: datetime) -> bool:
    """What the clock on the wall says, on days when it is not put."""
    local = at.astimezone(ZoneInfo(hours.timezone))
    start, end, clock = time.fromisoformat(hours.start), time.fromisoformat(hours.end), local.time()
    day, before = (get_args(Day)[(local - timedelta(days=back)).weekday()] for back in (0, 1))
    days = hours.days or get_args(Day)
    if start < end:
        return day in days and start <= clock < end
    return (day in days and clock >= start) or (before in days and clock < end)


def is_put_around(hours: WorkingHours, at: datetime) -> bool:
    zone = ZoneInfo(hours.timezone)
    return len({(at + timedelta(hours=h)).astimezone(zone).utcoffset() for h in range(-72, 73, 6)}) > 1


@given(working_hours(), moments)
@settings(deadline=None)
@example(WorkingHours(timezone="Europe/Berlin", start="02:30", end="02:45"), datetime(2025, 3, 30, 0, 59, tzinfo=UTC))
def test_the_next_start_is_the_first_moment_of_work_from_now_on(hours: WorkingHours, at: datetime):
    start = next_start(hours, at)
    assert start >= at
    assert start - at <= WEEK
    assert start.tzinfo is UTC
    assert is_working(hours, start)
    assert is_working(hours, at) == (start == at)
    if start > at:
        assert not is_working(hours, start - timedelta(microseconds=1))
        between = [at + (start - at) * part / 17 for part in range(17)]
        assert not any(is_working(hours, moment) for moment in between)
        assert {next_start(hours, moment) for moment in between} == {start}


@given(working_hours(), moments)
@settings(deadline=None)
def test_on_days_when_no_clock_is_put_the_wall_says_when_it_works(hours: WorkingHours, at: datetime):
    if not is_put_around(hours, at):
        assert is_working(hours, at) == shows_work(hours, at)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


@pytest.mark.parametrize(
    ("zone", "shift", "at", "start"),
    [
        # The clock jumps from 02:00 to 03:00 at 01:00 UTC.
        ("Europe/Berlin", "02:30-10:00", "2025-03-30T00:00", "2025-03-30T01:00"),
        ("Europe/Berlin", "02:30-02:45", "2025-03-30T00:00", "2025-03-31T00:30"),
        ("Europe/Berlin", "01:00-02:30", "2025-03-30T00:59", "2025-03-30T00:59"),
        ("Europe/Berlin", "01:00-02:30", "2025-03-30T01:00", "2025-03-30T23:00"),
        # It shows 02:00 to 03:00 twice, from 00:00 and from 01:00 UTC.
        ("Europe/Berlin", "02:30-10:00", "2025-10-25T23:00", "2025-10-26T00:30"),
        ("Europe/Berlin", "02:30-10:00", "2025-10-26T01:10", "2025-10-26T01:10"),
        ("Europe/Berlin", "20:00-02:30", "2025-10-26T00:29", "2025-10-26T00:29"),
        ("Europe/Berlin", "20:00-02:30", "2025-10-26T00:30", "2025-10-26T19:00"),
        # Half an hour: from 02:00 to 02:30 at 15:30 UTC.
        ("Australia/Lord_Howe", "02:10-09:00", "2025-10-04T14:00", "2025-10-04T15:30"),
        # A whole day: from the 30th, 00:00, to the 31st, 00:00, at 10:00 UTC.
        ("Pacific/Apia", "09:00-17:00", "2011-12-30T04:00", "2011-12-30T19:00"),
        ("Pacific/Apia", "22:00-05:00", "2011-12-30T09:59", "2011-12-30T09:59"),
    ],
)
def test_clocks_that_are_put(zone: str, shift: str, at: str, start: str):
    begins, ends = shift.split("-")
    hours = WorkingHours(timezone=zone, start=begins, end=ends)
    assert next_start(hours, utc(at)) == utc(start)


def test_a_shift_over_midnight_belongs_to_the_day_on_which_it_starts():
    fridays = hours_of("America/Los_Angeles", "22:00", "06:00", ["fri"])
    assert is_working(fridays, utc("2025-07-05T12:59"))  # Saturday, 05:59
    assert not is_working(fridays, utc("2025-07-05T13:00"))
    assert not is_working(fridays, utc("2025-07-04T12:00"))  # Friday, 05:00: Thursday's shift
    assert next_start(fridays, utc("2025-07-04T12:00")) == utc("2025-07-05T05:00")


def test_a_moment_in_any_zone_is_the_same_moment():
    hours = WorkingHours(timezone="Asia/Kolkata", start="09:00", end="17:00")
    at = datetime(2025, 7, 1, 9, 30, tzinfo=ZoneInfo("Asia/Kolkata"))
    assert is_working(hours, at)
    assert next_start(hours, at) == at
    assert next_start(hours, at - 31 * MINUTE) == at - 30 * MINUTE
