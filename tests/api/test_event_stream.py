"""The live stream, as it is run: resumed without gap or repetition, by right, and at the cost of nobody else."""

import asyncio
import json
import os
import resource
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from calling import problem
from serving import Served, served

from empla.access import keys as keyring
from empla.employees import employees
from empla.observability.events import BEGINNING
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller

if TYPE_CHECKING:
    from tests.conftest import Cluster

LISTENERS = 500
IS_PATIENT = int(os.environ.get("EMPLA_TEST_PATIENCE", "1")) > 1
PATIENCE = 1.0  # seconds that a client may read nothing


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Served]:
    cluster = request.getfixturevalue("cluster")
    settings = Settings(
        database_url=cluster.url("app"),
        worker_database_url=cluster.url("worker"),
        pool_size=2,
        api_rate=1_000_000,
        api_address_rate=1_000_000,
        api_streams=LISTENERS + 1,
        api_streams_each=LISTENERS,
        api_heartbeat=0.2,
        api_send_timeout=PATIENCE,
    )
    with served(settings) as found:
        yield found


@pytest.fixture
def token(server: Served) -> str:
    assert server.ours is not None
    return server.keys.give(server.ours.guest("manager"))


def asked(client: socket.socket, token: str, path: str = "/v1/events", **headers: str) -> None:
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: empla\r\nAuthorization: Bearer {token}\r\n{more}\r\n".encode())


def until(client: socket.socket, wanted: bytes) -> bytes:
    found = b""
    while wanted not in found:
        chunk = client.recv(65_536)
        assert chunk, f"it ended before {wanted!r}: {found!r}"
        found += chunk
    return found


def pause(server: Served, token: str, *, times: int = 1, who: str = "own") -> None:
    """Each tells of something: it pauses, or works again."""
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}) as client:
        for time_ in range(times):
            verb = "pause" if time_ % 2 == 0 else "resume"
            assert client.post(f"/v1/employees/{getattr(server.ours, who)}/{verb}").status_code == 200


def told(server: Served, token: str, most: int, **how: Any) -> list[dict[str, Any]]:
    """So many events of a stream, one after the other."""
    found: list[dict[str, Any]] = []
    with (
        httpx.Client(base_url=server.url, timeout=10) as client,
        client.stream(
            "GET", "/v1/events", headers={"Authorization": f"Bearer {token}", **how.pop("headers", {})}, **how
        ) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                if len(found) == most:
                    break
    return found


def recent(server: Served, token: str, **params: Any) -> dict[str, Any]:
    found = httpx.get(f"{server.url}/v1/events/recent", headers={"Authorization": f"Bearer {token}"}, params=params)
    assert found.status_code == 200, found.text
    return found.json()


def mark(server: Served, token: str) -> str:
    """The id of an event that all who write now come behind: of somebody who is hired. It is seen once older transactions have ended."""
    name = f"R{uuid4().hex[:12]}"
    sent = {"name": name, "role": "custom", "email": f"{name}@acme.example"}
    hired = httpx.post(f"{server.url}/v1/employees", json=sent, headers={"Authorization": f"Bearer {token}"})
    assert hired.status_code == 201, hired.text
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for each in recent(server, token)["items"]:
            if each["employee"] == name:
                return each["id"]
        time.sleep(0.02)
    raise AssertionError("nobody was told of who was hired")


def test_whoever_comes_again_misses_nothing_and_gets_nothing_twice(server: Served, token: str):
    assert server.ours is not None
    before = mark(server, token)
    pause(server, token, times=6)
    whole = told(server, token, 6, params={"after": before})
    assert len({each["id"] for each in whole}) == 6
    first = told(server, token, 2, params={"after": before})
    rest = told(server, token, 4, headers={"Last-Event-ID": first[-1]["id"]})
    assert first + rest == whole
    assert [each["id"] for each in recent(server, token, limit=6)["items"]] == [each["id"] for each in reversed(whole)]
    page = recent(server, token, limit=3)
    assert recent(server, token, limit=3, cursor=page["next_cursor"])["items"] == list(reversed(whole))[3:]
    narrowed = recent(server, token, kinds="goal.adopted", employee=str(server.ours.own))
    assert narrowed == {"items": [], "next_cursor": None}


def test_what_is_no_id_is_told_before_the_stream(server: Served, token: str):
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}) as client:
        problem(client.get("/v1/events", params={"after": "x"}), 422, "invalid")
        problem(client.get("/v1/events", params={"afterr": "x"}), 400, "malformed")
        problem(client.get("/v1/events", params={"after": f"9223372036854775807-{0:032}"}), 409, "conflict")


def test_a_user_is_told_of_whom_he_looks_after_alone(server: Served, token: str):
    assert server.ours is not None
    user = server.keys.give(server.ours.guest("user"))
    before = mark(server, token)
    pause(server, token, times=2, who="colleague")
    pause(server, token, times=2)
    assert {each["employee_id"] for each in told(server, user, 2, params={"after": before})} == {str(server.ours.own)}


def test_five_hundred_listen_over_one_connection_and_one_who_never_reads_harms_nobody(
    server: Served, token: str, cluster: "Cluster"
):
    assert server.ours is not None
    deaf = server.connected(receive_buffer=2048)
    asked(deaf, token)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    listeners = [server.connected() for _ in range(LISTENERS - 1)]
    try:
        for each in listeners:
            asked(each, token, f"/v1/events?employee={server.ours.own}")
        for each in listeners:
            until(each, b"\n\n\r\n")
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 150_000, "kilobytes"  # both ends of all connections are in this process
        with cluster.admin() as admin:
            listening = admin.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            ).fetchone()
        assert listening == (1,)
        with httpx.Client(base_url=server.url) as client:
            assert f"empla_listeners {LISTENERS:.1f}" in client.get("/metrics").text
            refused = client.get("/v1/events", headers={"Authorization": f"Bearer {token}"})
        assert problem(refused, 429, "rate")["detail"] == f"you may have {LISTENERS} streams open at once: close one"
        pause(server, token)
        for each in listeners:
            assert b"Jordan is paused" in until(each, b"is paused").replace(b"jordan", b"Jordan")
    finally:
        for each in (*listeners, deaf):
            each.close()
    assert left(server) == 0


async def test_the_stream_of_a_key_that_is_revoked_ends(server: Served, token: str, database: Database):
    assert server.ours is not None
    admin = Caller(server.ours.operator.tenant, user=server.ours.people["admin"])
    async with database.write(admin) as tx:
        key = await keyring.create(tx, user=server.ours.people["admin"], name="listens", scopes=["read"])
    with server.connected() as client:
        asked(client, server.keys.give(keyring.principal(key.text)))
        until(client, b"id: ")
        pause(server, token, times=2)
        until(client, b"employee.status")
        async with database.write(admin) as tx:
            await keyring.revoke(tx, key=key.key.id)
        pause(server, token, times=2)
        found = b""
        while chunk := client.recv(65_536):
            found += chunk
            if found.endswith(b"0\r\n\r\n"):
                break
        assert b"is paused" not in found
    assert left(server) == 0


@pytest.mark.skipif(not IS_PATIENT, reason="ten thousand events take half a minute: EMPLA_TEST_PATIENCE=2 has the time")
async def test_a_client_that_never_reads_is_cut_off(server: Served, token: str, database: Database):
    assert server.ours is not None
    async with database.write(server.ours.operator) as tx:
        for _ in range(5000):
            await employees.pause(tx, employee=server.ours.own)
            await employees.resume(tx, employee=server.ours.own)
    deaf = server.connected(receive_buffer=2048)
    asked(deaf, token, f"/v1/events?after={BEGINNING}")
    await asyncio.sleep(0.3)
    assert told(server, token, 1, params={"after": BEGINNING}), "others are answered meanwhile"
    assert left(server) == 0, "though it is still connected"
    deaf.close()


def left(server: Served) -> float:
    """How many streams are open, once nobody is gone who was not noticed yet."""
    end = time.monotonic() + 10
    while True:
        with httpx.Client(base_url=server.url) as client:
            [line] = [each for each in client.get("/metrics").text.splitlines() if each.startswith("empla_listeners ")]
        count = float(line.split()[1])
        if not count or time.monotonic() > end:
            return count
        time.sleep(0.1)
