"""A tenant's accounts with others: what carries effects out, and what news come through. Their secrets go in, and never out."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr

from empla.api.doors import ADMINS, STAFF
from empla.api.operations import Body, Noun
from empla.effects import integrations
from empla.effects.integrations import Integration
from empla.storage.tx import ReadTx, Tx

noun = Noun("integrations", about="The tenant's accounts with others. A secret is sealed, and never answered.")
_MAIL: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-4000-8000-000000000012",
    "name": "mail",
    "capability": "email",
    "kind": "smtp",
    "settings": {
        "host": "smtp.acme.example",
        "port": 465,
        "tls": "implicit",
        "login": "acme",
        "allow_plaintext": False,
    },
    "has_secret": True,
    "enabled": True,
    "metadata": {},
}


class Integrations(BaseModel):
    """Without their secrets."""

    model_config = ConfigDict(frozen=True)

    items: list[Integration]


def _shown(account: Integration) -> Integration:
    """Where on the server's disk a folder lies is its operator's to know."""
    return account.model_copy(update={"settings": {}}) if account.kind == "maildir" else account


@noun.reads("/integrations", "list", summary="The accounts", scope="read", roles=STAFF, example={"items": [_MAIL]})
async def listed(tx: ReadTx) -> Integrations:
    """By name; also those that are not used now."""
    return Integrations(items=[_shown(each) for each in await integrations.listed(tx)])


class AddIntegration(Body):
    """An account, and what proves that one may use it."""

    name: str = Field(pattern="^[a-z0-9][a-z0-9_-]{0,59}$", description="Such as mail; for good.")
    capability: str = Field(default="email", pattern="^[a-z][a-z0-9_]{0,59}$", description="What it carries.")
    kind: Literal["smtp", "webhook", "imap", "webhook_in"] = Field(
        description="A mail server, a service that is called, a mailbox that is read, or who tells by signed calls."
    )
    settings: dict[str, JsonValue] = Field(description="docs/effects.md says what each kind takes.")
    secret: SecretStr | None = Field(default=None, min_length=1, max_length=4096, description="Password or key.")


# No Idempotency-Key: a digest of the request would stand in the database, and a password can be guessed from one. Sent again, the
# name is taken.
@noun.makes(
    "/integrations",
    "add",
    summary="An account is used from now on",
    scope="admin",
    roles=ADMINS,
    keyed=False,
    refusals=(404,),
    location="/integrations/{id}",
    sends={
        "name": "mail",
        "kind": "smtp",
        "settings": {"host": "smtp.acme.example", "port": 465, "tls": "implicit", "login": "acme"},
        "secret": "correct horse battery staple",
    },
    example=_MAIL,
)
async def add(tx: Tx, *, body: AddIntegration) -> Integration:
    """In place of the one that carried its capability, unless it is read from. A folder of the server is its operator's to give."""
    return await integrations.connect(
        tx, name=body.name, capability=body.capability, kind=body.kind, settings=body.settings, secret=body.secret
    )


@noun.reads("/integrations/{integration}", "get", summary="An account", scope="read", roles=STAFF, example=_MAIL)
async def get(tx: ReadTx, *, integration: UUID) -> Integration:
    """Without its secret."""
    return _shown(await integrations.get(tx, integration=integration))


@noun.acts(
    "/integrations/{integration}/enable",
    "enable",
    summary="An account is used again",
    scope="admin",
    roles=ADMINS,
    example=_MAIL,
)
async def enable(tx: Tx, *, integration: UUID) -> Integration:
    """In place of the one that carries its capability now, unless it is read from."""
    return _shown(await integrations.set_enabled(tx, integration=integration, enabled=True))


@noun.acts(
    "/integrations/{integration}/disable",
    "disable",
    summary="An account is not used any more",
    scope="admin",
    roles=ADMINS,
    example={**_MAIL, "enabled": False},
)
async def disable(tx: Tx, *, integration: UUID) -> Integration:
    """It keeps its secret. What it would carry waits until an account does."""
    return _shown(await integrations.set_enabled(tx, integration=integration, enabled=False))


class NewSecret(Body):
    """What proves from now on that one may use it."""

    secret: SecretStr = Field(min_length=1, max_length=4096, description="Password or key.")


@noun.puts(
    "/integrations/{integration}/secret",
    "replace_secret",
    summary="An account's secret is replaced",
    scope="admin",
    roles=ADMINS,
    sends={"secret": "staple battery horse correct"},
    example=_MAIL,
)
async def replace_secret(tx: Tx, *, integration: UUID, body: NewSecret) -> Integration:
    """Effective with the next effect that leaves; the one before is forgotten."""
    return _shown(await integrations.replace_secret(tx, integration=integration, secret=body.secret))


@noun.removes("/integrations/{integration}", "remove", summary="An account is gone", scope="admin", roles=ADMINS)
async def remove(tx: Tx, *, integration: UUID) -> None:
    """With its secret. Its name is free again."""
    await integrations.remove(tx, integration=integration)
