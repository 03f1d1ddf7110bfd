"""What leaves, leaves once: as the stage allows, as it was approved, within its limits, and to the end of its plan."""

from pathlib import Path

import pytest
from leaving import SEND, Leaver, a_leaver, mails

from empla.errors import ConflictError, InvalidError
from empla.mind import deciding
from empla.mind.explain import explain
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users


@pytest.fixture
async def leaver(database: Database, tmp_path: Path) -> Leaver:
    return await a_leaver(database, tmp_path / "mail")


async def test_in_shadow_a_message_is_drafted_and_the_plan_goes_on(database: Database, tmp_path: Path):
    leaver = await a_leaver(database, tmp_path / "mail", stage="shadow")
    await leaver.is_to_write(SEND, {"action": "note", "text": "after"})
    await leaver.goes_on()
    [effect] = await leaver.outgoing()
    assert (effect.status, effect.stage, effect.title) == ("drafted", "shadow", "Hello Jane")
    assert [step.status for step in await leaver.steps("write")] == ["completed", "completed"]
    assert mails(tmp_path / "mail") == []
    assert await leaver.asked() == []
    [draft] = await leaver.asked("drafts")
    decided = await leaver.decides(draft.id)
    assert decided.status == "drafted"
    await leaver.goes_on()
    assert mails(tmp_path / "mail") == []


async def test_supervised_it_waits_for_approval_and_is_then_sent_once(leaver: Leaver, tmp_path: Path):
    await leaver.is_to_write(SEND, {"action": "note", "text": "after"})
    await leaver.goes_on()
    assert [step.status for step in await leaver.steps("write")] == ["in_progress", "pending"]
    [asked] = await leaver.asked()
    assert (asked.title, asked.recipients, asked.effect_status) == (
        "Hello Jane",
        ["jane@prospect.example"],
        "awaiting_approval",
    )
    [notice] = await leaver.notices()
    assert (notice.kind, notice.severity) == ("approval", "warning")
    assert mails(tmp_path / "mail") == []

    await leaver.decides(asked.id)
    assert await leaver.notices() == []
    await leaver.goes_on()
    [mail] = mails(tmp_path / "mail")
    assert (mail["Subject"], mail["To"]) == ("Hello Jane", "jane@prospect.example")
    [effect] = await leaver.outgoing()
    assert (effect.status, effect.attempts) == ("done", 1)
    assert [step.status for step in await leaver.steps("write")] == ["completed", "completed"]
    assert (await leaver.plan("write")).status == "completed"


async def test_an_edit_is_sent_as_edited_and_kept_as_a_lesson(leaver: Leaver, tmp_path: Path):
    await leaver.is_to_write()
    await leaver.goes_on()
    [asked] = await leaver.asked()
    decided = await leaver.decides(asked.id, "edit", "shorter", title="Hi Jane", body="See you")
    assert decided.approval_id != asked.id
    await leaver.goes_on()
    [mail] = mails(tmp_path / "mail")
    assert (mail["Subject"], mail.get_content().strip()) == ("Hi Jane", "See you")
    by_id = {approval.id: approval for approval in await leaver.asked("all")}
    assert by_id[asked.id].status == "edited"
    fresh = by_id[decided.approval_id]
    assert (fresh.status, fresh.edited_from) == ("approved", asked.id)
    assert fresh.digest != asked.digest
    assert fresh.used_at is not None


async def test_what_is_rejected_is_not_sent_and_its_plan_fails(leaver: Leaver, tmp_path: Path):
    await leaver.is_to_write()
    await leaver.goes_on()
    [asked] = await leaver.asked()
    with pytest.raises(InvalidError, match="a rejection needs a reason"):
        await leaver.decides(asked.id, "reject")
    await leaver.decides(asked.id, "reject", "too early")
    await leaver.goes_on()
    assert mails(tmp_path / "mail") == []
    [effect] = await leaver.outgoing()
    assert (effect.status, effect.reason) == ("cancelled", "rejected: too early")
    plan = await leaver.plan("write")
    assert plan.status == "failed"
    assert "rejected: too early" in (plan.reason or "")
    with pytest.raises(ConflictError, match="rejected already"):
        await leaver.decides(asked.id)


async def test_what_nobody_decides_in_time_does_not_happen(leaver: Leaver, tmp_path: Path):
    await leaver.is_to_write()
    await leaver.goes_on()
    [asked] = await leaver.asked()
    assert asked.expires_at is not None
    await leaver.waits(14)
    with pytest.raises(ConflictError, match="expired"):
        await leaver.decides(asked.id)
    await leaver.goes_on()
    [effect] = await leaver.outgoing()
    assert (effect.status, effect.reason) == ("cancelled", "nobody decided in time")
    assert [approval.status for approval in await leaver.asked("all")] == ["expired"]
    assert (await leaver.plan("write")).status == "failed"
    assert mails(tmp_path / "mail") == []


async def test_autonomous_it_sends_without_asking(database: Database, tmp_path: Path):
    leaver = await a_leaver(database, tmp_path / "mail", stage="autonomous")
    await leaver.is_to_write()
    await leaver.goes_on()
    assert len(mails(tmp_path / "mail")) == 1
    assert await leaver.asked("all") == []


async def test_explain_says_what_waits_and_who_decided(leaver: Leaver):
    await leaver.is_to_write()
    await leaver.goes_on()
    plan = await leaver.plan("write")
    async with leaver.database.read(leaver.caller) as tx:
        waiting = str(await explain(tx, intention=plan.id))
    assert "step 1 (send): approval of “Hello Jane”, until 2025-" in waiting
    async with leaver.database.write(leaver.caller) as tx:
        greta = await users.invite(tx, email="greta@acme.example", name="Greta", role="manager")
    [asked] = await leaver.asked()
    async with leaver.database.write(Caller(leaver.caller.tenant, user=greta.id)) as tx:
        await deciding.decide(tx, approval=asked.id, verdict="approve", reason="go on")
    await leaver.goes_on()
    async with leaver.database.read(leaver.caller) as tx:
        done = str(await explain(tx, intention=plan.id))
    assert "→ message “Hello Jane”, done" in done
    assert "approved by Greta, 2025-" in done
    assert done.count("go on") == 1
