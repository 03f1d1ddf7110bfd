"""The API on a port: uvicorn, with the time that a slow client has for its head, and for reading what waits for it."""

import asyncio
import contextlib
import errno
import json
import socket
import sys
from collections.abc import Generator
from typing import Any, cast

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from empla.api.problems import MEDIA_TYPE, Sort
from empla.api.streams import Streams
from empla.errors import UnavailableError
from empla.settings import Settings

_BACKLOG = 2048  # connections that wait until they are taken
_GRACE = 10  # seconds for the requests in hand when it stops
_HEAD_TOO_LARGE = Sort(431, "head-too-large", "The headers are too large")
_MALFORMED = Sort(400, "malformed", "The request can't be read")


class PatientProtocol(H11Protocol):
    """Uvicorn waits for ever for a head that comes a byte a minute, and for a client that reads nothing; this one does not."""

    head_timeout: float
    send_timeout: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head must be here in time."""
        super().connection_made(transport)
        # Head and body are written apart. asyncio sets this only on sockets whose protocol was named when they were made; without it, the
        # body waits for the client to acknowledge the head: 40 ms.
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting_for_head: asyncio.TimerHandle | None = None
        self._waiting_for_reader: asyncio.TimerHandle | None = None
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop("_waiting_for_head")
        self._stop("_waiting_for_reader")
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """A head that has begun must be here in time, too."""
        super().handle_events()
        cycle = cast("RequestResponseCycle | None", self.cycle)  # none before the first request, whatever uvicorn says
        if cycle is not None and not cycle.response_complete:
            self._stop("_waiting_for_head")
        elif self._waiting_for_head is None and self.timeout_keep_alive_task is None:
            self._wait_for_head()

    def pause_writing(self) -> None:
        """The client reads nothing, and more than is good waits for it."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """It reads."""
        self._stop("_waiting_for_reader")
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Closing waits for what is not read yet: not for ever."""
        super().timeout_keep_alive_handler()
        self._wait_for_reader()

    def send_400_response(self, msg: str) -> None:
        """What can't be parsed is a problem like any other."""
        del msg  # says less than ours
        error = sys.exc_info()[1]
        too_large = isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == _HEAD_TOO_LARGE.status
        sort = _HEAD_TOO_LARGE if too_large else _MALFORMED
        detail = "the head of the request is too large" if too_large else "this is no HTTP request that can be read"
        document = {
            "type": f"urn:empla:problem:{sort.name}",
            "title": sort.title,
            "status": sort.status,
            "detail": detail,
            "instance": "-",
        }
        body = json.dumps(document).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.write(
                (self.conn.send(h11.Response(status_code=sort.status, headers=headers)) or b"")
                + (self.conn.send(h11.Data(data=body)) or b"")
                + (self.conn.send(h11.EndOfMessage()) or b"")
            )
        self.transport.close()
        self._wait_for_reader()

    def _wait_for_head(self) -> None:
        self._stop("_waiting_for_head")
        self._waiting_for_head = self.loop.call_later(self.head_timeout, self._end)

    def _wait_for_reader(self) -> None:
        self._stop("_waiting_for_reader")
        self._waiting_for_reader = self.loop.call_later(self.send_timeout, self._end)

    def _stop(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name, None)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)

    def _end(self) -> None:
        self.transport.abort()


def configured(app: FastAPI, settings: Settings, **other: Any) -> uvicorn.Config:
    """How uvicorn serves it."""
    protocol = type(
        "Protocol",
        (PatientProtocol,),
        {"head_timeout": settings.api_head_timeout, "send_timeout": settings.api_send_timeout},
    )
    chosen: dict[str, Any] = {
        "host": settings.api_host,
        "port": settings.api_port,
        "http": protocol,
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,  # ours says less, and more of it
        "server_header": False,
        "proxy_headers": bool(settings.api_proxies.strip()),
        "forwarded_allow_ips": settings.api_proxies.strip() or None,
        "limit_concurrency": settings.api_max_connections,
        "timeout_keep_alive": settings.api_keep_alive,
        "timeout_graceful_shutdown": _GRACE,
        "h11_max_incomplete_event_size": settings.api_max_header_bytes,
    }
    return uvicorn.Config(app, **{**chosen, **other})


class Server(uvicorn.Server):
    """Uvicorn that is told when to stop, and not by signals: `stop`, and who can't wait says `hurry`."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        """Use `serve` with a socket that listens already."""
        super().__init__(configured(app, settings))
        self._streams: Streams = app.state.house.streams

    def stop(self) -> None:
        """Nothing new is taken, streams end, and what is in hand is answered."""
        self.should_exit = True

    def hurry(self) -> None:
        """Nor is that waited for."""
        self.should_exit = self.force_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, which would wait for streams that have no end."""
        self._streams.end()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are for whoever runs it."""
        yield


def listening(settings: Settings) -> socket.socket:
    """A socket at EMPLA_API_HOST and EMPLA_API_PORT. Raises `UnavailableError` for one that can't be had."""
    host, port = settings.api_host, settings.api_port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UnavailableError(f"port {port} of {host} is taken: choose another with --port") from error
        reason = str(error.strerror).partition(" (")[0]  # the same address follows once more
        raise UnavailableError(f"nothing can listen at {host}, port {port}: {reason}") from error


def url(listens: socket.socket) -> str:
    """Where it is reached from this machine, when it listens everywhere, else where it listens."""
    bound: tuple[str, int] = listens.getsockname()[:2]
    host, port = bound
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host) or host  # noqa: S104 — it is only compared
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
