"""A mail server in many moods: it stalls, hangs up or refuses at any moment of a talk, and knows what it took."""

import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any, Literal

Phase = Literal["greeting", "EHLO", "MAIL", "RCPT", "DATA", "payload", "dot"]
Deed = Literal["stalls", "hangs up", "later", "never"]
_PHASES: tuple[Phase, ...] = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "payload", "dot", "dot", "dot")
_DEEDS: tuple[Deed, ...] = ("stalls", "hangs up", "later", "later", "later", "never")
_POLITE: dict[str, bytes] = {
    "greeting": b"220 hello",
    "EHLO": b"250 me",
    "MAIL": b"250 ok",
    "RCPT": b"250 ok",
    "DATA": b"354 go on",
    "dot": b"250 taken",
    "RSET": b"250 ok",
    "QUIT": b"221 bye",
}


@dataclass(frozen=True)
class Mood:
    """What it does in which phase of one talk, and whether it takes a mail that it does not answer."""

    phase: Phase
    deed: Deed
    takes: bool


@dataclass
class MoodyPost:
    """Half of the talks go well. Effects are known by their header."""

    pace: float  # seconds before each answer
    stall: float  # seconds
    chosen: random.Random
    is_calm: bool = False
    moods: Counter[Deed] = field(default_factory=Counter[Deed])  # that came to pass
    taken: Counter[str] = field(default_factory=Counter[str])
    subjects: Counter[str] = field(default_factory=Counter[str])  # of what it took
    refused: set[str] = field(default_factory=set[str])  # "later", when all of the mail was there
    message_ids: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict[str, set[str]](set))

    @property
    def retried(self) -> set[str]:
        """The effects that it refused for the time being, and took afterwards."""
        return self.refused & set(self.taken)

    def mood(self) -> Mood | None:
        if self.is_calm or self.chosen.random() < 0.5:
            return None
        return Mood(self.chosen.choice(_PHASES), self.chosen.choice(_DEEDS), self.chosen.random() < 0.5)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One talk."""
        mood = self.mood()
        await self._answer("greeting", mood, writer)
        while line := await reader.readline():
            verb = line[:4].decode().strip().upper()
            await self._answer(verb, mood, writer)
            if verb == "DATA":
                await self._listen(mood, reader, writer)
            if verb == "QUIT":
                return

    async def _listen(self, mood: Mood | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        content = b""
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                return
            if not content and mood is not None and mood.phase == "payload":
                await self._answer("payload", mood, writer)
            content += line
        if mood is not None and mood.phase == "payload" and mood.deed in {"later", "never"}:
            return  # it has said so already
        mail = message_from_bytes(content)
        effect = str(mail["X-Empla-Effect"])
        self.message_ids[effect].add(str(mail["Message-ID"]))
        if mood is None or mood.phase != "dot":
            self._take(effect, str(mail["Subject"]))
        elif mood.deed == "later":
            self.refused.add(effect)
        elif mood.deed in {"stalls", "hangs up"} and mood.takes:
            self._take(effect, str(mail["Subject"]))
        await self._answer("dot", mood, writer)

    def _take(self, effect: str, subject: str) -> None:
        self.taken[effect] += 1
        self.subjects[subject] += 1

    async def _answer(self, phase: str, mood: Mood | None, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self.pace)
        answer = _POLITE.get(phase, b"502 what?")
        if mood is not None and phase == mood.phase:
            self.moods[mood.deed] += 1
            match mood.deed:
                case "stalls":
                    await asyncio.sleep(self.stall)
                    if phase == "payload":
                        return
                    if phase == "dot" and not mood.takes:  # who waited all the same is told no lie
                        raise ConnectionResetError
                case "hangs up":
                    raise ConnectionResetError
                case "later":
                    answer = b"451 not now"
                case "never":
                    answer = b"550 never"
        writer.write(answer + b"\r\n")
        await writer.drain()


@asynccontextmanager
async def open_moody_post(post: MoodyPost) -> AsyncGenerator[int]:
    """Its port. At the end every talk has ended by itself."""
    talks: set[asyncio.Task[Any]] = set()

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await post.serve(reader, writer)
        talks.discard(task)
        writer.transport.abort()

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if talks:
            await asyncio.wait(talks, timeout=5)
        for task in talks:
            task.cancel()
        await server.wait_closed()
