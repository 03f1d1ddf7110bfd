"""One database: pools of logins that are members of the app and the worker role, and the check that it can be used."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, LiteralString, Self, TypeVar
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import class_row
from psycopg.types.json import JsonbDumper
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from pydantic import BaseModel

from empla.errors import EmplaError, UnavailableError
from empla.settings import Settings
from empla.storage.errors import connecting, not_a_member, place, translated
from empla.storage.listening import Listening
from empla.storage.revision import HEAD, MINIMUM_SERVER
from empla.storage.tx import AskTx, Caller, ReadTx, Tx, entered

if TYPE_CHECKING:
    from empla.embedding.embedder import Embedder

Row = TypeVar("Row", bound=BaseModel)

# The catalogue says whether the schema is there also to a login that may not use it; to_regclass would raise.
_READY: LiteralString = """
    SELECT current_setting('server_version_num')::int / 10000 AS server_version,
           EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'empla' AND c.relname = 'alembic_version') AS is_migrated,
           EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AS has_vector,
           EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s::text AND pg_has_role(oid, 'USAGE')) AS is_member,
           EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)) AS sees_all
"""
_REVISION: LiteralString = "SELECT version_num FROM empla.alembic_version"
_ENSURE_PARTITIONS: LiteralString = "SELECT empla.ensure_partitions()"
_NOTE_USE: LiteralString = (
    "SELECT empla.note_key_use(%(tenant)s::uuid, %(user)s::uuid, %(key)s::uuid, %(digest)s::bytea) AS noted"
)
_ALONE: LiteralString = "SELECT pg_try_advisory_xact_lock(%(task)s::bigint)"


_NOTED_FOR = 60.0  # seconds
_MOST_USES = 10_000  # keys; beyond, the database is asked again

_log = logging.getLogger("empla.storage")


class _Noted(BaseModel):
    noted: bool  # it was time to


class _Ready(BaseModel):
    server_version: int  # major
    is_migrated: bool
    has_vector: bool
    is_member: bool
    sees_all: bool  # row security does not hold the login


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the database is, for each kind of work. `worker` and `admin` are needed by their own commands only."""

    app: str
    worker: str | None = None
    admin: str | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """How a pool of connections stands."""

    name: str  # app or worker
    size: int
    free: int
    waiting: int  # who asks for a connection and has none


class Database:
    """Open pools on one database; nothing here knows a tenant by itself."""

    def __init__(self, urls: Urls, *, settings: Settings, as_it_is: bool = False) -> None:
        """Use `opening.opened`. One that is taken as it is may be at any revision, and opening mends nothing in it."""
        self.urls = urls
        self.settings = settings
        self.as_it_is = as_it_is
        self.revision: str | None = None  # of the schema, once it is open
        self.partitions_made = 0  # by opening it
        self.statements = 0  # messages to the server, of all transactions that were committed here
        self.listening = Listening(urls.app, connect_timeout=settings.connect_timeout)
        self._opening = asyncio.Lock()
        self._pools: dict[str, AsyncConnectionPool[AsyncConnection[Any]]] = {}
        self._afterwards: dict[Hashable, asyncio.Task[None]] = {}
        self._again: set[Hashable] = set()
        self._uses: dict[UUID, float] = {}  # when the use of a key was noted last, by the process's clock

    @cached_property
    def embedder(self) -> "Embedder | None":
        """By what this process compares memories; None where words decide alone. Raises `UsageError` for settings that choose none."""
        # numpy and the models take as long to import as all the rest, and few commands compare memories.
        from empla.embedding.chosen import chosen  # noqa: PLC0415

        return chosen(self.settings)

    def afterwards(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Do it behind the answer; `close` waits for it. Of one key, one is done at a time, and once more when it is asked for meanwhile.

        Nobody waits for what it raises: it is logged.
        """
        if key in self._afterwards:
            self._again.add(key)
            return
        self._afterwards[key] = asyncio.create_task(self._do_afterwards(key, work))

    async def _do_afterwards(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            while True:
                self._again.discard(key)
                await work()
                if key not in self._again:
                    return
        except EmplaError as error:
            _log.warning("left undone: %s: %s", key, error)
        except Exception:  # noqa: BLE001 — a defect of ours, which nobody else would hear of
            _log.exception("failed: %s", key)
        finally:
            self._again.discard(key)
            self._afterwards.pop(key, None)

    async def settled(self, key: Hashable | None = None) -> None:
        """What was to be done afterwards is: that of the key, or all."""
        waiting = list(self._afterwards.values()) if key is None else [self._afterwards.get(key)]
        await asyncio.gather(*(task for task in waiting if task is not None), return_exceptions=True)

    @property
    def worker_login(self) -> str | None:
        """The login that cycles run under; None when none is set."""
        if self.urls.worker is None:
            return None
        with connecting(self.urls.worker, "EMPLA_WORKER_DATABASE_URL"):
            login = conninfo_to_dict(self.urls.worker).get("user")
        return None if login is None else str(login)

    @asynccontextmanager
    async def write(self, caller: Caller) -> AsyncGenerator[Tx]:
        """A transaction of the operator or a user."""
        async with self._entered("app", caller, write=True) as tx:
            yield tx

    @asynccontextmanager
    async def read(self, caller: Caller) -> AsyncGenerator[ReadTx]:
        """A read-only transaction of the operator or a user."""
        async with self._entered("app", caller, write=False) as tx:
            yield tx

    @asynccontextmanager
    async def ask(self, caller: Caller) -> AsyncGenerator[ReadTx]:
        """As `read`, but each statement is a transaction of its own, in one message; for recall."""
        tx = AskTx(partial(self._borrowed, "app"), caller, self.settings)
        yield tx
        self.statements += tx.statements

    @asynccontextmanager
    async def work(self, caller: Caller) -> AsyncGenerator[Tx]:
        """A transaction of one employee's cycle, under the worker role."""
        async with self._entered("worker", caller, write=True) as tx:
            yield tx

    @asynccontextmanager
    async def _entered(self, kind: str, caller: Caller, *, write: bool) -> AsyncGenerator[Tx]:
        async with self._borrowed(kind) as connection:
            async with entered(connection, caller, settings=self.settings, write=write) as tx:
                yield tx
            self.statements += tx.statements
        if caller.proof is not None and caller.proof.key is not None:
            self._note_use(caller, caller.proof.key, caller.proof.digest)

    def _note_use(self, caller: Caller, key: UUID, digest: bytes | None) -> None:
        """Behind the answer: a key that has just opened the door was used; once a minute is exact enough."""
        moment = time.monotonic()
        if moment - self._uses.get(key, -_NOTED_FOR) < _NOTED_FOR:
            return
        if len(self._uses) >= _MOST_USES:
            self._uses.clear()
        self._uses[key] = moment

        async def note() -> None:
            await self.across(_Noted, _NOTE_USE, tenant=caller.tenant, user=caller.user, key=key, digest=digest)

        self.afterwards(("key used", key), note)

    async def across(
        self, row: type[Row], query: LiteralString, *, login: Literal["app", "worker"] = "app", **parameters: Any
    ) -> list[Row]:
        """Call one of the few functions that cross tenants, in a transaction of its own."""
        async with self._borrowed(login) as connection:
            try:
                async with connection.cursor(row_factory=class_row(row)) as cursor:
                    await cursor.execute(query, parameters)
                    return await cursor.fetchall()
            except psycopg.Error as error:
                raise (translated(error) or error) from error

    @asynccontextmanager
    async def alone(self, task: int) -> AsyncGenerator[bool]:
        """Whether nobody else does `task` on this database; while the block lasts, nobody else will.

        The lock is held by a transaction that does nothing: a transaction pooler keeps it on one session, as it would not keep a
        session's lock, and it has no snapshot that would hold VACUUM back. Its connection is not one of the pool's.
        """
        with connecting(self._url("app"), "EMPLA_DATABASE_URL"):
            connection = await AsyncConnection.connect(
                self._url("app"), autocommit=True, connect_timeout=int(self.settings.connect_timeout)
            )
        async with connection:
            await connection.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0")
            row = await (await connection.execute(_ALONE, {"task": task})).fetchone()
            yield row is not None and bool(row[0])

    async def close(self) -> None:
        """What was to be done afterwards is done first."""
        await self.settled()
        await self.listening.close()
        if "embedder" in vars(self) and self.embedder is not None:
            await self.embedder.close()
        for pool in self._pools.values():
            await pool.close()
        self._pools.clear()

    @property
    def pools(self) -> "list[Pool]":
        """How the pools stand."""
        return [
            Pool(name, stats.get("pool_size", 0), stats.get("pool_available", 0), stats.get("requests_waiting", 0))
            for name, pool in self._pools.items()
            for stats in [pool.get_stats()]
        ]

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
                if kind == "app" and not self.as_it_is:
                    await self._ensure_partitions(connection)
                pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
                    url,
                    min_size=1,
                    max_size=self.settings.pool_size,
                    open=False,
                    configure=self._configure,
                    kwargs={"autocommit": True, "connect_timeout": int(self.settings.connect_timeout)},
                    name=kind,
                )
                # While the first connection lasts: an embedded server ends only when nobody is connected.
                await pool.open(wait=True, timeout=self.settings.connect_timeout)
        self._pools[kind] = pool
        return pool

    async def _configure(self, connection: AsyncConnection[Any]) -> None:
        connection.adapters.register_dumper(dict, JsonbDumper)
        connection.prepare_threshold = self.settings.prepare_threshold or None

    async def _check(self, connection: AsyncConnection[Any], kind: str) -> None:
        """Raises `UnavailableError` with what to do, when the server, its extension, the schema or the login won't do."""
        where, role, login = place(self._url(kind)), f"empla_{kind}", connection.info.user
        async with connection.cursor(row_factory=class_row(_Ready)) as cursor:
            [ready] = await (await cursor.execute(_READY, {"role": role})).fetchall()
        if ready.server_version < MINIMUM_SERVER:
            raise UnavailableError(
                f"{where} is PostgreSQL {ready.server_version}; empla needs {MINIMUM_SERVER} or newer"
            )
        if not ready.has_vector:
            raise UnavailableError(
                f"{where} has no pgvector: have a superuser run CREATE EXTENSION vector, then empla db upgrade"
            )
        if not ready.is_migrated:
            raise UnavailableError(f"{where} holds no empla schema yet: run empla db upgrade")
        if not ready.is_member:
            raise not_a_member(login, role)
        if ready.sees_all and not self.as_it_is:
            raise UnavailableError(
                f"{login} would see every tenant, for row security does not hold it: "
                f"use a login that is a member of {role}, no superuser and without BYPASSRLS"
            )
        self.revision = await self._revision(connection)
        if self.revision != HEAD and not self.as_it_is:
            raise UnavailableError(_at_another_revision(where, self.revision))

    async def _revision(self, connection: AsyncConnection[Any]) -> str | None:
        """The schema's revision; None at base, where members have no right to it."""
        try:
            row = await (await connection.execute(_REVISION)).fetchone()
        except psycopg.errors.InsufficientPrivilege:
            return None
        return row[0] if row else None

    async def _ensure_partitions(self, connection: AsyncConnection[Any]) -> None:
        """The logs have their coming months, also where nobody keeps house."""
        try:
            row = await (await connection.execute(_ENSURE_PARTITIONS)).fetchone()
        except psycopg.errors.LockNotAvailable:
            # A reader of a log holds up its new month. Three months are left to try again, so nobody waits here.
            return
        except psycopg.Error as error:
            raise (translated(error) or error) from error
        self.partitions_made = row[0] if row else 0

    async def __aenter__(self) -> Self:
        async with self._opening:
            await self._open_pool("app")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _at_another_revision(where: str, revision: str | None) -> str:
    if revision is None:
        return f"{where} holds no empla schema yet: run empla db upgrade"
    if revision > HEAD:
        return f"{where} is at revision {revision}, which a newer empla made (this one knows {HEAD}): use that, or one newer still"
    return f"{where} is at revision {revision}, this empla needs {HEAD}: run empla db upgrade"
