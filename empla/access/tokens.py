"""Access tokens: JWTs that live for minutes, and those of a browser's cookie, for hours. A token says who asks; the database says at each
transaction whether that still holds.

Signed with HMAC-SHA-256 by keys that are derived from EMPLA_SECRET_KEYS: the first signs, all verify, `kid` names which.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID, uuid4

import jwt
from pydantic import BaseModel, ConfigDict, ValidationError

from empla import keys
from empla.access.credentials import REFUSED
from empla.errors import UnauthorizedError
from empla.settings import Settings

ISSUER = "empla"
AUDIENCE = "empla-api"
_ALGORITHM = "HS256"  # the only one: what a token says of itself does not count
Kind = Literal["access", "page"]
# The one is sent by programs in a header, the other by browsers in a cookie; neither is taken for the other.
_TYPES: dict[Kind, str] = {"access": "at+jwt", "page": "empla-page+jwt"}
_LEEWAY = 5.0  # seconds that the clocks of two machines may differ
_MOST = 2048  # characters; ours have about 500
_CLAIMS = ["iss", "aud", "sub", "tid", "sid", "iat", "exp", "jti"]


class Claims(BaseModel):
    """What a token says, once its signature is found good."""

    model_config = ConfigDict(frozen=True, strict=False)

    sub: UUID  # the user
    tid: UUID  # the tenant
    sid: UUID  # the sign-in
    jti: UUID
    iat: datetime
    exp: datetime


class Issued(BaseModel):
    """A token and its end."""

    model_config = ConfigDict(frozen=True)

    text: str
    expires_at: datetime


def issue(
    settings: Settings,
    *,
    tenant: UUID,
    user: UUID,
    sign_in: UUID,
    until: datetime,
    kind: Kind = "access",
    now: datetime | None = None,
) -> Issued:
    """A token for EMPLA_ACCESS_TOKEN_LIFE seconds (of a page, EMPLA_PAGE_HOURS), or until the sign-in ends.

    Raises `UnavailableError` without a key.
    """
    signing = _keys(settings)  # pyright: ignore[reportArgumentType] — frozen models have a hash
    kid = next(iter(signing))
    issued = (now or datetime.now(UTC)).replace(microsecond=0)
    expires = min(issued + _life(settings, kind), until.replace(microsecond=0))
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user),
        "tid": str(tenant),
        "sid": str(sign_in),
        "iat": int(issued.timestamp()),
        "exp": int(expires.timestamp()),
        "jti": str(uuid4()),
    }
    text = jwt.encode(claims, signing[kid], algorithm=_ALGORITHM, headers={"kid": kid, "typ": _TYPES[kind]})
    return Issued(text=text, expires_at=expires)


def verify(settings: Settings, text: str, *, kind: Kind = "access") -> Claims:
    """What the token says. Raises `UnauthorizedError` for one that is not ours, not for us, of another kind, or over."""
    try:
        if len(text) > _MOST:
            raise jwt.InvalidTokenError("too long")
        header = jwt.get_unverified_header(text)
        keyring = _keys(settings)  # pyright: ignore[reportArgumentType] — as above
        key = keyring.get(str(header.get("kid")))
        if key is None or header.get("typ") != _TYPES[kind]:
            raise jwt.InvalidTokenError("of another kind, or by another key")
        said = jwt.decode(
            text,
            key,
            algorithms=[_ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=_LEEWAY,
            options={"require": _CLAIMS, "strict_aud": True},
        )
        return Claims.model_validate(said)
    except (jwt.InvalidTokenError, ValidationError, UnicodeError):
        raise UnauthorizedError(REFUSED) from None


def _life(settings: Settings, kind: Kind) -> timedelta:
    return timedelta(hours=settings.page_hours) if kind == "page" else timedelta(seconds=settings.access_token_life)


@lru_cache(maxsize=16)
def _keys(settings: Settings) -> dict[str, bytes]:
    """By their ids, the signing one first."""
    return keys.keyring(settings).derived("access tokens")
