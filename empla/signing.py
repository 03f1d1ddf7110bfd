"""Signatures of webhooks in the form of Standard Webhooks: HMAC-SHA256 over id, timestamp and body. Pure."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from pydantic import SecretStr

from empla.errors import InvalidError

_PREFIX = "whsec_"
_LEAST, _MOST = 24, 64  # bytes of a key, as the standard says


def new_secret() -> SecretStr:
    """A fresh secret, to be given to whoever is to sign."""
    return SecretStr(_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii"))


def key_of(secret: SecretStr) -> bytes:
    """The key in `whsec_…`. Raises `InvalidError`, which never tells it."""
    written = secret.get_secret_value()
    try:
        if not written.startswith(_PREFIX):
            raise ValueError
        key = base64.b64decode(written.removeprefix(_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        raise InvalidError(f"the secret of a webhook is {_PREFIX} and {_LEAST} to {_MOST} bytes in base64") from None
    if not _LEAST <= len(key) <= _MOST:
        raise InvalidError(f"the secret of a webhook is {_PREFIX} and {_LEAST} to {_MOST} bytes in base64")
    return key


def signature(secret: SecretStr, *, webhook_id: str, timestamp: str, body: bytes) -> str:
    """`v1,…` for a delivery."""
    text = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), text, hashlib.sha256).digest()).decode("ascii")


def is_signed(given: Sequence[str], right: str) -> bool:
    """Whether one of the given signatures is the right one; as long as any, whichever is."""
    # All are compared, so that the time says nothing of which.
    return sum(hmac.compare_digest(each.encode("utf-8", "replace"), right.encode("ascii")) for each in given) > 0
