"""Passwords: argon2id, hashed in a thread and few at once. The digest stays in the database, which gives out the recipe alone.

The recipe is what of a hash is no secret: algorithm, costs, salt. Where there is no password a fresh recipe makes the work the same.
"""

import asyncio
import base64
import re
import secrets
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID
from weakref import WeakKeyDictionary

from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import BaseModel

from empla.errors import InvalidError, UnauthorizedError, UnavailableError
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller, Tx

SHORTEST, LONGEST = 8, 1024  # characters
_MOST_WAITING = 100  # passwords per process: who comes then is told to come again
_RECIPE = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)")
_SALT = 16  # bytes


class LockedOutError(UnauthorizedError):
    """Too many attempts on one account, or from one address; whether there is such an account does not matter."""

    def __init__(self, until: datetime) -> None:
        """`until` when no further one is judged."""
        self.retry_after = max(1.0, (until - datetime.now(UTC)).total_seconds())  # seconds
        minutes = max(1, round(self.retry_after / 60))
        super().__init__(f"too many attempts: try again in {minutes} minute{'s' if minutes > 1 else ''}")


class Gate:
    """Of one process and database: so many are hashed at once, so many wait."""

    def __init__(self, settings: Settings) -> None:
        """Use `hashed`."""
        self.semaphore = asyncio.Semaphore(settings.password_concurrency)
        self.waiting = 0


_gates: WeakKeyDictionary[Database, Gate] = WeakKeyDictionary()


def check(password: str, *, email: str) -> None:
    """Raises `InvalidError` for one that is too short, too long, the e-mail, or one sign again and again."""
    plain = plain_of(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise InvalidError(f"a password has {SHORTEST} to {LONGEST:,} characters")
    if plain.casefold() in {email.casefold(), email.casefold().partition("@")[0]}:
        raise InvalidError("a password is not one's e-mail")
    if len(set(plain)) == 1:
        raise InvalidError("a password is more than one sign again and again")


def plain_of(password: str) -> str:
    """However a keyboard composed it; empty, which no password is, for what can't be one."""
    try:
        password.encode()
    except UnicodeEncodeError:
        return ""
    return unicodedata.normalize("NFC", password) if len(password) <= LONGEST else ""


async def hashed(database: Database, password: str, *, recipe: str | None = None) -> str:
    """Its hash by this recipe, or by a fresh one. Raises `UnavailableError` when too many wait already."""
    gate = _gates.setdefault(database, Gate(database.settings))
    if gate.waiting >= _MOST_WAITING:
        raise UnavailableError("too many people sign in at once: try again in a moment")
    gate.waiting += 1
    try:
        async with gate.semaphore:
            return await asyncio.to_thread(argon2, plain_of(password), recipe)
    finally:
        gate.waiting -= 1


def argon2(password: str, recipe: str | None) -> str:
    """A quarter of a second of a core, and 64 MB."""
    found = None if recipe is None else _RECIPE.fullmatch(recipe)
    if found is None:
        return Argon2Hasher().hash(password, salt=secrets.token_bytes(_SALT))
    memory, rounds, lanes = (int(part) for part in found.groups()[:3])
    salt = base64.b64decode(found[4] + "=" * (-len(found[4]) % 4))
    return Argon2Hasher(time_cost=rounds, memory_cost=memory, parallelism=lanes).hash(password, salt=salt)


class _Own(BaseModel):
    email: str | None
    recipe: str | None
    locked_until: datetime | None


OWN_RECIPE: LiteralString = """
    SELECT email, recipe, locked_until
      FROM own_recipe(%(most)s::integer, %(span)s::interval, %(lock)s::interval)
"""
CHANGE: LiteralString = "SELECT change_password(%(old)s::text, %(new)s::text, %(but)s::uuid)"


async def change(database: Database, caller: Caller, *, old: str, new: str) -> None:
    """Whoever has signed in has a new password: all other sign-ins are over. The old one is asked for, and guesses are counted.

    Raises `InvalidError` for a new one that won't do, `UnauthorizedError` for a wrong old one, `LockedOutError`, `ForbiddenError`.
    """
    limits = database.settings
    async with database.write(caller) as tx:
        found = await tx.fetch_one(
            _Own,
            OWN_RECIPE,
            most=limits.lockout_attempts,
            span=timedelta(seconds=limits.lockout_window),
            lock=timedelta(seconds=limits.lockout_time),
        )
    if found is None or found.locked_until is not None:
        raise LockedOutError(datetime.now(UTC) if found is None or found.locked_until is None else found.locked_until)
    check(new, email=found.email or "")
    before, after = await hashed(database, old, recipe=found.recipe), await hashed(database, new)
    but = None if caller.proof is None else caller.proof.sign_in
    async with database.write(caller) as tx:
        right = await tx.fetch_value(bool, CHANGE, old=before, new=after, but=but)
    if not right:
        raise UnauthorizedError("that is not the old password")


SET: LiteralString = "SELECT set_password(%(user)s::uuid, %(hash)s::text)"


async def put(tx: Tx, *, user: UUID, hashed: str) -> None:
    """The operator's way: the user has this password, and all sign-ins are over. Raises `ForbiddenError`, `NotFoundError` for a program."""
    await tx.execute(SET, user=user, hash=hashed)
