"""Forgetting is final: nothing recalls it, lists it or says its words; what rested on it still knows that something happened, and when."""

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from driving import Driver, law
from factories import an_id
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from rememberer import Rememberer, a_rememberer, tables_with

from empla.bdi import intentions
from empla.errors import ForbiddenError, InvalidError, NotFoundError
from empla.memory.question import KINDS, Filters
from empla.mind import perceive, why
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

if TYPE_CHECKING:
    from typing import LiteralString

    from tests.conftest import Cluster

AUDITS: "LiteralString" = """
    SELECT action_type AS said, resource_id AS id FROM audit_log
     WHERE tenant_id = %(tenant)s::uuid AND resource_type = 'episode' ORDER BY id
"""
COUNTED: "LiteralString" = """
    SELECT (SELECT count(*) FROM memory_words WHERE tenant_id = %(tenant)s::uuid AND word > 0)::int AS words,
           (SELECT coalesce(sum(memories), 0) FROM memory_words WHERE tenant_id = %(tenant)s::uuid AND word = 0)::int AS memories
"""


class _Audit(BaseModel):
    said: str
    id: UUID


class _Counted(BaseModel):
    words: int
    memories: int


@pytest.fixture
async def jordan(database: Database) -> Rememberer:
    return await a_rememberer(database)


async def test_forgetting_takes_the_words_and_leaves_the_time(jordan: Rememberer):
    secret = await jordan.remembers(
        "Jane is ill", participants=["jane@x.example"], location="call", content={"body": "pox"}
    )
    other = await jordan.remembers("Jane called")
    assert await jordan.forgets(secret.id) == [secret.id]
    [left] = await jordan.finds(secret.id)
    assert (left.description, left.content.to_json(), left.participants, left.location) == ("forgotten", {}, None, None)
    assert (left.ended, left.occurred_at, left.episode_type) == ("forgotten", secret.occurred_at, "interaction")
    assert str(left) == "(forgotten)"
    assert await jordan.words() == ["Jane called"]
    assert await jordan.finds(other.id) == [other]
    assert await jordan.forgets() == []


async def test_forgetting_again_is_no_news_and_what_never_was_is_not_found(jordan: Rememberer):
    secret = await jordan.remembers("Jane is ill")
    colleague, stranger = await jordan.a_colleague(), await a_rememberer(jordan.database)
    for other in (colleague, stranger):
        theirs = await other.remembers("Jane called")
        with pytest.raises(NotFoundError, match=r"^there is no such episode$"):
            await jordan.forgets(secret.id, theirs.id)
        assert await other.words() == ["Jane called"]
    with pytest.raises(NotFoundError):
        await jordan.forgets(an_id(1))
    with pytest.raises(InvalidError, match=r"^1001 episodes at once; at most 1,000"):
        await jordan.forgets(*[uuid4() for _ in range(1001)])
    assert await jordan.words() == ["Jane is ill"]
    assert await jordan.forgets(secret.id) == [secret.id]
    assert await jordan.forgets(secret.id) == []


async def test_people_alone_make_an_employee_forget_and_it_is_audited(jordan: Rememberer):
    secret = await jordan.remembers("Jane is ill")
    async with jordan.database.write(jordan.caller) as tx:
        dana = await users.invite(tx, email="dana@acme.example", name="Dana", role="user")
    asked = Rememberer(jordan.database, Caller(jordan.caller.tenant, user=dana.id), jordan.employee)
    for other in (jordan.as_itself(), asked):
        with pytest.raises(ForbiddenError, match=r"^people alone make an employee forget$"):
            await other.forgets(secret.id)
    await jordan.forgets(secret.id)
    async with jordan.database.read(jordan.caller) as tx:
        assert await tx.fetch_all(_Audit, AUDITS) == [_Audit(said="episode.forgotten", id=secret.id)]


async def test_what_people_said_is_forgotten_by_people_alone(jordan: Rememberer, cluster: "Cluster"):
    said = await jordan.remembers("A human rejected it", episode_type="feedback")
    statement = "UPDATE memory_episodes SET ended = %s, deleted_at = now() WHERE id = %s"
    with psycopg.connect(cluster.url("app")) as app:
        app.execute("SELECT ctx.enter(%s)", (jordan.caller.tenant,))
        with pytest.raises(psycopg.DatabaseError, match="people said is forgotten by their word alone"):
            app.execute(statement, ("merged", said.id))
    await jordan.forgets(said.id)
    assert await jordan.words() == []


@pytest.mark.parametrize(
    "change",
    ["ended = NULL, deleted_at = NULL", "ended = 'merged'", "deleted_at = NULL", "description = 'Jane is ill'"],
)
async def test_nobody_brings_it_back(jordan: Rememberer, cluster: "Cluster", change: str):
    secret = await jordan.remembers("Jane is ill")
    await jordan.forgets(secret.id)
    with psycopg.connect(cluster.url("app")) as app:
        app.execute("SELECT ctx.enter(%s)", (jordan.caller.tenant,))
        with pytest.raises(psycopg.errors.CheckViolation):
            app.execute(f"UPDATE memory_episodes SET {change} WHERE id = '{secret.id}'".encode())


async def test_it_is_gone_from_the_inbox_and_does_not_come_again(jordan: Rememberer, cluster: "Cluster"):
    word = f"zq{uuid4().hex}"
    piece = NewObservation(
        source="crm",
        external_id="deal/1",
        recipient="self",
        kind="seen",
        occurred_at=(await jordan.waits(1)),
        description=f"Jane is {word}",
        participants=(word,),
        content={"body": word},
        tainted=False,
    )
    for fresh in (1, 0):
        async with jordan.database.write(jordan.caller) as tx:
            await inbox.deliver(tx, [piece], recipients={"self": jordan.employee})
            percepts = await perceive.perceive(tx, employee=jordan.employee)
        assert len(percepts) == fresh
        if fresh:
            assert tables_with(cluster, word) == {"memory_episodes", "observations"}
            await jordan.forgets(percepts[0].episode)
        assert tables_with(cluster, word) == set()


async def test_what_was_observed_is_never_edited(jordan: Rememberer, cluster: "Cluster"):
    await jordan.sees("Jane called")
    for change in (
        "description = 'Jane paid'",
        "content = '{\"paid\": 1}'",
        "description = 'forgotten', content = '{}'",
    ):
        with psycopg.connect(cluster.url("app")) as app:
            app.execute("SELECT ctx.enter(%s)", (jordan.caller.tenant,))
            with pytest.raises(psycopg.errors.CheckViolation, match="what was observed is never edited"):
                app.execute(f"UPDATE observations SET {change}".encode())


async def test_what_rested_on_it_says_that_it_is_forgotten(jordan: Rememberer):
    secret = await jordan.remembers("Jane is ill")
    await jordan.believes("mood", "bad", secret.id)
    fact = await jordan.knows("Jane", "is", "away", secret.id)
    await jordan.forgets(secret.id)
    async with jordan.database.read(jordan.caller) as tx:
        answer = await why.why(tx, employee=jordan.employee, subject="acme", predicate="mood")
    assert [(episode.id, episode.ended) for episode in answer.episodes] == [(secret.id, "forgotten")]
    assert "  2025-03-03 09:00  (forgotten)" in str(answer)
    assert "ill" not in str(answer)
    assert await jordan.rests(fact) == {secret.id: "forgotten"}
    assert await jordan.facts() == ["Jane is away"]


async def test_a_plan_that_is_over_keeps_no_words_of_what_called_for_it(jordan: Rememberer, cluster: "Cluster"):
    word = f"zq{uuid4().hex}"
    episode = await jordan.remembers(f"Jane is {word}")
    async with jordan.database.write(jordan.caller) as tx:
        await tx.execute(
            """INSERT INTO employee_intentions (tenant_id, employee_id, intention_type, description, plan, context, status, cause_id)
               VALUES (%(tenant)s::uuid, %(employee)s::uuid, 'action', 'Call',
                       jsonb_build_object('type', 'call', 'params', jsonb_build_object('d', %(word)s::text)),
                       jsonb_build_object('event', jsonb_build_object('kind', 'seen', 'description', %(word)s::text)), 'planned',
                       %(episode)s::uuid)""",
            employee=jordan.employee,
            word=word,
            episode=episode.id,
        )
        await tx.execute(
            """UPDATE employee_intentions SET status = 'abandoned', abandoned_at = ctx.now()
                WHERE tenant_id = %(tenant)s::uuid AND cause_id = %(episode)s::uuid""",
            episode=episode.id,
        )
    assert tables_with(cluster, word) == {"memory_episodes", "employee_intentions"}
    await jordan.forgets(episode.id)
    assert tables_with(cluster, word) == set()
    async with jordan.database.read(jordan.caller) as tx:
        [plan] = await intentions.listed(tx, employee=jordan.employee)
    assert (plan.plan.params, plan.context.event) == (None, {"kind": "seen", "description": "forgotten"})


async def test_its_words_count_no_more(jordan: Rememberer):
    async def counted() -> tuple[int, int]:
        async with jordan.database.read(jordan.caller) as tx:
            [found] = await tx.fetch_all(_Counted, COUNTED)
        return found.words, found.memories

    await jordan.remembers("Jane called", participants=["jane@x.example"])
    await jordan.embeds()
    before = await counted()
    secrets = [(await jordan.remembers(f"Jane is ill {day}", participants=["joe@y.example"])).id for day in "ab"]
    waiting = (await jordan.remembers("a word that was not counted yet")).id
    await jordan.forgets(waiting)
    await jordan.embeds()
    assert (await counted())[1] == before[1] + 2
    await jordan.forgets(*secrets)
    assert await counted() == before
    assert [hit.text for hit in await jordan.recalls("what of Joe?")] == ["Jane called"]


async def test_all_that_ends_episodes_may_be_at_work_at_once(jordan: Rememberer, cluster: "Cluster"):
    word = f"zq{uuid4().hex}"
    twins = [(await jordan.remembers(f"Jane wants {number // 4}")).id for number in range(24)]
    await jordan.waits(40)
    for turn in range(3):
        secrets = [(await jordan.remembers(f"{word} {number // 2}")).id for number in range(6)]
        fact = await jordan.knows("Jane", "said", str(turn), twins[0])
        done = await asyncio.gather(
            jordan.consolidates(),
            jordan.embeds(),
            *(jordan.forgets(secret) for secret in secrets),
            jordan.knows("Jane", "wrote", str(turn), twins[4 * turn + 3]),
            jordan.keeps(20 - turn),
        )
        assert done
        assert tables_with(cluster, word) == set()
        assert await jordan.rests(fact) == {twins[0]: "Jane wants 0"}
    await jordan.consolidates()
    live = {episode.id for episode in await jordan.lists()}
    assert {twins[0], twins[3], twins[7], twins[11]} & live >= {twins[0]}
    for episode in await jordan.finds(*twins):
        assert episode.ended == "evicted" or (episode.merged_into or episode.id) in live


# The law


lives = st.fixed_dictionaries(
    {
        "observed": st.booleans(),
        "embedded": st.booleans(),
        "merged": st.booleans(),
        "believed": st.booleans(),
        "known": st.booleans(),
        "more": st.dictionaries(st.sampled_from(["subject", "body", "intent", "outcome"]), st.just("WORD"), max_size=3),
        "with": st.booleans(),
        "twice": st.booleans(),
    }
)


@law(10)
@given(lives)
def test_forgetting_is_final(driver: Driver, cluster: "Cluster", life: dict[str, Any]):
    word = f"zq{uuid4().hex}"
    driver.run(_forgets_for_good(driver.database, cluster, word, life))


async def _forgets_for_good(database: Database, cluster: "Cluster", word: str, life: dict[str, Any]) -> None:
    jordan, rival = await a_rememberer(database), await a_rememberer(database)
    said = f"Jane spoke of {word}"
    more: dict[str, Any] = {
        "content": dict.fromkeys(life["more"], word),
        "participants": [f"{word}@x.example"] if life["with"] else [],
    }
    ids: list[UUID] = []
    while len(ids) < (2 if life["merged"] or life["twice"] else 1):
        ids.append(await jordan.sees(said, **more) if life["observed"] else (await jordan.remembers(said, **more)).id)
    await jordan.remembers("Jane called")
    await rival.remembers("Jane called")
    if life["embedded"]:
        await jordan.embeds()
    if life["merged"]:
        assert (await jordan.consolidates()).merged == 1
    if life["believed"]:
        await jordan.believes("mood", "bad", ids[-1])
    fact = await jordan.knows("Jane", "is", "away", ids[-1]) if life["known"] else None
    assert tables_with(cluster, word)
    # Any one of those that were merged takes the others with it.
    assert await jordan.forgets(*(ids[-1:] if life["merged"] else ids)) == sorted(ids)
    assert tables_with(cluster, word) == set()
    await jordan.consolidates()
    await jordan.embeds()
    assert {hit.id for hit in await jordan.recalls(f"what of {word} and Jane?")} & set(ids) == set()
    for narrowed in (Filters(participant=f"{word}@x.example"), *(Filters(kinds=(kind,)) for kind in KINDS)):
        assert {hit.id for hit in await jordan.recalls(word, filters=narrowed)} & set(ids) == set()
    assert await jordan.words() == ["Jane called"]
    assert await jordan.lists(participant=f"{word}@x.example") == []
    assert {episode.ended for episode in await jordan.finds(*ids)} == {"forgotten"}
    if fact is not None:
        assert set(await jordan.rests(fact)) == {ids[-1]}
    assert await rival.words() == ["Jane called"]
