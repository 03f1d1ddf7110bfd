"""How a browser is signed in: a token in a cookie that scripts cannot read and other sites cannot send along.

The token is a page token of the sign-in (access/tokens.py): the database judges the sign-in in every transaction, so it ends with it.
"""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from empla.access.tokens import Issued
from empla.errors import ForbiddenError

_OPEN, _HOST_ONLY = (
    "empla_page",
    "__Host-empla_page",
)  # a browser takes the second name only over TLS, for this host and all paths
_SAFE = frozenset({"GET", "HEAD"})


def token_of(request: Request) -> str | None:
    """What this browser brought; None when it is not signed in."""
    return request.cookies.get(_name(request))


def keep(request: Request, response: Response, token: Issued) -> None:
    """The browser brings it from now on, until it is over."""
    seconds = max(0, int((token.expires_at - datetime.now(UTC)).total_seconds()))
    response.set_cookie(
        _name(request), token.text, max_age=seconds, path="/", httponly=True, samesite="lax", secure=_is_tls(request)
    )


def forget(request: Request, response: Response) -> None:
    """The browser has none any more."""
    response.delete_cookie(_name(request), path="/", httponly=True, samesite="lax", secure=_is_tls(request))


def check_origin(request: Request) -> None:
    """What changes something comes from a page of ours. Raises `ForbiddenError` for what another site made the browser send.

    Browsers say where a request comes from in headers that no script can set; one that says neither is none, and brings no cookie of ours.
    """
    if request.method in _SAFE:
        return
    said = request.headers.get("sec-fetch-site")
    if said is not None:
        if said in {"same-origin", "none"}:
            return
    else:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc == request.headers.get("host"):
            return
    raise ForbiddenError("this form was sent from another site")


def onward(wanted: str | None) -> str:
    """Where one wanted to go before signing in, if that is a page of ours; else the first page."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\", "/sign-in")):
        return "/"
    return wanted if wanted.isprintable() and "\\" not in wanted else "/"


def _is_tls(request: Request) -> bool:
    return request.url.scheme == "https"


def _name(request: Request) -> str:
    return _HOST_ONLY if _is_tls(request) else _OPEN
