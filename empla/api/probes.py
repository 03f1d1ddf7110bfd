"""For whoever keeps the process running: is it there, can it work, and how does it do. They tell nothing of any tenant."""

import asyncio
import hmac
import ipaddress
import json
import time
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from empla.api import metrics
from empla.api.doors import bearer
from empla.api.metrics import Metrics
from empla.employees import schedule
from empla.errors import EmplaError, ForbiddenError, UnauthorizedError
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.revision import HEAD

READY_TIMEOUT = 3.0  # seconds
READY_FOR = 1.0  # seconds that an answer is given again, so that nobody asks the database by asking us
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


@dataclass(slots=True)
class _Found:
    at: float
    ready: bool
    told: dict[str, object]


def mount(app: FastAPI, database: Database, settings: Settings, figures: Metrics) -> None:
    """`/healthz`, `/readyz` and `/metrics`."""
    last: _Found | None = None
    looking = asyncio.Lock()

    async def healthz(_: Request) -> Response:
        return _json({"status": "ok"}, 200)

    async def readyz(_: Request) -> Response:
        nonlocal last
        async with looking:
            if last is None or time.monotonic() - last.at > READY_FOR:
                last = await _look(database)
        return _json(last.told, 200 if last.ready else 503)

    async def figures_of(request: Request) -> Response:
        _check_watcher(request, settings)
        return Response(await figures.read(), media_type=metrics.MEDIA_TYPE)

    app.add_route("/healthz", healthz, include_in_schema=False)
    app.add_route("/readyz", readyz, include_in_schema=False)
    app.add_route("/metrics", figures_of, include_in_schema=False)


async def _look(database: Database) -> _Found:
    try:
        async with asyncio.timeout(READY_TIMEOUT):
            pace = await schedule.pace(database)
    except (EmplaError, TimeoutError):
        return _Found(time.monotonic(), ready=False, told={"status": "not ready", "database": "no answer"})
    right = database.revision == HEAD
    told: dict[str, object] = {
        "status": "ready" if right else "not ready",
        "database": "ok",
        "revision": database.revision,
        "worker": {"due": pace.due, "running": pace.running, "lag_seconds": round(pace.lag, 3)},
    }
    return _Found(time.monotonic(), ready=right, told=told)


def _check_watcher(request: Request, settings: Settings) -> None:
    """Whoever has the token; without one, this machine alone, and nobody who came through a proxy on it."""
    if settings.metrics_token is not None:
        if not hmac.compare_digest(bearer(request).encode(), settings.metrics_token.get_secret_value().encode()):
            raise UnauthorizedError("this is not the token of /metrics")
        return
    address = "" if request.client is None else request.client.host
    if any(name in request.headers for name in _FORWARDED) or not _is_loopback(address):
        raise ForbiddenError("/metrics is for this machine alone, unless EMPLA_METRICS_TOKEN is set")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _json(told: dict[str, object], status: int) -> Response:
    return Response(json.dumps(told), status, {"Cache-Control": "no-store"}, "application/json")
