"""What a signed webhook tells: the integration says whom and by which secret, the senses whether it is so."""

import time
from collections.abc import Mapping
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, JsonValue

from empla.effects import integrations
from empla.effects.carriers import WebhookIn
from empla.errors import ForbiddenError, InvalidError
from empla.senses import webhooks
from empla.senses.webhooks import Received
from empla.storage.tx import Tx


class _Hook(BaseModel):
    id: UUID
    settings: dict[str, JsonValue]
    sealed: bytes | None
    employee_id: UUID | None


HOOK: LiteralString = """
    SELECT i.id, i.settings, i.sealed, e.id AS employee_id
      FROM integrations i
      LEFT JOIN employees e ON e.tenant_id = i.tenant_id AND e.email_key = lower(i.settings ->> 'employee') AND e.deleted_at IS NULL
     WHERE i.tenant_id = %(tenant)s::uuid AND i.name = %(name)s::text AND i.kind = 'webhook_in' AND i.enabled AND i.deleted_at IS NULL
"""


async def receive(
    tx: Tx, *, integration: str, headers: Mapping[str, str], body: bytes, now: float | None = None
) -> Received:
    """A delivery to the integration of this name: verified, then in the employee's inbox once. `now` is Unix seconds, the wall clock's.

    Raises `ForbiddenError` for a signature that is wrong, and just so for an integration that there is not: nothing was changed then;
    `InvalidError` for a body that can't be used.
    """
    if len(body) > tx.settings.max_content_bytes:
        raise InvalidError(f"a webhook's body has at most {tx.settings.max_content_bytes} bytes")
    hook = await tx.fetch_one(_Hook, HOOK, name=integration)
    if hook is None or hook.sealed is None:
        raise ForbiddenError("the signature of the webhook is wrong")
    secret = integrations.opened(hook.sealed, tenant=tx.tenant_id, integration=hook.id, tx=tx)
    verified = webhooks.verify(
        secret,
        headers,
        body,
        tolerance=tx.settings.webhook_tolerance,
        now=time.time() if now is None else now,
    )
    named = WebhookIn.model_validate(hook.settings)
    if hook.employee_id is None:
        raise InvalidError(f"the employee that {integration} tells is gone")
    return await webhooks.deliver(
        tx,
        verified,
        employee=hook.employee_id,
        integration=integration,
        event=named.event,
        trusted=named.trusted,
    )
