"""From a name or a credential to a caller: the only places where a tenant, a user or an employee is chosen by what somebody sent."""

from typing import LiteralString
from uuid import UUID

from empla.access import keys, tokens
from empla.access.credentials import PREFIX
from empla.access.principals import Principal
from empla.errors import NotFoundError
from empla.storage.database import Database
from empla.storage.tx import Caller, Proof
from empla.tenancy import tenants

USER_ID: LiteralString = """
    SELECT id FROM users WHERE tenant_id = %(tenant)s::uuid AND email_key = lower(%(email)s::text) AND deleted_at IS NULL
"""


async def caller_for(database: Database, *, tenant: str, user: str | None = None) -> Caller:
    """The operator of the tenant of this slug, or its user of this e-mail. Raises `NotFoundError`, `ForbiddenError`.

    For whoever holds a database URL (library and command line); a credential has doors of its own.
    """
    found = await tenants.find(database, tenant)
    operator = Caller(found.id)
    if user is None:
        return operator
    async with database.read(operator) as tx:
        user_id = await tx.fetch_value(UUID, USER_ID, email=user.strip())
    if user_id is None:
        raise NotFoundError(f"there is no user {user!r} in {tenant}")
    return Caller(found.id, user=user_id)


async def by_token(database: Database, text: str) -> Principal:
    """Who brings this access token or API key. No message: the next transaction of its caller judges it, and tells role and scopes.

    Raises `UnauthorizedError`, which never says why; so does that transaction.
    """
    if text.startswith(PREFIX["key"]):
        return keys.principal(text)
    return _signed_in(tokens.verify(database.settings, text))


async def by_page(database: Database, text: str) -> Principal:
    """As `by_token`, of what a browser brings in its cookie: a page token, never a key. Raises `UnauthorizedError`."""
    return _signed_in(tokens.verify(database.settings, text, kind="page"))


def _signed_in(claims: tokens.Claims) -> Principal:
    caller = Caller(claims.tid, user=claims.sub, proof=Proof(sign_in=claims.sid))
    return Principal(caller, user=claims.sub, kind="sign_in", name=str(claims.sub))
