"""The tenant's accounts with others: what carries effects out, and what is read from. Secrets come in, and are never shown."""

from typing import Any, Literal

from pydantic import Field
from starlette.responses import Response

from empla.api.doors import ADMINS, STAFF
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Secret, Told, Visit
from empla.effects import integrations
from empla.effects.integrations import IntegrationKind
from empla.employees import capabilities
from empla.errors import InvalidError

room = Room("integrations")
# Of each kind that a page connects, what its form says of the account; a folder of the server's is for whoever runs it.
_SETTINGS: dict[IntegrationKind, tuple[str, ...]] = {
    "smtp": ("host", "port", "tls", "login", "from_address"),
    "imap": ("host", "port", "tls", "login", "folder"),
    "webhook": ("url", "status_url"),
    "webhook_in": ("employee", "event"),
}


@room.shows("/administration/integrations")
async def accounts(visit: Visit) -> Response:
    """All of them are one statement."""
    visit.asked(Told)
    async with visit.read(roles=STAFF) as tx:
        found = await integrations.listed(tx)
    return visit.show("integrations.html", accounts=found, capabilities=capabilities.KNOWN)


class Act(Fields):
    """Which account, and what it is."""

    act: Literal["connect", "disconnect"]
    name: str = Field(max_length=100)
    kind: Literal["smtp", "imap", "webhook", "webhook_in"] | None = None
    capability: str = Field(default="email", max_length=60)
    secret: Secret | None = Field(default=None, max_length=10_000)
    host: str | None = Field(default=None, max_length=253)
    port: int | None = Field(default=None, ge=1, le=65535)
    tls: Literal["implicit", "starttls", "none"] | None = None
    login: str | None = Field(default=None, max_length=320)
    from_address: str | None = Field(default=None, max_length=320)
    folder: str | None = Field(default=None, max_length=500)
    url: str | None = Field(default=None, max_length=2000)
    status_url: str | None = Field(default=None, max_length=2000)
    employee: str | None = Field(default=None, max_length=254)
    event: str | None = Field(default=None, max_length=100)


@room.takes("/administration/integrations")
async def change(visit: Visit) -> Response:
    """It carries its capability from now on, in the place of the one that did; or nothing any more."""
    sent = await visit.sent(Act)
    async with visit.write(roles=ADMINS) as tx:
        if sent.act == "disconnect":
            await integrations.disconnect(tx, name=sent.name)
            return visit.go("/administration/integrations", told="disconnected")
        if sent.kind is None:
            raise InvalidError("say what kind of account it is")
        said: dict[str, Any] = sent.model_dump(include=set(_SETTINGS[sent.kind]), exclude_none=True)
        await integrations.connect(
            tx, name=sent.name, capability=sent.capability, kind=sent.kind, settings=said, secret=sent.secret
        )
    return visit.go("/administration/integrations", told="connected")
