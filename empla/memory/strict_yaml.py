"""YAML without its surprises: one document of plain values, no tags, anchors or aliases, numbers as in JSON; each value has its line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import yaml
from pydantic import JsonValue

from empla.shapes import MAX_JSON_DEPTH

Path = tuple[str | int, ...]
"""The way from the whole to a value: keys and places in lists."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where PyYAML was built with it
_parse = cast("Any", yaml.parse)  # pyright: ignore[reportUnknownMemberType] — its stub says nothing of the stream
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


class YamlFaultError(Exception):
    """The file can't be read on from this line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(slots=True)
class Document:
    """The plain values of a YAML document, with the line of each, and keys that came twice."""

    value: JsonValue = None
    lines: dict[Path, int] = field(default_factory=dict[Path, int])
    faults: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def line(self, path: Path) -> int:
        """Where that stands, or the innermost of what is around it that stands somewhere."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def document_of(data: bytes) -> Document:
    """Raises `YamlFaultError` at the first place where it is no such YAML."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlFaultError(data.count(b"\n", 0, error.start) + 1, "the file is not UTF-8 text") from None
    try:
        return _Builder(_parse(text, Loader=_LOADER)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise YamlFaultError(1 if mark is None else mark.line + 1, f"this is not YAML: {said}") from None
    except yaml.reader.ReaderError as error:
        position = cast("int", error.position)
        raise YamlFaultError(
            text.count("\n", 0, position) + 1, "the file holds a character that YAML does not allow"
        ) from None


class _Builder:
    """Plain values from a stream of events, which is never read further than it is sound."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._document = Document()

    def document(self) -> Document:
        first = self._next(yaml.StreamStartEvent, yaml.DocumentStartEvent)
        if isinstance(first, yaml.StreamEndEvent):
            raise YamlFaultError(1, "the file is empty")
        self._document.value = self._node(first, ())
        after = self._next(yaml.DocumentEndEvent)
        if isinstance(after, yaml.DocumentStartEvent):
            raise YamlFaultError(_line(after), "a second document begins here, but a file holds one")
        return self._document

    def _next(self, *passed: type[Any]) -> Any:
        """The next event that is none of those to pass over."""
        event = next(self._events, None)
        while event is not None and isinstance(event, passed):
            event = next(self._events, None)
        return event

    def _node(self, event: Any, path: Path) -> JsonValue:
        line = _line(event)
        self._document.lines.setdefault(path, line)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise YamlFaultError(line, "anchors and aliases are not allowed: write it out")
        if event.tag is not None:
            raise YamlFaultError(line, f"tags are not allowed: {event.tag}")
        if len(path) > MAX_JSON_DEPTH:
            raise YamlFaultError(line, f"lists and mappings stand more than {MAX_JSON_DEPTH} deep in one another")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event, line)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: Path) -> JsonValue:
        found: list[JsonValue] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._node(event, (*path, len(found))))
        return found

    def _mapping(self, path: Path) -> JsonValue:
        found: dict[str, JsonValue] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = _line(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise YamlFaultError(line, "a key must be plain text")
            if event.anchor is not None or event.tag is not None:
                raise YamlFaultError(line, "anchors and tags are not allowed")
            key = str(cast("str", event.value))
            here = (*path, key)
            if key in found:
                self._document.faults.append((line, f"the key {key} stands here twice"))
            self._document.lines[here] = line
            found[key] = self._node(next(self._events), here)
        return found


def _line(event: Any) -> int:
    return cast("int", event.start_mark.line) + 1


def _scalar(event: Any, line: int) -> JsonValue:
    """What a scalar is: a plain one may be a number, true, false or null, in JSON's words alone (no yes, no 0x10, no dates)."""
    text = cast("str", event.value)
    if event.style is not None and event.style != "":
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in {float("inf"), float("-inf")}:
            raise YamlFaultError(line, f"{text} is too large a number")
        return number
    return text
