"""One request, one command or one cycle step is one transaction, entered as somebody and committed at the edge."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row, scalar_row
from pydantic import BaseModel

from empla.errors import ConflictError, InvalidError
from empla.settings import Settings
from empla.storage.errors import translated

Row = TypeVar("Row", bound=BaseModel)
Value = TypeVar("Value")


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
        self.statements += 1
        try:
            async with self._connection.cursor(row_factory=class_row(row)) as cursor:
                await cursor.execute(query, {"tenant": self.caller.tenant, **parameters})
                return await cursor.fetchall()
        except psycopg.Error as error:
            raise (translated(error) or error) from error

    async def fetch_one(self, row: type[Row], query: LiteralString, **parameters: Any) -> Row | None:
        """The only row, or None. Raises `ConflictError` when there are several."""
        rows = await self.fetch_all(row, query, **parameters)
        if len(rows) > 1:
            raise ConflictError(f"{len(rows)} rows where one was expected")
        return rows[0] if rows else None

    async def fetch_value(self, kind: type[Value], query: LiteralString, **parameters: Any) -> Value | None:
        """The first column of the first row, checked to be a `kind`; None when there is no row or it is null."""
        self.statements += 1
        try:
            async with self._connection.cursor(row_factory=scalar_row) as cursor:
                await cursor.execute(query, {"tenant": self.caller.tenant, **parameters})
                value = await cursor.fetchone()
        except psycopg.Error as error:
            raise (translated(error) or error) from error
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"expected {kind.__name__}, the database sent {type(value).__name__}")
        return value


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


# One plan for all questions, for planning takes as long as answering does; and room for what is seen of a large memory.
_SEARCHING = sql.SQL("SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL work_mem = '32MB'; ")


@asynccontextmanager
async def entered(
    connection: AsyncConnection[Any], caller: Caller, *, settings: Settings, write: bool, search: bool = False
) -> AsyncGenerator[Tx]:
    """Begin as `caller` in one message, commit at the end; an error rolls everything back.

    `conn.transaction()` would need a round trip more, and a multi-statement message takes no parameters, hence the
    literals. The connection is in autocommit mode. Raises what `ctx.enter` refuses: `NotFoundError`, `ForbiddenError`;
    for a caller with a proof, `UnauthorizedError` alone.
    """
    tx = Tx(connection, caller, settings)
    try:
        await _begin(tx, connection, write=write, search=search)
        yield tx
        tx.statements += 1
        try:
            await connection.execute("COMMIT")
        except psycopg.Error as error:  # a deferred constraint speaks here
            raise (translated(error) or error) from error
    except BaseException:
        await _roll_back(connection)
        raise


async def _roll_back(connection: AsyncConnection[Any]) -> None:
    if connection.closed or connection.info.transaction_status == TransactionStatus.IDLE:
        return
    try:
        await connection.execute("ROLLBACK")
    except psycopg.OperationalError:
        # The server is gone, and with it the transaction. What went wrong first is what the caller hears.
        await connection.close()


async def _begin(tx: Tx, connection: AsyncConnection[Any], *, write: bool, search: bool) -> None:
    # The limits are transaction-local, so that a pooler's next client is not touched.
    proof = tx.caller.proof
    begin = sql.SQL(
        "BEGIN {}; SET LOCAL statement_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {}; "
        "SET LOCAL synchronous_commit = {}; {}SELECT now, current_setting('app.current_role'), ctx.scopes() "
        "FROM ctx.enter({}, {}, {}{}) AS now"
    ).format(
        sql.SQL("" if write else "READ ONLY"),
        sql.Literal(int(tx.settings.statement_timeout * 1000)),
        sql.Literal(int(tx.settings.idle_timeout * 1000)),
        sql.Literal("on" if tx.settings.synchronous_commit else "off"),
        _SEARCHING if search else sql.SQL(""),
        sql.Literal(tx.caller.tenant),
        sql.Literal(tx.caller.user),
        sql.Literal(tx.caller.employee),
        sql.SQL("")
        if proof is None
        else sql.SQL(", {}, {}, {}").format(*map(sql.Literal, (proof.sign_in, proof.key, proof.digest))),
    )
    tx.statements += 1
    try:
        cursor = await connection.execute(begin)
        await cursor.set_result(-1)
        row = await cursor.fetchone()
    except psycopg.Error as error:
        raise (translated(error) or error) from error
    if row is None:
        raise TypeError("ctx.enter gave no time")
    tx.now, tx.role = row[0], row[1]
    tx.scopes = None if row[2] is None else frozenset(row[2])
