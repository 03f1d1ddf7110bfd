"""What carries an effect out: a sender, made from the tenant's integration and its secret."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, ValidationError

from empla import signing
from empla.effects.senders.maildir import MaildirSender
from empla.effects.senders.sender import Sender
from empla.effects.senders.smtp import SmtpAccount, SmtpSender
from empla.effects.senders.webhook import WebhookEndpoint, WebhookSender
from empla.errors import InvalidError, UsageError
from empla.settings import Settings

# Of a turn's lease: what is left when a sending has taken its time is enough to write down what came of it.
_SHARE_OF_LEASE = 0.6


class MaildirFolder(BaseModel):
    """A folder of this machine that mails are put into, each a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path


class MailAccount(BaseModel):
    """A mailbox that is read by IMAP (`empla.senses.imap_client`), without its password."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=993, ge=1, le=65535)
    login: str = Field(min_length=1, max_length=320)
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    folder: str = Field(default="INBOX", min_length=1, max_length=500)


class WebhookIn(BaseModel):
    """Whoever tells an employee something by signed calls (`empla.senses.webhooks`), without the secret that they are signed with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    employee: str = Field(min_length=3, max_length=254)  # the e-mail of whoever perceives it
    event: str = Field(default="webhook_received", min_length=1, max_length=100)  # where the call names no type
    trusted: bool = False  # it speaks from the company's own records; else what it says is tainted


def check(kind: str, settings: Mapping[str, Any], secret: SecretStr | None) -> dict[str, JsonValue]:
    """The settings as they are kept. Raises `InvalidError` for what the kind of account does not take."""
    if "allow_private" in settings:
        raise InvalidError("whether private addresses may be reached is the operator's to say: EMPLA_REACH_PRIVATE")
    shape = _shape(kind)
    try:
        account = shape.model_validate(settings)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or kind
        raise InvalidError(f"{where}: {fault['msg'].removeprefix('Value error, ')}") from error
    if kind == "webhook" and secret is None:
        raise InvalidError("a webhook needs a secret that its calls are signed with")
    if kind == "webhook_in":
        if secret is None:
            raise InvalidError("a webhook needs the secret that its calls are signed with")
        signing.key_of(secret)
    if kind == "imap" and secret is None:
        raise InvalidError("a mailbox needs its password")
    if isinstance(account, MaildirFolder) and not account.folder.is_absolute():
        raise InvalidError(f"a folder is named from the root on, not {str(account.folder)!r}")
    return account.model_dump(mode="json", exclude_none=True, exclude={"allow_private"})


def sender_of(kind: str, settings: Mapping[str, JsonValue], secret: SecretStr | None, *, limits: Settings) -> Sender:
    """What carries effects out through such an account. Raises `InvalidError` when its settings and its secret don't fit."""
    timeout = send_timeout(limits)
    if kind == "smtp":
        return SmtpSender(
            SmtpAccount.model_validate(settings),
            secret,
            timeout,
            max_bytes=limits.max_message_bytes,
            allow_private=limits.reach_private,
        )
    if kind == "maildir":
        folder = MaildirFolder.model_validate(settings).folder
        return MaildirSender(folder, max_bytes=limits.max_message_bytes, timeout=timeout)
    if kind == "webhook" and secret is not None:
        endpoint = WebhookEndpoint.model_validate({**settings, "allow_private": limits.reach_private})
        return WebhookSender(endpoint, secret, timeout, max_bytes=limits.max_message_bytes)
    raise InvalidError(f"nothing is sent through {kind}")


def send_timeout(limits: Settings) -> float:
    """Seconds that one sending takes at most: EMPLA_SEND_TIMEOUT, and never so long that the turn could be lost meanwhile."""
    return min(limits.send_timeout, _SHARE_OF_LEASE * limits.worker_lease)


def _shape(kind: str) -> type[BaseModel]:
    shapes: dict[str, type[BaseModel]] = {
        "smtp": SmtpAccount,
        "maildir": MaildirFolder,
        "webhook": WebhookEndpoint,
        "imap": MailAccount,
        "webhook_in": WebhookIn,
    }
    if kind not in shapes:
        raise UsageError(f"an integration is {', '.join(shapes)}, not {kind!r}")
    return shapes[kind]
