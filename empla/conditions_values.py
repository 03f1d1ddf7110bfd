"""How values compare, and how they are shown: numbers with numbers, texts with texts, and nothing ever fails."""

import json
import operator
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from empla.conditions_tree import Operator

MAX_VALUE_CHARACTERS = 1000
"""How much of one value a text shows."""

_IN_A_NOTE = 60  # characters
_SIX_DIGITS = 1e6
_HUGE = 10**40
_OPERATORS: dict[Operator, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def relation(sign: Operator, left: object, right: object) -> bool | None:
    """Whether they stand in this relation; None when they are of kinds that don't compare."""
    kind = _kind(left)
    if kind is None or kind != _kind(right) or (kind == "flag" and sign not in {"=", "!="}):
        return None
    return _OPERATORS[sign](left, right)


def _kind(value: object) -> str | None:
    match value:
        case bool():
            return "flag"
        case int() | float():
            return "number"
        case str():
            return "text"
        case timedelta():
            return "span"
        case _:
            return None


def shown(value: object) -> str:
    """The value in a note."""
    match value:
        case list():
            return "a list"
        case dict():
            return "an object"
        case timedelta():
            return f"{value.total_seconds() / 86_400:.1f} days"
        case str():
            return json.dumps(_clipped(value, _IN_A_NOTE), ensure_ascii=False)
        case _:
            return (
                _number(value) if isinstance(value, int | float) and not isinstance(value, bool) else json.dumps(value)
            )


def in_a_text(value: object) -> str:
    """The value in a sentence: a text as it is, a list by its items, at most `MAX_VALUE_CHARACTERS` long."""
    match value:
        case list():
            items = cast("list[object]", value)[:MAX_VALUE_CHARACTERS]
            text = ", ".join(_inside(item) for item in items)
        case dict():
            members = list(cast("dict[str, object]", value).items())[:MAX_VALUE_CHARACTERS]
            text = ", ".join(f"{key}: {_inside(member)}" for key, member in members)
        case _:
            text = _inside(value)
    return _clipped(text, MAX_VALUE_CHARACTERS)


def _inside(value: object) -> str:
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return _number(value)
        case str():
            return _clipped(value, MAX_VALUE_CHARACTERS)
        case _:
            return "…"


def _number(value: float) -> str:
    """As people write it: 3 for 3.0, six digits of a fraction, and never thousands of digits."""
    if isinstance(value, int):
        return str(value) if abs(value) < _HUGE else "a huge number"
    if value.is_integer() and abs(value) < _HUGE:
        return str(int(value))
    return f"{value:.6g}" if abs(value) < _SIX_DIGITS else repr(value)


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
