"""Onboarding → active ⇄ paused → terminated, with the schedule in step and each change in the audit log."""

import asyncio
from typing import LiteralString
from uuid import UUID

import pytest
from pydantic import BaseModel
from shift import Shift, a_shift

from empla.employees import assignments, employees, schedule
from empla.employees.employees import Employee
from empla.errors import ConflictError, ForbiddenError, NotFoundError
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

AUDITS: LiteralString = """
    SELECT details -> 'status' ->> 0 AS before, details -> 'status' ->> 1 AS after FROM audit_log
     WHERE tenant_id = %(tenant)s::uuid AND resource_id = %(employee)s::uuid AND action_type = 'employee.changed' ORDER BY id
"""


class Change(BaseModel):
    before: str | None
    after: str | None


@pytest.fixture
async def jordan(database: Database, acme: Caller) -> Shift:
    return await a_shift(database, acme)


async def changed(shift: Shift, operation: str, *, by: Caller | None = None) -> Employee:
    async with shift.database.write(by or shift.operator) as tx:
        return await getattr(employees, operation)(tx, employee=shift.employee)


async def audited(shift: Shift) -> list[tuple[str | None, str | None]]:
    async with shift.database.read(shift.operator) as tx:
        found = await tx.fetch_all(Change, AUDITS, employee=shift.employee)
    return [(change.before, change.after) for change in found]


async def test_a_paused_employee_runs_no_cycle_until_it_is_resumed(jordan: Shift):
    assert (await changed(jordan, "pause")).status == "paused"
    assert not (await jordan.place()).active
    with pytest.raises(ConflictError, match="this employee is paused"):
        await jordan.take()
    assert (await changed(jordan, "resume")).status == "active"
    assert (await jordan.place()).active
    assert await jordan.take() is not None
    assert await audited(jordan) == [("active", "paused"), ("paused", "active")]


async def test_again_changes_nothing(jordan: Shift):
    for operation, status in (("resume", "active"), ("pause", "paused"), ("pause", "paused")):
        before = await audited(jordan)
        assert (await changed(jordan, operation)).status == status
    assert await audited(jordan) == before == [("active", "paused")]


async def test_who_is_onboarding_works_from_its_first_resumption_on(database: Database, acme: Caller):
    robin = await a_shift(database, acme, active=False)
    assert not (await robin.place()).active
    with pytest.raises(ConflictError, match="Jordan is onboarding, and only who is active can be paused"):
        await changed(robin, "pause")
    person = await changed(robin, "resume")
    assert person.activated_at is not None
    assert person.onboarded_at == person.activated_at
    again = await changed(robin, "pause")
    assert again.activated_at == person.activated_at
    assert (await changed(robin, "resume")).activated_at == person.activated_at


async def test_who_was_dismissed_is_neither_paused_nor_resumed(jordan: Shift):
    async with jordan.database.write(jordan.operator) as tx:
        await employees.dismiss(tx, employee=jordan.employee)
    for operation in ("pause", "resume"):
        with pytest.raises(NotFoundError):
            await changed(jordan, operation)


async def test_staff_alone_pauses_and_its_own_people_alone(database: Database, jordan: Shift, rival: Caller):
    async with database.write(jordan.operator) as tx:
        manager, user = [
            await users.invite(tx, email=f"{role}@acme.example", name=role, role=role) for role in ("manager", "user")
        ]
        await assignments.assign(tx, user=user.id, employee=jordan.employee)
    with pytest.raises(ForbiddenError):
        await changed(jordan, "pause", by=Caller(jordan.operator.tenant, user=user.id))
    with pytest.raises(NotFoundError):
        await changed(jordan, "pause", by=rival)
    assert (await jordan.place()).active
    assert (await changed(jordan, "pause", by=Caller(jordan.operator.tenant, user=manager.id))).status == "paused"


async def test_a_pause_waits_for_the_transaction_in_hand_and_the_cycle_writes_nothing_more(jordan: Shift):
    async with jordan.database.work(jordan.caller) as tx:
        turn = await schedule.take_turn(tx, employee=jordan.employee)
        assert turn is not None
        pausing = asyncio.create_task(changed(jordan, "pause"))
        await asyncio.sleep(0.1)
        assert not pausing.done()
    await pausing
    with pytest.raises(ConflictError, match="this employee is paused"):
        await jordan.keep(turn.fence)


@pytest.mark.parametrize("operation", ["pause", "dismiss"])
async def test_a_cycle_that_writes_of_its_employee_and_whoever_shuts_it_out_do_not_wait_for_each_other(
    jordan: Shift, operation: str
):
    """Both lock the turn first, and then the employee."""
    count: LiteralString = """
        UPDATE employees SET metadata = '{"seen": true}' WHERE tenant_id = %(tenant)s::uuid AND id = %(employee)s::uuid
    """
    async with jordan.database.work(jordan.caller) as tx:
        assert await schedule.take_turn(tx, employee=jordan.employee) is not None
        shutting = asyncio.create_task(changed(jordan, operation))
        await asyncio.sleep(0.1)
        assert await tx.execute(count, employee=jordan.employee) == 1
    await shutting


async def test_a_hired_employee_is_scheduled_as_its_status_says(database: Database, acme: Caller):
    found: dict[UUID, bool] = {}
    for active in (True, False):
        shift = await a_shift(database, acme, active=active)
        found[shift.employee] = active
    async with database.read(acme) as tx:
        assert {turn.employee_id: turn.active for turn in await schedule.turns(tx)} == found
