"""Capabilities and integrations over HTTP: limits are set, accounts are swapped, and a secret that went in comes out nowhere."""

import threading
from collections.abc import Iterator
from datetime import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from calling import Home, problem

from empla.effects import integrations
from empla.employees import capabilities
from empla.errors import InvalidError
from empla.storage.database import Database

if TYPE_CHECKING:
    from tests.conftest import Cluster

SERVER: dict[str, Any] = {"host": "smtp.acme.example", "port": 465, "tls": "implicit", "login": "acme"}
PASSWORD, NEWER = "correct horse battery staple", "staple battery horse correct"


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """The address of a schema on another machine, and who asked for it."""
    asked: list[str] = []

    class Telling(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"type": "object"}')

        def log_message(self, *_: object, **__: object) -> None:
            """Nothing on stderr."""

    server = HTTPServer(("127.0.0.1", 0), Telling)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/schema.json", asked
    server.shutdown()
    thread.join()
    server.server_close()


async def test_limits_are_changed_as_they_were_seen(admin: httpx.AsyncClient, database: Database, theirs: Home):
    got = await admin.get("/v1/capabilities/email")
    change: dict[str, Any] = {
        "quiet_hours": {"begin": "20:00", "end": "08:30"},
        "repeat_window": "P2D",
        "costs": {"effects": 1, "money": 0.5},
    }
    seen = {"If-Match": got.headers["etag"]}
    changed = await admin.patch("/v1/capabilities/email", json=change, headers=seen)
    told = {"quiet_from": "20:00:00", "quiet_until": "08:30:00", "repeat_window": "P2D", "costs": change["costs"]}
    assert changed.json() == {**got.json(), **told}
    problem(await admin.patch("/v1/capabilities/email", json=change, headers=seen), 412, "changed")
    loud = await admin.patch("/v1/capabilities/email", json={"quiet_hours": "none"}, headers={"If-Match": "*"})
    assert (loud.json()["quiet_from"], loud.json()["repeat_window"]) == (None, "P2D")
    assert (await admin.post("/v1/capabilities/email/withdraw")).json()["enabled"] is False
    async with database.read(theirs.operator) as tx:
        other = await capabilities.offer(tx, name="email")
    assert (other.enabled, other.quiet_from, other.costs) == (True, time(21), {"effects": 1})
    assert (await admin.post("/v1/capabilities/email/offer")).json() == loud.json()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"quiet_hours": {"begin": "20:00Z", "end": "08:00"}}, "no zone"),
        ({"quiet_hours": {"begin": "20:00", "end": "20:00"}}, "not at the same time"),
        ({"parameters": {"type": 7}}, "no JSON schema"),
        ({"parameters": {"properties": {"to": {"$ref": "#/$defs/address"}}}}, "leads nowhere"),
        ({"parameters": {"$ref": "#"}}, "leads back to itself"),
    ],
    ids=["a zone", "no hours", "no schema", "a dangling ref", "a ref to itself"],
)
async def test_limits_that_can_not_hold_are_refused(change: Any, told: str, admin: httpx.AsyncClient):
    refused = await admin.patch("/v1/capabilities/email", json=change, headers={"If-Match": "*"})
    assert told in problem(refused, 422, "invalid")["detail"]


async def test_a_schema_is_whole_and_nothing_is_fetched_for_it(
    admin: httpx.AsyncClient,
    database: Database,
    ours: Home,
    elsewhere: tuple[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
):
    address, asked = elsewhere
    schema = {"properties": {"to": {"$ref": address}}}
    refused = await admin.patch("/v1/capabilities/crm", json={"parameters": schema}, headers={"If-Match": "*"})
    told = problem(refused, 422, "invalid")
    assert told["detail"] == 'a $ref of the parameters begins with "#": nothing is fetched from elsewhere'
    # One that stands there already, from a time when such were taken.
    monkeypatch.setattr(capabilities, "_check_schema", len)
    async with database.write(ours.operator) as tx:
        await capabilities.change(tx, name="crm", parameters={"$ref": address})
    monkeypatch.undo()
    async with database.read(ours.operator) as tx:
        with pytest.raises(InvalidError, match="leads nowhere"):
            await capabilities.check(tx, capability="crm", arguments={"to": "Jane"})
    assert asked == []
    within = {"$defs": {"who": {"type": "string"}}, "properties": {"to": {"$ref": "#/$defs/who"}}}
    taken = await admin.patch("/v1/capabilities/crm", json={"parameters": within}, headers={"If-Match": "*"})
    assert taken.json()["parameters"] == within
    async with database.read(ours.operator) as tx:
        await capabilities.check(tx, capability="crm", arguments={"to": "Jane"})
        with pytest.raises(InvalidError, match="crm: to: 7 is not of type 'string'"):
            await capabilities.check(tx, capability="crm", arguments={"to": 7})


async def test_accounts_are_added_swapped_and_removed(admin: httpx.AsyncClient, manager: httpx.AsyncClient):
    mail = {"name": "mail", "kind": "smtp", "settings": SERVER, "secret": PASSWORD}
    first = await admin.post("/v1/integrations", json=mail)
    assert (first.status_code, first.json()["has_secret"]) == (201, True)
    problem(await admin.post("/v1/integrations", json=mail), 409, "conflict")
    second = await admin.post("/v1/integrations", json={**mail, "name": "newer"})
    assert (await manager.get(first.headers["location"])).json()["enabled"] is False
    assert (await admin.post(f"{first.headers['location']}/enable")).json()["enabled"] is True
    listed = (await manager.get("/v1/integrations")).json()["items"]
    assert {each["name"]: each["enabled"] for each in listed} == {"mail": True, "newer": False}
    assert (await admin.delete(second.headers["location"])).status_code == 204
    problem(await admin.get(second.headers["location"]), 404, "not-found")
    problem(await admin.post("/v1/integrations", json={**mail, "kind": "maildir"}), 422, "invalid")
    wrong = {**mail, "name": "other", "settings": {**SERVER, "port": 0}}
    assert problem(await admin.post("/v1/integrations", json=wrong), 422, "invalid")["detail"].startswith("port: ")


async def test_a_secret_goes_in_and_comes_out_nowhere(
    admin: httpx.AsyncClient,
    manager: httpx.AsyncClient,
    database: Database,
    ours: Home,
    cluster: "Cluster",
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    made = await admin.post(
        "/v1/integrations",
        json={"name": "mail", "kind": "smtp", "settings": SERVER, "secret": PASSWORD},
        headers={"Idempotency-Key": "once"},
    )
    path = made.headers["location"]
    replaced = await admin.put(f"{path}/secret", json={"secret": NEWER})
    problem(await manager.put(f"{path}/secret", json={"secret": PASSWORD}), 403, "forbidden")
    short = await admin.put(f"{path}/secret", json={"secret": [NEWER]})
    answers = [made, replaced, short, await admin.get(path), await admin.get("/v1/integrations")]
    async with database.write(ours.operator) as tx:
        account = await integrations.find(tx, name="mail")
        opened = await integrations.secret_of(tx, account)
    assert opened is not None
    assert opened.get_secret_value() == NEWER
    printed = capfd.readouterr()
    written = [*(answer.text for answer in answers), caplog.text, printed.out, printed.err]
    assert not [text for text in written if "horse" in text]
    with cluster.admin() as operator:
        kept = operator.execute(
            "SELECT (SELECT count(*) FROM empla.idempotency_keys WHERE tenant_id = %(tenant)s),"
            " (SELECT string_agg(a::text, '') FROM empla.audit_log a WHERE tenant_id = %(tenant)s),"
            " (SELECT count(*) FROM empla.audit_log WHERE tenant_id = %(tenant)s AND action_type = 'integration.secret_replaced')",
            {"tenant": ours.operator.tenant},
        ).fetchone()
    assert kept is not None
    assert (kept[0], kept[2]) == (0, 1)
    assert "horse" not in kept[1]
