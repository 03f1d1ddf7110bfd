"""`empla watch`: what employees do, as it happens."""

from typing import Annotated

from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsUser, Home, Tenant, settings_for
from empla.cli.output import console
from empla.employees import employees
from empla.observability import events
from empla.observability.events import EventKind
from empla.storage import opening


async def watch(
    employee: Annotated[str | None, Parameter(help="Only this employee (e-mail).")] = None,
    /,
    *,
    tenant: Tenant,
    after: Annotated[
        str | None,
        Parameter(help="Go on after the event of this id, as --json prints it; 0 is the oldest that is kept."),
    ] = None,
    kind: Annotated[list[EventKind] | None, Parameter(negative="", help="Only this kind; may be repeated.")] = None,
    most: Annotated[int | None, Parameter(help="Stop after so many.")] = None,
    user: AsUser = None,
    json: Annotated[bool, Parameter(name="--json", negative="", help="Print each as a line of JSON.")] = False,
    home: Home = None,
) -> None:
    """What employees do from now on, until Ctrl-C. Whoever comes again with --after misses nothing and sees nothing twice."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            only = None if employee is None else (await employees.find(tx, email=employee)).id
        begin = events.BEGINNING if after == "0" else after
        shown = 0
        async for event in events.follow(database, caller, after=begin, employee=only, kinds=kind):
            if json:
                print(event.model_dump_json(), flush=True)
            else:
                console.print(
                    f"{event.occurred_at:%Y-%m-%d %H:%M:%S}  {event.employee or '–'}  {event.kind}: {event.sentence}",
                    soft_wrap=True,
                )
            shown += 1
            if shown == most:
                return
