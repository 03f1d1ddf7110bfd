"""A key of staff that is narrowed to one employee does for that one what it feeds, and for nobody else anything: made from the routes."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import area_tenancy
import httpx
import pytest
from calling import Home, a_home, client, problem
from decision_table import Area
from fastapi import FastAPI
from test_decision_table import AREAS, NOWHERE, OPERATIONS, TABLE, Things, asked, everything, things, told

from empla.access import keys as keyring
from empla.api.app import create
from empla.api.doors import EVERYBODY
from empla.api.operations import Noun
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller

if TYPE_CHECKING:
    from tests.conftest import Cluster

# Every operation that writes and names something of an employee: what it is answered about the key's own.
# What has the scope `admin` is about people, sign-ins and keys.
WRITES: dict[str, int] = {
    **dict.fromkeys(("beliefs.observe", "beliefs.observe_many", "beliefs.tell"), 200),
    "beliefs.retract": 204,
    **dict.fromkeys(("goals.change", "goals.drop", "intentions.call_off"), 200),
    **dict.fromkeys(("observations.deliver", "observations.deliver_many"), 200),
    **dict.fromkeys(("conversations.start", "conversations.say"), 201),
    **dict.fromkeys(("episodes.record", "goals.adopt", "playbooks.add", "playbooks.learn"), 201),
    **dict.fromkeys(("episodes.record_many", "facts.learn", "facts.verify", "memory.consolidate"), 200),
    **dict.fromkeys(("episodes.forget", "facts.forget"), 204),
    **dict.fromkeys(("notices.answer", "notices.acknowledge"), 200),
    **dict.fromkeys(("playbooks.check", "playbooks.upgrade"), 200),
    **dict.fromkeys(("playbooks.applicable", "playbooks.enable", "playbooks.disable", "playbooks.judge"), 200),
    # Who it is, how far it is trusted, what it may cost, and what people decide.
    **dict.fromkeys(("employees.change", "employees.pause", "employees.resume", "employees.terminate"), 403),
    **dict.fromkeys(("employees.promote", "employees.demote", "budgets.set_of_employee", "beliefs.settle"), 403),
    **dict.fromkeys(("approvals.approve", "approvals.reject", "outbox.settle"), 403),
    **dict.fromkeys(("assignments.assign", "assignments.withdraw"), 403),
}


@pytest.fixture
def whole(database: Database, settings: Settings) -> FastAPI:
    """The application with its own door."""
    return create(database, settings)


async def narrowed(database: Database, home: Home) -> str:
    """A key of the manager with every scope, for the employee `own` alone."""
    manager = home.people["manager"]
    scopes = ["admin", "approve", "read", "write"]
    async with database.write(Caller(home.operator.tenant, user=manager)) as tx:
        return (await keyring.create(tx, user=manager, name="Feed", scopes=scopes, employees=[home.own])).text


@pytest.fixture
async def delegate(database: Database, whole: FastAPI, ours: Home) -> AsyncGenerator[httpx.AsyncClient]:
    async with client(whole, await narrowed(database, ours)) as caller:
        yield caller


def of_the_colleague(home: Home) -> Home:
    return replace(home, own=home.colleague, colleague=home.own)


def test_every_operation_that_writes_and_names_something_of_an_employee_has_its_row():
    named = {name for name, row in TABLE.items() if row.other is not None}
    assert set(WRITES) == {
        name for name in named if OPERATIONS[name].writes and OPERATIONS[name].scope not in {None, "admin"}
    }


async def test_a_narrowed_key_does_for_its_own_employee_what_the_table_says(database: Database, whole: FastAPI):
    async def answered(home: Home, names: list[str], *areas: Area) -> dict[str, int]:
        own: Things = {}
        for area in areas:
            own |= await area.things(database, home)
        async with client(whole, await narrowed(database, home)) as caller:
            return {name: (await asked(caller, OPERATIONS[name], TABLE[name], own)).status_code for name in names}

    refused = [name for name, status in WRITES.items() if status >= 400]
    found = await answered(await a_home(database), refused, *AREAS)
    for name in WRITES.keys() - refused:
        # Each has a home of its own, so that none finds what another has done.
        (area,) = (area for area in AREAS if name in area.rows)
        found |= await answered(await a_home(database), [name], area_tenancy.AREA, area)
    assert found == WRITES


async def test_other_employees_are_answered_like_what_is_nowhere(
    database: Database, delegate: httpx.AsyncClient, ours: Home, theirs: Home, cluster: "Cluster"
):
    colleague = await things(database, of_the_colleague(ours))
    foreign = await things(database, theirs)
    before = [everything(cluster, home) for home in (ours, theirs)]
    for name, own in WRITES.items():
        operation, row = OPERATIONS[name], TABLE[name]
        absent: Things = {what: NOWHERE if isinstance(thing, UUID) else thing for what, thing in foreign.items()}
        nowhere = await asked(delegate, operation, row, absent)
        assert nowhere.status_code in {403, 404}, name
        assert (nowhere.status_code == 403) >= (own == 403), name
        for elsewhere in (colleague, foreign):
            assert told(await asked(delegate, operation, row, elsewhere)) == told(nowhere), name
    after = [everything(cluster, home) for home in (ours, theirs)]
    for was in (*before, *after):  # when the key was used is written behind the answer
        del was["api_keys"]
    assert after == before


async def test_no_forgotten_role_lets_a_narrowed_key_decide(
    database: Database, settings: Settings, cluster: "Cluster", ours: Home
):
    """The roles of a declaration tell a program early; the database holds without them."""
    forgetful = Noun("forgetful", about="Whoever asks is let in.")
    guarded = [name for name, status in WRITES.items() if status == 403]
    forgetful.operations += [replace(OPERATIONS[name], roles=EVERYBODY) for name in guarded]
    own = await things(database, ours)
    key = await narrowed(database, ours)
    before = everything(cluster, ours)
    async with client(create(database, settings, nouns=[forgetful]), key) as caller:
        for name in guarded:
            response = await asked(caller, OPERATIONS[name], TABLE[name], own)
            assert response.status_code < 500, f"{name}: {response.text}"
    after = everything(cluster, ours)
    del before["api_keys"], after["api_keys"]
    assert after == before


async def test_a_feed_tells_its_employee_and_passes_on_what_visitors_write(delegate: httpx.AsyncClient, ours: Home):
    me = (await delegate.get("/v1/me")).json()
    assert (me["role"], me["employees"]) == ("delegate", [str(ours.own)])
    telling = {"words": "Do you ship to Norway?", "visitor": "Nora"}
    talk = await delegate.post(f"/v1/employees/{ours.own}/conversations", json=telling)
    assert talk.status_code == 201, talk.text
    refused = await delegate.post(f"/v1/employees/{ours.colleague}/conversations", json=telling)
    problem(refused, 403, "forbidden")
    # One of the batch is not its own: nothing of it is taken.
    told_of = {"source": "crm", "kind": "deal_won", "description": "Acme signed"}
    both = [{**told_of, "employee": str(who), "external_id": "7"} for who in (ours.own, ours.colleague)]
    problem(await delegate.post("/v1/observations", json={"observations": both}), 403, "forbidden")
    listed = await delegate.get(f"/v1/employees/{ours.own}/observations")
    assert [each["kind"] for each in listed.json()["items"]] == ["visitor_wrote"]
