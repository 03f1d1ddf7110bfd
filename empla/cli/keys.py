"""`empla key …`: what programs come with."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from empla.access import doors, keys, service_accounts
from empla.cli.options import AsUser, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.employees import employees
from empla.errors import UsageError
from empla.ids import MOST_NAMED, only, short
from empla.storage import opening
from empla.storage.tx import Tx
from empla.tenancy import users
from empla.tenancy.users import Role


async def create(
    name: Annotated[str, Parameter(help="A name for it, such as CRM feed.")],
    /,
    *,
    tenant: Tenant,
    scope: Annotated[
        list[str], Parameter(name="--scope", negative="", help="read, write, approve, admin, or like memory:read.")
    ],
    owner: Annotated[
        str | None, Parameter(name="--for", help="The person's e-mail; the user of --user when absent.")
    ] = None,
    service: Annotated[str | None, Parameter(help="The service account of this name, made if there is none.")] = None,
    role: Annotated[Role, Parameter(help="Of a service account that is made.")] = "user",
    employee: Annotated[
        list[str] | None, Parameter(name="--employee", negative="", help="Narrow it to these employees (e-mail).")
    ] = None,
    days: Annotated[float | None, Parameter(help="Days after which it ends; never when absent.")] = None,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """A new key. Its text is shown once, and kept nowhere."""
    if (owner is not None and service is not None) or owner is service is user:
        raise UsageError("say whose key it is: --for a person, or --service a program")
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            made = await keys.create(
                tx,
                user=await _account(tx, service, role)
                if service
                else (await users.find(tx, email=owner or user or "")).id,
                name=name,
                scopes=scope,
                employees=[(await employees.find(tx, email=email)).id for email in employee] if employee else None,
                expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
            )
    print(made.text)


async def _account(tx: Tx, name: str, role: Role) -> UUID:
    for account in await service_accounts.everyone(tx):
        if account.name == name.strip():
            return account.id
    return (await service_accounts.create(tx, name=name, role=role)).id


async def everyone(*, tenant: Tenant, user: AsUser = None, json: Json = False, home: Home = None) -> None:
    """Which keys there are, the latest first; revoked ones are left out."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            found = await keys.listed(tx)
    if json:
        print_json(found)
        return
    shown = table("id", "name", "begins with", "scopes", "employees", "ends", "last used")
    for key in found:
        shown.add_row(
            short(key.id),
            key.name,
            key.prefix,
            ", ".join(key.scopes),
            "all its owner sees" if key.employee_ids is None else str(len(key.employee_ids)),
            "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d}",
            "never" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}",
        )
    console.print(shown if found else "there is no key")


async def revoke(
    key: Annotated[str, Parameter(help="Its id, the end of it as listed, or how its text begins.")],
    /,
    *,
    tenant: Tenant,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """It opens nothing from the next transaction on."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            listed = await keys.listed(tx, limit=1000)
            named = [found for found in listed if key and (str(found.id).endswith(key.lower()) or found.prefix == key)]
            gone = only(named[:MOST_NAMED], what="key", named=key)
            await keys.revoke(tx, key=gone.id)
    console.print(f"{gone.name} ({gone.prefix}…) opens nothing any more", soft_wrap=True)
