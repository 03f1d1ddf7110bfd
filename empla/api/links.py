"""Links by which a person sets a password, once. A token travels in bodies alone: addresses are written to logs."""

from datetime import datetime
from functools import partial
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from empla.access import links
from empla.access.links import LinkHolder, Purpose
from empla.access.sign_ins import Client
from empla.api.doors import ADMINS
from empla.api.operations import Body, Noun
from empla.mind.mail_resets import mail_reset
from empla.storage.database import Database
from empla.storage.tx import Tx

noun = Noun("links", about="Invitations and resets: a link lets one person set a password, once.")
_TOKEN = "emplal_AZmlwAAAcACAAAAAAAAABQ"  # noqa: S105 — an example
_HOLDER: dict[str, JsonValue] = {
    "purpose": "reset",
    "email": "dana@acme.example",
    "name": "Dana",
    "slug": "acme-corp",
}


class MadeLink(BaseModel):
    """What an admin hands to one person."""

    model_config = ConfigDict(frozen=True)

    token: str = Field(repr=False, description="Shown once.")
    purpose: Purpose
    expires_at: datetime


_MADE: dict[str, JsonValue] = {"token": _TOKEN, "purpose": "invitation", "expires_at": "2026-03-08T09:00:00Z"}


@noun.acts(
    "/users/{user}/invitation",
    "invite",
    summary="A link for a person without a password",
    scope="admin",
    roles=ADMINS,
    status=201,
    secret=True,
    example=_MADE,
)
async def invite(tx: Tx, *, user: UUID) -> MadeLink:
    """To hand out; the newest counts. A key may not."""
    made = await links.invite(tx, user=user)
    return MadeLink(token=made.token, purpose=made.purpose, expires_at=made.expires_at)


@noun.acts(
    "/users/{user}/reset",
    "reset",
    summary="A link for a person who has forgotten the password",
    scope="admin",
    roles=ADMINS,
    status=201,
    secret=True,
    example={**_MADE, "purpose": "reset"},
)
async def reset(tx: Tx, *, user: UUID) -> MadeLink:
    """To hand out; not for an admin, whose link goes through the operator. A key may not."""
    made = await links.reset(tx, user=user)
    return MadeLink(token=made.token, purpose=made.purpose, expires_at=made.expires_at)


class RequestReset(Body):
    """Who has forgotten the password."""

    tenant: str = Field(max_length=200, description="Its slug.")
    email: str = Field(max_length=400)


@noun.acts(
    "/links/request",
    "request",
    summary="A password was forgotten",
    scope=None,
    status=204,
    secret=True,
    sends={"tenant": "acme-corp", "email": "dana@acme.example"},
)
async def request(*, desk: Database, client: Client, body: RequestReset) -> None:
    """Answered alike, and as fast, whether there is such a person; the link goes by mail behind the answer. The tenant's log has it."""
    deliver = partial(mail_reset, desk)
    await links.request_reset(desk, slug=body.tenant, email=body.email, deliver=deliver, client=client)


class HeldLink(Body):
    """A link."""

    token: str = Field(max_length=1000, repr=False)


@noun.acts(
    "/links/look",
    "look",
    summary="Whose link it is",
    scope=None,
    secret=True,
    refusals=(401,),
    sends={"token": _TOKEN},
    example=_HOLDER,
)
async def look(*, desk: Database, body: HeldLink) -> LinkHolder:
    """It is not used up by looking."""
    return await links.look(desk, body.token)


class UsedLink(Body):
    """A link, and what it is for."""

    token: str = Field(max_length=1000, repr=False)
    password: str = Field(max_length=2000, repr=False, description="8 to 1,024 characters.")


@noun.acts(
    "/links/use",
    "use",
    summary="Set the password by a link",
    scope=None,
    secret=True,
    refusals=(401,),
    sends={"token": _TOKEN, "password": "correct horse battery"},
    example=_HOLDER,
)
async def use(*, desk: Database, body: UsedLink) -> LinkHolder:
    """The link is used up, all sign-ins are over, a lock is lifted. A password that won't do leaves the link good."""
    return await links.accept(desk, body.token, password=body.password)
