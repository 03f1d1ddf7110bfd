"""Moments: a bare date means the end of that UTC day; every moment is aware and in UTC."""

from datetime import UTC, date, datetime, time

from empla.errors import InvalidError


def moment(text: str) -> datetime:
    """An ISO 8601 date or date-time as UTC. Raises `InvalidError`."""
    try:
        if len(text) == len("2025-12-31"):
            return end_of_day(date.fromisoformat(text))
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError(f"{text!r} is not a date like 2025-12-31 or a time like 2025-12-31T23:59:59Z") from None
    if parsed.tzinfo is None:
        raise InvalidError(f"{text!r} has no time zone: add Z or an offset like +02:00")
    return as_utc(parsed, what=f"the moment {text}")


def end_of_day(day: date) -> datetime:
    """The last microsecond of that UTC day."""
    return datetime.combine(day, time.max, UTC)


def as_utc(when: datetime, *, what: str) -> datetime:
    """The same moment in UTC. Raises `InvalidError` for a naive one, and for one beyond the years 1 to 9999 of UTC."""
    if when.tzinfo is None:
        raise InvalidError(f"{what} needs a time zone")
    try:
        return when.astimezone(UTC)
    except OverflowError:
        raise InvalidError(f"{what} lies outside of the years 1 to 9999") from None
