"""The port through which an effect leaves empla. A sender is told everything it needs, touches no database, and says what became of it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from pydantic import JsonValue

# What each means for whoever has to decide what follows:
# done       it happened for certain
# failed     it did not happen, and never will with these arguments
# later      it did not happen, and may work another time
# uncertain  it may have happened; only the receiver, or a human, knows
Verdict = Literal["done", "failed", "later", "uncertain"]
_MOST_SAID = 200
_PLAIN_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One effect, as a sender needs it."""

    key: str  # the same key is the same effect; any text, see `plain_key`
    effect: UUID
    sender_name: str  # the employee
    sender_address: str
    recipients: tuple[str, ...]  # e-mail addresses; () for a webhook
    title: str
    body: str
    arguments: Mapping[str, JsonValue]  # a webhook's payload; a mail's cc, reply_to, in_reply_to, references
    at: datetime  # aware; the moment at which it happens for the employee


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one sending."""

    verdict: Verdict
    reason: str = ""  # one sentence; empty when done
    receipt: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])  # what the receiver said; no secrets


class Sender(Protocol):
    """One way out."""

    @property
    def can_be_asked(self) -> bool:
        """`happened` can say something."""
        ...

    @property
    def deduplicates(self) -> bool:
        """The same key twice happens once at the receiver."""
        ...

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Whatever the world does is an outcome and no exception, and takes no longer than the sender's time-out."""
        ...

    async def happened(self, outgoing: Outgoing) -> bool | None:
        """Whether it has happened; None when this can't be said."""
        ...


def plain_key(key: str) -> str:
    """The key where only 1–200 printable ASCII characters may stand: itself, or the hex of its SHA-256."""
    return key if _PLAIN_KEY.fullmatch(key) else digest(key)


def digest(key: str) -> str:
    """The hex of the key's SHA-256."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def said(text: bytes | str) -> str:
    """What a receiver said, fit for a sentence: one line of at most 200 printable characters."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    printable = "".join(letter if letter.isprintable() else " " for letter in words[: 4 * _MOST_SAID])
    return " ".join(printable.split())[:_MOST_SAID]
