"""What a condition is once it is read: a tree of comparisons that make sense, within its bounds."""

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast

from empla.durations import in_words
from empla.errors import InvalidError

MAX_CHARACTERS = 2000
MAX_NODES = 200
MAX_DEPTH = 32

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Scalar = str | int | float | bool | None

KEYWORDS = frozenset({"and", "or", "not", "in", "known", "age", "confidence", "true", "false", "null"})
"""Words that are no names, unless in quotation marks."""


@dataclass(frozen=True, slots=True)
class Name:
    """What a condition looks at; `subject` is None for a bare name."""

    subject: str | None
    predicate: str

    def __str__(self) -> str:
        return _part(self.predicate) if self.subject is None else f"{_dotted(self.subject)}.{_part(self.predicate)}"


@dataclass(frozen=True, slots=True)
class Value:
    """A number, a text, true, false or null."""

    scalar: Scalar

    def __str__(self) -> str:
        return json.dumps(self.scalar, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Span:
    """A duration, to compare an age with."""

    elapsed: timedelta

    def __str__(self) -> str:
        return in_words(self.elapsed)


@dataclass(frozen=True, slots=True)
class Of:
    """The age (time since the last evidence) or the confidence of what a name means."""

    what: Literal["age", "confidence"]
    name: Name

    def __str__(self) -> str:
        return f"{self.what} {self.name}"


Operand = Name | Value | Span | Of


@dataclass(frozen=True, slots=True)
class Comparison:
    """The left one stands in this relation to the right one."""

    left: Operand
    operator: Operator
    right: Operand

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True, slots=True)
class Among:
    """The left one is one of the listed values, or of the list that a name means."""

    left: Operand
    right: tuple[Value, ...] | Name

    def __str__(self) -> str:
        listed = str(self.right) if isinstance(self.right, Name) else f"[{', '.join(map(str, self.right))}]"
        return f"{self.left} in {listed}"


@dataclass(frozen=True, slots=True)
class IsKnown:
    """There is something to trust under this name."""

    name: Name

    def __str__(self) -> str:
        return f"known {self.name}"


@dataclass(frozen=True, slots=True)
class IsTrue:
    """A name, or true or false themselves, standing for itself."""

    operand: Name | Value

    def __str__(self) -> str:
        return str(self.operand)


@dataclass(frozen=True, slots=True)
class Not:
    """What it holds is false."""

    part: "Node"

    def __str__(self) -> str:
        return f"not {_bracketed(self.part)}"


@dataclass(frozen=True, slots=True)
class And:
    """All parts are true."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " and ".join(map(_bracketed, self.parts))


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part is true."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " or ".join(map(_bracketed, self.parts))


Node = Comparison | Among | IsKnown | IsTrue | Not | And | Or


class ConditionFaultError(InvalidError):
    """What is wrong with a condition, where in its JSON, and at which character of that text, counted from 1."""

    def __init__(self, reason: str, position: int | None = None, *, path: str = "") -> None:
        super().__init__(reason if position is None else f"{reason}, at character {position}")
        self.path = path


def compared(left: Operand, sign: str, right: Operand, *, position: int | None = None) -> Comparison:
    """A comparison that can be true at all. Raises `ConditionFaultError` for one of unlike kinds."""
    kinds = {_kind(left), _kind(right)}
    if "an age" in kinds and kinds != {"an age"}:
        raise ConditionFaultError("an age and a duration, such as 14 days, compare only with each other", position)
    stated = kinds - {"anything"}
    both = " and ".join(sorted(stated))
    if len(stated) > 1:
        raise ConditionFaultError(f"{both} never compare", position)
    if sign not in {"=", "==", "!="} and stated & {"true or false", "null"}:
        raise ConditionFaultError(f"{both} compares only by = and !=", position)
    return Comparison(left, cast("Operator", "=" if sign == "==" else sign), right)


def among(left: Operand, items: list[Value], *, position: int | None = None) -> Among:
    """One of these. Raises `ConditionFaultError` for an item that the left one can never be."""
    for item in items:
        compared(left, "=", item, position=position)
    return Among(left, tuple(items))


def _kind(operand: Operand) -> str:
    match operand:
        case Name():
            return "anything"
        case Span() | Of(what="age"):
            return "an age"
        case Value(scalar=bool()):
            return "true or false"
        case Value(scalar=None):
            return "null"
        case Value(scalar=str()):
            return "a text"
        case _:
            return "a number"


def _part(text: str) -> str:
    plain = re.fullmatch(r"[^\W\d][\w@+-]*", text) and text not in KEYWORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def _dotted(subject: str) -> str:
    """The subject as parts, so that a dot in it reads as it was most likely written."""
    parts = subject.split(".")
    return ".".join(parts) if all(_part(part) == part for part in parts) else json.dumps(subject, ensure_ascii=False)


def _bracketed(node: Node) -> str:
    return f"({node})" if isinstance(node, And | Or) else str(node)
