"""A site with two companies in it, and a real browser that people of theirs look at it with."""

import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from insider import PASSWORD, Person, a_house, a_person
from playwright.async_api import Browser, Page

from empla.access import sign_ins
from empla.access.sign_ins import Client
from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.employees import assignments, employees
from empla.memory import episodic, semantic
from empla.memory.semantic import NewFact
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy.users import Role

COOKIE = "empla_page"
DESKTOP, PHONE = (1360, 850), (390, 844)
# Nothing of it reaches for the network, and it may run as root.
CHROMIUM = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
ROLES: tuple[Role, ...] = ("admin", "manager", "user")


def chromium() -> str:
    """Debian's browser; without one the tests of pages in a browser are skipped, and say so."""
    found = os.environ.get("EMPLA_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no Chromium: `make browser` installs it")
    return found


@dataclass(frozen=True)
class Company:
    """One tenant: a person of each role, and two employees, of whom the user looks after `own`."""

    operator: Caller
    people: dict[Role, Person]
    tokens: dict[Role, str]  # what a browser of theirs brings
    own: UUID
    colleague: UUID
    things: dict[str, UUID]  # of `own`, by the names that addresses give them


async def a_company(database: Database) -> Company:
    house = await a_house(database)
    people: dict[Role, Person] = {role: await a_person(database, house, role) for role in ROLES}
    async with database.write(house) as tx:
        own, colleague = [
            (await employees.hire(tx, name=name, role="sales_ae", email=f"{name}.{uuid4().hex[:8]}@acme.example")).id
            for name in ("Jordan", "Casey")
        ]
        await assignments.assign(tx, user=people["user"].id, employee=own)
    tokens: dict[Role, str] = {role: await a_token(person) for role, person in people.items()}
    return Company(house, people, tokens, own, colleague, await _things(database, house, own))


async def _things(database: Database, house: Caller, own: UUID) -> dict[str, UUID]:
    """One of each that has a page; a page of another thing needs another line here."""
    async with database.write(house) as tx:
        news = Evidence.parse(subject="pipeline", predicate="coverage", object=2.4)
        belief = await beliefs.observe(tx, employee=own, piece=news)
        fact = await semantic.learn(tx, employee=own, claim=NewFact(subject="Acme", predicate="buys", object="GTX Pro"))
        episode = await episodic.record(tx, employee=own, description="Acme asked for a discount")
    return {"employee": own, "belief": belief.id, "fact": fact.id, "episode": episode.id}


async def a_token(person: Person) -> str:
    issued = await sign_ins.sign_in_page(
        person.database, slug=person.slug, email=person.email, password=PASSWORD, client=Client()
    )
    return issued.text


@dataclass(frozen=True)
class Site:
    """A server that listens, its database, and two companies in it."""

    url: str
    database: Database
    settings: Settings
    ours: Company
    theirs: Company

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        """A browser without the browser: it brings its cookie, and says that its forms come from pages of ours."""
        cookies = {} if token is None else {COOKIE: token}
        return httpx.AsyncClient(base_url=self.url, cookies=cookies, headers={"Sec-Fetch-Site": "same-origin"})

    @asynccontextmanager
    async def page(
        self, browser: Browser, token: str | None = None, *, size: tuple[int, int] = DESKTOP, scheme: str = "light"
    ) -> AsyncGenerator[Page]:
        """A tab of a browser in Berlin. Whatever the page complains about in the console fails the test."""
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            timezone_id="Europe/Berlin",
            locale="en-GB",
        )
        if token is not None:
            await context.add_cookies([{"name": COOKIE, "value": token, "url": self.url}])
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_default_timeout(15_000)
        try:
            yield page
        finally:
            await context.close()
        assert not complaints


def kept(name: str) -> Path | None:
    """Where a screenshot goes, when somebody wants to look at it: EMPLA_TEST_SCREENSHOTS names the folder."""
    folder = os.environ.get("EMPLA_TEST_SCREENSHOTS")
    return None if not folder else Path(folder) / f"{name}.png"
