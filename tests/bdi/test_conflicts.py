"""Guesses against a human's word: the database opens a conflict, a person settles it once, and it lapses when there is none any more."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any, LiteralString
from uuid import UUID

import pytest
from believer import Believer
from factories import MONDAY, a_simulated_tenant, an_employee, an_id
from pydantic import BaseModel, JsonValue

from empla.bdi import beliefs, conflicts
from empla.bdi.beliefs import Evidence
from empla.bdi.confidence import Source
from empla.bdi.conflicts import Conflict, ConflictStatus
from empla.employees import assignments, employees
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users
from empla.tenancy.users import Role

AUDITED: LiteralString = """
    SELECT action_type, actor_type, details FROM audit_log
     WHERE tenant_id = %(tenant)s::uuid AND resource_type = 'conflict' ORDER BY id
"""


class Audit(BaseModel):
    action_type: str
    actor_type: str
    details: dict[str, JsonValue]


async def guesses(jordan: Believer, value: JsonValue = "low", source: Source = "inference", **more: Any) -> None:
    await jordan.hears(value, source=source, **more)


async def listed(jordan: Believer, status: ConflictStatus | None = "open") -> list[Conflict]:
    async with jordan.database.read(jordan.caller) as tx:
        return await conflicts.listed(tx, status=status)


async def resolves(jordan: Believer, conflict: UUID, *, keep: bool, reason: str = "I asked them") -> Conflict:
    async with jordan.database.write(jordan.caller) as tx:
        return await conflicts.resolve(tx, conflict=conflict, keep=keep, reason=reason)


async def a_person(jordan: Believer, role: Role) -> Believer:
    """The same employee, in the eyes of a person of that role who has it assigned."""
    async with jordan.database.write(jordan.caller) as tx:
        person = await users.invite(tx, email=f"{role}@acme.example", name=role.title(), role=role)
        await assignments.assign(tx, user=person.id, employee=jordan.employee)
    return Believer(jordan.database, Caller(jordan.caller.tenant, user=person.id), jordan.employee)


@pytest.fixture
async def told(jordan: Believer) -> Believer:
    """Jordan, whom a human has told that coverage is high."""
    await jordan.hears("high", source="told_by_human")
    return jordan


@pytest.fixture
async def rival(database: Database) -> Believer:
    """Another tenant's employee, who has an open conflict of its own."""
    caller = await a_simulated_tenant(database)
    casey = Believer(database, caller, (await an_employee(database, caller, name="Casey")).id)
    await casey.hears("high", source="told_by_human")
    await guesses(casey)
    return casey


@pytest.fixture(autouse=True)
async def untouched(rival: Believer) -> AsyncGenerator[None]:
    """Whatever happens to Jordan's conflicts, the other tenant's stays open."""
    yield
    assert [(c.held, c.claimed, c.times) for c in await listed(rival)] == [("high", "low", 1)]


# Opening


@pytest.mark.parametrize("source", ["inference", "prior"])
@pytest.mark.parametrize("days", [0, 1])
async def test_a_guess_against_a_humans_word_opens_a_conflict(told: Believer, source: Source, days: int):
    moment = await told.waits(days) if days else MONDAY
    await guesses(told, source=source, evidence=an_id(1))
    (found,) = await listed(told)
    assert (found.subject, found.predicate, found.held, found.claimed) == ("pipeline", "coverage", "high", "low")
    assert (found.claimed_source, found.evidence, found.times) == (source, [str(an_id(1))], 1)
    assert (found.status, found.opened_at, found.employee_id) == ("open", moment, told.employee)
    assert (found.resolved_at, found.resolved_by, found.reason) == (None, None, None)
    assert found.belief_id == (await told.believes()).id


async def test_repeated_guesses_are_counted_and_the_same_evidence_once(told: Believer):
    for number in (1, 2, 2, 3):
        await guesses(told, evidence=an_id(number))
    await guesses(told)
    (found,) = await listed(told)
    assert (found.times, found.evidence) == (4, [str(an_id(number)) for number in (1, 2, 3)])


async def test_each_claim_has_a_conflict_of_its_own_and_equal_numbers_are_one(told: Believer):
    claims: list[JsonValue] = [1, 1.0, True, "low", None, [None], [], {}]
    for value in claims:
        await guesses(told, value)
    found = [(c.claimed, c.times) for c in await listed(told)]
    assert found == [(1, 2), (True, 1), ("low", 1), (None, 1), ([None], 1), ([], 1), ({}, 1)]


async def test_a_batch_opens_what_its_pieces_would(told: Believer):
    news = [
        Evidence(subject="pipeline", predicate="coverage", object=value, source="prior")
        for value in ("low", "none", "low")
    ]
    async with told.database.write(told.caller) as tx:
        await beliefs.observe_many(tx, employee=told.employee, news=news)
    assert tx.statements == 3
    assert sorted((str(c.claimed), c.times) for c in await listed(told)) == [("low", 2), ("none", 1)]


async def test_a_guess_in_the_batch_of_the_word_itself_opens_one_too(jordan: Believer):
    news = [
        Evidence(subject="deal", predicate="stage", object="won", source="told_by_human"),
        Evidence(subject="deal", predicate="stage", object="lost", source="inference"),
    ]
    async with jordan.database.write(jordan.caller) as tx:
        await beliefs.observe_many(tx, employee=jordan.employee, news=news)
    assert [(c.held, c.claimed) for c in await listed(jordan)] == [("won", "lost")]


async def test_what_is_late_or_outweighed_opens_none(told: Believer):
    await guesses(told, occurred_at=MONDAY - timedelta(days=1))
    await told.hears("low")
    await guesses(told, "high")
    assert await listed(told, None) == []


async def test_a_guess_that_a_second_human_contradicts_is_none_where_the_belief_says_the_same(told: Believer):
    await told.hears("low", source="told_by_human", reliability=0.6)
    await guesses(told, "high")
    assert (await told.changes())[-1] == "contradicted"
    assert await listed(told, None) == []


async def test_the_longest_claim_there_may_be_is_a_conflict(told: Believer):
    await guesses(told, "x" * 65_000)
    await guesses(told, list(range(9_000)))
    assert len(await listed(told)) == 2


async def test_conflicts_are_listed_by_employee_and_status_without_those_of_who_was_dismissed(told: Believer):
    colleague = Believer(told.database, told.caller, (await an_employee(told.database, told.caller, name="Riley")).id)
    await colleague.hears("high", source="told_by_human")
    await guesses(told)
    await guesses(colleague)
    async with told.database.read(told.caller) as tx:
        assert len(await conflicts.listed(tx)) == 2
        assert [c.employee_id for c in await conflicts.listed(tx, employee=told.employee)] == [told.employee]
        assert await conflicts.listed(tx, status="kept") == []
    async with told.database.write(told.caller) as tx:
        await employees.dismiss(tx, employee=colleague.employee)
    assert [c.employee_id for c in await listed(told)] == [told.employee]


# Lapsing


async def test_it_lapses_when_the_belief_comes_to_say_what_was_claimed(told: Believer):
    await guesses(told, "low")
    await guesses(told, "none")
    moment = await told.waits(1)
    await told.hears("low")
    assert [c.claimed for c in await listed(told)] == ["none"]
    (lapsed,) = await listed(told, "lapsed")
    assert (lapsed.claimed, lapsed.resolved_at, lapsed.reason) == ("low", moment, "it is believed now")
    assert (lapsed.resolved_by_type, lapsed.resolved_by) == ("system", UUID(int=0))


@pytest.mark.parametrize("how", ["retracted", "forgotten"])
async def test_it_lapses_when_the_belief_is_gone(told: Believer, how: str):
    await guesses(told)
    await told.waits(10)
    assert await (told.retracts("pipeline", "coverage") if how == "retracted" else told.forgets()) == 1
    (lapsed,) = await listed(told, None)
    assert (lapsed.status, lapsed.reason) == ("lapsed", "the belief is held no more")


async def test_it_stays_when_the_belief_comes_to_say_a_third_thing_and_knows_what_is_held_when_it_is_claimed_again(
    told: Believer,
):
    await guesses(told)
    await told.waits(1)
    await told.hears("medium", source="told_by_human")
    assert [(c.held, c.status) for c in await listed(told, None)] == [("high", "open")]
    await guesses(told)
    assert [(c.held, c.times) for c in await listed(told, None)] == [("medium", 2)]


# Settling


async def test_keeping_leaves_the_humans_word_and_the_claim_is_counted_without_asking_again(told: Believer):
    await guesses(told)
    (found,) = await listed(told)
    moment = await told.waits(1)
    kept = await resolves(told, found.id, keep=True)
    assert (kept.status, kept.reason, kept.resolved_at) == ("kept", "I asked them", moment)
    assert (await told.believes()).object == "high"
    await guesses(told, evidence=an_id(1))
    assert await listed(told) == []
    assert [(c.times, c.evidence) for c in await listed(told, None)] == [(2, [str(an_id(1))])]


async def test_what_was_kept_is_asked_again_once_the_belief_says_something_else(told: Believer):
    await guesses(told)
    await resolves(told, (await listed(told))[0].id, keep=True)
    await told.waits(1)
    await told.hears("medium", source="told_by_human")
    await guesses(told)
    assert [(c.held, c.claimed) for c in await listed(told)] == [("medium", "low")]


@pytest.mark.parametrize("days", [0, 1])
async def test_overturning_makes_the_claim_believed_as_the_callers_word(told: Believer, days: int):
    await guesses(told)
    (found,) = await listed(told)
    await told.waits(days)
    overturned = await resolves(told, found.id, keep=False, reason="they told me otherwise")
    assert (overturned.status, overturned.reason) == ("overturned", "they told me otherwise")
    belief = await told.believes()
    assert (belief.object, belief.source, belief.stored_confidence) == ("low", "told_by_human", 0.95)
    (*_, last) = await told.history()
    assert (last.change_type, last.old_value, last.reason) == ("updated", "high", "they told me otherwise")
    await told.waits(1)
    await guesses(told, "high")
    assert [(c.held, c.claimed) for c in await listed(told)] == [("low", "high")]


async def test_overturning_lets_fall_what_was_inferred_from_the_word(told: Believer):
    word = await told.believes()
    await told.hears(True, "team", "happy", source="inference", rests_on=(word.id,))
    await guesses(told)
    await resolves(told, (await listed(told))[0].id, keep=False)
    assert [b.subject for b in await told.believed(MONDAY)] == ["pipeline"]


async def test_what_is_settled_is_settled(told: Believer):
    await guesses(told)
    (found,) = await listed(told)
    await resolves(told, found.id, keep=True)
    for keep in (True, False):
        with pytest.raises(ConflictError, match=r"^this conflict is kept already$"):
            await resolves(told, found.id, keep=keep)
    assert (await told.believes()).object == "high"


SETTLED: LiteralString = """
    UPDATE belief_conflicts SET status = %(status)s::text, reason = 'anew'
     WHERE tenant_id = %(tenant)s::uuid AND id = %(conflict)s::uuid
"""


@pytest.mark.parametrize("status", ["open", "overturned", "lapsed"])
async def test_what_is_settled_is_settled_for_whoever_writes_sql_too(told: Believer, status: str):
    await guesses(told)
    kept = await resolves(told, (await listed(told))[0].id, keep=True)
    with pytest.raises(ConflictError, match=r"^this conflict is kept already$"):
        async with told.database.write(told.caller) as tx:
            await tx.execute(SETTLED, conflict=kept.id, status=status)
    async with told.database.write(told.caller) as tx:
        assert await tx.execute(SETTLED, conflict=kept.id, status="kept") == 1
    (found,) = await listed(told, None)
    assert (found.status, found.reason, found.resolved_at) == ("kept", "I asked them", kept.resolved_at)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001])
async def test_nothing_is_settled_without_a_reason_of_some_length(told: Believer, reason: str):
    await guesses(told)
    (found,) = await listed(told)
    with pytest.raises(InvalidError, match=r"^a conflict is settled with a reason of 1 to 2000 characters$"):
        await resolves(told, found.id, keep=True, reason=reason)


async def test_no_conflict_is_reached_from_another_tenant(told: Believer, rival: Believer):
    (theirs,) = await listed(rival)
    for wrong in (theirs.id, an_id(1)):
        with pytest.raises(NotFoundError, match=r"^there is no such conflict$"):
            await resolves(told, wrong, keep=False)
    assert await listed(told, None) == []


# Who may


@pytest.mark.parametrize("role", ["admin", "manager"])
async def test_an_admin_and_a_manager_settle_it_and_it_is_told_who(told: Believer, role: Role):
    await guesses(told)
    (found,) = await listed(told)
    person = await a_person(told, role)
    settled = await resolves(person, found.id, keep=False)
    assert (settled.resolved_by_type, settled.resolved_by) == ("user", person.caller.user)
    assert (await told.believes()).object == "low"


@pytest.mark.parametrize("keep", [True, False])
async def test_a_user_sees_the_conflicts_of_an_assigned_employee_and_settles_none(told: Believer, keep: bool):  # noqa: FBT001
    await guesses(told)
    sam = await a_person(told, "user")
    (found,) = await listed(sam)
    with pytest.raises(ForbiddenError, match=r"^the caller's role does not allow this$"):
        await resolves(sam, found.id, keep=keep)
    assert [c.status for c in await listed(told, None)] == ["open"]


@pytest.mark.parametrize("keep", [True, False])
async def test_an_employee_settles_none_itself(told: Believer, keep: bool):  # noqa: FBT001
    await guesses(told)
    (found,) = await listed(told)
    itself = Caller(told.caller.tenant, employee=told.employee)
    async with told.database.work(itself) as tx:
        assert await conflicts.listed(tx) == [found]
    with pytest.raises(ForbiddenError):
        async with told.database.work(itself) as tx:
            await conflicts.resolve(tx, conflict=found.id, keep=keep, reason="I know better")
    assert [c.status for c in await listed(told, None)] == ["open"]


async def test_opening_settling_and_lapsing_are_audited_and_counting_is_not(told: Believer):
    await guesses(told, "low")
    await guesses(told, "low")
    await guesses(told, "none")
    first, _ = await listed(told)
    manager = await a_person(told, "manager")
    await resolves(manager, first.id, keep=False)
    await told.retracts("pipeline", "coverage")
    async with told.database.read(told.caller) as tx:
        found = await tx.fetch_all(Audit, AUDITED)
    assert [(a.action_type, a.actor_type, a.details.get("status")) for a in found] == [
        ("conflict.created", "system", "open"),
        ("conflict.created", "system", "open"),
        ("conflict.changed", "user", ["open", "overturned"]),
        ("conflict.changed", "system", ["open", "lapsed"]),
    ]
    assert found[2].details["reason"] == [None, "I asked them"]


# Two at once


@pytest.fixture
async def crowd(settings: Settings, told: Believer) -> AsyncGenerator[Believer]:
    async with opening.opened(settings.model_copy(update={"pool_size": 20})) as many:
        yield Believer(many, told.caller, told.employee)


async def test_of_two_who_settle_it_at_once_exactly_one_does(crowd: Believer):
    for number in range(5):
        await guesses(crowd, number)
        (found,) = await listed(crowd)
        ended = await asyncio.gather(
            *(resolves(crowd, found.id, keep=True, reason=f"{one}") for one in range(6)), return_exceptions=True
        )
        settled = [one for one in ended if isinstance(one, Conflict)]
        assert len(settled) == 1
        assert {str(one) for one in ended if not isinstance(one, Conflict)} == {"this conflict is kept already"}
        assert (await listed(crowd, "kept"))[-1] == settled[0]


async def test_keeping_and_overturning_at_once_end_as_one_of_them(crowd: Believer):
    await guesses(crowd)
    (found,) = await listed(crowd)
    ended = await asyncio.gather(
        resolves(crowd, found.id, keep=True), resolves(crowd, found.id, keep=False), return_exceptions=True
    )
    (settled,) = [one for one in ended if isinstance(one, Conflict)]
    assert (await crowd.believes()).object == ("high" if settled.status == "kept" else "low")


async def test_guessing_and_settling_at_once_wait_for_each_other_and_never_in_a_circle(crowd: Believer):
    for number in range(5):
        await guesses(crowd, number)
        (found,) = await listed(crowd)
        await asyncio.gather(*(guesses(crowd, number) for _ in range(8)), resolves(crowd, found.id, keep=True))
        (kept,) = [c for c in await listed(crowd, None) if c.claimed == number]
        assert (kept.status, kept.times) == ("kept", 9)
