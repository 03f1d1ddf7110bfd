"""The mind of an employee for Python programs: what it wants, intends, brings about and asks."""

from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

import pytest
from factories import MONDAY

from empla.app import App, EmployeeHandle, TenantHandle
from empla.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from empla.memory import procedural
from empla.memory.playbook import Playbook
from empla.storage.database import Database
from empla.storage.tx import Caller

REBUILD: dict[str, Any] = {
    "name": "rebuild",
    "description": "Rebuild",
    "goals": ["pipeline.coverage"],
    "success": "pipeline.coverage >= 1.1",
    "steps": [{"action": "task", "title": "Call"}, {"action": "ask", "text": "And now?", "timeout": "9 days"}],
}


@pytest.fixture
async def slug(database: Database) -> str:
    slug = f"t-{uuid4().hex[:12]}"
    await App(database).create_tenant(slug, name="Acme", starts_at=MONDAY)
    return slug


@pytest.fixture
async def acme(database: Database, slug: str) -> AsyncGenerator[TenantHandle]:
    async with App(database).tenant(slug) as found:
        yield found


@pytest.fixture
async def jordan(database: Database, acme: TenantHandle) -> EmployeeHandle:
    hired = await acme.employees.hire(name="Jordan", role="custom", email="jordan@acme.example")
    tenant = hired.record
    async with database.write(Caller((await acme.describe()).id)) as tx:
        await procedural.add(tx, employee=tenant.id, playbooks=[Playbook.of(REBUILD)])
    return hired


async def test_a_goal_lives_from_its_adoption_to_its_success(acme: TenantHandle, jordan: EmployeeHandle):
    goal = await jordan.goals.adopt(
        "pipeline.coverage", goal_type="maintenance", at_least=1.0, restore=1.1, key="coverage"
    )
    await jordan.beliefs.observe("pipeline", "coverage", 0.8, decay_rate=0)
    outcome = await jordan.cycle()
    assert (outcome.goals_moved, outcome.plans_adopted, outcome.steps) == (1, 1, 1)
    await jordan.cycle()
    (plan,) = await jordan.intentions.listed()
    assert [step.status for step in await jordan.intentions.steps(plan.id)] == ["completed", "in_progress"]
    assert [effect.title for effect in await jordan.effects.latest(intention=plan.id)] == ["Call"]
    assert (await jordan.intentions.explain(str(plan.id)[-8:])).intention == plan
    (notice,) = await acme.notices.listed(employee=jordan.id)
    await acme.notices.answer(notice.id, "Wait")
    await acme.advance_clock(MONDAY.replace(day=5))
    await jordan.beliefs.observe("pipeline", "coverage", 1.2, decay_rate=0)
    await jordan.cycle()
    assert await jordan.intentions.listed() == []
    assert [found.status for found in await jordan.intentions.listed(None, goal=goal.id)] == ["completed"]
    before = await jordan.goals.before_success(goal.id)
    assert [change.new_value for change in before.changes] == [0.8, 1.2]
    assert [event.new_state for event in await jordan.goals.history(goal.id)] == ["met", "violated", None]
    assert [event.new_state for event in await jordan.goals.history(goal.id, as_of=MONDAY)] == ["violated", None]
    assert [found.status for found in await acme.notices.listed(None)] == ["answered"]


async def test_goals_are_found_listed_and_dropped(jordan: EmployeeHandle):
    goal = await jordan.goals.adopt("deals", at_least=3, key="deals", importance=0.9)
    with pytest.raises(ConflictError, match="a goal of the key 'deals' is live already"):
        await jordan.goals.adopt("deals", at_least=3, key="deals")
    with pytest.raises(UsageError, match="a goal wants one number"):
        await jordan.goals.adopt("deals")
    assert await jordan.goals.find("deals") == goal == await jordan.goals.find(str(goal.id)[-8:])
    assert await jordan.goals.listed() == [goal]
    await jordan.goals.drop(goal.id, reason="no more")
    assert await jordan.goals.listed() == []
    assert [found.reason for found in await jordan.goals.listed(None)] == ["no more"]
    with pytest.raises(NotFoundError):
        await jordan.goals.find("deals")


async def test_a_goal_of_an_employee_may_have_the_key_of_anothers(acme: TenantHandle, jordan: EmployeeHandle):
    riley = await acme.employees.hire(name="Riley", role="custom", email="riley@acme.example")
    mine = await jordan.goals.adopt("deals", at_least=3, key="deals")
    theirs = await riley.goals.adopt("deals", at_least=3, key="deals")
    assert (await jordan.goals.find("deals"), await riley.goals.find("deals")) == (mine, theirs)


async def test_a_user_runs_no_cycle(database: Database, acme: TenantHandle, jordan: EmployeeHandle, slug: str):
    for role in ("admin", "user"):
        await acme.users.invite(email=f"{role}@acme.example", name=role, role=role)
        await jordan.assign(f"{role}@acme.example")
        async with App(database).tenant(slug, user=f"{role}@acme.example") as seen:
            theirs = await seen.employees.get("jordan@acme.example")
            with pytest.raises(ForbiddenError, match="a cycle is run by the operator, not by a user"):
                await theirs.cycle()
    with pytest.raises(ForbiddenError):
        await theirs.goals.adopt("deals", at_least=3)
