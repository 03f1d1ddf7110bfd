"""How somebody signs in for the first time: shown once, to whoever started the process. No file has it, and no log."""

import os
import re
import secrets
import stat
import sys
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

from empla.access import links, passwords
from empla.cli.output import console, print_command, table
from empla.employees import employees
from empla.errors import NotFoundError, UsageError
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants, users

COMPANY = "My Company"
_MOST = 10  # tenants that are shown, and names of each
_LONGEST_SLUG = 63  # characters
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another
_GROUPS, _GROUP = 4, 4  # 16 of 31 letters: 79 bits


@dataclass(frozen=True)
class Office:
    """A tenant, and who is there."""

    slug: str
    admins: list[str]  # e-mails
    employees: list[str]  # names


@dataclass(frozen=True)
class Entry:
    """How one person comes in: somebody new by a password, somebody who was here by a link."""

    slug: str
    email: str
    password: str | None = field(default=None, repr=False)  # None: there is nobody to whom it could be shown
    token: str | None = field(default=None, repr=False)
    until: datetime | None = None  # when the link is good no more


@dataclass(frozen=True)
class Prepared:
    """What is there, and the entry that was made or asked for."""

    offices: list[Office]  # the first ones
    more: int  # that are not among them
    entry: Entry | None


async def prepare(database: Database, *, company: str | None, email: str | None) -> Prepared:
    """There is a tenant, and somebody who can sign in to it, if nobody was in it or `email` was said.

    Raises `UsageError` when it is not said for which of several tenants, and `InvalidError`.
    """
    tenant = await _tenant(database, company, email)
    entry = None
    if tenant is not None:
        caller = Caller(tenant)
        async with database.read(caller) as tx:
            slug = (await tenants.get(tx)).slug
            is_empty = not await users.by_email(tx, limit=1)
        if email is not None or is_empty:
            entry = await _entry(database, caller, slug, email or f"admin@{slug}.example")
    active = await tenants.active(database)
    offices = [await _office(database, Caller(found)) for found in active[:_MOST]]
    return Prepared(offices, len(active) - len(offices), entry)


async def _tenant(database: Database, company: str | None, email: str | None) -> UUID | None:
    """The one that is meant, made if it has to be; None when none is."""
    active = await tenants.active(database)
    if company is None and active:
        if len(active) > 1 and email is not None:
            raise UsageError(f"there are {len(active)} tenants: say with --company to which {email} is to sign in")
        return active[0] if len(active) == 1 else None
    name = (company or COMPANY).strip()
    slug = _slug(name)
    try:
        return (await tenants.find(database, slug)).id
    except NotFoundError:
        return await tenants.create(database, slug=slug, name=name)


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub("[^a-z0-9]+", "-", plain)[:_LONGEST_SLUG].strip("-")
    if not slug:
        raise UsageError("a --company needs a letter or a digit, for its slug")
    return slug


async def _entry(database: Database, caller: Caller, slug: str, email: str) -> Entry:
    async with database.write(caller) as tx:
        try:
            known = await users.find(tx, email=email)
        except NotFoundError:
            new = await users.invite(tx, email=email, name=_name(email), role="admin")
        else:
            link = await links.reset(tx, user=known.id) if _is_seen() else None
            token, until = (link.token, link.expires_at) if link is not None else (None, None)
            return Entry(slug, known.email, token=token, until=until)
    if not _is_seen():
        return Entry(slug, new.email)
    password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    hashed = await passwords.hashed(database, password)
    async with database.write(caller) as tx:
        await passwords.put(tx, user=new.id, hashed=hashed)
    return Entry(slug, new.email, password=password)


def _name(email: str) -> str:
    return re.sub("[._+-]+", " ", email.strip().partition("@")[0]).strip().title() or email


def _is_seen() -> bool:
    """Whether stdout is a terminal or a program that asked for it: a file would keep a secret, and so would the system's log."""
    try:
        kind = os.fstat(sys.stdout.fileno()).st_mode
    except (OSError, ValueError):
        return True  # it is nothing of the system's
    return sys.stdout.isatty() or stat.S_ISFIFO(kind)


async def _office(database: Database, caller: Caller) -> Office:
    async with database.read(caller) as tx:
        tenant = await tenants.get(tx)
        admins = await users.by_email(tx, limit=_MOST + 1, role="admin")
        staff = await employees.by_email(tx, limit=_MOST + 1)
    return Office(tenant.slug, [admin.email for admin in admins], [employee.name for employee in staff])


def show(prepared: Prepared, *, url: str, home: Path | None) -> None:
    """To whoever started the process."""
    where = ["--home", str(home)] if home is not None else []
    entry = prepared.entry
    if entry is None:
        _show_ways(prepared, where)
    elif entry.password is not None:
        console.print("\nThe first sign-in; its password is shown this once:")
        for name, value in (("tenant", entry.slug), ("e-mail", entry.email), ("password", entry.password)):
            console.print(f"  {name:<9}{value}", soft_wrap=True)
    elif entry.token is not None and entry.until is not None:
        console.print(
            f"\n{entry.email} is in {entry.slug}; until {entry.until:%H:%M} UTC this page sets another password:"
        )
        # What stands behind the # is sent to no server and written into no log.
        console.print(f"  {url}/welcome#{entry.token}", soft_wrap=True)
    else:
        console.print(f"\nNo password is shown in a file or a log. This sets one for {entry.email}:")
        print_command(["empla", "user", "password", entry.email, "--tenant", entry.slug, *where])
    _show_offices(prepared)
    console.print(
        "\nNext: open that address in a browser; or docs/first-employee-over-http.md, five minutes with curl."
    )


def _show_ways(prepared: Prepared, where: list[str]) -> None:
    """Several tenants, or one with people in it."""
    only = prepared.offices[0] if len(prepared.offices) == 1 else None
    console.print("\nSign in with your password. Who has none, or has forgotten it:")
    email = only.admins[0] if only is not None and only.admins else "YOUR@E.MAIL"
    company = [] if only is not None else ["--company", "TENANT"]
    print_command(["empla", "up", *company, "--email", email, *where])


def _show_offices(prepared: Prepared) -> None:
    shown = table("tenant", "admins", "employees")
    for office in prepared.offices:
        shown.add_row(office.slug, _some(office.admins), _some(office.employees))
    console.print()
    console.print(shown)
    if prepared.more:
        console.print(f"and {prepared.more:,} more tenants")


def _some(names: list[str]) -> str:
    if not names:
        return "nobody yet"
    return ", ".join(names[:_MOST]) + (" and others" if len(names) > _MOST else "")
