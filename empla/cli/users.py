"""`empla user …`: the people of a tenant, by their e-mail."""

import getpass
import sys
from typing import Annotated

from cyclopts import Parameter

from empla.access import doors, links, passwords
from empla.cli.options import AsUser, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.errors import UsageError
from empla.storage import opening
from empla.tenancy import users
from empla.tenancy.users import Role

Email = Annotated[str, Parameter(help="The person's e-mail.")]


async def invite(
    email: Email,
    /,
    *,
    tenant: Tenant,
    name: Annotated[str, Parameter(help="The person's name.")],
    role: Annotated[Role, Parameter(help="An admin may do all, a manager run employees, a user see those assigned.")],
    link: Annotated[
        bool, Parameter(name="--link", negative="", help="Print a token that lets the person set a password, once.")
    ] = False,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """A new person."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            invited = await users.invite(tx, email=email, name=name, role=role)
            made = await links.invite(tx, user=invited.id) if link else None
    console.print(f"{invited.name} <{invited.email}> is {invited.role} in {tenant}", markup=False, soft_wrap=True)
    if made is not None:
        console.print(f"{made.token}\ngood once, until {made.expires_at:%Y-%m-%d %H:%M} UTC", soft_wrap=True)


async def everyone(*, tenant: Tenant, user: AsUser = None, json: Json = False, home: Home = None) -> None:
    """Who is there, by e-mail."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            found = await users.everyone(tx)
    if json:
        print_json(found)
        return
    shown = table("e-mail", "name", "role", "since")
    for person in found:
        shown.add_row(person.email, person.name, person.role, f"{person.created_at:%Y-%m-%d}")
    console.print(shown)


async def remove(email: Email, /, *, tenant: Tenant, user: AsUser = None, home: Home = None) -> None:
    """Nobody enters as this user again; the e-mail may be invited anew."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await users.find(tx, email=email)
            await users.delete(tx, user=person.id)
    console.print(f"{person.name} <{person.email}> is removed from {tenant}", markup=False, soft_wrap=True)


async def password(email: Email, /, *, tenant: Tenant, home: Home = None) -> None:
    """Set a person's password as the operator: the first line of stdin, or asked for in a terminal. All sign-ins of the person are over."""
    typed = _typed()
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant)
        async with database.read(caller) as tx:
            person = await users.find(tx, email=email)
        passwords.check(typed, email=person.email)
        hashed = await passwords.hashed(database, typed)
        async with database.write(caller) as tx:
            await passwords.put(tx, user=person.id, hashed=hashed)
    console.print(f"{person.name} <{person.email}> signs in with it from now on", markup=False, soft_wrap=True)


def _typed() -> str:
    """Never an argument: those are seen by everybody on the machine, and stay in the shell's history."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise UsageError("the two passwords differ")
    return first
