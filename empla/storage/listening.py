"""One connection of a process listens for all who follow. It hears only that a tenant has something new; they look themselves."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

_log = logging.getLogger("empla.storage")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds until it connects again
_LOOKING_AT_ONCE = 2  # followers of one process that read at the same time; the pool is for everybody


class Listening:
    """Wakes whoever follows a tenant. A subscriber is one flag, so that one who never looks costs nothing and holds nobody up."""

    def __init__(self, url: str, *, connect_timeout: float) -> None:
        """It connects with the first subscriber."""
        self._url = url
        self._connect_timeout = connect_timeout
        self._flags: dict[UUID, set[asyncio.Event]] = {}
        self._task: asyncio.Task[None] | None = None
        self.looking = asyncio.Semaphore(_LOOKING_AT_ONCE)
        self.connections = 0  # made so far

    @property
    def subscribers(self) -> int:
        return sum(len(flags) for flags in self._flags.values())

    @asynccontextmanager
    async def subscribed(self, tenant: UUID) -> AsyncGenerator[asyncio.Event]:
        """A flag that is set when the tenant may have something new: clear it, then look. It is set at first."""
        flag = asyncio.Event()
        flag.set()
        self._flags.setdefault(tenant, set()).add(flag)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())
        try:
            yield flag
        finally:
            flags = self._flags[tenant]
            flags.discard(flag)
            if not flags:
                del self._flags[tenant]

    async def close(self) -> None:
        """Nobody is woken any more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _listen(self) -> None:
        """Connected, and again whenever the connection is lost; after each time everybody looks, for something may have been missed."""
        pause = _FIRST_PAUSE
        while True:
            try:
                # A connection that is silently cut off would never be heard of again, so the system asks.
                async with await AsyncConnection.connect(
                    self._url,
                    autocommit=True,
                    connect_timeout=int(self._connect_timeout),
                    keepalives_idle=30,
                    keepalives_interval=10,
                    keepalives_count=3,
                ) as connection:
                    await connection.execute("LISTEN empla_events")
                    self.connections += 1
                    pause = _FIRST_PAUSE
                    self._wake_all()
                    await self._hear(connection)
            except psycopg.Error as error:
                _log.warning("not listening, tries again in %.1f s: %s", pause, type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _hear(self, connection: AsyncConnection[Any]) -> None:
        async for notice in connection.notifies():
            try:
                tenant = UUID(notice.payload)
            except ValueError:
                continue  # anybody on this server may say anything; at most, somebody looks for nothing
            for flag in self._flags.get(tenant, ()):
                flag.set()

    def _wake_all(self) -> None:
        for flags in self._flags.values():
            for flag in flags:
                flag.set()
