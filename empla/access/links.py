"""Links that let a person set a password, once: an invitation that an admin hands out, a reset that goes to the person's own mailbox."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, LiteralString
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict

from empla.access import credentials, passwords
from empla.access.credentials import Credential
from empla.access.passwords import LockedOutError
from empla.access.sign_ins import Client, typed
from empla.errors import InvalidError, UnauthorizedError
from empla.storage.database import Database
from empla.storage.tx import Tx

Purpose = Literal["invitation", "reset"]
USED_UP = "this link does not work any more: ask for another one"
_LONGEST_SLUG, _LONGEST_EMAIL = 63, 254  # characters


@dataclass(frozen=True, slots=True)
class Link:
    """What goes to one person; whoever has the token sets that person's password."""

    token: str = field(repr=False)
    purpose: Purpose
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A link, and to whom it goes."""

    link: Link
    tenant: UUID
    user: UUID
    email: str
    name: str


Deliver = Callable[[Delivery], Awaitable[None]]


class LinkHolder(BaseModel):
    """Whose link it is: what the page that asks for the password shows."""

    model_config = ConfigDict(frozen=True)

    purpose: Purpose
    email: str
    name: str
    slug: str


class _Requested(BaseModel):
    tenant: UUID
    person: UUID | None
    known_email: str | None
    name: str | None
    locked_until: datetime | None


class _Used(BaseModel):
    used: bool


MAKE: LiteralString = (
    "SELECT make_link(%(user)s::uuid, %(purpose)s::text, %(link)s::uuid, %(digest)s::bytea, %(life)s::interval)"
)


async def invite(tx: Tx, *, user: UUID) -> Link:
    """For a person who has no password yet; an older invitation is good no more.

    Raises `ForbiddenError` for whoever is no admin or came by a key, `ConflictError` for whoever has a password, `NotFoundError`.
    """
    return await _made(tx, user, "invitation", timedelta(days=tx.settings.invitation_days))


async def reset(tx: Tx, *, user: UUID) -> Link:
    """For a person who has forgotten the password, from an admin's hand; an admin's own goes by mail, or through the operator.

    Raises `ForbiddenError`, `NotFoundError`.
    """
    return await _made(tx, user, "reset", timedelta(minutes=tx.settings.reset_minutes))


async def _made(tx: Tx, user: UUID, purpose: Purpose, life: timedelta) -> Link:
    made = Credential("link", uuid4(), tx.tenant_id, user, (credentials.secret(),))
    until = await tx.fetch_value(
        datetime, MAKE, user=user, purpose=purpose, link=made.id, digest=made.digests[0], life=life
    )
    if until is None:
        raise InvalidError("no link was made")
    return Link(made.text, purpose, until)


REQUEST: LiteralString = """
    SELECT tenant, person, known_email, name, locked_until
      FROM empla.request_reset(%(slug)s::text, %(email)s::text, %(address_key)s::bytea, %(link)s::uuid, %(digest)s::bytea,
                               %(life)s::interval, %(most)s::integer, %(address_most)s::integer, %(span)s::interval, %(lock)s::interval)
"""


async def request_reset(
    database: Database, *, slug: str, email: str, deliver: Deliver, client: Client | None = None
) -> None:
    """Somebody has forgotten the password: if there is such a person, `deliver` sends the link behind the answer. One message.

    Nothing tells whether there is. Raises `LockedOutError` after too many, alike for those whom nobody knows.
    """
    limits = database.settings
    life = timedelta(minutes=limits.reset_minutes)
    identity, secret = uuid4(), credentials.secret()
    [found] = await database.across(
        _Requested,
        REQUEST,
        slug=typed(slug, _LONGEST_SLUG),
        email=typed(email.strip(), _LONGEST_EMAIL),
        address_key=None if client is None or client.address is None else credentials.digest(client.address),
        link=identity,
        digest=Credential("link", identity, identity, identity, (secret,)).digests[0],
        life=life,
        most=limits.reset_attempts,
        address_most=limits.address_attempts,
        span=timedelta(seconds=limits.lockout_window),
        lock=timedelta(seconds=limits.lockout_time),
    )
    if found.locked_until is not None:
        raise LockedOutError(found.locked_until)
    if found.person is not None and found.known_email is not None:
        made = Credential("link", identity, found.tenant, found.person, (secret,))
        link = Link(made.text, "reset", datetime.now(UTC) + life)
        delivery = Delivery(
            link, tenant=found.tenant, user=found.person, email=found.known_email, name=found.name or ""
        )
        database.afterwards(("reset", identity), partial(_delivered, deliver, delivery))


async def _delivered(deliver: Deliver, delivery: Delivery) -> None:
    await deliver(delivery)


LOOK: LiteralString = """
    SELECT purpose, email, name, slug FROM empla.look_at_link(%(tenant)s::uuid, %(user)s::uuid, %(link)s::uuid, %(digest)s::bytea)
"""


async def look(database: Database, token: str) -> LinkHolder:
    """Whose link it is; it is not used up by looking. Raises `UnauthorizedError` for one that is not good any more, or never was."""
    brought = _read(token)
    found = await database.across(
        LinkHolder, LOOK, tenant=brought.tenant, user=brought.user, link=brought.id, digest=brought.digests[0]
    )
    if not found:
        raise UnauthorizedError(USED_UP)
    return found[0]


USE: LiteralString = """
    SELECT empla.use_link(%(tenant)s::uuid, %(user)s::uuid, %(link)s::uuid, %(digest)s::bytea, %(hash)s::text) AS used
"""


async def accept(database: Database, token: str, *, password: str) -> LinkHolder:
    """The person has this password, and may sign in with it; the link is used up, all sign-ins are over, a lock is lifted.

    Raises `UnauthorizedError` for a link that is not good any more, `InvalidError` for a password that won't do (the link stays good).
    """
    holder = await look(database, token)
    passwords.check(password, email=holder.email)
    hashed = await passwords.hashed(database, password)
    brought = _read(token)
    [outcome] = await database.across(
        _Used,
        USE,
        tenant=brought.tenant,
        user=brought.user,
        link=brought.id,
        digest=brought.digests[0],
        hash=hashed,
    )
    if not outcome.used:
        raise UnauthorizedError(USED_UP)
    return holder


def _read(token: str) -> Credential:
    try:
        return credentials.read("link", token)
    except UnauthorizedError:
        raise UnauthorizedError(USED_UP) from None
