"""What is inferred from beliefs falls with them, unless somebody else vouches for it."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from believer import Believer
from factories import MONDAY, a_simulated_tenant, an_employee
from inferring import edges, held, infers, sees
from pydantic import JsonValue

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.errors import InvalidError, NotFoundError
from empla.storage.database import Database


async def last(jordan: Believer) -> tuple[str, JsonValue, str | None]:
    *_, change = await jordan.history()
    return change.change_type, change.old_value, change.reason


@pytest.fixture
async def rival(database: Database) -> Believer:
    """Another tenant's employee, who has derived beliefs of its own."""
    caller = await a_simulated_tenant(database)
    casey = Believer(database, caller, (await an_employee(database, caller, name="Casey")).id)
    await infers(casey, "risk", await sees(casey, "usage"))
    return casey


@pytest.fixture(autouse=True)
async def untouched(rival: Believer) -> AsyncGenerator[None]:
    """Whatever happens to Jordan's beliefs, the other tenant's stay."""
    yield
    assert await held(rival) == ["risk", "usage"]
    assert await edges(rival) == [("risk", "usage")]
    assert await rival.changes() == ["created", "created"]


# Falling


async def test_what_was_inferred_falls_when_what_it_rests_on_is_retracted(jordan: Believer):
    await infers(jordan, "risk", await sees(jordan, "usage"))
    assert await edges(jordan) == [("risk", "usage")]
    assert await jordan.retracts("usage", "is") == 1
    assert await held(jordan) == []
    assert await edges(jordan) == []
    assert await last(jordan) == ("deleted", "yes", "rested on usage.is, which is believed no more")
    assert await jordan.audits() == 4


async def test_what_was_inferred_falls_when_what_it_rests_on_is_forgotten(jordan: Believer):
    await infers(jordan, "risk", await sees(jordan, "usage", decay_rate=0.1), decay_rate=0)
    await jordan.waits(9)
    assert await jordan.forgets() == 1
    assert await held(jordan) == []
    assert await last(jordan) == ("deleted", "yes", "rested on usage.is, which is believed no more")


async def test_what_was_inferred_falls_when_what_it_rests_on_comes_to_say_something_else(jordan: Believer):
    await infers(jordan, "risk", await sees(jordan, "usage", 40))
    await jordan.waits(1)
    await sees(jordan, "usage", 70)
    assert await held(jordan) == ["usage"]
    assert await last(jordan) == ("deleted", "yes", "rested on usage.is, which says something else now")


async def test_it_stands_while_what_it_rests_on_is_confirmed(jordan: Believer):
    await infers(jordan, "risk", await sees(jordan, "usage", 40))
    await jordan.waits(1)
    await sees(jordan, "usage", 40.0)
    assert await held(jordan) == ["risk", "usage"]


async def test_a_whole_tower_falls_in_the_same_statement(jordan: Believer):
    below = await sees(jordan, "0")
    for floor in range(1, 60):
        below = await infers(jordan, f"{floor}", below)
    async with jordan.database.write(jordan.caller) as tx:
        await beliefs.retract(tx, employee=jordan.employee, subject="0", predicates=["is"], reason="no")
        assert await beliefs.held(tx, employee=jordan.employee) == []
    assert tx.statements == 4
    assert (await jordan.changes()).count("deleted") == 60
    assert {change.reason for change in await jordan.history() if change.change_type == "deleted"} == {
        "no",
        *(f"rested on {floor}.is, which is believed no more" for floor in range(59)),
    }


async def test_of_two_that_it_rests_on_one_is_enough_to_fall(jordan: Believer):
    await infers(jordan, "risk", await sees(jordan, "usage"), await sees(jordan, "tickets"))
    await jordan.retracts("tickets", "is")
    assert await held(jordan) == ["usage"]
    assert await edges(jordan) == []


async def test_what_rests_on_the_same_in_two_ways_falls_once(jordan: Believer):
    usage = await sees(jordan, "usage")
    left, right = await infers(jordan, "left", usage), await infers(jordan, "right", usage)
    await infers(jordan, "top", left, right)
    await jordan.retracts("usage", "is")
    assert (await jordan.changes()).count("deleted") == 4
    assert {change.reason for change in await jordan.history() if change.change_type == "deleted"} == {
        "a slip of the pen",
        "rested on usage.is, which is believed no more",
        "rested on left.is, which is believed no more; right.is, which is believed no more",
    }


# Staying


@pytest.mark.parametrize("source", ["observation", "told_by_human"])
@pytest.mark.parametrize("days", [0, 1])
async def test_what_somebody_vouches_for_stays_and_rests_on_it_no_more(jordan: Believer, source: str, days: int):
    await infers(jordan, "risk", await sees(jordan, "usage"))
    await jordan.waits(days)
    before = await sees(jordan, "risk", source=source)
    assert await edges(jordan) == [("risk", "usage")]
    await jordan.retracts("usage", "is")
    assert await edges(jordan) == []
    assert await jordan.believes("risk", "is") == before
    await sees(jordan, "usage")
    await jordan.retracts("usage", "is")
    assert await held(jordan) == ["risk"]


async def test_what_it_rested_on_may_rest_on_it_once_it_says_the_same_again(jordan: Believer):
    risk = await infers(jordan, "risk", await sees(jordan, "usage", 40))
    await sees(jordan, "risk")
    await jordan.waits(1)
    await sees(jordan, "usage", 70)
    await jordan.waits(1)
    await infers(jordan, "usage", risk, value=40)
    assert (await sees(jordan, "risk")).object == "yes"
    assert await edges(jordan) == [("usage", "risk")]


async def test_what_rests_on_a_belief_that_stays_stays(jordan: Believer):
    risk = await infers(jordan, "risk", await sees(jordan, "usage"))
    await sees(jordan, "risk")
    await infers(jordan, "call", risk)
    await jordan.retracts("usage", "is")
    assert await edges(jordan) == [("call", "risk")]
    assert await held(jordan) == ["call", "risk"]


async def test_what_comes_to_say_something_else_by_itself_rests_on_it_no_more(jordan: Believer):
    await infers(jordan, "risk", await sees(jordan, "usage"))
    await jordan.waits(1)
    await jordan.hears("no", "risk", "is", source="inference")
    assert await edges(jordan) == []
    await jordan.retracts("usage", "is")
    assert await held(jordan) == ["risk"]


async def test_an_inference_that_did_not_count_leaves_it_resting_on_nothing(jordan: Believer):
    usage = await sees(jordan, "usage")
    await sees(jordan, "risk", source="told_by_human")
    await infers(jordan, "risk", usage, value="no")
    await infers(jordan, "risk", usage, occurred_at=MONDAY - timedelta(days=1))
    assert await edges(jordan) == []


async def test_it_rests_on_what_the_inferences_for_its_present_object_rest_on(jordan: Believer):
    one, other = await sees(jordan, "one"), await sees(jordan, "other")
    await infers(jordan, "risk", one)
    await infers(jordan, "risk", other, value="no", reliability=0.8)
    assert await edges(jordan) == [("risk", "other")]
    await jordan.hears("yes", "risk", "is", source="inference")  # and back: with the first inference it weighs more
    assert (await jordan.believes("risk", "is")).object == "yes"
    assert await edges(jordan) == [("risk", "one")]


async def test_it_does_not_come_back_to_what_rested_on_something_that_fell_meanwhile(jordan: Believer):
    one, other = await sees(jordan, "one"), await sees(jordan, "other")
    await infers(jordan, "risk", one)
    await infers(jordan, "risk", other, value="no", reliability=0.8)
    await jordan.retracts("one", "is")
    assert await held(jordan) == ["other", "risk"]
    await jordan.hears("yes", "risk", "is", source="inference")
    assert await held(jordan) == ["other"]
    assert await last(jordan) == ("deleted", "yes", "rests on one.is, which is not so any more")


async def test_what_is_carried_into_a_new_moment_still_rests_on_it(jordan: Believer):
    usage = await sees(jordan, "usage", decay_rate=0)
    await infers(jordan, "risk", usage, decay_rate=0)
    await jordan.waits(1)
    await infers(jordan, "risk", await sees(jordan, "tickets", decay_rate=0))
    assert await edges(jordan) == [("risk", "tickets"), ("risk", "usage")]
    await jordan.retracts("usage", "is")
    assert await held(jordan) == ["tickets"]


# What is refused


async def test_only_an_inference_rests_on_beliefs(jordan: Believer):
    usage = await sees(jordan, "usage")
    with pytest.raises(
        InvalidError, match=r"^evidence: rests_on: only an inference rests on beliefs, not observation$"
    ):
        await sees(jordan, "risk", rests_on=(usage.id,))


async def test_nothing_rests_on_what_is_not_believed_or_is_not_ones_own(jordan: Believer, rival: Believer):
    colleague = Believer(jordan.database, jordan.caller, (await an_employee(jordan.database, jordan.caller)).id)
    usage = await sees(jordan, "usage")
    await jordan.retracts("usage", "is")
    for other in (usage, await sees(colleague, "usage"), await rival.believes("usage", "is")):
        with pytest.raises(NotFoundError, match=r"^what an inference rests on is not believed$"):
            await infers(jordan, "risk", other)
    assert await held(jordan) == []


async def test_a_belief_never_rests_on_itself_directly_or_around(jordan: Believer):
    usage = await sees(jordan, "usage")
    risk = await infers(jordan, "risk", usage)
    call = await infers(jordan, "call", risk)
    for about, on in (("usage", usage), ("risk", call), ("usage", call)):
        with pytest.raises(
            InvalidError, match=f"^a belief can't rest on itself: {about}.is would, directly or around$"
        ):
            await infers(jordan, about, on, value="new")
    assert await edges(jordan) == [("call", "risk"), ("risk", "usage")]


async def test_two_of_one_batch_do_not_rest_on_each_other(jordan: Believer):
    one, other = await sees(jordan, "one"), await sees(jordan, "other")
    news = [
        Evidence(subject=about, predicate="is", object="yes", source="inference", rests_on=(on.id,))
        for about, on in (("one", other), ("other", one))
    ]
    with pytest.raises(InvalidError, match=r"^these beliefs would rest on each other in a circle$"):
        async with jordan.database.write(jordan.caller) as tx:
            await beliefs.observe_many(tx, employee=jordan.employee, news=news)
    assert await edges(jordan) == []


@pytest.mark.parametrize("inferred", ["risk", "worry"])  # before and after usage: in that order beliefs are written
@pytest.mark.parametrize(("before", "after"), [(40, 70), (None, [None]), ([], {}), ("x" * 2000, "x" * 2001)], ids=str)
async def test_what_changes_in_the_batch_that_infers_from_it_takes_the_inference_along(
    jordan: Believer, inferred: str, before: JsonValue, after: JsonValue
):
    usage = await sees(jordan, "usage", before)
    moment = await jordan.waits(1)
    news = [
        Evidence(subject=inferred, predicate="is", object="yes", source="inference", rests_on=(usage.id,)),
        Evidence(subject="usage", predicate="is", object=after, occurred_at=moment),
    ]
    async with jordan.database.write(jordan.caller) as tx:
        await beliefs.observe_many(tx, employee=jordan.employee, news=news)
    assert await held(jordan) == ["usage"]
    assert await last(jordan) == ("deleted", "yes", "rests on usage.is, which is not so any more")


# How sure


async def test_it_is_no_surer_than_the_weakest_that_it_rests_on_whatever_fades_first(jordan: Believer):
    usage = await sees(jordan, "usage", reliability=0.6, decay_rate=0.1)
    tickets = await sees(jordan, "tickets", decay_rate=0)
    risk = await infers(jordan, "risk", usage, tickets, decay_rate=0)
    call = await infers(jordan, "call", risk, reliability=0.9, decay_rate=0)
    assert (risk.confidence, risk.stored_confidence, call.confidence) == (0.6, 0.7, 0.6)
    await jordan.waits(1)
    for about in ("risk", "call"):
        assert (await jordan.believes(about, "is")).confidence == pytest.approx(0.5)
    assert [round(b.confidence, 3) for b in await jordan.believed(MONDAY)] == [0.6, 0.6, 0.9, 0.6]
    assert [round(b.confidence, 3) for b in await jordan.believed(MONDAY + timedelta(days=1))] == [0.5, 0.5, 0.9, 0.5]


async def test_who_vouches_for_it_as_well_is_not_held_down(jordan: Believer):
    usage = await sees(jordan, "usage", reliability=0.6)
    await sees(jordan, "risk")
    assert (await infers(jordan, "risk", usage)).confidence > 0.9


# Statements, and the past


async def test_a_thousand_inferences_are_three_messages(jordan: Believer):
    usage = await sees(jordan, "usage")
    news = [
        Evidence(subject=f"deal:{number}", predicate="is", object="yes", source="inference", rests_on=(usage.id,))
        for number in range(1000)
    ]
    async with jordan.database.write(jordan.caller) as tx:
        assert len(await beliefs.observe_many(tx, employee=jordan.employee, news=news)) == 1000
    assert tx.statements == 3
    async with jordan.database.write(jordan.caller) as tx:
        assert await beliefs.retract(tx, employee=jordan.employee, subject="usage", predicates=["is"], reason="no") == 1
    assert tx.statements == 3
    assert await held(jordan) == []
    assert await jordan.audits() == 2002


async def test_the_past_is_as_it_was(jordan: Believer):
    await infers(jordan, "risk", await sees(jordan, "usage"))
    gone = await jordan.waits(1)
    await jordan.retracts("usage", "is")
    assert [b.subject for b in await jordan.believed(gone - timedelta(hours=1))] == ["risk", "usage"]
    assert await jordan.believed(gone) == []
