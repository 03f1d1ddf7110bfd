"""`empla cycle`: one cycle of one employee, now."""

from datetime import timedelta

from empla.access import doors
from empla.cli.options import Employee, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json
from empla.employees import employees
from empla.mind import cycle as cycles
from empla.storage import opening
from empla.storage.tx import Caller


async def cycle(*, tenant: Tenant, employee: Employee, json: Json = False, home: Home = None) -> None:
    """Run one cycle of one employee now: perceive what waits, revise its beliefs, set the next turn."""
    async with opening.opened(settings_for(home)) as database:
        operator = await doors.caller_for(database, tenant=tenant)
        async with database.read(operator) as tx:
            person = await employees.find(tx, email=employee)
        async with database.work(Caller(operator.tenant, employee=person.id)) as tx:
            next_cycle_at = tx.now + timedelta(
                seconds=person.config.loop_interval_seconds or cycles.DEFAULT_INTERVAL_SECONDS
            )
            outcome = await cycles.run(tx, person, next_cycle_at=next_cycle_at)
    if json:
        print_json(
            {
                "employee": person.email,
                "perceived": outcome.perceived,
                "revised": outcome.revised,
                "next_cycle_at": next_cycle_at.isoformat(),
            }
        )
    else:
        console.print(
            f"{person.name} perceived {outcome.perceived:,} events and formed or revised {outcome.revised:,} beliefs; "
            f"next turn {next_cycle_at:%Y-%m-%d %H:%M} UTC"
        )
