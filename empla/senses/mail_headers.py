"""The headers of a mail or of a part of one: addresses, names, ids, dates. They may hold anything, and nothing here raises for it."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.header import decode_header
from email.parser import BytesHeaderParser
from email.utils import decode_params, parsedate_to_datetime, unquote

from empla.senses import mail_text

LONGEST_HEAD = 256 * 1024  # bytes of all headers; what comes after them is not read
LONGEST_VALUE = 64 * 1024  # characters of one header
LONGEST_PARAMETERS = 8000  # characters, of a Content-Type
LONGEST_ID = 500  # characters, of a Message-ID; an observation's name has no more
LONGEST_ADDRESS = 254  # bytes, by RFC 5321
LONGEST_NAME = 200  # characters
MOST_ADDRESSES = 200  # per header

_HEAD_END = re.compile(rb"\n\n|\A\n")
_FOLD = re.compile(r"\n[ \t]?")
_ID = re.compile(r"<([^<>]+)>")
# With bounds, for a search that may start anywhere and run to the end needs quadratic time; but never a piece of a longer one.
_OF_ADDRESS = r"[^\s@<>()\[\]\",;:\\]"
_EDGE = r"[^\s<>()\[\]\",;:\\]"
_ADDRESS = re.compile(rf"(?<!{_EDGE}){_OF_ADDRESS}{{1,250}}@{_OF_ADDRESS}{{1,250}}+(?!{_EDGE})")
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:\\.|[^"\\])*"?|[^;]*)', re.DOTALL)
# What a list of addresses is made of. What is never closed ends with the header.
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"?|\((?:\\.|[^()\\])*\)?|<[^<>]*>?|[,;]|[^",;<(]+', re.DOTALL)
_EARLIEST = 1970  # a year; before it nobody wrote mails with this format


@dataclass(frozen=True, slots=True)
class Address:
    email: str  # lower case
    name: str  # may be empty


class Head:
    """The headers of one mail or part, whose lines end with LF."""

    def __init__(self, raw: bytes) -> None:
        # A lone CR would begin a new header: one that the sender of a mail never wrote.
        # The policy `default` would parse the values too: it raises for some, and needs seconds for four thousand quotes.
        parsed = BytesHeaderParser(policy=policy.compat32).parsebytes(raw[:LONGEST_HEAD].replace(b"\r", b" "))
        self._values: dict[str, list[str]] = {}
        for name, value in parsed.raw_items():
            self._values.setdefault(name.lower(), []).append(_FOLD.sub(" ", _unescaped(value))[:LONGEST_VALUE])
        self.cut = len(raw) > LONGEST_HEAD

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def count(self, name: str) -> int:
        return len(self._values.get(name, ()))

    def value(self, name: str) -> str:
        """The first header of this name (lower case) as it was sent; empty when there is none."""
        return self._values.get(name, [""])[0].strip()

    def words(self, name: str, most: int) -> str:
        """Its text for a person, one line."""
        return mail_text.line(decode_words(self.value(name)[: 8 * most]), most)

    def addresses(self, name: str) -> list[Address]:
        """Every address of every header of this name, each once."""
        found: dict[str, Address] = {}
        for value in self._values.get(name, ()):
            for address in _addresses(value):
                found.setdefault(address.email, address)
                if len(found) == MOST_ADDRESSES:
                    return list(found.values())
        return list(found.values())

    def ids(self, name: str) -> list[str]:
        """The message ids that it names, without their angle brackets."""
        value = self.value(name)
        written = _ID.findall(value) or value.split()
        return [known for each in written if (known := _id(each))]

    def moment(self, name: str) -> datetime | None:
        """The date that it states, in UTC; None when it is none that a mail can have."""
        return read_date(self.value(name))

    def parameters(self, name: str) -> tuple[str, dict[str, str]]:
        """`text/plain; charset=x` as its value and parameters, all names in lower case."""
        value = self.value(name)[:LONGEST_PARAMETERS]
        kind = value.partition(";")[0].strip().lower()
        pairs = [(key.lower(), written.strip()) for key, written in _PARAMETER.findall(value)]
        try:
            read = [(key, _parameter(value)) for key, value in decode_params([("", ""), *pairs])[1:]]
        except (ValueError, TypeError, LookupError):
            read = [(key, written.strip('"')) for key, written in pairs]
        return kind, dict(reversed(read))  # the first one of a name counts


def _parameter(value: str | tuple[str | None, str | None, str]) -> str:
    if isinstance(value, str):
        return re.sub(r"\\(.)", r"\1", unquote(value))
    charset, _, text = value
    return mail_text.decode(unquote(text).encode("latin-1", "replace"), charset)[0]


def split(raw: bytes) -> tuple[bytes, bytes]:
    """The headers and the body."""
    end = _HEAD_END.search(raw)
    return (raw, b"") if end is None else (raw[: end.start()], raw[end.end() :])


def decode_words(value: str) -> str:
    """Text with its encoded words (`=?utf-8?q?…?=`) read."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
        return "".join(
            piece if isinstance(piece, str) else mail_text.decode(piece, charset)[0] for piece, charset in pieces
        )
    except Exception:  # noqa: BLE001 — as above; then it is shown as it was sent
        return value


def named(message_id: str) -> str:
    """The id itself, or its digest when it is too long for a name."""
    return message_id if len(message_id) <= LONGEST_ID else digest(message_id.encode(errors="replace"))


def digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def read_date(written: str) -> datetime | None:
    """A date as mails write it, in UTC; None when it is none, or before 1970."""
    try:
        moment = parsedate_to_datetime(written[:100])
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, LookupError, AttributeError):
        return None
    return moment if moment.year >= _EARLIEST else None


def _unescaped(value: str) -> str:
    """Bytes over 127 should be encoded words, but are sent all the same: mostly as UTF-8, else as Windows-1252."""
    return value if value.isascii() else mail_text.decode(value.encode("utf-8", "surrogateescape"), None)[0]


def _id(written: str) -> str:
    return "".join(mail_text.line(written, LONGEST_VALUE).split()).strip("<>")


def _addresses(value: str) -> Iterable[Address]:
    tokens: list[str] = []
    for token in [*_TOKEN.findall(value), ","]:
        if token not in {",", ";"}:
            tokens.append(token)
            continue
        address = _address(tokens)
        if address is not None:
            yield address
        tokens = []


def _address(tokens: list[str]) -> Address | None:
    """`Jane Doe <jane@x>`, `jane@x (Jane Doe)` or `jane@x`."""
    angles = [token for token in tokens if token.startswith("<")]
    words = "".join(token for token in tokens if not token.startswith(("<", "(")))
    # "Team: jane@x" is the beginning of a group.
    found = _ADDRESS.search(angles[-1] if angles else words.rpartition(":")[2])
    if found is None:
        return None
    email = mail_text.line(found[0], LONGEST_VALUE).lower()
    if len(email.encode()) > LONGEST_ADDRESS or _ADDRESS.fullmatch(email) is None:
        return None
    name = words if angles else " ".join(token.strip("()") for token in tokens if token.startswith("("))
    return Address(email, _name(name))


def _name(written: str) -> str:
    written = re.sub(r"\\(.)", r"\1", re.sub(r'["<>]', "", written.strip()[:2000]))
    return mail_text.line(decode_words(written), LONGEST_NAME)
