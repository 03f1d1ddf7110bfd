"""`empla capability …`: what employees can be able to do in a tenant, and within which limits."""

from datetime import time, timedelta
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsUser, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.durations import duration
from empla.employees import capabilities
from empla.errors import UsageError
from empla.storage import opening

app = cyclopts.App(name="capability")


@app.default
async def listed(*, tenant: Tenant, user: AsUser = None, json: Json = False, home: Home = None) -> None:
    """What employees can be able to do here, with the limits that hold for everybody."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            found = await capabilities.offered(tx)
    if json:
        print_json(found)
        return
    shown = table("name", "offered", "can't be undone", "repeats after", "quiet hours", "a recipient a day", "an hour")
    for offer in found:
        quiet = "–" if offer.quiet_from is None else f"{offer.quiet_from:%H:%M}–{offer.quiet_until:%H:%M}"
        shown.add_row(
            offer.name,
            "yes" if offer.enabled else "no",
            "yes" if offer.destructive else "no",
            _span(offer.repeat_window),
            quiet,
            str(offer.recipient_per_day),
            str(offer.tenant_per_hour),
        )
    console.print(shown)


@app.command
async def change(
    name: Annotated[str, Parameter(help="The capability.")],
    /,
    *,
    tenant: Tenant,
    offered: Annotated[bool | None, Parameter(help="Whether anybody may use it.")] = None,
    destructive: Annotated[
        bool | None, Parameter(help="It can't be undone: with a ground from outside, a human decides at every stage.")
    ] = None,
    repeat_window: Annotated[
        str | None, Parameter(help='The same is not brought about twice within it: "2 days".')
    ] = None,
    quiet_hours: Annotated[str | None, Parameter(help='By the recipient\'s clock: "21:00-07:00", or none.')] = None,
    recipient_per_day: Annotated[int | None, Parameter(help="Effects for the same recipient within a day.")] = None,
    tenant_per_hour: Annotated[int | None, Parameter(help="Effects of all employees within an hour.")] = None,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """Change its limits; what is not named stays. Admins alone."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            await capabilities.change(
                tx,
                name=name,
                enabled=offered,
                destructive=destructive,
                repeat_window=None if repeat_window is None else duration(repeat_window),
                quiet_hours=_quiet(quiet_hours),
                recipient_per_day=recipient_per_day,
                tenant_per_hour=tenant_per_hour,
            )
    console.print(f"{name} has these limits from now on; empla capability --tenant {tenant} shows them", soft_wrap=True)


def _quiet(written: str | None) -> tuple[time, time] | tuple[None, None] | None:
    if written is None:
        return None
    if written == "none":
        return None, None
    begins, _, ends = written.partition("-")
    try:
        return time.fromisoformat(begins.strip()), time.fromisoformat(ends.strip())
    except ValueError:
        raise UsageError(f'quiet hours are two times of day such as "21:00-07:00", or none, not {written!r}') from None


def _span(span: timedelta) -> str:
    days = span / timedelta(days=1)
    return f"{days:g} d" if days >= 1 or not span else f"{span / timedelta(hours=1):g} h"
