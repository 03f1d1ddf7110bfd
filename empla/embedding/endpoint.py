"""One address on a server that takes JSON and answers JSON: in time, within bounds, and asked again when it was busy.

The key goes into one header and nowhere else. What the server says is never repeated: it may hold the key, or what was sent.
"""

import asyncio
import ipaddress
import random
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

import httpcore
from pydantic import SecretStr

from empla.errors import UnavailableError, UsageError

LONGEST_WAIT = 60.0  # seconds between two attempts; who wants to be left alone for longer is not asked again now
_FIRST_WAIT = 0.5
_OK = 200
_SERVERS_FAULT = 500
_PUT_OFF = frozenset({408, 425, 429})
_CONNECTIONS = 8
_KEPT_ALIVE = 30  # seconds
_URL = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,2000}")  # printable ASCII without the backslash, which some read as a slash
_KEY = re.compile(r"[\x21-\x7e]{1,4096}")
_PORTS = {"https": 443, "http": 80}

Pause = Callable[[float], Awaitable[None]]


class RefusedError(Exception):
    """The server understood and does not want to; asking again is no use."""

    def __init__(self, status: int) -> None:
        super().__init__(f"answered {status}")
        self.status = status


class _OpenLineError(Exception):
    """Without TLS the way leads out of the own network."""


class _TooLongError(Exception):
    """The answer is longer than any that is right."""


@dataclass(frozen=True)
class _Answer:
    """What came of one attempt; `status` is 0 when nothing did."""

    failure: str = ""
    status: int = 0
    retry_after: str = ""
    body: bytes = b""


class Endpoint:
    """It keeps its connections, so it belongs to one event loop."""

    def __init__(
        self,
        url: str,
        *,
        path: str,
        key: SecretStr | None,
        timeout: float,
        attempts: int,
        trust: ssl.SSLContext | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        """`timeout` is the seconds that one attempt takes at most; `trust` by default is what the machine trusts. Raises `UsageError`."""
        parts = _split(url)
        host, port = parts.hostname or "", parts.port
        if port == _PORTS[parts.scheme]:
            port = None
        shown = f"[{host}]" if ":" in host else host
        self.host = shown if port is None else f"{shown}:{port}"
        self._url = httpcore.URL(
            scheme=parts.scheme, host=host, port=port or _PORTS[parts.scheme], target=parts.path.rstrip("/") + path
        )
        self._key = _checked_key(key)
        self._timeout = timeout
        self._attempts = attempts
        self._trust = trust
        self._pause = pause
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def post(self, body: bytes, *, most: int) -> bytes:
        """The answer, of at most `most` bytes.

        Raises `RefusedError`, and `UnavailableError` when there is no answer after all attempts or none that can be used.
        """
        for attempt in range(1, self._attempts + 1):
            answer = await self._exchange(body, most)
            if answer.status == _OK:
                return answer.body
            if answer.status and answer.status < _SERVERS_FAULT and answer.status not in _PUT_OFF:
                raise RefusedError(answer.status)
            wait = _wait(answer, attempt)
            if attempt == self._attempts:
                raise UnavailableError(f"{self.host} {answer.failure}, {_times(attempt)}")
            if wait > LONGEST_WAIT:
                raise UnavailableError(
                    f"{self.host} {answer.failure}, and wants to be left alone for {wait:.0f} seconds"
                )
            await self._pause(wait)
        raise AssertionError("at least one attempt is made")

    async def close(self) -> None:
        """Hang up."""
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    @property
    def has_key(self) -> bool:
        return self._key is not None

    async def _exchange(self, body: bytes, most: int) -> _Answer:
        """One attempt. Raises `UnavailableError` for what another can't mend."""
        pool = self._opened()  # to read what the machine trusts takes a while, which is not the server's
        try:
            async with asyncio.timeout(self._timeout):
                return await self._asked(pool, body, most)
        except _TooLongError:
            raise UnavailableError(f"{self.host} answers with more than {most:,} bytes") from None
        except _OpenLineError:
            raise UnavailableError(
                f"{self.host} is outside of this network, and nothing is sent there without TLS: its address begins https://"
            ) from None
        except (TimeoutError, httpcore.TimeoutException):
            return _Answer(f"did not answer within {self._timeout:g} seconds")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            return _Answer(_broken(error))

    async def _asked(self, pool: httpcore.AsyncConnectionPool, body: bytes, most: int) -> _Answer:
        async with pool.stream("POST", self._url, headers=self._headers(), content=body) as response:
            headers = {name.lower(): value for name, value in response.headers}
            if response.status != _OK:
                told = headers.get(b"retry-after", b"").decode("latin-1")
                return _Answer(f"answered {response.status}", response.status, retry_after=told)
            read = bytearray()
            async for part in response.aiter_stream():
                read += part
                if len(read) > most:
                    raise _TooLongError
            return _Answer("", response.status, body=bytes(read))

    def _opened(self) -> httpcore.AsyncConnectionPool:
        if self._pool is None:
            is_open = self._url.scheme == b"http"
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=self._trust or ssl.create_default_context(),
                max_connections=_CONNECTIONS,
                keepalive_expiry=_KEPT_ALIVE,
                network_backend=OwnNetwork() if is_open else None,
            )
        return self._pool

    def _headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(b"User-Agent", b"empla"), (b"Accept", b"application/json"), (b"Content-Type", b"application/json")]
        if self._key is not None:
            headers.append((b"Authorization", b"Bearer " + self._key.get_secret_value().strip().encode()))
        return headers


class OwnNetwork(httpcore.AsyncNetworkBackend):
    """Connects where nobody else listens in: this machine and the network it stands in, not the open one."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._backend = backend or cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the name is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Hangs up before a byte was sent when it came out at an address of the open network."""
        stream = await self._backend.connect_tcp(
            host, port, timeout, local_address=local_address, socket_options=socket_options
        )
        peer = stream.get_extra_info("server_addr")
        if ipaddress.ip_address(str(peer[0]).partition("%")[0]).is_global:
            await stream.aclose()
            raise _OpenLineError
        return stream


def _split(url: str) -> SplitResult:
    """Raises `UsageError`; it does not repeat the address, which may hold a password where none belongs."""
    sound = _URL.fullmatch(url) is not None
    try:
        parts = urlsplit(url)
        sound = sound and parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound, parts = False, urlsplit("")
    if not sound:
        raise UsageError("EMPLA_EMBEDDER_URL is an address such as https://api.openai.com/v1, in ASCII")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            "EMPLA_EMBEDDER_URL has neither a user nor a ? nor a # in it; a key belongs into EMPLA_EMBEDDER_KEY"
        )
    return parts


def _checked_key(key: SecretStr | None) -> SecretStr | None:
    if key is None:
        return None
    if not _KEY.fullmatch(key.get_secret_value().strip()):
        # The protocol's own complaint about a bad header would repeat it.
        raise UsageError("EMPLA_EMBEDDER_KEY holds characters that no key has")
    return key


def _wait(answer: _Answer, attempt: int) -> float:
    """Seconds until the next attempt: what the server says, or twice as long each time, and never all at once."""
    told = _seconds(answer.retry_after, now=time.time())
    if told is not None:
        return told
    return min(_FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.5, 1)  # noqa: S311 - no secret


def _seconds(retry_after: str, *, now: float) -> float | None:
    """What a Retry-After says; None when it says nothing."""
    if re.fullmatch(r"[0-9]{1,12}", retry_after.strip()):
        return float(retry_after)
    with suppress(ValueError, OverflowError, IndexError, TypeError):  # as it pleases the parser
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now)
    return None


def _times(attempts: int) -> str:
    return "and was asked once" if attempts == 1 else f"and was asked {attempts} times"


def _broken(error: Exception) -> str:
    """Why there is no answer, as it follows on the host."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "has a certificate that is not trusted"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.ConnectError):
        return "can't be reached"
    return "hung up" if isinstance(error, httpcore.NetworkError | OSError) else "did not speak HTTP"
