"""Within which limits effects leave: repeats, quiet hours, rates, budgets, what is connected, and how far the employee is trusted now."""

from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from leaving import SEND, Leaver, a_leaver, mails

from empla.bdi import intentions
from empla.bdi.intentions import Ending
from empla.effects import budgets
from empla.effects.budgets import Budget
from empla.employees import lifecycle, schedule
from empla.errors import ConflictError, InvalidError
from empla.storage.database import Database
from empla.storage.tx import Caller


@pytest.fixture
async def free(database: Database, tmp_path: Path) -> Leaver:
    """An autonomous employee."""
    return await a_leaver(database, tmp_path / "mail", stage="autonomous")


async def test_the_same_message_is_not_sent_twice_within_the_window(free: Leaver, tmp_path: Path):
    await free.is_to_write()
    await free.goes_on()
    await free.meets("occasion", who="Jane")
    await free.goes_on()
    assert len(mails(tmp_path / "mail")) == 1
    again = await free.plan("write")
    assert again.status == "failed"
    assert "it repeats the effect" in (again.reason or "")
    await free.waits(1.01)
    await free.meets("occasion", who="Jane")
    await free.goes_on()
    assert [effect.status for effect in await free.outgoing()] == ["done", "done"]


async def test_other_words_are_another_message(free: Leaver, tmp_path: Path):
    await free.is_to_write()
    await free.meets("occasion", who="Jim")
    await free.goes_on()
    assert [mail["Subject"] for mail in mails(tmp_path / "mail")] == ["Hello Jane", "Hello Jim"]


async def test_in_the_recipients_quiet_hours_it_waits(free: Leaver, tmp_path: Path):
    now = await free.now()
    assert now.hour == 9  # UTC: four in the morning in New York, half past two in the afternoon in Kolkata
    await free.may(quiet_hours=(time(18), time(8)))
    await free.is_to_write(
        {**SEND, "timezone": "America/New_York", "subject": "To New York"},
        {**SEND, "timezone": "Asia/Kolkata", "subject": "To Kolkata", "after": []},
    )
    await free.goes_on()
    assert [mail["Subject"] for mail in mails(tmp_path / "mail")] == ["To Kolkata"]
    [waiting] = [effect for effect in await free.outgoing() if effect.status == "approved"]
    assert waiting.not_before is not None
    assert "quiet hours" in (waiting.reason or "")
    hours = (waiting.not_before - now) / timedelta(hours=1)
    await free.waits((hours - 0.1) / 24)
    await free.goes_on()
    assert len(mails(tmp_path / "mail")) == 1
    await free.waits(0.2 / 24)
    await free.goes_on()
    assert len(mails(tmp_path / "mail")) == 2


async def test_an_unknown_time_zone_is_refused_before_anything_stands_there(free: Leaver):
    await free.is_to_write({**SEND, "timezone": "Atlantis/Capital"})
    await free.goes_on()
    assert await free.outgoing() == []
    assert "Atlantis/Capital" in ((await free.plan("write")).reason or "")


async def test_one_recipient_gets_only_so_many_a_day(free: Leaver, tmp_path: Path):
    await free.may(recipient_per_day=2)
    await free.learns("write", SEND, triggers=["occasion"])
    for who in ("A", "B", "C"):
        await free.meets("occasion", who=who)
    await free.goes_on()
    assert len(mails(tmp_path / "mail")) == 2
    [waiting] = [effect for effect in await free.outgoing() if effect.status == "approved"]
    assert "the same recipient had 2 within a day already" in (waiting.reason or "")
    await free.waits(1.01)
    await free.goes_on()
    assert len(mails(tmp_path / "mail")) == 3


async def test_a_tenant_sends_only_so_many_an_hour(free: Leaver, tmp_path: Path):
    await free.may(tenant_per_hour=1)
    await free.is_to_write()
    await free.meets("occasion", who="Jim")
    await free.goes_on()
    assert len(mails(tmp_path / "mail")) == 1
    await free.waits(1.01 / 24)
    await free.goes_on()
    assert len(mails(tmp_path / "mail")) == 2


async def test_a_spent_budget_stops_and_says_who_can_lift_it(free: Leaver, tmp_path: Path):
    async with free.database.write(free.caller) as tx:
        await budgets.set_daily(tx, scope=free.employee, resource="effects", daily=Decimal(1))
    await free.is_to_write()
    await free.meets("occasion", who="Jim")
    await free.goes_on()
    assert len(mails(tmp_path / "mail")) == 1
    [notice] = await free.notices()
    assert (notice.kind, notice.severity) == ("budget", "urgent")
    assert "the budget of 1 effects a day of the employee is spent" in notice.text
    assert "empla budget set" in notice.text
    async with free.database.read(free.caller) as tx:
        [effects, *_] = await budgets.used(tx, scopes=[free.employee])
    assert (effects.reserved, effects.spent, effects.left) == (0, 1, 0)

    async with free.database.write(free.caller) as tx:
        await budgets.set_daily(tx, scope=free.employee, resource="effects", daily=Decimal(2))
    await free.waits(1)
    await free.goes_on()
    assert len(mails(tmp_path / "mail")) == 2


async def test_without_an_integration_it_waits_and_says_so(database: Database, tmp_path: Path):
    leaver = await a_leaver(database, tmp_path / "mail", stage="autonomous", able=["email", "chat"])
    await leaver.is_to_write({"action": "invoke", "capability": "chat", "title": "Say hello", "arguments": {"room": 1}})
    await leaver.goes_on()
    [effect] = await leaver.outgoing()
    assert effect.status == "approved"
    assert "no integration carries chat" in (effect.reason or "")


async def test_arguments_are_held_to_the_capabilitys_schema(database: Database, tmp_path: Path):
    leaver = await a_leaver(database, tmp_path / "mail", stage="autonomous", able=["crm"])
    schema = {"type": "object", "properties": {"deal": {"type": "integer"}}, "required": ["deal"]}
    await leaver.may("crm", parameters=schema)
    await leaver.is_to_write(
        {"action": "invoke", "capability": "crm", "title": "Close", "arguments": {"deal": "{who}"}}
    )
    await leaver.goes_on()
    assert await leaver.outgoing() == []
    assert "'Jane' is not of type 'integer'" in ((await leaver.plan("write")).reason or "")
    with pytest.raises(InvalidError, match="no JSON schema"):
        await leaver.may("crm", parameters={"type": "nonsense"})


async def test_a_capability_that_is_switched_off_sends_nothing_more(free: Leaver, tmp_path: Path):
    await free.is_to_write(SEND, {**SEND, "subject": "Second", "after": []})
    await free.lives()  # the plan is adopted, and its first step has asked
    await free.may(enabled=False)
    await free.goes_on()
    assert mails(tmp_path / "mail") == []
    assert {effect.status for effect in await free.outgoing()} <= {"cancelled"}


async def test_demoted_it_asks_again_for_what_was_to_go_out_by_itself(free: Leaver, tmp_path: Path):
    await free.is_to_write()
    await free.lives()
    async with free.database.write(free.caller) as tx:
        await lifecycle.demote(tx, employee=free.employee, to="supervised")
    await free.goes_on()
    assert mails(tmp_path / "mail") == []
    [asked] = await free.asked()
    await free.decides(asked.id)
    await free.goes_on()
    assert len(mails(tmp_path / "mail")) == 1


async def test_in_shadow_again_nothing_leaves_though_it_was_approved(database: Database, tmp_path: Path):
    leaver = await a_leaver(database, tmp_path / "mail")
    await leaver.is_to_write()
    await leaver.goes_on()
    [asked] = await leaver.asked()
    await leaver.decides(asked.id)
    async with database.write(leaver.caller) as tx:
        await lifecycle.demote(tx, employee=leaver.employee, to="shadow")
    await leaver.goes_on()
    assert mails(tmp_path / "mail") == []
    [effect] = await leaver.outgoing()
    assert (effect.status, effect.reason) == ("cancelled", "the employee works in shadow")


async def test_nothing_is_sent_for_a_plan_that_is_over(database: Database, tmp_path: Path):
    leaver = await a_leaver(database, tmp_path / "mail")
    await leaver.is_to_write()
    await leaver.goes_on()
    [asked] = await leaver.asked()
    # The plan falls for another reason, while people think about it.
    [plan] = await leaver.plans()
    async with database.work(Caller(leaver.caller.tenant, employee=leaver.employee)) as tx:
        await intentions.end(
            tx, employee=leaver.employee, endings=[Ending(id=plan.id, status="abandoned", reason="it is not wanted")]
        )
    assert await leaver.asked() == []
    assert await leaver.notices() == []
    with pytest.raises(ConflictError, match="withdrawn already"):
        await leaver.decides(asked.id)
    [effect] = await leaver.outgoing()
    assert (effect.status, effect.reason) == ("cancelled", "its plan is over: it is not wanted")


async def test_a_name_is_sent_to_where_it_is_believed_to_be_reached(free: Leaver, tmp_path: Path):
    await free.hears("jane@elsewhere.example", "Jane", "email", source="told_by_human")
    await free.is_to_write({**SEND, "to": "{who}"})
    await free.meets("occasion", who="Nobody in particular")
    await free.goes_on()
    assert [mail["To"] for mail in mails(tmp_path / "mail")] == ["jane@elsewhere.example"]
    [drafted] = [effect for effect in await free.outgoing() if effect.status == "drafted"]
    assert drafted.recipients == ["Nobody in particular"]


async def test_three_bad_ends_of_the_last_five_demote(database: Database, tmp_path: Path):
    leaver = await a_leaver(database, tmp_path / "mail")
    await leaver.learns("write", SEND, triggers=["occasion"])
    lowered = None
    for number in range(3):
        assert lowered is None
        await leaver.meets("occasion", who=f"Person {number}")
        await leaver.goes_on()
        [asked] = await leaver.asked()
        lowered = (await leaver.decides(asked.id, "reject", "no")).demoted_to
    assert lowered == "shadow"
    assert "works in shadow from now on" in (await leaver.notices())[-1].text


async def test_what_a_killed_turn_had_set_aside_is_given_back_by_the_next(free: Leaver):
    employee = Caller(free.caller.tenant, employee=free.employee)
    async with free.database.work(employee) as tx:
        turn = await schedule.take_turn(tx, employee=free.employee)
        assert turn is not None
        assert await budgets.reserve(tx, key="a call", costs={"calls": 1, "tokens": 900}, fence=turn.fence) is None
    assert [budget.reserved for budget in await used(free)] == [0, 1, 900, 0]
    await free.lives()
    assert [budget.reserved + budget.spent for budget in await used(free)] == [0, 0, 0, 0]


async def used(leaver: Leaver) -> list[Budget]:
    async with leaver.database.read(leaver.caller) as tx:
        return await budgets.used(tx, scopes=[leaver.employee])
