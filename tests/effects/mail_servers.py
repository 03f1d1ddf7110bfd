"""Mail servers on loopback: an honest one, and one that misbehaves in one phase."""

import asyncio
import contextlib
import socket
import ssl
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

Phase = Literal["greeting", "EHLO", "MAIL", "RCPT", "DATA", "payload", "dot"]
STALL, DROP, DRIP, LATE = b"stall", b"drop", b"drip", b"late"
HONEST: dict[str, bytes] = {
    "greeting": b"220 hello\r\n",
    "EHLO": b"250 me\r\n",
    "MAIL": b"250 ok\r\n",
    "RCPT": b"250 ok\r\n",
    "DATA": b"354 go on\r\n",
    "dot": b"250 queued as 77\r\n",
    "RSET": b"250 ok\r\n",
    "QUIT": b"221 bye\r\n",
}


@dataclass
class Inbox:
    """What an honest server took."""

    envelopes: list[Envelope] = field(default_factory=list[Envelope])
    refuses: tuple[str, ...] = ()

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuses:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 taken"


@asynccontextmanager
async def honest(
    inbox: Inbox,
    *,
    implicit: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    password: bytes | None = None,
    **options: Any,
) -> AsyncGenerator[int]:
    """An aiosmtpd server; its port."""

    def knows(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == password, handled=False)

    loop = asyncio.get_running_loop()

    def serve() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it does not see implicit TLS
            return SMTP(
                inbox,
                hostname="mail.test",
                loop=loop,
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=knows,
                auth_required=password is not None,
                auth_require_tls=starttls is not None,
                **options,
            )

    server = await loop.create_server(serve, "127.0.0.1", 0, ssl=implicit)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@dataclass
class Scripted:
    """Honest until `phase`, where it answers with `deed`, or stalls, drops the connection, drips for ever or is slow."""

    phase: Phase
    deed: bytes
    heard: list[bytes] = field(default_factory=list[bytes])  # the verbs, in order
    reached: asyncio.Event = field(default_factory=asyncio.Event)  # the phase
    mails: int = 0  # that had their dot, and could have been taken

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._answer("greeting", writer)
            while line := await reader.readline():
                verb = line[:4].decode().strip().upper()
                self.heard.append(verb.encode())
                await self._answer(verb, writer)
                if verb == "DATA":
                    await self._take(reader, writer)
                if verb == "QUIT":
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.phase == "payload":
            await reader.readline()
            await self._answer("payload", writer)
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                return
        self.mails += 1
        await self._answer("dot", writer)

    async def _answer(self, phase: str, writer: asyncio.StreamWriter) -> None:
        if phase != self.phase:
            writer.write(HONEST.get(phase, b"502 what?\r\n"))
            await writer.drain()
            return
        self.reached.set()
        if self.deed == DROP:
            writer.transport.abort()
            raise ConnectionResetError
        if self.deed == STALL:
            await asyncio.sleep(60)
        elif self.deed == LATE:
            await asyncio.sleep(0.25)
            writer.write(HONEST[phase])
        elif self.deed == DRIP:
            while True:
                writer.write(b"2")
                await writer.drain()
                await asyncio.sleep(0.05)
        else:
            writer.write(self.deed)
        await writer.drain()


@asynccontextmanager
async def scripted(server: Scripted) -> AsyncGenerator[int]:
    """Its port."""
    talks: set[asyncio.Task[Any]] = set()

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve(reader, writer)
        writer.close()

    sock = socket.create_server(("127.0.0.1", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that a mail does not fit into the buffers
    listening = await asyncio.start_server(begin, sock=sock)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await listening.wait_closed()
