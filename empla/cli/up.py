"""`empla up`: the API and a worker, a process each, in one process group; neither outlives the other.

A cycle computes, and whoever asks the API meanwhile would wait for it: so the worker is a process of its own. It ends when its stdin
does, which we hold open; the system closes it for us when we are killed.
"""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from empla import keys
from empla.api.server import Server, listening, url
from empla.cli import first_sign_in
from empla.cli.options import Home, settings_for
from empla.cli.output import console
from empla.dashboard.app import create
from empla.errors import UnavailableError
from empla.observability import logs
from empla.settings import Settings
from empla.storage import embedded, opening
from empla.storage.attended import attended
from empla.storage.database import Database

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def up(
    *,
    company: Annotated[
        str | None, Parameter(help="Whose: by name or slug, made if it is not there. On a new home, My Company.")
    ] = None,
    email: Annotated[
        str | None,
        Parameter(help="Who signs in: somebody new is an admin with a password, others get a link to set one."),
    ] = None,
    host: Annotated[str | None, Parameter(help="Where the API listens (or EMPLA_API_HOST).")] = None,
    port: Annotated[
        int | None,
        Parameter(validator=Number(gte=0, lte=65535), help="Its port (or EMPLA_API_PORT); 0 is any that is free."),
    ] = None,
    worker: Annotated[bool, Parameter(help="Run the cycles of whoever is due.")] = True,
    home: Home = None,
) -> None:
    """The API and a worker on the embedded database, until Ctrl-C or SIGTERM."""
    logs.to_stderr()
    listens_at = {name: value for name, value in (("api_host", host), ("api_port", port)) if value is not None}
    settings = settings_for(home, **listens_at)
    with _told_by_signals() as told, _attended(settings) as tell, listening(settings) as listens:
        tell(url(listens))
        keys.keyring(settings)  # without one nobody could sign in
        was_running = settings.database_url is not None or embedded.running(settings.home) is not None
        try:
            async with opening.opened(settings) as database:
                if worker:
                    _check_worker(database)
                if not told.stop.is_set():
                    prepared = await first_sign_in.prepare(database, company=company, email=email)
                    _show(settings, url(listens), works=worker)
                    first_sign_in.show(prepared, url=url(listens), home=home)
                    await _live(database, settings, listens, told, works=worker)
        finally:
            if not was_running:
                embedded.stop_unused(settings.home)
    console.print("empla has stopped")


class _Told:
    """What signals have said: the first is to stop, the second to hurry."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()

    def __call__(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()


@contextmanager
def _told_by_signals() -> Generator[_Told]:
    told, loop = _Told(), asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, told)
    try:
        yield told
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


@contextmanager
def _attended(settings: Settings) -> Generator[Callable[[str], None]]:
    """A database that is no home's may have any number of us."""
    if settings.database_url is not None:
        yield lambda _: None
        return
    with attended(settings.home) as tell:
        yield tell


def _check_worker(database: Database) -> None:
    if database.urls.worker is None:
        raise UnavailableError("cycles run under the worker role: set EMPLA_WORKER_DATABASE_URL, or say --no-worker")


def _show(settings: Settings, address: str, *, works: bool) -> None:
    console.print(f"empla is up: {address}", style="bold")
    where = f"in {settings.home}" if settings.database_url is None else "that of EMPLA_DATABASE_URL"
    working = "a worker runs the cycles of whoever is due" if works else "no worker runs"
    console.print(f"  the database is {where}; {working}; Ctrl-C stops it", soft_wrap=True)


async def _live(database: Database, settings: Settings, listens: socket.socket, told: _Told, *, works: bool) -> None:
    """Until it is told to stop. Raises `UnavailableError` when the worker ended by itself."""
    server = Server(create(database, settings), settings)
    serving = asyncio.create_task(server.serve(sockets=[listens]))
    child = await _worker(settings) if works else None
    stop, hurry = asyncio.create_task(told.stop.wait()), asyncio.create_task(told.hurry.wait())
    parts: set[asyncio.Task[object]] = {serving} if child is None else {serving, asyncio.create_task(child.wait())}
    await asyncio.wait({*parts, stop}, return_when=asyncio.FIRST_COMPLETED)
    died = child is not None and child.returncode is not None and not told.stop.is_set()
    if told.stop.is_set():
        console.print("stopping; once more, and it hurries")
    server.stop()
    if child is not None and child.stdin is not None:
        child.stdin.close()
    over = asyncio.create_task(asyncio.wait(parts))
    await asyncio.wait({over, hurry}, return_when=asyncio.FIRST_COMPLETED)
    if hurry.done():
        server.hurry()
        if child is not None and child.returncode is None:
            child.kill()
    await asyncio.gather(*parts)
    for task in (stop, hurry):
        task.cancel()
    if died and child is not None:
        raise UnavailableError(f"the worker has ended by itself ({_how(child)}), and so everything was stopped")


async def _worker(settings: Settings) -> Process:
    """It has our environment, and of what was said on our command line the home."""
    home = [] if settings.database_url is not None else ["--home", str(settings.home)]
    command = [sys.executable, "-m", "empla.cli.main", "worker", "--attached", *home]
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=DEVNULL)


def _how(child: Process) -> str:
    code = child.returncode or 0
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
