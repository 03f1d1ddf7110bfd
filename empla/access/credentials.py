"""What a credential looks like: a prefix, and in URL-safe base64 whose it is, 256 random bits and a checksum; only digests are kept.

The checksum proves nothing: it lets a slip of the pen be refused without asking the database.
"""

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from empla.errors import UnauthorizedError

REFUSED = "not signed in: the credential is wrong, or not good any more"  # ctx.enter says the same

Kind = Literal["key", "refresh", "link"]
PREFIX: dict[Kind, str] = {"key": "empla_", "refresh": "emplar_", "link": "emplal_"}
_SHOWN = 8  # characters after the prefix: the beginning of an id that is random
_SECRET = 32  # bytes
_ID = 16
_CHECK = 4
# A refresh token has two halves: that of its sign-in, which stays, and its own.
_SECRETS: dict[Kind, int] = {"key": 1, "refresh": 2, "link": 1}


@dataclass(frozen=True, slots=True)
class Credential:
    """What was read off a text: to be proven yet."""

    kind: Kind
    id: UUID  # of the key, sign-in or link
    tenant: UUID
    user: UUID
    secrets: tuple[bytes, ...] = field(repr=False)

    @property
    def digests(self) -> tuple[bytes, ...]:
        """SHA-256 of each secret: all that the database sees. They are random, so no slow hash is needed."""
        return tuple(hashlib.sha256(secret).digest() for secret in self.secrets)

    @property
    def text(self) -> str:
        body = b"".join((self.id.bytes, self.tenant.bytes, self.user.bytes, *self.secrets))
        whole = body + _checksum(self.kind, body)
        return PREFIX[self.kind] + base64.urlsafe_b64encode(whole).rstrip(b"=").decode("ascii")

    @property
    def shown(self) -> str:
        """The beginning of the text, by which people know it again; it proves nothing."""
        return self.text[: len(PREFIX[self.kind]) + _SHOWN]


def secret() -> bytes:
    """256 fresh random bits."""
    return secrets.token_bytes(_SECRET)


def digest(text: str) -> bytes:
    """SHA-256 of a text that is no secret, as the database counts by it."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def read(kind: Kind, text: str) -> Credential:
    """Its parts. Raises `UnauthorizedError` for what no credential of this kind looks like."""
    length = 3 * _ID + _SECRETS[kind] * _SECRET + _CHECK
    try:
        if not text.startswith(PREFIX[kind]) or len(text) > len(PREFIX[kind]) + 2 * length:
            raise ValueError(kind)
        plain = text.removeprefix(PREFIX[kind])
        whole = base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise UnauthorizedError(REFUSED) from None
    if len(whole) != length:
        raise UnauthorizedError(REFUSED)
    body = whole[:-_CHECK]
    ids = [UUID(bytes=body[place : place + _ID]) for place in range(0, 3 * _ID, _ID)]
    found = tuple(body[place : place + _SECRET] for place in range(3 * _ID, len(body), _SECRET))
    made = Credential(kind, id=ids[0], tenant=ids[1], user=ids[2], secrets=found)
    if made.text != text:  # the checksum; and the last sign of base64 has bits to spare: one text for one credential
        raise UnauthorizedError(REFUSED)
    return made


def _checksum(kind: Kind, body: bytes) -> bytes:
    return hashlib.sha256(PREFIX[kind].encode("ascii") + body).digest()[:_CHECK]
