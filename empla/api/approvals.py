"""What employees ask people before they act: decided by staff, about exactly what they saw."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field, JsonValue

from empla.api.doors import STAFF
from empla.api.operations import Body, Noun
from empla.api.paging import BeforeMoment, Page, Paging
from empla.effects import approvals
from empla.effects.approvals import Approval, Decided, Wording
from empla.mind import deciding
from empla.storage.tx import ReadTx, Tx

noun = Noun("approvals", about="What employees ask before they act. A decision names the digest of what was seen.")
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="That of the request, as it was seen.")]
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_REQUEST: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000010",
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "effect_id": "0199a5c0-0000-7000-8000-000000000011",
    "digest": _DIGEST,
    "stage": "supervised",
    "status": "pending",
    "why": "in stage supervised, a human decides",
    "edited_from": None,
    "decided_by": None,
    "decided_by_name": None,
    "decided_at": None,
    "reason": None,
    "expires_at": "2026-03-15T09:00:00Z",
    "used_at": None,
    "created_at": "2026-03-01T09:00:00Z",
    "kind": "message",
    "capability": "email",
    "title": "Your offer",
    "body": "Dear Jane, here is the offer.",
    "recipients": ["jane@prospect.example"],
    "arguments": {},
    "tainted": False,
    "effect_status": "awaiting_approval",
}
_WORDS: dict[str, JsonValue] = {
    "title": "Your offer",
    "body": "Dear Jane, here is the offer.",
    "recipients": ["jane@prospect.example"],
    "arguments": {},
}
_DECIDED: dict[str, JsonValue] = {
    "effect_id": "0199a5c0-0000-7000-8000-000000000011",
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "status": "approved",
    "approval_id": "0199a5c0-0000-7000-8000-000000000010",
    "demoted_to": None,
    "before": _WORDS,
    "after": _WORDS,
}


@noun.reads(
    "/approvals",
    "list",
    summary="What employees ask",
    scope="effects:read",
    example={"items": [_REQUEST], "next_cursor": None},
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    which: Annotated[
        Literal["waiting", "drafts", "all"],
        Query(description="What waits, what was drafted and can be judged for the record, or also what was decided."),
    ] = "waiting",
    employee: Annotated[UUID | None, Query(description="Those of this employee.")] = None,
    intention: Annotated[UUID | None, Query(description="Those of this intention.")] = None,
) -> Page[Approval]:
    """With the exact words and arguments, the latest first."""
    place = cut.place(BeforeMoment)
    found = await approvals.listed(
        tx,
        employee=employee,
        intention=intention,
        which=which,
        before=place and place.at,
        before_id=place and place.id,
        limit=cut.reach,
    )
    return cut.page(found, lambda last: BeforeMoment(at=last.created_at, id=last.id))


@noun.reads("/approvals/{approval}", "get", summary="One request", scope="effects:read", example=_REQUEST)
async def get(tx: ReadTx, *, approval: UUID) -> Approval:
    """As it stands, with the digest that a decision names."""
    return await approvals.get(tx, approval=approval)


class Approve(Body):
    """What was seen, and what shall be different; what is left out goes as it stands."""

    digest: Digest
    reason: Reason | None = Field(default=None, description="What the employee shall remember of it.")
    title: str | None = Field(default=None, min_length=1, max_length=500)
    body: str | None = Field(default=None, max_length=100_000)
    recipients: list[Annotated[str, Field(min_length=1, max_length=254)]] | None = Field(default=None, max_length=100)
    arguments: dict[str, JsonValue] | None = Field(default=None, description="Replaces all of them.")


@noun.acts(
    "/approvals/{approval}/approve",
    "approve",
    summary="Let it happen, as it stands or as edited",
    scope="approve",
    roles=STAFF,
    sends={"digest": _DIGEST},
    example=_DECIDED,
)
async def approve(tx: Tx, *, approval: UUID, body: Approve) -> Decided:
    """It goes out in the employee's next cycle, which is due at once, if hours, limits and budget allow. Another digest is refused."""
    wording = Wording(title=body.title, body=body.body, recipients=body.recipients, arguments=body.arguments)
    verdict = "approve" if wording == Wording() else "edit"
    return await deciding.decide(
        tx, approval=approval, verdict=verdict, reason=body.reason, wording=wording, digest=body.digest
    )


class Reject(Body):
    """What was seen, and why it shall not be."""

    digest: Digest
    reason: Reason


@noun.acts(
    "/approvals/{approval}/reject",
    "reject",
    summary="It does not happen",
    scope="approve",
    roles=STAFF,
    sends={"digest": _DIGEST, "reason": "She has the offer already."},
    example={**_DECIDED, "status": "cancelled"},
)
async def reject(tx: Tx, *, approval: UUID, body: Reject) -> Decided:
    """The employee remembers why. Another digest is refused."""
    return await deciding.decide(tx, approval=approval, verdict="reject", reason=body.reason, digest=body.digest)
