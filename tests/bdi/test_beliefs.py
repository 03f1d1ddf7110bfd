"""Each rule of how a belief moves, with its numbers."""

import asyncio
import math
from collections.abc import AsyncGenerator
from datetime import timedelta
from itertools import pairwise

import pytest
from believer import Believer
from factories import MONDAY, a_simulated_tenant, an_employee, an_id

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.bdi.confidence import Source
from empla.employees import assignments
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from empla.mind.why import why
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

HOUR = timedelta(hours=1)


def percent(confidence: float) -> float:
    return round(confidence, 3)


# What one piece of evidence is worth


@pytest.mark.parametrize(
    ("source", "confidence"), [("told_by_human", 0.95), ("observation", 0.9), ("inference", 0.7), ("prior", 0.55)]
)
async def test_a_first_piece_of_evidence_is_believed_as_its_source_deserves(
    jordan: Believer, source: Source, confidence: float
):
    belief = await jordan.hears(2.1, source=source)
    assert (belief.object, belief.confidence, belief.source) == (2.1, confidence, source)


async def test_two_observations_of_the_same_moment_are_surer_than_one(jordan: Believer):
    await jordan.hears(2.1)
    assert percent((await jordan.hears(2.1)).confidence) == 0.988


async def test_a_human_against_an_observation_of_the_same_moment_wins_with_less_confidence(jordan: Believer):
    await jordan.hears("high", source="told_by_human")
    belief = await jordan.hears("low")
    assert (belief.object, belief.source) == ("high", "told_by_human")
    assert percent(belief.confidence) == percent(1 / (1 + math.exp(-(math.log(19) - math.log(9))))) == 0.679


async def test_the_order_of_a_human_and_an_observation_makes_no_difference(jordan: Believer):
    await jordan.hears("low")
    belief = await jordan.hears("high", source="told_by_human")
    assert (belief.object, percent(belief.confidence)) == ("high", 0.679)


async def test_confidence_never_reaches_certainty(jordan: Believer):
    for _ in range(5):
        await jordan.hears(2.1)
    assert (await jordan.believes()).confidence == 0.99


async def test_a_stated_reliability_counts_instead_of_the_sources(jordan: Believer):
    assert (await jordan.hears(2.1, reliability=0.6)).confidence == 0.6


async def test_the_same_evidence_counts_once(jordan: Believer):
    await jordan.hears(2.1, evidence=an_id(1))
    again = await jordan.hears(2.1, evidence=an_id(1))
    assert again.confidence == 0.9
    assert (await jordan.changes(), await jordan.audits()) == (["created"], 1)


# What time does


async def test_newer_evidence_of_another_state_replaces(jordan: Believer):
    first = await jordan.hears(2.1)
    await jordan.waits(1)
    second = await jordan.hears(1.7)
    assert (second.id, second.object, second.confidence) == (first.id, 1.7, 0.9)
    assert (second.formed_at, second.last_updated_at) == (MONDAY + timedelta(days=1),) * 2
    assert await jordan.changes() == ["created", "updated"]


async def test_newer_evidence_of_the_same_state_is_weighed_on_what_has_not_decayed(jordan: Believer):
    await jordan.hears(2.1)
    await jordan.waits(2)
    assert percent((await jordan.believes()).confidence) == 0.7
    belief = await jordan.hears(2.1)
    assert percent(belief.confidence) == percent(1 / (1 + math.exp(-(math.log(7 / 3) + math.log(9))))) == 0.955
    assert (belief.formed_at, belief.last_updated_at) == (MONDAY, MONDAY + timedelta(days=2))


@pytest.mark.parametrize(("decay_model", "left"), [("linear", 0.8), ("exponential", 0.81)])
async def test_a_belief_decays_when_it_is_read_and_not_where_it_is_kept(
    jordan: Believer, decay_model: str, left: float
):
    await jordan.hears(2.1, decay_model=decay_model)
    await jordan.waits(1)
    belief = await jordan.believes()
    assert (percent(belief.confidence), belief.stored_confidence) == (left, 0.9)
    assert await jordan.changes() == ["created"]


async def test_what_decayed_to_nothing_is_believed_afresh_and_not_doubted(jordan: Believer):
    await jordan.hears(2.1)
    await jordan.waits(30)
    assert (await jordan.believes()).confidence == 0
    assert (await jordan.hears(2.1)).confidence == 0.9


async def test_what_has_happened_does_not_decay(jordan: Believer):
    await jordan.hears(True, "jane", "replied", belief_type="event")
    await jordan.waits(1000)
    assert (await jordan.believes("jane", "replied")).confidence == 0.9


async def test_a_state_that_turns_out_to_be_an_event_decays_no_more(jordan: Believer):
    await jordan.hears(True, "jane", "replied")
    assert (await jordan.hears(True, "jane", "replied", belief_type="event")).decay_rate == 0
    assert (await jordan.hears(True, "jane", "replied", decay_rate=0.2)).decay_rate == 0.2
    assert (await jordan.hears(True, "jane", "replied", belief_type="event")).decay_rate == 0.2


async def test_older_evidence_goes_to_history_alone(jordan: Believer):
    before = await jordan.hears(2.1)
    after = await jordan.hears(5, occurred_at=MONDAY - HOUR)
    assert after == before
    (_, late) = await jordan.history()
    assert (late.change_type, late.new_value, late.evidence_at) == ("late", 5, MONDAY - HOUR)
    assert await jordan.audits() == 1


async def test_late_evidence_heard_again_is_told_once(jordan: Believer):
    await jordan.hears(2.1)
    for _ in range(3):
        await jordan.hears(5, occurred_at=MONDAY - HOUR, evidence=an_id(1))
    assert await jordan.changes() == ["created", "late"]


async def test_evidence_of_yesterday_counts_for_yesterday(jordan: Believer):
    belief = await jordan.hears(2.1, occurred_at=MONDAY - timedelta(days=1))
    assert (percent(belief.confidence), belief.stored_confidence) == (0.8, 0.9)


# Guesses against a human's word


@pytest.mark.parametrize("source", ["inference", "prior"])
@pytest.mark.parametrize("days", [0, 1, 400])
async def test_a_guess_never_overturns_a_humans_word_and_history_tells_of_it(
    jordan: Believer, source: Source, days: int
):
    before = await jordan.hears("high", source="told_by_human")
    await jordan.waits(days)
    after = await jordan.hears("low", source=source, evidence=an_id(1))
    await jordan.hears("low", source=source, evidence=an_id(1))
    assert (after.object, after.stored_confidence) == ("high", before.stored_confidence)
    (_, told) = await jordan.history()
    assert (told.change_type, told.old_value, told.new_value) == ("contradicted", "high", "low")


async def test_a_humans_word_overrules_the_guesses_of_its_moment(jordan: Believer):
    for _ in range(10):
        await jordan.hears("low", source="inference")
    belief = await jordan.hears("high", source="told_by_human")
    assert (belief.object, belief.confidence) == ("high", 0.95)


async def test_a_guess_does_not_bring_back_what_a_human_said_before(jordan: Believer):
    await jordan.hears("high", source="told_by_human")
    await jordan.waits(1)
    await jordan.hears("low", source="told_by_human")
    assert (await jordan.hears("high", source="inference")).object == "low"


async def test_an_observation_may_overturn_an_older_word(jordan: Believer):
    await jordan.hears("high", source="told_by_human")
    await jordan.waits(1)
    assert (await jordan.hears("low")).object == "low"


# Who may


async def test_nobody_observes_for_an_employee_of_another_tenant_or_one_that_does_not_exist(
    database: Database, jordan: Believer, rival: Caller
):
    theirs = Believer(database, rival, jordan.employee)
    for stranger in (theirs, Believer(database, jordan.caller, an_id(1))):
        with pytest.raises(NotFoundError, match=r"^it refers to something that does not exist here$"):
            await stranger.hears(1)
    await jordan.hears(1)
    assert (await theirs.history(), await theirs.believed(MONDAY)) == ([], [])
    with pytest.raises(NotFoundError, match=r"^nothing is believed about pipeline\.coverage$"):
        await theirs.believes()


async def test_a_user_reads_why_and_history_of_an_assigned_employee_but_cannot_tell_it_anything(
    database: Database, jordan: Believer
):
    other = await an_employee(database, jordan.caller, name="Riley")
    async with database.write(jordan.caller) as tx:
        user = await users.invite(tx, email="sam@acme.example", name="Sam", role="user")
        await assignments.assign(tx, user=user.id, employee=jordan.employee)
    await jordan.hears(2.1)
    await Believer(database, jordan.caller, other.id).hears(2.1)
    sam = Believer(database, Caller(jordan.caller.tenant, user=user.id), jordan.employee)
    assert [change.change_type for change in await sam.history()] == ["created"]
    async with database.read(sam.caller) as tx:
        assert (await why(tx, employee=jordan.employee, subject="pipeline", predicate="coverage")).changes == 1
    with pytest.raises(ForbiddenError):
        await sam.hears(1.7)
    assert await sam.retracts("pipeline", "coverage") == 0
    assert await sam.forgets(1.0) == 0
    assert (await jordan.believes()).object == 2.1
    assert await Believer(database, sam.caller, other.id).history() == []


# What a quiet day costs


async def test_a_quiet_day_moves_the_anchor_and_writes_no_history(jordan: Believer):
    for _ in range(5):
        await jordan.hears(2.1, decay_rate=0.004)
    before = await jordan.history()
    moment = await jordan.waits(1)
    async with jordan.database.write(jordan.caller) as tx:
        piece = Evidence(subject="pipeline", predicate="coverage", object=2.1)
        await beliefs.observe(tx, employee=jordan.employee, piece=piece)
    assert tx.statements == 3
    assert await jordan.history() == before
    assert (await jordan.believes()).last_updated_at == moment


async def test_history_is_written_once_the_decay_that_was_undone_exceeds_one_percent(jordan: Believer):
    for _ in range(5):
        await jordan.hears(2.1, decay_rate=0.004)
    written = len(await jordan.history())
    lengths: list[int] = []
    moments = [MONDAY]
    for _ in range(6):
        moments.append(await jordan.waits(1))
        await jordan.hears(2.1)
        lengths.append(len(await jordan.history()) - written)
    assert lengths == [0, 0, 1, 1, 1, 2]
    for moment in moments:
        (told,) = await jordan.believed(moment)
        assert told.confidence == pytest.approx(0.99, abs=0.01)


async def test_a_figure_that_never_decays_is_confirmed_for_nothing(jordan: Believer):
    for _ in range(5):
        await jordan.hears(2.1, decay_rate=0)
    written = len(await jordan.history())
    for _ in range(3):
        await jordan.waits(100)
        await jordan.hears(2.1)
    assert len(await jordan.history()) == written


async def test_a_thousand_beliefs_are_three_messages(jordan: Believer):
    news = [Evidence(subject=f"deal:{number}", predicate="stage", object="open") for number in range(1000)]
    async with jordan.database.write(jordan.caller) as tx:
        assert len(await beliefs.observe_many(tx, employee=jordan.employee, news=news)) == 1000
    assert tx.statements == 3
    assert (len(await jordan.history()), await jordan.audits()) == (1000, 1000)


async def test_no_news_is_no_message(jordan: Believer):
    async with jordan.database.write(jordan.caller) as tx:
        assert await beliefs.observe_many(tx, employee=jordan.employee, news=[]) == []
    assert tx.statements == 2


async def test_more_than_one_call_takes_is_refused(jordan: Believer):
    news = [Evidence(subject="deal", predicate="stage", object="open")] * 10_001
    with pytest.raises(InvalidError, match=r"^10001 pieces of evidence at once; at most 10000"):
        async with jordan.database.write(jordan.caller) as tx:
            await beliefs.observe_many(tx, employee=jordan.employee, news=news)


# Ends and beginnings


async def test_forgetting_retires_what_fell_under_the_floor_each_with_one_row(jordan: Believer):
    await jordan.hears(1, "fading", decay_rate=0.1)
    await jordan.hears(1, "lasting", decay_rate=0)
    await jordan.waits(9)
    assert await jordan.forgets() == 1
    assert await jordan.forgets() == 0
    assert [(b.subject, b.object) for b in await jordan.believed(MONDAY + timedelta(days=9))] == [("lasting", 1)]
    *_, last = await jordan.history()
    assert (last.change_type, last.old_value, last.new_value, last.reason) == ("decayed", 1, None, "decayed below 0.05")
    assert await jordan.audits() == 3


async def test_what_stands_at_the_floor_is_kept(jordan: Believer):
    await jordan.hears(1, decay_rate=0.1, decay_model="exponential")
    assert await jordan.forgets(0.9) == 0
    assert await jordan.forgets(0.900001) == 1


async def test_what_is_formed_again_is_another_belief_and_as_of_sees_the_gap(jordan: Believer):
    first = await jordan.hears("high", "acme", "priority")
    gap = await jordan.waits(1)
    assert await jordan.retracts("acme", "priority", "size") == 1
    with pytest.raises(NotFoundError, match=r"^nothing is believed about acme\.priority$"):
        await jordan.believes("acme", "priority")
    later = await jordan.waits(1)
    second = await jordan.hears("high", "acme", "priority", occurred_at=gap - HOUR)
    assert (second.id != first.id, second.stored_confidence) == (True, 0.9)
    assert [[b.id for b in await jordan.believed(t)] for t in (MONDAY, gap, later)] == [[first.id], [], [second.id]]
    assert await jordan.changes() == ["created", "deleted", "created"]
    assert (await jordan.history())[1].reason == "a slip of the pen"


async def test_what_is_retracted_and_formed_within_one_moment_is_held(jordan: Believer):
    await jordan.hears("high")
    await jordan.retracts("pipeline", "coverage")
    second = await jordan.hears("low")
    assert [(b.id, b.object) for b in await jordan.believed(MONDAY)] == [(second.id, "low")]


# Many at once


@pytest.fixture
async def crowd(settings: Settings, jordan: Believer) -> AsyncGenerator[Believer]:
    """Jordan, reached through twenty connections."""
    async with opening.opened(settings.model_copy(update={"pool_size": 20})) as many:
        yield Believer(many, jordan.caller, jordan.employee)


async def test_twenty_observers_of_one_new_belief_lose_no_evidence(crowd: Believer):
    await asyncio.gather(*(crowd.hears(2.1, reliability=0.51 + number / 100) for number in range(20)))
    (belief,) = await crowd.believed(MONDAY)
    async with crowd.database.read(crowd.caller) as tx:
        found = await why(tx, employee=crowd.employee, subject="pipeline", predicate="coverage")
    chances = [0.51 + number / 100 for number in range(20)]
    assert found.log_odds == pytest.approx(math.fsum(math.log(chance / (1 - chance)) for chance in chances))
    assert (belief.id, belief.stored_confidence) == (found.belief.id, found.belief.stored_confidence)


async def test_twenty_deliveries_of_one_piece_of_evidence_count_once(crowd: Believer):
    await asyncio.gather(*(crowd.hears(2.1, evidence=an_id(1)) for _ in range(20)))
    assert (await crowd.believes()).confidence == 0.9
    assert await crowd.changes() == ["created"]


async def test_in_real_time_too_history_ends_with_what_is_held(settings: Settings, acme: Caller):
    async with opening.opened(settings.model_copy(update={"pool_size": 20})) as many:
        casey = Believer(many, acme, (await an_employee(many, acme)).id)
        # All begin at once and then wait for the first: they commit in another order than they began in.
        async with many.write(acme) as blocker:
            piece = Evidence(subject="pipeline", predicate="coverage", object=0)
            await beliefs.observe(blocker, employee=casey.employee, piece=piece)
            waiting = [asyncio.create_task(casey.hears(number)) for number in range(1, 20)]
            await asyncio.sleep(0.3)
        await asyncio.gather(*waiting)
        held = await casey.believes()
        changes = await casey.history()
        (told,) = await casey.believed(max(change.changed_at for change in changes))
        assert (told.object, told.stored_confidence) == (held.object, held.stored_confidence)
        assert all(one.changed_at <= next_one.changed_at for one, next_one in pairwise(changes))


async def test_a_real_tenants_clock_cannot_be_moved(database: Database, acme: Caller):
    casey = Believer(database, acme, (await an_employee(database, acme)).id)
    with pytest.raises(ConflictError, match="real time"):
        await casey.waits(1)


async def test_a_simulated_tenant_stays_where_it_is(database: Database):
    caller = await a_simulated_tenant(database)
    casey = Believer(database, caller, (await an_employee(database, caller)).id)
    assert (await casey.hears(1)).last_updated_at == MONDAY
