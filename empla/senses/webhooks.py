"""Signed webhooks in: a delivery in the form of Standard Webhooks is what its headers and signature say, or is refused. No HTTP here.

What it says becomes an observation once, known by its webhook-id, however often and in whatever order it is delivered.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue, SecretStr, ValidationError

from empla import signing
from empla.errors import ForbiddenError, InvalidError
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.storage.tx import Tx

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_MOST_SIGNATURES = 20
# No full stop: it ends the id in what is signed, so two readers could part it differently.
_IDENTITY = re.compile(r"[!-\-/-~]{1,255}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_MOST_DESCRIBED = 500  # characters of the sentence about it


@dataclass(frozen=True, slots=True)
class Verified:
    """A delivery that whoever knows the secret has signed."""

    webhook_id: str
    body: bytes


class Received(BaseModel):
    """What a delivery became; the same for each delivery of it."""

    model_config = ConfigDict(frozen=True)

    employee_id: UUID
    observation_id: UUID
    webhook_id: str
    is_new: bool  # False: it was delivered before


class _Observed(BaseModel):
    id: UUID


def verify(secret: SecretStr, headers: Mapping[str, str], body: bytes, *, tolerance: float, now: float) -> Verified:
    """The body is what was signed, at most `tolerance` seconds from `now` (Unix). Raises `ForbiddenError`.

    `headers` are found in any case. Of several signatures (a secret that is being changed) one has to be right.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp = lower.get(ID, ""), lower.get(TIMESTAMP, "")
    given = [each for each in lower.get(SIGNATURE, "").split(" ") if each.startswith("v1,")]
    if not _IDENTITY.fullmatch(webhook_id) or not _SECONDS.fullmatch(timestamp) or not given:
        raise ForbiddenError("the webhook is not signed")
    right = signing.signature(secret, webhook_id=webhook_id, timestamp=timestamp, body=body)
    if not signing.is_signed(given[:_MOST_SIGNATURES], right):
        raise ForbiddenError("the signature of the webhook is wrong")
    if abs(now - int(timestamp)) > tolerance:
        raise ForbiddenError("the webhook was signed too long ago, or its clock is ahead")
    return Verified(webhook_id, body)


OBSERVED: LiteralString = """
    SELECT id FROM observations
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND source = %(source)s::text
       AND external_id = %(external_id)s::text
"""


async def deliver(
    tx: Tx, verified: Verified, *, employee: UUID, integration: str, event: str, trusted: bool
) -> Received:
    """The employee perceives it in its next cycle, due now, unless it was delivered before.

    Raises `InvalidError` for what is no JSON object, or too large.
    """
    content = _content(verified.body)
    source = f"webhook-{integration}"[:60]
    named = content.get("type")
    kind = named if isinstance(named, str) and 0 < len(named) <= 100 and "\0" not in named else event  # noqa: PLR2004
    words = content.get("description")
    about = words if isinstance(words, str) and words.strip() and "\0" not in words else f"{kind} from {integration}"
    try:
        observation = NewObservation(
            source=source,
            external_id=verified.webhook_id,
            recipient="named",
            kind=kind,
            occurred_at=_moment(content, otherwise=tx.now),
            description=about[:_MOST_DESCRIBED],
            participants=(),
            content=content,
            tainted=not trusted,
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise InvalidError(f"the webhook can't be used: {fault['msg'].lower()}") from None
    delivery = await inbox.deliver(tx, [observation], recipients={"named": employee})
    [observed] = await tx.fetch_all(
        _Observed, OBSERVED, employee=employee, source=source, external_id=verified.webhook_id
    )
    return Received(
        employee_id=employee,
        observation_id=observed.id,
        webhook_id=verified.webhook_id,
        is_new=delivery.new == 1,
    )


def _content(body: bytes) -> dict[str, JsonValue]:
    try:
        said: Any = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InvalidError("the webhook's body is no JSON") from None
    if not isinstance(said, dict):
        raise InvalidError("the webhook's body is no JSON object")
    return cast("dict[str, JsonValue]", said)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _moment(content: Mapping[str, JsonValue], *, otherwise: datetime) -> datetime:
    """When it happened, as far as the body says so; nothing is perceived before it is told of."""
    written = content.get("timestamp")
    try:
        moment = datetime.fromisoformat(written) if isinstance(written, str) else otherwise
    except ValueError:
        return otherwise
    return otherwise if moment.tzinfo is None or moment > otherwise else moment
