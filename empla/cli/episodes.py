"""`empla episodes`: what an employee remembers."""

from typing import Annotated

from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsUser, Employee, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.clock import moment
from empla.employees import employees
from empla.memory import episodic
from empla.storage import opening


async def episodes(
    *,
    tenant: Tenant,
    employee: Employee,
    limit: Annotated[int, Parameter(help="At most so many, 1 to 1000.")] = 20,
    since: Annotated[str | None, Parameter(help="Only from this time on.")] = None,
    participant: Annotated[str | None, Parameter(help="Only with this participant.")] = None,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """What an employee remembers, the latest first."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
            found = await episodic.latest(
                tx,
                employee=person.id,
                limit=limit,
                since=None if since is None else moment(since),
                participant=participant,
            )
    if json:
        print_json(found)
        return
    shown = table("when", "type", "what", "where")
    for episode in found:
        shown.add_row(
            f"{episode.occurred_at:%Y-%m-%d %H:%M}", episode.episode_type, episode.description, episode.location or ""
        )
    console.print(shown)
