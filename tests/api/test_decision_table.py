"""The decision table holds: operation × role × own or another tenant, made from the routes."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import area_accounts
import area_identity
import area_memory
import area_mind
import area_tenancy
import area_watch
import area_world
import httpx
import pytest
from calling import ROLES, Home, Keys, Role, a_home, client
from decision_table import Row
from fastapi import FastAPI
from psycopg import sql

from empla.access import keys as keyring
from empla.access.principals import SCOPES
from empla.api.app import NOUNS, create
from empla.api.doors import ANY, EVERYBODY
from empla.api.operations import Noun, Operation
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller

if TYPE_CHECKING:
    from tests.conftest import Cluster

OPERATIONS = {operation.name: operation for noun in NOUNS for operation in noun.operations}


# A file for each, so that a noun's rows stand beside what they name.
AREAS = (
    *(area_tenancy.AREA, area_identity.AREA, area_memory.AREA, area_mind.AREA, area_world.AREA),
    *(area_accounts.AREA, area_watch.AREA),
)
TABLE: dict[str, Row] = {name: row for area in AREAS for name, row in area.rows.items()}
Things = dict[str, UUID | str]
NOWHERE = "01890000-0000-7000-8000-00000000dead"


async def things(database: Database, home: Home) -> Things:
    found: Things = {}
    for area in AREAS:
        found |= await area.things(database, home)
    return found


def path(operation: Operation, named: Things) -> str:
    return operation.path.format_map(named)


async def asked(caller: httpx.AsyncClient, operation: Operation, row: Row, named: Things) -> httpx.Response:
    sends = (
        None
        if row.sends is None
        else json.loads(
            json.dumps(row.sends)
            .replace("{email}", f"{uuid4().hex}@acme.example")
            .replace("{employee}", str(named["employee"]))
        )
    )
    headers = {"If-Match": "*"} if operation.matched else {}
    return await caller.request(
        operation.method, path(operation, named), json=sends, headers=headers, params=row.params
    )


def test_every_operation_has_its_row():
    assert set(TABLE) == set(OPERATIONS)


@pytest.fixture
async def callers(app: FastAPI, keys: Keys, ours: Home) -> AsyncGenerator[dict[Role, httpx.AsyncClient]]:
    async with (
        client(app, keys.give(ours.guest("admin"))) as admin,
        client(app, keys.give(ours.guest("manager"))) as manager,
        client(app, keys.give(ours.guest("user"))) as user,
    ):
        yield {"admin": admin, "manager": manager, "user": user}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
async def test_each_role_is_answered_as_the_table_says(
    name: str, database: Database, callers: dict[Role, httpx.AsyncClient], theirs: Home, keys: Keys, app: FastAPI
):
    operation, row = OPERATIONS[name], TABLE[name]
    elsewhere = await things(database, theirs)
    for number, role in enumerate(ROLES):
        # Each has a tenant of its own for what it does, so that none finds what another has done.
        home = await a_home(database)
        own = await things(database, home)
        async with client(app, keys.give(home.guest(role))) as caller:
            before = database.statements
            done = await asked(caller, operation, row, own)
            assert done.status_code == row.own[number], f"{role}, own: {done.text}"
            if role == "admin" and done.is_success:
                assert database.statements - before == row.messages
        if row.other is not None:
            refused = await asked(callers[role], operation, row, elsewhere)
            assert refused.status_code == row.other[number], f"{role}, other: {refused.text}"
            absent: Things = {name: NOWHERE if isinstance(thing, UUID) else thing for name, thing in elsewhere.items()}
            nowhere = await asked(callers[role], operation, row, absent)
            assert told(refused) == told(nowhere), "what is elsewhere is answered like what is nowhere"


def told(response: httpx.Response) -> tuple[int, object]:
    document: dict[str, object] = response.json() if response.content else {}
    return response.status_code, document.get("detail", document)


def everything(cluster: "Cluster", home: Home) -> dict[str, str]:
    """All rows of the tenant, table by table, as an administrator sees them."""
    with cluster.admin() as admin:
        tables = admin.execute(
            "SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE c.table_schema = 'empla' AND c.column_name = 'tenant_id' AND t.table_type = 'BASE TABLE'"
        ).fetchall()
        digest = sql.SQL("SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM empla.{} t WHERE tenant_id = %s")
        return {
            name: str(admin.execute(digest.format(sql.Identifier(name)), (home.operator.tenant,)).fetchone())
            for (name,) in tables
        }


GUARDED = sorted(name for name, operation in OPERATIONS.items() if operation.roles != EVERYBODY)


@pytest.mark.parametrize("name", GUARDED)
async def test_a_route_that_forgot_to_look_lets_nobody_do_more(
    name: str, cluster: "Cluster", database: Database, settings: Settings, keys: Keys
):
    """The roles of a declaration tell a person early; the database holds without them."""
    operation, row = replace(OPERATIONS[name], roles=EVERYBODY), TABLE[name]
    forgetful = Noun("forgetful", about="Whoever asks is let in.")
    forgetful.operations.append(operation)
    app = create(database, settings, door=keys.door, nouns=[forgetful])
    for number, role in enumerate(ROLES):
        if row.own[number] != 403:
            continue
        home = await a_home(database)
        named = await things(database, home)
        before = everything(cluster, home)
        async with client(app, keys.give(home.guest(role))) as caller:
            response = await asked(caller, operation, row, named)
        assert response.status_code < 500, response.text
        assert everything(cluster, home) == before


@pytest.mark.parametrize("name", sorted(OPERATIONS))
async def test_a_key_does_what_its_scopes_say(name: str, database: Database, settings: Settings, ours: Home):
    operation, row = OPERATIONS[name], TABLE[name]
    if operation.scope is None or operation.scope == ANY:
        return
    assert operation.scope in SCOPES
    named = await things(database, ours)
    verb = operation.scope.rpartition(":")[2]
    admin = Caller(ours.operator.tenant, user=ours.people["admin"])
    lacking = sorted(scope for scope in SCOPES if scope not in {operation.scope, verb})
    alone = Noun(operation.noun, about="The one that is asked for.")
    alone.operations.append(operation)
    app = create(database, settings, nouns=[alone])
    for scopes, enough in ((lacking, False), ([operation.scope, "admin"], True), ([verb, "admin"], True)):
        async with database.write(admin) as tx:
            key = await keyring.create(tx, user=ours.people["admin"], name="scoped", scopes=scopes)
        async with client(app, key.text) as caller:
            response = await asked(caller, operation, row, named)
        # Without `admin` an admin's key is a manager's.
        refused = response.status_code == 403 and (
            "this key has not the scope" in response.text or "admin" in operation.scope
        )
        assert refused is (row.keyless or not enough), (scopes, response.text)
