"""The door for people: in with a password, in with a link for whoever has none yet, and out."""

from functools import partial

from pydantic import Field, SecretStr
from starlette.responses import Response

from empla.access import links, sign_ins
from empla.api.operations import client_of
from empla.api.problems import detail_of, sort_of
from empla.dashboard import sessions
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Secret, Visit
from empla.errors import EmplaError, InvalidError
from empla.mind.mail_resets import mail_reset

room = Room("sign_in")


class Onward(Fields):
    """Where one wanted to go, and what was done before."""

    onward: str | None = Field(default=None, max_length=2000)
    told: str | None = Field(default=None, max_length=40)


class Password(Fields):
    """Who signs in."""

    tenant: str = Field(max_length=200)
    email: str = Field(max_length=400)
    password: Secret = Field(max_length=2000)
    onward: str | None = Field(default=None, max_length=2000)


@room.shows("/sign-in", is_open=True)
async def form(visit: Visit) -> Response:
    """Whoever is signed in may sign in as somebody else."""
    asked = visit.asked(Onward)
    return visit.show_whole("sign_in.html", onward=asked.onward, tenant="", email="", sentence=None)


@room.takes("/sign-in", is_open=True)
async def sign_in(visit: Visit) -> Response:
    """On to where one wanted to go. What was wrong is not told: not which of the three, and not by the time it took."""
    sent = await visit.sent(Password)
    try:
        token = await sign_ins.sign_in_page(
            visit.house.database,
            slug=sent.tenant,
            email=sent.email,
            password=sent.password.get_secret_value(),
            client=client_of(visit.request),
        )
    except EmplaError as error:
        return _again(visit, sent, error)
    response = visit.go(sessions.onward(sent.onward))
    sessions.keep(visit.request, response, token)
    return response


def _again(visit: Visit, sent: Password, error: EmplaError) -> Response:
    """The form with what was filled in, but the password."""
    return visit.show_whole(
        "sign_in.html",
        status=sort_of(error).status,
        onward=sent.onward,
        tenant=sent.tenant,
        email=sent.email,
        sentence=detail_of(error),
    )


@room.takes("/sign-out")
async def sign_out(visit: Visit) -> Response:
    """The sign-in is over, not only forgotten by this browser."""
    async with visit.write() as tx:
        await sign_ins.sign_out(tx)
    response = visit.go("/sign-in", told="signed_out")
    sessions.forget(visit.request, response)
    return response


class Held(Fields):
    """A link, and the password that it is for."""

    token: SecretStr = Field(max_length=1000)
    password: Secret | None = Field(default=None, max_length=2000)
    again: Secret | None = Field(default=None, max_length=2000)


@room.shows("/welcome", is_open=True)
async def welcome(visit: Visit) -> Response:
    """Where an invitation or a reset leads: the token stands behind the #, which no server and no log ever sees."""
    return visit.show_whole("welcome.html", holder=None, token="", sentence=None)


@room.takes("/welcome", is_open=True)
async def set_password(visit: Visit) -> Response:
    """First whose link it is, then the password, then in."""
    sent = await visit.sent(Held)
    token, database = sent.token.get_secret_value(), visit.house.database
    try:
        holder = await links.look(database, token)
    except EmplaError as error:
        return visit.show_whole(
            "welcome.html", status=sort_of(error).status, holder=None, token="", sentence=detail_of(error)
        )
    if sent.password is None:
        return visit.show_whole("welcome.html", holder=holder, token=token, sentence=None)
    password = sent.password.get_secret_value()
    try:
        if sent.again is None or sent.again.get_secret_value() != password:
            raise InvalidError("the two passwords are not the same")
        await links.accept(database, token, password=password)
        issued = await sign_ins.sign_in_page(
            database, slug=holder.slug, email=holder.email, password=password, client=client_of(visit.request)
        )
    except EmplaError as error:
        return visit.show_whole(
            "welcome.html", status=sort_of(error).status, holder=holder, token=token, sentence=detail_of(error)
        )
    response = visit.go("/")
    sessions.keep(visit.request, response, issued)
    return response


class Forgotten(Fields):
    """Who has forgotten the password."""

    tenant: str = Field(max_length=200)
    email: str = Field(max_length=400)


@room.shows("/forgotten", is_open=True)
async def forgotten(visit: Visit) -> Response:
    """Where one asks for a link."""
    return visit.show_whole("forgotten.html", is_asked=False)


@room.takes("/forgotten", is_open=True)
async def ask_for_link(visit: Visit) -> Response:
    """Answered alike whether there is such a person; the link goes by mail, behind the answer."""
    sent = await visit.sent(Forgotten)
    database = visit.house.database
    await links.request_reset(
        database,
        slug=sent.tenant,
        email=sent.email,
        deliver=partial(mail_reset, database),
        client=client_of(visit.request),
    )
    return visit.show_whole("forgotten.html", is_asked=True)
