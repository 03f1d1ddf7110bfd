"""A user is a person of the tenant; e-mail addresses differ by more than their case, among the living."""

from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.errors import NotFoundError
from empla.storage.tx import ReadTx, Tx
from empla.tenancy.shapes import UserSettings

Role = Literal["admin", "manager", "user"]


class User(BaseModel):
    """One person."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    email: str
    name: str
    role: Role
    settings: UserSettings
    created_at: datetime
    updated_at: datetime


INVITE: LiteralString = """
    INSERT INTO users (tenant_id, email, name, role, settings)
    VALUES (%(tenant)s::uuid, %(email)s::text, %(name)s::text, %(role)s::text, %(settings)s::jsonb)
    RETURNING id, email, name, role, settings, created_at, updated_at
"""


async def invite(tx: Tx, *, email: str, name: str, role: Role, settings: UserSettings | None = None) -> User:
    """A new user. Raises `ConflictError` when the e-mail is taken, `ForbiddenError` for whoever is not an admin."""
    user = await tx.fetch_one(
        User, INVITE, email=email.strip(), name=name.strip(), role=role, settings=(settings or UserSettings()).to_json()
    )
    if user is None:
        raise NotFoundError("no such tenant")
    return user


FIND: LiteralString = """
    SELECT id, email, name, role, settings, created_at, updated_at
      FROM users
     WHERE tenant_id = %(tenant)s::uuid AND email_key = lower(%(email)s::text) AND deleted_at IS NULL
"""


async def find(tx: ReadTx, *, email: str) -> User:
    """The living user of this e-mail. Raises `NotFoundError`."""
    user = await tx.fetch_one(User, FIND, email=email.strip())
    if user is None:
        raise NotFoundError(f"there is no user {email!r}")
    return user


LIST: LiteralString = """
    SELECT id, email, name, role, settings, created_at, updated_at
      FROM users WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL AND NOT is_service ORDER BY email_key
"""


async def everyone(tx: ReadTx) -> list[User]:
    """The living people whom the caller may see, by e-mail; programs are `access.service_accounts`."""
    return await tx.fetch_all(User, LIST)


GET: LiteralString = """
    SELECT id, email, name, role, settings, created_at, updated_at
      FROM users WHERE tenant_id = %(tenant)s::uuid AND id = %(user)s::uuid AND deleted_at IS NULL
"""


async def get(tx: ReadTx, *, user: UUID) -> User:
    """The living user of this id, whom the caller may see. Raises `NotFoundError`."""
    found = await tx.fetch_one(User, GET, user=user)
    if found is None:
        raise NotFoundError("there is no such user")
    return found


BY_EMAIL: LiteralString = """
    SELECT id, email, name, role, settings, created_at, updated_at
      FROM users
     WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL AND NOT is_service AND (%(role)s::text IS NULL OR role = %(role)s::text)
       AND (%(after)s::text IS NULL OR email_key > lower(%(after)s::text))
     ORDER BY email_key LIMIT %(limit)s::int
"""


async def by_email(tx: ReadTx, *, limit: int, after: str | None = None, role: Role | None = None) -> list[User]:
    """At most so many of the living users whom the caller may see, by e-mail, from the one after this address on."""
    return await tx.fetch_all(User, BY_EMAIL, limit=limit, after=after, role=role)


LATEST: LiteralString = """
    SELECT id, email, name, role, settings, created_at, updated_at
      FROM users
     WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL AND NOT is_service AND (%(role)s::text IS NULL OR role = %(role)s::text)
       AND (%(before)s::uuid IS NULL OR id < %(before)s::uuid)
     ORDER BY id DESC LIMIT %(limit)s::int
"""


async def latest(tx: ReadTx, *, limit: int, before: UUID | None = None, role: Role | None = None) -> list[User]:
    """As `by_email`, but who came last first: an id begins with the moment at which it was made."""
    return await tx.fetch_all(User, LATEST, limit=limit, before=before, role=role)


HELD: LiteralString = """
    SELECT id, email, name, role, settings, created_at, updated_at
      FROM users WHERE tenant_id = %(tenant)s::uuid AND id = %(user)s::uuid AND deleted_at IS NULL FOR NO KEY UPDATE
"""


async def held(tx: Tx, *, user: UUID) -> User:
    """The user, whom nobody else changes while this transaction lasts; admins only. Raises `NotFoundError`, also for whoever may not."""
    found = await tx.fetch_one(User, HELD, user=user)
    if found is None:
        raise NotFoundError("there is no such user, or not yours to change")
    return found


CHANGE: LiteralString = """
    UPDATE users SET name = coalesce(%(name)s::text, name), role = coalesce(%(role)s::text, role),
           settings = coalesce(%(settings)s::jsonb, settings)
     WHERE tenant_id = %(tenant)s::uuid AND id = %(user)s::uuid AND deleted_at IS NULL
    RETURNING id, email, name, role, settings, created_at, updated_at
"""


async def change(
    tx: Tx, *, user: UUID, name: str | None = None, role: Role | None = None, settings: UserSettings | None = None
) -> User:
    """What is said is so from now on, a role from the user's next transaction on; admins only. Raises `NotFoundError`."""
    changed = await tx.fetch_one(
        User,
        CHANGE,
        user=user,
        name=None if name is None else name.strip(),
        role=role,
        settings=None if settings is None else settings.to_json(),
    )
    if changed is None:
        raise NotFoundError("no such user, or not yours to change")
    return changed


CHANGE_ROLE: LiteralString = """
    UPDATE users SET role = %(role)s::text
     WHERE tenant_id = %(tenant)s::uuid AND id = %(user)s::uuid AND deleted_at IS NULL
"""


async def change_role(tx: Tx, *, user: UUID, role: Role) -> None:
    """Admins only; effective at the user's next transaction. Raises `NotFoundError`, also for whoever may not."""
    if not await tx.execute(CHANGE_ROLE, user=user, role=role):
        raise NotFoundError("no such user, or not yours to change")


DELETE: LiteralString = """
    UPDATE users SET deleted_at = %(now)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND id = %(user)s::uuid AND deleted_at IS NULL
"""


async def delete(tx: Tx, *, user: UUID) -> None:
    """The user can enter no more from the next transaction on; the e-mail is free again. Raises `NotFoundError`."""
    if not await tx.execute(DELETE, user=user, now=tx.now):
        raise NotFoundError("no such user, or not yours to delete")
