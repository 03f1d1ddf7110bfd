"""`empla notices …`: what employees tell and ask the people around them."""

from typing import Annotated

import cyclopts
from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsUser, Home, Json, Limit, OnlyEmployee, Tenant, settings_for
from empla.cli.output import console, print_json, print_page
from empla.effects import notices
from empla.employees import employees
from empla.ids import short
from empla.storage import opening

app = cyclopts.App(name="notices")


@app.default
async def listed(
    *,
    tenant: Tenant,
    employee: OnlyEmployee = None,
    every: Annotated[
        bool, Parameter(name="--all", negative="", help="Also those that are answered or have lapsed.")
    ] = False,
    limit: Limit = 100,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """What employees tell and ask, the latest first."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            people = {person.id: person.name for person in await employees.everyone(tx)}
            asker = None if employee is None else (await employees.find(tx, email=employee)).id
            found = await notices.listed(tx, employee=asker, status=None if every else "open", limit=limit)
    if json:
        print_json(found)
        return
    for notice in found:
        console.print(
            f"{short(notice.id)}  {notice.created_at:%Y-%m-%d %H:%M}  {people.get(notice.employee_id, '–')}: "
            f"{notice.kind}"
            + ("" if notice.severity == "info" else f" ({notice.severity})")
            + ("" if notice.status == "open" else f", {notice.status}"),
            style="bold",
            soft_wrap=True,
        )
        print_page("\n".join(f"  {line}" for line in notice.text.splitlines()))
        if notice.answer is not None:
            print_page(f"  → {notice.answer}")
    if not found:
        console.print("there are no notices" if every else "there are no open notices")


@app.command
async def answer(
    notice: Annotated[str, Parameter(help="The beginning or the end of its id, as empla notices shows it.")],
    text: Annotated[str, Parameter(help="What the employee shall know.")],
    /,
    *,
    tenant: Tenant,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """Answer a notice: a step that asked goes on with it, a goal without a plan is planned anew."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            found = await notices.find(tx, named=notice)
            person = await employees.get(tx, employee=found.employee_id)
            await notices.answer(tx, notice=found.id, text=text)
    console.print(f"{person.name} has the answer, and its next cycle is due", soft_wrap=True)
