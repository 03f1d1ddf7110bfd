"""The HTTP API as an application: made by a call, from an open database and the settings; there are no globals."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import empla
from empla.access.doors import by_token
from empla.api import (
    approvals,
    assignments,
    audit,
    beliefs,
    budgets,
    capabilities,
    conversations,
    employees,
    episodes,
    events,
    facts,
    goals,
    hooks,
    integrations,
    intentions,
    keys,
    links,
    me,
    memory,
    notices,
    observations,
    operations,
    outbox,
    passwords,
    performance,
    playbooks,
    probes,
    problems,
    recall,
    service_accounts,
    sign_ins,
    tenant,
    users,
    working,
)
from empla.api.asking import asking
from empla.api.doors import Door
from empla.api.frame import Frame
from empla.api.limits import Rates
from empla.api.metrics import Metrics
from empla.api.operations import PREFIX, House, Noun, Operation
from empla.api.problems import Problem
from empla.api.streams import EVENT_STREAM, Streams
from empla.errors import EmplaError
from empla.mind import mail_resets
from empla.settings import Settings
from empla.storage.database import Database

# One file for each; a noun that is not named here has no routes.
NOUNS: tuple[Noun, ...] = (
    *(sign_ins.noun, passwords.noun, links.noun, me.noun),
    *(keys.noun, service_accounts.noun, tenant.noun, users.noun),
    *(assignments.noun, employees.noun, goals.noun, beliefs.noun),
    *(intentions.noun, playbooks.noun, episodes.noun, facts.noun),
    *(working.noun, recall.noun, memory.noun, observations.noun),
    *(hooks.noun, conversations.noun, events.noun, approvals.noun),
    *(outbox.noun, notices.noun, budgets.noun),
    *(capabilities.noun, integrations.noun),
    *(audit.noun, performance.noun),
)
_ABOUT = (
    "Digital employees with a mind and a memory. Every request but the few that need no credential is made as whoever the credential "
    "names, in his tenant; errors are problems (RFC 9457) of one sentence."
)
_EXPOSED = [
    "ETag",
    "Link",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-ID",
]
_TAKEN = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-ID",
]
_METHOD_NOT_ALLOWED = 405
# What stands beside the app while it runs: a listener, a worker.
Beside = Callable[[], AbstractAsyncContextManager[object]]


def create(
    database: Database,
    settings: Settings,
    *,
    door: Door = by_token,
    nouns: Sequence[Noun] = NOUNS,
    beside: Sequence[Beside] = (),
) -> FastAPI:
    """An application over an open database. `door` makes a principal of a credential.

    Raises `UsageError` for a mail server that is none, so that it is not found out when somebody has forgotten a password.
    """
    mail_resets.installation(settings)
    figures = Metrics(database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            for each in beside:
                await stack.enter_async_context(each())
            yield

    app = FastAPI(
        title="empla",
        version=empla.__version__,
        description=_ABOUT,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        openapi_tags=[{"name": noun.name, "description": noun.about} for noun in nouns],
    )
    streams = Streams(each=settings.api_streams_each, most=settings.api_streams, listeners=figures.listeners.set)
    house = House(database, settings, door, Rates(settings.api_rate), streams)
    operations.mount(app, house, nouns)
    probes.mount(app, database, settings, figures)
    app.state.house = house
    _tell_problems(app)
    app.openapi = lambda: _openapi(app, house)
    origins = [origin.strip() for origin in settings.api_origins.split(",") if origin.strip()]
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=_TAKEN,
            expose_headers=_EXPOSED,
            max_age=600,
        )
    app.add_middleware(Frame, settings=settings, metrics=figures)
    return app


def _tell_problems(app: FastAPI) -> None:
    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, EmplaError)  # noqa: S101 — for the type; starlette hands over what was asked for
        return problems.problem(error, request_id=asking(request.scope).id)

    async def unreadable(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        faults = problems.faults_of(error.errors())
        return problems.problem(problems.invalid(faults), request_id=asking(request.scope).id, faults=faults)

    async def theirs(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        headers = dict(error.headers or {})
        if error.status_code == _METHOD_NOT_ALLOWED:
            headers["Allow"] = _allowed(app, request)
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=headers)
        told = problems.of_status(error.status_code, str(error.detail))
        return problems.problem(told, request_id=asking(request.scope).id, headers=headers)

    app.add_exception_handler(EmplaError, ours)
    app.add_exception_handler(RequestValidationError, unreadable)
    app.add_exception_handler(HTTPException, theirs)


def _allowed(app: FastAPI, request: Request) -> str:
    """The methods of this address, which may be spread over several routes."""
    methods: set[str] = {
        method
        for route in app.routes
        if isinstance(route, Route) and route.path_regex.match(request.url.path)
        for method in route.methods or ()
    }
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set[str]()) | {"OPTIONS"}))


def _openapi(app: FastAPI, house: House) -> dict[str, Any]:
    """Made once. The frameworks know neither our problems nor how one signs in."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        components = schema.setdefault("components", {})
        shapes = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        components.setdefault("schemas", {}).update({**shapes.pop("$defs", {}), "Problem": shapes})
        components["securitySchemes"] = {
            "credential": {
                "type": "http",
                "scheme": "bearer",
                "description": "An access token of a sign-in, or an API key.",
            }
        }
        for operation in house.opened.values():
            _show(schema["paths"][operation.path][operation.method.lower()], operation)
        app.openapi_schema = schema
    return app.openapi_schema


def _show(told: dict[str, Any], operation: Operation) -> None:
    """Its examples; FastAPI would drop what is null in them."""
    kind = EVENT_STREAM if operation.streams else "application/json"
    answered = told["responses"][str(operation.status)].get("content", {}).get(kind)
    if answered is not None and operation.example is not None:
        answered["example"] = operation.example
    if operation.sends is not None:
        told["requestBody"]["content"]["application/json"]["example"] = operation.sends
