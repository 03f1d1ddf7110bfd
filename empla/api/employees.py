"""Digital employees: hired, changed, paused, trusted more or less, and dismissed."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field, JsonValue

from empla.api.doors import STAFF
from empla.api.etags import Seen
from empla.api.operations import Body, Noun
from empla.api.paging import AfterEmail, BeforeId, Page, Paging
from empla.employees import employees, lifecycle
from empla.employees.employees import Employee, EmployeeRole, Stage, Status
from empla.employees.shapes import EmployeeConfig, Personality
from empla.mind import hiring
from empla.storage.tx import ReadTx, Tx

noun = Noun("employees", about="Digital employees. A user of the role `user` sees those who are assigned to him.")
_JORDAN: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000003",
    "name": "Jordan",
    "role": "sales_ae",
    "email": "jordan@acme.example",
    "personality": {"tone": "professional"},
    "status": "active",
    "lifecycle_stage": "shadow",
    "onboarded_at": "2026-03-01T09:00:00Z",
    "activated_at": "2026-03-01T09:00:00Z",
    "config": {"loop_interval_seconds": 300},
    "capabilities": ["email", "crm"],
    "performance_metrics": {},
    "created_by": "0199a5c0-0000-7000-8000-000000000002",
    "metadata": {},
    "created_at": "2026-03-01T09:00:00Z",
    "updated_at": "2026-03-01T09:00:00Z",
}
Capability = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,59}$")]


@noun.reads("/employees", "list", summary="The employees", example={"items": [_JORDAN], "next_cursor": None})
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    sort: Annotated[
        Literal["email", "-created"], Query(description="By e-mail, or who was hired last first.")
    ] = "email",
    status: Annotated[Status | None, Query(description="Those of this status.")] = None,
    role: Annotated[EmployeeRole | None, Query(description="Those of this role.")] = None,
    stage: Annotated[Stage | None, Query(description="Those of this stage.")] = None,
) -> Page[Employee]:
    """Those whom the caller may see."""
    if sort == "email":
        after = cut.place(AfterEmail)
        found = await employees.by_email(
            tx, limit=cut.reach, after=after and after.email, status=status, role=role, stage=stage
        )
        return cut.page(found, lambda last: AfterEmail(email=last.email))
    before = cut.place(BeforeId)
    found = await employees.latest(
        tx, limit=cut.reach, before=before and before.id, status=status, role=role, stage=stage
    )
    return cut.page(found, lambda last: BeforeId(id=last.id))


class HireEmployee(Body):
    """Who is hired."""

    name: str = Field(min_length=1, max_length=200)
    role: EmployeeRole
    email: str = Field(min_length=3, max_length=254)
    personality: Personality | None = None
    config: EmployeeConfig | None = None
    capabilities: list[Capability] | None = Field(
        default=None, max_length=100, description="What it can do; that of its role when absent."
    )
    metadata: dict[str, JsonValue] | None = None
    active: bool = Field(default=True, description="Works at once; otherwise it is onboarding until it is resumed.")


@noun.makes(
    "/employees",
    "hire",
    summary="A new employee",
    roles=STAFF,
    location="/employees/{id}",
    sends={"name": "Jordan", "role": "sales_ae", "email": "jordan@acme.example"},
    example=_JORDAN,
)
async def hire(tx: Tx, *, body: HireEmployee) -> Employee:
    """In stage shadow, with the playbooks of its role; its first cycle is due at once."""
    return await hiring.hire(
        tx,
        name=body.name,
        role=body.role,
        email=body.email,
        personality=body.personality,
        config=body.config,
        capabilities=body.capabilities,
        metadata=body.metadata,
        active=body.active,
    )


@noun.reads("/employees/{employee}", "get", summary="An employee", example=_JORDAN)
async def get(tx: ReadTx, *, employee: UUID) -> Employee:
    """Whom the caller may see."""
    return await employees.get(tx, employee=employee)


class ChangeEmployee(Body):
    """What is to be changed; what is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    email: str | None = Field(default=None, min_length=3, max_length=254)
    personality: Personality | None = Field(default=None, description="Replaces all of it.")
    config: EmployeeConfig | None = Field(default=None, description="Replaces all of it.")
    capabilities: list[Capability] | None = Field(default=None, max_length=100, description="Replaces all of them.")
    metadata: dict[str, JsonValue] | None = Field(default=None, description="Replaces all of it.")


@noun.changes(
    "/employees/{employee}",
    "change",
    summary="Change who an employee is, and how it works",
    roles=STAFF,
    sends={"config": {"loop_interval_seconds": 600}},
    example={**_JORDAN, "config": {"loop_interval_seconds": 600}},
)
async def change(tx: Tx, *, seen: Seen, employee: UUID, body: ChangeEmployee) -> Employee:
    """From its next cycle on. Status and stage have operations of their own."""
    seen.check(await employees.held(tx, employee=employee))
    return await employees.change(
        tx,
        employee=employee,
        name=body.name,
        email=body.email,
        personality=body.personality,
        config=body.config,
        capabilities=body.capabilities,
        metadata=body.metadata,
    )


@noun.acts(
    "/employees/{employee}/pause",
    "pause",
    summary="An employee pauses",
    roles=STAFF,
    example={**_JORDAN, "status": "paused"},
)
async def pause(tx: Tx, *, employee: UUID) -> Employee:
    """A cycle that is under way writes nothing after the transaction in hand. One that pauses already stays so."""
    return await employees.pause(tx, employee=employee)


@noun.acts("/employees/{employee}/resume", "resume", summary="An employee works again", roles=STAFF, example=_JORDAN)
async def resume(tx: Tx, *, employee: UUID) -> Employee:
    """Or for the first time, when it was onboarding."""
    return await employees.resume(tx, employee=employee)


class Move(Body):
    """To which stage."""

    to: Stage


@noun.acts(
    "/employees/{employee}/promote",
    "promote",
    summary="An employee is trusted one stage further",
    scope="approve",
    roles=STAFF,
    sends={"to": "supervised"},
    example={**_JORDAN, "lifecycle_stage": "supervised"},
)
async def promote(tx: Tx, *, employee: UUID, body: Move) -> Employee:
    """One stage at a time: from shadow to supervised, from there to autonomous."""
    return await lifecycle.promote(tx, employee=employee, to=body.to)


@noun.acts(
    "/employees/{employee}/demote",
    "demote",
    summary="An employee is trusted less",
    scope="approve",
    roles=STAFF,
    sends={"to": "shadow"},
    example=_JORDAN,
)
async def demote(tx: Tx, *, employee: UUID, body: Move) -> Employee:
    """What it was about to send is asked about again, or given up."""
    return await lifecycle.demote(tx, employee=employee, to=body.to)


@noun.removes("/employees/{employee}", "terminate", summary="An employee is dismissed", roles=STAFF)
async def terminate(tx: Tx, *, employee: UUID) -> None:
    """Hidden with all that it owns, and out of the schedule; its e-mail is free again."""
    await employees.dismiss(tx, employee=employee)
