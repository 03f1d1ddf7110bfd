"""The tenant's name, how its pages look, and who hears of notices by mail."""

import hashlib
from typing import Literal

from pydantic import Field, JsonValue
from starlette.responses import Response

from empla.api.doors import ADMINS
from empla.dashboard import colours
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Told, Visit
from empla.errors import InvalidError
from empla.tenancy import tenants
from empla.tenancy.shapes import NoticeSettings

room = Room("tenant")
_LONGEST_MARK = 4  # characters: a letter or two, or one emoji of several parts
_NOT_MODIFIED = 304


@room.shows("/administration/settings")
async def settings(visit: Visit) -> Response:
    """All of them are one statement."""
    visit.asked(Told)
    async with visit.read(roles=ADMINS) as tx:
        found = await tenants.get(tx)
    return visit.show("tenant.html", tenant=found, branding=found.settings.branding or {})


class Change(Fields):
    """One form of the page: what it does not have stays."""

    about: Literal["name", "branding", "notices"]
    name: str | None = Field(default=None, max_length=200)
    shown: str | None = Field(default=None, max_length=60, description="The name in the pages.")
    colour: str | None = Field(default=None, max_length=20)
    logo: str | None = Field(default=None, max_length=20)
    mail_to: str | None = Field(default=None, max_length=6000, description="Addresses, one in each line.")
    least: Literal["info", "warning", "urgent"] | None = None


@room.takes("/administration/settings")
async def change(visit: Visit) -> Response:
    """Effective at once, for all of its people and employees."""
    sent = await visit.sent(Change)
    async with visit.write(roles=ADMINS) as tx:
        kept = (await tenants.held(tx)).settings
        if sent.about == "name":
            if sent.name is None:
                raise InvalidError("a company has a name")
            await tenants.change(tx, name=sent.name)
        elif sent.about == "branding":
            branding = _branding(sent, kept.branding or {})
            await tenants.change(tx, settings=kept.model_copy(update={"branding": branding or None}))
        else:
            lines = [line.strip() for line in (sent.mail_to or "").splitlines() if line.strip()]
            to = NoticeSettings.model_validate({"mail_to": lines, "least": sent.least}) if lines else None
            await tenants.change(tx, settings=kept.model_copy(update={"notices": to}))
    return visit.go("/administration/settings", told="settings_kept")


def _branding(sent: Change, before: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What our pages know of it, in the place of what was; what others put there stays."""
    if sent.colour is not None:
        colours.accent_of(sent.colour)
    if sent.logo is not None and len(sent.logo) > _LONGEST_MARK:
        raise InvalidError("a mark is a letter or two, or an emoji")
    said: dict[str, JsonValue] = {"name": sent.shown, "colour": sent.colour, "logo": sent.logo}
    merged: dict[str, JsonValue] = {**before, **said}
    return {name: value for name, value in merged.items() if value is not None}


class Version(Fields):
    """Which one: another address for another colour, so that a browser may keep each."""

    v: str | None = Field(default=None, max_length=20)


@room.shows("/branding.css")
async def stylesheet(visit: Visit) -> Response:
    """The tenant's colour, for its own people alone; empty where there is none that can be read."""
    asked = visit.asked(Version)
    async with visit.read():
        viewer = visit.viewer
    colour = None if viewer is None else viewer.branding.get("colour")
    text = ""
    if isinstance(colour, str):
        try:
            text = colours.stylesheet(colours.accent_of(colour))
        except InvalidError:
            text = ""
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache" if asked.v is None else "private, max-age=31536000, immutable",
        "Vary": "Cookie",
    }
    if visit.request.headers.get("if-none-match") == etag:
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    return Response(text, headers=headers, media_type="text/css")
