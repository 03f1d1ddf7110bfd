"""What leaves a tenant: how far it has come, and what only people can find out."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field, JsonValue

from empla.api.doors import STAFF
from empla.api.operations import Body, Noun
from empla.api.paging import BeforeMoment, Page, Paging
from empla.effects import effects, outbox
from empla.effects.effects import Effect, EffectKind, EffectStatus
from empla.effects.outbox import Finding
from empla.storage.tx import ReadTx, Tx

noun = Noun(
    "outbox", about="What employees bring about: messages and calls that leave, tasks, notes and drafts that stay."
)
_MESSAGE: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000011",
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "intention_id": "0199a5c0-0000-7000-8000-000000000005",
    "step_position": 1,
    "kind": "message",
    "capability": "email",
    "title": "Your offer",
    "body": "Dear Jane, here is the offer.",
    "recipients": ["jane@prospect.example"],
    "arguments": {},
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "status": "uncertain",
    "stage": "autonomous",
    "tainted": False,
    "attempts": 1,
    "not_before": None,
    "expires_at": None,
    "started_at": "2026-03-01T09:00:00Z",
    "ended_at": None,
    "receipt": {},
    "reason": "the connection broke after the message was sent",
    "created_at": "2026-03-01T09:00:00Z",
}


@noun.reads(
    "/outbox",
    "list",
    summary="What employees bring about",
    scope="effects:read",
    example={"items": [_MESSAGE], "next_cursor": None},
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    status: Annotated[list[EffectStatus] | None, Query(description="Those of these statuses.")] = None,
    kind: Annotated[
        list[EffectKind] | None, Query(description="Those of these kinds; messages and calls when none is named.")
    ] = None,
    employee: Annotated[UUID | None, Query(description="Those of this employee.")] = None,
    intention: Annotated[UUID | None, Query(description="Those of this intention.")] = None,
) -> Page[Effect]:
    """The latest first."""
    place = cut.place(BeforeMoment)
    found = await effects.latest(
        tx,
        employee=employee,
        intention=intention,
        kinds=kind or ["message", "call"],
        statuses=status,
        before=place and place.at,
        before_id=place and place.id,
        limit=cut.reach,
    )
    return cut.page(found, lambda last: BeforeMoment(at=last.created_at, id=last.id))


@noun.reads("/outbox/{effect}", "get", summary="An effect", scope="effects:read", example=_MESSAGE)
async def get(tx: ReadTx, *, effect: UUID) -> Effect:
    """How often it was tried, when last, what the provider said, and why it is as it is."""
    return await effects.get(tx, effect=effect)


class Settle(Body):
    """What was found out, and how."""

    finding: Finding = Field(description="It happened; it did not, and shall not; or it did not, and is tried again.")
    reason: str = Field(min_length=1, max_length=2000)


@noun.acts(
    "/outbox/{effect}/settle",
    "settle",
    summary="Say whether an uncertain effect happened",
    scope="approve",
    roles=STAFF,
    sends={"finding": "happened", "reason": "Jane has answered it."},
    example={**_MESSAGE, "status": "done", "ended_at": "2026-03-01T10:00:00Z", "reason": "Jane has answered it."},
)
async def settle(tx: Tx, *, effect: UUID, body: Settle) -> Effect:
    """Nobody else can know, and it is not sent twice on a guess. Of a draft it says whether somebody sent it by hand."""
    found = await effects.get(tx, effect=effect)
    await outbox.settle(tx, employee=found.employee_id, effect=effect, finding=body.finding, reason=body.reason)
    return await effects.get(tx, effect=effect)
