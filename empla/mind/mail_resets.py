"""A link to another password goes to its owner by mail: through the installation's server, else the tenant's own; behind the answer.

The link stands in that mail alone: neither a log nor an outcome has it.
"""

import asyncio
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, LiteralString
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4
from weakref import WeakSet

import structlog
from pydantic import BaseModel, JsonValue, SecretStr, ValidationError

from empla.access.links import Delivery
from empla.effects import carriers, integrations
from empla.effects.senders.message import address
from empla.effects.senders.sender import Outgoing, Sender
from empla.effects.senders.smtp import SmtpAccount, SmtpSender
from empla.errors import InvalidError, UsageError
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

NOTHING_CARRIES_IT = (
    "no mail was sent: links to another password go by mail once EMPLA_MAIL_URL and EMPLA_MAIL_FROM are set"
)
# Seconds, at random between them: the answer has left by then, and when work begins tells nobody for whom.
BEGINS_WITHIN = (0.5, 2.0)
_log = structlog.stdlib.get_logger("empla.mind")
_told: WeakSet[Database] = WeakSet()


@dataclass(frozen=True)
class Account:
    """What carries such a mail, and from whom it comes."""

    sender: Sender
    address: str


async def mail_reset(database: Database, delivery: Delivery) -> None:
    """The link is in its owner's mailbox; or the log says, without it, that it is not."""
    await asyncio.sleep(secrets.SystemRandom().uniform(*BEGINS_WITHIN))
    about = {"tenant": str(delivery.tenant), "user": str(delivery.user)}
    _log.info("a reset was asked for", **about)
    account = await asyncio.to_thread(installation, database.settings) or await _own(database, delivery)
    if account is None:
        if database not in _told:
            _told.add(database)
            _log.warning(NOTHING_CARRIES_IT)
        return
    outcome = await account.sender.send(_mail(delivery, account.address, page=database.settings.link_url))
    if outcome.verdict != "done":
        _log.warning("a link was not mailed", verdict=outcome.verdict, reason=outcome.reason, **about)


def installation(settings: Settings) -> Account | None:
    """The server that EMPLA_MAIL_URL names; None where it is not set. Raises `UsageError` for what is no such address."""
    if settings.mail_url is None:
        return None
    try:
        found = urlsplit(settings.mail_url.get_secret_value())
        host, port, login = found.hostname or "", found.port, found.username
        password = found.password
    except ValueError:
        raise UsageError("EMPLA_MAIL_URL is no address: smtps://login:password@mail.acme.example") from None
    if found.scheme not in {"smtp", "smtps"} or not host or found.path.strip("/") or found.query or found.fragment:
        raise UsageError("EMPLA_MAIL_URL is smtps:// (TLS) or smtp:// (STARTTLS), login, password, host and port")
    if settings.mail_from is None:
        raise UsageError("EMPLA_MAIL_URL is set and EMPLA_MAIL_FROM is not: say from whom its mails come")
    tls: Literal["implicit", "starttls", "none"] = "implicit" if found.scheme == "smtps" else "starttls"
    if found.scheme == "smtp" and _is_this_machine(host):
        tls = "none"
    try:
        account = SmtpAccount(
            host=host,
            port=port or (465 if tls == "implicit" else 587),
            tls=tls,
            login=None if login is None else unquote(login),
        )
        sender = SmtpSender(
            account,
            None if password is None else SecretStr(unquote(password)),
            carriers.send_timeout(settings),
            max_bytes=settings.max_message_bytes,
        )
        return Account(sender, address(settings.mail_from, what="EMPLA_MAIL_FROM"))
    except ValidationError:
        raise UsageError("EMPLA_MAIL_URL names no mail server") from None
    except InvalidError as error:
        raise UsageError(str(error)) from None


class _Row(BaseModel):
    id: UUID
    settings: dict[str, JsonValue]
    sealed: bytes | None


OWN: LiteralString = """
    SELECT id, settings, sealed FROM integrations
     WHERE tenant_id = %(tenant)s::uuid AND capability = 'email' AND kind = 'smtp' AND enabled AND deleted_at IS NULL
"""


async def _own(database: Database, delivery: Delivery) -> Account | None:
    """The tenant's account for e-mail; not for an admin's link, which another admin, who set the account up, could read there."""
    async with database.read(Caller(delivery.tenant)) as tx:
        if (await users.get(tx, user=delivery.user)).role == "admin":
            return None
        row = await tx.fetch_one(_Row, OWN)
        if row is None:
            return None
        opened = integrations.opened
        secret = None if row.sealed is None else opened(row.sealed, tenant=tx.tenant_id, integration=row.id, tx=tx)
    account = SmtpAccount.model_validate(row.settings)
    sender = await asyncio.to_thread(carriers.sender_of, "smtp", row.settings, secret, limits=database.settings)
    for each in (account.from_address, account.login, database.settings.mail_from):
        if each is not None and "@" in each:
            return Account(sender, address(each, what="the sender"))
    return None


def _mail(delivery: Delivery, sender: str, *, page: str | None) -> Outgoing:
    link = delivery.link
    way = f"{page}#{link.token}" if page else f"Your link's token:\n\n{link.token}"
    identity = uuid4()  # tells nothing of the link
    return Outgoing(
        key=f"link/{identity}",
        effect=identity,
        sender_name="empla",
        sender_address=sender,
        recipients=(delivery.email,),
        title="Another password for empla",
        body=f"Hello {delivery.name},\n\nsomebody, you we hope, has forgotten the password of {delivery.email}. With this "
        f"you set another one, once, until {link.expires_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC:\n\n{way}\n\n"
        "If it was not you, nothing has changed, and there is nothing to do.\n",
        arguments={},
        at=datetime.now(UTC),
    )


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
