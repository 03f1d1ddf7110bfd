"""Goals are adopted by their employee, and listed the most pressing first."""

from typing import get_args

import pytest

from empla.bdi import goals
from empla.bdi.shapes import GoalType, Target
from empla.employees import employees
from empla.employees.employees import Employee
from empla.errors import ForbiddenError, InvalidError, NotFoundError
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

TEN_DEALS = Target.parse(
    {"metric": "deals_closed", "value": 10, "timeframe": "quarter", "deadline": "2025-12-31T23:59:59Z"}
)


async def hired(database: Database, operator: Caller) -> Employee:
    async with database.write(operator) as tx:
        return await employees.hire(tx, name="Jordan", role="sales_ae", email="jordan@acme.example")


async def test_a_goal_comes_back_as_it_was_adopted(database: Database, acme: Caller):
    jordan = await hired(database, acme)
    async with database.write(acme) as tx:
        adopted = await goals.adopt(
            tx,
            employee=jordan.id,
            goal_type="achievement",
            description=" Close ten deals ",
            target=TEN_DEALS,
            importance=0.8,
        )
        assert adopted.created_at == tx.now
    assert (adopted.description, adopted.status, adopted.priority) == (
        "Close ten deals",
        "active",
        9,
    )  # its deadline has passed
    assert adopted.target == TEN_DEALS
    assert adopted.current_progress.to_json() == {}
    async with database.read(acme) as tx:
        assert await goals.listed(tx, employee=jordan.id) == [adopted]


async def test_the_most_pressing_come_first_and_a_status_narrows(database: Database, acme: Caller):
    jordan = await hired(database, acme)
    async with database.write(acme) as tx:
        for goal_type, importance in zip(get_args(GoalType), (0.5, 0.9, 0.5), strict=True):
            await goals.adopt(
                tx,
                employee=jordan.id,
                goal_type=goal_type,
                description=goal_type,
                target=TEN_DEALS,
                importance=importance,
            )
    async with database.read(acme) as tx:
        listed = [goal.description for goal in await goals.listed(tx, employee=jordan.id)]
        assert listed == ["maintenance", "achievement", "prevention"]
        assert await goals.listed(tx, employee=jordan.id, statuses=["completed"]) == []
        assert len(await goals.listed(tx, employee=jordan.id, statuses=["active"])) == 3


async def test_an_importance_lies_between_0_and_1_and_a_description_says_something(database: Database, acme: Caller):
    jordan = await hired(database, acme)
    for description, importance in (("Close ten deals", -0.1), ("Close ten deals", 1.1), (" ", 0.5)):
        with pytest.raises(InvalidError):
            async with database.write(acme) as tx:
                await goals.adopt(
                    tx,
                    employee=jordan.id,
                    goal_type="achievement",
                    description=description,
                    target=TEN_DEALS,
                    importance=importance,
                )


async def test_nobody_hangs_a_goal_on_anothers_employee_or_sees_its_goals(
    database: Database, acme: Caller, rival: Caller
):
    jordan = await hired(database, acme)
    async with database.write(acme) as tx:
        await goals.adopt(tx, employee=jordan.id, goal_type="achievement", description="Ours", target=TEN_DEALS)
    with pytest.raises(NotFoundError):
        async with database.write(rival) as tx:
            await goals.adopt(tx, employee=jordan.id, goal_type="achievement", description="Theirs", target=TEN_DEALS)
    async with database.read(rival) as tx:
        assert await goals.listed(tx, employee=jordan.id) == []


async def test_a_user_adopts_nothing_for_an_employee(database: Database, acme: Caller):
    jordan = await hired(database, acme)
    async with database.write(acme) as tx:
        uma = await users.invite(tx, email="uma@acme.example", name="Uma", role="user")
    with pytest.raises(ForbiddenError):
        async with database.write(Caller(acme.tenant, user=uma.id)) as tx:
            await goals.adopt(tx, employee=jordan.id, goal_type="achievement", description="No", target=TEN_DEALS)
