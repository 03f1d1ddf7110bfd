"""API keys, shown once when they are made; and service accounts, which are programs that have keys."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from empla.access import keys, principals, service_accounts
from empla.access.keys import NewKey
from empla.api.doors import ADMINS, STAFF
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Visit
from empla.employees import employees
from empla.errors import ConflictError
from empla.tenancy.users import Role

room = Room("keys")
A_PAGE = 50  # keys
_ACCOUNTS = 100


class Asked(Fields):
    """Which page of them."""

    page: int = Field(default=1, ge=1, le=10_000)
    told: str | None = Field(default=None, max_length=40)


@room.shows("/administration/keys")
async def shelf(visit: Visit) -> Response:
    """The keys are one statement, the programs another."""
    return await _shown(visit, visit.asked(Asked))


async def _shown(visit: Visit, asked: Asked, *, made: NewKey | None = None) -> Response:
    async with visit.read(roles=STAFF) as tx:
        found = await keys.owned(tx, limit=A_PAGE + 1, skip=(asked.page - 1) * A_PAGE) if visit.wants("keys") else []
        accounts = await service_accounts.everyone(tx, limit=_ACCOUNTS) if visit.wants("accounts") else []
    return visit.show(
        "keys.html",
        asked=asked,
        keys=found[:A_PAGE],
        has_more=len(found) > A_PAGE,
        accounts=accounts,
        made=made,
        verbs=principals.VERBS,
        nouns=principals.NOUNS,
    )


class Act(Fields):
    """What is done about a key or a program."""

    act: Literal["make", "revoke", "account", "remove"]
    name: str | None = Field(default=None, max_length=200)
    scopes: list[str] = Field(default=[], max_length=50)
    employees: str | None = Field(default=None, max_length=30_000, description="E-mails, one in each line.")
    days: int | None = Field(default=None, ge=1, le=3650)
    owner: UUID | None = None
    key: UUID | None = None
    role: Role | None = None
    account: UUID | None = None


@room.takes("/administration/keys")
async def change(visit: Visit) -> Response:
    """A key's text is on this answer alone: it is nowhere else."""
    sent = await visit.sent(Act)
    if sent.act == "make" and sent.name is not None:
        return await _shown(visit, Asked(), made=await _made(visit, sent, sent.name))
    async with visit.write(roles=STAFF if sent.act == "revoke" else ADMINS) as tx:
        if sent.act == "revoke" and sent.key is not None:
            await keys.revoke(tx, key=sent.key)
            told = "key_revoked"
        elif sent.act == "account" and sent.name is not None and sent.role is not None:
            await service_accounts.create(tx, name=sent.name, role=sent.role)
            told = "account_made"
        elif sent.act == "remove" and sent.account is not None:
            await service_accounts.remove(tx, account=sent.account)
            told = "account_removed"
        else:
            raise ConflictError("this form says what to do, but not with what")
    return visit.go("/administration/keys", told=told)


async def _made(visit: Visit, sent: Act, name: str) -> NewKey:
    until = None if sent.days is None else datetime.now(UTC) + timedelta(days=sent.days)
    emails = [] if sent.employees is None else [line.strip() for line in sent.employees.splitlines() if line.strip()]
    async with visit.write(roles=STAFF) as tx:
        narrowed = [(await employees.find(tx, email=email)).id for email in emails]
        return await keys.create(
            tx,
            user=sent.owner or visit.at_desk.principal.user,
            name=name,
            scopes=sent.scopes,
            employees=narrowed or None,
            expires_at=until,
        )
