"""How much a caller may ask: requests a minute by a bucket of tokens, the size and the time of a body. In the process alone."""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from starlette.requests import ClientDisconnect, Request

from empla.api.problems import SlowBodyError, TooLargeError
from empla.errors import UsageError
from empla.settings import Settings

MOST_BUCKETS = 50_000  # the least lately used are forgotten: they are full again
_IPV6_HOUSE = 64  # bits; one customer has all that follow


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller has left."""

    limit: int  # requests a minute
    remaining: int
    reset: int  # seconds until all of it is there again
    retry_after: int  # seconds until there is one; 0 when there is

    @property
    def headers(self) -> dict[str, str]:
        """As the answer says it."""
        told = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }
        return {**told, "Retry-After": str(self.retry_after)} if self.retry_after else told


class Rates:
    """A bucket for each caller: it holds a minute's requests, and fills evenly."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is read from the clock before the first request."""
        self._limit = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, caller: str) -> Allowance:
        """One request of the caller; it has none left when the allowance says when to try again."""
        now, a_second = self._clock(), self._limit / 60
        bucket = self._buckets.pop(caller, None) or _Bucket(float(self._limit), now)
        left = min(self._limit, bucket.left + (now - bucket.at) * a_second)
        taken = left >= 1
        left -= taken
        self._buckets[caller] = _Bucket(left, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        reset = ceil((self._limit - left) / a_second)
        return Allowance(self._limit, int(left), reset, 0 if taken else max(1, ceil((1 - left) / a_second)))


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


def house(address: str) -> str:
    """The address, or of the sixth version its network: there one has more addresses than anybody can count."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, _IPV6_HOUSE), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)


async def body_of(request: Request, settings: Settings, *, max_bytes: int | None = None) -> bytes:
    """All of the body, at most EMPLA_API_MAX_BODY_BYTES unless told. Raises `TooLargeError` as soon as that is known, `SlowBodyError`."""
    most = settings.api_max_body_bytes if max_bytes is None else max_bytes
    too_large = TooLargeError(f"a body has at most {most:,} bytes")
    told = request.headers.get("content-length")
    if told is not None and told.isdecimal() and int(told[:20]) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(settings.api_body_timeout):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise too_large
    except TimeoutError:
        raise SlowBodyError(f"the body was not here within {settings.api_body_timeout:g} s") from None
    except ClientDisconnect:
        raise UsageError("the caller went away") from None
    return bytes(body)
