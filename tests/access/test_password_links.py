"""A link sets one person's password, once; asking for one tells nobody whether there is such a person."""

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from insider import PASSWORD, Person, a_person, audited, messages

from empla.access import credentials, doors, keys, links, service_accounts, sign_ins
from empla.access.credentials import Credential
from empla.access.links import Delivery
from empla.access.passwords import LockedOutError
from empla.access.sign_ins import Client
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, UnauthorizedError
from empla.storage.database import Database
from empla.tenancy import users

if TYPE_CHECKING:
    from tests.conftest import Cluster

NEW = "another horse battery"


async def ask(
    person: Person, *, email: str | None = None, slug: str | None = None, address: str | None = None
) -> list[Delivery]:
    """What is delivered."""
    delivered: list[Delivery] = []

    async def deliver(delivery: Delivery) -> None:
        delivered.append(delivery)

    await links.request_reset(
        person.database,
        slug=slug or person.slug,
        email=email or person.email,
        deliver=deliver,
        client=Client(address=address),
    )
    await person.database.settled()
    return delivered


async def test_who_is_invited_sets_a_password_and_signs_in(
    dana: Person, ada: Person, database: Database, cluster: "Cluster"
):
    invited = await a_person(database, dana.operator, password=None)
    async with database.write(ada.caller) as tx:
        link = await links.invite(tx, user=invited.id)
    holder = await links.look(database, link.token)
    assert (holder.purpose, holder.email, holder.slug) == ("invitation", invited.email, dana.slug)
    assert await links.accept(database, link.token, password=NEW) == holder
    await invited.sign_in(NEW)
    for again in (links.look(database, link.token), links.accept(database, link.token, password=NEW)):
        with pytest.raises(UnauthorizedError, match=links.USED_UP):
            await again
    assert link.token not in repr(link)
    [entry] = [entry for entry in audited(cluster, dana.tenant, "password") if entry["actor"] == invited.id]
    assert (entry["action"], entry["details"]) == ("password.set", {"by": "invitation"})


async def test_a_reset_goes_to_its_owner_and_ends_all_sign_ins(dana: Person, database: Database):
    got = await dana.sign_in()
    for _ in range(database.settings.lockout_attempts):
        with pytest.raises(UnauthorizedError):
            await dana.sign_in("wrong")
    [delivery] = await ask(dana, email=dana.email.upper())
    assert (delivery.email, delivery.name, delivery.link.purpose) == (dana.email, "Dana", "reset")
    await links.accept(database, delivery.link.token, password=NEW)
    with pytest.raises(UnauthorizedError):
        async with database.read((await doors.by_token(database, got.access_token)).caller):
            pass
    await dana.sign_in(NEW)  # the lock is lifted, too


async def test_asking_tells_nobody_whether_there_is_such_a_person(
    dana: Person, database: Database, monkeypatch: pytest.MonkeyPatch, hashings: list[str]
):
    program = await a_program(dana)
    hashings.clear()
    for email, slug, count in (
        (dana.email, dana.slug, 1),
        (f"x{dana.email}", dana.slug, 0),
        (dana.email, f"x{dana.slug}", 0),
        (program, dana.slug, 0),
        ("\0", "\0", 0),
    ):
        with messages(database, monkeypatch) as sent:
            delivered = await ask(dana, email=email, slug=slug)
        assert (sent, len(delivered), hashings) == (["request_reset"], count, [])


async def a_program(person: Person) -> str:
    """The address of a service account, which nobody has a mailbox for."""
    async with person.database.write(person.operator) as tx:
        made = await service_accounts.create(tx, name="Feeder", role="user")
        address = await tx.fetch_value(str, "SELECT email FROM users WHERE id = %(id)s", id=made.id)
        assert address is not None
    with pytest.raises(NotFoundError):
        async with person.database.write(person.operator) as tx:
            await links.invite(tx, user=made.id)
    return address


async def test_asking_is_limited_alike(dana: Person):
    for email in (dana.email, f"x{dana.email}"):
        for _ in range(dana.database.settings.reset_attempts):
            await ask(dana, email=email)
        with pytest.raises(LockedOutError):
            await ask(dana, email=email)
    dana.database.settings = dana.database.settings.model_copy(update={"address_attempts": 2})
    address = f"198.51.100.{uuid4().hex[:6]}"
    for number in range(2):
        await ask(dana, email=f"y{number}@acme.example", address=address)
    with pytest.raises(LockedOutError):
        await ask(dana, email="y3@acme.example", address=address)


async def test_a_delivery_that_fails_is_nobody_s_error(
    dana: Person, database: Database, caplog: pytest.LogCaptureFixture
):
    async def broken(_: Delivery) -> None:
        raise NotFoundError("no mail server")

    await links.request_reset(database, slug=dana.slug, email=dana.email, deliver=broken)
    await database.settled()
    assert "no mail server" in caplog.text
    assert "emplal_" not in caplog.text


async def test_the_newest_link_counts(dana: Person, database: Database):
    [first], [second] = await ask(dana), await ask(dana)
    with pytest.raises(UnauthorizedError, match=links.USED_UP):
        await links.accept(database, first.link.token, password=NEW)
    await links.accept(database, second.link.token, password=NEW)


async def test_a_link_ends_by_itself(dana: Person, database: Database, cluster: "Cluster"):
    [delivery] = await ask(dana)
    with cluster.admin() as admin:
        admin.execute(
            "UPDATE empla.user_secrets SET expires_at = clock_timestamp() WHERE kind = 'reset' AND user_id = %s",
            (dana.id,),
        )
    with pytest.raises(UnauthorizedError, match=links.USED_UP):
        await links.accept(database, delivery.link.token, password=NEW)
    await dana.sign_in()


async def test_a_password_that_wont_do_leaves_the_link_good(dana: Person, database: Database):
    [delivery] = await ask(dana)
    for wrong in ("short", dana.email, "aaaaaaaaa"):
        with pytest.raises(InvalidError):
            await links.accept(database, delivery.link.token, password=wrong)
    await links.accept(database, delivery.link.token, password=NEW)


async def test_of_two_at_once_one_is_used(dana: Person, database: Database):
    [delivery] = await ask(dana)
    passwords = [f"horse battery {number}" for number in range(6)]
    outcomes = await asyncio.gather(
        *(links.accept(database, delivery.link.token, password=password) for password in passwords),
        return_exceptions=True,
    )
    won = [
        password for password, outcome in zip(passwords, outcomes, strict=True) if not isinstance(outcome, Exception)
    ]
    assert len(won) == 1
    await dana.sign_in(won[0])


async def test_a_link_is_of_one_person(dana: Person, ada: Person, rita: Person, database: Database):
    [delivery] = await ask(dana)
    mine = credentials.read("link", delivery.link.token)
    for forged in (
        Credential("link", mine.id, mine.tenant, ada.id, mine.secrets),
        Credential("link", mine.id, rita.tenant, rita.id, mine.secrets),
        Credential("link", uuid4(), mine.tenant, mine.user, mine.secrets),
        Credential("link", mine.id, mine.tenant, mine.user, (credentials.secret(),)),
    ):
        for attempt in (links.look(database, forged.text), links.accept(database, forged.text, password=NEW)):
            with pytest.raises(UnauthorizedError, match=links.USED_UP):
                await attempt
    with pytest.raises(UnauthorizedError, match=links.USED_UP):
        await links.look(database, "emplal_nonsense")


async def test_who_is_deleted_has_no_link(dana: Person, ada: Person, database: Database):
    [delivery] = await ask(dana)
    async with database.write(ada.caller) as tx:
        await users.delete(tx, user=dana.id)
    with pytest.raises(UnauthorizedError, match=links.USED_UP):
        await links.accept(database, delivery.link.token, password=NEW)
    assert await ask(dana) == []


async def test_who_may_hand_out_links(dana: Person, ada: Person, rita: Person, database: Database):
    """Admins: for the new, and for whoever is no admin. Not with a key; not for another tenant."""
    invited = await a_person(database, dana.operator, password=None)
    manager = await a_person(database, dana.operator, "manager")
    for person, error in ((manager, ForbiddenError), (dana, ForbiddenError), (rita, NotFoundError)):
        for make in (links.invite, links.reset):
            with pytest.raises(error):
                async with database.write(person.caller) as tx:
                    await make(tx, user=invited.id)
    second = await a_person(database, dana.operator, "admin")
    async with database.write(ada.caller) as tx:
        await links.reset(tx, user=dana.id)
        key = await keys.create(tx, user=ada.id, name="k", scopes=["admin"])
    for user, make, error in (
        (dana.id, links.invite, ConflictError),
        (second.id, links.reset, ForbiddenError),
        (ada.id, links.reset, ForbiddenError),
    ):
        with pytest.raises(error):
            async with database.write(ada.caller) as tx:
                await make(tx, user=user)
    with pytest.raises(ForbiddenError):
        async with database.write((await doors.by_token(database, key.text)).caller) as tx:
            await links.invite(tx, user=invited.id)
    async with database.write(dana.operator) as tx:
        link = await links.reset(tx, user=ada.id)
    await links.accept(database, link.token, password=NEW)
    await ada.sign_in(NEW)
    with pytest.raises(UnauthorizedError, match=sign_ins.WRONG):
        await ada.sign_in(PASSWORD)
