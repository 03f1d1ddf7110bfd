"""`empla employee …`: who works for a tenant, by their e-mail."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsUser, Employee, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.employees import assignments, employees, lifecycle
from empla.employees.employees import EmployeeRole, Stage
from empla.employees.shapes import EmployeeConfig, Personality
from empla.errors import NotFoundError
from empla.mind import hiring
from empla.storage import opening
from empla.tenancy import users


async def hire(
    *,
    tenant: Tenant,
    name: Annotated[str, Parameter(help="The employee's name.")],
    role: Annotated[EmployeeRole, Parameter(help="What it does.")],
    email: Annotated[str, Parameter(help="The employee's e-mail, unique in the tenant.")],
    personality: Annotated[str | None, Parameter(help="A JSON object, or the file that holds it.")] = None,
    config: Annotated[str | None, Parameter(help="A JSON object, or the file that holds it.")] = None,
    capability: Annotated[
        list[str] | None,
        Parameter(
            negative="", help="One that it has, e.g. email; may be repeated. Those of its role when none is given."
        ),
    ] = None,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """A new digital employee, active, in stage shadow, with the playbooks of its role. What personality and config take: docs/shapes.md."""
    shaped_personality = Personality.parse(_json(personality, "--personality"))
    shaped_config = EmployeeConfig.parse(_json(config, "--config"))
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            hired = await hiring.hire(
                tx,
                name=name,
                role=role,
                email=email,
                personality=shaped_personality,
                config=shaped_config,
                capabilities=capability or None,
            )
    able = f"; it can do {', '.join(hired.capabilities)}" if hired.capabilities else ""
    console.print(
        f"{hired.name} <{hired.email}> works for {tenant} as {hired.role}{able}", markup=False, soft_wrap=True
    )


async def everyone(*, tenant: Tenant, user: AsUser = None, json: Json = False, home: Home = None) -> None:
    """Who works here, by e-mail."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            found = await employees.everyone(tx)
    if json:
        print_json(found)
        return
    shown = table("e-mail", "name", "role", "status", "stage", "capabilities")
    for person in found:
        shown.add_row(
            person.email,
            person.name,
            person.role,
            person.status,
            person.lifecycle_stage,
            ", ".join(person.capabilities),
        )
    console.print(shown)


async def assign(
    employee: Employee,
    /,
    *,
    to: Annotated[str, Parameter(help="The e-mail of the user who shall see it.")],
    tenant: Tenant,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """Let a user see an employee. Again, it changes nothing."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            viewer = await users.find(tx, email=to)
            await assignments.assign(tx, user=viewer.id, employee=person.id)
    console.print(f"{viewer.name} <{viewer.email}> sees {person.name} <{person.email}>", markup=False, soft_wrap=True)


async def pause(employee: Employee, /, *, tenant: Tenant, user: AsUser = None, home: Home = None) -> None:
    """No cycle of an active employee runs until it is resumed. Again, it changes nothing."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            await employees.pause(tx, employee=person.id)
    console.print(f"{person.name} <{person.email}> is paused", markup=False, soft_wrap=True)


async def resume(employee: Employee, /, *, tenant: Tenant, user: AsUser = None, home: Home = None) -> None:
    """A paused or onboarding employee is active. Again, it changes nothing."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            await employees.resume(tx, employee=person.id)
    console.print(f"{person.name} <{person.email}> is active", markup=False, soft_wrap=True)


async def dismiss(employee: Employee, /, *, tenant: Tenant, user: AsUser = None, home: Home = None) -> None:
    """Terminate an employee and hide what it owns; its e-mail may be hired anew."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            await employees.dismiss(tx, employee=person.id)
    console.print(f"{person.name} <{person.email}> is dismissed", markup=False, soft_wrap=True)


async def record(
    *,
    tenant: Tenant,
    employee: Annotated[str | None, Parameter(help="Only this one (e-mail).")] = None,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """How far each is trusted, and what people and the world made of what it did in this stage."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            whose = None if employee is None else (await employees.find(tx, email=employee)).id
            found = await lifecycle.records(tx, employee=whose)
    if json:
        print_json(found)
        return
    numbers = ("approved", "edited", "rejected", "done", "failed", "uncertain", "agreement")
    shown = table("name", "stage", "since", *numbers, "earned", right=numbers)
    for each in found:
        shown.add_row(
            each.name,
            each.stage,
            f"{each.since:%Y-%m-%d}",
            *(str(getattr(each, name)) for name in numbers[:-1]),
            f"{each.agreement:.2f}",
            each.next_stage if each.is_promising else "–",
        )
    console.print(shown)


async def promote(
    employee: Employee,
    /,
    *,
    to: Annotated[Stage, Parameter(help="The next stage.")],
    tenant: Tenant,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """Trust it one stage further: supervised it acts with approval, autonomous within its limits."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            await lifecycle.promote(tx, employee=person.id, to=to)
    console.print(f"{person.name} <{person.email}> is {to} from now on", markup=False, soft_wrap=True)


async def demote(
    employee: Employee,
    /,
    *,
    to: Annotated[Stage, Parameter(help="A lower stage.")],
    tenant: Tenant,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """Trust it less: what it was about to send is asked about again, or given up."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            await lifecycle.demote(tx, employee=person.id, to=to)
    console.print(
        f"{person.name} <{person.email}> works {lifecycle.in_stage(to)} from now on", markup=False, soft_wrap=True
    )


def _json(given: str | None, option: str) -> str | bytes:
    """The JSON that an option holds or names; {} when it is not given. Raises `NotFoundError`."""
    if given is None or given.lstrip().startswith("{"):
        return given or "{}"
    try:
        return Path(given).expanduser().read_bytes()
    except OSError as error:
        raise NotFoundError(f"{option}: {given} can't be read: {(error.strerror or str(error)).lower()}") from None
