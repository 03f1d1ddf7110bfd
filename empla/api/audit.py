"""The audit trail: who changed what, from what to what, and when. It is written by the database, and read here."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, JsonValue

from empla.api.doors import STAFF
from empla.api.operations import Noun
from empla.api.paging import BeforeMoment, Page, Paging
from empla.observability import audit
from empla.observability.audit import ActorType, Entry
from empla.storage.tx import ReadTx

noun = Noun("audit", about="Who changed what, and when. No request can write, change or remove an entry.")
_DECIDED: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000031",
    "actor_type": "user",
    "actor_id": "0199a5c0-0000-7000-8000-000000000002",
    "actor": "Dana",
    "action_type": "approval.changed",
    "resource_type": "approval",
    "resource_id": "0199a5c0-0000-7000-8000-000000000021",
    "details": {"status": ["pending", "approved"], "decided_by": [None, "0199a5c0-0000-7000-8000-000000000002"]},
    "metadata": {},
    "occurred_at": "2026-03-01T09:00:00Z",
    "recorded_at": "2026-03-01T09:00:00Z",
    "is_erased": False,
}


@noun.reads(
    "/audit", "list", summary="Who changed what", roles=STAFF, example={"items": [_DECIDED], "next_cursor": None}
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    actor: Annotated[UUID | None, Query(description="By this user or employee; the nil uuid is the operator.")] = None,
    actor_type: Annotated[ActorType | None, Query(description="By people, by employees, or by the operator.")] = None,
    action: Annotated[
        str | None,
        Query(max_length=121, pattern=r"^[a-z_]+\.[a-z_]+$", description="Of this kind: `approval.changed`."),
    ] = None,
    resource_type: Annotated[
        str | None, Query(max_length=60, pattern="^[a-z_]+$", description="Of such things: `approval`.")
    ] = None,
    resource: Annotated[UUID | None, Query(description="Of this one thing.")] = None,
    employee: Annotated[
        UUID | None, Query(description="What this one did, and what was done to it and to what is its own.")
    ] = None,
    since: Annotated[AwareDatetime | None, Query(description="From then on, in the tenant's time.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before then, in the tenant's time.")] = None,
) -> Page[Entry]:
    """The latest first. What was changed stands in `details` as before and after: who approved something is the actor of its approval's."""
    place = cut.place(BeforeMoment)
    found = await audit.listed(
        tx,
        limit=cut.reach,
        before=place and place.at,
        before_id=place and place.id,
        since=since,
        until=until,
        actor=actor,
        actor_type=actor_type,
        action=action,
        resource_type=resource_type,
        resource=resource,
        employee=employee,
    )
    return cut.page(found, lambda last: BeforeMoment(at=last.occurred_at, id=last.id))
