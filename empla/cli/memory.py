"""`empla memory …`: an employee's memories as a whole, and what it has in hand."""

from typing import Annotated

import cyclopts
from cyclopts import Parameter
from cyclopts.validators import Number

from empla.access import doors
from empla.cli.options import AsUser, Employee, Home, Json, Tenant, settings_for
from empla.cli.output import console, number, print_json, print_page, table
from empla.employees import employees
from empla.memory import census, indexing
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


@app.command
async def stats(
    *, tenant: Tenant, employee: Employee, user: AsUser = None, json: Json = False, home: Home = None
) -> None:
    """How many memories of each kind an employee has, and by what they are compared."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
            known = await census.census(tx, employee=person.id)
        chosen = database.embedder
    if json:
        print_json(known)
        return
    shown = table("", "", right=("",))
    for name, count in (
        ("episodes", known.episodes),
        ("facts", known.facts),
        ("procedures", known.procedures),
        ("in hand", known.in_hand),
        ("words counted", known.words),
        ("wait to be counted", known.uncounted),
        ("wait to be embedded", known.unembedded),
    ):
        shown.add_row(name, number(count))
    console.print(shown)
    console.print(f"compared by {known.model_name or 'words alone'}")
    if chosen is not None and known.model_name not in {None, chosen.name}:
        console.print(f"the settings choose {chosen.name}: empla memory reembed moves over")


@app.command
async def reembed(*, tenant: Tenant, employee: Employee, json: Json = False, home: Home = None) -> None:
    """Bring an employee's memories up to date now: count, embed, and move to the model that the settings choose.

    Workers do the same by themselves. The old model answers until all memories have moved.
    """
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
        done = await indexing.catch_up(database, caller, employee=person.id, embedder=database.embedder)
    if json:
        print_json(done)
        return
    console.print(
        f"{number(done.counted)} counted, {number(done.embedded)} embedded" + (", and moved over" if done.moved else "")
    )
