"""Two weeks before the end the managers look through what was drafted in shadow, and trust those who have earned it one stage further."""

from datetime import date, timedelta

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.effects import approvals, integrations
from empla.employees import capabilities, lifecycle
from empla.employees.employees import Employee
from empla.errors import ConflictError
from empla.mind import deciding
from empla.senses.crm import CrmReading
from empla.storage.database import Database
from empla.storage.tx import Caller, Tx

MAIL = "mail"  # the integration's name, and the folder's
# What is asked in these days still waits on the last evening, for a request for approval lives fourteen.
_LAST_DAYS = timedelta(days=13)
_MOST_LOOKED_AT = 12


def day_of_trust(reading: CrmReading) -> date:
    """The same however far this world is lived through."""
    return reading.observations[-1].occurred_at.date() - _LAST_DAYS


async def open_mail(tx: Tx, *, tenant: str) -> None:
    """What the office's employees send is put into a folder, at any hour: their cycles come late in the evening."""
    folder = tx.settings.home.absolute() / MAIL / tenant
    await integrations.connect(tx, name=MAIL, capability="email", kind="maildir", settings={"folder": str(folder)})
    await capabilities.change(tx, name="email", quiet_hours=(None, None))


async def trust(database: Database, manager: Caller, employee: Employee, reading: CrmReading) -> None:
    """The manager has judged the employee's latest drafts; if its record is good enough, it is supervised from now on, and knows its
    customers' addresses. All of it in one transaction, and nothing when another process does the same.
    """
    try:
        async with database.write(manager) as tx:
            for request in await approvals.listed(tx, employee=employee.id, which="drafts", limit=_MOST_LOOKED_AT):
                await deciding.decide(tx, approval=request.id, verdict="approve", reason="I would have sent it, too")
            [record] = await lifecycle.records(tx, employee=employee.id)
            if record.is_promising and record.stage == "shadow":
                await lifecycle.promote(tx, employee=employee.id, to="supervised")
                await beliefs.observe_many(tx, employee=employee.id, news=_addresses(employee, reading))
    except ConflictError:
        return


def _addresses(employee: Employee, reading: CrmReading) -> list[Evidence]:
    """Where the employee's customers are reached; the export does not say, so they are made up under .example."""
    accounts = {
        str(observation.content["account"])
        for observation in reading.observations
        if observation.recipient == employee.email and observation.content.get("account")
    }
    return [
        Evidence.parse(
            subject=account,
            predicate="email",
            object=f"hello@{_host(account)}.example",
            source="told_by_human",
            decay_rate=0,
            reason="the manager told it",
        )
        for account in sorted(accounts)
        if _host(account)
    ]


def _host(account: str) -> str:
    return "-".join(
        "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in account.lower()).split()
    )
