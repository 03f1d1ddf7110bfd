"""HTTP servers on loopback that say exactly what a test wants, in their own time."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Request:
    """What a receiver got."""

    line: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """Answers each request with `says`, or does what `does`; may do so `early`, when it has the head alone."""

    says: bytes = OK
    does: Behaviour | None = None
    early: bool = False
    connections: int = 0
    requests: list[Request] = field(default_factory=list[Request])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.strip().split("\r\n")
        headers = dict(each.split(": ", 1) for each in rest)
        if not self.early:
            body = await reader.readexactly(int(headers.get("Content-Length", "0")))
            self.requests.append(Request(line, headers, body))
        if self.does is None:
            writer.write(self.says)
            await writer.drain()
        else:
            await self.does(writer)


@asynccontextmanager
async def serving(receiver: Receiver, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """Its port."""
    talks: set[asyncio.Task[None]] = set()

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with contextlib.suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            await receiver.serve(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


async def stall(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def drop(_writer: asyncio.StreamWriter) -> None:
    return


async def drip(writer: asyncio.StreamWriter) -> None:
    """One header that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(writer: asyncio.StreamWriter) -> None:
    """A body without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()


async def flood_of_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 8000 + b"\r\n")
        await writer.drain()
