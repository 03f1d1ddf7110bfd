"""What employees can be able to do here: offered or withdrawn by admins, within limits that hold for everybody."""

from datetime import time, timedelta
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from empla.api.doors import ADMINS, STAFF
from empla.api.etags import Seen
from empla.api.operations import Body, Noun
from empla.employees import capabilities
from empla.employees.capabilities import TIME_OF_DAY, Offer
from empla.errors import InvalidError
from empla.storage.tx import ReadTx, Tx

noun = Noun("capabilities", about="What the tenant's employees can be able to do, and within which limits.")
_EMAIL: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000011",
    "name": "email",
    "description": "write and read e-mail",
    "parameters": {},
    "destructive": False,
    "enabled": True,
    "repeat_window": "P1D",
    "quiet_from": "21:00:00",
    "quiet_until": "07:00:00",
    "recipient_per_day": 3,
    "tenant_per_hour": 200,
    "costs": {"effects": 1},
}
Name = Annotated[str, Path(pattern="^[a-z][a-z0-9_]{0,59}$", description="Such as email.")]
TimeOfDay = Annotated[time, WithJsonSchema(TIME_OF_DAY)]
_LONGEST_WINDOW = timedelta(days=366)


class Offers(BaseModel):
    """Each with its limits."""

    model_config = ConfigDict(frozen=True)

    items: list[Offer]


@noun.reads(
    "/capabilities",
    "list",
    summary="What employees can be able to do",
    scope="read",
    roles=STAFF,
    example={"items": [_EMAIL]},
)
async def listed(tx: ReadTx) -> Offers:
    """By name; also what is not offered now."""
    return Offers(items=await capabilities.offered(tx))


@noun.reads("/capabilities/{capability}", "get", summary="A capability", scope="read", roles=STAFF, example=_EMAIL)
async def get(tx: ReadTx, *, capability: Name) -> Offer:
    """With its limits."""
    return await capabilities.offer(tx, name=capability)


class QuietHours(Body):
    """By the clock of whoever is written to; they may go past midnight."""

    begin: TimeOfDay
    end: TimeOfDay


class ChangeOffer(Body):
    """What is to be changed; what is left out stays."""

    parameters: dict[str, JsonValue] | None = Field(
        default=None, description='A JSON schema (2020-12) of its effects\' arguments; its $refs begin with "#".'
    )
    destructive: bool | None = Field(
        default=None, description="It can't be undone: with a ground from outside, a human decides at every stage."
    )
    repeat_window: Annotated[timedelta, Field(ge=timedelta(0), le=_LONGEST_WINDOW)] | None = Field(
        default=None, description='The same is not brought about twice within it, such as "P2D" (ISO 8601).'
    )
    quiet_hours: QuietHours | Literal["none"] | None = Field(default=None, description="Nothing is sent in them.")
    recipient_per_day: int | None = Field(default=None, ge=1, le=100_000)
    tenant_per_hour: int | None = Field(default=None, ge=1, le=1_000_000)
    costs: dict[Literal["effects", "calls", "tokens", "money"], Annotated[float, Field(ge=0, lt=1e14)]] | None = Field(
        default=None, description="Of one effect, by what it takes of the day's budgets. Replaces all of them."
    )


@noun.changes(
    "/capabilities/{capability}",
    "change",
    summary="Change the limits of a capability",
    scope="admin",
    roles=ADMINS,
    sends={"tenant_per_hour": 50, "quiet_hours": {"begin": "20:00", "end": "08:00"}},
    example={**_EMAIL, "tenant_per_hour": 50, "quiet_from": "20:00:00", "quiet_until": "08:00:00"},
)
async def change(tx: Tx, *, seen: Seen, capability: Name, body: ChangeOffer) -> Offer:
    """They hold for every effect that has not begun."""
    seen.check(await capabilities.held(tx, name=capability))
    return await capabilities.change(
        tx,
        name=capability,
        parameters=body.parameters,
        destructive=body.destructive,
        repeat_window=body.repeat_window,
        quiet_hours=_quiet(body.quiet_hours),
        recipient_per_day=body.recipient_per_day,
        tenant_per_hour=body.tenant_per_hour,
        costs=None if body.costs is None else {**body.costs},
    )


def _quiet(hours: QuietHours | Literal["none"] | None) -> capabilities.Quiet | None:
    if hours is None:
        return None
    if hours == "none":
        return None, None
    if hours.begin.tzinfo or hours.end.tzinfo:
        raise InvalidError("quiet hours have no zone: they are by the clock of whoever is written to")
    return hours.begin, hours.end


@noun.acts(
    "/capabilities/{capability}/offer",
    "offer",
    summary="Employees may be able to do it",
    scope="admin",
    roles=ADMINS,
    example=_EMAIL,
)
async def offer(tx: Tx, *, capability: Name) -> Offer:
    """Those who have the capability. One that is offered already stays so."""
    return await capabilities.change(tx, name=capability, enabled=True)


@noun.acts(
    "/capabilities/{capability}/withdraw",
    "withdraw",
    summary="Nobody does it any more",
    scope="admin",
    roles=ADMINS,
    example={**_EMAIL, "enabled": False},
)
async def withdraw(tx: Tx, *, capability: Name) -> Offer:
    """Whoever has the capability keeps it for when it is offered again; what has not begun is refused."""
    return await capabilities.change(tx, name=capability, enabled=False)
