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
