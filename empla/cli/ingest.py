"""`empla ingest`: a source's files into the inbox."""

from pathlib import Path
from typing import Literal

from empla.access import doors
from empla.cli.options import Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.employees import employees
from empla.errors import NotFoundError
from empla.senses import crm, inbox
from empla.senses.observation import OddityGroup, summary
from empla.storage import opening

_SOURCES = {crm.SOURCE: crm.read}
_SHOWN = 20


async def ingest(
    path: Path,
    /,
    *,
    tenant: Tenant,
    source: Literal["crm"],
    employee: str | None = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Read a source into the inbox of a tenant's employees. Reading the same again adds nothing.

    Parameters
    ----------
    path
        The folder (crm: accounts.csv, products.csv, sales_pipeline.csv, sales_teams.csv).
    source
        What kind of source it is.
    employee
        Only what is addressed to this employee (e-mail).
    """
    reading = _SOURCES[source](path)
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant)
        async with database.read(caller) as tx:
            staff = {person.email.lower(): person.id for person in await employees.everyone(tx)}
        if employee is not None:
            if employee.lower() not in staff:
                raise NotFoundError(f"there is no employee {employee!r} in {tenant}")
            staff = {employee.lower(): staff[employee.lower()]}
        delivery = await inbox.deliver_all(database, caller, reading.observations, recipients=staff)
    strangers = sum(observation.recipient.lower() not in staff for observation in reading.observations)
    odd = summary(reading.oddities)
    if json:
        print_json(
            {
                "rows_read": reading.rows_read,
                "rows_left_out": reading.rows_left_out,
                "observations": len(reading.observations),
                "new": delivery.new,
                "known": delivery.known,
                "changed": delivery.changed,
                "addressed_to_nobody_here": strangers,
                "oddities": [
                    {"reason": group.reason, "kept": group.kept, "count": group.count, "first": group.first}
                    for group in odd
                ],
            }
        )
        return
    console.print(
        f"{reading.rows_read:,} rows read, {reading.rows_left_out:,} left out, {len(reading.observations):,} observations"
    )
    console.print(
        f"{delivery.new:,} new, {delivery.known:,} known already, {len(delivery.changed):,} known with another content"
    )
    if strangers:
        console.print(f"{strangers:,} are addressed to nobody who works in {tenant}")
    print_oddities(odd)


def print_oddities(odd: list[OddityGroup]) -> None:
    """The most frequent reasons, with an example of each."""
    if not odd:
        return
    console.print()
    shown = table("rows", "oddity (and where it was seen first)", right=("rows",))
    for group in odd[:_SHOWN]:
        shown.add_row(f"{group.count:,}", f"{'' if group.kept else 'left out: '}{group.reason} ({group.first})")
    console.print(shown)
    if len(odd) > _SHOWN:
        console.print(f"and {len(odd) - _SHOWN} reasons more; --json has all")
