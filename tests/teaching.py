"""Playbooks for tests: the least that one needs, how it is taught, and what became of it."""

from typing import Any
from uuid import UUID, uuid4

from empla.memory import procedural
from empla.memory.playbook import Playbook
from empla.memory.procedural import Procedure, Recorded
from empla.storage.database import Database
from empla.storage.tx import Caller


def playbook(name: str = "call", *steps: dict[str, Any], **keys: Any) -> Playbook:
    made: dict[str, Any] = {
        "name": name,
        "description": f"How to {name}",
        "triggers": ["go"],
        "steps": [*steps],
        **keys,
    }
    made["steps"] = made["steps"] or [{"action": "note", "text": "Hello {account}"}]
    return Playbook.of({key: value for key, value in made.items() if value is not None})


def skill(name: str, *steps: dict[str, Any]) -> Playbook:
    return playbook(name, *steps, type="skill", triggers=None)


async def add(database: Database, caller: Caller, employee: UUID, *playbooks: Playbook, **more: Any) -> list[Procedure]:
    async with database.write(caller) as tx:
        return await procedural.add(tx, employee=employee, playbooks=playbooks, **more)


async def held(database: Database, caller: Caller, employee: UUID) -> list[Procedure]:
    async with database.read(caller) as tx:
        return await procedural.library(tx, employee=employee)


async def record(database: Database, procedure: Procedure, *successes: bool, tenant: UUID) -> list[Recorded]:
    """Outcomes as the employee's own cycle counts them."""
    found: list[Recorded] = []
    for succeeded in successes:
        async with database.work(Caller(tenant, employee=procedure.employee_id)) as tx:
            found.append(
                await procedural.record_outcome(
                    tx,
                    employee=procedure.employee_id,
                    procedure=procedure.id,
                    succeeded=succeeded,
                    intention=uuid4(),
                )
            )
    return found
