"""`empla intentions` and `empla explain`: what an employee is committed to, and why."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from empla.access import doors
from empla.bdi import goals
from empla.bdi import intentions as bdi
from empla.bdi.intentions import Intention, Step
from empla.bdi.states import LIVE_INTENTIONS
from empla.cli.options import AsUser, Employee, Home, Json, Limit, Tenant, settings_for
from empla.cli.output import console, print_json, print_page, table
from empla.employees import employees
from empla.ids import short
from empla.mind import explain as explaining
from empla.storage import opening


async def intentions(
    *,
    tenant: Tenant,
    employee: Employee,
    goal: Annotated[str | None, Parameter(help="Only those of this goal: a part of its id, or its key.")] = None,
    every: Annotated[bool, Parameter(name="--all", negative="", help="Also those that have ended.")] = False,
    limit: Limit = 100,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """What an employee is committed to, the latest first."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
            served = None if goal is None else await goals.find(tx, named=goal, employee=person.id)
            found = await bdi.listed(
                tx,
                employee=person.id,
                statuses=None if every else sorted(LIVE_INTENTIONS),
                goal=None if served is None else served.id,
                limit=limit,
            )
            steps = await bdi.steps_of(tx, employee=person.id, intentions=[intention.id for intention in found])
    if json:
        print_json(found)
        return
    lines = table("id", "priority", "plan", "for", "how far it is", right=("priority",))
    for column in (0, 3):
        lines.columns[column].no_wrap = True
    lines.columns[2].overflow = "fold"
    for intention in found:
        own = [step for step in steps if step.intention_id == intention.id]
        lines.add_row(
            short(intention.id),
            str(intention.priority),
            intention.plan_key or intention.description,
            _for(intention),
            _how_far(intention, own),
        )
    console.print(lines if found else f"{person.name} is committed to nothing{'' if every else ' now'}")


async def explain(
    intention: Annotated[str, Parameter(help="The beginning or the end of its id, as empla intentions shows it.")],
    /,
    *,
    tenant: Tenant,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Why an employee does something: what called for it, the plans weighed, its steps, what it waits for."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            answer = await explaining.explain(tx, intention=intention)
    if json:
        print_json(answer)
    else:
        print_page(str(answer))


def _for(intention: Intention) -> str:
    """The plan that pursues it, or the goal that it serves, or nothing but an event."""
    if intention.parent_id is not None:
        return f"plan {short(intention.parent_id)}"
    return "an event" if intention.goal_id is None else f"goal {short(intention.goal_id)}"


def _how_far(intention: Intention, steps: Sequence[Step]) -> str:
    done = sum(step.status in {"completed", "skipped"} for step in steps)
    until = "" if intention.deadline_at is None or intention.ended_at else f", until {intention.deadline_at:%Y-%m-%d}"
    why = "" if intention.reason is None else f": {intention.reason}"
    return f"{intention.status.replace('_', ' ')}, {done} of {len(steps)} steps{until}{why}"
