"""The OpenAPI is whole and true: whatever it allows to be sent is answered as it says, and never with a defect."""

import itertools
import json
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import SecretStr
from serving import Served, served

from empla.api.app import NOUNS
from empla.api.operations import Operation
from empla.sealing import new_key
from empla.settings import Settings

OPERATIONS = {operation.name: operation for noun in NOUNS for operation in noun.operations}
# Their types are not whole.
_general: Any = import_module("schemathesis.checks")
_openapi: Any = import_module("schemathesis.specs.openapi.checks")
CHECKS: list[Any] = [
    _general.not_a_server_error,
    _openapi.content_type_conformance,
    _openapi.response_headers_conformance,
    _openapi.response_schema_conformance,
    _openapi.status_code_conformance,
]
# For each operation and role: the whole file is to take less than a minute. A manager is an admin but for what admins alone may do, and
# whoever may not do something is refused before anything is parsed.
EXAMPLES = {"admin": 5, "manager": 2, "user": 5}
REFUSED = 1


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Served]:
    cluster = request.getfixturevalue("cluster")
    urls = {"database_url": cluster.url("app"), "worker_database_url": cluster.url("worker")}
    own = Settings(**urls, pool_size=2, api_rate=1_000_000, api_address_rate=1_000_000, api_stream_life=0.05)
    with served(own.model_copy(update={"secret_keys": SecretStr(new_key())})) as found:
        yield found


@pytest.fixture(scope="module")
def schema(server: Served) -> Any:
    return schemathesis.openapi.from_url(f"{server.url}/v1/openapi.json")


# The server's thread draws lots meanwhile, which looks as if a strategy did.
@pytest.mark.filterwarnings("ignore:Do not use the .random. module inside strategies")
@pytest.mark.parametrize("role", EXAMPLES)
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_whatever_is_sent_is_answered_as_the_openapi_says(name: str, role: Any, server: Served, schema: Any):
    home = server.ours
    assert home is not None
    headers = {"Authorization": f"Bearer {server.keys.give(home.guest(role))}"}
    operation = OPERATIONS[name]
    turn = itertools.count()
    examples = EXAMPLES[role] if role in operation.roles else REFUSED

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=schema[operation.path][operation.method].as_strategy())
    def holds(case: Any) -> None:
        # Half of what is asked is about what is there.
        if next(turn) % 2 and case.path_parameters and operation.method != "DELETE":
            there = {"employee": str(home.own), "user": str(home.people["user"])}
            case.path_parameters.update({name: there[name] for name in there if name in case.path_parameters})
        case.call_and_validate(headers=headers, checks=CHECKS)

    holds()


def described(app: FastAPI) -> Iterator[tuple[Operation, dict[str, Any]]]:
    paths = app.openapi()["paths"]
    for operation in OPERATIONS.values():
        yield operation, paths[operation.path][operation.method.lower()]


def test_every_operation_is_described_with_examples(app: FastAPI):
    for operation, told in described(app):
        assert told["operationId"] == operation.name.replace(".", "_")
        assert told["summary"]
        assert not told["summary"].endswith(".")
        assert told["description"].startswith(operation.handler.__doc__ or "?")
        done = told["responses"][str(operation.status)]
        if operation.streams:
            assert done["content"] == {
                "text/event-stream": {"schema": {"type": "string"}, "example": operation.example}
            }
        elif operation.status != 204:
            assert operation.answer.model_validate(done["content"]["application/json"]["example"])
        if "requestBody" in told:
            assert done.get("content") is None or operation.sends is not None
            assert told["requestBody"]["content"]["application/json"]["example"] == operation.sends


def test_every_operation_tells_its_problems(app: FastAPI):
    for operation, told in described(app):
        refused = {int(status) for status in told["responses"] if int(status) >= 400}
        assert {400, 422, 429, 500, 503} <= refused
        assert (operation.scope is None) or {401, 403} <= refused
        assert ("{" in operation.path) <= (404 in refused)
        for status in refused:
            content = told["responses"][str(status)]["content"]
            assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


# A question changes nothing; a password is hashed between two transactions; of a secret no digest is kept.
UNKEYED = {"recall.ask", "password.change", "integrations.add"}


def test_every_post_takes_an_idempotency_key_and_every_patch_if_match(app: FastAPI):
    for operation, told in described(app):
        headers = {each["name"] for each in told.get("parameters", ()) if each["in"] == "header"}
        # Before anybody is let in there is nobody whose key it could be.
        unkeyed = operation.scope is None or operation.name in UNKEYED
        assert ("Idempotency-Key" in headers) == (operation.method == "POST" and not unkeyed)
        assert ("If-Match" in headers) == (operation.method == "PATCH")


def test_the_document_refers_to_nothing_that_is_not_in_it(app: FastAPI):
    document = app.openapi()
    schemas = document["components"]["schemas"]
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert referred - set(schemas) == set()
    assert "HTTPValidationError" not in schemas


async def test_the_document_is_there_without_a_credential(app: FastAPI):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://empla.test") as nobody:
        assert (await nobody.get("/v1/openapi.json")).json()["info"]["title"] == "empla"
        assert (await nobody.get("/docs")).status_code == 404
