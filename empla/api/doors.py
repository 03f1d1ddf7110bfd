"""From a credential to a caller: who asks, in which tenant and within which scopes comes from the credential alone."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from starlette.requests import Request

from empla.errors import ForbiddenError, UnauthorizedError, UnavailableError
from empla.storage.database import Database
from empla.storage.tx import Caller, ReadTx, Tx

Role = Literal["admin", "manager", "user"]
EVERYBODY: frozenset[Role] = frozenset({"admin", "manager", "user"})
STAFF: frozenset[Role] = frozenset({"admin", "manager"})
ADMINS: frozenset[Role] = frozenset({"admin"})


class Principal(Protocol):
    """Who asks, as a credential says it; `access.principals.Principal` is one."""

    @property
    def caller(self) -> Caller:
        """As whom transactions are entered."""
        ...

    @property
    def user(self) -> UUID:
        """Whose credential it is."""
        ...

    @property
    def role(self) -> str | None:
        """None where the transaction alone can tell."""
        ...

    @property
    def kind(self) -> str:
        """sign_in or api_key."""
        ...

    @property
    def scopes(self) -> Collection[str] | None:
        """What an API key is narrowed to; None where nothing is, or the transaction alone can tell."""
        ...


Door = Callable[[Database, str], Awaitable[Principal]]


async def closed(database: Database, text: str) -> Principal:
    """The door of an API that was given none: nobody comes in."""
    del database, text
    raise UnavailableError("the API was started without a door: credentials can't be checked")


def bearer(request: Request) -> str:
    """The credential that was sent. Raises `UnauthorizedError`."""
    sent = request.headers.getlist("authorization")
    if not sent:
        raise UnauthorizedError("send a credential: Authorization: Bearer …")
    kind, _, text = sent[0].partition(" ")
    if len(sent) > 1 or kind.lower() != "bearer" or not text.strip():
        raise UnauthorizedError("a credential is sent as one header: Authorization: Bearer …")
    return text.strip()


@dataclass(frozen=True, slots=True)
class Desk:
    """Where whoever asks is served: every transaction that begins here is entered as the caller, and looked at by the door."""

    database: Database
    principal: Principal
    scope: str
    roles: frozenset[Role]

    @property
    def caller(self) -> Caller:
        """As whom transactions are entered."""
        return self.principal.caller

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[Tx]:
        """A transaction that may write; committed at the end of the block. Raises what entering does, and `ForbiddenError`."""
        async with self.database.write(self.caller) as tx:
            self._check(tx)
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[ReadTx]:
        """As `write`, but it may only read."""
        async with self.database.read(self.caller) as tx:
            self._check(tx)
            yield tx

    @asynccontextmanager
    async def search(self) -> AsyncGenerator[ReadTx]:
        """As `read`, for statements that look through much."""
        async with self.database.search(self.caller) as tx:
            self._check(tx)
            yield tx

    def check(self) -> None:
        """What the credential says of itself, before anything is asked of the database. Raises `ForbiddenError`."""
        _check(self, role=self.principal.role, scopes=self.principal.scopes)

    def _check(self, tx: ReadTx) -> None:
        """What the database says of it: the role that it acts under, and the scopes of a key."""
        _check(self, role=getattr(tx, "role", None), scopes=getattr(tx, "scopes", None))


def _check(desk: Desk, *, role: str | None, scopes: Collection[str] | None) -> None:
    """Tells a person early, and in words; the database's fences hold whatever is said here.

    A role or scopes that are not known yet, or that there are none of, forbid nothing. A scope is held by its name (`beliefs:read`),
    or by its verb for all nouns (`read`).
    """
    if role is not None and role not in {*desk.roles, "operator"}:
        raise ForbiddenError(f"this is for {_listed(sorted(desk.roles))}")
    if scopes is not None and not {desk.scope, desk.scope.rpartition(":")[2]} & set(scopes):
        raise ForbiddenError(f"this credential lacks the scope {desk.scope}")


def _listed(roles: list[str]) -> str:
    return " or ".join([", ".join(f"{role}s" for role in roles[:-1]), f"{roles[-1]}s"][len(roles) == 1 :])
