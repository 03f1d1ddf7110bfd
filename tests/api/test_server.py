"""Clients that send slowly, read nothing or speak no HTTP cost a connection for a while, and nobody else anything."""

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from serving import Served, served

from empla.settings import Settings

PATIENCE = 0.4  # seconds


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Served]:
    cluster = request.getfixturevalue("cluster")
    settings = Settings(
        database_url=cluster.url("app"),
        worker_database_url=cluster.url("worker"),
        pool_size=2,
        api_head_timeout=PATIENCE,
        api_body_timeout=PATIENCE,
        api_send_timeout=PATIENCE,
        api_keep_alive=1,
        api_max_connections=200,
        api_rate=100_000,
        api_address_rate=100_000,
    )
    with served(settings) as found:
        yield found


@pytest.fixture
def token(server: Served) -> str:
    assert server.ours is not None
    return server.keys.give(server.ours.guest("manager"))


def rest(client: socket.socket) -> bytes:
    """All that comes until the other side ends it."""
    found = b""
    while chunk := client.recv(65_536):
        found += chunk
    return found


def head(token: str, line: str = "GET /v1/employees HTTP/1.1") -> bytes:
    return f"{line}\r\nHost: empla\r\nAuthorization: Bearer {token}\r\n".encode()


def test_it_answers(server: Served, token: str):
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}) as client:
        for _ in range(3):
            assert client.get("/v1/employees").status_code == 200
        answered = client.get("/v1/tenant")
        assert "server" not in answered.headers
        assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize("sent", [b"", b"GET /v1/ten", b"GET /v1/tenant HTTP/1.1\r\nHost: em"])
def test_a_head_that_does_not_come_ends_the_connection(server: Served, sent: bytes):
    with server.connected() as client:
        client.sendall(sent)
        started = time.monotonic()
        assert rest(client) == b""
        assert time.monotonic() - started < 8


def test_a_second_head_that_does_not_come_ends_it_too(server: Served, token: str):
    with server.connected() as client:
        client.sendall(head(token) + b"\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /v1/te")
        assert b"HTTP/1.1" not in rest(client)


def is_ended(client: socket.socket, sent: bytes, *, at_once: int) -> bool:
    """Whether the other side ends it while so much is sent at a time, and nothing read."""
    started = time.monotonic()
    try:
        while time.monotonic() - started < 9:
            for place in range(0, len(sent), at_once):
                client.sendall(sent[place : place + at_once])
                time.sleep(0.01)
    except ConnectionError:
        return True
    return False


def test_a_head_that_comes_a_byte_at_a_time_comes_too_slowly(server: Served, token: str):
    with server.connected() as client:
        assert is_ended(client, head(token), at_once=1)


def test_a_body_that_does_not_come_is_told_and_ended(server: Served, token: str):
    with server.connected() as client:
        client.sendall(
            head(token, "POST /v1/employees HTTP/1.1")
            + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        answer = rest(client)
    assert answer.startswith(b"HTTP/1.1 408")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "urn:empla:problem:slow"


def test_a_client_that_never_reads_is_let_go(server: Served, token: str):
    asked = head(token, "GET /v1/openapi.json HTTP/1.1") + b"\r\n"
    with server.connected(receive_buffer=2048) as client:
        assert is_ended(client, asked, at_once=len(asked))
    test_it_answers(server, token)


@pytest.mark.parametrize(
    ("sent", "status", "name"),
    [
        (b"HELLO\r\n\r\n", 400, "malformed"),
        (b"GET /v1/tenant HTTP/1.1\r\n\r\n", 400, "malformed"),
        (b"GET /v1/tenant HTTP/1.1\r\nHost: a\r\nX-A: a\x00b\r\n\r\n", 400, "malformed"),
        (b"GET /v1/tenant HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "malformed"),
        (b"GET /v1/tenant HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 40_000, 431, "head-too-large"),
    ],
    ids=["no-http", "no-host", "nul", "two-lengths", "long"],
)
def test_what_is_no_request_is_a_problem(server: Served, sent: bytes, status: int, name: str):
    with server.connected() as client:
        client.sendall(sent)
        answer = rest(client)
    assert answer.startswith(f"HTTP/1.1 {status}".encode())
    told = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert told["type"] == f"urn:empla:problem:{name}"


def test_many_idle_clients_do_not_keep_one_from_being_answered(server: Served, token: str):
    idle = [server.connected() for _ in range(100)]
    try:
        test_it_answers(server, token)
    finally:
        for each in idle:
            each.close()
