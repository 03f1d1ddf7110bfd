"""Around every request: its id, its line in the log, its time in the figures, and the headers that every answer has.

Plain ASGI: a middleware that wraps requests in objects of its own would cost more than all that is done here.
"""

import re
import time
from typing import Any
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from empla.api import problems
from empla.api.asking import Asking, begin
from empla.api.limits import Rates, house
from empla.api.metrics import Metrics
from empla.api.problems import HeadTooLargeError, TooManyError
from empla.errors import EmplaError
from empla.settings import Settings

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_DEFECT = 500
# An answer that says otherwise keeps its own.
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
_OVER_TLS = {"Strict-Transport-Security": "max-age=31536000"}

_log = structlog.get_logger("empla.api")


class Frame:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, *, settings: Settings, metrics: Metrics) -> None:
        """Rates by address are counted here, those by credential behind the door."""
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._rates = Rates(settings.api_address_rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Nothing that goes wrong inside leaves this as anything but a problem, and a line in the log."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        told = Asking(_request_id(headers.getlist("x-request-id")))
        answer = _Answer(send, told, is_head=scope["method"] == "HEAD", over_tls=scope["scheme"] == "https")
        inner = {**scope, "method": "GET"} if answer.is_head else dict(scope)
        begin(inner, told)
        started = time.perf_counter()
        try:
            self._check(scope, told)
            await self._app(inner, receive, answer)
        except EmplaError as error:
            await answer.problem(problems.problem(error, request_id=told.id), inner, receive)
        except Exception:  # noqa: BLE001 — a defect of ours: told to the log alone
            _log.exception("defect", request_id=told.id, operation=told.operation)
            await answer.problem(problems.defect(request_id=told.id), inner, receive)
        finally:
            self._note(scope, told, answer, time.perf_counter() - started)

    def _check(self, scope: Scope, told: Asking) -> None:
        if scope["path"] in PROBES:
            return
        size = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        size += len(scope["query_string"]) + len(scope["path"])
        if size > self._settings.api_max_header_bytes:
            raise HeadTooLargeError(f"the head of a request has at most {self._settings.api_max_header_bytes:,} bytes")
        allowance = self._rates.take(house(_address(scope)))
        if allowance.retry_after:
            told.allowance = allowance
            raise TooManyError(f"your address may ask {allowance.limit} times a minute: wait {allowance.retry_after} s")

    def _note(self, scope: Scope, told: Asking, answer: "_Answer", seconds: float) -> None:
        self._metrics.answered(told.operation, answer.status, seconds)
        if scope["path"] in PROBES:
            return
        principal = told.principal
        # No path and no query: they hold what was asked for. The operation and the ids of who asked say enough.
        line: dict[str, Any] = {
            "request_id": told.id,
            "operation": told.operation,
            "method": scope["method"] if scope["method"].isalpha() else "?",
            "status": answer.status,
            "ms": round(seconds * 1000, 1),
            "bytes": answer.size,
            "address": _address(scope),
            "tenant": None if principal is None else str(principal.caller.tenant),
            "user": None if principal is None else str(principal.user),
        }
        if answer.status >= _DEFECT:
            _log.warning("answered", **line)
        else:
            _log.info("answered", **line)


class _Answer:
    """Sends, with the headers that every answer has; counts what it sends."""

    def __init__(self, send: Send, told: Asking, *, is_head: bool, over_tls: bool) -> None:
        self._send = send
        self._told = told
        self._over_tls = over_tls
        self.is_head = is_head
        self.status = 0
        self.size = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": list(message.get("headers", []))}
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._told.id
            for name, value in {**SECURITY, **(_OVER_TLS if self._over_tls else {})}.items():
                headers.setdefault(name, value)
            if self._told.allowance is not None:
                headers.update(self._told.allowance.headers)
        elif message["type"] == "http.response.body":
            self.size += len(message.get("body", b""))
            if self.is_head:
                message = {**message, "body": b""}
        await self._send(message)

    async def problem(self, response: Any, scope: Scope, receive: Receive) -> None:
        """Unless something was sent already: then all that can be done is to end it."""
        if not self.status:
            await response(scope, receive, self)


def _request_id(sent: list[str]) -> str:
    """The caller's own, when it is one word of letters, digits, dots and hyphens; else a new one."""
    if len(sent) == 1 and _REQUEST_ID.fullmatch(sent[0]):
        return sent[0]
    return uuid4().hex


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "local"
