"""How a condition is written: as text or as the seed's object; both become the same tree, or are refused with the place."""

import json
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NoReturn, cast

from empla.conditions_tree import (
    KEYWORDS,
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_NODES,
    Among,
    And,
    ConditionFaultError,
    IsKnown,
    IsTrue,
    Name,
    Node,
    Not,
    Of,
    Operand,
    Or,
    Span,
    Value,
    among,
    compared,
)
from empla.durations import UNITS, span
from empla.errors import InvalidError
from empla.shapes import MAX_JSON_NUMBER

GRAMMAR = """\
condition  = both ("or" both)*
both       = single ("and" single)*
single     = "not" single | "(" condition ")" | "known" name | comparison
comparison = operand (operator operand | ["not"] "in" (list | name))?
operand    = name | "age" name | "confidence" name | number | "text" | number unit | true | false | null
operator   = "=" | "==" | "!=" | "<" | "<=" | ">" | ">="
list       = "[" value ("," value)* "]"
name       = part ("." part)*, a part in double quotes where it holds more than letters, digits and _ - @ +
"""

_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PLAIN = r"[^\W\d][\w@+-]*"
_NUMBER = r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_UNIT = "|".join(sorted(UNITS, key=len, reverse=True))
_TOKEN = re.compile(
    rf"\s*(?:(?P<span>(?P<count>{_NUMBER})[ _]*(?P<unit>{_UNIT})(?![\w@+-]))"
    rf"|(?P<number>{_NUMBER})"
    rf"|(?P<name>(?:{_QUOTED}(?=\.)|{_PLAIN})(?:\.(?:{_QUOTED}|[\w@+-]+))*)"
    rf"|(?P<text>{_QUOTED})"
    r"|(?P<sign>==|!=|<=|>=|[=<>()\[\],]))",
    re.DOTALL,
)
_PARTS = re.compile(rf"{_QUOTED}|[^.]+", re.DOTALL)
_LEADING = re.compile(r"\s*(==|!=|<=|>=|[=<>])\s*(.*)", re.DOTALL)
_COMPARING = frozenset({"=", "==", "!=", "<", "<=", ">", ">="})


_Kind = Literal["span", "number", "name", "text", "sign"]
_KINDS: tuple[_Kind, ...] = ("span", "number", "name", "text", "sign")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind | Literal["end"]
    written: str
    position: int


class _Budget:
    """How many nodes a condition has so far, whatever its form."""

    def __init__(self) -> None:
        self._nodes = 0

    def spend(self, position: int | None = None) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ConditionFaultError(f"more than {MAX_NODES} names, values and operators", position)


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    end = len(text.rstrip())
    position = 0
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            _refuse_character(text, position)
        kind: _Kind = next(kind for kind in _KINDS if match[kind] is not None)
        found.append(_Token(kind, match[kind], match.start(kind) + 1))
        position = match.end()
    return [*found, _Token("end", "the end", end + 1)]


def _refuse_character(text: str, position: int) -> NoReturn:
    while text[position].isspace():
        position += 1
    odd = text[position]
    if odd == '"':
        raise ConditionFaultError("a text without its closing quotation mark", position + 1)
    if odd in "'“”‘’«»":
        raise ConditionFaultError("a text stands in straight double quotation marks", position + 1)
    shown = odd if odd.isprintable() else f"U+{ord(odd):04X}"
    raise ConditionFaultError(f"{shown} means nothing here", position + 1)


class _Parser:
    """Recursive descent over one text."""

    def __init__(self, text: str, budget: _Budget) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0
        self._budget = budget

    def condition(self) -> Node:
        found = self._either()
        self._expect_the_end()
        return found

    def key(self) -> Name | Of:
        """The left side of a comparison of the object form."""
        token = self._peek()
        found = self._operand()
        self._expect_the_end('; a name with blanks or signs stands in quotation marks: "Hilltop Foods".interest')
        if not isinstance(found, Name | Of):
            raise ConditionFaultError("a name must stand here", token.position)
        return found

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += token.kind != "end"
        return token

    def _took(self, *written: str) -> bool:
        token = self._peek()
        if token.kind in {"name", "sign"} and token.written in written:
            self._next += 1
            return True
        return False

    def _expect_the_end(self, hint: str = "") -> None:
        token = self._peek()
        if token.kind != "end":
            raise ConditionFaultError(f"{_clip(token.written)} does not belong{hint}", token.position)

    def _expect_no_unit(self) -> None:
        token = self._peek()
        if token.kind == "name" and token.written not in KEYWORDS:
            raise ConditionFaultError(f"{_clip(token.written)} is no unit of time", token.position)

    def _either(self) -> Node:
        parts = [self._both()]
        while self._took("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Node:
        parts = [self._single()]
        while self._took("and"):
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _single(self) -> Node:
        token = self._peek()
        if self._took("not"):
            return Not(self._deeper(token, self._single))
        if self._took("("):
            inner = self._deeper(token, self._either)
            if not self._took(")"):
                odd = self._peek()
                raise ConditionFaultError(f"a closing ) must stand here, not {_clip(odd.written)}", odd.position)
            return inner
        if self._took("known"):
            self._budget.spend(token.position)
            return IsKnown(self._name())
        return self._comparison()

    def _deeper(self, token: _Token, inner: Callable[[], Node]) -> Node:
        self._budget.spend(token.position)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ConditionFaultError(f"nested more than {MAX_DEPTH} deep", token.position)
        found = inner()
        self._depth -= 1
        return found

    def _comparison(self) -> Node:
        token = self._peek()
        left = self._operand()
        sign = self._peek()
        if sign.kind == "sign" and sign.written in _COMPARING:
            self._take()
            self._budget.spend(sign.position)
            return compared(left, sign.written, self._operand(), position=sign.position)
        if self._took("in"):
            return self._among(left, sign)
        if sign.kind == "name" and sign.written == "not" and self._took("not"):
            if not self._took("in"):
                raise ConditionFaultError("in must follow not here", self._peek().position)
            return Not(self._among(left, sign))
        if isinstance(left, Name) or (isinstance(left, Value) and isinstance(left.scalar, bool)):
            return IsTrue(left)
        raise ConditionFaultError(f"{_clip(token.written)} alone is neither true nor false", token.position)

    def _among(self, left: Operand, sign: _Token) -> Node:
        self._budget.spend(sign.position)
        if not self._took("["):
            return Among(left, self._name("a list or a name"))
        items: list[Value] = []
        while not items or self._took(","):
            token = self._peek()
            item = self._operand()
            if not isinstance(item, Value):
                raise ConditionFaultError("a list holds numbers, texts, true, false and null alone", token.position)
            items.append(item)
        if not self._took("]"):
            odd = self._peek()
            raise ConditionFaultError(f"a closing ] must stand here, not {_clip(odd.written)}", odd.position)
        return among(left, items, position=sign.position)

    def _operand(self) -> Operand:
        token = self._take()
        self._budget.spend(token.position)
        match token.kind:
            case "number":
                self._expect_no_unit()
                return Value(_number(token.written, token.position))
            case "span":
                return _span(token.written, token.position)
            case "text":
                return Value(_unquoted(token.written, token.position))
            case "name" if token.written in _CONSTANTS:
                return Value(_CONSTANTS[token.written])
            case "name" if token.written in {"age", "confidence"}:
                return Of("age" if token.written == "age" else "confidence", self._name())
            case "name" if token.written not in KEYWORDS:
                return _name(token.written, token.position)
            case _:
                raise ConditionFaultError(
                    f"a name or a value must stand here, not {_clip(token.written)}", token.position
                )

    def _name(self, what: str = "a name") -> Name:
        token = self._take()
        self._budget.spend(token.position)
        if token.kind != "name" or token.written in KEYWORDS:
            raise ConditionFaultError(f"{what} must stand here, not {_clip(token.written)}", token.position)
        return _name(token.written, token.position)


def _clip(written: str) -> str:
    return written if len(written) <= 40 else written[:40] + "…"  # noqa: PLR2004 — characters on a line


def _name(written: str, position: int) -> Name:
    parts = [_unquoted(part, position).strip() if part[0] == '"' else part for part in _PARTS.findall(written)]
    if not all(parts):
        raise ConditionFaultError("a name has an empty part", position)
    return Name(".".join(parts[:-1]) if len(parts) > 1 else None, parts[-1])


def _unquoted(written: str, position: int | None) -> str:
    try:
        return json.loads(written, strict=False)
    except ValueError:
        raise ConditionFaultError('a backslash in a text stands only in \\", \\\\, \\n, \\t or \\u', position) from None


def _number(written: str, position: int | None) -> int | float:
    number = float(written) if set(written) & set(".eE") else int(written)
    if abs(number) > MAX_JSON_NUMBER:
        raise ConditionFaultError(f"{_clip(written)} is too large a number", position)
    return number


def _span(written: str, position: int | None) -> Span:
    match = _TOKEN.match(written)
    if match is None or match["span"] is None:
        raise ConditionFaultError("no duration", position)
    try:
        return Span(span(float(match["count"]), UNITS[match["unit"]], written=written))
    except InvalidError as error:
        raise ConditionFaultError(str(error), position) from None


@contextmanager
def _within(path: str) -> Generator[None]:
    """A fault inside is one of this part of the JSON."""
    try:
        yield
    except ConditionFaultError as fault:
        fault.path = path + fault.path
        raise


def parts_of(written: object) -> tuple[Node, ...]:
    """What must all hold, of a text, an object, or a list of both. Raises `ConditionFaultError`."""
    _check_length(written)
    return tuple(_parts(written, budget=_Budget(), depth=0))


def name_of(written: str) -> Name | None:
    """The name that this text is; None when it is none."""
    try:
        found = _Parser(written, _Budget()).key() if len(written) <= MAX_CHARACTERS else None
    except ConditionFaultError:
        return None
    return found if isinstance(found, Name) else None


def _check_length(written: object) -> None:
    try:
        length = len(written if isinstance(written, str) else json.dumps(written, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):
        raise ConditionFaultError("is not JSON, or is nested too deep") from None
    if length > MAX_CHARACTERS:
        raise ConditionFaultError(f"has {length:,} characters, but at most {MAX_CHARACTERS:,} are allowed")


def _parts(written: object, *, budget: _Budget, depth: int) -> list[Node]:
    match written:
        case str():
            if not written.strip():
                raise ConditionFaultError("nothing is written here")
            found = _Parser(written, budget).condition()
            return list(found.parts) if isinstance(found, And) else [found]
        case dict():
            members = cast("dict[object, object]", written)
            return [_member(str(key), value, budget) for key, value in members.items()]
        case list():
            if depth == MAX_DEPTH:
                raise ConditionFaultError(f"nested more than {MAX_DEPTH} deep")
            parts: list[Node] = []
            for index, each in enumerate(cast("list[object]", written)):
                with _within(f"[{index}]"):
                    parts += _parts(each, budget=budget, depth=depth + 1)
            return parts
        case _:
            raise ConditionFaultError("must be a text, an object, or a list of them")


def _member(key: str, value: object, budget: _Budget) -> Node:
    """One member of the seed's form: the name, and what it must be."""
    with _within(
        f".{key}" if re.fullmatch(r"[\w.@-]{1,60}", key) else f"[{_clip(json.dumps(key, ensure_ascii=False))}]"
    ):
        left = _Parser(key, budget).key()
        if not isinstance(value, list):
            return _compared_with(left, value, budget)
        items = cast("list[object]", value)
        if not items:
            raise ConditionFaultError("an empty list is never met")
        if any(isinstance(item, str) and _LEADING.fullmatch(item) for item in items):
            either = tuple(_compared_with(left, item, budget) for item in items)
            return either[0] if len(either) == 1 else Or(either)
        return among(left, [_scalar(item, budget) for item in items])


def _compared_with(left: Name | Of, value: object, budget: _Budget) -> Node:
    leading = _LEADING.fullmatch(value) if isinstance(value, str) else None
    if leading is None:
        return compared(left, "=", _scalar(value, budget))
    budget.spend()
    return compared(left, leading[1], _operand_of(leading[2].strip(), budget))


def _scalar(value: object, budget: _Budget) -> Value:
    budget.spend()
    if isinstance(value, float | int) and not isinstance(value, bool) and not abs(value) <= MAX_JSON_NUMBER:
        raise ConditionFaultError("is no number that can be compared")
    if not isinstance(value, str | int | float | None):
        raise ConditionFaultError("must be a value, a list of values, or a comparison")
    return Value(value)


def _operand_of(written: str, budget: _Budget) -> Value | Span:
    """What follows an operator inside a text of the object: a number, a duration, true, false, null, or else a text."""
    budget.spend()
    token = _TOKEN.fullmatch(written)
    if not written:
        raise ConditionFaultError("a value must follow the operator")
    if token and token["span"]:
        return _span(written, None)
    if token and token["number"]:
        return Value(_number(written, None))
    if token and token["text"]:
        return Value(_unquoted(written, None))
    return Value(_CONSTANTS.get(written, written))
