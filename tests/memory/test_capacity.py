"""Room is soft: what is worth least goes first, and never what people said, what something rests on, or what is young."""

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest
from rememberer import Rememberer, a_rememberer

from empla.bdi import beliefs
from empla.memory import capacity, semantic
from empla.mind import housekeeping
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database

if TYPE_CHECKING:
    from tests.conftest import Cluster

OLD = 40  # days; what is that old may go


@pytest.fixture
async def jordan(database: Database) -> Rememberer:
    return await a_rememberer(database)


async def numbered(jordan: Rememberer, *weights: float, **more: Any) -> list[UUID]:
    """Episodes that are called by their weights."""
    return [(await jordan.remembers(f"{weight:g}", importance=weight, **more)).id for weight in weights]


async def test_what_is_worth_least_goes_first_and_for_good(jordan: Rememberer):
    ids = await numbered(jordan, 0.5, 0.2, 0.9, 0.1)
    colleague, stranger = await jordan.a_colleague(), await a_rememberer(jordan.database)
    for other in (colleague, stranger):
        await numbered(other, 0.0)
    await jordan.waits(OLD)
    await stranger.waits(OLD)
    assert await jordan.keeps(4) == 0
    assert await jordan.keeps(2) == 2
    assert await jordan.words() == ["0.5", "0.9"]
    assert await jordan.keeps(2) == 0
    assert [episode.ended for episode in await jordan.finds(*ids)] == [None, "evicted", None, "evicted"]
    assert (await jordan.finds(ids[1]))[0].description == "forgotten"
    for other in (colleague, stranger):
        assert await other.words() == ["0"]


async def test_it_goes_in_batches(jordan: Rememberer):
    await numbered(jordan, 0.5, 0.2, 0.9, 0.1)
    await jordan.waits(OLD)
    assert [await jordan.keeps(1, most=2) for _ in range(3)] == [2, 1, 0]
    assert await jordan.words() == ["0.9"]


async def test_of_two_that_weigh_the_same_the_older_and_the_one_of_less_use_goes(
    jordan: Rememberer, cluster: "Cluster"
):
    [old] = await numbered(jordan, 0.5)
    await jordan.waits(OLD)
    used, unused = await numbered(jordan, 0.5, 0.5)
    await jordan.waits(OLD)
    with cluster.admin() as admin:
        admin.execute("UPDATE empla.memory_episodes SET recall_count = 3 WHERE id = %s", (used,))
    assert await jordan.keeps(2) == 1
    assert (await jordan.finds(old))[0].ended == "evicted"
    assert await jordan.keeps(1) == 1
    assert (await jordan.finds(unused))[0].ended == "evicted"


async def test_what_is_young_stays_and_so_does_what_came_lately_of_long_ago(jordan: Rememberer):
    start = await jordan.waits(0)
    await jordan.waits(29)
    await numbered(jordan, 0.1, occurred_at=start)
    await jordan.remembers("young", importance=0)
    await jordan.waits(2)
    assert await jordan.keeps(1) == 0
    await jordan.waits(29)
    assert await jordan.keeps(1) == 1
    assert await jordan.words() == ["0.1"]


async def test_what_people_said_stays(jordan: Rememberer):
    await numbered(jordan, 0.0, episode_type="feedback")
    await numbered(jordan, 0.9)
    await jordan.waits(OLD)
    assert await jordan.keeps(1) == 1
    assert await jordan.words() == ["0"]
    await jordan.waits(4000)
    await numbered(jordan, 0.0, episode_type="feedback")
    await jordan.waits(OLD)
    assert await jordan.keeps(1) == 0


async def _believed(jordan: Rememberer, episode: UUID) -> None:
    await jordan.believes("mood", "good", episode)


async def _believed_by_its_observation(jordan: Rememberer, episode: UUID) -> None:
    [found] = await jordan.finds(episode)
    await jordan.believes("mood", "good", cast("UUID", found.observation_id))


async def _known(jordan: Rememberer, episode: UUID) -> None:
    await jordan.knows("Acme", "is", "large", episode)


async def _against_a_human(jordan: Rememberer, episode: UUID) -> None:
    other = await jordan.remembers("Dana said so", importance=1)
    await jordan.believes("mood", "bad", other.id, source="told_by_human")
    await jordan.believes("mood", "good", episode, source="inference")


async def _in_conflict(jordan: Rememberer, episode: UUID, cluster: "Cluster") -> None:
    """The belief has heard so much since that it knows no more of it; the open conflict does."""
    await _against_a_human(jordan, episode)
    with cluster.admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "UPDATE empla.beliefs SET silenced = '[]', grounds = '[]' WHERE employee_id = %s", (jordan.employee,)
        )


async def _under_way(jordan: Rememberer, episode: UUID) -> None:
    async with jordan.database.write(jordan.caller) as tx:
        await tx.execute(
            """INSERT INTO employee_intentions (tenant_id, employee_id, intention_type, description, plan, cause_id)
               VALUES (%(tenant)s::uuid, %(employee)s::uuid, 'action', 'Call', '{"type": "call"}', %(episode)s::uuid)""",
            employee=jordan.employee,
            episode=episode,
        )


async def _merged(jordan: Rememberer, episode: UUID) -> None:
    """What it was told by is kept for its sake."""
    await jordan.remembers("Jane called", importance=1, episode_type="observation", location="crm")
    assert (await jordan.consolidates()).merged == 1
    await jordan.believes("mood", "good", episode)


CITES = (_believed, _believed_by_its_observation, _known, _against_a_human, _under_way, _merged)


@pytest.mark.parametrize("cites", CITES, ids=[cites.__name__ for cites in CITES])
async def test_what_something_rests_on_stays(jordan: Rememberer, cites: Any):
    cited = await jordan.sees("Jane called")
    await cites(jordan, cited)
    await jordan.waits(OLD)
    await jordan.keeps(1)
    [found] = await jordan.finds(cited)
    assert found.description == "Jane called"


async def test_what_an_open_conflict_rests_on_stays(jordan: Rememberer, cluster: "Cluster"):
    cited = await jordan.sees("Jane called")
    await _in_conflict(jordan, cited, cluster)
    await jordan.waits(OLD)
    await jordan.keeps(1)
    assert (await jordan.finds(cited))[0].description == "Jane called"


async def test_what_may_not_go_leaves_the_next_one_to_go(jordan: Rememberer):
    for number in range(3):
        cited = await jordan.remembers(f"cited {number}", importance=0)
        await _known(jordan, cited.id)
    await numbered(jordan, 0.9)
    await jordan.waits(OLD)
    assert [await jordan.keeps(1, most=1) for _ in range(2)] == [1, 0]
    assert await jordan.words() == ["cited 0", "cited 1", "cited 2"]


async def test_what_is_believed_and_known_no_more_holds_nothing(jordan: Rememberer):
    cited = await jordan.sees("Jane called")
    await _believed(jordan, cited)
    fact = await jordan.knows("Acme", "is", "large", cited)
    await jordan.waits(OLD)
    await numbered(jordan, 0.9)
    async with jordan.database.write(jordan.caller) as tx:
        await beliefs.retract(tx, employee=jordan.employee, subject="acme", predicates=["mood"], reason="over")
    assert await jordan.keeps(1) == 0
    async with jordan.database.write(jordan.caller) as tx:
        await semantic.forget(tx, employee=jordan.employee, fact=fact)
    assert await jordan.keeps(1) == 1
    assert await jordan.rests(fact) == {cited: "forgotten"}


async def test_what_was_merged_goes_with_what_tells_it(jordan: Rememberer):
    ids = [(await jordan.remembers("Jane called", importance=0.1)).id for _ in range(3)]
    await numbered(jordan, 0.9)
    assert (await jordan.consolidates()).merged == 2
    await jordan.waits(OLD)
    assert await jordan.keeps(1) == 3
    assert {episode.description for episode in await jordan.finds(*ids)} == {"forgotten"}


async def test_the_function_itself_evicts_nothing_that_is_cited_or_said_by_people(jordan: Rememberer):
    """Whoever chose wrongly, or before somebody cited it."""
    cited = await jordan.sees("Jane called")
    await _known(jordan, cited)
    [said, free] = [
        (await jordan.remembers(kind, episode_type=kind)).id
        for kind in ("feedback", "event")  # type: ignore[arg-type]
    ]
    async with jordan.database.write(jordan.caller) as tx:
        gone = await tx.fetch_value(
            int,
            """SELECT count(*) FROM forget_episodes(%(tenant)s::uuid, %(employee)s::uuid, %(ids)s::uuid[], 'evicted', ctx.now())""",
            employee=jordan.employee,
            ids=[cited, said, free],
        )
    assert gone == 1
    assert await jordan.words() == ["Jane called", "feedback"]


async def test_who_has_too_much(jordan: Rememberer):
    await numbered(jordan, 0.1, 0.2)
    colleague, stranger = await jordan.a_colleague(), await a_rememberer(jordan.database)
    await numbered(colleague, 0.1)
    await numbered(stranger, 0.1, 0.2)
    async with jordan.database.read(jordan.caller) as tx:
        assert await capacity.crowded(tx, kept=1) == [capacity.Crowded(employee_id=jordan.employee, episodes=2)]


async def test_housekeeping_makes_room(jordan: Rememberer, settings: Settings):
    await numbered(jordan, 0.5, 0.2, 0.9, 0.1)
    await jordan.waits(OLD)
    assert settings.episodes_kept == 100_000
    async with opening.opened(settings.model_copy(update={"episodes_kept": 2})) as database:
        assert (await housekeeping.keep_house(database)).episodes_evicted >= 2
    assert await jordan.words() == ["0.5", "0.9"]
