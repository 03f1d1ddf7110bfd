"""A server of embeddings on loopback, as OpenAI's is spoken to: it does what its script says, and then answers well."""

import asyncio
import contextlib
import hashlib
import json
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from empla.embedding.embedder import Vectors, normalised

# What one answer is: its bytes, or a way to behave.
Deed = bytes | Callable[["Asked", asyncio.StreamWriter], Any]


@dataclass
class Asked:
    """One request, as it came."""

    line: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        return self.body["input"]


@dataclass
class EmbeddingServer:
    """A model of `width` dimensions, which can be asked for fewer when it `is_bendable`."""

    script: list[Deed] = field(default_factory=list[Deed])
    width: int = 8
    is_bendable: bool = True
    most_characters: int = 1_000_000
    pace: float = 0.0
    connections: int = 0
    asked: list[Asked] = field(default_factory=list[Asked])
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def texts(self) -> list[str]:
        return [text for asked in self.asked for text in asked.texts]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await reader.readuntil(b"\r\n\r\n"):
            line, *rest = head.decode().strip().split("\r\n")
            headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in rest)}
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            asked = Asked(line, headers, body)
            self.asked.append(asked)
            await asyncio.sleep(self.pace)
            deed = self.script.pop(0) if self.script else self.good
            if callable(deed):
                said = deed(asked, writer)
                deed = said if isinstance(said, bytes) else await said
            if deed is None:
                return
            writer.write(deed)
            await writer.drain()

    def good(self, asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
        """The right vectors in another order."""
        wanted = asked.body.get("dimensions", self.width)
        if wanted != self.width and not self.is_bendable:
            return answer(400, body=b"dimensions?")
        if any(len(text) > self.most_characters for text in asked.texts):
            return answer(400, body=b"too long")
        data = [
            {"index": index, "embedding": of_text(text, self.width)[:wanted].tolist()}
            for index, text in enumerate(asked.texts)
        ]
        random.shuffle(data)
        return vectors(data)


def of_text(text: str, width: int = 8) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Its vector, neither of length 1 nor like any other's."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    return np.random.default_rng(seed).normal(size=width) * 3


def expected(texts: list[str], width: int = 8) -> Vectors:
    return normalised(np.array([of_text(text, width) for text in texts], np.float32))


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def vectors(data: Any) -> bytes:
    """NaN and Infinity are as Python writes them."""
    said = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    return answer(200, "Content-Type: application/json", body=json.dumps(said).encode())


@asynccontextmanager
async def serving(server: EmbeddingServer) -> AsyncGenerator[EmbeddingServer]:
    talks: set[asyncio.Task[None]] = set()

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with contextlib.suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            await server.serve(reader, writer)
        writer.transport.abort()

    listening = await asyncio.start_server(begin, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await listening.wait_closed()
        await asyncio.sleep(0)  # what was aborted is closed a turn later


async def stall(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def drop(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
    return


async def drop_midway(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    await writer.drain()


async def drip(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood_of_headers(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 8000 + b"\r\n")
        await writer.drain()
