"""Who may do what over HTTP: for each operation, what each role is answered about what is its own, and about another tenant's.

An operation without a row fails. `admin`, `manager` and `user` ask about the employee that is assigned to the user
(`own`), and about one of another tenant (`other`), which is there for none of them. Where an operation names nothing, there is no other.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from calling import Home

from empla.storage.database import Database


@dataclass(frozen=True)
class Row:
    """The statuses of admin, manager and user; what another tenant's ids are answered, by role; and what it costs."""

    own: tuple[int, int, int]
    other: tuple[int, int, int] | None = None
    sends: Any = None
    params: Mapping[str, str] | None = None
    messages: int = 3  # to the database, of the admin's request: begin, what it does, commit
    keyless: bool = False  # for whoever has signed in: no key may, whatever its scopes


@dataclass(frozen=True)
class Area:
    """The rows of some nouns, and what the parameters of their paths name in a home: the employee there is `home.own`."""

    rows: Mapping[str, Row]
    things: Callable[[Database, Home], Awaitable[dict[str, UUID | str]]]


READ = ((200, 200, 200), (404, 404, 404))
STAFF = ((200, 200, 403), (404, 404, 403))
GONE = ((204, 204, 403), (404, 404, 403))
ADMIN = ((200, 403, 403), (404, 403, 403))
