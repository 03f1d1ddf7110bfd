"""A mail server that counts what it takes, and ends whoever talks to it in one phase of the talk."""

import asyncio
import os
import signal
import warnings
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, Envelope, Session

# When the server ends it. payload: some of the mail has come; whole: all of it, before the answer; taken: the answer is on its way.
Phase = Literal["connect", "EHLO", "MAIL", "RCPT", "DATA", "payload", "whole", "taken"]
TAKEN = "250 taken"


@dataclass
class Post:
    """What a server took, by effect; and whom it ends when."""

    phase: Phase | None = None
    freezes: bool = False  # whoever it meets there, instead of ending it
    victim: int = 0  # its process id; 0 for nobody
    effects: Counter[str] = field(default_factory=Counter[str])

    def reached(self, phase: Phase) -> None:
        """Whoever is to end here is dead, or frozen, when this returns."""
        if phase == self.phase and self.victim:
            (stop if self.freezes else end)(self.victim)
            self.victim = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content)
        self.effects[str(mail["X-Empla-Effect"])] += 1
        self.reached("whole")
        return TAKEN


def end(process: int) -> None:
    """SIGKILL; it is left to its parent to be waited for."""
    os.kill(process, signal.SIGKILL)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)


def stop(process: int) -> None:
    """SIGSTOP; it does nothing more when this returns."""
    os.kill(process, signal.SIGSTOP)
    os.waitid(os.P_PID, process, os.WSTOPPED | os.WNOWAIT)


class _Talk(SMTP):
    """One server of one connection."""

    def __init__(self, post: Post, **options: Any) -> None:
        super().__init__(post, **options)
        self._post = post
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._post.reached("connect")
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        verb = data[:4].upper()
        if self._in_data:
            self._post.reached("payload")
        elif verb in {b"EHLO", b"MAIL", b"RCPT", b"DATA"}:
            phase: Any = verb.decode()
            self._post.reached(phase)
            self._in_data = verb == b"DATA"
        super().data_received(data)

    async def push(self, status: Any) -> None:
        if status != TAKEN:
            await super().push(status)
            return
        self._in_data = False
        if self._post.phase == "taken" and self._post.victim:
            stop(self._post.victim)  # the answer is sent, and never read
        await super().push(status)
        self._post.reached("taken")


@asynccontextmanager
async def open_post(post: Post) -> AsyncGenerator[int]:
    """Its port."""
    loop = asyncio.get_running_loop()

    def serve() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _Talk(post, hostname="mail.test", loop=loop)

    server = await loop.create_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
