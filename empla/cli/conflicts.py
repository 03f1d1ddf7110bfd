"""`empla conflicts`: guesses against a human's word, and a person's decision about each."""

import json
from typing import Annotated
from uuid import UUID

import cyclopts
from cyclopts import Parameter

from empla.access import doors
from empla.bdi import conflicts
from empla.bdi.conflicts import Conflict, ConflictStatus
from empla.cli.options import Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.employees import employees
from empla.errors import UsageError
from empla.storage import opening

_SHOWN = 40  # characters of a claim
AsUser = Annotated[
    str | None, Parameter(name=["--user", "--as-user"], help="Ask as this user (e-mail) instead of as the operator.")
]

app = cyclopts.App(name="conflicts")


@app.default
async def listed(
    *,
    tenant: Tenant,
    employee: Annotated[str | None, Parameter(help="Only this employee's (e-mail).")] = None,
    status: Annotated[ConflictStatus, Parameter(help="Those that a person has to settle, or settled.")] = "open",
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Guesses against a human's word that a person has to settle, the oldest first."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            whose = None if employee is None else (await employees.find(tx, email=employee)).id
            found = await conflicts.listed(tx, employee=whose, status=status)
            emails = {person.id: person.email for person in await employees.everyone(tx)}
    if json:
        print_json(found)
        return
    shown = table("id", "employee", "belief", "held", "claimed", "by", "times", "since", right=("times",))
    for conflict in found:
        shown.add_row(
            str(conflict.id),
            emails[conflict.employee_id],
            f"{conflict.subject}.{conflict.predicate}",
            _short(conflict.held),
            _short(conflict.claimed),
            conflict.claimed_source,
            str(conflict.times),
            f"{conflict.opened_at:%Y-%m-%d}",
        )
    console.print(f"{len(found)} {status} {'conflict' if len(found) == 1 else 'conflicts'}\n", style="bold")
    console.print(shown)


@app.command
async def resolve(
    conflict: UUID,
    /,
    *,
    tenant: Tenant,
    reason: Annotated[str, Parameter(help="Why; history and audit tell it.")],
    keep: Annotated[bool, Parameter(negative="", help="What the human said stands.")] = False,
    overturn: Annotated[bool, Parameter(negative="", help="What was claimed is believed, as told by you.")] = False,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Settle one conflict: --keep what the human said, or --overturn it.

    Parameters
    ----------
    conflict
        Its id, as empla conflicts shows it.
    """
    if keep == overturn:
        raise UsageError("say how to settle it: --keep or --overturn")
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            settled = await conflicts.resolve(tx, conflict=conflict, keep=keep, reason=reason)
    if json:
        print_json(settled)
    else:
        console.print(_sentence(settled), markup=False, soft_wrap=True)


def _sentence(settled: Conflict) -> str:
    about = f"{settled.subject}.{settled.predicate}"
    if settled.status == "kept":
        return f"{about} stays {_short(settled.held)}: {_short(settled.claimed)} is refused"
    return f"{about} is {_short(settled.claimed)} from now on, no more {_short(settled.held)}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
