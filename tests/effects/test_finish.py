"""What came of an effect is told by who started it, or found out about it by the next turn; by nobody else, and once."""

from pathlib import Path

import pytest
from leaving import Leaver, a_leaver

from empla.effects import outbox
from empla.errors import ConflictError
from empla.storage.database import Database
from empla.storage.tx import Caller


@pytest.fixture
async def leaver(database: Database, tmp_path: Path) -> Leaver:
    """An autonomous employee that has a message to send."""
    found = await a_leaver(database, tmp_path / "mail", stage="autonomous")
    await found.is_to_write()
    await found.lives()
    return found


def me(leaver: Leaver) -> Caller:
    return Caller(leaver.caller.tenant, employee=leaver.employee)


async def begins(leaver: Leaver, fence: int) -> str:
    [effect] = await leaver.outgoing()
    async with leaver.database.work(me(leaver)) as tx:
        begun = await outbox.begin(tx, employee=leaver.employee, effect=effect.id, fence=fence)
    assert begun is not None
    return begun.verdict


async def finishes(leaver: Leaver, fence: int, verdict: str) -> str | None:
    [effect] = await leaver.outgoing()
    async with leaver.database.work(me(leaver)) as tx:
        return await outbox.finish(tx, effect=effect.id, fence=fence, verdict=verdict, receipt={}, reason="x")


async def test_a_started_effect_is_started_by_nobody_else(leaver: Leaver):
    assert await begins(leaver, 10) == "started"
    assert await begins(leaver, 11) == "gone"


async def test_who_did_not_start_it_says_nothing(leaver: Leaver):
    await begins(leaver, 10)
    for fence in (9, 11):
        with pytest.raises(ConflictError, match=f"not in the hands of turn {fence}"):
            await finishes(leaver, fence, "done")
    assert await finishes(leaver, 10, "done") == "done"
    with pytest.raises(ConflictError):
        await finishes(leaver, 10, "failed")


async def test_who_slept_through_a_second_attempt_says_nothing_about_it(leaver: Leaver):
    await begins(leaver, 10)
    assert await finishes(leaver, 10, "later") == "approved"
    assert await begins(leaver, 11) == "started"
    with pytest.raises(ConflictError):
        await finishes(leaver, 10, "done")
    [effect] = await leaver.outgoing()
    assert (effect.status, effect.attempts) == ("started", 2)


async def test_who_wakes_up_knows_better_than_uncertain_but_does_not_try_again(leaver: Leaver):
    await begins(leaver, 10)
    assert await finishes(leaver, 10, "uncertain") == "uncertain"
    [notice] = [notice for notice in await leaver.notices() if notice.kind == "outbox"]
    assert "I don't know whether this happened" in notice.text
    with pytest.raises(ConflictError):
        await finishes(leaver, 10, "later")
    assert await finishes(leaver, 10, "done") == "done"
    assert [notice for notice in await leaver.notices() if notice.kind == "outbox"] == []


@pytest.mark.parametrize(("finding", "status"), [("happened", "done"), ("did_not", "failed"), ("again", "approved")])
async def test_a_human_settles_what_is_uncertain(leaver: Leaver, finding: outbox.Finding, status: str):
    await begins(leaver, 10)
    await finishes(leaver, 10, "uncertain")
    [effect] = await leaver.outgoing()
    async with leaver.database.write(leaver.caller) as tx:
        found = await outbox.settle(tx, employee=leaver.employee, effect=effect.id, finding=finding, reason="I asked")
    assert found == status
    [effect] = await leaver.outgoing()
    assert (effect.status, effect.reason) == (status, "I asked")
    if status != "approved":
        with pytest.raises(ConflictError):
            async with leaver.database.write(leaver.caller) as tx:
                await outbox.settle(tx, employee=leaver.employee, effect=effect.id, finding=finding, reason="once more")
