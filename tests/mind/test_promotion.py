"""A record earns a proposal; people promote, one stage at a time."""

from pathlib import Path

import pytest
from leaving import SEND, Leaver, a_leaver

from empla.employees import lifecycle
from empla.errors import ConflictError
from empla.storage.database import Database


@pytest.fixture
async def shadow(database: Database, tmp_path: Path) -> Leaver:
    """An employee in shadow that has drafted ten messages."""
    leaver = await a_leaver(database, tmp_path / "mail", stage="shadow")
    await leaver.learns("write", SEND, triggers=["occasion"])
    for number in range(10):
        await leaver.meets("occasion", who=f"Person {number}")
    await leaver.goes_on()
    return leaver


async def proposals(leaver: Leaver) -> list[str]:
    return [notice.text for notice in await leaver.notices() if notice.kind == "promotion"]


async def test_nine_of_nine_are_proposed_once_and_the_proposal_lapses_with_the_promotion(shadow: Leaver):
    drafts = await shadow.asked("drafts")
    for draft in drafts[:8]:
        await shadow.decides(draft.id)
    assert await proposals(shadow) == []
    await shadow.decides(drafts[8].id)
    [text] = await proposals(shadow)
    assert "people agreed with 9 of 9 of its effects in stage shadow (at least 70%" in text
    await shadow.decides(drafts[9].id)
    assert len(await proposals(shadow)) == 1
    with pytest.raises(ConflictError, match="one stage at a time"):
        async with shadow.database.write(shadow.caller) as tx:
            await lifecycle.promote(tx, employee=shadow.employee, to="autonomous")
    await shadow.is_trusted("supervised")
    assert await proposals(shadow) == []


async def test_an_edit_is_no_agreement(shadow: Leaver):
    drafts = await shadow.asked("drafts")
    await shadow.decides(drafts[0].id, "edit", title="Another")
    for draft in drafts[1:]:
        await shadow.decides(draft.id)
    assert await proposals(shadow) == []
    async with shadow.database.read(shadow.caller) as tx:
        [record] = await lifecycle.records(tx, employee=shadow.employee)
    assert (record.approved, record.edited, record.is_promising) == (9, 1, False)
