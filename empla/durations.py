"""Durations as people write them, "10m" or "2 weeks": elapsed time, fractions counted. Months and quarters have no one length."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator

from empla.errors import InvalidError

LONGEST = timedelta(days=3650)
"""Ten years: what takes longer is a slip of the pen."""

_NAMES: dict[int, tuple[str, ...]] = {
    1: ("s", "sec", "second", "seconds"),
    60: ("m", "min", "minute", "minutes"),
    3600: ("h", "hour", "hours"),
    86_400: ("d", "day", "days"),
    604_800: ("w", "week", "weeks"),
}
UNITS: dict[str, int] = {name: seconds for seconds, names in _NAMES.items() for name in names}
"""The units that are understood, in seconds."""

_LONGEST_TEXT = 40  # characters
_WRITTEN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)[ _]*([a-z]+)")


def duration(text: str) -> timedelta:
    """The span that a text names: "90s", "10m", "48h", "3 days", "2_weeks". Raises `InvalidError`: over 0, at most ten years."""
    written = _WRITTEN.fullmatch(text.strip().lower()) if len(text) <= _LONGEST_TEXT else None
    seconds = UNITS.get(written[2]) if written else None
    if written is None or seconds is None:
        shown = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
        raise InvalidError(f'"{shown}" is not a duration such as "10m", "48h", "3 days" or "2 weeks"')
    return span(float(written[1]), seconds, written=text.strip())


def span(number: float, seconds: int, *, written: str) -> timedelta:
    """So many times so many seconds. Raises `InvalidError` for nothing at all and for more than ten years."""
    if number * seconds > LONGEST.total_seconds():
        raise InvalidError(f'"{written}" is longer than ten years')
    found = timedelta(seconds=number * seconds)
    if found <= timedelta(0):
        raise InvalidError(f'"{written}" is no time at all')
    return found


def in_words(elapsed: timedelta) -> str:
    """The span in its largest whole unit, as a person says it: "14 days", "1 hour", "90 seconds"; `duration` reads it back."""
    seconds = elapsed.total_seconds()
    for length, names in reversed(_NAMES.items()):
        if seconds % length == 0 and seconds >= length:
            count = int(seconds // length)
            return f"{count} {names[-2] if count == 1 else names[-1]}"
    return f"{seconds:.6f}".rstrip("0") + " seconds"


def _is_duration(text: str) -> str:
    try:
        duration(text)
    except InvalidError:
        raise ValueError('must be a duration such as "48h" or "2 weeks"') from None
    return text


Duration = Annotated[str, AfterValidator(_is_duration)]
"""A span of time in JSON, kept as written; `duration` reads it."""
