"""Whatever goes wrong is a problem of one sentence, with the request's id, and nothing that is nobody's business."""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from calling import Home, Keys, client, problem
from fastapi import FastAPI
from pydantic import SecretStr
from structlog.testing import capture_logs

from empla.access.passwords import LockedOutError
from empla.api import problems
from empla.api.app import NOUNS, create
from empla.api.operations import Noun
from empla.errors import EmplaError, UnavailableError
from empla.sealing import new_key
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import ReadTx
from empla.tenancy.tenants import Tenant


async def test_nobody_comes_in_without_a_credential(app: FastAPI):
    async with client(app) as nobody:
        response = await nobody.get("/v1/employees")
        problem(response, 401, "unauthorized")
        assert response.headers["www-authenticate"] == 'Bearer realm="empla"'
        for sent in ("Bearer", "Bearer ", "Basic abc", "token"):
            problem(await nobody.get("/v1/tenant", headers={"Authorization": sent}), 401, "unauthorized")
        twice = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
        problem(await nobody.get("/v1/tenant", headers=twice), 401, "unauthorized")


async def test_what_is_no_credential_of_ours_opens_nothing(settings: Settings):
    signing = settings.model_copy(update={"secret_keys": SecretStr(new_key())})
    async with opening.opened(signing) as database:
        for sent in ("any", "empla_any", "eyJhbGciOiJub25lIn0.e30."):
            async with client(create(database, signing), sent) as caller:
                problem(await caller.get("/v1/tenant"), 401, "unauthorized")


async def test_an_address_or_a_method_that_is_not_there_says_so(admin: httpx.AsyncClient):
    problem(await admin.get("/v1/nothing"), 404, "nowhere")
    problem(await admin.get("/v1/tenant/"), 404, "nowhere")
    refused = await admin.put("/v1/employees")
    problem(refused, 405, "method")
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    asked = await admin.options(f"/v1/employees/{uuid4()}")
    assert (asked.status_code, asked.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH")


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        (b"{", 400, "malformed"),
        (b'{"name": NaN}', 400, "malformed"),
        (b'{"name": "a", "name": "b"}', 400, "malformed"),
        (b'{"name": "\xff"}', 400, "malformed"),
        (b"[" * 100_000, 400, "malformed"),
        (b'{"metadata": ' + b'{"a":' * 60 + b"1" + b"}" * 60 + b"}", 400, "malformed"),
        (b'{"name": "\\u0000"}', 400, "malformed"),
        (b"[]", 422, "invalid"),
        (b"3", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b"", 422, "invalid"),
    ],
    ids=["cut", "nan", "double", "bytes", "deep", "deep-inside", "nul", "list", "number", "null", "empty"],
)
async def test_a_body_that_is_no_object_is_told_in_a_sentence(
    manager: httpx.AsyncClient, body: bytes, status: int, name: str
):
    response = await manager.post("/v1/employees", content=body, headers={"Content-Type": "application/json"})
    problem(response, status, name)


async def test_each_fault_is_pointed_at_and_no_value_is_repeated(manager: httpx.AsyncClient):
    sent = {"name": "", "role": "spy-0815", "email": 7, "config": {"working_hours": {"timezone": "Mars", "start": "9"}}}
    told = problem(await manager.post("/v1/employees", json=sent), 422, "invalid")
    pointers = [fault["pointer"] for fault in told["errors"]]
    assert {"#/name", "#/role", "#/email"} <= set(pointers)
    assert any(pointer.startswith("#/config/working_hours") for pointer in pointers)
    assert told["detail"].startswith("name must not be empty, and ")
    assert "spy-0815" not in json.dumps(told)


async def test_a_body_of_another_kind_is_refused(manager: httpx.AsyncClient):
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = await manager.post("/v1/employees", content=b"name=Riley", headers={"Content-Type": kind})
        problem(response, 415, "media-type")


async def test_a_parameter_that_is_wrong_or_unknown_is_named(manager: httpx.AsyncClient):
    told = problem(await manager.get("/v1/employees", params={"limit": "0"}), 422, "invalid")
    assert told["detail"] == "limit must be greater than or equal to 1"
    told = problem(await manager.get("/v1/employees", params={"staus": "active"}), 400, "malformed")
    assert told["detail"] == "the query has 'staus', which is not known here"
    told = problem(await manager.get("/v1/employees/jordan"), 422, "invalid")
    assert told["errors"] == [{"pointer": "employee", "detail": "employee must be an id (a UUID)"}]


def breaking(error: Exception) -> tuple[Noun, ...]:
    noun = Noun("broken", about="What goes wrong.")

    @noun.reads("/broken", "read", summary="It breaks", scope="read")
    async def read(tx: ReadTx) -> Tenant:
        del tx
        raise error

    del read
    return (noun,)


Broken = Callable[[Exception], Awaitable[httpx.Response]]


@pytest.fixture
def broken(database: Database, settings: Settings, keys: Keys, ours: Home) -> Broken:
    async def ask(error: Exception) -> httpx.Response:
        app = create(database, settings, door=keys.door, nouns=breaking(error))
        async with client(app, keys.give(ours.guest("admin"))) as caller:
            return await caller.get("/v1/broken")

    return ask


async def test_a_defect_is_told_to_the_log_alone(broken: Broken):
    with capture_logs() as logs:
        response = await broken(RuntimeError("password=hunter2 SELECT * FROM users"))
    told = problem(response, 500, "defect")
    assert "hunter2" not in response.text
    assert "SELECT" not in response.text
    (noted,) = [line for line in logs if line["event"] == "defect"]
    assert noted["request_id"] == told["instance"]


async def test_where_the_database_is_nobody_learns(broken: Broken):
    response = await broken(UnavailableError("no connection to db.internal:5432/empla (EMPLA_DATABASE_URL)"))
    problem(response, 503, "unavailable")
    assert "internal" not in response.text
    assert response.headers["retry-after"] == "5"


def leaves(kind: type[EmplaError]) -> list[type[EmplaError]]:
    return [kind, *(leaf for below in kind.__subclasses__() for leaf in leaves(below))]


def test_every_error_of_ours_has_a_status():
    for kind in leaves(EmplaError):
        error = LockedOutError(datetime.now(UTC)) if kind is LockedOutError else kind("a sentence")
        assert 400 <= problems.sort_of(error).status < 600
    told = problems.problem(LockedOutError(datetime.now(UTC) + timedelta(seconds=90)), request_id="-")
    assert (told.status_code, told.headers["retry-after"]) == (429, "90")


async def test_a_request_id_is_taken_when_it_is_a_word_and_made_when_not(admin: httpx.AsyncClient):
    taken = await admin.get("/v1/tenant", headers={"X-Request-ID": "order-4711.retry_2"})
    assert taken.headers["x-request-id"] == "order-4711.retry_2"
    for sent in ("short", "a" * 65, "two words", "x\ty-zzzzzzz", "<script>alert</script>"):
        made = (await admin.get("/v1/tenant", headers={"X-Request-ID": sent})).headers["x-request-id"]
        assert made != sent
        assert len(made) == 32


async def test_the_log_has_a_line_for_each_request_and_no_word_of_what_was_asked(admin: httpx.AsyncClient, ours: Home):
    with capture_logs() as logs:
        await admin.get("/v1/employees", params={"status": "active"})
        await admin.get("/v1/secret-path-0815?token=hunter2")
    asked, lost = logs
    expected: dict[str, Any] = {"operation": "employees.list", "status": 200, "tenant": str(ours.operator.tenant)}
    assert expected.items() <= asked.items()
    assert (lost["operation"], lost["status"]) == ("none", 404)
    assert not any(word in json.dumps(logs) for word in ("hunter2", "0815", "Bearer", "active"))


async def test_every_answer_has_the_headers_that_protect(admin: httpx.AsyncClient):
    for response in (await admin.get("/v1/tenant"), await admin.get("/v1/nothing"), await admin.get("/healthz")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert "no-" in response.headers["cache-control"]
        assert "strict-transport-security" not in response.headers
        assert "server" not in response.headers


async def test_head_is_get_without_the_body(admin: httpx.AsyncClient):
    head, got = await admin.head("/v1/tenant"), await admin.get("/v1/tenant")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == got.headers["etag"]
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_no_page_of_another_origin_may_call_unless_a_setting_names_it(
    database: Database, settings: Settings, keys: Keys, admin: httpx.AsyncClient
):
    asking = {"Origin": "https://app.acme.example", "Access-Control-Request-Method": "GET"}
    assert "access-control-allow-origin" not in (await admin.options("/v1/tenant", headers=asking)).headers
    named = settings.model_copy(update={"api_origins": "https://app.acme.example, https://other.example"})
    async with client(create(database, named, door=keys.door)) as caller:
        allowed = await caller.options("/v1/tenant", headers=asking)
        assert allowed.headers["access-control-allow-origin"] == "https://app.acme.example"
        refused = await caller.options("/v1/tenant", headers={**asking, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in refused.headers


async def test_what_a_caller_sends_never_becomes_a_header(manager: httpx.AsyncClient):
    email = f"riley.{uuid4().hex[:8]}@acme.example"
    sent = {"name": "Riley\r\nSet-Cookie: a=b", "role": "pm", "email": email}
    response = await manager.post("/v1/employees", json=sent)
    assert "set-cookie" not in response.headers
    listed = await manager.get("/v1/employees?limit=1&status=active&sort=email")
    assert "\n" not in listed.headers["link"]


def test_the_page_tells_of_every_problem_every_operation_and_every_setting():
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    for sort in problems.sorts():
        assert re.search(rf"\| {sort.status} \| [^|]*`{sort.name}`", page), sort
    for noun in NOUNS:
        verbs = [operation.name.partition(".")[2] for operation in noun.operations]
        assert f"| {noun.name} | {', '.join(f'`{verb}`' for verb in verbs)} |" in page
    told = {f"EMPLA_{name.upper()}" for name in Settings.model_fields if name.startswith("api_")}
    assert told - {"EMPLA_API_HOST", "EMPLA_API_PORT"} <= set(re.findall(r"EMPLA_API_\w+", page))
