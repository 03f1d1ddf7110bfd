"""When an employee works, by the clock on its wall: shifts over midnight, on certain days, through the days when clocks are put."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from empla.employees.shapes import Day, WorkingHours

_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ONE_DAY = timedelta(days=1)


def is_working(hours: WorkingHours, at: datetime) -> bool:
    """Whether a shift is on at this moment."""
    return next_start(hours, at) == at


def next_start(hours: WorkingHours, at: datetime) -> datetime:
    """The moment itself when a shift is on, else the beginning of the next one, in UTC.

    A start that the clocks skip is the first moment after the gap, one that they show twice is the first; so is an end. A shift that
    lies in a gap altogether does not take place.
    """
    at = at.astimezone(UTC)
    for begins, ends in _shifts(hours, at):
        if at < ends and begins < ends:
            return max(at, begins)
    raise AssertionError("there is always another shift")


def _shifts(hours: WorkingHours, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Beginning and end of each shift, in UTC: those that may still be on at this moment, and all later ones."""
    zone = ZoneInfo(hours.timezone)
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    # A shift lasts less than a day, but a day may last longer than 24 hours.
    first = at.astimezone(zone).date() - 2 * _ONE_DAY
    for number in count():
        day = first + number * _ONE_DAY
        if hours.days is None or _DAYS[day.weekday()] in hours.days:
            yield _moment(day, start, zone), _moment(day if start < end else day + _ONE_DAY, end, zone)


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """When the clocks of the zone first show this time or a later one on that day, in UTC."""
    shown = datetime.combine(day, clock, zone)
    before, after = (shown.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if before <= after:  # once, or twice: then fold 0 is the first
        return before
    # In a gap fold 0 counts on by the offset before it, fold 1 back by the one after it: the clocks are put in between.
    while after + timedelta(seconds=1) < before:
        middle = (after + (before - after) / 2).replace(microsecond=0)
        if middle.astimezone(zone).replace(tzinfo=None) < shown.replace(tzinfo=None):
            after = middle
        else:
            before = middle
    return before
