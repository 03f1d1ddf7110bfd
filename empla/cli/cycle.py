"""`empla cycle`: one cycle of one employee, now."""

from typing import Annotated

from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import Employee, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json
from empla.employees import employees
from empla.errors import ConflictError
from empla.mind import cycle as cycles
from empla.storage import opening
from empla.storage.tx import Caller


async def cycle(
    *,
    tenant: Tenant,
    employee: Employee,
    anyway: Annotated[bool, Parameter(negative="", help="Also outside its working hours.")] = False,
    json: Json = False,
    home: Home = None,
) -> None:
    """Run one cycle of one employee now: perceive what waits, revise its beliefs, deliberate, act, set the next turn."""
    async with opening.opened(settings_for(home)) as database:
        operator = await doors.caller_for(database, tenant=tenant)
        async with database.read(operator) as tx:
            person = await employees.find(tx, email=employee)
        caller = Caller(operator.tenant, employee=person.id)
        outcome = await cycles.run(database, caller, regardless_of_hours=anyway)
    if outcome.next_cycle_at is None:
        raise ConflictError(f"another process is at work on {person.email}: try again in a moment")
    if json:
        print_json(
            {
                "employee": person.email,
                "resting": outcome.resting,
                "perceived": outcome.perceived,
                "revised": outcome.revised,
                "goals_moved": outcome.goals_moved,
                "plans_adopted": outcome.plans_adopted,
                "plans_ended": outcome.plans_ended,
                "steps": outcome.steps,
                "next_cycle_at": outcome.next_cycle_at.isoformat(),
            }
        )
    elif outcome.resting:
        console.print(
            f"{person.name} does not work now; next turn {outcome.next_cycle_at:%Y-%m-%d %H:%M} UTC (--anyway runs it all the same)"
        )
    else:
        console.print(
            f"{person.name} perceived {outcome.perceived:,} events and formed or revised {outcome.revised:,} beliefs; "
            f"{outcome.goals_moved:,} goals moved, {outcome.plans_adopted:,} plans were adopted, {outcome.steps:,} steps taken, "
            f"{outcome.plans_ended:,} plans have ended; next turn {outcome.next_cycle_at:%Y-%m-%d %H:%M} UTC"
        )
