"""The API as it is run: uvicorn on a port of this machine, in a thread with its own event loop and its own pools."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from calling import Home, Keys, a_home

from empla.api.app import create
from empla.api.doors import Door
from empla.api.server import configured
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database


@dataclass
class Served:
    """A server that listens, and two tenants in its database."""

    keys: Keys = field(default_factory=Keys)
    port: int = 0
    ours: Home | None = None
    theirs: Home | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connected(self, *, receive_buffer: int | None = None) -> socket.socket:
        """A client that speaks for itself, and waits at most ten seconds for anything."""
        found = socket.socket()
        if receive_buffer is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        found.settimeout(10)
        found.connect(("127.0.0.1", self.port))
        return found


@contextmanager
def served(
    settings: Settings, *, door: Door | None = None, prepare: Callable[[Database], Awaitable[object]] | None = None
) -> Generator[Served]:
    """The server is up, once all is prepared; it ends with the block, and so do all connections."""
    found, ready = Served(), threading.Event()
    servers: list[uvicorn.Server] = []

    async def run() -> None:
        async with opening.opened(settings) as database:
            found.ours, found.theirs = await a_home(database), await a_home(database, name="Rival")
            if prepare is not None:
                await prepare(database)
            app = create(database, settings, door=door or found.keys.door)
            listening = socket.create_server(("127.0.0.1", 0))
            found.port = listening.getsockname()[1]
            server = uvicorn.Server(configured(app, settings, timeout_graceful_shutdown=1))
            servers.append(server)
            ready.set()
            await server.serve(sockets=[listening])

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield found
    finally:
        servers[0].should_exit = True
        thread.join(20)
        assert not thread.is_alive()
