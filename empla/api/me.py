"""Whoever brings a credential asks whose it is, and what it is worth."""

from pydantic import JsonValue

from empla.access import me
from empla.access.me import Me
from empla.api.doors import ANY
from empla.api.operations import Noun
from empla.storage.tx import ReadTx

noun = Noun("me", about="Whose the credential is.")
_DANA: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000002",
    "name": "Dana",
    "email": "dana@acme.example",
    "by": "sign_in",
    "role": "manager",
    "scopes": ["admin", "approve", "read", "write"],
    "employees": None,
    "tenant_id": "0199a5c0-0000-7000-8000-000000000001",
    "tenant_name": "Acme Corp",
    "tenant_slug": "acme-corp",
}


@noun.reads("/me", "get", summary="Who asks", scope=ANY, example=_DANA)
async def get(tx: ReadTx) -> Me:
    """The person or program, its tenant, and what this credential lets it do."""
    return await me.find(tx)
