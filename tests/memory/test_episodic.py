"""Episodes are kept as they were, and listed by when and with whom they happened."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from factories import an_employee, an_id

from empla.employees.employees import Employee
from empla.errors import ForbiddenError, InvalidError, NotFoundError
from empla.memory import episodic
from empla.memory.episodic import Episode
from empla.memory.shapes import EpisodeContent
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
JANE, JOE = "jane@prospect.example", "joe@prospect.example"


@pytest.fixture
async def jordan(database: Database, acme: Caller) -> Employee:
    return await an_employee(database, acme)


async def record(
    database: Database, caller: Caller, employee: UUID, description: str = "A call", **more: Any
) -> Episode:
    async with database.write(caller) as tx:
        return await episodic.record(tx, employee=employee, description=description, **more)


async def latest(database: Database, caller: Caller, employee: UUID, **filters: Any) -> list[str]:
    async with database.read(caller) as tx:
        return [episode.description for episode in await episodic.latest(tx, employee=employee, **filters)]


@pytest.fixture
async def week(database: Database, acme: Caller, jordan: Employee) -> Employee:
    """Jordan, who had one episode on each of five days."""
    for day, (kind, people) in enumerate(
        [("interaction", [JANE]), ("event", []), ("interaction", [JOE, JANE]), ("feedback", [JOE]), ("observation", [])]
    ):
        await record(
            database,
            acme,
            jordan.id,
            f"day {day}",
            episode_type=kind,
            participants=people,
            occurred_at=NOON + timedelta(days=day),
        )
    return jordan


async def test_an_episode_comes_back_as_it_happened(database: Database, acme: Caller, jordan: Employee):
    content = EpisodeContent.parse({"from": JANE, "body": "Too dear 😕", "sentiment": "negative", "thread": {"id": 7}})
    episode = await record(
        database,
        acme,
        jordan.id,
        "Jane asked for a discount",
        content=content,
        participants=[JANE],
        location="email",
        importance=0.8,
        occurred_at=NOON.astimezone(tz=None),
    )
    assert (episode.description, episode.content, episode.participants) == (
        "Jane asked for a discount",
        content,
        [JANE],
    )
    assert (episode.location, episode.importance, episode.occurred_at) == ("email", 0.8, NOON)
    assert (episode.episode_type, episode.recall_count, episode.observation_id) == ("interaction", 0, None)
    async with database.read(acme) as tx:
        assert await episodic.latest(tx, employee=jordan.id) == [episode]
        assert await episodic.by_ids(tx, employee=jordan.id, ids=[episode.id, an_id(1)]) == [episode]
        assert await episodic.by_ids(tx, employee=jordan.id, ids=[]) == []


async def test_what_happens_now_happens_at_the_tenants_time(database: Database, acme: Caller, jordan: Employee):
    async with database.write(acme) as tx:
        episode = await episodic.record(tx, employee=jordan.id, description="Now")
    assert (episode.occurred_at, episode.created_at) == (tx.now, tx.now)


@pytest.mark.parametrize(
    ("filters", "days"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"limit": 2}, [4, 3]),
        ({"since": NOON + timedelta(days=3)}, [4, 3]),
        ({"before": NOON + timedelta(days=1)}, [0]),
        ({"since": NOON + timedelta(days=1), "before": NOON + timedelta(days=3)}, [2, 1]),
        ({"episode_type": "interaction"}, [2, 0]),
        ({"participant": JANE}, [2, 0]),
        ({"participant": JOE, "episode_type": "feedback"}, [3]),
        ({"participant": JANE.upper()}, []),
    ],
)
async def test_episodes_are_listed_the_latest_first(
    database: Database, acme: Caller, week: Employee, filters: dict[str, Any], days: list[int]
):
    assert await latest(database, acme, week.id, **filters) == [f"day {day}" for day in days]


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_limit_is_one_to_a_thousand(database: Database, acme: Caller, jordan: Employee, limit: int):
    with pytest.raises(InvalidError, match=rf"^a limit is 1 to 1000, not {limit}$"):
        await latest(database, acme, jordan.id, limit=limit)


@pytest.mark.parametrize("bound", ["since", "before"])
async def test_a_bound_without_a_time_zone_is_refused(database: Database, acme: Caller, jordan: Employee, bound: str):
    with pytest.raises(InvalidError, match=f"^{bound} needs a time zone$"):
        await latest(database, acme, jordan.id, **{bound: NOON.replace(tzinfo=None)})


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"description": ""}, "an episode needs a description"),
        ({"description": " \n "}, "an episode needs a description"),
        ({"description": "a\0b"}, "the episode's description contains a NUL character, which PostgreSQL can't store"),
        (
            {"description": "\ud800"},
            "the episode's description contains half of a character (a lone surrogate), which PostgreSQL can't store",
        ),
        ({"description": "é" * 32_769}, "a description has 1 to 65,536 bytes"),
        ({"location": "a\0b"}, "the episode's location contains a NUL character, which PostgreSQL can't store"),
        ({"location": "x" * 201}, "a location has at most 200 characters"),
        ({"participants": [JANE] * 1001}, "participants are at most 1,000 names"),
        ({"participants": [JANE, None]}, "participants are at most 1,000 names"),
        ({"importance": 2}, "an importance lies between 0 and 1"),
        ({"importance": -0.1}, "an importance lies between 0 and 1"),
        ({"importance": math.nan}, "an importance lies between 0 and 1"),
        ({"occurred_at": NOON.replace(tzinfo=None)}, "occurred_at needs a time zone"),
        (
            {"content": EpisodeContent(body="x" * 50_000_000)},
            "content has 50,000,012 bytes of JSON, but at most 1,048,576 are allowed",
        ),
        (
            {"content": EpisodeContent(body="a\0b")},
            "content.body contains a NUL character, which PostgreSQL can't store",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
async def test_what_cannot_be_remembered_is_refused_in_a_sentence(
    database: Database, acme: Caller, jordan: Employee, more: dict[str, Any], sentence: str
):
    with pytest.raises(InvalidError) as raised:
        await record(database, acme, jordan.id, **more)
    assert str(raised.value) == sentence
    assert await latest(database, acme, jordan.id) == []


async def test_nobody_remembers_for_an_employee_of_another_tenant(
    database: Database, acme: Caller, rival: Caller, jordan: Employee
):
    for caller, employee in ((rival, jordan.id), (acme, an_id(1))):
        with pytest.raises(NotFoundError):
            await record(database, caller, employee)
    episode = await record(database, acme, jordan.id)
    assert await latest(database, rival, jordan.id) == []
    async with database.read(rival) as tx:
        assert await episodic.by_ids(tx, employee=jordan.id, ids=[episode.id]) == []


async def test_a_user_remembers_nothing_for_an_employee(database: Database, acme: Caller, jordan: Employee):
    async with database.write(acme) as tx:
        sam = await users.invite(tx, email="sam@acme.example", name="Sam", role="user")
    with pytest.raises(ForbiddenError):
        await record(database, Caller(acme.tenant, user=sam.id), jordan.id)
