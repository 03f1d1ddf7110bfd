"""One request of a person with a browser: who it is, what was asked, and the page or the address that answers it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, get_origin
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from empla.api.doors import ANY, EVERYBODY, Desk
from empla.api.limits import body_of
from empla.api.operations import House
from empla.api.problems import faults_of, invalid
from empla.dashboard.templates import render
from empla.mind import overview
from empla.mind.overview import Viewer
from empla.storage.tx import ReadTx, Tx

# What a page says after something was done. An address names it, so that nobody puts his own words into a page of ours.
TOLD = {
    "signed_out": "You are signed out.",
    "paused": "Paused: nothing is done until it is resumed.",
    "resumed": "It works from now on.",
    "promoted": "Promoted.",
    "demoted": "Demoted: what it was about to send is asked about again.",
    "approved": "Approved: it leaves in the employee's next cycle, if hours, limits and budget allow.",
    "edited": "Approved as you edited it.",
    "told": "Told: a person's word silences guesses that say otherwise.",
    "retracted": "Held no more, and neither is what was inferred from it.",
    "kept": "Settled: the person's word stands.",
    "overturned": "Settled: it believes what was claimed from now on, on your word.",
    "rejected": "Rejected: the employee remembers why.",
    "adopted": "Adopted: its next cycle is due at once.",
    "dropped": "Dropped: its plans end in the employee's next cycle.",
    "called_off": "Called off: what it had not sent is withdrawn.",
    "enabled": "It may be used again.",
    "disabled": "It is used no more; what is under way goes on.",
    "judged": "Judged: that is how far it is trusted from now on.",
    "taught": "Taught: it is known from now on.",
    "learned": "Learned, on trial: it is trusted once it has worked.",
    "answered": "Answered: the employee goes on with it in its next cycle.",
    "seen": "Seen: it is open no more.",
    "settled": "Settled: the employee knows what came of it.",
    "role_changed": "Changed: it holds from that person's next click on.",
    "user_removed": "Removed: that person comes in no more.",
    "assigned": "Assigned.",
    "withdrawn": "Assignment withdrawn.",
    "key_revoked": "Revoked: this key opens nothing any more.",
    "account_removed": "Removed: its keys open nothing any more.",
    "account_made": "Made: give it a key.",
    "sign_in_ended": "Ended: that browser or program has to sign in again.",
    "budget_set": "The budget holds from now on.",
    "settings_kept": "Kept.",
    "connected": "Connected.",
    "disconnected": "Disconnected: its secret is forgotten.",
    "verified": "Vouched for: it is certain now, and what contradicted it has ended.",
    "fact_forgotten": "Forgotten: it is known no more.",
    "episode_forgotten": "Forgotten for good: its words are erased.",
    "hired": "Hired. Now give it something to begin with.",
}
Asked = TypeVar("Asked", bound=BaseModel)
# A password is what was typed, spaces and all; the text of every other field begins and ends with a word.
Secret = Annotated[SecretStr, BeforeValidator(SecretStr)]
_SEE_OTHER = 303
_MAX_FIELDS = 100


class Fields(BaseModel):
    """What an address or a form says; what is not known is refused, and an empty field was not filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Told(Fields):
    """What the address of a page says that asks for nothing else: what was done before."""

    told: str | None = Field(default=None, max_length=40)


@dataclass
class Visit:
    """Whoever signed in, before a page."""

    request: Request
    house: House
    desk: Desk | None
    viewer: Viewer | None = field(default=None, init=False)

    @property
    def at_desk(self) -> Desk:
        """Of one who is signed in, which every page but a few asks for."""
        assert self.desk is not None  # noqa: S101 — pages.py lets nobody else in
        return self.desk

    @asynccontextmanager
    async def read(self, *, roles: frozenset[Any] = EVERYBODY) -> AsyncGenerator[ReadTx]:
        """A transaction as the viewer, that may only read; its first statement is what every page's frame shows."""
        async with self._for(roles).read() as tx:
            self.viewer = await overview.viewer(tx)
            yield tx

    @asynccontextmanager
    async def write(self, *, roles: frozenset[Any] = EVERYBODY) -> AsyncGenerator[Tx]:
        """A transaction as the viewer, committed at the end of the block."""
        async with self._for(roles).write() as tx:
            yield tx

    def _for(self, roles: frozenset[Any]) -> Desk:
        desk = self.at_desk
        return Desk(desk.database, desk.principal, ANY, roles)

    def asked(self, shape: type[Asked]) -> Asked:
        """What the address asks for. Raises `InvalidError` in one sentence."""
        return _shaped(shape, self.request.query_params)

    async def receive(self, max_bytes: int) -> None:
        """The body is here, and not too large. Raises `TooLargeError`, `SlowBodyError`."""
        body = await body_of(self.request, self.house.settings, max_bytes=max_bytes)
        setattr(self.request, "_body", body)  # noqa: B010 — where starlette looks for what was read already

    async def sent(self, shape: type[Asked], *, emptied: frozenset[str] = frozenset()) -> Asked:
        """What the form says; a field of `emptied` that is empty was emptied. Raises `InvalidError` in one sentence."""
        async with self.request.form(max_files=0, max_fields=_MAX_FIELDS) as form:
            return _shaped(shape, form, emptied)

    @property
    def is_partial(self) -> bool:
        """One part of the page is asked for, not all of it."""
        return self.request.headers.get("hx-request-type") == "partial"

    @property
    def is_live(self) -> bool:
        """Nobody asked: the page did by itself, because something happened. What was told before stays where it is read."""
        return "x-live" in self.request.headers

    @property
    def block(self) -> str | None:
        """Which part: the id of the element that it shall replace."""
        return (self.request.headers.get("hx-target", "").rpartition("#")[2] or None) if self.is_partial else None

    def wants(self, block: str) -> bool:
        """Whether this part is asked for, alone or with all of the page: what nobody sees is not fetched."""
        return self.block in {None, block}

    def show(self, template: str, *, status: int = 200, **shown: Any) -> Response:
        """The page, or the part of it that was asked for."""
        frame = self._frame()
        text = render(template, block=self.block, **frame, **shown)
        # Sent unpacked, as the assets are not: a page repeats words of its address beside what only its viewer may know, and how well both
        # pack together can be seen from outside, over TLS too (BREACH). The first page stays under 100 kB as it is.
        if self.is_partial and not self.is_live:
            text += render("beside.html", **frame)
        return HTMLResponse(text, status, headers={"Vary": "HX-Request-Type, HX-Target"})

    def show_whole(self, template: str, *, status: int = 200, **shown: Any) -> Response:
        """The page, whatever was asked for."""
        return HTMLResponse(render(template, **self._frame(), **shown), status)

    def _frame(self) -> dict[str, Any]:
        viewer = self.viewer
        return {
            "viewer": viewer,
            "now": None if viewer is None else viewer.now,
            "path": self.request.url.path,
            "address": self.address,
            "told": TOLD.get(self.request.query_params.get("told", "")),
        }

    def address(self, **changed: Any) -> str:
        """This page's address with other parameters; None takes one away."""
        query = {name: value for name, value in self.request.query_params.items() if name != "told"}
        query.update({name: str(value) for name, value in changed.items() if value is not None})
        for name, value in changed.items():
            if value is None:
                query.pop(name, None)
        return self.request.url.path + ("?" + urlencode(query) if query else "")

    def go(self, to: str, *, told: str | None = None, **kept: object) -> Response:
        """To another page after something was done, which says so in one of our sentences. What is kept stands in its address."""
        query = {name: str(value) for name, value in {**kept, "told": told}.items() if value is not None}
        return RedirectResponse(to + ("?" + urlencode(query) if query else ""), _SEE_OTHER)


def _shaped(shape: type[Asked], said: ImmutableMultiDict[str, Any], emptied: frozenset[str] = frozenset()) -> Asked:
    """What comes several times is a list where the shape has one; of the rest, the last counts."""
    many = {name for name, known in shape.model_fields.items() if get_origin(known.annotation) is list}
    filled = {
        name: said.getlist(name) if name in many else said[name] for name in said if said[name] != "" or name in emptied
    }
    try:
        return shape.model_validate(filled)
    except ValidationError as error:
        raise invalid(faults_of([{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()])) from None
