"""Every error that a person may see is one clear sentence, and belongs to one of seven kinds."""

from collections.abc import Sequence
from typing import ClassVar, Literal

Kind = Literal["usage", "not_found", "conflict", "forbidden", "invalid", "unavailable", "unauthorized"]


class EmplaError(Exception):
    """Base of all errors of empla; each face maps `kind` in one place (exit code, HTTP status)."""

    kind: ClassVar[Kind] = "invalid"


class UsageError(EmplaError):
    """The command was called in a way that it does not take."""

    kind = "usage"


class NotFoundError(EmplaError):
    """No such thing within what the caller may see."""

    kind = "not_found"


class ConflictError(EmplaError):
    """It exists already, or has moved on since the caller looked."""

    kind = "conflict"


class UnauthorizedError(EmplaError):
    """Nobody knows who the caller is: no credential, a wrong one, or one that is not good any more."""

    kind = "unauthorized"


class ForbiddenError(EmplaError):
    """The caller's role does not allow it."""

    kind = "forbidden"


class InvalidError(EmplaError):
    """The input is wrong; nothing was changed."""

    kind = "invalid"


class FaultyError(InvalidError):
    """Several things are wrong, each told by a sentence of its own: as text, each on a line."""

    def __init__(self, faults: Sequence[str]) -> None:
        """At least one."""
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class UnavailableError(EmplaError):
    """The database or a server can't be used as it is now; the sentence says what to do, or what is wrong."""

    kind = "unavailable"
