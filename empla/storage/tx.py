"""One request, one command or one cycle step is one transaction, entered as somebody and committed at the edge."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString, TypeAlias, TypeVar
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, AsyncCursor, sql
from psycopg.pq import TransactionStatus
from psycopg.rows import AsyncRowFactory, class_row, scalar_row
from pydantic import BaseModel

from empla.errors import ConflictError, InvalidError
from empla.settings import Settings
from empla.storage.errors import translated

_log = logging.getLogger("empla.storage")
Row = TypeVar("Row", bound=BaseModel)
Value = TypeVar("Value")
T = TypeVar("T")
Borrowed: TypeAlias = AbstractAsyncContextManager[AsyncConnection[Any]]


@dataclass(frozen=True, slots=True)
class Proof:
    """By what a user proves to be one: a sign-in, or an API key with the SHA-256 of its secret. `ctx.enter` judges it."""

    sign_in: UUID | None = None
    key: UUID | None = None
    digest: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises `InvalidError` for what is neither, or both."""
        if (self.sign_in is None) == (self.key is None) or (self.key is None) != (self.digest is None):
            raise InvalidError("a proof is a sign-in, or a key and the digest of its secret")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: the operator of the tenant, unless a user or an employee is named (never both).

    Without a proof it is taken at its word: that of whoever holds the database's URL. A credential always brings one.
    """

    tenant: UUID
    user: UUID | None = None
    employee: UUID | None = None
    proof: Proof | None = None


class ReadTx:
    """A transaction that may only read; statements name their parameters and see one tenant."""

    def __init__(self, connection: AsyncConnection[Any], caller: Caller, settings: Settings) -> None:
        """Use `entered`, which begins and ends it."""
        self._connection = connection
        self.caller = caller
        self.settings = settings  # the limits that protect
        self.now: datetime  # the tenant's time, UTC
        self.role: str  # that the database acts under: a key's may be less than its owner's
        self.scopes: frozenset[str] | None  # of the key; None for whoever has none: the role alone decides
        self.statements: int = 0  # messages sent to the server, BEGIN and COMMIT included

    @property
    def tenant_id(self) -> UUID:
        return self.caller.tenant

    async def fetch_all(self, row: type[Row], query: LiteralString, **parameters: Any) -> list[Row]:
        """All rows as records. Every statement names its tenant, so `tenant` is a parameter of all."""
        return await self._rows(class_row(row), query, parameters)

    async def fetch_one(self, row: type[Row], query: LiteralString, **parameters: Any) -> Row | None:
        """The only row, or None. Raises `ConflictError` when there are several."""
        rows = await self.fetch_all(row, query, **parameters)
        if len(rows) > 1:
            raise ConflictError(f"{len(rows)} rows where one was expected")
        return rows[0] if rows else None

    async def fetch_value(self, kind: type[Value], query: LiteralString, **parameters: Any) -> Value | None:
        """The first column of the first row, checked to be a `kind`; None when there is no row or it is null."""
        values = await self._rows(scalar_row, query, parameters)
        value = values[0] if values else None
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"expected {kind.__name__}, the database sent {type(value).__name__}")
        return value

    async def _rows(self, shape: AsyncRowFactory[T], query: LiteralString, parameters: dict[str, Any]) -> list[T]:
        self.statements += 1
        try:
            async with self._connection.cursor(row_factory=shape) as cursor:
                await cursor.execute(query, {"tenant": self.caller.tenant, **parameters})
                return await cursor.fetchall()
        except psycopg.Error as error:
            raise (translated(error) or error) from error


class Tx(ReadTx):
    """A transaction that may write."""

    async def execute(self, query: LiteralString, **parameters: Any) -> int:
        """How many rows were changed."""
        self.statements += 1
        try:
            cursor = await self._connection.execute(query, {"tenant": self.caller.tenant, **parameters})
        except psycopg.Error as error:
            raise (translated(error) or error) from error
        return cursor.rowcount


# The limits are transaction-local, so that a pooler's next client is not touched.
_ENTER: LiteralString = """
    SELECT now, current_setting('app.current_role'), ctx.scopes(), set_config('statement_timeout', %(statement_timeout)s::text, true),
           set_config('idle_in_transaction_session_timeout', %(idle_timeout)s::text, true),
           set_config('synchronous_commit', %(synchronous_commit)s::text, true)
      FROM ctx.enter(%(tenant)s::uuid, %(user)s::uuid, %(employee)s::uuid, %(sign_in)s::uuid, %(key)s::uuid, %(digest)s::bytea) AS now
"""
_COMMIT = sql.SQL("COMMIT")
# Whoever wrote an event left its tenant in a setting of the session (the SQL function `stir`). It is told behind the commit, in the same
# message: transactions with a notice are committed one at a time on the whole server, and this one has no disk to wait for.
_COMMIT_AND_TELL = sql.SQL(
    "COMMIT; SELECT pg_notify('empla_events', current_setting('app.stirred', true)) WHERE current_setting('app.stirred', true) <> ''; "
    "SET app.stirred = ''"
)
# One plan for all questions, for planning takes as long as answering does; and room for what is seen of a large memory.
_ENTER_TO_ASK: LiteralString = """
    SELECT now, current_setting('app.current_role'), ctx.scopes(), set_config('statement_timeout', %(statement_timeout)s::text, true),
           set_config('plan_cache_mode', 'force_generic_plan', true), set_config('work_mem', '32MB', true)
      FROM ctx.enter(%(tenant)s::uuid, %(user)s::uuid, %(employee)s::uuid, %(sign_in)s::uuid, %(key)s::uuid, %(digest)s::bytea) AS now
"""


def _entering(caller: Caller, settings: Settings) -> dict[str, Any]:
    proof = caller.proof
    return {
        "tenant": caller.tenant,
        "user": caller.user,
        "employee": caller.employee,
        "sign_in": proof and proof.sign_in,
        "key": proof and proof.key,
        "digest": proof and proof.digest,
        "statement_timeout": str(int(settings.statement_timeout * 1000)),
        "idle_timeout": str(int(settings.idle_timeout * 1000)),
        "synchronous_commit": "on" if settings.synchronous_commit else "off",
    }


class AskTx(ReadTx):
    """Each statement is a read-only transaction of its own, and one message: nothing is held between two of them.

    For questions that look through much, and whose statements are the same each time. `now` is the time of the latest answer.
    """

    def __init__(self, borrowed: Callable[[], Borrowed], caller: Caller, settings: Settings) -> None:
        """Use `Database.ask`."""
        self._borrowed = borrowed
        self.caller = caller
        self.settings = settings
        self.statements = 0

    async def _rows(self, shape: AsyncRowFactory[T], query: LiteralString, parameters: dict[str, Any]) -> list[T]:
        self.statements += 1
        async with self._borrowed() as connection:
            try:
                async with connection.pipeline():
                    await connection.execute("BEGIN READ ONLY")
                    entering = await connection.execute(_ENTER_TO_ASK, _entering(self.caller, self.settings))
                    cursor = connection.cursor(row_factory=shape)
                    await cursor.execute(query, {"tenant": self.caller.tenant, **parameters})
                    await connection.execute("COMMIT")
                await _told(self, entering)
                return await cursor.fetchall()
            except BaseException as error:
                await _roll_back(connection)
                if isinstance(error, psycopg.Error):
                    raise (translated(error) or error) from error
                raise


@asynccontextmanager
async def entered(
    connection: AsyncConnection[Any], caller: Caller, *, settings: Settings, write: bool
) -> AsyncGenerator[Tx]:
    """Begin as `caller` in one message, commit at the end; an error rolls everything back.

    `conn.transaction()` would need a round trip more. The connection is in autocommit mode. Raises what `ctx.enter` refuses:
    `NotFoundError`, `ForbiddenError`; for a caller with a proof, `UnauthorizedError` alone.
    """
    tx = Tx(connection, caller, settings)
    try:
        await _begin(tx, connection, write=write)
        yield tx
        tx.statements += 1
        try:
            await connection.execute(_COMMIT_AND_TELL if write else _COMMIT)
        except psycopg.errors.ProgramLimitExceeded:
            # The queue of notices is full, for somebody listens and never reads. What was committed is; followers look by themselves too.
            _log.warning("nobody was told of new events: the queue of notices is full")
        except psycopg.Error as error:  # a deferred constraint speaks here
            raise (translated(error) or error) from error
    except BaseException:
        await _roll_back(connection)
        raise


async def _roll_back(connection: AsyncConnection[Any]) -> None:
    if connection.closed or connection.info.transaction_status == TransactionStatus.IDLE:
        return
    try:
        # Not by a statement of our own: what a pipeline left out was not prepared either, and the driver forgets it with this alone.
        await connection.rollback()
    except psycopg.OperationalError:
        # The server is gone, and with it the transaction. What went wrong first is what the caller hears.
        await connection.close()


async def _begin(tx: Tx, connection: AsyncConnection[Any], *, write: bool) -> None:
    tx.statements += 1
    try:
        async with connection.pipeline():
            await connection.execute("BEGIN" if write else "BEGIN READ ONLY")
            entering = await connection.execute(_ENTER, _entering(tx.caller, tx.settings))
        await _told(tx, entering)
    except psycopg.Error as error:
        raise (translated(error) or error) from error


async def _told(tx: ReadTx, entering: AsyncCursor[Any]) -> None:
    row = await entering.fetchone()
    if row is None:
        raise TypeError("ctx.enter gave no time")
    tx.now, tx.role = row[0], row[1]
    tx.scopes = None if row[2] is None else frozenset(row[2])
