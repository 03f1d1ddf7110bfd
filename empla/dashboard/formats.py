"""How a page says numbers, shares and moments: with their units, and a moment so that the viewer's zone can be put in its place."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape
from pydantic import JsonValue

_DAY = 86400.0  # seconds
# The first that fits: all of them call themselves others, too.
_BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    *(("iPhone", "an iPhone"), ("iPad", "an iPad"), ("Android", "Android")),
    *(("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux")),
)
_LONG = 120  # characters of a value that stand in a line
_UNITS = (
    (365.25 * _DAY, "year"),
    (30.44 * _DAY, "month"),
    (7 * _DAY, "week"),
    (_DAY, "day"),
    (3600.0, "hour"),
    (60.0, "minute"),
)


def number(value: float | Decimal | None, digits: int = 2) -> str:
    """`12,345`, `0.66`; a dash for what is not known."""
    if value is None:
        return "–"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".")


def share(value: float | None) -> str:
    """Of 1, in per cent."""
    return "–" if value is None else f"{value * 100:.0f} %"


def plain(value: JsonValue) -> str:
    """A belief's object or a result as one reads it; what is long is cut."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "nothing"
    if isinstance(value, int | float):
        return number(value, 4)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


def indented(value: JsonValue) -> str:
    """Arguments as they are, all of them."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def plainly(value: Decimal) -> str:
    """As an input takes it."""
    return f"{value.normalize():f}"


def lasting(value: timedelta) -> str:
    """`3 weeks`; what is under a minute is no wait."""
    return span(value) or "under a minute"


def digits(colour: str) -> str:
    """Of a colour, for an address."""
    return "".join(each for each in colour if each in "0123456789abcdefABCDEF")[:6]


def browser(agent: str | None) -> str:
    """Which program it says to be, as one knows it."""
    if agent is None:
        return "a program that does not say its name"
    for sign, name in _BROWSERS:
        if sign in agent:
            return name + next((f" on {system}" for mark, system in _SYSTEMS if mark in agent), "")
    return agent.partition(" ")[0][:_LONG]


def words(name: str) -> str:
    """`waiting_for_human` as one says it."""
    return name.replace("_", " ").replace(".", " ")


def moment(value: datetime | None, *, day: bool = False) -> Markup:
    """In UTC as it stands; the page's script says it in the viewer's zone, and keeps UTC in the title."""
    if value is None:
        return Markup('<span class="none">–</span>')
    shown = f"{value:%Y-%m-%d}" if day else f"{value:%Y-%m-%d %H:%M}"
    kind = "day" if day else "minute"
    return Markup('<time datetime="{}" data-as="{}" title="{} UTC">{}</time>').format(
        f"{value:%Y-%m-%dT%H:%M:%SZ}", kind, f"{value:%Y-%m-%d %H:%M:%S}", shown
    )


def since(value: datetime | None, now: datetime) -> Markup:
    """How long ago, or in how long, in the largest unit that fits; the moment stands in the title."""
    if value is None:
        return Markup('<span class="none">never</span>')
    seconds = (now - value).total_seconds()
    said = span(timedelta(seconds=abs(seconds)))
    text = "now" if said is None else f"{said} ago" if seconds > 0 else f"in {said}"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        f"{value:%Y-%m-%dT%H:%M:%SZ}", f"{value:%Y-%m-%d %H:%M:%S}", text
    )


def span(value: timedelta) -> str | None:
    """`3 weeks`; None for less than a minute."""
    for length, unit in _UNITS:
        count = int(value.total_seconds() // length)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return None


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 goal`, `3 goals`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def joined(parts: Iterable[Any]) -> Markup:
    """With commas, each escaped."""
    return Markup(", ").join(escape(part) for part in parts)
