"""A mail is a tree of parts. It is cut along its boundaries here, for the standard library has no bound on depth, parts and time."""

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from empla.senses import mail_text
from empla.senses.mail_headers import LONGEST_NAME, Head, decode_words, split

DEEPEST = 10  # multiparts inside one another
MOST_PARTS = 100

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of the tree."""

    kind: str  # "text/plain"
    charset: str | None
    name: str  # the file's; may be empty
    attached: bool
    encoding: str
    raw: bytes  # as it was sent

    def content(self) -> bytes:
        """What was sent, decoded as well as it can be."""
        if self.encoding == "base64":
            return _of_base64(self.raw)
        if self.encoding == "quoted-printable":
            return quopri.decodestring(self.raw)
        return self.raw


@dataclass(slots=True)
class Tree:
    """The leaves of a mail in their order, and what was remarkable about its build."""

    parts: list[Part] = field(default_factory=list[Part])
    notes: list[str] = field(default_factory=list[str])
    seen: int = 0  # parts of any kind, multiparts among them

    def note(self, reason: str) -> None:
        if reason not in self.notes:
            self.notes.append(reason)


def read(head: Head, body: bytes) -> Tree:
    """The parts of a mail; what goes beyond the limits is left away and noted."""
    tree = Tree()
    _walk(tree, head, body, depth=0)
    return tree


def _walk(tree: Tree, head: Head, body: bytes, *, depth: int) -> None:
    kind, parameters = head.parameters("content-type")
    if kind.startswith("multipart/"):
        if depth == DEEPEST:
            tree.note(f"more than {DEEPEST} multiparts inside one another")
            return
        boundary = parameters.get("boundary")
        empty = True
        for piece in _pieces(body, boundary) if boundary else ():
            empty = False
            if tree.seen == MOST_PARTS:
                tree.note(f"more than {MOST_PARTS} parts")
                return
            tree.seen += 1
            written, rest = split(piece)
            _walk(tree, Head(written), rest, depth=depth + 1)
        if not empty:
            return
        tree.note("a multipart without parts")
        kind = "text/plain"
    tree.parts.append(_part(head, kind, parameters, body))


def _pieces(body: bytes, boundary: str) -> Iterator[bytes]:
    """What stands between the boundary's lines; what comes before the first one and after the closing one is for nobody."""
    written = re.escape(boundary.encode("utf-8", "replace"))
    start: int | None = None
    for found in re.finditer(rb"^--" + written + rb"(--)?[ \t]*$", body, re.MULTILINE):
        if start is not None:
            yield body[start : found.start()]
        if found[1]:
            return
        start = found.end() + 1
    if start is not None:  # never closed: the mail was cut off
        yield body[start:]


def _part(head: Head, kind: str, parameters: dict[str, str], body: bytes) -> Part:
    disposition, more = head.parameters("content-disposition")
    name = mail_text.line(decode_words(more.get("filename") or parameters.get("name") or ""), LONGEST_NAME)
    kind = mail_text.line(kind, 100) or "text/plain"
    return Part(
        kind=kind,
        charset=parameters.get("charset"),
        name=name,
        attached=disposition == "attachment" or bool(name) or kind not in {"text/plain", "text/html"},
        encoding=head.value("content-transfer-encoding").lower()[:100],
        raw=body.removesuffix(b"\n"),
    )


def _of_base64(raw: bytes) -> bytes:
    digits = _NOT_BASE64.sub(b"", raw.partition(b"=")[0])
    if len(digits) % 4 == 1:  # no number of bytes is written so; the last digit was cut off
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
