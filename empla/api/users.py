"""The people of a tenant, and what they may do."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field, JsonValue

from empla.api.doors import ADMINS
from empla.api.etags import Seen
from empla.api.operations import Body, Noun
from empla.api.paging import AfterEmail, BeforeId, Page, Paging
from empla.storage.tx import ReadTx, Tx
from empla.tenancy import users
from empla.tenancy.shapes import UserSettings
from empla.tenancy.users import Role, User

noun = Noun("users", about="The people of the tenant. Staff see their colleagues, everybody himself.")
_DANA: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000002",
    "email": "dana@acme.example",
    "name": "Dana",
    "role": "manager",
    "settings": {},
    "created_at": "2026-03-01T09:00:00Z",
    "updated_at": "2026-03-01T09:00:00Z",
}


@noun.reads("/users", "list", summary="The people", scope="read", example={"items": [_DANA], "next_cursor": None})
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    sort: Annotated[Literal["email", "-created"], Query(description="By e-mail, or who came last first.")] = "email",
    role: Annotated[Role | None, Query(description="Those of this role.")] = None,
) -> Page[User]:
    """Those whom the caller may see."""
    if sort == "email":
        after = cut.place(AfterEmail)
        found = await users.by_email(tx, limit=cut.reach, after=after and after.email, role=role)
        return cut.page(found, lambda last: AfterEmail(email=last.email))
    before = cut.place(BeforeId)
    found = await users.latest(tx, limit=cut.reach, before=before and before.id, role=role)
    return cut.page(found, lambda last: BeforeId(id=last.id))


class InviteUser(Body):
    """Who is to come."""

    email: str = Field(min_length=3, max_length=254)
    name: str = Field(min_length=1, max_length=200)
    role: Role
    settings: UserSettings | None = None


@noun.makes(
    "/users",
    "invite",
    summary="A new user",
    scope="admin",
    roles=ADMINS,
    location="/users/{id}",
    sends={"email": "dana@acme.example", "name": "Dana", "role": "manager"},
    example=_DANA,
)
async def invite(tx: Tx, *, body: InviteUser) -> User:
    """The e-mail must be free among the living; its case does not count."""
    return await users.invite(tx, email=body.email, name=body.name, role=body.role, settings=body.settings)


@noun.reads("/users/{user}", "get", summary="A user", scope="read", example=_DANA)
async def get(tx: ReadTx, *, user: UUID) -> User:
    """Whom the caller may see."""
    return await users.get(tx, user=user)


class ChangeUser(Body):
    """What is to be changed; what is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    role: Role | None = None
    settings: UserSettings | None = Field(default=None, description="Replaces all of them.")


@noun.changes(
    "/users/{user}",
    "change",
    summary="Rename a user, or change the role",
    scope="admin",
    roles=ADMINS,
    sends={"role": "admin"},
    example={**_DANA, "role": "admin"},
)
async def change(tx: Tx, *, seen: Seen, user: UUID, body: ChangeUser) -> User:
    """A role counts from the user's next request on."""
    seen.check(await users.held(tx, user=user))
    return await users.change(tx, user=user, name=body.name, role=body.role, settings=body.settings)


@noun.removes("/users/{user}", "delete", summary="A user leaves", scope="admin", roles=ADMINS)
async def delete(tx: Tx, *, user: UUID) -> None:
    """Nothing that the user has is good at the next request; the e-mail is free again."""
    await users.delete(tx, user=user)
