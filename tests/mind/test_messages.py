"""How many messages a cycle sends: what waits costs nothing, and a step costs the same however much else there is."""

from datetime import timedelta
from pathlib import Path

import pytest
from leaving import SEND, a_leaver
from living import Living, hired

from empla.employees import schedule
from empla.employees.employees import EmployeeRole
from empla.employees.schedule import Turn
from empla.memory import working
from empla.memory.shapes import WorkingContent
from empla.mind.act import act
from empla.mind.circumstance import look
from empla.mind.deliver import deliver
from empla.storage.database import Database
from empla.storage.tx import Caller

NOTE = {"action": "note", "text": "done"}
LEASE = timedelta(seconds=60)


async def messages(living: Living) -> int:
    """What one cycle sends."""
    before = living.database.statements
    await living.lives()
    return living.database.statements - before


async def waits_for_everything(living: Living) -> None:
    """Goals of each standing, and a plan that waits for each thing that there is to wait for."""
    await living.hears(1.5, "team", decay_rate=0)
    await living.hears(5, "team", "complaints", decay_rate=0)
    await living.wants("team.coverage", threshold=1, window="30 days", measure="min")
    await living.wants("team.complaints", goal_type="prevention", threshold=0)
    await living.wants("team.unheard_of", goal_type="achievement", value=3)
    await living.wants("team.coverage", threshold=1, conditions={"context": "self.never"})
    await living.wants("team.coverage", threshold=1, conditions={"creation": "self.never"})
    await living.learns("world", {"action": "await", "criteria": "self.never"}, triggers=["chance"])
    await living.learns("human", {"action": "ask", "text": "May I?"}, triggers=["chance2"])
    await living.learns("pause", {"action": "follow_up", "kind": "in no time"}, triggers=["chance3"])
    await living.learns("success", NOTE, goals=["team.complaints"], success="team.complaints < 1")
    await living.learns("whole", {"action": "pursue", "playbook": "part"}, triggers=["chance4"])
    await living.learns("part", {"action": "await", "criteria": "self.never"})
    for kind in ("chance", "chance2", "chance3", "chance4"):
        await living.meets(kind)
    await living.goes_on()
    first = (await living.plan("world")).id
    await living.intends("dependant", NOTE, depends_on=[first])
    async with living.database.write(living.caller) as tx:
        await working.hold(
            tx, employee=living.employee, context_type="scratchpad", content=WorkingContent(), pinned=True
        )
    await living.goes_on()


@pytest.mark.parametrize(("role", "sent"), [("custom", 5), ("sales_ae", 6)])
async def test_a_quiet_cycle_with_goals_and_plans_that_wait_sends_six_messages(
    database: Database, role: EmployeeRole, sent: int
):
    """Begin, turn, perceive, look, commit; a salesperson also evaluates its records."""
    living = await hired(database, role)
    await waits_for_everything(living)
    assert len([plan for plan in await living.plans() if plan.ended_at is None]) == 7
    await living.waits(0.001)
    assert [await messages(living) for _ in range(3)] == [sent] * 3


async def a_turn(living: Living) -> Turn:
    employee = Caller(living.caller.tenant, employee=living.employee)
    async with living.database.work(employee) as tx:
        turn = await schedule.take_turn(tx, employee=living.employee, lease=LEASE)
    assert turn is not None
    return turn


async def steps(living: Living, turn: Turn) -> int:
    """The messages of one step's transaction."""
    employee = Caller(living.caller.tenant, employee=living.employee)
    before = living.database.statements
    assert await act(living.database, employee, turn, served=set(), lease=LEASE) is not None
    return living.database.statements - before


@pytest.mark.parametrize("busy", [False, True])
async def test_a_step_sends_eight_messages_and_one_more_where_a_plan_begins(living: Living, busy: bool):  # noqa: FBT001
    """Begin, fence, look, task in hand, effect, step, served, commit; a plan that begins is written too."""
    if busy:
        await waits_for_everything(living)
    await living.intends("work", NOTE, NOTE, NOTE)
    turn = await a_turn(living)
    assert [await steps(living, turn) for _ in range(2)] == [9, 8]
    assert await steps(living, turn) == 10  # the plan has ended: so have its questions


async def test_a_step_whose_condition_does_not_hold_sends_one_less(living: Living):
    await living.intends("work", NOTE, {**NOTE, "if": "self.never"}, NOTE)
    turn = await a_turn(living)
    assert [await steps(living, turn) for _ in range(2)] == [9, 7]


async def test_a_cycle_in_which_there_was_no_turn_sends_three(living: Living):
    await living.lives()
    await a_turn(living)
    before = living.database.statements
    assert not (await living.lives()).ran
    assert living.database.statements - before == 3


async def test_what_waits_for_approval_costs_a_quiet_cycle_nothing(database: Database, tmp_path: Path):
    leaver = await a_leaver(database, tmp_path / "mail")
    await leaver.is_to_write()
    await leaver.goes_on()
    assert len(await leaver.asked()) == 1
    await leaver.waits(0.001)
    assert [await messages(leaver) for _ in range(2)] == [5, 5]


@pytest.mark.parametrize("many", [1, 5])
async def test_an_effect_takes_seven_messages_to_leave_however_many_others_do(
    database: Database, tmp_path: Path, many: int
):
    """Begin, keep the turn, the gates, commit; it is sent outside of every transaction; begin, what came of it, commit."""
    leaver = await a_leaver(database, tmp_path / "mail")
    await leaver.may(recipient_per_day=100)
    await leaver.learns("write", SEND, triggers=["occasion"])
    for number in range(many):
        await leaver.meets("occasion", who=f"Person {number}")
    await leaver.goes_on()
    for asked in await leaver.asked():
        await leaver.decides(asked.id)
    employee = Caller(leaver.caller.tenant, employee=leaver.employee)
    turn = await a_turn(leaver)
    async with database.work(employee) as tx:
        circumstance = await look(tx, employee=leaver.employee)
    before = database.statements
    sent = await deliver(database, employee, turn, circumstance, lease=LEASE)
    assert [delivered.status for delivered in sent] == ["done"] * many
    assert database.statements - before == many * 7
