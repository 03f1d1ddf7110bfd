"""From a password to tokens, and out again. Whatever is wrong about a sign-in is answered alike."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from empla.access import sign_ins
from empla.access.sign_ins import Client, SignIn, Tokens
from empla.api.operations import Body, Noun
from empla.api.paging import Page, Paging
from empla.storage.database import Database
from empla.storage.tx import ReadTx, Tx

noun = Noun("sign_ins", about="How a person comes in: by password, for tokens that each can be ended at once.")
_TOKENS: dict[str, JsonValue] = {
    "access_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6IjFmMGMifQ.eyJpc3MiOiJlbXBsYSJ9.c2lnbmF0dXJl",
    "access_expires_at": "2026-03-01T09:10:00Z",
    "refresh_token": "emplar_AZmlwAAAcACAAAAAAAAABQ",
    "sign_in": "0199a5c0-0000-7000-8000-000000000005",
    "expires_at": "2026-03-31T09:00:00Z",
}
_SIGN_IN: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000005",
    "user_id": "0199a5c0-0000-7000-8000-000000000002",
    "address": "192.0.2.7",
    "agent": "curl/8.14.1",
    "created_at": "2026-03-01T09:00:00Z",
    "refreshed_at": "2026-03-01T09:00:00Z",
    "idle_until": "2026-03-08T09:00:00Z",
    "expires_at": "2026-03-31T09:00:00Z",
    "ended_at": None,
    "ended_because": None,
}


class Password(Body):
    """Who signs in."""

    tenant: str = Field(max_length=200, description="Its slug.")
    email: str = Field(max_length=400)
    password: str = Field(max_length=2000, repr=False)


@noun.acts(
    "/sign-in",
    "create",
    summary="Sign in",
    scope=None,
    secret=True,
    refusals=(401,),
    sends={"tenant": "acme-corp", "email": "dana@acme.example", "password": "correct horse battery"},
    example=_TOKENS,
)
async def create(*, desk: Database, client: Client, body: Password) -> Tokens:
    """An access token for minutes, and a refresh token for the next one. Nobody is told whether tenant, e-mail or password was wrong."""
    return await sign_ins.sign_in(desk, slug=body.tenant, email=body.email, password=body.password, client=client)


class Refresh(Body):
    """What is exchanged."""

    refresh_token: str = Field(max_length=1000, repr=False)


@noun.acts(
    "/sign-in/refresh",
    "refresh",
    summary="Fresh tokens",
    scope=None,
    secret=True,
    refusals=(401,),
    sends={"refresh_token": "emplar_AZmlwAAAcACAAAAAAAAABQ"},
    example=_TOKENS,
)
async def refresh(*, desk: Database, body: Refresh) -> Tokens:
    """The refresh token is used up. One that was used before ends the sign-in, for somebody else may have it."""
    return await sign_ins.refresh(desk, body.refresh_token)


@noun.acts("/sign-out", "out", summary="Sign out", scope="admin", status=204, refusals=(404,))
async def out(tx: Tx) -> None:
    """The sign-in that this access token came by is over. A key has none: revoke it."""
    await sign_ins.sign_out(tx)


class BeforeMoment(BaseModel):
    """The place in a list of what came last, whose ids do not say when."""

    model_config = ConfigDict(extra="forbid")

    at: datetime
    id: UUID


@noun.reads(
    "/sign-ins", "list", summary="The sign-ins", scope="admin", example={"items": [_SIGN_IN], "next_cursor": None}
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    user: Annotated[UUID | None, Query(description="Those of this user, for an admin; otherwise one's own.")] = None,
    ended: Annotated[bool, Query(description="Those that are over, too.")] = False,
) -> Page[SignIn]:
    """The latest first."""
    before = cut.place(BeforeMoment)
    found = await sign_ins.listed(
        tx,
        user=user or tx.caller.user,
        ended=ended,
        limit=cut.reach,
        before_at=before and before.at,
        before=before and before.id,
    )
    return cut.page(found, lambda last: BeforeMoment(at=last.created_at, id=last.id))


@noun.removes("/sign-ins/{sign_in}", "end", summary="A sign-in is over", scope="admin")
async def end(tx: Tx, *, sign_in: UUID) -> None:
    """One's own, or for an admin anybody's: from the next request on its tokens open nothing."""
    await sign_ins.revoke(tx, sign_in=sign_in)
