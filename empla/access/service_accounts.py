"""Service accounts: users of a tenant that are programs. They have a role and keys, and neither a password nor sign-ins."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict

from empla.errors import NotFoundError
from empla.storage.tx import ReadTx, Tx
from empla.tenancy.users import Role


class ServiceAccount(BaseModel):
    """One program."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    role: Role
    created_at: datetime


CREATE: LiteralString = """
    INSERT INTO users (tenant_id, email, name, role, is_service)
    VALUES (%(tenant)s::uuid, %(email)s::text, %(name)s::text, %(role)s::text, true)
    RETURNING id, name, role, created_at
"""


async def create(tx: Tx, *, name: str, role: Role) -> ServiceAccount:
    """A new program; admins alone. `users.change_role` and `users.delete` are for it too. Raises `ForbiddenError`."""
    # Every user has an address; nobody has a mailbox under .invalid.
    address = f"{uuid4().hex}@service.invalid"
    made = await tx.fetch_one(ServiceAccount, CREATE, email=address, name=name.strip(), role=role)
    if made is None:
        raise NotFoundError("no such tenant")
    return made


LISTED: LiteralString = """
    SELECT id, name, role, created_at FROM users
     WHERE tenant_id = %(tenant)s::uuid AND is_service AND deleted_at IS NULL
       AND (%(after)s::uuid IS NULL OR (name, id) > (%(after_name)s::text, %(after)s::uuid))
     ORDER BY name, id LIMIT %(limit)s::integer
"""


async def everyone(
    tx: ReadTx, *, limit: int | None = None, after_name: str | None = None, after: UUID | None = None
) -> list[ServiceAccount]:
    """The tenant's programs whom the caller may see, by name, from the one after this name and id on."""
    return await tx.fetch_all(ServiceAccount, LISTED, limit=limit, after_name=after_name, after=after)


GET: LiteralString = """
    SELECT id, name, role, created_at FROM users
     WHERE tenant_id = %(tenant)s::uuid AND id = %(account)s::uuid AND is_service AND deleted_at IS NULL
"""


async def get(tx: ReadTx, *, account: UUID) -> ServiceAccount:
    """The living program of this id, whom the caller may see. Raises `NotFoundError`, also for a person."""
    found = await tx.fetch_one(ServiceAccount, GET, account=account)
    if found is None:
        raise NotFoundError("there is no such service account")
    return found


HELD: LiteralString = """
    SELECT id, name, role, created_at FROM users
     WHERE tenant_id = %(tenant)s::uuid AND id = %(account)s::uuid AND is_service AND deleted_at IS NULL FOR NO KEY UPDATE
"""


async def held(tx: Tx, *, account: UUID) -> ServiceAccount:
    """The program, whom nobody else changes while this transaction lasts; admins only. Raises `NotFoundError`, also for whoever may not."""
    found = await tx.fetch_one(ServiceAccount, HELD, account=account)
    if found is None:
        raise NotFoundError("there is no such service account, or not yours to change")
    return found


CHANGE: LiteralString = """
    UPDATE users SET name = coalesce(%(name)s::text, name), role = coalesce(%(role)s::text, role)
     WHERE tenant_id = %(tenant)s::uuid AND id = %(account)s::uuid AND is_service AND deleted_at IS NULL
    RETURNING id, name, role, created_at
"""


async def change(tx: Tx, *, account: UUID, name: str | None = None, role: Role | None = None) -> ServiceAccount:
    """What is said is so from now on, a role from its next transaction on; admins only. Raises `NotFoundError`."""
    changed = await tx.fetch_one(
        ServiceAccount, CHANGE, account=account, name=None if name is None else name.strip(), role=role
    )
    if changed is None:
        raise NotFoundError("there is no such service account, or not yours to change")
    return changed


REMOVE: LiteralString = """
    UPDATE users SET deleted_at = %(now)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND id = %(account)s::uuid AND is_service AND deleted_at IS NULL
"""


async def remove(tx: Tx, *, account: UUID) -> None:
    """Its keys open nothing from the next transaction on; admins only. Raises `NotFoundError`."""
    if not await tx.execute(REMOVE, account=account, now=tx.now):
        raise NotFoundError("there is no such service account, or not yours to remove")
