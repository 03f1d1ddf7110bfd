"""What an employee is told of the world: delivered once, and perceived in its next cycle."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from empla.api.doors import DELEGATES
from empla.api.operations import Body, Noun
from empla.api.paging import BeforeId, Page, Paging
from empla.errors import InvalidError
from empla.senses import inbox
from empla.senses.inbox import Observation, ObservationStatus
from empla.senses.observation import NewObservation
from empla.storage.tx import ReadTx, Tx

noun = Noun("observations", about="What employees are told of the world, and what became of it.")
_WON: dict[str, JsonValue] = {
    "source": "crm",
    "external_id": "deal-77",
    "kind": "deal_won",
    "description": "Acme signed",
    "content": {"account": "Acme", "opportunity": "deal-77", "stage": "won", "close_value": 12000},
}


@noun.reads(
    "/employees/{employee}/observations",
    "list",
    summary="An employee's inbox",
    example={
        "items": [
            {
                **_WON,
                "id": "0199a5c0-0000-7000-8000-000000000013",
                "employee_id": "0199a5c0-0000-7000-8000-000000000003",
                "participants": [],
                "tainted": True,
                "status": "pending",
                "perceived_at": None,
                "error": None,
                "occurred_at": "2026-03-01T09:00:00Z",
                "created_at": "2026-03-01T09:00:00Z",
            }
        ],
        "next_cursor": None,
    },
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    employee: UUID,
    status: Annotated[ObservationStatus | None, Query(description="Those that wait, are perceived, or failed.")] = None,
    source: Annotated[str | None, Query(max_length=60, description="Those of this source.")] = None,
) -> Page[Observation]:
    """What was delivered last stands first."""
    before = cut.place(BeforeId)
    found = await inbox.latest(
        tx, employee=employee, limit=cut.reach, before=before and before.id, status=status, source=source
    )
    return cut.page(found, lambda last: BeforeId(id=last.id))


class Observe(Body):
    """What happened; source and external_id name it for good, so that it is perceived once however often it is sent."""

    source: str = Field(pattern="^[a-z][a-z0-9_-]{0,59}$")
    external_id: str = Field(min_length=1, max_length=500)
    kind: str = Field(min_length=1, max_length=100)
    description: str = Field(min_length=1, max_length=16_000)
    occurred_at: AwareDatetime | None = Field(default=None, description="Now, unless it is said.")
    participants: tuple[str, ...] = Field(default=(), max_length=1000)
    content: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    tainted: bool = Field(default=True, description="It came from outside; false for the company's own records.")

    def addressed(self, employee: UUID, now: datetime) -> NewObservation:
        """To this employee. Raises `InvalidError`."""
        told: dict[str, Any] = {name: getattr(self, name) for name in Observe.model_fields}
        told |= {"occurred_at": self.occurred_at or now, "recipient": str(employee)}
        try:
            return NewObservation(**told)
        except ValidationError as error:
            fault = error.errors()[0]
            raise InvalidError(f"{fault['loc'][0]}: {fault['msg'].lower()}") from None


class Delivered(BaseModel):
    """What became of what was sent."""

    model_config = ConfigDict(frozen=True)

    new: int
    known: int = Field(description="Delivered before.")
    changed: list[str] = Field(description="Known with another content, which is left as it was: their external ids.")


async def _deliver(tx: Tx, observations: list[NewObservation]) -> Delivered:
    recipients = {each.recipient: UUID(each.recipient) for each in observations}
    done = await inbox.deliver(tx, observations, recipients=recipients)
    return Delivered(new=done.new, known=done.known, changed=done.changed)


@noun.acts(
    "/employees/{employee}/observations",
    "deliver",
    summary="An employee is told of something",
    roles=DELEGATES,
    sends=_WON,
    example={"new": 1, "known": 0, "changed": []},
)
async def deliver(tx: Tx, *, employee: UUID, body: Observe) -> Delivered:
    """Its next cycle is due when that happened, or now."""
    return await _deliver(tx, [body.addressed(employee, tx.now)])


class ObserveFor(Observe):
    """What happened, and who is told."""

    employee: UUID


class ObserveMany(Body):
    """All of them are delivered, or none."""

    observations: list[ObserveFor] = Field(min_length=1, description="At most EMPLA_MAX_BATCH.")


@noun.acts(
    "/observations",
    "deliver_many",
    summary="Employees are told of much",
    roles=DELEGATES,
    refusals=(404,),
    sends={"observations": [{**_WON, "employee": "0199a5c0-0000-7000-8000-000000000003"}]},
    example={"new": 1, "known": 0, "changed": []},
)
async def deliver_many(tx: Tx, *, body: ObserveMany) -> Delivered:
    """In one statement, whoever they are for."""
    return await _deliver(tx, [each.addressed(each.employee, tx.now) for each in body.observations])
