"""From a credential to a caller: who asks, in which tenant and within which scopes comes from the credential alone."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from starlette.requests import Request

from empla.errors import ForbiddenError, UnauthorizedError, UnavailableError
from empla.storage.database import Database
from empla.storage.tx import Caller

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
    def scopes(self) -> Collection[str]:
        """What an API key is narrowed to."""
        ...


Door = Callable[[Database, str], Awaitable[Principal]]


@dataclass(frozen=True, slots=True)
class Desk:
    """For operations that choose their own transactions: the database and who asks."""

    database: Database
    caller: Caller
    principal: Principal


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


def check_scope(principal: Principal, scope: str) -> None:
    """A sign-in may do what its role may; a key what its scopes say: `beliefs:read`, or `read` for all nouns. Raises `ForbiddenError`."""
    verb = scope.rpartition(":")[2]
    if principal.kind != "sign_in" and not {scope, verb} & set(principal.scopes):
        raise ForbiddenError(f"this credential lacks the scope {scope}")


def check_role(principal: Principal, roles: Collection[str]) -> None:
    """Tells a person early, and in words; the database's fences hold whatever is said here. Raises `ForbiddenError`."""
    if principal.role is not None and principal.role not in {*roles, "operator"}:
        raise ForbiddenError(f"this is for {_listed(sorted(roles))}")


def _listed(roles: list[str]) -> str:
    return " or ".join([", ".join(f"{role}s" for role in roles[:-1]), f"{roles[-1]}s"][len(roles) == 1 :])
