"""An effect as a signed JSON request to a company's own service.

A receiver can act on a request once it has all of it. So all but the last byte is sent first: whatever goes wrong until then,
it did not happen. From that byte on, only the answer says what became of it.
"""

import asyncio
import ipaddress
import json
import re
import ssl
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, quote, urlsplit

import httpcore
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, ValidationInfo, field_validator

from empla.effects.senders.addresses import AddressRefusedError, Pinned, Resolver, resolve
from empla.effects.senders.sender import Outcome, Outgoing, plain_key, said
from empla.effects.senders.signature import signed
from empla.errors import InvalidError

MOST_BYTES = 1_048_576
_SHORTEST_SECRET = 16
_LONGEST_WAIT = 86_400  # seconds that a receiver may put us off for
_PUT_OFF = frozenset({408, 425, 429, 503})
_URL = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,2000}")  # printable ASCII without the backslash, which some read as a slash
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
_NUMBER = re.compile(r"([0-9]+|0[xX][0-9A-Fa-f]*)")
_PORTS = {"https": 443, "http": 80}


class WebhookEndpoint(BaseModel):
    """Where a company's service listens; the secret is not part of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_private: bool = False  # the operator's, never the tenant's: this machine and its network may be reached
    url: str  # https; http only to a private address
    status_url: str | None = None  # GET status_url?key=… answers 200 when it has happened and 404 when not
    idempotent: bool = False  # the receiver acts once on the same key
    max_response_bytes: int = Field(default=65_536, ge=0, le=1_048_576)

    @field_validator("url", "status_url")
    @classmethod
    def _sound(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and _split(value).scheme == "http" and not info.data.get("allow_private"):
            raise ValueError("a webhook's URL begins with https://")
        return value


class WebhookSender:
    """One request for each effect."""

    def __init__(
        self,
        endpoint: WebhookEndpoint,
        secret: SecretStr,
        timeout: float,
        *,
        max_bytes: int = MOST_BYTES,
        trust: ssl.SSLContext | None = None,
        resolver: Resolver = resolve,
    ) -> None:
        """`timeout` is the seconds that one request takes at most; `trust` by default is what the machine trusts. Raises `InvalidError`."""
        if len(secret.get_secret_value()) < _SHORTEST_SECRET:
            raise InvalidError(f"a webhook's secret has at least {_SHORTEST_SECRET} characters")
        self._endpoint = endpoint
        self._secret = secret
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._trust = trust or ssl.create_default_context()
        self._resolver = resolver

    @property
    def can_be_asked(self) -> bool:
        return self._endpoint.status_url is not None

    @property
    def deduplicates(self) -> bool:
        return self._endpoint.idempotent

    async def send(self, outgoing: Outgoing) -> Outcome:
        try:
            body = _body(outgoing)
        except ValueError:
            return Outcome(verdict="failed", reason="the arguments are no JSON")
        if len(body) > self._max_bytes:
            reason = f"the request has {len(body)} bytes, and at most {self._max_bytes} may be sent"
            return Outcome(verdict="failed", reason=reason)
        request = _Request("POST", self._endpoint.url, self._headers(outgoing, body), body)
        failure = await self._exchange(request)
        return self._judged(request, failure)

    async def happened(self, outgoing: Outgoing) -> bool | None:
        url = self._endpoint.status_url
        if url is None:
            return None
        key = plain_key(outgoing.key)
        url += ("&" if urlsplit(url).query else "?") + f"key={quote(key, safe='')}"
        # There is no body: the key is signed in its place.
        request = _Request("GET", url, self._headers(outgoing, key.encode()), b"")
        await self._exchange(request)
        return {200: True, 404: False}.get(request.status)

    def _headers(self, outgoing: Outgoing, text: bytes) -> dict[str, str]:
        return {
            "User-Agent": "empla",
            "Accept": "application/json",
            "Idempotency-Key": plain_key(outgoing.key),
            **signed(self._secret, text, now=int(time.time())),
        }

    async def _exchange(self, request: "_Request") -> str:
        """What went wrong, or nothing; the request knows how far it came."""
        endpoint, url = self._endpoint, request.url
        network = Pinned(self._resolver, allow_private=endpoint.allow_private, encrypted=url.scheme == b"https")
        connection = httpcore.AsyncHTTPConnection(url.origin, ssl_context=self._trust, network_backend=network)
        try:
            async with asyncio.timeout(self._timeout):
                await request.run(connection, endpoint.max_response_bytes)
        except AddressRefusedError as refused:
            request.refused = True
            return str(refused)
        except (TimeoutError, httpcore.TimeoutException):
            return "did not answer in time"
        except (httpcore.NetworkError, httpcore.RemoteProtocolError, OSError) as error:
            return _broken(error)
        finally:
            await connection.aclose()
            await network.aclose()
        return ""

    def _judged(self, request: "_Request", failure: str) -> Outcome:
        if request.refused:
            return Outcome(verdict="failed", reason=failure)
        if request.status == 0:
            if not request.committed:
                return Outcome(verdict="later", reason=f"the receiver {failure}")
            verdict = "later" if self._endpoint.idempotent else "uncertain"
            return Outcome(verdict=verdict, reason=f"the receiver {failure} after it had the whole request")
        return self._answered(request)

    def _answered(self, request: "_Request") -> Outcome:
        status = request.status
        receipt: dict[str, JsonValue] = {"status": status, "answer": said(request.answer)}
        reason = f"the receiver answered {status}"
        if status // 100 == 2:  # noqa: PLR2004
            return Outcome(verdict="done", receipt=receipt)
        if status in _PUT_OFF:
            seconds = _seconds(request.retry_after, now=time.time())
            return Outcome(
                verdict="later",
                reason=reason,
                receipt=receipt if seconds is None else {**receipt, "retry_after_seconds": seconds},
            )
        if status // 100 == 3:  # noqa: PLR2004
            return Outcome(verdict="failed", reason=f"{reason}, and redirects are not followed", receipt=receipt)
        if status // 100 == 4:  # noqa: PLR2004
            return Outcome(verdict="failed", reason=reason, receipt=receipt)
        return Outcome(verdict="later" if self._endpoint.idempotent else "uncertain", reason=reason, receipt=receipt)


class _Request:
    """One request, and how far it came."""

    def __init__(self, method: str, url: str, headers: dict[str, str], body: bytes) -> None:
        parts = _split(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = (parts.hostname or "").strip("[]")
        port = parts.port or _PORTS[parts.scheme]
        self.url = httpcore.URL(scheme=parts.scheme, host=host, port=port, target=target)
        self._method = method
        self._headers = {"Host": parts.netloc, **headers, "Content-Length": str(len(body))}
        if body:
            self._headers["Content-Type"] = "application/json"
        self._body = body
        self.refused = False  # before anything was sent, by our own rule
        self.committed = False  # the receiver may have all of it
        self.status = 0  # of the answer; 0 while there is none
        self.retry_after = ""
        self.answer = b""

    async def run(self, connection: httpcore.AsyncHTTPConnection, most: int) -> None:
        """The status, and as much of the answer as comes. Raises what httpcore does."""
        content = self._in_two() if self._body else None
        sent = list(self._headers.items())
        async with connection.stream(self._method, self.url, headers=sent, content=content) as response:
            self.status = response.status
            headers = {name.lower(): value for name, value in response.headers}
            self.retry_after = headers.get(b"retry-after", b"").decode("latin-1")
            async for part in response.aiter_stream():
                self.answer += part[: most - len(self.answer)]
                if len(self.answer) >= most:
                    return

    async def _in_two(self) -> AsyncGenerator[bytes]:
        yield self._body[:-1]
        self.committed = True
        yield self._body[-1:]


def _body(outgoing: Outgoing) -> bytes:
    """Raises `ValueError` for arguments that are no JSON."""
    told = {
        "id": str(outgoing.effect),
        "key": plain_key(outgoing.key),
        "type": "effect",
        "employee": {"name": outgoing.sender_name, "address": outgoing.sender_address},
        "title": outgoing.title,
        "text": outgoing.body,
        "arguments": dict(outgoing.arguments),
        "occurred_at": outgoing.at.isoformat(),
    }
    return json.dumps(told, allow_nan=False).encode("ascii")


def _split(url: str) -> SplitResult:
    """The parts of a URL. Raises `ValueError` for one that two readers could understand differently."""
    if not _URL.fullmatch(url):
        raise ValueError(
            "a webhook's URL is at most 2000 printable ASCII characters; an international name begins xn--"
        )
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError("a webhook's URL begins with https://")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("a webhook's URL has neither a user nor a fragment in it")
    host = parts.hostname or ""
    if "[" in parts.netloc:
        ipaddress.IPv6Address(host)
        sound = "%" not in host
    elif _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        ipaddress.IPv4Address(host)  # no 0x7f.1 and no 2130706433
        sound = True
    else:
        sound = _HOST.fullmatch(host) is not None
    if not sound or parts.port == 0:
        raise ValueError("a webhook's URL names a host")
    return parts


def _broken(error: Exception) -> str:
    """Why there is no answer, as it follows on "the receiver"."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"has a certificate that is not trusted: {said(cause.verify_message)}"
        cause = cause.__cause__
    if isinstance(error, httpcore.ConnectError):
        return f"can't be reached: {said(str(error))}"
    return "hung up" if isinstance(error, httpcore.NetworkError) else "did not speak HTTP"


def _seconds(retry_after: str, *, now: float) -> int | None:
    """Seconds that a receiver wants to be left alone, at most a day; None when it does not say."""
    seconds: float | None = None
    if re.fullmatch(r"[0-9]{1,12}", retry_after.strip()):
        seconds = int(retry_after)
    else:
        with suppress(ValueError, OverflowError, IndexError, TypeError):  # as it pleases the parser
            seconds = parsedate_to_datetime(retry_after).timestamp() - now
    return None if seconds is None else round(min(max(seconds, 0), _LONGEST_WAIT))
