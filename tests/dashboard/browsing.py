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
from empla.bdi import beliefs, goals, intentions
from empla.bdi.beliefs import Evidence
from empla.bdi.intentions import NewIntention, NewStep
from empla.bdi.shapes import Plan, PlanContext, Target
from empla.employees import assignments, employees
from empla.memory import episodic, procedural, semantic
from empla.memory.procedural import Procedure
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
    return Company(
        house, people, tokens, own, colleague, {**await _things(database, house, own), "user": people["user"].id}
    )


async def _things(database: Database, house: Caller, own: UUID) -> dict[str, UUID]:
    """One of each that has a page; a page of another thing needs another line here."""
    async with database.write(house) as tx:
        news = Evidence.parse(subject="pipeline", predicate="coverage", object=2.4)
        belief = await beliefs.observe(tx, employee=own, piece=news)
        fact = await semantic.learn(tx, employee=own, claim=NewFact(subject="Acme", predicate="buys", object="GTX Pro"))
        episode = await episodic.record(tx, employee=own, description="Acme asked for a discount")
        target = Target(metric="pipeline.coverage", threshold=3, restore=3.5)
        goal = await goals.adopt(
            tx, employee=own, goal_type="maintenance", description="Keep the pipeline full", target=target
        )
        await procedural.equip(tx, employee=own, role="sales_ae")
        procedure = await procedural.find(tx, employee=own, name="rebuild_pipeline")
        intention = await intentions.adopt(tx, employee=own, intention=_strategy(goal.id, procedure))
        assert intention is not None
        part = NewIntention(
            description="Find new accounts",
            intention_type="tactic",
            plan=Plan(type="workflow"),
            context=PlanContext(),
            plan_key="prospect_new_accounts",
            parent_id=intention,
            parent_position=2,
            steps=[NewStep(action="task", definition={"action": "task", "title": "List fifty"}, depends_on=[])],
        )
        assert await intentions.adopt(tx, employee=own, intention=part) is not None
    return {
        "employee": own,
        "belief": belief.id,
        "goal": goal.id,
        "procedure": procedure.id,
        "intention": intention,
        "fact": fact.id,
        "episode": episode.id,
    }


def _strategy(goal: UUID, procedure: Procedure) -> NewIntention:
    """Two steps beside each other, and one that waits for both."""
    return NewIntention(
        description=procedure.description,
        intention_type="strategy",
        plan=Plan(type="workflow", success_criteria="pipeline.coverage >= wanted"),
        context=PlanContext(
            rationale="it is short of deals",
            score={
                "score": 0.35,
                "success": 0.0,
                "match": 0.5,
                "capability": 1.0,
                "rank": 0.0,
                "succeeded": 0,
                "executed": 0,
            },
            alternatives=(
                {"playbook": "ask_for_campaign", "score": 0.2, "success": 0, "match": 0, "capability": 1, "rank": 0},
                {
                    "playbook": "cut_losses",
                    "refused": "it was tried already",
                    "score": 0,
                    "success": 0,
                    "match": 0,
                    "capability": 0,
                    "rank": 0,
                },
            ),
            beliefs=({"subject": "pipeline", "predicate": "coverage", "object": 2.4, "confidence": 0.9},),
        ),
        goal_id=goal,
        procedure_id=procedure.id,
        plan_key=procedure.procedure_name,
        steps=[
            NewStep(action="note", definition={"action": "note", "text": "Coverage is low"}, depends_on=[]),
            NewStep(
                action="pursue", definition={"action": "pursue", "playbook": "prospect_new_accounts"}, depends_on=[1]
            ),
            NewStep(action="task", definition={"action": "task", "title": "Call <b>Ann</b>"}, depends_on=[1]),
            NewStep(
                action="await", definition={"action": "await", "criteria": "pipeline.coverage >= 3"}, depends_on=[2, 3]
            ),
        ],
    )


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
