"""A tenant with its people and two employees, and a client for each of them that goes through the whole application."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from empla.access.doors import by_token
from empla.access.principals import Principal
from empla.api.app import create
from empla.api.doors import Door
from empla.api.limits import Rates
from empla.api.operations import House
from empla.employees import assignments, employees
from empla.errors import UnauthorizedError
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants, users

Role = Literal["admin", "manager", "user"]
ROLES: tuple[Role, ...] = ("admin", "manager", "user")
BASE = "http://empla.test"


@dataclass
class Keys:
    """A door whose tokens are words that the test has given out; the database judges what they open, as for every credential."""

    guests: dict[str, Principal] = field(default_factory=dict[str, Principal])
    asked: int = 0

    def give(self, guest: Principal) -> str:
        token = uuid4().hex
        self.guests[token] = guest
        return token

    async def door(self, database: Database, text: str) -> Principal:
        del database
        self.asked += 1
        if text not in self.guests:
            raise UnauthorizedError("this credential is not good")
        return self.guests[text]


@dataclass(frozen=True)
class Home:
    """One tenant: its people by role, the employee `own` of its user, and a `colleague` of that."""

    operator: Caller
    people: dict[Role, UUID]
    own: UUID
    colleague: UUID

    def guest(self, role: Role) -> Principal:
        user = self.people[role]
        return Principal(Caller(self.operator.tenant, user=user), user=user, kind="sign_in", name=role)


async def a_home(database: Database, *, name: str = "Acme") -> Home:
    operator = Caller(await tenants.create(database, slug=f"t-{uuid4().hex[:12]}", name=name))
    async with database.write(operator) as tx:
        people: dict[Role, UUID] = {}
        for role in ROLES:
            email = f"{role}.{uuid4().hex[:8]}@acme.example"
            people[role] = (await users.invite(tx, email=email, name=role.title(), role=role)).id
        hired = [
            (await employees.hire(tx, name=who, role="sales_ae", email=f"{who}.{uuid4().hex[:8]}@acme.example")).id
            for who in ("jordan", "casey")
        ]
        await assignments.assign(tx, user=people["user"], employee=hired[0])
    return Home(operator, people, *hired)


# Making the whole application takes half a second: it is made once for each kind of settings, and moves from test to test.
_MADE: dict[Settings, FastAPI] = {}


def whole(database: Database, settings: Settings, *, door: Door = by_token) -> FastAPI:
    """All operations, over this database. What it tells of itself (probes, figures) is of the database that it was made with."""
    made = _MADE.get(settings)
    if made is None:
        made = _MADE[settings] = create(database, settings, door=door)
    house: House = made.state.house
    house.database, house.door, house.busy = database, door, 0
    house.rates = Rates(settings.api_rate)
    return made


def _left_early(app: FastAPI) -> ASGIApp:
    """The transport hands nothing over before an answer is whole; a stream never is, so its client goes after the first piece."""

    async def leaving(scope: Scope, receive: Receive, send: Send) -> None:
        streams, said = False, asyncio.Event()

        async def heard() -> Message:
            message = await receive() if not streams else None
            if message is not None:
                return message
            await said.wait()
            return {"type": "http.disconnect"}

        async def tell(message: Message) -> None:
            nonlocal streams
            if message["type"] == "http.response.start":
                streams = (b"content-type", b"text/event-stream; charset=utf-8") in message["headers"]
            await send(message)
            if streams and message["type"] == "http.response.body":
                said.set()

        await app(scope, heard, tell)
        if streams:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return leaving


@asynccontextmanager
async def client(app: FastAPI, token: str | None = None) -> AsyncGenerator[httpx.AsyncClient]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(_left_early(app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as found:
        yield found


@contextmanager
def counted(database: Database, messages: int) -> Generator[None]:
    """The block sends so many messages to the database, in transactions that commit."""
    before = database.statements
    yield
    assert database.statements - before == messages


def problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem that was answered, which has all its parts, and one sentence."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    told: dict[str, Any] = response.json()
    assert (response.status_code, told["status"], told["type"]) == (status, status, f"urn:empla:problem:{name}"), told
    assert told["instance"] == response.headers["x-request-id"]
    assert told["title"]
    assert told["detail"]
    assert "\n" not in told["detail"]
    return told
