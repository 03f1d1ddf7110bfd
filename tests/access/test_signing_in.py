"""A password opens a sign-in; who guesses learns nothing, and not for long."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from insider import PASSWORD, Person, a_house, a_person, audited, later, messages

from empla.access import doors, passwords, service_accounts, sign_ins, tokens
from empla.access.passwords import LockedOutError
from empla.access.sign_ins import Client
from empla.errors import ForbiddenError, InvalidError, NotFoundError, UnauthorizedError, UnavailableError
from empla.storage.database import Database
from empla.storage.tx import Caller, Proof
from empla.tenancy import tenants, users

if TYPE_CHECKING:
    from tests.conftest import Cluster


async def enter(database: Database, token: str) -> str:
    """The role that the database gives to whoever brings it."""
    principal = await doors.by_token(database, token)
    async with database.read(principal.caller) as tx:
        return tx.role


async def test_who_signs_in_comes_through_the_door_as_the_user(dana: Person, database: Database, cluster: "Cluster"):
    got = await dana.sign_in()
    principal = await doors.by_token(database, got.access_token)
    assert (principal.kind, principal.user, principal.caller.tenant) == ("sign_in", dana.id, dana.tenant)
    assert principal.caller.proof == Proof(sign_in=got.sign_in)
    assert await enter(database, got.access_token) == "user"
    [entry] = audited(cluster, dana.tenant, "sign_in")
    assert (entry["action"], entry["actor"], entry["resource"]) == ("sign_in.created", dana.id, got.sign_in)
    assert PASSWORD not in repr(got)
    assert got.refresh_token not in repr(got)


async def test_beginning_with_a_proof_is_one_message(dana: Person, database: Database):
    got = await dana.sign_in()
    caller = (await doors.by_token(database, got.access_token)).caller
    async with database.read(caller) as tx:
        assert tx.statements == 1
    assert tx.statements == 2  # COMMIT


WRONG: dict[str, Callable[[Person], dict[str, str]]] = {
    "password": lambda dana: {"slug": dana.slug, "email": dana.email, "password": "wrong horse battery"},
    "user": lambda dana: {"slug": dana.slug, "email": f"x{dana.email}", "password": PASSWORD},
    "tenant": lambda dana: {"slug": f"x{dana.slug}", "email": dana.email, "password": PASSWORD},
    "everything": lambda _: {"slug": "", "email": "", "password": ""},
    "nul": lambda dana: {"slug": dana.slug, "email": "a\0b@acme.example", "password": "\0"},
    "surrogates": lambda dana: {"slug": dana.slug, "email": "\ud800", "password": "\ud800\ud800"},
    "too long": lambda _: {"slug": "s" * 100_000, "email": "e" * 100_000, "password": "p" * 100_000},
    "sql": lambda dana: {"slug": f"{dana.slug}' OR true --", "email": dana.email, "password": PASSWORD},
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_nobody_learns_what_was_wrong(
    dana: Person, database: Database, monkeypatch: pytest.MonkeyPatch, hashings: list[str], wrong: str
):
    """The same sentence, the same messages, the same hashing, whatever it was."""
    hashings.clear()
    typed = WRONG[wrong](dana)
    with messages(database, monkeypatch) as sent, pytest.raises(UnauthorizedError) as refused:
        await sign_ins.sign_in(database, slug=typed["slug"], email=typed["email"], password=typed["password"])
    assert type(refused.value) is UnauthorizedError
    assert str(refused.value) == sign_ins.WRONG
    assert sent == ["begin_sign_in", "finish_sign_in"]
    assert hashings == ["$argon2id$v=19$m=8,t=1,p=1"]


async def test_a_failure_is_told_to_the_log_and_the_password_is_not(dana: Person, cluster: "Cluster"):
    with pytest.raises(UnauthorizedError):
        await dana.sign_in("wrong horse battery", address="192.0.2.1")
    [entry] = audited(cluster, dana.tenant, "sign_in")
    assert (entry["action"], entry["actor_type"], entry["resource"]) == ("sign_in.failed", "system", dana.id)
    assert entry["details"] == {"address": "192.0.2.1"}


@pytest.mark.parametrize("who", ["somebody", "nobody", "no tenant"])
async def test_an_account_is_locked_alike_whether_it_exists_or_not(
    dana: Person, database: Database, monkeypatch: pytest.MonkeyPatch, hashings: list[str], who: str
):
    account = {
        "somebody": (dana.slug, dana.email),
        "nobody": (dana.slug, f"x{uuid4().hex[:8]}@acme.example"),
        "no tenant": (f"x{dana.slug}", dana.email),
    }[who]
    for _ in range(database.settings.lockout_attempts):
        with pytest.raises(UnauthorizedError, match=sign_ins.WRONG):
            await sign_ins.sign_in(database, slug=account[0], email=account[1].upper(), password="wrong")
    hashings.clear()
    with messages(database, monkeypatch) as sent, pytest.raises(LockedOutError) as locked:
        await sign_ins.sign_in(database, slug=account[0], email=account[1], password=PASSWORD)
    assert str(locked.value) == "too many attempts: try again in 15 minutes"
    assert 890 < locked.value.retry_after <= 900
    assert (sent, hashings) == (["begin_sign_in"], [])


async def test_a_lock_ends_and_success_forgets_failures(dana: Person, database: Database, cluster: "Cluster"):
    most = database.settings.lockout_attempts
    for _ in range(most - 1):
        with pytest.raises(UnauthorizedError, match=sign_ins.WRONG):
            await dana.sign_in("wrong")
    await dana.sign_in()
    for _ in range(most):
        with pytest.raises(UnauthorizedError, match=sign_ins.WRONG):
            await dana.sign_in("wrong")
    with pytest.raises(LockedOutError):
        await dana.sign_in()
    later(cluster, "sign_in_attempts", dana.tenant, locked_until="clock_timestamp()")
    await dana.sign_in()


async def test_old_failures_do_not_count(dana: Person, database: Database, cluster: "Cluster"):
    for _ in range(database.settings.lockout_attempts - 1):
        with pytest.raises(UnauthorizedError):
            await dana.sign_in("wrong")
    later(cluster, "sign_in_attempts", dana.tenant, since="since - interval '16 minutes'")
    for _ in range(2):
        with pytest.raises(UnauthorizedError, match=sign_ins.WRONG):
            await dana.sign_in("wrong")


async def test_an_address_has_so_many_failures_whatever_the_accounts(dana: Person, rita: Person, database: Database):
    database.settings = database.settings.model_copy(update={"address_attempts": 3})
    address = f"2001:db8::{uuid4().hex[:4]}"
    for number in range(3):
        await rita.sign_in(address=address)  # success is no failure
        with pytest.raises(UnauthorizedError, match=sign_ins.WRONG):
            await sign_ins.sign_in(
                database, slug=dana.slug, email=f"x{number}@x.example", password="wrong", client=Client(address=address)
            )
    with pytest.raises(LockedOutError):
        await dana.sign_in(address=address)
    await dana.sign_in(address=f"{address}1")


async def test_who_has_no_password_does_not_sign_in(dana: Person, database: Database, hashings: list[str]):
    invited = await a_person(database, dana.operator, password=None)
    async with database.write(dana.operator) as tx:
        program = await service_accounts.create(tx, name="Feeder", role="manager")
        address = (await users.find(tx, email=invited.email)).email
        with pytest.raises(NotFoundError):
            await passwords.put(tx, user=program.id, hashed=await passwords.hashed(database, PASSWORD))
    hashings.clear()
    with pytest.raises(UnauthorizedError, match=sign_ins.WRONG):
        await sign_ins.sign_in(database, slug=dana.slug, email=address, password=PASSWORD)
    assert len(hashings) == 1


async def test_too_many_at_once_are_told_to_come_again(dana: Person, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(passwords, "_MOST_WAITING", 0)
    with pytest.raises(UnavailableError, match="too many people"):
        await dana.sign_in()


# What ends a sign-in, at the next transaction


async def ended(database: Database, token: str) -> bool:
    try:
        await enter(database, token)
    except UnauthorizedError as error:
        assert str(error) == "not signed in: the credential is wrong, or not good any more"  # noqa: PT017
        return True
    return False


async def test_a_revoked_sign_in_is_over(dana: Person, ada: Person, database: Database):
    first, second = await dana.sign_in(), await dana.sign_in()
    async with database.write(dana.caller) as tx:
        assert {found.id for found in await sign_ins.listed(tx)} == {first.sign_in, second.sign_in}
        await sign_ins.revoke(tx, sign_in=first.sign_in)
        with pytest.raises(NotFoundError):
            await sign_ins.revoke(tx, sign_in=first.sign_in)
    assert [await ended(database, got.access_token) for got in (first, second)] == [True, False]
    with pytest.raises(UnauthorizedError):
        await sign_ins.refresh(database, first.refresh_token)
    async with database.write(ada.caller) as tx:
        assert await sign_ins.revoke_all(tx, user=dana.id) == 1
        assert {found.ended_because for found in await sign_ins.listed(tx, ended=True)} == {"revoked"}
    assert await ended(database, second.access_token)


async def test_who_signs_out_is_out(dana: Person, database: Database):
    got = await dana.sign_in()
    async with database.write((await doors.by_token(database, got.access_token)).caller) as tx:
        await sign_ins.sign_out(tx)
    assert await ended(database, got.access_token)


async def test_nobody_sees_or_ends_the_sign_ins_of_another(dana: Person, rita: Person, database: Database):
    """Neither a colleague who is no admin, nor the admin of another tenant."""
    got = await dana.sign_in()
    manager = await a_person(database, dana.operator, "manager")
    for other in (manager, rita):
        async with database.write(other.caller) as tx:
            assert await sign_ins.listed(tx) == []
            with pytest.raises(NotFoundError):
                await sign_ins.revoke(tx, sign_in=got.sign_in)
    async with database.write(rita.caller) as tx:
        assert await sign_ins.revoke_all(tx, user=dana.id) == 0
    with pytest.raises(ForbiddenError):
        async with database.write(manager.caller) as tx:
            await sign_ins.revoke_all(tx, user=dana.id)
    assert not await ended(database, got.access_token)


@pytest.mark.parametrize("column", ["expires_at", "idle_until"])
async def test_a_sign_in_ends_by_itself(dana: Person, database: Database, cluster: "Cluster", column: str):
    got = await dana.sign_in()
    later(cluster, "sign_ins", dana.tenant, **{column: "clock_timestamp()"})
    assert await ended(database, got.access_token)
    with pytest.raises(UnauthorizedError):
        await sign_ins.refresh(database, got.refresh_token)


async def test_who_is_deleted_or_suspended_is_out(dana: Person, ada: Person, database: Database):
    hers, adas = await dana.sign_in(), await ada.sign_in()
    async with database.write(ada.caller) as tx:
        await users.delete(tx, user=dana.id)
    assert await ended(database, hers.access_token)
    assert not await ended(database, adas.access_token)
    await tenants.set_status(database, tenant=dana.tenant, status="suspended")
    assert await ended(database, adas.access_token)
    for got in (hers, adas):
        with pytest.raises(UnauthorizedError):
            await sign_ins.refresh(database, got.refresh_token)
    with pytest.raises(UnauthorizedError, match=sign_ins.WRONG):
        await ada.sign_in()


async def test_a_role_is_the_database_s_to_say(dana: Person, ada: Person, database: Database):
    got = await dana.sign_in()
    async with database.write(ada.caller) as tx:
        await users.change_role(tx, user=dana.id, role="manager")
    assert await enter(database, got.access_token) == "manager"


async def test_a_proof_is_of_its_own_user_and_tenant(dana: Person, ada: Person, rita: Person, database: Database):
    got = await ada.sign_in()
    for caller in (
        Caller(dana.tenant, user=dana.id, proof=Proof(sign_in=got.sign_in)),
        Caller(rita.tenant, user=rita.id, proof=Proof(sign_in=got.sign_in)),
        Caller(rita.tenant, user=ada.id, proof=Proof(sign_in=got.sign_in)),
        Caller(ada.tenant, proof=Proof(sign_in=got.sign_in)),
        Caller(ada.tenant, user=ada.id, proof=Proof(sign_in=uuid4())),
        Caller(uuid4(), user=ada.id, proof=Proof(sign_in=got.sign_in)),
    ):
        with pytest.raises(UnauthorizedError):
            async with database.read(caller):
                pass
    halves: list[dict[str, Any]] = [
        {},
        {"sign_in": uuid4(), "key": uuid4(), "digest": b""},
        {"key": uuid4()},
        {"digest": b"x"},
    ]
    for half in halves:
        with pytest.raises(InvalidError):
            Proof(**half)


# Passwords


async def test_a_new_password_ends_all_other_sign_ins(dana: Person, database: Database):
    first, second = await dana.sign_in(), await dana.sign_in()
    caller = (await doors.by_token(database, first.access_token)).caller
    await passwords.change(database, caller, old=PASSWORD, new="another horse battery")
    assert [await ended(database, got.access_token) for got in (first, second)] == [False, True]
    await sign_ins.refresh(database, first.refresh_token)
    with pytest.raises(UnauthorizedError, match=sign_ins.WRONG):
        await dana.sign_in()
    await dana.sign_in("another horse battery")


async def test_guesses_at_the_old_password_are_counted(dana: Person, database: Database, cluster: "Cluster"):
    caller = (await doors.by_token(database, (await dana.sign_in()).access_token)).caller
    for _ in range(database.settings.lockout_attempts):
        with pytest.raises(UnauthorizedError, match="that is not the old password"):
            await passwords.change(database, caller, old="wrong", new="another horse battery")
    with pytest.raises(LockedOutError):
        await passwords.change(database, caller, old=PASSWORD, new="another horse battery")
    assert {entry["action"] for entry in audited(cluster, dana.tenant, "password")} >= {"password.refused"}


@pytest.mark.parametrize(
    "password", ["short", "x" * 1025, "aaaaaaaaaaaa", "DANA.LONG@ACME.EXAMPLE", "dana.long", "\ud800" * 9]
)
async def test_a_password_that_wont_do(password: str):
    with pytest.raises(InvalidError, match="a password"):
        passwords.check(password, email="dana.long@acme.example")


async def test_a_password_is_the_same_however_a_keyboard_composed_it(dana: Person, database: Database):
    hashed = await passwords.hashed(database, "cafe\u0301 au lait")
    async with database.write(dana.operator) as tx:
        await passwords.put(tx, user=dana.id, hashed=hashed)
    await dana.sign_in("caf\u00e9 au lait")


async def test_only_the_operator_sets_a_password_for_another(dana: Person, ada: Person, database: Database):
    hashed = await passwords.hashed(database, "another horse battery")
    with pytest.raises(ForbiddenError):
        async with database.write(ada.caller) as tx:
            await passwords.put(tx, user=dana.id, hashed=hashed)


async def test_real_argon2_by_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    hashed = passwords.argon2(PASSWORD, None)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.argon2(PASSWORD, hashed.rpartition("$")[0]) == hashed
    assert passwords.argon2("another", hashed.rpartition("$")[0]) != hashed


# What no login reads


def test_digests_are_nobody_s_to_read(cluster: "Cluster"):
    for login in ("app", "worker"):
        with psycopg.connect(cluster.url(login), autocommit=True) as connection:  # pyright: ignore[reportArgumentType]
            for table in ("user_secrets", "sign_in_attempts"):
                for verb in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                    row = connection.execute(
                        "SELECT has_table_privilege(%s, %s) OR has_any_column_privilege(%s, %s)",
                        (f"empla.{table}", verb, f"empla.{table}", verb if verb != "DELETE" else "SELECT"),
                    ).fetchone()
                    assert row == (False,)


async def test_the_recipe_that_leaves_the_database_holds_no_digest(dana: Person, cluster: "Cluster"):
    with psycopg.connect(cluster.url("app"), autocommit=True) as app:
        row = app.execute(
            "SELECT recipe FROM empla.begin_sign_in(%s, %s, NULL, 10, 10, '15 minutes', '15 minutes')",
            (dana.slug, dana.email),
        ).fetchone()
    with cluster.admin() as admin:
        kept = admin.execute(
            "SELECT convert_from(secret, 'UTF8') FROM empla.user_secrets WHERE kind = 'password' AND user_id = %s",
            (dana.id,),
        ).fetchone()
    assert row is not None
    assert kept is not None
    recipe, _, digest = kept[0].rpartition("$")
    assert row[0] == recipe
    assert digest not in row[0]


async def test_the_doors_answer_from_outside_alone(dana: Person, cluster: "Cluster"):
    with psycopg.connect(cluster.url("app")) as app:
        for call in (
            "begin_sign_in('x', 'x', NULL, 1, 1, '1 s', '1 s')",
            "request_reset('x', 'x', NULL, uuidv7(), ''::bytea, '1 s', 1, 1, '1 s', '1 s')",
            "look_at_link(uuidv7(), uuidv7(), uuidv7(), ''::bytea)",
        ):
            app.execute("SELECT ctx.enter(%s)", (dana.tenant,))
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(f"SELECT * FROM empla.{call}")  # pyright: ignore[reportArgumentType]
            app.rollback()


async def test_another_tenant_knows_nothing_of_it(dana: Person, rita: Person, database: Database):
    """One e-mail in two tenants: two people, two passwords, two locks."""
    twin = await a_person(database, rita.operator, password="twin horse battery", email=dana.email)
    for _ in range(database.settings.lockout_attempts):
        with pytest.raises(UnauthorizedError, match=sign_ins.WRONG):
            await twin.sign_in(PASSWORD)
    with pytest.raises(LockedOutError):
        await twin.sign_in("twin horse battery")
    got = await dana.sign_in()
    assert tokens.verify(database.settings, got.access_token).tid == dana.tenant
    assert await a_house(database)
