"""The seed: two tenants, each role of people and of employees, the same each time, and made once."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, get_args

import pytest
from own_database import own_database

from empla.bdi import beliefs, goals
from empla.demo import seed
from empla.employees import employees
from empla.employees.employees import EmployeeRole
from empla.errors import ConflictError
from empla.memory import episodic
from empla.mind import report
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants, users

if TYPE_CHECKING:
    from own_database import Cluster


@pytest.fixture
def two(cluster: "Cluster") -> Iterator[list[Settings]]:
    with ExitStack() as stack:
        yield [stack.enter_context(own_database(cluster)) for _ in range(2)]


async def operator(database: Database, slug: str) -> Caller:
    return Caller((await tenants.find(database, slug)).id)


async def everything(database: Database, slug: str) -> list[object]:
    """All that a tenant holds, but ids, and times that depend on the day."""
    found: list[object] = []
    async with database.read(await operator(database, slug)) as tx:
        found += [(user.email, user.name, user.role) for user in await users.everyone(tx)]
        for person in await employees.everyone(tx):
            found.append((person.name, person.role, person.personality, person.config, person.capabilities))
            wanted = await goals.listed(tx, employee=person.id)
            found += [(goal.goal_type, goal.description, goal.priority, goal.target.metric) for goal in wanted]
            held = await beliefs.held(tx, employee=person.id)
            found += [(belief.subject, belief.predicate, belief.object, round(belief.confidence, 3)) for belief in held]
            remembered = await episodic.latest(tx, employee=person.id)
            found += [(episode.description, tx.now - episode.occurred_at) for episode in remembered if slug == "globex"]
    return found


async def test_both_tenants_have_each_role_and_each_kind_of_goal(two: list[Settings]):
    async with opening.opened(two[0]) as database:
        made = await seed.seed(database)
        assert made.model_dump() == {
            "tenants": 2,
            "users": 6,
            "employees": 12,
            "assignments": 4,
            "goals": 22,
            "episodes": 14,
            "beliefs": 38,
        }
        for slug in ("acme-corp", "globex"):
            async with database.read(await operator(database, slug)) as tx:
                staff = await employees.everyone(tx)
                assert {person.role for person in staff} == set(get_args(EmployeeRole))
                assert {user.role for user in await users.everyone(tx)} == {"admin", "manager", "user"}
                wanted = [goal for person in staff for goal in await goals.listed(tx, employee=person.id)]
                assert {goal.goal_type for goal in wanted} == {"achievement", "maintenance", "prevention"}
                due = [goal.target.deadline_at for goal in wanted if goal.target.deadline_at]
                assert due
                assert all(deadline > tx.now for deadline in due)


async def test_a_user_sees_the_two_employees_that_are_assigned(two: list[Settings]):
    async with opening.opened(two[0]) as database:
        await seed.seed(database)
        acme = await operator(database, "acme-corp")
        async with database.read(acme) as tx:
            uma = await users.find(tx, email="uma@acme.example")
        async with database.read(Caller(acme.tenant, user=uma.id)) as tx:
            assert [person.name for person in await employees.everyone(tx)] == ["Casey", "Jordan"]


async def test_again_it_changes_nothing(two: list[Settings]):
    async with opening.opened(two[0]) as database:
        await seed.seed(database)
        before = {slug: await digest(database, slug) for slug in ("acme-corp", "globex")}
        assert not any((await seed.seed(database)).model_dump().values())
        assert {slug: await digest(database, slug) for slug in ("acme-corp", "globex")} == before


async def test_it_is_the_same_in_every_database(two: list[Settings]):
    async with opening.opened(two[0]) as one, opening.opened(two[1]) as other:
        await seed.seed(one)
        await seed.seed(other)
        for slug in ("acme-corp", "globex"):
            assert await everything(one, slug) == await everything(other, slug)
        assert await digest(one, "globex") == await digest(
            other, "globex"
        )  # times included: it lives in simulated time


async def digest(database: Database, slug: str) -> str:
    async with database.read(await operator(database, slug)) as tx:
        return (await report.report(tx, at=None)).digest


async def test_what_is_missing_is_made_and_the_rest_stays(two: list[Settings]):
    async with opening.opened(two[0]) as database:
        await seed.seed(database)
        async with database.write(await operator(database, "globex")) as tx:
            robin = await employees.find(tx, email="robin@globex.example")
            await employees.dismiss(tx, employee=robin.id)
        made = await seed.seed(database)
        assert (made.employees, made.goals, made.users, made.tenants) == (1, 2, 0, 0)


async def test_a_tenant_of_ones_own_is_left_alone(two: list[Settings]):
    async with opening.opened(two[0]) as database:
        await tenants.create(database, slug="globex", name="Our Globex")
        with pytest.raises(ConflictError, match="there is a tenant globex that is not the seed's"):
            await seed.seed(database)
        async with database.read(await operator(database, "globex")) as tx:
            assert await employees.everyone(tx) == []
