"""`empla ingest`: a source's files, or a mailbox, into the inbox."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.effects import integrations
from empla.effects.integrations import Integration
from empla.employees import employees
from empla.errors import NotFoundError, UsageError
from empla.senses import crm, inbox, mail_files, mail_imap
from empla.senses.imap_client import ImapAccount, Tls
from empla.senses.inbox import Delivery
from empla.senses.mail_imap import ImapCursor, ImapReading
from empla.senses.observation import Oddity, OddityGroup, Reading, summary
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller

_MAILBOXES = {"mbox": mail_files.read_mbox, "maildir": mail_files.read_maildir}
_SHOWN = 20
_LAST_PORT = 65_535


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Imap:
    """Where the mailbox is; the password is in EMPLA_IMAP_PASSWORD."""

    host: Annotated[str | None, Parameter(help="imap: the mail server.")] = None
    port: Annotated[int | None, Parameter(help="imap: its port; 993, or 143 unless TLS is implicit.")] = None
    login: Annotated[str | None, Parameter(help="imap: who logs in; the password is in EMPLA_IMAP_PASSWORD.")] = None
    folder: Annotated[str, Parameter(help="imap: what is read.")] = "INBOX"
    tls: Annotated[Tls, Parameter(help="imap: none is for a server on this machine.")] = "implicit"
    since: Annotated[str | None, Parameter(help="imap: only what came later; as the last run told.")] = None
    integration: Annotated[
        str | None,
        Parameter(help="imap: a connected mailbox, instead of all these; how far it was read is kept with it."),
    ] = None

    def account(self, settings: Settings) -> ImapAccount:
        """Raises `UsageError` when something is missing."""
        if self.host is None or self.login is None:
            raise UsageError("--source imap needs --host and --login")
        if settings.imap_password is None:
            raise UsageError("--source imap needs the password in EMPLA_IMAP_PASSWORD")
        if self.port is not None and not 1 <= self.port <= _LAST_PORT:
            raise UsageError(f"--port is a number from 1 to {_LAST_PORT:,}")
        port = self.port or (993 if self.tls == "implicit" else 143)
        return ImapAccount(
            host=self.host,
            port=port,
            login=self.login,
            password=settings.imap_password,
            tls=self.tls,
            folder=self.folder,
        )


@dataclass(slots=True)
class _Told:
    """What became of all readings together."""

    rows_read: int = 0
    rows_left_out: int = 0
    observations: int = 0
    strangers: int = 0  # observations that are addressed to nobody here
    oddities: list[Oddity] = field(default_factory=list[Oddity])
    delivery: Delivery = field(default_factory=Delivery)
    cursor: ImapCursor | None = None

    def add(self, reading: Reading, delivery: Delivery, *, strangers: int) -> None:
        self.rows_read += reading.rows_read
        self.rows_left_out += reading.rows_left_out
        self.observations += len(reading.observations)
        self.strangers += strangers
        self.oddities += reading.oddities
        self.delivery.add(delivery)
        if isinstance(reading, ImapReading):
            self.cursor = reading.cursor


async def ingest(
    path: Path | None = None,
    /,
    *,
    tenant: Tenant,
    source: Literal["crm", "mbox", "maildir", "imap"],
    employee: str | None = None,
    imap: Imap = Imap(),
    json: Json = False,
    home: Home = None,
) -> None:
    """Read a source into the inbox of a tenant's employees. Reading the same again adds nothing.

    Parameters
    ----------
    path
        crm: the folder of accounts.csv, products.csv, sales_pipeline.csv, sales_teams.csv. mbox: the file. maildir: the folder.
    source
        What kind of source it is.
    employee
        Only what is addressed to this employee (e-mail). For mail: whose mailbox it is.
    """
    settings = settings_for(home)
    readings = _readings(source, path, employee, imap, settings)
    told = _Told()
    async with opening.opened(settings) as database:
        caller = await doors.caller_for(database, tenant=tenant)
        async with database.read(caller) as tx:
            staff = {person.email.lower(): person.id for person in await employees.everyone(tx)}
        if employee is not None:
            if employee.lower() not in staff:
                raise NotFoundError(f"there is no employee {employee!r} in {tenant}")
            staff = {employee.lower(): staff[employee.lower()]}
        mailbox = await _connected(database, caller, imap.integration)
        if mailbox is not None:
            readings = _from_server(mailbox.account, employee or "", mailbox.cursor, settings)
        async for reading in readings:
            delivery = await inbox.deliver_all(database, caller, reading.observations, recipients=staff)
            strangers = sum(observation.recipient.lower() not in staff for observation in reading.observations)
            told.add(reading, delivery, strangers=strangers)
        if mailbox is not None and told.cursor is not None:
            async with database.write(caller) as tx:
                await integrations.note(tx, mailbox.integration, {"cursor": str(told.cursor)})
    if json:
        print_json(_as_json(told))
    else:
        _print(told, tenant)


def _readings(
    source: str, path: Path | None, employee: str | None, imap: Imap, settings: Settings
) -> AsyncIterator[Reading]:
    """What the source gives, piece by piece; files are read at once. Raises `UsageError` when something is missing."""
    if source != "crm" and employee is None:
        raise UsageError(f"--source {source} needs --employee: whose mailbox it is")
    if source == "imap":
        if path is not None:
            raise UsageError("--source imap reads a server, so it takes no PATH")
        since = None if imap.since is None else ImapCursor.parse(imap.since)
        if imap.integration is not None:
            return _nothing()
        return _from_server(imap.account(settings), employee or "", since, settings)
    if path is None:
        raise UsageError(f"--source {source} needs a PATH")
    if source == "crm":
        return _alone(crm.read(path))
    return _alone(_MAILBOXES[source](path, recipient=(employee or "").lower(), settings=settings))


@dataclass(frozen=True, slots=True)
class _Mailbox:
    """A mailbox that the tenant has connected."""

    integration: Integration
    account: ImapAccount
    cursor: ImapCursor | None  # how far it was read


async def _connected(database: Database, caller: Caller, name: str | None) -> _Mailbox | None:
    """Raises `NotFoundError`, `UsageError` for an integration that is no mailbox."""
    if name is None:
        return None
    async with database.write(caller) as tx:
        found = await integrations.find(tx, name=name)
        password = await integrations.secret_of(tx, found)
    if found.kind != "imap" or password is None:
        raise UsageError(f"{name} is no mailbox: empla integrations connect --kind imap makes one")
    kept = found.metadata.get("cursor")
    account = ImapAccount.model_validate({**found.settings, "password": password})
    return _Mailbox(found, account, ImapCursor.parse(kept) if isinstance(kept, str) else None)


async def _nothing() -> AsyncIterator[Reading]:
    return
    yield


async def _alone(reading: Reading) -> AsyncIterator[Reading]:
    yield reading


async def _from_server(
    account: ImapAccount, employee: str, since: ImapCursor | None, settings: Settings
) -> AsyncIterator[Reading]:
    """Until nothing waits any more. What was read is delivered before more is fetched."""
    waiting = True
    while waiting:
        reading = await mail_imap.read_imap(account, recipient=employee.lower(), settings=settings, since=since)
        since, waiting = reading.cursor, reading.waiting > 0
        yield reading


def _as_json(told: _Told) -> dict[str, object]:
    found: dict[str, object] = {
        "rows_read": told.rows_read,
        "rows_left_out": told.rows_left_out,
        "observations": told.observations,
        "new": told.delivery.new,
        "known": told.delivery.known,
        "changed": told.delivery.changed,
        "addressed_to_nobody_here": told.strangers,
        "oddities": [
            {"reason": group.reason, "kept": group.kept, "count": group.count, "first": group.first}
            for group in summary(told.oddities)
        ],
    }
    return found if told.cursor is None else found | {"cursor": str(told.cursor)}


def _print(told: _Told, tenant: str) -> None:
    delivery = told.delivery
    console.print(f"{told.rows_read:,} rows read, {told.rows_left_out:,} left out, {told.observations:,} observations")
    console.print(
        f"{delivery.new:,} new, {delivery.known:,} known already, {len(delivery.changed):,} known with another content"
    )
    if told.strangers:
        console.print(f"{told.strangers:,} are addressed to nobody who works in {tenant}")
    if told.cursor is not None:
        console.print(f"What comes later: --since {told.cursor}")
    print_oddities(summary(told.oddities))


def print_oddities(odd: list[OddityGroup]) -> None:
    """The most frequent reasons, with an example of each."""
    if not odd:
        return
    console.print()
    shown = table("rows", "oddity (and where it was seen first)", right=("rows",))
    for group in odd[:_SHOWN]:
        shown.add_row(f"{group.count:,}", f"{'' if group.kept else 'left out: '}{group.reason} ({group.first})")
    console.print(shown)
    if len(odd) > _SHOWN:
        console.print(f"and {len(odd) - _SHOWN} reasons more; --json has all")
