"""What proves to a receiver that a webhook is from empla, is recent and is unchanged."""

import hashlib
import hmac
import re
import time
from collections.abc import Mapping

from pydantic import SecretStr

from empla.errors import ForbiddenError

SIGNATURE, TIMESTAMP = "Empla-Signature", "Empla-Timestamp"
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def signed(secret: SecretStr, body: bytes, *, now: int) -> dict[str, str]:
    """The two headers for a body sent `now` (Unix seconds)."""
    return {TIMESTAMP: str(now), SIGNATURE: f"v1={_hmac(secret, str(now), body)}"}


def verify(
    secret: SecretStr, headers: Mapping[str, str], body: bytes, *, tolerance: float = 300, now: float | None = None
) -> None:
    """For receivers: the body is what empla signed, at most `tolerance` seconds ago. Raises `ForbiddenError`.

    Within that time the same request may come again: the key in the body tells it. `headers` are found in any case.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    timestamp = lower.get(TIMESTAMP.lower(), "")
    version, _, given = lower.get(SIGNATURE.lower(), "").partition("=")
    if version != "v1" or not _TIMESTAMP.fullmatch(timestamp):
        raise ForbiddenError("the request is not signed")
    if not hmac.compare_digest(given.encode(), _hmac(secret, timestamp, body).encode()):
        raise ForbiddenError("the signature is wrong")
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance:
        raise ForbiddenError("the request was signed too long ago, or its clock is ahead")


def _hmac(secret: SecretStr, timestamp: str, body: bytes) -> str:
    text = timestamp.encode("ascii") + b"." + body
    return hmac.new(secret.get_secret_value().encode(), text, hashlib.sha256).hexdigest()
