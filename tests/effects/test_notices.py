"""The same matter is open once; only people answer, once, and whoever asked goes on."""

from typing import LiteralString
from uuid import UUID, uuid4

import pytest
from factories import a_simulated_tenant
from living import Living, hired

from empla.effects import notices
from empla.employees import schedule
from empla.errors import ConflictError, EmplaError, InvalidError, NotFoundError
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

ANSWERED: LiteralString = """
    UPDATE notices SET status = 'answered', answer = 'yes', answered_at = %(now)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
"""


@pytest.fixture
async def living(database: Database) -> Living:
    return await hired(database)


async def tells(living: Living, *, key: str = "k", text: str = "May I?", goal: UUID | None = None) -> bool:
    async with living.database.write(living.caller) as tx:
        return await notices.tell(tx, employee=living.employee, key=key, kind="question", text=text, goal=goal)


async def test_the_same_matter_is_open_once_and_again_after_it_was_answered(living: Living):
    assert await tells(living)
    assert not await tells(living, text="May I, please?")
    assert [notice.text for notice in await living.notices()] == ["May I?"]
    await living.answers("no")
    assert await tells(living)
    assert len(await living.notices(status=None)) == 2


async def test_an_answer_is_given_once_with_words_and_by_somebody(living: Living):
    await tells(living)
    [notice] = await living.notices()
    with pytest.raises(InvalidError, match="an answer needs words"):
        await living.answers("  ")
    async with living.database.write(living.caller) as tx:
        uma = await users.invite(tx, email="uma@acme.example", name="Uma", role="admin")
    async with living.database.write(Caller(living.caller.tenant, user=uma.id)) as tx:
        await notices.answer(tx, notice=notice.id, text=" Yes. ")
    [answered] = await living.notices(status="answered")
    assert (answered.answer, answered.answered_by, answered.answered_at) == ("Yes.", uma.id, await living.now())
    for gone, error in ((notice.id, ConflictError), (uuid4(), NotFoundError)):
        with pytest.raises(error):
            async with living.database.write(living.caller) as tx:
                await notices.answer(tx, notice=gone, text="No")


async def test_an_answer_wakes_whoever_asked(living: Living):
    await living.lives()
    await tells(living)
    await living.answers("yes")
    async with living.database.read(living.caller) as tx:
        [turn] = await schedule.turns(tx)
        assert turn.next_cycle_at == tx.now


async def test_an_employee_does_not_answer_itself(living: Living):
    await tells(living)
    [notice] = await living.notices()
    employee = Caller(living.caller.tenant, employee=living.employee)
    with pytest.raises(EmplaError):
        async with living.database.work(employee) as tx:
            await notices.answer(tx, notice=notice.id, text="Certainly")
    with pytest.raises(EmplaError):
        async with living.database.work(employee) as tx:
            await tx.execute(ANSWERED, employee=living.employee, now=tx.now)
    assert len(await living.notices()) == 1


async def test_a_question_lapses_with_its_matter_and_information_stays(living: Living):
    goal = await living.wants("pipeline.coverage", threshold=1)
    await tells(living, goal=goal.id)
    async with living.database.write(living.caller) as tx:
        await notices.tell(tx, employee=living.employee, key="i", kind="information", text="By the way", goal=goal.id)
        assert await notices.lapse(tx, employee=living.employee, goals=[goal.id], intentions=[]) == 1
    assert [notice.text for notice in await living.notices()] == ["By the way"]


async def test_anothers_notices_are_neither_seen_nor_answered(living: Living, database: Database):
    await tells(living)
    [notice] = await living.notices()
    stranger = Living(database, await a_simulated_tenant(database), living.employee)
    assert await stranger.notices() == []
    with pytest.raises(NotFoundError):
        async with database.write(stranger.caller) as tx:
            await notices.answer(tx, notice=notice.id, text="Yes")
