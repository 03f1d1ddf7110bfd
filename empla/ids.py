"""How a person names a row: by a part of its id. Ids begin with the time, so it is their ends that tell them apart."""

import re
from collections.abc import Sequence
from typing import TypeVar

from empla.errors import NotFoundError, UsageError

MOST_NAMED = 100  # rows that are fetched for a part of an id
_SHORT = 8  # characters of the random end: rows of one second differ there
_PART = re.compile(r"[0-9a-f-]{4,36}")  # fewer are a slip of the pen

Row = TypeVar("Row")


def short(id_: object) -> str:
    """The end of an id, as lists show it."""
    return str(id_)[-_SHORT:]


def part(text: str) -> str:
    """What a person typed, as the beginning or the end of an id; `none`, which no id has, when it is no part of one."""
    typed = text.strip().lower()
    return typed if _PART.fullmatch(typed) else "none"


def only(found: Sequence[Row], *, what: str, named: str) -> Row:
    """The one that was found. Raises `NotFoundError`, or `UsageError` for several."""
    if not found:
        raise NotFoundError(f"there is no {what} {named}")
    if len(found) > 1:
        raise UsageError(f"{named} names {len(found)} {what}s: say more of its id, or whose it is")
    return found[0]
