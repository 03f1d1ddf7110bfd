"""Signed webhooks in: no credential, for the signature says who tells; whatever is refused is refused in one sentence."""

from typing import Annotated
from uuid import UUID

from fastapi import Path
from starlette.requests import Request

from empla.api.operations import Noun
from empla.errors import ForbiddenError, NotFoundError
from empla.mind import incoming
from empla.senses.webhooks import Received
from empla.storage.database import Database
from empla.storage.tx import Caller

noun = Noun("hooks", about="Where other services deliver signed calls (Standard Webhooks).")


@noun.acts(
    "/hooks/{tenant}/{integration}",
    "receive",
    summary="A service delivers a signed call",
    scope=None,
    refusals=(403,),
    example={
        "employee_id": "0199a5c0-0000-7000-8000-000000000003",
        "observation_id": "0199a5c0-0000-7000-8000-000000000013",
        "webhook_id": "msg_2b1",
        "is_new": True,
    },
)
async def receive(
    desk: Database, *, request: Request, tenant: UUID, integration: Annotated[str, Path(max_length=200)]
) -> Received:
    """`webhook-id`, `webhook-timestamp` and `webhook-signature` say whose it is; the body is what was signed. Once, however often."""
    body = await request.body()
    try:
        async with desk.write(Caller(tenant)) as tx:
            return await incoming.receive(tx, integration=integration, headers=request.headers, body=body)
    except (ForbiddenError, NotFoundError):
        # A tenant or an integration that there is not is answered like a wrong signature, and like none.
        raise ForbiddenError("the call is not signed as it should be") from None
