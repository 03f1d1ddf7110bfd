"""JSON has shapes: what goes into a JSONB column is checked once, kept as it came, and comes back equal.

A `Shape` is the model of one column. It refuses wrong types, keeps keys that it does not know, and gives
back the very JSON it was made from. `check_json` holds free JSON, such as a belief's object, to the same
limits.
"""

import json
import math
import re
import sys
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Self, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    JsonValue,
    PrivateAttr,
    Strict,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import ErrorDetails

from empla.errors import InvalidError

MAX_JSON_BYTES = 1024 * 1024
"""A column holds at most 1 MiB of JSON, counted as UTF-8 text with a space after each colon and comma."""

SMALL_JSON_BYTES = 64 * 1024
"""A column that is read in every cycle, such as a config or a target, holds at most 64 KiB."""

MAX_JSON_DEPTH = 32
"""Lists and objects stand inside one another at most 32 deep."""

MAX_JSON_NUMBER = sys.float_info.max
"""Numbers lie within ±1.8e308, so that a sum in the database never meets one that it can't hold."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_PLAIN_KEY = re.compile(r"[\w@-]{1,60}")
_MAX_INTEGER_DIGITS = 309  # of MAX_JSON_NUMBER; longer ones are not even read
_WHOLE_FROM = 1e16  # from here on a float is written with an exponent, and comes back as an integer
_SHOWN_CHARACTERS = 40

Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], Strict(strict=False)]
"""A JSON list, frozen. Only the list itself is taken leniently (a list becomes a tuple), never its items."""


Stated = str | dict[str, JsonValue] | list[JsonValue]
"""A condition as it was written: a text, an object, or a list of both; `conditions.Condition.parse` reads it."""


def _is_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")  # noqa: TRY004 (pydantic lets a TypeError through)
    return value


Number = Annotated[int | float, BeforeValidator(_is_number)]
"""A number as it came: 10 stays an integer."""


def read_moment(text: str) -> datetime:
    """The moment that an ISO 8601 text names. Raises ValueError when it is no moment or has no offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError('must be a date and time with its offset, such as "2025-12-31T23:59:59Z"')
    return moment


def _is_moment(text: str) -> str:
    read_moment(text)
    return text


Moment = Annotated[str, AfterValidator(_is_moment)]
"""A date and time with its offset, kept as written; `read_moment` reads it."""


class Shape(BaseModel):
    """The shape of a JSONB column: frozen, strict about types, open to keys that it does not know."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, validate_by_name=True, serialize_by_alias=True)

    column: ClassVar[str] = ""  # table.column; empty for a shape that stands inside another
    max_bytes: ClassVar[int] = MAX_JSON_BYTES

    _order: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _remember_the_order(cls, value: object, handler: Callable[[object], Self]) -> Self:
        shape = handler(value)
        if isinstance(value, dict):
            shape._order = tuple(cast("dict[str, object]", value))  # noqa: SLF001 (it is one of ours)
        return shape

    @classmethod
    def parse(cls, value: object) -> Self:
        """The shape of a JSON object, given as a dict, as text or as UTF-8 bytes.

        Raises `InvalidError`, one sentence that names the path and what is wrong with it.
        """
        what = cls._name()
        if isinstance(value, str | bytes):
            came = read_json(value, what=what, max_bytes=cls.max_bytes)
        else:
            came = check_json(value, what=what, max_bytes=cls.max_bytes)
        if not isinstance(came, dict):
            raise InvalidError(f"{what} must be an object, not {_shown(came)}")
        try:
            return cls.model_validate(_plain(came), by_alias=True, by_name=False)
        except ValidationError as error:
            raise InvalidError(_sentence(error, what, came)) from error

    def to_json(self) -> dict[str, JsonValue]:
        """What came in, no more and no less: the keys that were set, in their order, with their values.

        Raises `InvalidError` when it was made in Python from what is not JSON or is over the limits.
        """
        plain = {key: _plain(member) for key, member in self._members().items()}
        check_json(plain, what=self._name(), max_bytes=self.max_bytes)
        return cast("dict[str, JsonValue]", plain)

    @model_serializer(mode="plain")
    def _as_it_came(self) -> dict[str, object]:
        """Inside a record, too: the keys that were set, and no defaults."""
        return self._members()

    def __eq__(self, other: object) -> bool:
        """Equal when of one kind with equal JSON; the order of the keys does not count."""
        return isinstance(other, Shape) and type(self) is type(other) and self._members() == other._members()

    def __hash__(self) -> int:
        """Equal for equal shapes."""
        return hash((type(self), frozenset(self._members())))

    def _members(self) -> dict[str, object]:
        extras = self.model_extra or {}
        members: dict[str, object] = {}
        for name, field in type(self).model_fields.items():
            key = field.serialization_alias or name
            # Pydantic counts an unknown key that happens to be called as a field is in Python as that field.
            if key in self._order or (name in self.model_fields_set and name not in extras):
                members[key] = getattr(self, name)
        members |= extras
        return {key: members[key] for key in self._order if key in members} | members

    @classmethod
    def _name(cls) -> str:
        return cls.column.rpartition(".")[2] or cls.__name__


def read_json(
    text: str | bytes, *, what: str, max_bytes: int = MAX_JSON_BYTES, max_depth: int = MAX_JSON_DEPTH
) -> JsonValue:
    """The JSON that a text holds, within the limits.

    Raises `InvalidError` when it is not JSON, or would not be the same after being stored.
    """
    size = len(text.encode(errors="surrogatepass") if isinstance(text, str) else text)
    _check_size(size, what=what, max_bytes=max_bytes)
    try:
        value = json.loads(
            text.decode() if isinstance(text, bytes) else text,
            parse_int=_read_integer,
            parse_float=_read_float,
            parse_constant=_refuse_constant,
            object_pairs_hook=_read_object,
        )
    except UnicodeDecodeError as error:
        raise InvalidError(f"{what} is not UTF-8 text: byte {error.start} is broken") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidError(f"{what} is not JSON: {error.msg} at {place}") from error
    except ValueError as error:
        raise InvalidError(f"{what} {error}") from error
    except RecursionError as error:
        raise InvalidError(_too_deep(what, max_depth)) from error
    return check_json(value, what=what, max_bytes=max_bytes, max_depth=max_depth)


def _read_integer(digits: str) -> int:
    if len(digits.lstrip("-")) > _MAX_INTEGER_DIGITS:
        raise ValueError(f"holds a number that is too large to be stored: {digits[:_SHOWN_CHARACTERS]}…")
    return int(digits)


def _read_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number) or (number == 0 and Decimal(digits) != 0):
        raise ValueError(f"holds a number that can't be kept: {digits[:_SHOWN_CHARACTERS]}")
    return number


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"holds {constant}, which is not a JSON number")


def _read_object(members: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    keys: set[str] = set()
    for key, _ in members:
        if key in keys:
            raise ValueError(f"has the key {_shown(key)} twice in one object")
        keys.add(key)
    return dict(members)


def check_json(
    value: object, *, what: str, max_bytes: int = MAX_JSON_BYTES, max_depth: int = MAX_JSON_DEPTH
) -> JsonValue:
    """The same value, now known to be JSON that PostgreSQL stores and gives back equal.

    Raises `InvalidError`, one sentence that begins with `what` and the path inside it.
    """
    _check(value, what=what, path=what, room=max_depth, max_depth=max_depth)
    _check_size(len(json.dumps(value, ensure_ascii=False).encode()), what=what, max_bytes=max_bytes)
    return cast("JsonValue", value)


def _check(value: object, *, what: str, path: str, room: int, max_depth: int) -> None:
    match value:
        case None | bool():
            pass
        case str():
            _check_text(value, path)
        case int() | float():
            _check_number(value, path)
        case list() | dict() if not room:
            raise InvalidError(_too_deep(what, max_depth))
        case list():
            for index, item in enumerate(cast("list[object]", value)):
                _check(item, what=what, path=f"{path}[{index}]", room=room - 1, max_depth=max_depth)
        case dict():
            for key, member in cast("dict[object, object]", value).items():
                if not isinstance(key, str):
                    raise InvalidError(f"{path} has the key {key!r}, but the keys of an object are text")
                _check_text(key, f"a key of {path}")
                _check(member, what=what, path=_inside(path, key), room=room - 1, max_depth=max_depth)
        case _:
            raise InvalidError(f"{path} is a {type(value).__name__}, which is not JSON")


def _check_text(text: str, path: str) -> None:
    unstorable = _UNSTORABLE.search(text)
    if unstorable is not None:
        kind = "a NUL character" if unstorable[0] == "\x00" else "half of a character (a lone surrogate)"
        raise InvalidError(f"{path} contains {kind}, which PostgreSQL can't store")


def _check_number(number: float, path: str) -> None:
    if not -MAX_JSON_NUMBER <= number <= MAX_JSON_NUMBER:  # false for NaN too
        shown = repr(number) if isinstance(number, float) else "too large an integer"
        raise InvalidError(f"{path} is {shown}, which is not a number that can be stored")
    # jsonb writes 1e+23 out as a one and 23 zeros, which is read as an integer, and not as the same number.
    if isinstance(number, float) and abs(number) >= _WHOLE_FROM and Decimal(repr(number)) != Decimal(number):
        raise InvalidError(f"{path} is {number!r}, which would not come back the same; send it as an integer")


def _check_size(size: int, *, what: str, max_bytes: int) -> None:
    if size > max_bytes:
        raise InvalidError(f"{what} has {size:,} bytes of JSON, but at most {max_bytes:,} are allowed")


def _too_deep(what: str, max_depth: int) -> str:
    return f"{what} is nested more than {max_depth} deep"


def _plain(member: object) -> object:
    match member:
        case Shape():
            return member.to_json()
        case tuple() | list():
            return [_plain(item) for item in cast("list[object]", member)]
        case dict():
            return {key: _plain(inner) for key, inner in cast("dict[str, object]", member).items()}
        case _:
            return member


_KINDS = {  # pydantic speaks Python; whoever wrote the JSON should not have to
    "string_type": "text",
    "int_type": "a whole number",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
}


def _sentence(error: ValidationError, what: str, came: JsonValue) -> str:
    """The first fault as one sentence; where a union allows two kinds, both are named: "text or a list"."""
    faults = error.errors(include_url=False)
    paths = [_path(fault, what, came) for fault in faults]
    deepest = max((path for path in paths if path.startswith(paths[0])), key=len)
    here = [fault for fault, path in zip(faults, paths, strict=True) if path == deepest]
    fault, given = here[0]["type"], here[0]["input"]
    kinds = [_KINDS[other["type"]] for other in here if other["type"] in _KINDS]
    if fault == "missing":
        return f"{deepest} is missing"
    if fault in {"string_too_short", "too_short"}:
        return f"{deepest} must not be empty"
    if fault == "value_error" and isinstance(given, dict):  # said of the object as a whole
        return f"{deepest} {here[0]['msg'].removeprefix('Value error, ')}"
    must = f"must be {' or '.join(kinds)}" if kinds else _must(here[0]["msg"])
    return f"{deepest} {must}, not {_shown(cast('object', given))}"


def _must(message: str) -> str:
    return re.sub(r"^(Value error, must|\w+ should)", "must", message)


def _path(fault: ErrorDetails, what: str, came: JsonValue) -> str:
    path, here = what, came
    for step in fault["loc"]:
        if isinstance(here, dict) and isinstance(step, str) and (step in here or fault["type"] == "missing"):
            path, here = _inside(path, step), here.get(step)
        elif isinstance(here, list) and isinstance(step, int):
            path, here = f"{path}[{step}]", here[step]
        # Else it is the name of a union's member, which is not in the JSON.
    return path


def _inside(path: str, key: str) -> str:
    return f"{path}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{path}[{_shown(key)}]"


def _shown(value: object) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str() if len(value) > _SHOWN_CHARACTERS:
            return json.dumps(value[:_SHOWN_CHARACTERS] + "…", ensure_ascii=False)
        case _:
            return json.dumps(value, ensure_ascii=False)
