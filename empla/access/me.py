"""Who is asking, as the database sees it: whoever holds a credential may know what it is worth."""

from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from empla.access.principals import UNLIMITED
from empla.errors import NotFoundError
from empla.storage.tx import ReadTx


class Me(BaseModel):
    """A person or a program, its tenant, and what the credential lets it do."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    email: str | None = Field(description="Null for a program.")
    by: Literal["sign_in", "api_key"]
    role: str = Field(description="That counts for this credential: a key's may be less than its owner's.")
    scopes: list[str]
    employees: list[UUID] | None = Field(description="Whom it is narrowed to; null when it is to nobody.")
    tenant_id: UUID
    tenant_name: str
    tenant_slug: str


class _Found(BaseModel):
    id: UUID
    name: str
    email: str | None
    employees: list[UUID] | None
    tenant_name: str
    tenant_slug: str


FIND: LiteralString = """
    SELECT u.id, u.name, CASE WHEN NOT u.is_service THEN u.email END AS email, t.name AS tenant_name, t.slug AS tenant_slug,
           CASE WHEN ctx.role() IN ('user', 'delegate') THEN coalesce(ctx.assigned_employee_ids(), '{}') END AS employees
      FROM users u JOIN tenants t ON t.id = u.tenant_id
     WHERE u.tenant_id = %(tenant)s::uuid AND u.id = ctx.user_id()
"""


async def find(tx: ReadTx) -> Me:
    """The caller. Raises `NotFoundError` for the operator, who is nobody of the tenant."""
    found = await tx.fetch_one(_Found, FIND)
    if found is None:
        raise NotFoundError("the operator is nobody of the tenant")
    return Me(
        id=found.id,
        name=found.name,
        email=found.email,
        by="sign_in" if tx.scopes is None else "api_key",
        role=tx.role,
        scopes=sorted(UNLIMITED if tx.scopes is None else tx.scopes),
        employees=found.employees,
        tenant_id=tx.tenant_id,
        tenant_name=found.tenant_name,
        tenant_slug=found.tenant_slug,
    )
