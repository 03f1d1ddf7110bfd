"""A page is a function of a visit. Here is what all share: who is let in, what a refusal looks like, and the headers of every page."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import quote

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from empla.access.doors import by_page
from empla.api.asking import asking
from empla.api.doors import ANY, EVERYBODY, Desk
from empla.api.operations import PREFIX, House
from empla.api.problems import BusyError, TookTooLongError, TooManyError, detail_of, of_status, sort_of
from empla.dashboard import assets, sessions
from empla.dashboard.visits import Visit
from empla.errors import EmplaError, UnauthorizedError
from empla.settings import Settings

Handler = Callable[..., Awaitable[Response]]
HEADERS = {
    # Nothing is loaded from elsewhere, no script stands in a page, and nobody frames one.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",  # what one sees is not shown to whoever sits down next
    "Referrer-Policy": "same-origin",
}
_log = structlog.get_logger("empla.dashboard")


def _a_body(settings: Settings) -> int:
    return settings.api_max_body_bytes


@dataclass(frozen=True, slots=True)
class Page:
    """What is declared of one."""

    name: str  # room.handler
    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    is_open: bool  # to whoever is not signed in
    streams: bool  # goes on for long
    max_bytes: int | Callable[[Settings], int]  # of what is sent


class Room:
    """The pages of one file."""

    def __init__(self, name: str) -> None:
        """By the name of the file."""
        self.name = name
        self.pages: list[Page] = []

    def shows(self, path: str, *, is_open: bool = False) -> Callable[[Handler], Handler]:
        """A page that one sees."""
        return self._declares("GET", path, is_open=is_open)

    def streams(self, path: str) -> Callable[[Handler], Handler]:
        """What goes on being sent."""
        return self._declares("GET", path, streams=True)

    def takes(
        self, path: str, *, is_open: bool = False, max_bytes: int | Callable[[Settings], int] = _a_body
    ) -> Callable[[Handler], Handler]:
        """A form that one sends, from a page of ours; of at most so many bytes, EMPLA_API_MAX_BODY_BYTES unless told."""
        return self._declares("POST", path, is_open=is_open, max_bytes=max_bytes)

    def _declares(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        is_open: bool = False,
        streams: bool = False,
        max_bytes: int | Callable[[Settings], int] = _a_body,
    ) -> Callable[[Handler], Handler]:
        def declared(handler: Handler) -> Handler:
            self.pages.append(
                Page(f"{self.name}.{handler.__name__}", method, path, handler, is_open, streams, max_bytes)
            )
            return handler

        return declared


def mount(app: FastAPI, house: House, rooms: Sequence[Room]) -> None:
    """The pages of the rooms are routes of the app, and what they load."""
    for page in (page for room in rooms for page in room.pages):
        app.router.routes.append(Route(page.path, _endpoint(page, house), methods=[page.method], name=page.name))
    app.router.routes.append(Route(assets.PATH + "/{digest}/{name:path}", _file, methods=["GET"], name="assets"))

    _tell_in_a_page(app, house)


def _tell_in_a_page(app: FastAPI, house: House) -> None:
    """Whoever looks with a browser for what is nowhere sees a page; programs get the problem that they know."""
    for_programs = app.exception_handlers[HTTPException]

    async def nowhere(request: Request, error: Exception) -> Response:
        if request.url.path.startswith(PREFIX) or "text/html" not in request.headers.get("accept", ""):
            return await cast("Awaitable[Response]", for_programs(request, error))
        told = of_status(cast("HTTPException", error).status_code, "")
        response = _refused(Visit(request, house, None), told)
        response.headers.update(HEADERS)
        return response

    app.add_exception_handler(HTTPException, nowhere)


async def _file(request: Request) -> Response:
    asking(request.scope).operation = "pages.asset"
    return await assets.asset(request)


def _endpoint(page: Page, house: House) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        asking(request.scope).operation = f"pages.{page.name}"
        visit = Visit(request, house, None)
        try:
            response = await _answered(page, visit)
        except UnauthorizedError as error:
            response = _to_the_door(visit, error)
        except EmplaError as error:
            await _look(visit, error)
            response = _refused(visit, error)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return endpoint


async def _answered(page: Page, visit: Visit) -> Response:
    house, settings = visit.house, visit.house.settings
    sessions.check_origin(visit.request)
    if not page.is_open:
        await _let_in(visit)
    if page.streams:
        return await page.handler(visit)
    if house.busy >= settings.api_max_requests:
        raise BusyError("as many requests as can be are being answered: try again in a moment")
    house.busy += 1
    limit = asyncio.timeout(settings.api_timeout)
    try:
        async with limit:
            if page.method == "POST":
                most = page.max_bytes
                await visit.receive(most if isinstance(most, int) else most(settings))
            return await page.handler(visit, **visit.request.path_params)
    except TimeoutError:
        if not limit.expired():
            raise
        raise TookTooLongError(f"this took longer than {settings.api_timeout:g} s") from None
    finally:
        house.busy -= 1


async def _let_in(visit: Visit) -> None:
    text = sessions.token_of(visit.request)
    if text is None:
        raise UnauthorizedError("sign in first")
    principal = await by_page(visit.house.database, text)
    visit.desk = Desk(visit.house.database, principal, ANY, EVERYBODY)
    told = asking(visit.request.scope)
    told.desk = visit.desk
    told.allowance = visit.house.rates.take(f"{principal.caller.tenant}:{principal.user}")
    if told.allowance.retry_after:
        raise TooManyError(f"you may ask {told.allowance.limit} times a minute: wait {told.allowance.retry_after} s")


def _to_the_door(visit: Visit, error: UnauthorizedError) -> Response:
    """A page of ours asks for it in the middle of another: the browser goes there as a whole."""
    del error
    wanted = visit.request.url.path + (f"?{visit.request.url.query}" if visit.request.url.query else "")
    to = "/sign-in" + ("" if visit.request.method != "GET" or wanted == "/" else f"?onward={quote(wanted, safe='')}")
    response = Response(headers={"HX-Redirect": "/sign-in"}) if visit.is_partial else visit.go(to)
    sessions.forget(visit.request, response)
    return response


async def _look(visit: Visit, error: EmplaError) -> None:
    """Who is refused something stays in the house, with its ways on; where there is no time for that, the sentence has to do."""
    if visit.desk is None or visit.viewer is not None or visit.is_partial or error.kind == "unavailable":
        return
    with suppress(EmplaError):
        async with visit.read():
            pass


def _refused(visit: Visit, error: EmplaError) -> Response:
    """In one sentence, on a page that leads on; in the place of a part, the sentence alone."""
    sort = sort_of(error)
    response = visit.show_whole(
        "refused_part.html" if visit.is_partial else "refused.html",
        status=sort.status,
        title=sort.title,
        sentence=detail_of(error),
        request_id=asking(visit.request.scope).id,
    )
    if visit.is_partial:
        response.headers.update({"HX-Retarget": "#problem", "HX-Reswap": "innerHTML"})
    return response
