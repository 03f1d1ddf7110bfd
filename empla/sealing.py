"""Secrets that lie in the database are sealed with a key that does not: AES-256-GCM, bound to the place where they lie.

A sealed secret is `key id (8 bytes of hex) | nonce (12 bytes) | ciphertext and tag`.
"""

import base64
import binascii
import hashlib
import secrets
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from empla.errors import InvalidError, UnavailableError

_KEY_BYTES, _ID_BYTES, _NONCE_BYTES, _TAG_BYTES = 32, 8, 12, 16
_MALFORMED = "each key of EMPLA_SECRET_KEYS is 32 bytes in URL-safe base64, and a comma stands between two"


def new_key() -> str:
    """A fresh key, as it stands in EMPLA_SECRET_KEYS."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")


class Keyring:
    """The first key seals, every key opens: a new one is put in front, and the last one taken away once nothing needs it."""

    __slots__ = ("_keys", "_sealing", "_sources")

    def __init__(self, keys: list[bytes]) -> None:
        """`keys` are 32 bytes each. Raises `InvalidError`."""
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise InvalidError(_MALFORMED)
        self._keys = {_key_id(key): AESGCM(key) for key in keys}
        if len(self._keys) < len(keys):
            raise InvalidError("two keys of EMPLA_SECRET_KEYS are the same")
        self._sealing = _key_id(keys[0])
        self._sources = tuple(keys)

    def __repr__(self) -> str:
        return f"Keyring({len(self._keys)} keys)"

    @classmethod
    def parse(cls, text: SecretStr) -> Self:
        """The keyring of EMPLA_SECRET_KEYS. Raises `InvalidError`, which never shows a key."""
        try:
            return cls([_decoded(part.strip()) for part in text.get_secret_value().split(",")])
        except (binascii.Error, ValueError):
            # The cause would show what was in there.
            raise InvalidError(_MALFORMED) from None

    def derived(self, purpose: str) -> dict[str, bytes]:
        """Keys of 32 bytes for another purpose, by their ids, the first one first: none of them tells of what it was made from."""
        made = [
            HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=f"empla {purpose}".encode()).derive(
                source
            )
            for source in self._sources
        ]
        return {_key_id(key).decode("ascii"): key for key in made}

    def seal(self, secret: str, *, context: str) -> bytes:
        """`context` names the place (such as "tenant/integration"): sealed for one, it does not open in another."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return self._sealing + nonce + self._keys[self._sealing].encrypt(nonce, secret.encode(), context.encode())

    def open(self, sealed: bytes, *, context: str) -> SecretStr:
        """What was sealed for this context. Raises `InvalidError` when it was changed or moved, `UnavailableError` without its key."""
        if len(sealed) < _ID_BYTES + _NONCE_BYTES + _TAG_BYTES:
            raise InvalidError("this is no sealed secret")
        key = self._keys.get(sealed[:_ID_BYTES])
        if key is None:
            raise UnavailableError("the secret was sealed with a key that EMPLA_SECRET_KEYS no longer holds")
        nonce, text = sealed[_ID_BYTES : _ID_BYTES + _NONCE_BYTES], sealed[_ID_BYTES + _NONCE_BYTES :]
        try:
            return SecretStr(key.decrypt(nonce, text, context.encode()).decode())
        except InvalidTag:
            raise InvalidError("the sealed secret was changed, or was sealed for another place") from None

    def needs_resealing(self, sealed: bytes) -> bool:
        """It was sealed with another key than the first."""
        return sealed[:_ID_BYTES] != self._sealing


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(key).hexdigest()[:_ID_BYTES].encode("ascii")


def _decoded(text: str) -> bytes:
    """The 32 bytes of a key, its padding written or not."""
    plain = text.rstrip("=")
    if {"+", "/"} & set(plain):  # b64decode would take them for - and _
        raise ValueError("another alphabet")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
