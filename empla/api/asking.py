"""One request, from its first byte to its answer: what the log, the headers and the figures tell of it."""

from dataclasses import dataclass
from typing import cast

from starlette.types import Scope

from empla.api.doors import Desk, Principal
from empla.api.limits import Allowance

_KEY = "empla.asking"


@dataclass(slots=True)
class Asking:
    """What is known of a request so far."""

    id: str
    operation: str = "none"  # noun.verb, once it was routed
    desk: Desk | None = None  # once the door has let it in
    allowance: Allowance | None = None

    @property
    def principal(self) -> Principal | None:
        """Who asks."""
        return None if self.desk is None else self.desk.principal


def asking(scope: Scope) -> Asking:
    """The request of this scope."""
    found = scope.get(_KEY)
    return cast("Asking", found) if found is not None else Asking("-")


def begin(scope: Scope, told: Asking) -> None:
    """The request is known by its scope from now on."""
    scope[_KEY] = told
