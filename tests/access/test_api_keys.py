"""A key is worth its owner's role at most, less its scopes, and where it is narrowed its employees alone: by the database."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from factories import an_employee
from insider import Person, a_person, audited, later
from psycopg import sql

from empla.access import credentials, doors, keys, principals, service_accounts
from empla.access.credentials import Credential
from empla.access.keys import NewKey
from empla.access.principals import SCOPES, UNLIMITED
from empla.employees import assignments, employees
from empla.errors import ForbiddenError, InvalidError, NotFoundError, UnauthorizedError
from empla.memory import episodic
from empla.storage.database import Database
from empla.storage.tx import Caller, Proof, ReadTx, Tx
from empla.tenancy import tenants, users

if TYPE_CHECKING:
    from tests.conftest import Cluster


async def a_key(
    person: Person, *scopes: str, employees: list[UUID] | None = None, expires_at: datetime | None = None
) -> NewKey:
    async with person.database.write(person.caller) as tx:
        return await keys.create(
            tx,
            user=person.id,
            name="CI",
            scopes=scopes or ("read", "write", "approve", "admin"),
            employees=employees,
            expires_at=expires_at,
        )


@asynccontextmanager
async def reading(database: Database, key: NewKey) -> AsyncGenerator[ReadTx]:
    async with database.read((await doors.by_token(database, key.text)).caller) as tx:
        yield tx


@asynccontextmanager
async def writing(database: Database, key: NewKey) -> AsyncGenerator[Tx]:
    async with database.write((await doors.by_token(database, key.text)).caller) as tx:
        yield tx


async def opens(database: Database, key: NewKey) -> bool:
    try:
        async with reading(database, key):
            return True
    except UnauthorizedError as error:
        assert str(error) == credentials.REFUSED  # noqa: PT017
        return False


async def test_a_key_opens_the_door_as_its_owner_in_one_message(ada: Person, database: Database):
    made = await a_key(ada)
    principal = await doors.by_token(database, made.text)
    assert (principal.kind, principal.user, principal.name) == ("api_key", ada.id, made.key.prefix)
    async with database.read(principal.caller) as tx:
        assert tx.statements == 1
        assert (tx.role, tx.scopes) == ("admin", frozenset(UNLIMITED))
    assert tx.statements == 2
    assert made.text not in repr((made, principal))


async def test_only_its_digest_is_kept(ada: Person, cluster: "Cluster"):
    made = await a_key(ada)
    [secret] = credentials.read("key", made.text).secrets
    with cluster.admin() as admin:
        for table in ("user_secrets", "api_keys", "audit_log"):
            row = admin.execute(
                sql.SQL("SELECT string_agg(t::text, ' ') FROM empla.{} t WHERE tenant_id = %s").format(
                    sql.Identifier(table)
                ),
                (ada.tenant,),
            ).fetchone()
            assert row is not None
            assert made.key.prefix in row[0] or table == "user_secrets"
            assert secret.hex() not in row[0]
            assert made.text not in row[0]
    assert [entry["action"] for entry in audited(cluster, ada.tenant, "api_key")] == ["api_key.created"]


@pytest.mark.parametrize("change", ["secret", "key", "user", "tenant"])
async def test_a_key_with_a_part_of_another_opens_nothing(
    ada: Person, dana: Person, rita: Person, database: Database, change: str
):
    made, other = await a_key(ada), await a_key(rita)
    mine, theirs = credentials.read("key", made.text), credentials.read("key", other.text)
    forged = {
        "secret": Credential("key", mine.id, mine.tenant, mine.user, theirs.secrets),
        "key": Credential("key", theirs.id, mine.tenant, mine.user, mine.secrets),
        "user": Credential("key", mine.id, mine.tenant, dana.id, mine.secrets),
        "tenant": Credential("key", mine.id, theirs.tenant, theirs.user, mine.secrets),
    }[change]
    with pytest.raises(UnauthorizedError):
        async with database.read((await doors.by_token(database, forged.text)).caller):
            pass
    assert await opens(database, made)


async def test_a_revoked_key_opens_nothing_from_the_next_transaction_on(
    ada: Person, database: Database, cluster: "Cluster"
):
    made, other = await a_key(ada), await a_key(ada)
    async with database.write(ada.caller) as tx:
        await keys.revoke(tx, key=made.key.id)
        with pytest.raises(NotFoundError):
            await keys.revoke(tx, key=made.key.id)
        assert [found.id for found in await keys.listed(tx)] == [other.key.id]
        assert len(await keys.listed(tx, revoked=True)) == 2
    assert [await opens(database, key) for key in (made, other)] == [False, True]
    assert [entry["action"] for entry in audited(cluster, ada.tenant, "api_key")][-1] == "api_key.changed"


async def test_a_key_ends_by_itself_with_its_owner_and_with_its_tenant(
    ada: Person, dana: Person, database: Database, cluster: "Cluster"
):
    ending, hers, adas = (
        await a_key(ada, expires_at=datetime.now(UTC) + timedelta(days=1)),
        await a_key(dana),
        await a_key(ada),
    )
    assert await opens(database, ending)
    with cluster.admin() as admin, admin.transaction():
        admin.execute("SELECT set_config('app.current_tenant_id', %s, true)", (str(ada.tenant),))
        admin.execute("UPDATE empla.api_keys SET expires_at = clock_timestamp() WHERE id = %s", (ending.key.id,))
    assert not await opens(database, ending)
    async with database.write(ada.caller) as tx:
        await users.delete(tx, user=dana.id)
    assert [await opens(database, key) for key in (hers, adas)] == [False, True]
    await tenants.set_status(database, tenant=ada.tenant, status="suspended")
    assert not await opens(database, adas)


# Narrowed


async def test_a_key_for_some_employees_sees_them_alone_whatever_the_statement(ada: Person, database: Database):
    jordan, casey = [await an_employee(database, ada.operator, name=name) for name in ("Jordan", "Casey")]
    made = await a_key(ada, employees=[jordan.id])
    async with reading(database, made) as tx:
        assert tx.role == "delegate"
        assert [found.id for found in await employees.everyone(tx)] == [jordan.id]
        with pytest.raises(NotFoundError):
            await employees.find(tx, email=casey.email)
        # What injected SQL would do.
        assert await tx.fetch_value(int, "SELECT count(*) FROM employees") == 1
        assert await tx.fetch_value(int, "SELECT count(*) FROM employees WHERE id = %(other)s", other=casey.id) == 0
    with pytest.raises((ForbiddenError, NotFoundError)):
        async with writing(database, made) as tx:
            await assignments.assign(tx, user=ada.id, employee=casey.id)
    async with database.read(Caller(ada.tenant, user=ada.id)) as tx:
        assert len(await employees.everyone(tx)) == 2


async def test_a_narrowed_key_writes_for_its_employees_while_its_owner_is_staff(
    ada: Person, rita: Person, database: Database
):
    jordan, casey = [await an_employee(database, ada.operator, name=name) for name in ("Jordan", "Casey")]
    theirs = await an_employee(database, rita.operator)
    made = await a_key(ada, "memory:write", employees=[jordan.id])
    async with writing(database, made) as tx:
        assert tx.role == "delegate"
        assert tx.statements == 1
        kept = await episodic.record(tx, employee=jordan.id, description="Jane asked for a discount")
    async with database.write(ada.operator) as tx:
        other = await episodic.record(tx, employee=casey.id, description="Jim did not")
    for employee in (casey.id, theirs.id, uuid4()):
        with pytest.raises(ForbiddenError, match="role does not allow"):
            async with writing(database, made) as tx:
                await episodic.record(tx, employee=employee, description="Jane asked for a discount")
    async with writing(database, made) as tx:
        # What injected SQL would do.
        assert await tx.execute("UPDATE memory_episodes SET importance = 1") == 1
        assert await tx.execute("UPDATE employees SET name = 'Eve'") == 0
        with pytest.raises(ForbiddenError):
            await episodic.forget(tx, employee=casey.id, ids=[other.id])
    async with writing(database, made) as tx:
        assert await episodic.forget(tx, employee=jordan.id, ids=[kept.id]) == [kept.id]
    # From the next transaction on it is worth what its owner is.
    async with database.write(ada.operator) as tx:
        await users.change(tx, user=ada.id, role="user")
        await assignments.assign(tx, user=ada.id, employee=jordan.id)
    async with writing(database, made) as tx:
        assert tx.role == "user"
        with pytest.raises(ForbiddenError):
            await episodic.record(tx, employee=jordan.id, description="Jane asked for a discount")


async def test_of_several_employees_a_narrowed_key_names_all(ada: Person, database: Database):
    jordan, casey, robin = [
        await an_employee(database, ada.operator, name=name) for name in ("Jordan", "Casey", "Robin")
    ]
    made = await a_key(ada, "memory:write", employees=[jordan.id, casey.id])
    async with writing(database, made) as tx:
        for employee in (jordan, casey):
            await episodic.record(tx, employee=employee.id, description="Jane asked for a discount")
        with pytest.raises(ForbiddenError):
            await episodic.record(tx, employee=robin.id, description="Jane asked for a discount")


async def test_a_user_s_key_sees_what_is_in_both(ada: Person, dana: Person, database: Database):
    jordan, casey, robin = [
        await an_employee(database, ada.operator, name=name) for name in ("Jordan", "Casey", "Robin")
    ]
    async with database.write(ada.caller) as tx:
        for employee in (jordan, casey):
            await assignments.assign(tx, user=dana.id, employee=employee.id)
    made = await a_key(dana, employees=[casey.id])
    async with database.write(ada.caller) as tx:
        program = await service_accounts.create(tx, name="Feeder", role="user")
        wide = await keys.create(tx, user=program.id, name="k", scopes=["read"], employees=[casey.id, robin.id])
    for key, seen in ((made, {casey.id}), (wide, set[UUID]())):
        async with reading(database, key) as tx:
            assert {found.id for found in await employees.everyone(tx)} == seen
    async with database.write(ada.caller) as tx:
        await assignments.withdraw(tx, user=dana.id, employee=casey.id)
    async with reading(database, made) as tx:
        assert await employees.everyone(tx) == []


async def test_nobody_narrows_a_key_to_what_they_do_not_see(
    ada: Person, dana: Person, rita: Person, database: Database
):
    jordan, theirs = await an_employee(database, ada.operator), await an_employee(database, rita.operator)
    for person, wanted in ((dana, [jordan.id]), (ada, [jordan.id, theirs.id]), (ada, [uuid4()])):
        with pytest.raises(NotFoundError):
            await a_key(person, employees=wanted)
    with pytest.raises(InvalidError):
        await a_key(ada, employees=[])


# Scopes


@pytest.mark.parametrize("scopes", [("read",), ("memory:read", "beliefs:read")])
async def test_a_key_that_writes_nothing_is_entered_read_only(ada: Person, database: Database, scopes: tuple[str, ...]):
    made = await a_key(ada, *scopes)
    with pytest.raises(ForbiddenError):
        async with writing(database, made) as tx:
            await tenants.advance_clock(tx, datetime.now(UTC))
    with pytest.raises(ForbiddenError):
        async with writing(database, made) as tx:
            await employees.hire(tx, name="Jordan", role="sales_ae", email=f"j-{uuid4().hex}@acme.example")


@pytest.mark.parametrize("scope", ["write", "employees:write", "approve"])
async def test_a_key_that_writes_something_can(ada: Person, database: Database, scope: str):
    made = await a_key(ada, scope)
    async with writing(database, made) as tx:
        assert tx.role == "manager"  # without the scope admin
        await employees.hire(tx, name="Jordan", role="sales_ae", email=f"j-{uuid4().hex}@acme.example")
    with pytest.raises(ForbiddenError):
        async with writing(database, made) as tx:
            await users.invite(tx, email=f"u-{uuid4().hex}@acme.example", name="Eve", role="admin")


async def test_scopes_add_nothing_to_a_role(dana: Person, database: Database):
    made = await a_key(dana, "read", "write", "approve", "admin")
    async with reading(database, made) as tx:
        assert tx.role == "user"
    with pytest.raises(ForbiddenError):
        async with writing(database, made) as tx:
            await users.invite(tx, email=f"u-{uuid4().hex}@acme.example", name="Eve", role="admin")


async def test_a_scope_is_required_by_name(ada: Person, database: Database):
    async with reading(database, await a_key(ada, "beliefs:read", "write")) as tx:
        for allowed in ("beliefs:read", "beliefs:write", "memory:write", "write"):
            principals.require(tx, allowed)
        for refused in ("memory:read", "read", "approve", "admin"):
            with pytest.raises(ForbiddenError, match=f"has not the scope {refused}"):
                principals.require(tx, refused)
        with pytest.raises(ValueError, match="is no scope"):
            principals.require(tx, "beliefs:approve")
    async with database.read(ada.caller) as tx:
        for scope in SCOPES:
            principals.require(tx, scope)


@pytest.mark.parametrize(
    "scope", ["", "all", "*", "write:beliefs", "beliefs:*", "beliefs:approve", "{admin}", "READ", "a,b"]
)
async def test_a_word_that_is_no_scope(ada: Person, scope: str):
    with pytest.raises(InvalidError, match="no scope"):
        await a_key(ada, "read", scope)


async def test_a_key_has_a_scope_a_name_and_an_end_to_come(ada: Person, database: Database):
    async with database.write(ada.caller) as tx:
        with pytest.raises(InvalidError, match="at least one scope"):
            await keys.create(tx, user=ada.id, name="k", scopes=[])
        with pytest.raises(InvalidError, match="ends in the future"):
            await keys.create(tx, user=ada.id, name="k", scopes=["read"], expires_at=datetime.now(UTC))
    with pytest.raises(InvalidError, match="the name of a key"):
        async with database.write(ada.caller) as tx:
            await keys.create(tx, user=ada.id, name=" ", scopes=["read"])


# Whose


async def test_people_make_their_own_keys_and_admins_those_of_programs(
    ada: Person, dana: Person, rita: Person, database: Database
):
    async with database.write(ada.caller) as tx:
        program = await service_accounts.create(tx, name="Feeder", role="manager")
        made = await keys.create(tx, user=program.id, name="k", scopes=["read"])
        assert (await service_accounts.everyone(tx), made.key.created_by) == ([program], ada.id)
        assert program.id not in {person.id for person in await users.everyone(tx)}
    async with reading(database, made) as tx:
        assert (tx.role, tx.caller.user) == ("manager", program.id)
    for maker, owner in ((ada, dana.id), (dana, ada.id), (dana, program.id)):
        with pytest.raises(ForbiddenError):
            async with database.write(maker.caller) as tx:
                await keys.create(tx, user=owner, name="k", scopes=["read"])
    for owner in (dana.id, program.id):
        with pytest.raises(NotFoundError):
            async with database.write(rita.caller) as tx:
                await keys.create(tx, user=owner, name="k", scopes=["read"])


async def test_nobody_sees_or_revokes_the_key_of_another(ada: Person, dana: Person, rita: Person, database: Database):
    made = await a_key(ada)
    for other in (dana, rita):
        async with database.write(other.caller) as tx:
            assert await keys.listed(tx) == []
            with pytest.raises(NotFoundError):
                await keys.find(tx, key=made.key.id)
            with pytest.raises(NotFoundError):
                await keys.revoke(tx, key=made.key.id)
    hers = await a_key(dana)
    async with database.write(ada.caller) as tx:
        await keys.revoke(tx, key=hers.key.id)
    assert [await opens(database, key) for key in (made, hers)] == [True, False]


async def test_a_key_makes_no_keys(ada: Person, database: Database):
    made = await a_key(ada)
    with pytest.raises(ForbiddenError):
        async with writing(database, made) as tx:
            await keys.create(tx, user=ada.id, name="k", scopes=["read"])


async def test_a_program_stays_one(ada: Person, database: Database):
    async with database.write(ada.caller) as tx:
        program = await service_accounts.create(tx, name="Feeder", role="user")
    with pytest.raises(InvalidError, match="never changes"):
        async with database.write(ada.caller) as tx:
            await tx.execute("UPDATE users SET is_service = false WHERE id = %(id)s", id=program.id)


# When it was used


async def test_its_use_is_noted_behind_the_answer_once_a_minute(ada: Person, database: Database, cluster: "Cluster"):
    made = await a_key(ada)

    async def used() -> datetime | None:
        await database.settled()
        async with database.read(ada.caller) as tx:
            return (await keys.find(tx, key=made.key.id)).last_used_at

    assert await used() is None
    assert await opens(database, made)
    first = await used()
    assert first is not None
    assert await opens(database, made)
    assert not database._afterwards  # pyright: ignore[reportPrivateUsage] — this process knows
    database._uses.clear()  # pyright: ignore[reportPrivateUsage] — another one asks
    assert await opens(database, made)
    assert await used() == first
    later(cluster, "api_keys", ada.tenant, last_used_at="last_used_at - interval '61 seconds'")
    database._uses.clear()  # pyright: ignore[reportPrivateUsage]
    assert await opens(database, made)
    assert await used() > first - timedelta(seconds=1)  # pyright: ignore[reportOptionalOperand]


async def test_a_key_that_opened_nothing_was_not_used(ada: Person, database: Database):
    made = await a_key(ada)
    forged = Caller(ada.tenant, user=ada.id, proof=Proof(key=made.key.id, digest=b"x" * 32))
    with pytest.raises(UnauthorizedError):
        async with database.read(forged):
            pass
    assert not database._afterwards  # pyright: ignore[reportPrivateUsage]


async def test_noting_waits_for_nobody(ada: Person, database: Database, cluster: "Cluster"):
    made = await a_key(ada)
    with cluster.admin() as admin, admin.transaction():
        admin.execute("SELECT FROM empla.api_keys WHERE id = %s FOR UPDATE", (made.key.id,))
        assert await opens(database, made)
        await database.settled()
    async with database.read(ada.caller) as tx:
        assert (await keys.find(tx, key=made.key.id)).last_used_at is None


async def test_a_key_opens_nothing_for_a_worker(ada: Person, database: Database):
    made = await a_key(ada)
    with pytest.raises((UnauthorizedError, ForbiddenError)):
        async with database.work((await doors.by_token(database, made.text)).caller):
            pass


async def test_a_person_without_a_password_may_have_keys(dana: Person, database: Database):
    invited = await a_person(database, dana.operator, password=None)
    assert await opens(database, await a_key(invited, "read"))
