"""`empla effects`: what an employee brought about."""

from typing import Annotated

from cyclopts import Parameter

from empla.access import doors
from empla.bdi import intentions
from empla.cli.options import AsUser, Employee, Home, Json, Limit, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.effects import effects as made
from empla.employees import employees
from empla.ids import short
from empla.storage import opening


async def effects(
    *,
    tenant: Tenant,
    employee: Employee,
    intention: Annotated[str | None, Parameter(help="Only those of this intention: a part of its id.")] = None,
    limit: Limit = 100,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """What an employee brought about: tasks, notes, drafts, messages and calls, the latest first."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
            cause = None if intention is None else (await intentions.find(tx, named=intention)).id
            found = await made.latest(tx, employee=person.id, intention=cause, limit=limit)
    if json:
        print_json(found)
        return
    lines = table("when", "what", "title", "status", "intention")
    for effect in found:
        lines.add_row(
            f"{effect.created_at:%Y-%m-%d %H:%M}",
            effect.kind,
            effect.title,
            effect.status,
            "–" if effect.intention_id is None else short(effect.intention_id),
        )
    console.print(lines if found else f"{person.name} brought nothing about so far")
