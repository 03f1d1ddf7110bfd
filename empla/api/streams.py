"""A stream of events (server-sent events): plain ASGI, one task for each, and nothing is held for a client that does not read."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass

from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from empla.api.problems import BusyError, TooManyError
from empla.errors import EmplaError

EVENT_STREAM = "text/event-stream"
_RETRY = 2000  # milliseconds until a client comes again


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream that nothing speaks against any more: from where it goes on, and its pieces, each whole."""

    after: str
    pieces: AsyncGenerator[bytes]


class Streams:
    """How many are open, in all and of each caller."""

    def __init__(self, *, each: int, most: int, listeners: Callable[[float], None]) -> None:
        """`listeners` is told how many there are."""
        self._each = each
        self._most = most
        self._listeners = listeners
        self._open: Counter[str] = Counter()
        self._followed: set[asyncio.Future[None]] = set()

    def take(self, caller: str) -> Callable[[], None]:
        """A place; call what is returned to give it back. Raises `BusyError`, `TooManyError`."""
        if self._open.total() >= self._most:
            raise BusyError("as many streams as can be are open: try again in a moment")
        if self._open[caller] >= self._each:
            raise TooManyError(f"you may have {self._each} streams open at once: close one")
        self._open[caller] += 1
        self._listeners(self._open.total())
        taken = [caller]

        def give_back() -> None:
            if taken:
                self._open[taken.pop()] -= 1
                self._open += Counter()  # forgets whoever has none
                self._listeners(self._open.total())

        return give_back

    @contextlib.contextmanager
    def followed(self, left: "asyncio.Future[None]") -> Generator[None]:
        """While the block lasts, `end` ends the stream of a client whose leaving this is."""
        self._followed.add(left)
        try:
            yield
        finally:
            self._followed.discard(left)
            left.cancel()

    def end(self) -> None:
        """Those that are open have ended, for the server stops: their clients come again when there is one."""
        for left in self._followed:
            left.cancel()


class EventStream(Response):
    """Until the client goes, the stream's life is over, or what is followed ends it."""

    media_type = EVENT_STREAM

    def __init__(
        self, opened: Opened, *, among: Streams, heartbeat: float, life: float, done: Callable[[], None]
    ) -> None:
        """`done` is called when it has ended, however it did."""
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._opened = opened
        self._among = among
        self._heartbeat = heartbeat
        self._life = life
        self._done = done
        self.background: BackgroundTask | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The first piece says from where to go on, so that one who leaves before the first event misses none."""
        del scope
        gone = asyncio.ensure_future(_left(receive))
        try:
            with self._among.followed(gone):
                async with contextlib.aclosing(self._opened.pieces) as pieces:
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                    await _say(send, f"retry: {_RETRY}\nid: {self._opened.after}\n\n".encode())
                    await self._follow(pieces, gone, send)
                if not gone.done() or gone.cancelled():
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._done()

    async def _follow(self, pieces: AsyncGenerator[bytes], gone: "asyncio.Future[None]", send: Send) -> None:
        end = time.monotonic() + self._life
        coming: asyncio.Future[bytes] = asyncio.ensure_future(anext(pieces))
        try:
            while (left := end - time.monotonic()) > 0:
                await asyncio.wait(
                    {coming, gone}, timeout=min(left, self._heartbeat), return_when=asyncio.FIRST_COMPLETED
                )
                if gone.done():
                    return
                if not coming.done():
                    await _say(send, b":\n\n")
                    continue
                try:
                    piece = coming.result()
                except (EmplaError, StopAsyncIteration):
                    return  # a right was taken away: who comes again is told why
                await _say(send, piece)
                coming = asyncio.ensure_future(anext(pieces))
        finally:
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, EmplaError, StopAsyncIteration):
                await coming


async def _say(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
