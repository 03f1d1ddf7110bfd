"""`empla outbox …`: what leaves, how far it has come, and what only a human can find out."""

from typing import Annotated, Literal

import cyclopts
from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsUser, Home, Json, Limit, OnlyEmployee, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.effects import effects
from empla.effects import outbox as leaving
from empla.effects.effects import EffectStatus
from empla.employees import employees
from empla.ids import short
from empla.storage import opening

app = cyclopts.App(name="outbox")
_OPEN: list[EffectStatus] = ["awaiting_approval", "approved", "started", "uncertain"]


@app.default
async def listed(
    *,
    tenant: Tenant,
    employee: OnlyEmployee = None,
    every: Annotated[
        bool, Parameter(name="--all", negative="", help="Also what is drafted, done, failed or cancelled.")
    ] = False,
    limit: Limit = 100,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Messages and calls on their way out, the latest first."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            people = {person.id: person.name for person in await employees.everyone(tx)}
            whose = None if employee is None else (await employees.find(tx, email=employee)).id
            found = await effects.latest(
                tx, employee=whose, kinds=["message", "call"], statuses=None if every else _OPEN, limit=limit
            )
    if json:
        print_json(found)
        return
    shown = table("id", "since", "employee", "what", "to", "status", "attempts", "why", right=("attempts",))
    for effect in found:
        shown.add_row(
            short(effect.id),
            f"{effect.created_at:%Y-%m-%d %H:%M}",
            people.get(effect.employee_id, "–"),
            effect.title,
            ", ".join(effect.recipients) or effect.capability or "–",
            effect.status.replace("_", " "),
            str(effect.attempts),
            (f"until {effect.not_before:%Y-%m-%d %H:%M}: " if effect.not_before else "") + (effect.reason or "–"),
        )
    console.print(shown if found else "nothing is on its way out")


@app.command
async def settle(
    effect: Annotated[str, Parameter(help="The beginning or the end of its id.")],
    finding: Annotated[
        Literal["happened", "did-not", "again"],
        Parameter(help="It happened; it did not, and shall not; it did not, and is tried again."),
    ],
    /,
    *,
    tenant: Tenant,
    reason: Annotated[str, Parameter(help="How that was found out.")],
    user: AsUser = None,
    home: Home = None,
) -> None:
    """Say what nobody else could: whether an uncertain effect happened, or a draft was sent by hand."""
    word: Literal["happened", "did_not", "again"] = "did_not" if finding == "did-not" else finding
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            found = await effects.find(tx, named=effect)
            status = await leaving.settle(tx, employee=found.employee_id, effect=found.id, finding=word, reason=reason)
    console.print(f"{found.title}: {status}", soft_wrap=True)
