"""`empla budget …`: what employees may spend in a day, and what of it is spent."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsUser, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.effects import budgets
from empla.effects.budgets import Resource
from empla.employees import employees
from empla.errors import UsageError
from empla.storage import opening

app = cyclopts.App(name="budget")
Whose = Annotated[str | None, Parameter(help="Of this employee (e-mail).")]


@app.default
async def used(
    *, tenant: Tenant, employee: Whose = None, user: AsUser = None, json: Json = False, home: Home = None
) -> None:
    """Today's budgets of the tenant and its employees: the limit, what is about to be spent, what is spent, what is left."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            everyone = await employees.everyone(tx)
            people = everyone if employee is None else [await employees.find(tx, email=employee)]
            scopes = [person.id for person in people] + ([caller.tenant] if employee is None else [])
            found = await budgets.used(tx, scopes=scopes)
    if json:
        print_json(found)
        return
    names = {person.id: person.name for person in people} | {caller.tenant: f"all of {tenant}"}
    shown = table(
        "whose", "resource", "a day", "reserved", "spent", "left", right=("a day", "reserved", "spent", "left")
    )
    for budget in found:
        by_default = " (default)" if budget.is_default else ""
        shown.add_row(
            names[budget.scope],
            budget.resource,
            f"{_plain(budget.daily)}{by_default}",
            _plain(budget.reserved),
            _plain(budget.spent),
            _plain(budget.left),
        )
    console.print(shown)


@app.command(name="set")
async def set_daily(
    resource: Annotated[Resource, Parameter(help="Effects, calls of a model, its tokens, or money.")],
    daily: Annotated[str, Parameter(help="At most so much on one day (UTC, the tenant's time); 0 stops it.")],
    /,
    *,
    tenant: Tenant,
    employee: Whose = None,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """Set a day's limit of an employee, or of the whole tenant; what waits for it is looked at again."""
    amount = _amount(daily)
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            scope = caller.tenant if employee is None else (await employees.find(tx, email=employee)).id
            await budgets.set_daily(tx, scope=scope, resource=resource, daily=amount)
    console.print(f"{employee or tenant}: at most {_plain(amount)} {resource} a day", soft_wrap=True)


def _amount(written: str) -> Decimal:
    try:
        amount = Decimal(written)
    except InvalidOperation:
        raise UsageError(f"a limit is a number such as 100 or 2.50, not {written!r}") from None
    if not amount.is_finite() or amount < 0:
        raise UsageError("a limit is a number from 0 on")
    return amount


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():,f}"
