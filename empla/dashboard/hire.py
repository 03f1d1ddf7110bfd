"""Hiring: who, with which playbooks; what it is told to begin with; and its first cycle, as it happens."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import Field
from starlette.datastructures import UploadFile
from starlette.responses import Response

from empla.api.doors import STAFF
from empla.api.problems import detail_of, sort_of
from empla.bdi import intentions
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Told, Visit
from empla.employees import employees
from empla.employees.capabilities import KNOWN, OF_ROLE
from empla.employees.employees import Employee, EmployeeRole
from empla.employees.shapes import Day, EmployeeConfig
from empla.errors import EmplaError, InvalidError, UsageError
from empla.memory import shelf
from empla.memory.playbook import Playbook
from empla.mind import beginning, hiring, mandate
from empla.mind.mandate import Wanted
from empla.observability import events
from empla.senses import crm, inbox, mail_files
from empla.senses.crm import TableReading
from empla.senses.inbox import Delivery
from empla.senses.observation import OddityGroup, Reading, summary
from empla.settings import Settings

room = Room("hire")
ROLES: dict[EmployeeRole, tuple[str, str]] = {
    "sales_ae": ("Account executive", "Works deals from the first talk to the signature, and keeps the pipeline full."),
    "sdr": ("Sales development", "Finds prospects, writes to them first, and answers who asks."),
    "csm": ("Customer success", "Keeps customers well: looks after health, renewals and complaints."),
    "pm": ("Product manager", "Keeps a product on its way: requests, bugs, releases."),
    "recruiter": ("Recruiter", "Fills positions: finds candidates, talks with them, keeps them warm."),
    "custom": ("Something of your own", "Starts with nothing: you teach it every playbook."),
}
_DAYS: tuple[Day, ...] = get_args(Day)
_WORKDAYS = _DAYS[:5]
_BELIEFS, _PLANS, _EVENTS = 12, 10, 12
_FILES, _FIELDS, _LONGEST_NAME = 2, 10, 120


@dataclass(frozen=True, slots=True)
class Offer:
    """What an employee of a role brings."""

    role: EmployeeRole
    name: str
    about: str
    abilities: list[str]
    playbooks: list[Playbook]

    @property
    def metrics(self) -> list[str]:
        """What its playbooks serve: a goal on one of these is one that it has means for."""
        served = {metric for each in self.playbooks for metric in each.conditions.goals or ()}
        return sorted(metric for metric in served if "*" not in metric)


def offers() -> list[Offer]:
    """Of every role, as the shelf has it."""
    return [
        Offer(
            role,
            name,
            about,
            [KNOWN[each] for each in OF_ROLE[role]],
            [each for each in shelf.of_role(role) if each.type == "workflow"],
        )
        for role, (name, about) in ROLES.items()
    ]


class Hired(Fields):
    """Who is hired, when it works, and what it shall achieve first."""

    name: str = Field(min_length=1, max_length=200)
    email: str = Field(min_length=3, max_length=254)
    role: EmployeeRole
    begins: Literal["at_once", "later"] = "at_once"
    timezone: str | None = Field(default=None, max_length=60)
    start: str | None = Field(default=None, max_length=5)
    end: str | None = Field(default=None, max_length=5)
    days: list[Day] = Field(default=[], max_length=7)
    metric: str | None = Field(default=None, max_length=200)
    sign: Literal["least", "most"] = "least"
    number: float | None = Field(default=None, allow_inf_nan=False)

    @property
    def config(self) -> EmployeeConfig | None:
        """Its hours; None for around the clock. Raises `InvalidError`, `UsageError`."""
        said = (self.timezone, self.start, self.end)
        if not any(said):
            return None
        if not all(said):
            raise UsageError("working hours need all three: a time zone, when a shift begins and when it ends")
        hours: dict[str, Any] = {"timezone": self.timezone, "start": self.start, "end": self.end}
        return EmployeeConfig.parse({"working_hours": hours | ({"days": self.days} if self.days else {})})

    @property
    def goal(self) -> Wanted | None:
        """A state to be kept; None when nothing is said. Raises `UsageError` for half of one."""
        if self.metric is None and self.number is None:
            return None
        if self.metric is None or self.number is None:
            raise UsageError("a first goal needs both: what is measured, and the number")
        if self.sign == "least":
            return Wanted(metric=self.metric, goal_type="maintenance", at_least=self.number)
        return Wanted(metric=self.metric, goal_type="maintenance", at_most=self.number)


class Asked(Fields):
    """Which role is looked at."""

    role: EmployeeRole = "sales_ae"
    told: str | None = None


@room.shows("/hire")
async def form(visit: Visit) -> Response:
    """What each role brings is of the package: nothing is read for it but who looks."""
    asked = visit.asked(Asked)
    async with visit.read(roles=STAFF):
        pass
    return _form(visit, {"role": asked.role, "days": _WORKDAYS})


@room.takes("/hire")
async def hire(visit: Visit) -> Response:
    """On to what it is told; what can't be is said above the form, which stays filled in."""
    sent = await visit.sent(Hired)
    try:
        async with visit.write(roles=STAFF) as tx:
            person = await hiring.hire(
                tx,
                name=sent.name,
                role=sent.role,
                email=sent.email,
                config=sent.config,
                active=sent.begins == "at_once",
            )
            if sent.goal is not None:
                await mandate.want(tx, employee=person.id, wanted=sent.goal)
    except EmplaError as error:
        async with visit.read(roles=STAFF):
            pass
        return _form(visit, sent.model_dump(), error)
    return visit.go(f"/hire/{person.id}/sources", told="hired")


def _form(visit: Visit, filled: Mapping[str, Any], error: EmplaError | None = None) -> Response:
    return visit.show_whole(
        "hire.html",
        status=200 if error is None else sort_of(error).status,
        sentence=error and detail_of(error),
        filled={name: filled.get(name) for name in Hired.model_fields} | {"days": filled["days"]},
        offers=offers(),
        days=_DAYS,
        zones=sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix/"))),
    )


@room.shows("/hire/{employee:uuid}/sources")
async def sources(visit: Visit, employee: UUID) -> Response:
    """What it can be told of."""
    visit.asked(Told)
    async with visit.read(roles=STAFF) as tx:
        person = await employees.get(tx, employee=employee)
    return _sources(visit, person)


def _bytes(settings: Settings) -> int:
    return settings.upload_max_bytes


@dataclass(frozen=True, slots=True)
class File:
    """What was sent of one."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Parcel:
    """What was sent to an employee."""

    kind: str
    agent: str | None
    file: File
    products: File | None


@dataclass(frozen=True, slots=True)
class Done:
    """What was read of a file, and what became of it."""

    file: str
    reading: Reading
    delivery: Delivery
    oddities: list[OddityGroup]

    @property
    def table(self) -> TableReading | None:
        """Of a table of deals; None of a mailbox."""
        return self.reading if isinstance(self.reading, TableReading) else None


@room.takes("/hire/{employee:uuid}/sources", max_bytes=_bytes)
async def tell(visit: Visit, employee: UUID) -> Response:
    """All of the file is in its inbox, or nothing: read aside, for that takes long, and delivered in one transaction."""
    async with visit.read(roles=STAFF) as tx:
        person = await employees.get(tx, employee=employee)
        now = tx.now
    try:
        parcel = await _parcel(visit)
        reading = await asyncio.to_thread(_read, parcel, person, visit.house.settings, now)
        if not reading.observations and reading.rows_left_out:
            raise InvalidError(f"nothing of {parcel.file.name} can be used: {summary(reading.oddities)[0].reason}")
        async with visit.write(roles=STAFF) as tx:
            to = {person.email.lower(): person.id}
            delivery = await inbox.deliver_whole(tx, reading.observations, recipients=to)
    except EmplaError as error:
        return _sources(visit, person, error=error)
    return _sources(visit, person, done=Done(parcel.file.name, reading, delivery, summary(reading.oddities)))


def _read(parcel: Parcel, person: Employee, settings: Settings, now: datetime) -> Reading:
    recipient = person.email.lower()
    if parcel.kind == "mbox":
        return mail_files.read_sent_mbox(
            parcel.file.data, file=parcel.file.name, received=now, recipient=recipient, settings=settings
        )
    return crm.read_table(
        parcel.file.data,
        file=parcel.file.name,
        recipient=recipient,
        agent=parcel.agent or person.name,
        products=parcel.products and parcel.products.data,
        products_file=parcel.products.name if parcel.products else crm.PRODUCTS,
    )


async def _parcel(visit: Visit) -> Parcel:
    """The files of the form. Raises `UsageError` when there is none."""
    async with visit.request.form(max_files=_FILES, max_fields=_FIELDS) as sent:
        kind, agent = sent.get("kind"), sent.get("agent")
        file, products = [await _file(sent.get(name)) for name in ("file", "products")]
    if kind not in {"csv", "mbox"} or not isinstance(agent, str | None):
        raise InvalidError("a file is a table of deals or a mailbox")
    if file is None:
        raise InvalidError("choose a file first")
    return Parcel(str(kind), (agent or "").strip() or None, file, products)


async def _file(sent: object) -> File | None:
    if not isinstance(sent, UploadFile) or not sent.filename:
        return None
    return File(sent.filename[:_LONGEST_NAME], await sent.read())


def _sources(visit: Visit, person: Employee, *, done: Done | None = None, error: EmplaError | None = None) -> Response:
    return visit.show_whole(
        "hire_sources.html",
        status=200 if error is None else sort_of(error).status,
        person=person,
        most=visit.house.settings.upload_max_bytes,
        done=done,
        sentence=error and detail_of(error),
    )


@room.shows("/hire/{employee:uuid}/first-cycle")
async def first_cycle(visit: Visit, employee: UUID) -> Response:
    """How far it is, what it believes, what it plans and what happens: a statement each, asked again as it happens."""
    visit.asked(Told)
    async with visit.read(roles=STAFF) as tx:
        person = await employees.get(tx, employee=employee)
        so_far = await beginning.of(tx, employee=employee) if visit.wants("progress") else None
        believed = (
            await beginning.concluded(tx, employee=employee, limit=_BELIEFS + 1) if visit.wants("believes") else []
        )
        plans = await intentions.latest(tx, employee=employee, limit=_PLANS) if visit.wants("plans") else []
        latest = await events.latest(tx, limit=_EVENTS, employee=employee) if visit.wants("latest") else []
    return visit.show(
        "hire_first_cycle.html",
        person=person,
        so_far=so_far,
        believed=believed[:_BELIEFS],
        has_more=len(believed) > _BELIEFS,
        plans=plans,
        latest=latest,
    )
