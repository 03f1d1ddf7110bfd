"""What an employee knows how to do: its playbooks, taught, learned from what people did, and trusted as far as they have worked."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from empla.api.doors import DELEGATES
from empla.api.operations import Body, Noun
from empla.api.paging import Page, Paging
from empla.employees import employees
from empla.memory import demonstration, playbook_rules, procedural
from empla.memory.demonstration import Demonstration, Learned, Lesson
from empla.memory.procedural import Procedure, Upgraded
from empla.memory.standing import Standing
from empla.mind import applicable as applying
from empla.mind.applicable import Situation, WhatApplies
from empla.shapes import Stated
from empla.storage.tx import ReadTx, Tx

noun = Noun("playbooks", about="What an employee knows how to do, and how well it has worked.")
_ID = "0199a5c0-0000-7000-8000-000000000009"
_STEP: dict[str, JsonValue] = {"action": "task", "title": "Thank them"}
_WRITTEN: dict[str, JsonValue] = {
    "name": "thank_for_the_deal",
    "description": "Thank for a deal that was won.",
    "triggers": ["deal_won"],
    "steps": [_STEP],
}
_THANK: dict[str, JsonValue] = {
    "id": _ID,
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "procedure_name": "thank_for_the_deal",
    "description": "Thank for a deal that was won.",
    "procedure_type": "workflow",
    "steps": {"workflow": "thank_for_the_deal", "steps": [_STEP]},
    "conditions": {"triggers": ["deal_won"]},
    "version": 1,
    "enabled": True,
    "standing": "established",
    "success_rate": 0.0,
    "success_count": 0,
    "execution_count": 0,
    "consecutive_failures": 0,
    "last_executed_at": None,
    "learned_from": "instruction",
    "shelf_digest": None,
    "evidence": [],
    "metadata": {},
    "created_at": "2026-03-01T09:00:00Z",
    "updated_at": "2026-03-01T09:00:00Z",
}


class AfterName(BaseModel):
    """The place in a list by name."""

    model_config = ConfigDict(extra="forbid")

    name: str


@noun.reads(
    "/employees/{employee}/playbooks",
    "list",
    summary="What an employee knows how to do",
    example={"items": [_THANK], "next_cursor": None},
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    employee: UUID,
    enabled: Annotated[bool | None, Query(description="Those that it may use, or may not.")] = None,
    standing: Annotated[Standing | None, Query(description="Those that are trusted so far.")] = None,
) -> Page[Procedure]:
    """By name. Of an employee whom the caller may see; of nobody else there are none."""
    after = cut.place(AfterName)
    found = await procedural.by_name(
        tx, employee=employee, limit=cut.reach, after=after and after.name, enabled=enabled, standing=standing
    )
    return cut.page(found, lambda last: AfterName(name=last.procedure_name))


class AddPlaybook(Body):
    """A playbook, with the keys of a playbook file."""

    playbook: dict[str, JsonValue] = Field(description="docs/playbooks.md says what it holds.")
    replace: bool = Field(default=False, description="In the place of one of the same name.")


@noun.makes(
    "/employees/{employee}/playbooks",
    "add",
    summary="An employee is taught a playbook",
    roles=DELEGATES,
    location="/employees/{employee}/playbooks/{id}",
    sends={"playbook": _WRITTEN},
    example=_THANK,
)
async def add(tx: Tx, *, employee: UUID, body: AddPlaybook) -> Procedure:
    """Established from the start. What it can't carry out is refused."""
    taught = [playbook_rules.parsed(body.playbook)]
    (added,) = await procedural.add(tx, employee=employee, playbooks=taught, replace=body.replace)
    return added


class Asked(Body):
    """A situation: an event, a metric that falls short, or both; with neither, every workflow is weighed."""

    event: str | None = Field(default=None, min_length=1, max_length=100, description="The kind of what has happened.")
    content: dict[str, JsonValue] = Field(default={}, description="What the event holds.")
    metric: str | None = Field(default=None, max_length=500, description="As if it fell short.")
    is_unknown: bool = Field(default=False, description="The metric is not known, instead.")
    supposing: dict[str, JsonValue] = Field(default={}, description="Beliefs, as if they were held.")


@noun.acts(
    "/employees/{employee}/playbooks/applicable",
    "applicable",
    summary="Which playbooks an employee would weigh",
    scope="playbooks:read",
    sends={"event": "deal_won", "content": {"account": "Initech"}},
    example={
        "employee": "Jordan",
        "situation": "when deal_won comes",
        "playbooks": [
            {
                "playbook": "thank_for_the_deal",
                "refused": None,
                "score": 0.5,
                "success": 0.0,
                "match": 1.0,
                "capability": 1.0,
                "rank": 0.0,
                "succeeded": 0,
                "executed": 0,
                "held": 0,
                "stated": 0,
                "procedure": _ID,
                "description": "Thank for a deal that was won.",
                "standing": "established",
                "looked_at": [],
            }
        ],
    },
)
async def applicable(tx: Tx, *, employee: UUID, body: Asked) -> WhatApplies:
    """By the rule that its cycles choose with, the best first; asking changes nothing."""
    situation = Situation(**{name: getattr(body, name) for name in Asked.model_fields})
    return await applying.applicable(tx, employee=employee, situation=situation)


class Learn(Body):
    """What is to be learned from which demonstrations, and when it is to be done."""

    name: str = Field(min_length=1, max_length=200)
    demonstrations: list[Demonstration] = Field(min_length=1, max_length=demonstration.MAX_DEMONSTRATIONS)
    description: str | None = None
    triggers: list[str] | None = Field(default=None, description="The events that were answered when absent.")
    goals: list[str] | None = None
    context: Stated | None = None
    success: Stated | None = None
    timeframe: str | None = None
    replace: bool = Field(default=False, description="In the place of one of the same name.")


@noun.makes(
    "/employees/{employee}/playbooks/learn",
    "learn",
    summary="An employee learns from what people did",
    roles=DELEGATES,
    location="/employees/{employee}/playbooks/{procedure.id}",
    sends={
        "name": "thank_for_the_deal",
        "demonstrations": [{"by": "Ann", "event": {"kind": "deal_won"}, "steps": [_STEP]}],
    },
    example={
        "procedure": {**_THANK, "standing": "trial", "learned_from": "human_demonstration"},
        "names": [],
        "left_out": [],
    },
)
async def learn(tx: Tx, *, employee: UUID, body: Learn) -> Learned:
    """What all demonstrations have in common, on trial; and what of them is not in it."""
    lesson = Lesson.parse(body.model_dump(mode="json", exclude={"replace"}))
    return await demonstration.learn_from_demonstrations(tx, employee=employee, lesson=lesson, replace=body.replace)


class PlaybookFaults(BaseModel):
    """One that can't be carried out, and why."""

    model_config = ConfigDict(frozen=True)

    playbook: str
    faults: list[str]


class Faults(BaseModel):
    """What can't be carried out."""

    model_config = ConfigDict(frozen=True)

    items: list[PlaybookFaults]


@noun.reads(
    "/employees/{employee}/playbooks/faults",
    "faults",
    summary="What an employee knows and can't carry out",
    example={"items": [{"playbook": "win_back", "faults": ["step 2: thank is not an action, nor a skill"]}]},
)
async def faults(tx: ReadTx, *, employee: UUID) -> Faults:
    """By name, with every fault. Of an employee whom the caller may see; of nobody else there are none."""
    found = procedural.faults_by_name(await procedural.library(tx, employee=employee))
    return Faults(items=[PlaybookFaults(playbook=name, faults=wrong) for name, wrong in sorted(found.items()) if wrong])


class CheckPlaybook(Body):
    """A playbook, with the keys of a playbook file."""

    playbook: dict[str, JsonValue] = Field(description="docs/playbooks.md says what it holds.")


class Checked(BaseModel):
    """What is wrong with it; nothing, when there is nothing here."""

    model_config = ConfigDict(frozen=True)

    faults: list[str]


@noun.acts(
    "/employees/{employee}/playbooks/check",
    "check",
    summary="Whether an employee could be taught a playbook",
    scope="playbooks:read",
    sends={"playbook": {**_WRITTEN, "steps": [{"action": "task"}]}},
    example={"faults": ["thank_for_the_deal: step 1: task needs title"]},
)
async def check(tx: Tx, *, employee: UUID, body: CheckPlaybook) -> Checked:
    """Every fault at once; nothing is changed."""
    person = await employees.get(tx, employee=employee)
    found = playbook_rules.draft(body.playbook)
    if found.playbook is None:
        return Checked(faults=playbook_rules.told(found))
    return Checked(faults=await procedural.faults_of_new(tx, employee=person.id, playbook=found.playbook))


@noun.acts(
    "/employees/{employee}/playbooks/upgrade",
    "upgrade",
    summary="An employee has the newest of what comes with its role",
    roles=DELEGATES,
    example={"added": [], "replaced": ["fill_the_pipeline"], "left": ["win_back"]},
)
async def upgrade(tx: Tx, *, employee: UUID) -> Upgraded:
    """Of what nobody has edited; records and standing stay. What was edited is left as it is, and named."""
    person = await employees.get(tx, employee=employee)
    return await procedural.upgrade(tx, employee=employee, role=person.role)


@noun.reads("/employees/{employee}/playbooks/{playbook}", "get", summary="A playbook with its record", example=_THANK)
async def get(tx: ReadTx, *, employee: UUID, playbook: UUID) -> Procedure:
    """What it says, how often it worked, and how its standing came about."""
    return await procedural.get(tx, employee=employee, procedure=playbook)


@noun.acts(
    "/employees/{employee}/playbooks/{playbook}/enable",
    "enable",
    summary="An employee may use a playbook again",
    roles=DELEGATES,
    example=_THANK,
)
async def enable(tx: Tx, *, employee: UUID, playbook: UUID) -> Procedure:
    """One that it uses already stays so."""
    await procedural.set_enabled(tx, employee=employee, procedure=playbook, enabled=True)
    return await procedural.get(tx, employee=employee, procedure=playbook)


@noun.acts(
    "/employees/{employee}/playbooks/{playbook}/disable",
    "disable",
    summary="An employee may use a playbook no more",
    roles=DELEGATES,
    example={**_THANK, "enabled": False},
)
async def disable(tx: Tx, *, employee: UUID, playbook: UUID) -> Procedure:
    """What is under way goes on."""
    await procedural.set_enabled(tx, employee=employee, procedure=playbook, enabled=False)
    return await procedural.get(tx, employee=employee, procedure=playbook)


class Judge(Body):
    """How far it is trusted from now on, and why."""

    standing: Standing
    reason: str = Field(min_length=1, max_length=procedural.MAX_REASON)


@noun.acts(
    "/employees/{employee}/playbooks/{playbook}/judge",
    "judge",
    summary="A person decides how far a playbook is trusted",
    roles=DELEGATES,
    sends={"standing": "demoted", "reason": "Customers find it annoying."},
    example={**_THANK, "standing": "demoted"},
)
async def judge(tx: Tx, *, employee: UUID, playbook: UUID, body: Judge) -> Procedure:
    """Whatever its record says; failures in a row are counted anew."""
    await procedural.set_standing(tx, employee=employee, procedure=playbook, standing=body.standing, reason=body.reason)
    return await procedural.get(tx, employee=employee, procedure=playbook)
