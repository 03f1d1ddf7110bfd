"""A route is an operation with a name: parse → call → answer. Here is all that they share, so that none of them says it again.

A noun's file declares its operations; each takes a transaction (`tx`), entered as whoever asks and committed before the answer is sent,
or a `desk` where it chooses its own. What stands in a declaration is what the door checks, what the OpenAPI shows and what the decision
table of the tests is made from.
"""

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast, get_type_hints
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from empla.access import idempotency
from empla.access.sign_ins import Client
from empla.api import openapi
from empla.api.asking import asking
from empla.api.doors import EVERYBODY, Desk, Door, Principal, Role, bearer
from empla.api.etags import Seen, etag, is_known
from empla.api.limits import Rates, body_of
from empla.api.limits import house as house_of
from empla.api.openapi import MAX_KEY, NO_CONTENT
from empla.api.paging import Page
from empla.api.problems import (
    BusyError,
    MalformedError,
    MediaTypeError,
    TookTooLongError,
    TooManyError,
)
from empla.api.streams import EventStream, Opened, Streams
from empla.errors import InvalidError
from empla.settings import Settings
from empla.shapes import read_json
from empla.storage.database import Database
from empla.storage.tx import Caller, ReadTx, Tx

PREFIX = "/v1"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler = TypeVar("Handler", bound=Callable[..., Any])
# What the wrapper hands in, and no caller sends.
_OURS = frozenset({"tx", "desk", "seen", "client", "behind", "request"})


class Behind:
    """What is done once the transaction is committed, and before which nobody waits: by the database, as whoever asked."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._work: list[Callable[[Database, Caller], None]] = []

    def do(self, work: Callable[[Database, Caller], None]) -> None:
        """Unless the transaction fails."""
        self._work.append(work)

    def begin(self, desk: Desk) -> None:
        """It is committed."""
        for work in self._work:
            work(desk.database, desk.caller)


class Body(BaseModel):
    """What a request sends: what is not known is refused, so nobody sets what he may not by guessing its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What is declared of a route."""

    name: str  # noun.verb
    noun: str
    method: Method
    path: str
    summary: str
    handler: Callable[..., Awaitable[Any]]
    scope: str | None  # None: no credential is asked for
    roles: frozenset[Role]
    writes: bool
    status: int
    answer: Any  # the type that is answered
    example: JsonValue
    sends: JsonValue  # an example of the body
    location: str | None  # of what was made, with its fields in braces
    keyed: bool  # takes an Idempotency-Key
    secret: bool  # its answer is written down nowhere
    streams: bool
    refusals: tuple[int, ...]

    @property
    def matched(self) -> bool:
        """It takes If-Match."""
        return self.takes("seen")

    def takes(self, what: str) -> bool:
        """Whether its handler is handed this."""
        return what in inspect.signature(self.handler).parameters


class Noun:
    """The operations of one noun, in the order of their declaration."""

    def __init__(self, name: str, *, about: str) -> None:
        """Its name is the first half of its operations' names and of their scopes."""
        self.name = name
        self.about = about
        self.operations: list[Operation] = []

    def reads(self, path: str, verb: str, *, summary: str, **declared: Any) -> Callable[[Handler], Handler]:
        """GET; HEAD comes with it, and If-None-Match."""
        return self.declares("GET", path, verb, summary=summary, writes=False, **declared)

    def makes(self, path: str, verb: str, *, summary: str, **declared: Any) -> Callable[[Handler], Handler]:
        """POST that answers 201 with what was made, and where it is."""
        return self.declares("POST", path, verb, summary=summary, status=201, **declared)

    def acts(self, path: str, verb: str, *, summary: str, **declared: Any) -> Callable[[Handler], Handler]:
        """POST that does something to what is there."""
        return self.declares("POST", path, verb, summary=summary, **declared)

    def changes(self, path: str, verb: str, *, summary: str, **declared: Any) -> Callable[[Handler], Handler]:
        """PATCH: what is sent is so from now on, the rest stays. With `seen` it asks for If-Match."""
        return self.declares("PATCH", path, verb, summary=summary, **declared)

    def puts(self, path: str, verb: str, *, summary: str, **declared: Any) -> Callable[[Handler], Handler]:
        """PUT: so it is from now on, however often it is sent."""
        return self.declares("PUT", path, verb, summary=summary, **declared)

    def removes(self, path: str, verb: str, *, summary: str, **declared: Any) -> Callable[[Handler], Handler]:
        """DELETE, which answers nothing."""
        return self.declares("DELETE", path, verb, summary=summary, status=NO_CONTENT, **declared)

    def declares(
        self,
        method: Method,
        path: str,
        verb: str,
        *,
        summary: str,
        scope: str | None = "",
        roles: frozenset[Role] = EVERYBODY,
        writes: bool = True,
        status: int = 200,
        example: JsonValue = None,
        sends: JsonValue = None,
        location: str | None = None,
        keyed: bool | None = None,
        secret: bool = False,
        streams: bool = False,
        refusals: Sequence[int] = (),
    ) -> Callable[[Handler], Handler]:
        """Everything of it. The scope is `noun:read` or `noun:write` unless it is said; None asks for no credential, ANY for any."""

        def declared(handler: Handler) -> Handler:
            hints = get_type_hints(handler, include_extras=True)
            self.operations.append(
                Operation(
                    name=f"{self.name}.{verb}",
                    noun=self.name,
                    method=method,
                    path=PREFIX + path,
                    summary=summary,
                    handler=handler,
                    scope=f"{self.name}:{'write' if writes else 'read'}" if scope == "" else scope,
                    roles=roles,
                    writes=writes,
                    status=status,
                    answer=None if status == NO_CONTENT else hints.get("return"),
                    example=example,
                    sends=sends,
                    location=location,
                    keyed=(method == "POST" and "tx" in hints) if keyed is None else keyed,
                    secret=secret,
                    streams=streams,
                    refusals=tuple(refusals),
                )
            )
            return handler

        return declared


@dataclass
class House:
    """What the routes of one app share."""

    database: Database
    settings: Settings
    door: Door
    rates: Rates
    streams: Streams
    busy: int = 0  # requests that are being answered
    opened: dict[str, Operation] = field(default_factory=dict[str, Operation])


def mount(app: FastAPI, house: House, nouns: Sequence[Noun]) -> None:
    """The operations of the nouns are routes of the app."""
    for noun in nouns:
        for operation in noun.operations:
            if operation.name in house.opened:
                raise ValueError(f"there are two operations {operation.name}")
            house.opened[operation.name] = operation
            app.router.add_api_route(
                operation.path,
                _endpoint(operation, house),
                methods=[operation.method],
                name=operation.name,
                operation_id=operation.name.replace(".", "_"),
                summary=operation.summary,
                description=openapi.description(operation),
                tags=[operation.noun],
                status_code=operation.status,
                response_model=operation.answer if openapi.is_documented(operation.answer) else None,
                response_class=EventStream if operation.streams else JSONResponse,
                responses=openapi.answers(operation),
                openapi_extra=openapi.additions(operation),
                route_class_override=_route_class(operation, house),
            )


def _route_class(operation: Operation, house: House) -> type[APIRoute]:
    """A route that knows its operation, and lets nobody near the body before the door has looked."""

    class Route(APIRoute):
        declared = operation

        def get_route_handler(self) -> Callable[[Request], Any]:
            parse = super().get_route_handler()
            takes_body = self.body_field is not None
            known = _query_names(self)

            async def handle(request: Request) -> Response:
                asking(request.scope).operation = operation.name
                if operation.streams:
                    await _let_in(request, operation, house)
                    _check_query(request, known)
                    return await parse(request)
                if house.busy >= house.settings.api_max_requests:
                    raise BusyError("as many requests as can be are being answered: try again in a moment")
                house.busy += 1
                limit = asyncio.timeout(house.settings.api_timeout)
                try:
                    async with limit:
                        await _let_in(request, operation, house)
                        _check_query(request, known)
                        await _read(request, house.settings, takes_body=takes_body)
                        return await parse(request)
                except TimeoutError:
                    if not limit.expired():
                        raise
                    raise TookTooLongError(f"this took longer than {house.settings.api_timeout:g} s") from None
                finally:
                    house.busy -= 1

            return handle

    return Route


def _query_names(route: APIRoute) -> frozenset[str]:
    waiting, found = [route.dependant], set[str]()
    while waiting:
        dependant = waiting.pop()
        found |= {parameter.alias for parameter in dependant.query_params}
        waiting += dependant.dependencies
    return frozenset(found)


async def _let_in(request: Request, operation: Operation, house: House) -> None:
    if operation.scope is None:
        return
    text = bearer(request)
    principal = await house.door(house.database, text)
    told = asking(request.scope)
    told.desk = Desk(house.database, principal, operation.scope, operation.roles)
    told.allowance = house.rates.take(_bucket(principal, text))
    if told.allowance.retry_after:
        raise TooManyError(f"you may ask {told.allowance.limit} times a minute: wait {told.allowance.retry_after} s")


def _bucket(principal: Principal, text: str) -> str:
    """A sign-in is signed, so it is its user's; a key says whose it is before anybody has looked, so it is its own."""
    if principal.kind == "sign_in":
        return f"{principal.caller.tenant}:{principal.user}"
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _check_query(request: Request, known: frozenset[str]) -> None:
    """What is not known is refused: a filter with a slip of the pen would answer with everything."""
    unknown = sorted(request.query_params.keys() - known)
    if unknown:
        raise MalformedError(f"the query has {_shown(unknown[0])}, which is not known here")


def _shown(text: str) -> str:
    return repr(text[:40])


async def _read(request: Request, settings: Settings, *, takes_body: bool) -> None:
    """The body is here, small and shallow enough, and JSON: parsed once."""
    body = await body_of(request, settings)
    setattr(request, "_body", body)  # noqa: B010 — where starlette looks for what was read already
    if not body or not takes_body:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise MediaTypeError("send the body as JSON, with Content-Type: application/json")
    try:
        sent = read_json(
            body, what="the body", max_bytes=settings.api_max_body_bytes, max_depth=settings.api_max_json_depth
        )
    except InvalidError as error:
        raise MalformedError(str(error)) from error
    setattr(request, "_json", sent)  # noqa: B010


def _endpoint(operation: Operation, house: House) -> Callable[..., Awaitable[Response]]:
    """What FastAPI calls once everything is parsed; what the handler is given by us stands not in its signature."""
    signature = inspect.signature(operation.handler)
    hints = get_type_hints(operation.handler, include_extras=True)
    sent = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
        for parameter in signature.parameters.values()
        if parameter.name not in _OURS
    ]

    async def endpoint(*, request: Request, **parameters: Any) -> Response:
        if operation.matched:
            parameters["seen"] = Seen(request.headers.getlist("if-match"))
        if operation.takes("client"):
            parameters["client"] = client_of(request)
        if operation.takes("desk") or operation.scope is None:
            return await _at_a_desk(operation, house, request, parameters)
        return await _in_a_transaction(operation, request, parameters)

    taken = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    endpoint.__signature__ = inspect.Signature([taken, *sent])  # pyright: ignore[reportFunctionMemberAccess]
    endpoint.__name__ = operation.name.replace(".", "_")
    return endpoint


def client_of(request: Request) -> Client:
    """The address is the proxy's where EMPLA_API_PROXIES does not name the proxy: the server has looked at that already."""
    address = None if request.client is None else house_of(request.client.host)
    return Client(address=address, agent=request.headers.get("user-agent"))


async def _at_a_desk(operation: Operation, house: House, request: Request, parameters: dict[str, Any]) -> Response:
    if operation.takes("desk"):  # who needs no credential has no desk of his own: the database alone
        parameters["desk"] = asking(request.scope).desk or house.database
    if operation.takes("request"):
        parameters["request"] = request
    if operation.streams:
        return await _streamed(operation, house, request, parameters)
    return _answer(operation, request, await operation.handler(**parameters))


async def _streamed(operation: Operation, house: House, request: Request, parameters: dict[str, Any]) -> Response:
    """What can be refused is refused before the first byte; a place among the streams is held until the last."""
    settings = house.settings
    place = house.streams.take(_bucket(cast("Desk", parameters["desk"]).principal, bearer(request)))
    try:
        opened: Opened = await operation.handler(**parameters)
    except BaseException:
        place()
        raise
    return EventStream(
        opened, among=house.streams, heartbeat=settings.api_heartbeat, life=settings.api_stream_life, done=place
    )


async def _in_a_transaction(operation: Operation, request: Request, parameters: dict[str, Any]) -> Response:
    desk = cast("Desk", asking(request.scope).desk)
    key = _key(operation, request)
    behind = Behind()
    if operation.takes("behind"):
        parameters["behind"] = behind
    # Committed when the block ends, which is before anything of the answer is sent.
    entered: AbstractAsyncContextManager[ReadTx] = desk.write() if operation.writes else desk.read()
    async with entered as tx:
        response = await _done(operation, request, tx, key, parameters)
    behind.begin(desk)
    return response


async def _done(
    operation: Operation, request: Request, tx: ReadTx, key: str | None, parameters: dict[str, Any]
) -> Response:
    """Done, or answered as it was when it was done."""
    if key is None:
        return _answer(operation, request, await operation.handler(tx, **parameters))
    digest = _digest(request, await request.body())
    before = await idempotency.answered(cast("Tx", tx), key=key, digest=digest)
    if before is not None:
        return _again(before)
    response = _answer(operation, request, await operation.handler(tx, **parameters))
    await idempotency.keep(
        cast("Tx", tx),
        key=key,
        digest=digest,
        status=response.status_code,
        headers={name: response.headers[name] for name in ("location", "etag") if name in response.headers},
        body=None if operation.secret else bytes(response.body).decode(),
    )
    return response


def _key(operation: Operation, request: Request) -> str | None:
    sent = request.headers.getlist("idempotency-key")
    if not sent or not operation.keyed:
        return None
    key = sent[0]
    if len(sent) > 1 or not 1 <= len(key) <= MAX_KEY or not all("!" <= sign <= "~" for sign in key):
        raise MalformedError(f"an Idempotency-Key is 1 to {MAX_KEY} visible ASCII characters, sent once")
    return key


def _digest(request: Request, body: bytes) -> bytes:
    head = f"{request.method} {request.url.path}?{request.url.query}\n".encode(errors="replace")
    return hashlib.sha256(head + body).digest()


def _again(kept: idempotency.Kept) -> Response:
    if kept.body is None:
        raise idempotency.StillAtWorkError(
            "this was done already; its answer was not kept, for it is secret or too large"
        )
    headers = {**kept.headers, "Idempotency-Replayed": "true"}
    return Response(kept.body.encode(), kept.status, headers, "application/json" if kept.body else None)


def _answer(operation: Operation, request: Request, answered: Any) -> Response:
    """The record as JSON, written once: what it holds was checked when it was read."""
    if isinstance(answered, Response):
        return answered
    if operation.status == NO_CONTENT:
        return Response(status_code=NO_CONTENT)
    record = cast("BaseModel", answered)
    body = record.__pydantic_serializer__.to_json(record)
    headers = {"Cache-Control": "no-store"} if operation.secret else {"ETag": etag(body)}
    if isinstance(record, Page) and record.next_cursor is not None:
        headers["Link"] = _next_link(request, record.next_cursor)
    if operation.location is not None:
        headers["Location"] = PREFIX + operation.location.format(**{**request.path_params, **vars(record)})
    if operation.method == "GET" and is_known(headers["ETag"], request.headers.getlist("if-none-match")):
        return Response(status_code=304, headers=headers)
    return Response(body, operation.status, headers, "application/json")


def _next_link(request: Request, cursor: str) -> str:
    kept = [pair for pair in parse_qsl(request.url.query, keep_blank_values=True) if pair[0] != "cursor"]
    return f'<{request.url.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'
