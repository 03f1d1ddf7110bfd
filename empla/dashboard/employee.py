"""An employee: how it stands, what happened last, and the acts of its working life. What its other pages share is here, too."""

from typing import Literal
from uuid import UUID

from starlette.responses import Response

from empla.api.doors import STAFF
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Told, Visit
from empla.employees import employees, lifecycle
from empla.employees.employees import Stage
from empla.employees.lifecycle import STAGES
from empla.errors import ConflictError, InvalidError
from empla.observability import events

room = Room("employee")
_LATEST = 25  # events


@room.shows("/employees/{employee:uuid}")
async def now(visit: Visit, employee: UUID) -> Response:
    """Who it is is one statement, each part one more."""
    visit.asked(Told)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        latest = await events.latest(tx, limit=_LATEST, employee=employee) if visit.wants("latest") else []
        records = await lifecycle.records(tx, employee=employee) if visit.wants("standing") else []
    place = STAGES.index(person.lifecycle_stage)
    return visit.show(
        "employee_now.html",
        person=person,
        latest=latest,
        record=records[0] if records else None,
        before=STAGES[place - 1] if place else None,
        promising=lifecycle.PROMISING,
        figures=person.performance_metrics.to_json(),
    )


class Act(Fields):
    """What a person decides about it; of a stage, from which one that he saw."""

    act: Literal["pause", "resume", "promote", "demote"]
    stage: Stage | None = None


@room.takes("/employees/{employee:uuid}/standing")
async def stand(visit: Visit, employee: UUID) -> Response:
    """Staff pauses, resumes, promotes one stage, or demotes one: from the one that was seen, so that a button pressed twice counts once."""
    sent = await visit.sent(Act)
    act = sent.act
    async with visit.write(roles=STAFF) as tx:
        if act == "pause":
            await employees.pause(tx, employee=employee)
        elif act == "resume":
            await employees.resume(tx, employee=employee)
        else:
            if sent.stage is None:
                raise InvalidError("say in which stage you saw it")
            person = await employees.get(tx, employee=employee)
            if sent.stage != person.lifecycle_stage:
                raise ConflictError(f"{person.name} is {person.lifecycle_stage}, not {sent.stage} any more")
            place = STAGES.index(sent.stage) + (1 if act == "promote" else -1)
            if not 0 <= place < len(STAGES):
                raise ConflictError("there is no stage beyond this one")
            move = lifecycle.promote if act == "promote" else lifecycle.demote
            await move(tx, employee=employee, to=STAGES[place])
    return visit.go(f"/employees/{employee}", told=f"{act}d")
