"""Sign-ins: from a password to short access tokens and a refresh token that is exchanged at each use. Each can be ended, at once.

Tenant, user and password are judged together: nobody learns which of them was wrong, by the answer or by the work it took.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from empla.access import credentials, passwords, tokens
from empla.access.credentials import Credential
from empla.access.passwords import LockedOutError
from empla.errors import NotFoundError, UnauthorizedError
from empla.storage.database import Database
from empla.storage.tx import ReadTx, Tx

WRONG = "the tenant, the e-mail or the password is wrong"
_LONGEST_SLUG, _LONGEST_EMAIL, _LONGEST_ADDRESS, _LONGEST_AGENT = 63, 254, 100, 500  # characters

Because = Literal["signed_out", "revoked", "reused", "password_changed"]


@dataclass(frozen=True, slots=True)
class Client:
    """From where somebody signs in: what attempts are counted by (where there is an address), and what a list of sign-ins shows."""

    address: str | None = None
    agent: str | None = None


class Tokens(BaseModel):
    """What a client keeps. Both texts are shown once."""

    model_config = ConfigDict(frozen=True)

    access_token: str = Field(repr=False)
    access_expires_at: datetime
    refresh_token: str = Field(repr=False)
    sign_in: UUID
    expires_at: datetime  # of the sign-in, however often it is refreshed


class SignIn(BaseModel):
    """One sign-in, as its user and the admins see it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    user_id: UUID
    address: str | None
    agent: str | None
    created_at: datetime
    refreshed_at: datetime
    idle_until: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_because: Because | None


class _Begun(BaseModel):
    tenant: UUID
    person: UUID | None
    recipe: str | None
    locked_until: datetime | None


class _Finished(BaseModel):
    sign_in: UUID
    user_id: UUID
    expires_at: datetime


class _Exchanged(BaseModel):
    outcome: str
    expires_at: datetime | None


BEGIN: LiteralString = """
    SELECT tenant, person, recipe, locked_until
      FROM empla.begin_sign_in(%(slug)s::text, %(email)s::text, %(address_key)s::bytea, %(most)s::integer, %(address_most)s::integer,
                               %(span)s::interval, %(lock)s::interval)
"""
FINISH: LiteralString = """
    SELECT sign_in, user_id, expires_at
      FROM empla.finish_sign_in(%(tenant)s::uuid, %(person)s::uuid, %(hash)s::text, %(slug)s::text, %(email)s::text, %(address)s::text,
                                %(address_key)s::bytea, %(agent)s::text, %(family)s::bytea, %(refresh)s::bytea, %(idle)s::interval,
                                %(life)s::interval)
"""


@dataclass(frozen=True, slots=True)
class _Made:
    refresh_token: Credential
    expires_at: datetime


async def sign_in(database: Database, *, slug: str, email: str, password: str, client: Client | None = None) -> Tokens:
    """Tokens for a program, as `_judged` says."""
    made = await _judged(database, slug=slug, email=email, password=password, client=client)
    return _tokens(database, made.refresh_token, made.expires_at)


async def sign_in_page(
    database: Database, *, slug: str, email: str, password: str, client: Client | None = None
) -> tokens.Issued:
    """The token of a browser's cookie; the refresh token is told to nobody. Raises as `sign_in`."""
    made = await _judged(database, slug=slug, email=email, password=password, client=client)
    of = made.refresh_token
    return tokens.issue(
        database.settings, tenant=of.tenant, user=of.user, sign_in=of.id, until=made.expires_at, kind="page"
    )


async def _judged(database: Database, *, slug: str, email: str, password: str, client: Client | None) -> _Made:
    """Two messages and one hash, whatever is wrong; a locked account takes the first message alone, whether it exists or not.

    Raises `UnauthorizedError` with one sentence, `LockedOutError`, `UnavailableError` when too many sign in at once or no key signs tokens.
    """
    limits, place = database.settings, client or Client()
    tenant_typed, email_typed = typed(slug, _LONGEST_SLUG), typed(email.strip(), _LONGEST_EMAIL)
    counted_by = None if place.address is None else credentials.digest(place.address)
    [begun] = await database.across(
        _Begun,
        BEGIN,
        slug=tenant_typed,
        email=email_typed,
        address_key=counted_by,
        most=limits.lockout_attempts,
        address_most=limits.address_attempts,
        span=timedelta(seconds=limits.lockout_window),
        lock=timedelta(seconds=limits.lockout_time),
    )
    if begun.locked_until is not None:
        raise LockedOutError(begun.locked_until)
    hashed = await passwords.hashed(database, password, recipe=begun.recipe)
    family, own = credentials.secret(), credentials.secret()
    halves = Credential("refresh", begun.tenant, begun.tenant, begun.tenant, (family, own)).digests
    finished = await database.across(
        _Finished,
        FINISH,
        tenant=begun.tenant,
        person=begun.person,
        hash=hashed,
        slug=tenant_typed,
        email=email_typed,
        address=typed(place.address or "", _LONGEST_ADDRESS) or None,
        address_key=counted_by,
        agent=typed((place.agent or "")[:_LONGEST_AGENT], _LONGEST_AGENT) or None,
        family=halves[0],
        refresh=halves[1],
        idle=timedelta(days=limits.sign_in_idle_days),
        life=timedelta(days=limits.sign_in_days),
    )
    if not finished:
        raise UnauthorizedError(WRONG)
    [made] = finished
    return _Made(Credential("refresh", made.sign_in, begun.tenant, made.user_id, (family, own)), made.expires_at)


EXCHANGE: LiteralString = """
    SELECT outcome, expires_at
      FROM empla.exchange_refresh(%(tenant)s::uuid, %(person)s::uuid, %(sign_in)s::uuid, %(family)s::bytea, %(secret)s::bytea,
                                  %(next)s::bytea, %(grace)s::interval, %(idle)s::interval)
"""


async def refresh(database: Database, text: str) -> Tokens:
    """Fresh tokens for a refresh token, which is used up. One message.

    One that was used before ends the sign-in, for somebody else may have it; within EMPLA_REFRESH_GRACE seconds it is refused and no more.
    Raises `UnauthorizedError`, whatever the reason.
    """
    brought = credentials.read("refresh", text)
    following = Credential(
        "refresh", brought.id, brought.tenant, brought.user, (brought.secrets[0], credentials.secret())
    )
    [exchanged] = await database.across(
        _Exchanged,
        EXCHANGE,
        tenant=brought.tenant,
        person=brought.user,
        sign_in=brought.id,
        family=brought.digests[0],
        secret=brought.digests[1],
        next=following.digests[1],
        grace=timedelta(seconds=database.settings.refresh_grace),
        idle=timedelta(days=database.settings.sign_in_idle_days),
    )
    if exchanged.expires_at is None:
        raise UnauthorizedError(credentials.REFUSED)
    return _tokens(database, following, exchanged.expires_at)


def _tokens(database: Database, refresh_token: Credential, until: datetime) -> Tokens:
    issued = tokens.issue(
        database.settings,
        tenant=refresh_token.tenant,
        user=refresh_token.user,
        sign_in=refresh_token.id,
        until=until,
    )
    return Tokens(
        access_token=issued.text,
        access_expires_at=issued.expires_at,
        refresh_token=refresh_token.text,
        sign_in=refresh_token.id,
        expires_at=until,
    )


def typed(text: str, longest: int) -> str:
    """What somebody typed; empty, which names nobody, for what is too long or no text that a database takes."""
    plain = text if len(text) <= longest and "\0" not in text else ""
    return plain.encode("utf-8", "ignore").decode() if plain else ""


LISTED: LiteralString = """
    SELECT id, user_id, address, agent, created_at, refreshed_at, idle_until, expires_at, ended_at, ended_because
      FROM sign_ins
     WHERE tenant_id = %(tenant)s::uuid AND (%(user)s::uuid IS NULL OR user_id = %(user)s::uuid)
       AND (%(ended)s::boolean OR (ended_at IS NULL AND expires_at > statement_timestamp() AND idle_until > statement_timestamp()))
       AND (%(before)s::uuid IS NULL OR (created_at, id) < (%(before_at)s::timestamptz, %(before)s::uuid))
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s::integer
"""


async def listed(
    tx: ReadTx,
    *,
    user: UUID | None = None,
    ended: bool = False,
    limit: int = 100,
    before_at: datetime | None = None,
    before: UUID | None = None,
) -> list[SignIn]:
    """The latest first: one's own, for an admin those of all. Those that are over too, if `ended`."""
    return await tx.fetch_all(SignIn, LISTED, user=user, ended=ended, limit=limit, before_at=before_at, before=before)


END: LiteralString = """
    SELECT end_sign_ins(i.user_id, i.id, NULL, %(because)s::text)
      FROM sign_ins i WHERE i.tenant_id = %(tenant)s::uuid AND i.id = %(sign_in)s::uuid
"""


async def revoke(tx: Tx, *, sign_in: UUID) -> None:
    """It is over from the next transaction on. Raises `NotFoundError`, also for another's and for one that is over already."""
    if not await tx.fetch_value(int, END, sign_in=sign_in, because="revoked"):
        raise NotFoundError("there is no such sign-in")


async def sign_out(tx: Tx) -> None:
    """The caller's own sign-in is over from the next transaction on. Raises `NotFoundError` for whoever came by a key."""
    own = None if tx.caller.proof is None else tx.caller.proof.sign_in
    if not await tx.fetch_value(int, END, sign_in=own, because="signed_out"):
        raise NotFoundError("there is no such sign-in")


END_ALL: LiteralString = "SELECT end_sign_ins(%(user)s::uuid, NULL, %(but)s::uuid, 'revoked')"


async def revoke_all(tx: Tx, *, user: UUID, but: UUID | None = None) -> int:
    """All of the user's are over, except `but`; how many there were. Raises `ForbiddenError` for another's."""
    return await tx.fetch_value(int, END_ALL, user=user, but=but) or 0


SWEEP: LiteralString = "SELECT sweep_sign_ins(%(keep)s::interval) WHERE %(tenant)s::uuid IS NOT NULL"


async def sweep(tx: Tx) -> int:
    """The tenant's sign-ins and links that were over for EMPLA_SIGN_IN_KEPT_DAYS are gone; how many. For housekeeping, as the operator."""
    return await tx.fetch_value(int, SWEEP, keep=f"{tx.settings.sign_in_kept_days * 24} hours") or 0
