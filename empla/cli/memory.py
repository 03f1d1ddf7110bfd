"""`empla memory …`: an employee's memories as a whole, and what it has in hand."""

from typing import Annotated

import cyclopts
from cyclopts import Parameter
from cyclopts.validators import Number

from empla.access import doors
from empla.cli.options import AsUser, Employee, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, print_page
from empla.employees import employees
from empla.memory import working as hands
from empla.storage import opening

app = cyclopts.App(name="memory")


@app.command
async def working(
    *,
    tenant: Tenant,
    employee: Employee,
    budget: Annotated[int, Parameter(validator=Number(gte=1), help="At most so many tokens.")] = hands.DEFAULT_BUDGET,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """What an employee has in hand, as a prompt would say it, within a budget of tokens."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
            items = await hands.in_hand(tx, employee=person.id)
    rendered = hands.render(items, budget)
    if json:
        print_json(rendered)
        return
    if not items:
        console.print(f"{person.name} has nothing in hand")
        return
    print_page(str(rendered))
    if rendered.left_out and rendered.text:
        console.print(f"\n({rendered.left_out} more, which {budget} tokens do not hold)")
