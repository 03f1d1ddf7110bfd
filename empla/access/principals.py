"""Who has come through a door, and what their key lets them do. Scopes narrow; the role, which the database judges, is never widened."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from empla.errors import ForbiddenError, InvalidError
from empla.storage.tx import Caller, ReadTx

# The whole vocabulary. A bare verb is for all nouns; none of them contains another.
VERBS = ("read", "write", "approve", "admin")
# approve: decide on effects, conflicts and promotions. admin: users, keys, settings of the tenant.
NOUNS = (
    *("audit", "beliefs", "budgets", "conversations", "effects", "employees", "goals", "intentions"),
    *("memory", "metrics", "notices", "observations", "playbooks"),
)
SCOPES: frozenset[str] = frozenset([*VERBS, *(f"{noun}:{verb}" for noun in NOUNS for verb in ("read", "write"))])
UNLIMITED: frozenset[str] = frozenset(VERBS)  # of whoever has signed in: the role alone decides


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a program, by its credential; which role and scopes it has, a transaction of its caller tells."""

    caller: Caller
    user: UUID
    kind: Literal["sign_in", "api_key"]
    name: str  # for logs: the beginning of the key, or the user's id


def checked(scopes: Iterable[str]) -> list[str]:
    """In order, each once. Raises `InvalidError` for none, and for a word that is no scope."""
    wanted = sorted({scope.strip() for scope in scopes})
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise InvalidError(f"there is no scope {unknown[0]!r}: {', '.join(VERBS)}, or like memory:read")
    if not wanted:
        raise InvalidError("a key has at least one scope")
    return wanted


def allows(scopes: frozenset[str], wanted: str) -> bool:
    """`beliefs:write` is allowed by itself and by `write`."""
    return wanted in scopes or wanted.rpartition(":")[2] in scopes


def require(tx: ReadTx, scope: str) -> None:
    """The caller's key has this scope, or the caller has no key. Raises `ForbiddenError`."""
    if scope not in SCOPES:
        raise ValueError(f"{scope} is no scope")
    if tx.scopes is not None and not allows(tx.scopes, scope):
        raise ForbiddenError(f"this key has not the scope {scope}")
