"""Facts as they were: what was known at a moment, how surely then, and one formula in SQL and in Python."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from factories import MONDAY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from knower import Knower, a_knower

from empla.bdi.confidence import effective
from empla.errors import InvalidError
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
HOME = ("Jane", "lives in")


@pytest.fixture
async def knower(database: Database) -> Knower:
    return await a_knower(database)


async def test_as_of_tells_what_was_known_and_how_surely_then(knower: Knower):
    fact = await knower.learns("Acme", "is", "large", confidence=0.8, decay_rate=0.1, source="crm")
    await knower.waits(2)
    await knower.learns("Acme", "is", "large", confidence=0.5, source="a mail")
    await knower.waits(2)
    await knower.verifies(fact.id, "Dana")
    await knower.waits(2)
    await knower.forgets(fact.id)
    assert await knower.knew(MONDAY - HOUR) == []
    for days, confidence, source, verified in (
        (0, 0.8, "crm", False),
        (1, 0.7, "crm", False),
        (2, 0.8, "a mail", False),
        (3, 0.7, "a mail", False),
        (4, 1, "Dana", True),
        (5.9, 1, "Dana", True),
    ):
        [then] = await knower.knew(MONDAY + days * DAY)
        assert (then.id, round(then.confidence, 4), then.source, then.verified) == (
            fact.id,
            confidence,
            source,
            verified,
        )
        assert (then.ended_at, then.ended) == (None, None)
    assert await knower.knew(MONDAY + 6 * DAY) == []


async def test_as_of_now_is_what_is_known(knower: Knower):
    await knower.verifies((await knower.learns(*HOME, "Berlin", functional=True)).id)
    await knower.learns(*HOME, "Paris")
    await knower.learns_all(("Acme", "is", "large"), ("Acme", "is", "old"), ("Bob", "lives in", "Rome"))
    now = await knower.waits(3)
    await knower.learns("Acme", "is", "old")
    for filters in ({}, {"subject": "ACME"}, {"predicate": "Lives in"}, {"subject": "nobody"}, {"limit": 2}):
        assert await knower.knew(now, **filters) == await knower.knows(**filters)
    assert len(await knower.knows()) == 5


async def test_as_of_tells_who_lived_where_and_what_was_disputed(knower: Knower):
    await knower.learns(*HOME, "Berlin", functional=True)
    await knower.waits(1)
    paris = await knower.learns(*HOME, "Paris")
    await knower.waits(1)
    await knower.verifies(paris.id)
    await knower.waits(1)
    rome = await knower.learns(*HOME, "Rome")
    await knower.waits(1)
    await knower.forgets(paris.id)
    await knower.waits(1)
    await knower.revises(rome.id, "Roma")
    found = [[(fact.object, fact.disputed) for fact in await knower.knew(MONDAY + day * DAY)] for day in range(6)]
    assert found == [
        [("Berlin", False)],
        [("Paris", False)],
        [("Paris", False)],
        [("Paris", False), ("Rome", True)],
        [("Rome", False)],
        [("Roma", False)],
    ]
    assert [fact.object for fact in await knower.knew(MONDAY + DAY - timedelta(microseconds=1))] == ["Berlin"]


async def test_of_several_changes_at_one_moment_the_last_counts(knower: Knower):
    fact = await knower.learns("Acme", "is", "large", confidence=0.5)
    await knower.learns("Acme", "is", "large", confidence=0.5)
    await knower.forgets(fact.id)
    await knower.learns("Acme", "is", "large", confidence=0.6)
    assert [fact.confidence for fact in await knower.knew(MONDAY)] == [0.6]


async def test_a_moment_without_a_time_zone_and_a_bound_that_is_none_are_refused(knower: Knower):
    with pytest.raises(InvalidError, match=r"^as_of needs a time zone$"):
        await knower.knew(MONDAY.replace(tzinfo=None))
    for limit in (0, -1, 1001, 10**9):
        with pytest.raises(InvalidError, match=rf"^a limit is 1 to 1000, not {limit}$"):
            await knower.knew(MONDAY, limit=limit)
        with pytest.raises(InvalidError, match=rf"^a limit is 1 to 1000, not {limit}$"):
            await knower.knows(limit=limit)
        with pytest.raises(InvalidError, match=rf"^a limit is 1 to 1000, not {limit}$"):
            await knower.contradictions(limit)


@pytest.mark.parametrize("floor", [float("nan"), -0.1, 1.1])
async def test_a_floor_that_is_no_confidence_is_refused(knower: Knower, floor: float):
    with pytest.raises(InvalidError, match=rf"^a confidence lies between 0 and 1, not at {floor}$"):
        await knower.knows(min_confidence=floor)


@pytest.mark.parametrize("name", ["subject", "predicate"])
async def test_a_filter_that_names_nothing_is_refused(knower: Knower, name: str):
    with pytest.raises(InvalidError, match=f"^the {name} is empty$"):
        await knower.knows(**{name: "  "})
    with pytest.raises(InvalidError, match=f"^the {name} contains a NUL character"):
        await knower.knew(MONDAY, **{name: "a\0b"})


async def test_facts_are_listed_the_surest_first_and_by_what_is_asked(knower: Knower):
    await knower.learns("Acme", "is", "large", confidence=0.6, fact_type="entity")
    await knower.learns("Acme", "is", "old", confidence=0.9, decay_rate=0.1)
    sure = await knower.learns("Rule 1", "says", "no discounts", confidence=0.7, fact_type="rule")
    await knower.verifies(sure.id)
    await knower.waits(1)
    assert await knower.words() == ["Rule 1 says no discounts", "Acme is old", "Acme is large"]
    await knower.waits(3)
    assert await knower.words() == ["Rule 1 says no discounts", "Acme is large", "Acme is old"]
    for filters, count in (
        ({"subject": " acme "}, 2),
        ({"predicate": "IS"}, 2),
        ({"fact_type": "rule"}, 1),
        ({"verified": True}, 1),
        ({"verified": False}, 2),
        ({"min_confidence": 0.55}, 2),
        ({"min_confidence": 1}, 1),
        ({"limit": 1}, 1),
        ({"subject": "acme", "predicate": "says"}, 0),
    ):
        assert len(await knower.knows(**filters)) == count, filters


shares = st.one_of(st.floats(min_value=0, max_value=1), st.sampled_from([0.0, 1.0, 5e-324, 0.5, 0.1, 1e-9]))
spans = st.integers(min_value=0, max_value=10**9).map(lambda milliseconds: timedelta(milliseconds=milliseconds))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(confidence=shares, rate=shares, span=spans, heard=shares)
def test_sql_and_python_agree_on_decay_and_on_hearing_again(
    settings: Settings, confidence: float, rate: float, span: timedelta, heard: float
):
    async def lives() -> None:
        async with opening.opened(settings) as database:
            knower = await a_knower(database)
            fact = await knower.learns("Acme", "is", "large", confidence=confidence, decay_rate=rate)
            now = await knower.waits(span / DAY)
            left = effective(min(0.99, confidence), decay_rate=rate, decay_model="linear", anchor=MONDAY, at=now)
            [read] = await knower.knows()
            assert (read.id, read.confidence) == (fact.id, pytest.approx(left, abs=1e-12))
            again = await knower.learns("Acme", "is", "large", confidence=heard)
            surer = max(left, min(0.99, 1 - (1 - left) * (1 - heard)))
            assert again.confidence == pytest.approx(surer, abs=1e-12)
            [then] = await knower.knew(now)
            assert then.confidence == again.confidence

    asyncio.run(lives())


async def test_history_is_the_databases_own(knower: Knower):
    fact = await knower.as_itself().learns("Acme", "is", "large")
    await knower.waits(1)
    async with knower.database.read(knower.caller) as tx:
        assert tx.now == MONDAY + DAY == datetime(2025, 3, 4, 9, tzinfo=UTC)
    await knower.verifies(fact.id)
    assert await knower.changes("Acme") == ["large learned", "large verified"]
