"""`empla worker`: run the cycles of whoever is due, until it is told to stop."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from empla.cli.options import Home, settings_for
from empla.cli.output import console
from empla.observability import logs
from empla.storage import opening
from empla.worker.worker import Worker

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_STDIN = 0


async def worker(
    *,
    once: Annotated[bool, Parameter(negative="", help="Stop as soon as nobody is due.")] = False,
    concurrency: Annotated[
        int | None, Parameter(validator=Number(gte=1, lte=1000), help="Cycles at once (or EMPLA_WORKER_CONCURRENCY).")
    ] = None,
    home: Home = None,
    attached: Annotated[bool, Parameter(show=False, negative="")] = False,
) -> None:
    """Run the cycles of whoever is due, in all tenants, until it is told to stop; and keep house once a day.

    `attached` is for whoever starts it: its stdin is told to stop by, and ends with the other process, too.
    """
    logs.to_stderr()
    if attached:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = settings_for(home)
    hands = concurrency or settings.worker_concurrency
    # Each cycle holds one connection, and claiming one.
    settings = settings.model_copy(update={"pool_size": max(settings.pool_size, hands + 1)})
    async with opening.opened(settings) as database:
        working = Worker(database, name=f"{socket.gethostname()}:{os.getpid()}"[:200], concurrency=hands)
        with _told_by_stdin(working.stop) if attached else _told_by_signals(working.stop):
            await working.run(once=once)
    done = working.tally
    console.print(f"{done.cycles:,} cycles run, {done.rested:,} times rested, {done.failed:,} failed")


@contextmanager
def _told_by_signals(stop: Callable[[], None]) -> Generator[None]:
    """The first SIGTERM or SIGINT calls `stop`; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def forget() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    def told() -> None:
        forget()
        stop()

    for number in _SIGNALS:
        loop.add_signal_handler(number, told)
    try:
        yield
    finally:
        forget()


@contextmanager
def _told_by_stdin(stop: Callable[[], None]) -> Generator[None]:
    """The end of stdin calls `stop`, and so does SIGTERM. Ctrl-C in a terminal is meant for whoever started us, and comes to both."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not os.read(_STDIN, 1):
            loop.remove_reader(_STDIN)
            stop()

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_reader(_STDIN, read)
    try:
        yield
    finally:
        loop.remove_reader(_STDIN)
        loop.remove_signal_handler(signal.SIGTERM)
