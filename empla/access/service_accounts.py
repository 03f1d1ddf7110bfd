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
     WHERE tenant_id = %(tenant)s::uuid AND is_service AND deleted_at IS NULL ORDER BY name, id
"""


async def everyone(tx: ReadTx) -> list[ServiceAccount]:
    """The tenant's programs, by name."""
    return await tx.fetch_all(ServiceAccount, LISTED)
