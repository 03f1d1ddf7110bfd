"""From a credential to a caller: who asks, in which tenant and within which scopes comes from the credential alone."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

from empla.access.principals import Principal, require
from empla.errors import ForbiddenError, UnauthorizedError
from empla.storage.database import Database
from empla.storage.tx import Caller, ReadTx, Tx

# A delegate is a key of an admin or a manager that is narrowed to employees: it writes for these (docs/identity.md).
Role = Literal["admin", "manager", "delegate", "user"]
EVERYBODY: frozenset[Role] = frozenset({"admin", "manager", "delegate", "user"})
STAFF: frozenset[Role] = frozenset({"admin", "manager"})
DELEGATES: frozenset[Role] = frozenset({"admin", "manager", "delegate"})
ADMINS: frozenset[Role] = frozenset({"admin"})
ANY = "*"  # in place of a scope: every credential that is good has it


Door = Callable[[Database, str], Awaitable[Principal]]


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
            self.check(tx)
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[ReadTx]:
        """As `write`, but it may only read."""
        async with self.database.read(self.caller) as tx:
            self.check(tx)
            yield tx

    def check(self, tx: ReadTx) -> None:
        """What the database says of the credential: the role that it acts under, and the scopes of a key.

        Tells a person early, and in words; the database's fences hold whatever is said here. Raises `ForbiddenError`.
        """
        if tx.role not in self.roles:
            raise ForbiddenError(f"this is for {_listed(sorted(self.roles))}")
        if self.scope != ANY:
            require(tx, self.scope)


def _listed(roles: list[str]) -> str:
    return " or ".join([", ".join(f"{role}s" for role in roles[:-1]), f"{roles[-1]}s"][len(roles) == 1 :])
