"""A condition holds, or it does not: what is missing, doubted or of an odd type makes it unknown inside, and false in the end.

Logic is Kleene's, of three values; nothing here ever fails on what it looks at. The language: docs/playbooks.md.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Self, cast
from uuid import UUID

from pydantic import JsonValue

from empla.conditions_syntax import name_of, parts_of
from empla.conditions_tree import (
    Among,
    And,
    Comparison,
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
)
from empla.conditions_values import in_a_text, relation, shown
from empla.errors import InvalidError

SELF = "self"
"""The subject of what is believed about the employee itself."""

Key = tuple[str, str]
"""Subject and predicate of a belief."""

Truth = bool | None  # None is unknown

MAX_RENDERED_CHARACTERS = 16_384


@dataclass(frozen=True, slots=True)
class Known:
    """One belief, as a condition sees it."""

    object: JsonValue
    confidence: float
    since: datetime  # of the last evidence
    id: UUID | None = None
    tainted: bool = False  # all that supports it came from outside


@dataclass(frozen=True, slots=True)
class View:
    """What a condition may look at."""

    bindings: Mapping[str, JsonValue]
    beliefs: Mapping[Key, Known]
    now: datetime
    floor: float = 0.5  # of confidence: under it a belief is not trusted


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of judging a condition."""

    holds: bool
    notes: tuple[str, ...]  # why a part is unknown
    held: int  # of the stated parts
    stated: int  # parts that must all hold
    used: tuple[Key, ...]  # the beliefs that were read and counted


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read without a fault."""

    written: JsonValue = field(compare=False)
    parts: tuple[Node, ...]

    @classmethod
    def parse(cls, written: JsonValue, *, what: str) -> Self:
        """The condition of a text, an object or a list of both. Raises `InvalidError`, one sentence that begins with `what`."""
        try:
            return cls(written, _parts_of_text(written) if isinstance(written, str) else parts_of(written))
        except ConditionFaultError as fault:
            raise InvalidError(f"{what}{fault.path}: {fault}") from fault

    def __str__(self) -> str:
        """The condition as one text; `true` when it states nothing."""
        return str(And(self.parts)) if self.parts else "true"

    def names(self) -> frozenset[Name]:
        """Every name that it looks at."""
        return frozenset(name for part in self.parts for name in _names(part))

    def keys(self, bindings: Mapping[str, JsonValue]) -> frozenset[Key]:
        """The beliefs that it may need, to be fetched before it is judged."""
        return frozenset(key for name in self.names() if (key := _key(name, bindings)) is not None)

    def judge(self, view: View) -> Judgement:
        """Whether every part holds. Parts are all judged; within a part, reading stops once the answer is certain."""
        reader = _Reader(view)
        truths = [reader.judge(part) for part in self.parts]
        return Judgement(
            holds=all(truth is True for truth in truths),
            notes=tuple(dict.fromkeys(reader.notes)),
            held=sum(truth is True for truth in truths),
            stated=len(truths),
            used=tuple(reader.used),
        )


@lru_cache(maxsize=8192)
def _parts_of_text(written: str) -> tuple[Node, ...]:
    """The same few texts are read in every cycle of every employee."""
    return parts_of(written)


def _names(node: Node | Operand | tuple[Value, ...]) -> Iterator[Name]:
    match node:
        case Name():
            yield node
        case Of() | IsKnown():
            yield node.name
        case IsTrue():
            yield from _names(node.operand)
        case Comparison() | Among():
            yield from _names(node.left)
            yield from _names(node.right)
        case Not():
            yield from _names(node.part)
        case And() | Or():
            for part in node.parts:
                yield from _names(part)
        case _:
            pass


def _key(name: Name, bindings: Mapping[str, JsonValue]) -> Key | None:
    """The belief that a name means; None when it means a binding."""
    if name.subject is None:
        return None if name.predicate in bindings else (SELF, name.predicate)
    bound = bindings.get(name.subject)
    if isinstance(bound, dict):
        return None
    return (bound.strip() if isinstance(bound, str) else name.subject, name.predicate)


@dataclass(frozen=True, slots=True)
class _Found:
    """What stands under a name, trusted or not."""

    object: JsonValue
    belief: Known | None  # None for a binding


def _find(name: Name, view: View) -> _Found | None:
    key = _key(name, view.bindings)
    if key is not None:
        belief = view.beliefs.get(key)
        return None if belief is None else _Found(belief.object, belief)
    if name.subject is None:
        return _Found(view.bindings[name.predicate], None)
    bound = view.bindings[name.subject]
    return _Found(bound[name.predicate], None) if isinstance(bound, dict) and name.predicate in bound else None


class _Reader:
    """Judges nodes; remembers which beliefs counted, and why something is unknown."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.notes: list[str] = []
        self.used: dict[Key, None] = {}

    def judge(self, node: Node) -> Truth:
        match node:
            case And() | Or():
                return self._joined(node)
            case Not():
                inner = self.judge(node.part)
                return None if inner is None else not inner
            case IsKnown():
                return self._is_known(node.name)
            case IsTrue():
                return self._is_true(node.operand)
            case Among():
                return self._is_among(node)
            case Comparison():
                return self._compare(node)

    def _joined(self, node: And | Or) -> Truth:
        """One false part makes an and false, one true part an or true; else an unknown part makes it unknown."""
        decisive = isinstance(node, Or)
        found: Truth = not decisive
        for part in node.parts:
            truth = self.judge(part)
            if truth is decisive:
                return decisive
            if truth is None:
                found = None
        return found

    def _is_known(self, name: Name) -> bool:
        found = _find(name, self._view)
        if found is None or found.object is None or not self._is_trusted(found):
            return False
        self._count(name, found)
        return True

    def _is_true(self, operand: Name | Value) -> Truth:
        value = self._value(operand)
        if value is None or isinstance(value.scalar, bool):
            return None if value is None else value.scalar is True
        self._note(f"{operand} is {shown(value.scalar)}, neither true nor false")
        return None

    def _is_among(self, node: Among) -> Truth:
        left, items = self._value(node.left), self._items(node.right)
        if left is None or items is None:
            return None
        truths = [relation("=", left.scalar, item) for item in items]
        if not any(truths) and None in truths:
            self._note(f"{node.left} is {shown(left.scalar)}, which can't be compared with all of {shown(items)}")
        return True if any(truths) else None if None in truths else False

    def _items(self, right: tuple[Value, ...] | Name) -> list[object] | None:
        if isinstance(right, tuple):
            return [item.scalar for item in right]
        found = self._value(right)
        if found is None:
            return None
        listed = found.scalar
        if isinstance(listed, list):
            return cast("list[object]", listed)
        self._note(f"{right} is {shown(listed)}, not a list")
        return None

    def _compare(self, node: Comparison) -> Truth:
        left, right = self._value(node.left), self._value(node.right)
        if left is None or right is None:
            return None
        if Value(None) in {node.left, node.right}:
            same = left.scalar is None and right.scalar is None
            return same if node.operator == "=" else not same
        truth = relation(node.operator, left.scalar, right.scalar)
        if truth is None:
            self._note(f"{node.left} is {shown(left.scalar)}, which can't be compared with {shown(right.scalar)}")
        return truth

    def _value(self, operand: Operand) -> "_Value | None":
        match operand:
            case Value():
                return _Value(operand.scalar)
            case Span():
                return _Value(operand.elapsed)
            case Of():
                return self._of(operand)
            case Name():
                found = _find(operand, self._view)
        if found is None:
            self._note(f"{operand} is not known")
            return None
        if found.belief is not None and not self._is_trusted(found):
            self._note(f"{operand} is believed with {found.belief.confidence:.2f} only, under {self._view.floor:g}")
            return None
        self._count(operand, found)
        return _Value(found.object)

    def _of(self, operand: Of) -> "_Value | None":
        """An age or a confidence is of the belief as it is, trusted or not; what is bound is certain, and has no age."""
        found = _find(operand.name, self._view)
        if found is None:
            self._note(f"{operand.name} is not known")
            return None
        self._count(operand.name, found)
        if operand.what == "confidence":
            return _Value(1.0 if found.belief is None else found.belief.confidence)
        if found.belief is None:
            self._note(f"{operand.name} is no belief, so it has no age")
            return None
        return _Value(self._view.now - found.belief.since)

    def _is_trusted(self, found: _Found) -> bool:
        return found.belief is None or found.belief.confidence >= self._view.floor

    def _count(self, name: Name, found: _Found) -> None:
        key = _key(name, self._view.bindings)
        if found.belief is not None and key is not None:
            self.used[key] = None

    def _note(self, sentence: str) -> None:
        self.notes.append(sentence)


@dataclass(frozen=True, slots=True)
class _Value:
    """A value that is there, so that null can be told from nothing."""

    scalar: object


@lru_cache(maxsize=4096)
def _read_name(text: str) -> Name | None:
    return name_of(text)


def resolve(name: str, view: View) -> JsonValue | None:
    """What stands under this name and is trusted; None when nothing does, or it is no name."""
    read = _read_name(name.strip())
    return None if read is None else _resolved(read, view)


def _resolved(name: Name, view: View) -> JsonValue | None:
    found = _find(name, view)
    if found is None or (found.belief is not None and found.belief.confidence < view.floor):
        return None
    return found.object


_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]{1,500})\}")


def _holes(template: str) -> Iterator[str]:
    return (hole[1].strip() for hole in _HOLE.finditer(template) if hole[1])


def render(template: str, view: View) -> str:
    """The text with what `{account}` and `{account.health}` mean; "(account unknown)" for what is not known. Never raises.

    `{{` and `}}` are braces, and so is what holds no name. What is too long is cut.
    """

    def filled(hole: re.Match[str]) -> str:
        if not hole[1]:
            return hole[0][0]
        name = _read_name(hole[1].strip())
        if name is None:
            return hole[0]
        value = _resolved(name, view)
        return f"({hole[1].strip()} unknown)" if value is None else in_a_text(value)

    text = _HOLE.sub(filled, template[:MAX_RENDERED_CHARACTERS])
    return text if len(text) <= MAX_RENDERED_CHARACTERS else text[: MAX_RENDERED_CHARACTERS - 1] + "…"


def template_keys(template: str, bindings: Mapping[str, JsonValue]) -> frozenset[Key]:
    """The beliefs that a text may need, to be fetched before it is rendered."""
    names = (_read_name(hole) for hole in _holes(template))
    return frozenset(key for name in names if name is not None and (key := _key(name, bindings)) is not None)


def template_names(template: str, *, what: str) -> frozenset[Name]:
    """The names in a text. Raises `InvalidError`, one sentence that begins with `what`, for a brace without its name."""
    found: set[Name] = set()
    for hole in _holes(template):
        name = _read_name(hole)
        if name is None:
            raise InvalidError(f"{what}: {{{hole}}} holds no name; write {{{{ and }}}} for braces")
        found.add(name)
    rest = _HOLE.sub("", template)
    if "{" in rest or "}" in rest:
        raise InvalidError(f"{what}: a brace stands alone; write {{{{ or }}}}")
    return frozenset(found)
