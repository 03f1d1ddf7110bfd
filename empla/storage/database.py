"""One database: pools of logins that are members of the app and the worker role, and the check that it can be used."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, Self, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import JsonbDumper
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from pydantic import BaseModel

from empla.errors import UnavailableError
from empla.settings import Settings
from empla.storage.errors import connecting, place, translated
from empla.storage.revision import HEAD, MINIMUM_SERVER
from empla.storage.tx import Caller, ReadTx, Tx, entered

Row = TypeVar("Row", bound=BaseModel)

_READY: LiteralString = """
    SELECT current_setting('server_version_num')::int, to_regclass('empla.alembic_version') IS NOT NULL,
           (SELECT extversion FROM pg_extension WHERE extname = 'vector')
"""
_REVISION: LiteralString = "SELECT version_num FROM empla.alembic_version"


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the database is, for each kind of work. `worker` and `admin` are needed by their own commands only."""

    app: str
    worker: str | None = None
    admin: str | None = None


class Database:
    """Open pools on one database; nothing here knows a tenant by itself."""

    def __init__(self, urls: Urls, *, settings: Settings) -> None:
        """Use `opening.opened`."""
        self.urls = urls
        self.settings = settings
        self._opening = asyncio.Lock()
        self._pools: dict[str, AsyncConnectionPool[AsyncConnection[Any]]] = {}

    @asynccontextmanager
    async def write(self, caller: Caller) -> AsyncGenerator[Tx]:
        """A transaction of the operator or a user."""
        async with (
            self._borrowed("app") as connection,
            entered(connection, caller, settings=self.settings, write=True) as tx,
        ):
            yield tx

    @asynccontextmanager
    async def read(self, caller: Caller) -> AsyncGenerator[ReadTx]:
        """A read-only transaction of the operator or a user."""
        async with (
            self._borrowed("app") as connection,
            entered(connection, caller, settings=self.settings, write=False) as tx,
        ):
            yield tx

    @asynccontextmanager
    async def work(self, caller: Caller) -> AsyncGenerator[Tx]:
        """A transaction of one employee's cycle, under the worker role."""
        async with (
            self._borrowed("worker") as connection,
            entered(connection, caller, settings=self.settings, write=True) as tx,
        ):
            yield tx

    async def across(self, row: type[Row], query: LiteralString, **parameters: Any) -> list[Row]:
        """Call one of the few functions that cross tenants, in a transaction of its own."""
        async with self._borrowed("app") as connection:
            try:
                async with connection.cursor(row_factory=class_row(row)) as cursor:
                    await cursor.execute(query, parameters)
                    return await cursor.fetchall()
            except psycopg.Error as error:
                raise (translated(error) or error) from error

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.close()
        self._pools.clear()

    @asynccontextmanager
    async def _borrowed(self, kind: str) -> AsyncGenerator[AsyncConnection[Any]]:
        async with self._opening:
            pool = self._pools.get(kind) or await self._open_pool(kind)
        try:
            connection = await pool.getconn(timeout=self.settings.connect_timeout)
        except PoolTimeout:
            raise UnavailableError(
                f"no free connection to {place(self._url(kind))} within {self.settings.connect_timeout:g} s: "
                "is the server up, is EMPLA_POOL_SIZE enough?"
            ) from None
        try:
            yield connection
        finally:
            await pool.putconn(connection)

    def _url(self, kind: str) -> str:
        url = self.urls.worker if kind == "worker" else self.urls.app
        if url is None:
            raise UnavailableError("cycles run under the worker role: set EMPLA_WORKER_DATABASE_URL")
        return url

    async def _open_pool(self, kind: str) -> AsyncConnectionPool[AsyncConnection[Any]]:
        url = self._url(kind)
        setting = "EMPLA_WORKER_DATABASE_URL" if kind == "worker" else "EMPLA_DATABASE_URL"
        with connecting(url, setting):
            async with await AsyncConnection.connect(
                url, autocommit=True, connect_timeout=int(self.settings.connect_timeout)
            ) as connection:
                await self._check(connection, kind)
        pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=self.settings.pool_size,
            open=False,
            configure=self._configure,
            kwargs={"autocommit": True, "connect_timeout": int(self.settings.connect_timeout)},
            name=kind,
        )
        await pool.open()
        self._pools[kind] = pool
        return pool

    async def _configure(self, connection: AsyncConnection[Any]) -> None:
        connection.adapters.register_dumper(dict, JsonbDumper)
        connection.prepare_threshold = self.settings.prepare_threshold or None

    async def _check(self, connection: AsyncConnection[Any], kind: str) -> None:
        """Raises `UnavailableError` with what to do, when the server, its extension, the schema or the login won't do."""
        where = place(self._url(kind))
        row = await (await connection.execute(_READY)).fetchone()
        version, migrated, vector = row or (0, False, None)
        if version < MINIMUM_SERVER * 10_000:
            raise UnavailableError(f"{where} is PostgreSQL {version // 10_000}; empla needs {MINIMUM_SERVER} or newer")
        if vector is None:
            raise UnavailableError(
                f"{where} has no pgvector: have a superuser run CREATE EXTENSION vector, then empla db upgrade"
            )
        if not migrated:
            raise UnavailableError(f"{where} holds no empla schema yet: run empla db upgrade")
        try:
            row = await (await connection.execute(_REVISION)).fetchone()
        except psycopg.errors.InsufficientPrivilege:
            raise UnavailableError(
                f"{connection.info.user} may not use empla's schema: GRANT empla_{kind} TO {connection.info.user}"
            ) from None
        reached = row[0] if row else None
        if reached != HEAD:
            raise UnavailableError(
                f"{where} is at revision {reached or 'none'}, this empla needs {HEAD}: run empla db upgrade"
            )

    async def __aenter__(self) -> Self:
        await self._open_pool("app")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
