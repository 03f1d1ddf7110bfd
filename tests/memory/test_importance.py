"""What an episode weighs is told in parts, and the parts are its importance; what it is worth later is one formula in both languages."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from driving import law
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from rememberer import Rememberer, a_rememberer

from empla.bdi import goals
from empla.bdi.shapes import GoalConditions, Target
from empla.errors import InvalidError, NotFoundError
from empla.memory import episodic
from empla.memory.importance import Weighed, importance, worth
from empla.storage.database import Database

if TYPE_CHECKING:
    from tests.conftest import Cluster

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
shares = st.floats(0, 1)
halves = st.integers(0, 60).map(lambda words: 1 - 0.5**words)  # as words are counted


@pytest.fixture
async def jordan(database: Database) -> Rememberer:
    return await a_rememberer(database)


@pytest.fixture(scope="module")
def sql(cluster: "Cluster") -> Iterator[psycopg.Connection[Any]]:
    with cluster.admin() as connection:
        yield connection


def number(sql: psycopg.Connection[Any], query: str, *parameters: object) -> float:
    row = sql.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return float(row[0])


async def _wants(jordan: Rememberer, description: str, metric: str) -> None:
    async with jordan.database.write(jordan.caller) as tx:
        await goals.adopt(
            tx,
            employee=jordan.employee,
            goal_type="achievement",
            description=description,
            target=Target.parse({"metric": metric, "threshold": 3}),
            conditions=GoalConditions(),
            importance=0.5,
        )


# Weighing


async def test_what_says_nothing_of_itself_weighs_what_it_is(jordan: Rememberer):
    kinds = ("observation", "event", "interaction", "feedback")
    told = [(await jordan.remembers("It was a call", episode_type=kind)).importance for kind in kinds]
    assert told == [0.4, 0.4, 0.45, 0.8]


async def test_what_people_say_of_the_work_weighs_more_than_any_mere_word(jordan: Rememberer):
    loud = await jordan.remembers("An urgent, angry, furious complaint!!", content={"sentiment": "angry"})
    said = await jordan.remembers("A human edited it", episode_type="feedback")
    assert said.importance > loud.importance > 0.65


@pytest.mark.parametrize(
    ("said", "added"),
    [
        ({"description": "Jane is angry"}, 0.125),
        ({"description": "Jane is angry and wants a refund"}, 0.1875),
        ({"description": "Jane called!!"}, 0.125),
        ({"description": "Jane called!"}, 0),
        ({"description": "Jane called", "content": {"body": "This is URGENT."}}, 0.125),
        ({"description": "Jane called", "content": {"subject": "Complaining about the outage"}}, 0.1875),
        ({"description": "Jane called", "content": {"sentiment": "Negative "}}, 0.2),
        ({"description": "Jane called", "content": {"sentiment": "neutral"}}, 0),
        ({"description": "Jane called", "content": {"sentiment": "wistful"}}, 0.1),
        ({"description": "Jane called", "content": {"outcome": "meeting_booked"}}, 0.1),
        ({"description": "Jane called", "content": {"outcome": " "}}, 0),
        ({"description": "Jane called", "participants": ["love@happy.example"]}, 0),
    ],
)
async def test_what_moves_people_and_what_came_of_it_add(jordan: Rememberer, said: dict[str, Any], added: float):
    assert (await jordan.remembers(**said)).importance == pytest.approx(0.45 + added)


async def test_what_has_to_do_with_live_goals_weighs_more(jordan: Rememberer):
    await _wants(jordan, "Renew the contract with Globex", "globex.renewal")
    told: list[tuple[str, dict[str, Any], float]] = [
        ("Hooli called", {}, 0),
        ("Globex called", {}, 0.1),
        ("Globex called about renewing its contracts", {}, 0.175),
        ("A call", {"participants": ["ann@globex.example"]}, 0.1),
    ]
    for said, more, added in told:
        assert (await jordan.remembers(said, **more)).importance == pytest.approx(0.45 + added), said
    colleague = await jordan.a_colleague()
    assert (await colleague.remembers("Globex called")).importance == 0.45
    async with jordan.database.write(jordan.caller) as tx:
        [goal] = await goals.listed(tx, employee=jordan.employee)
        await goals.drop(tx, goal=goal.id, reason="over")
    assert (await jordan.remembers("Globex called")).importance == 0.45


async def test_what_is_perceived_is_weighed_as_what_is_recorded(jordan: Rememberer):
    await _wants(jordan, "Renew the contract with Globex", "globex.renewal")
    seen = await jordan.sees("Globex is angry", content={"outcome": "lost"})
    told = await jordan.remembers("Globex is angry", episode_type="observation", content={"outcome": "lost"})
    assert (await jordan.finds(seen))[0].importance == told.importance == pytest.approx(0.4 + 0.125 + 0.1 + 0.1)
    assert (await jordan.explains(seen)).parts == (await jordan.explains(told.id)).parts


async def test_what_somebody_says_is_kept(jordan: Rememberer):
    said = await jordan.remembers("Jane is angry", importance=0.1)
    assert (said.importance, (await jordan.explains(said.id)).parts) == (0.1, None)
    assert str(await jordan.explains(said.id)).splitlines()[:2] == [
        "importance 0.10",
        "  as it was given; it was not weighed",
    ]
    with pytest.raises(InvalidError, match=r"^an importance lies between 0 and 1$"):
        await jordan.remembers("Jane is angry", importance=1.5)


async def test_weighing_takes_no_statement_more(jordan: Rememberer):
    async with jordan.database.write(jordan.caller) as tx:
        await episodic.record(tx, employee=jordan.employee, description="Jane is angry")
        assert tx.statements == 2


async def test_it_is_explained_in_words(jordan: Rememberer):
    await _wants(jordan, "Renew the contract with Globex", "globex.renewal")
    told = await jordan.remembers("Globex is angry", content={"outcome": "lost"})
    assert str(await jordan.explains(told.id)).splitlines() == [
        "importance 0.77",
        "  0.45  for what it is: interaction",
        "  0.12  for how it moves people: angri",
        "  0.10  for what it has to do with the goals: globex",
        "  0.10  for what came of it",
        "worth 0.77 now: happened 2025-03-03, recalled 0 times",
    ]
    await jordan.waits(180)
    assert (await jordan.explains(told.id)).worth == pytest.approx(0.775 * 0.75)
    other = await jordan.a_colleague()
    with pytest.raises(NotFoundError):
        await other.explains(told.id)


# The formulas


@law(60)
@given(
    kind=st.sampled_from([0.4, 0.45, 0.8]),
    emotion=halves | st.sampled_from([0.4, 0.6, 0.8]),
    goals=halves,
    outcome=st.sampled_from([0.0, 1.0]),
)
def test_the_parts_are_the_importance_in_the_database_and_in_python(
    sql: psycopg.Connection[Any], kind: float, emotion: float, goals: float, outcome: float
):
    parts = Weighed(kind=kind, emotion=emotion, goals=goals, outcome=outcome)
    there = number(sql, "SELECT empla.importance_of(%s)", Jsonb(parts.model_dump()))
    assert there == pytest.approx(importance(parts), abs=1e-9)
    assert kind <= there <= 1


@law(60)
@example(weight=5e-324, recalls=0, age=timedelta(days=90), later=timedelta(0))
@given(
    weight=shares,
    recalls=st.integers(0, 10_000),
    age=st.timedeltas(timedelta(days=-400), timedelta(days=100_000)),
    later=st.timedeltas(timedelta(0), timedelta(days=4000)),
)
def test_worth_is_the_same_in_the_database_and_in_python_and_only_sinks_with_time(
    sql: psycopg.Connection[Any], weight: float, recalls: int, age: timedelta, later: timedelta
):
    happened = datetime(1800, 1, 1, tzinfo=UTC)

    def here(at: datetime) -> float:
        return worth(weight, recall_count=recalls, occurred_at=happened, at=at)

    query = "SELECT empla.worth(%s::float8, %s::int, %s::timestamptz, %s::timestamptz)"
    assert number(sql, query, weight, recalls, happened, happened + age) == pytest.approx(
        here(happened + age), abs=1e-9
    )
    assert here(happened + age + later) <= here(happened + age) <= weight + 0.1 * math.log10(100) + 1e-12
    assert here(happened + age) >= weight / 2


@law(60)
@given(st.text(max_size=60).filter(lambda text: "\x00" not in text), st.lists(st.text(max_size=20), max_size=4))
def test_any_text_has_parts_within_bounds(sql: psycopg.Connection[Any], said: str, names: list[str]):
    clean = [name.replace("\x00", "") for name in names]
    row = sql.execute(
        "SELECT empla.weigh_episode('event', %s, %s, %s, '{globex}')",
        (
            said.encode("utf-8", "ignore").decode(),
            Jsonb({}),
            [name.encode("utf-8", "ignore").decode() for name in clean],
        ),
    ).fetchone()
    assert row is not None
    parts = Weighed.model_validate(row[0])
    assert 0 <= parts.emotion <= 1
    assert 0 <= parts.goals <= 1
    assert 0.4 <= importance(parts) <= 1
