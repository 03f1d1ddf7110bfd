"""The people of the tenant: who they are, what they may do, whom they look after, how they come in."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from empla.access import links, sign_ins
from empla.access.links import Link
from empla.api.doors import ADMINS, STAFF
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Told, Visit
from empla.employees import assignments, employees
from empla.errors import ConflictError
from empla.tenancy import users
from empla.tenancy.users import Role

room = Room("users")
A_PAGE = 50  # people
_SIGN_INS = 20


class Asked(Fields):
    """Whom to show."""

    search: str | None = Field(default=None, max_length=100)
    role: Role | None = None
    page: int = Field(default=1, ge=1, le=10_000)
    told: str | None = Field(default=None, max_length=40)


@room.shows("/administration")
async def administration(visit: Visit) -> Response:
    """It begins with the people."""
    return await people(visit)


@room.shows("/administration/users")
async def people(visit: Visit) -> Response:
    """All of them are one statement."""
    asked = visit.asked(Asked)
    async with visit.read(roles=STAFF) as tx:
        found = await assignments.people(
            tx, search=asked.search, role=asked.role, limit=A_PAGE + 1, skip=(asked.page - 1) * A_PAGE
        )
    return visit.show("users.html", asked=asked, people=found[:A_PAGE], has_more=len(found) > A_PAGE)


class Invitation(Fields):
    """Who is invited."""

    email: str = Field(min_length=3, max_length=254)
    name: str = Field(max_length=200)
    role: Role


@room.takes("/administration/users")
async def invite(visit: Visit) -> Response:
    """The link is on this answer alone: it is nowhere else."""
    sent = await visit.sent(Invitation)
    async with visit.write(roles=ADMINS) as tx:
        made = await users.invite(tx, email=sent.email, name=sent.name, role=sent.role)
        link = await links.invite(tx, user=made.id)
    return await _shown(visit, made.id, link=link)


@room.shows("/administration/users/{user:uuid}")
async def person(visit: Visit, user: UUID) -> Response:
    """Who it is is one statement, each part one more."""
    visit.asked(Told)
    return await _shown(visit, user)


async def _shown(visit: Visit, user: UUID, *, link: Link | None = None) -> Response:
    async with visit.read(roles=STAFF) as tx:
        found = await users.get(tx, user=user)
        choices = await assignments.choices(tx, user=user) if visit.wants("employees") else []
        may_see = visit.viewer is not None and (visit.viewer.is_admin or visit.viewer.id == user)
        signed_in = await sign_ins.listed(tx, user=user, limit=_SIGN_INS) if may_see and visit.wants("signins") else []
    own = visit.at_desk.caller.proof
    shown: dict[str, Any] = {
        "person": found,
        "choices": choices,
        "sign_ins": signed_in,
        "own": None if own is None else own.sign_in,
        "link": link,
        "welcome": None if link is None else f"{visit.request.base_url}welcome#{link.token}",
    }
    return visit.show("user.html", **shown)


class Act(Fields):
    """What is decided about a person."""

    act: Literal["role", "link", "remove", "assign", "withdraw", "end"]
    role: Role | None = None
    employee: str | None = Field(default=None, max_length=254, description="Its e-mail.")
    sign_in: UUID | None = None


_TOLD = {"role": "role_changed", "assign": "assigned", "withdraw": "withdrawn", "end": "sign_in_ended"}


@room.takes("/administration/users/{user:uuid}")
async def change(visit: Visit, user: UUID) -> Response:
    """Staff assigns, admins do the rest; everybody ends sign-ins of his own."""
    sent = await visit.sent(Act)
    if sent.act == "link":
        return await _shown(visit, user, link=await _link(visit, user))
    roles = STAFF if sent.act in {"assign", "withdraw", "end"} else ADMINS
    async with visit.write(roles=roles) as tx:
        if sent.act == "role" and sent.role is not None:
            await users.change_role(tx, user=user, role=sent.role)
        elif sent.act in {"assign", "withdraw"} and sent.employee is not None:
            about = await employees.find(tx, email=sent.employee)
            turn = assignments.assign if sent.act == "assign" else assignments.withdraw
            await turn(tx, user=user, employee=about.id)
        elif sent.act == "end" and sent.sign_in is not None:
            await sign_ins.revoke(tx, sign_in=sent.sign_in)
        elif sent.act == "remove":
            await users.delete(tx, user=user)
            return visit.go("/administration/users", told="user_removed")
        else:
            raise ConflictError("this form says what to do, but not with whom")
    return visit.go(f"/administration/users/{user}", told=_TOLD[sent.act])


async def _link(visit: Visit, user: UUID) -> Link:
    """Whoever has no password yet is invited; whoever has one may set another."""
    try:
        async with visit.write(roles=ADMINS) as tx:
            return await links.invite(tx, user=user)
    except ConflictError:
        async with visit.write(roles=ADMINS) as tx:
            return await links.reset(tx, user=user)
