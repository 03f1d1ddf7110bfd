"""API keys: shown once when they are made, and by their beginning ever after."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field, JsonValue

from empla.access import keys
from empla.access.keys import ApiKey, NewKey
from empla.api.operations import Body, Noun
from empla.api.paging import Page, Paging
from empla.api.sign_ins import BeforeMoment
from empla.errors import UsageError
from empla.storage.tx import ReadTx, Tx

noun = Noun("keys", about="API keys of people and of service accounts, worth at most what their owner is.")
_FEED: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-4000-8000-000000000006",
    "user_id": "0199a5c0-0000-7000-8000-000000000002",
    "name": "CRM feed",
    "prefix": "empla_AZmlwAAA",
    "scopes": ["observations:write"],
    "employee_ids": ["0199a5c0-0000-7000-8000-000000000003"],
    "expires_at": None,
    "last_used_at": None,
    "revoked_at": None,
    "created_by": "0199a5c0-0000-7000-8000-000000000002",
    "created_at": "2026-03-01T09:00:00Z",
}


@noun.reads("/keys", "list", summary="The keys", scope="admin", example={"items": [_FEED], "next_cursor": None})
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    user: Annotated[UUID | None, Query(description="Those of this user or service account.")] = None,
    revoked: Annotated[bool, Query(description="Those that were revoked, too.")] = False,
) -> Page[ApiKey]:
    """One's own, for an admin those of all; the latest first."""
    before = cut.place(BeforeMoment)
    found = await keys.listed(
        tx,
        user=user,
        revoked=revoked,
        limit=cut.reach,
        before_at=before and before.at,
        before=before and before.id,
    )
    return cut.page(found, lambda last: BeforeMoment(at=last.created_at, id=last.id))


class MakeKey(Body):
    """What the key is worth."""

    name: str = Field(min_length=1, max_length=200)
    scopes: list[Annotated[str, Field(max_length=60)]] = Field(
        min_length=1, max_length=50, description="`read`, `write`, `approve`, `admin`, or of one noun: `beliefs:read`."
    )
    employees: list[UUID] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Whom it is narrowed to; all whom its owner sees, if absent.",
    )
    expires_at: datetime | None = None
    user: UUID | None = Field(default=None, description="A service account, for an admin; oneself when absent.")


@noun.makes(
    "/keys",
    "create",
    summary="A new key",
    scope="admin",
    secret=True,
    refusals=(404,),
    location="/keys/{key.id}",
    sends={"name": "CRM feed", "scopes": ["observations:write"], "employees": ["0199a5c0-0000-7000-8000-000000000003"]},
    example={"key": _FEED, "text": "empla_AZmlwAAAQACAAAAAAAAABg"},
)
async def create(tx: Tx, *, body: MakeKey) -> NewKey:
    """Its text is shown once. A key makes no keys."""
    user = body.user or tx.caller.user
    if user is None:
        raise UsageError("say whose key it is to be")
    return await keys.create(
        tx,
        user=user,
        name=body.name,
        scopes=body.scopes,
        employees=body.employees,
        expires_at=body.expires_at,
    )


@noun.reads("/keys/{key}", "get", summary="A key", scope="admin", example=_FEED)
async def get(tx: ReadTx, *, key: UUID) -> ApiKey:
    """Without what proves it."""
    return await keys.find(tx, key=key)


@noun.removes("/keys/{key}", "revoke", summary="A key opens nothing any more", scope="admin")
async def revoke(tx: Tx, *, key: UUID) -> None:
    """From the next request on. One's own, or for an admin anybody's."""
    await keys.revoke(tx, key=key)
