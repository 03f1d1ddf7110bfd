"""Consolidation: what was remembered twice becomes one, what repeated itself a fact; no evidence is lost, and again nothing changes."""

from itertools import combinations
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from driving import Driver, law
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from rememberer import Rememberer, a_rememberer

from empla.bdi import beliefs
from empla.employees import employees
from empla.memory import semantic
from empla.memory.consolidate import Member, Pair, stars
from empla.mind import why
from empla.storage.database import Database

if TYPE_CHECKING:
    from typing import LiteralString

    from tests.conftest import Cluster

SAID = "Jane wants a discount"
ALL: "LiteralString" = """
    SELECT md5(string_agg(m::text, '|' ORDER BY id)) AS said FROM memory_episodes m WHERE tenant_id = %(tenant)s::uuid
"""
MERGED: "LiteralString" = """
    SELECT metadata -> 'merged' AS merged FROM memory_episodes WHERE tenant_id = %(tenant)s::uuid AND id = %(id)s::uuid
"""
AUDITS: "LiteralString" = """
    SELECT action_type || ' ' || (details ->> 'merged_into') AS said FROM audit_log
     WHERE tenant_id = %(tenant)s::uuid AND resource_type = 'episode' ORDER BY id
"""


class _Line(BaseModel):
    said: str


class _Merged(BaseModel):
    merged: list[dict[str, Any]]


@pytest.fixture
async def jordan(database: Database) -> Rememberer:
    return await a_rememberer(database)


async def told(jordan: Rememberer) -> str:
    """All episodes of the tenant, as one digest."""
    async with jordan.database.read(jordan.caller) as tx:
        return (await tx.fetch_all(_Line, ALL))[0].said


# Near-duplicates


async def test_the_same_words_become_the_oldest_episode(jordan: Rememberer, cluster: "Cluster"):
    first = await jordan.remembers(SAID, participants=["jane@x.example"], importance=0.3)
    await jordan.waits(3)
    second = await jordan.remembers(f"{SAID.upper()}!  ", participants=["Jane@X.example"], importance=0.9)
    with cluster.admin() as admin:
        admin.execute("UPDATE empla.memory_episodes SET recall_count = 2 WHERE id = ANY (%s)", ([first.id, second.id],))
    done = await jordan.consolidates()
    assert [(merge.kept, merge.text, merge.merged) for merge in done.merges] == [(first.id, SAID, [second.id])]
    [kept] = await jordan.lists()
    assert (kept.id, kept.importance, kept.recall_count) == (first.id, 0.9, 4)
    [gone] = await jordan.finds(second.id)
    assert (gone.ended, gone.merged_into, gone.description) == ("merged", first.id, second.description)
    assert {hit.id for hit in await jordan.recalls("discount")} == {first.id}
    async with jordan.database.read(jordan.caller) as tx:
        [named] = await tx.fetch_all(_Merged, MERGED, id=first.id)
        assert [each["id"] for each in named.merged] == [str(second.id)]
        assert [line.said for line in await tx.fetch_all(_Line, AUDITS)] == [f"episode.merged {first.id}"]
    assert "raised" not in str(await jordan.explains(first.id))
    assert (await jordan.explains(first.id)).merged == 1


async def test_what_is_weighed_tells_that_another_raised_it(jordan: Rememberer):
    first = await jordan.remembers(SAID)
    await jordan.remembers(SAID, importance=0.9)
    await jordan.consolidates()
    assert "  raised by one of the 1 that were merged into it" in str(await jordan.explains(first.id)).splitlines()


@pytest.mark.parametrize(("degrees", "merged"), [(0, 1), (13, 1), (16, 0), (40, 0)])
async def test_what_means_the_same_is_merged_from_a_cosine_of_97_on(jordan: Rememberer, degrees: int, merged: int):
    """Cosine .97 is 14.07 degrees."""
    await jordan.remembers(SAID)
    await jordan.remembers(f"{SAID}#{'~' * degrees}")
    assert (await jordan.consolidates()).merged == 0  # nothing is embedded yet
    await jordan.embeds()
    assert (await jordan.consolidates()).merged == merged


@pytest.mark.parametrize(
    "other",
    [
        {"description": "Jane wants a rebate"},
        {"episode_type": "event"},
        {"participants": ["joe@x.example"]},
        {"location": "call"},
        {"tainted": True},
        {"content": {"outcome": "lost"}},
        {"content": {"opportunity": "42"}},
        {"content": {"body": "of half the price"}},
    ],
    ids=str,
)
async def test_what_differs_stays_apart(jordan: Rememberer, other: dict[str, Any]):
    await jordan.remembers(SAID)
    said: dict[str, Any] = {"description": SAID, **other}
    await jordan.remembers(**said)
    assert (await jordan.consolidates()).merges == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("offers 10 %", "offers 40 %"),
        ("agreed", "has not agreed"),
        ("agrees", "doesn't agree"),
        ("agrees", "never agrees"),
    ],
)
async def test_other_numbers_and_denials_are_other_news_whatever_the_vector_says(
    jordan: Rememberer, one: str, other: str, monkeypatch: pytest.MonkeyPatch
):
    def same(_: str) -> int:
        return 1

    monkeypatch.setattr("rememberer.hash_of", same)  # all texts mean the same
    await jordan.remembers(f"Jane {one}")
    await jordan.remembers(f"Jane {other}")
    await jordan.embeds()
    assert (await jordan.consolidates()).merges == []
    await jordan.remembers(f"So Jane {one}")
    await jordan.embeds()
    assert (await jordan.consolidates()).merged == 1


async def test_what_lies_more_than_a_week_apart_stays_apart(jordan: Rememberer):
    await jordan.remembers(SAID)
    await jordan.waits(7.1)
    await jordan.remembers(SAID)
    assert (await jordan.consolidates()).merges == []
    await jordan.waits(7)
    await jordan.remembers(SAID)
    assert (await jordan.consolidates()).merged == 1


async def test_what_people_said_is_never_merged(jordan: Rememberer):
    for _ in range(2):
        await jordan.remembers(SAID, episode_type="feedback")
    assert (await jordan.consolidates()).merges == []


async def test_what_something_rests_on_tells_the_others(jordan: Rememberer):
    first, second, third = [(await jordan.remembers(SAID)).id for _ in range(3)]
    await jordan.believes("mood", "good", second)
    [merge] = (await jordan.consolidates()).merges
    assert (merge.kept, set(merge.merged)) == (second, {first, third})


async def test_what_told_others_hands_them_on(jordan: Rememberer):
    first, second = [(await jordan.remembers(SAID)).id for _ in range(2)]
    assert (await jordan.consolidates()).merged == 1
    third = (await jordan.remembers(SAID)).id
    await jordan.believes("mood", "good", third)
    assert (await jordan.consolidates()).merged == 1
    assert {episode.id: episode.merged_into for episode in await jordan.finds(first, second, third)} == {
        first: third,
        second: third,
        third: None,
    }
    assert await jordan.forgets(second) == sorted([first, second, third])


async def test_many_alike_become_one_and_none_is_like_another_afterwards(jordan: Rememberer, cluster: "Cluster"):
    """More than are compared at once."""
    first = await jordan.remembers(SAID)
    with cluster.admin() as admin:
        admin.execute(
            """INSERT INTO empla.memory_episodes (tenant_id, employee_id, episode_type, description, content, participants, occurred_at)
               SELECT tenant_id, employee_id, episode_type, description, content, participants, occurred_at + n * interval '1 second'
                 FROM empla.memory_episodes, generate_series(1, 450) n WHERE id = %s""",
            (first.id,),
        )
    done = await jordan.consolidates()
    assert (done.merged, [merge.kept for merge in done.merges]) == (450, [first.id])
    assert await jordan.words() == [SAID]
    assert (await jordan.explains(first.id)).merged == 450
    assert (await jordan.consolidates()).merges == []


async def test_a_dry_run_says_what_would_be_done_and_changes_nothing(jordan: Rememberer):
    for _ in range(2):
        await jordan.remembers(SAID)
    for note in "abc":
        await jordan.remembers(note, participants=["jane@x.example"], content={"intent": "negotiation"})
    before = await told(jordan)
    would = await jordan.would_consolidate()
    assert (await told(jordan), await jordan.facts()) == (before, [])
    done = await jordan.consolidates()
    assert (would.dry_run, done.dry_run, would.learned) == (True, False, [])
    assert (would.merges, would.facts) == (done.merges, done.facts)
    assert [str(fact) for fact in done.learned] == await jordan.facts() == ["jane@x.example often_about negotiation"]


# Repeated episodes


async def often(jordan: Rememberer, times: int, **content: Any) -> list[UUID]:
    """So many calls of Jane, each in other words."""
    return [
        (await jordan.remembers(f"call {uuid4()}", participants=["jane@x.example"], content=content)).id
        for _ in range(times)
    ]


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        ({"intent": "negotiation"}, "often_about negotiation"),
        ({"outcome": "follow_up_scheduled"}, "often_ends_in follow_up_scheduled"),
        ({"entities": ["price"]}, "often_speaks_of price"),
    ],
)
async def test_three_times_make_a_fact_that_rests_on_them(jordan: Rememberer, content: dict[str, Any], fact: str):
    ids = await often(jordan, 2, **content)
    assert (await jordan.consolidates()).facts == []
    ids += await often(jordan, 1, **content)
    [learned] = (await jordan.consolidates()).learned
    assert (str(learned), learned.source, learned.outcome) == (f"jane@x.example {fact}", "consolidation", "learned")
    assert learned.confidence == pytest.approx(1 - 0.7**3)
    assert set(await jordan.rests(learned.id)) == set(ids)


async def test_a_crm_says_again_and_again(jordan: Rememberer):
    ids = [
        await jordan.sees(f"deal {deal}", kind="deal_won", content={"account": "Acme", "deal": deal}) for deal in "abc"
    ]
    [learned] = (await jordan.consolidates()).learned
    assert str(learned) == "Acme has_repeatedly deal_won"
    assert set(await jordan.rests(learned.id)) == set(ids)


async def test_what_is_new_is_added_once(jordan: Rememberer):
    await often(jordan, 3, intent="negotiation")
    await jordan.consolidates()
    before = await told(jordan)
    again = await jordan.consolidates()
    assert (again.merges, again.facts, again.learned, await told(jordan)) == ([], [], [], before)
    await often(jordan, 1, intent="Negotiation")
    [learned] = (await jordan.consolidates()).learned
    assert learned.outcome == "reinforced"
    assert learned.confidence == pytest.approx(1 - 0.7**4)
    assert len(await jordan.rests(learned.id)) == 4


async def test_a_fact_that_people_ended_takes_three_new_times(jordan: Rememberer):
    await often(jordan, 3, intent="negotiation")
    [learned] = (await jordan.consolidates()).learned
    async with jordan.database.write(jordan.caller) as tx:
        await semantic.forget(tx, employee=jordan.employee, fact=learned.id)
    await often(jordan, 2, intent="negotiation")
    assert (await jordan.consolidates()).facts == []
    await often(jordan, 1, intent="negotiation")
    assert (await jordan.consolidates()).facts[0].times == 6


async def test_what_comes_from_outside_is_not_known_for_being_repeated(jordan: Rememberer):
    for number in range(5):
        await jordan.remembers(
            f"mail {number}", participants=["eve@x.example"], content={"intent": "invoice"}, tainted=True
        )
    assert (await jordan.consolidates()).facts == []


async def test_what_was_told_thrice_happened_once(jordan: Rememberer):
    for _ in range(3):
        await jordan.remembers("a call", participants=["jane@x.example"], content={"intent": "negotiation"})
    done = await jordan.consolidates()
    assert (done.merged, done.facts) == (2, [])


async def test_itself_is_nobody_to_know_about(jordan: Rememberer):
    async with jordan.database.read(jordan.caller) as tx:
        me = (await employees.get(tx, employee=jordan.employee)).email
    for number in range(3):
        await jordan.remembers(f"{number}", participants=[me.upper()], content={"intent": "negotiation"})
    assert (await jordan.consolidates()).facts == []


async def test_others_are_left_alone(jordan: Rememberer):
    colleague, stranger = await jordan.a_colleague(), await a_rememberer(jordan.database)
    for other in (colleague, stranger):
        await other.remembers(SAID)
        await often(other, 2, intent="negotiation")
    await jordan.remembers(SAID)
    await often(jordan, 2, intent="negotiation")
    done = await jordan.consolidates()
    assert (done.merges, done.facts) == ([], [])
    for other in (colleague, stranger):
        assert len(await other.words()) == 3


async def test_the_employee_itself_consolidates_in_its_turn(jordan: Rememberer):
    for _ in range(2):
        await jordan.remembers(SAID)
    await often(jordan, 3, intent="negotiation")
    done = await jordan.as_itself().consolidates()
    assert (done.merged, len(done.learned)) == (1, 1)


# The laws


def pair(one: Member, other: Member) -> Pair:
    return Pair(
        one=one.id,
        one_at=one.occurred_at,
        one_cited=one.cited,
        one_text=one.text,
        other=other.id,
        other_at=other.occurred_at,
        other_cited=other.cited,
        other_text=other.text,
    )


members = st.lists(
    st.builds(Member, id=st.uuids(), cited=st.booleans(), occurred_at=st.datetimes(), text=st.just("")),
    min_size=2,
    max_size=8,
    unique_by=lambda member: member.id,
)


@law(100)
@given(st.data())
def test_each_is_told_by_one_that_is_directly_like_it_and_keepers_are_unlike_each_other(data: st.DataObject):
    everyone = data.draw(members)
    chosen = [two for two in combinations(everyone, 2) if data.draw(st.booleans())]
    alike = {frozenset((one.id, other.id)) for one, other in chosen}
    found = stars([pair(one, other) for one, other in chosen])
    gone = [other.id for _, others in found for other in others]
    assert len(gone) == len(set(gone))
    keepers = {keeper.id for keeper, _ in found}
    assert keepers.isdisjoint(gone)
    for keeper, others in found:
        assert all(frozenset((keeper.id, other.id)) in alike for other in others)
        assert all(keeper.rank <= other.rank for other in others)
    left = [member.id for member in everyone if member.id not in gone]
    assert all(frozenset(two) not in alike for two in combinations(left, 2))


happenings = st.lists(
    st.fixed_dictionaries(
        {
            "said": st.sampled_from(["Jane called", "Jane called#~~~~~~~~", "Jane wrote", "jane CALLED."]),
            "days": st.sampled_from([0, 1, 8]),
            "observed": st.booleans(),
            "intent": st.sampled_from(["", "price"]),
            "cited": st.sampled_from(["", "believed", "known", "both"]),
        }
    ),
    min_size=3,
    max_size=6,
)


@law(12)
@given(happenings)
def test_consolidation_loses_no_evidence(driver: Driver, life: list[dict[str, Any]]):
    driver.run(_loses_nothing(driver.database, life))


async def _loses_nothing(database: Database, life: list[dict[str, Any]]) -> None:
    jordan, rival = await a_rememberer(database), await a_rememberer(database)
    for other in (rival, await jordan.a_colleague()):
        await other.remembers("Jane called")
    before, cited, facts = await _lived(jordan, life)
    await jordan.embeds()
    done = await jordan.consolidates()
    after = {episode.id: episode for episode in await jordan.finds(*before)}
    # Every episode is there in its own words, and remembered itself or by one that is.
    live = {episode.id for episode in await jordan.lists()}
    assert {name: episode.description for name, episode in after.items()} == before
    assert all((episode.merged_into or episode.id) in live for episode in after.values())
    assert len(live) == len(before) - done.merged
    # Every belief and fact rests on what it rested on.
    async with jordan.database.read(jordan.caller) as tx:
        for predicate, episode in cited.items():
            answer = await why.why(tx, employee=jordan.employee, subject="acme", predicate=predicate)
            assert [(each.id, each.description) for each in answer.episodes] == [(episode, before[episode])]
        assert len(await beliefs.held(tx, employee=jordan.employee)) == len(cited)
    for fact, episode in facts.items():
        assert await jordan.rests(fact) == {episode: before[episode]}
    for learned in done.learned:
        assert set(await jordan.rests(learned.id)) <= live
    # Again, nothing changes.
    digest = await told(jordan)
    again = await jordan.consolidates()
    assert (again.merges, again.facts, await told(jordan)) == ([], [], digest)
    assert await rival.words() == ["Jane called"]


async def _lived(
    jordan: Rememberer, life: list[dict[str, Any]]
) -> tuple[dict[UUID, str], dict[str, UUID], dict[UUID, UUID]]:
    """All episodes with their words, the evidence of each belief and of each fact."""
    before: dict[UUID, str] = {}
    cited: dict[str, UUID] = {}
    facts: dict[UUID, UUID] = {}
    for number, happened in enumerate(life):
        await jordan.waits(happened["days"])
        more: dict[str, Any] = {
            "participants": ["jane@x.example"],
            "content": {"intent": happened["intent"]} if happened["intent"] else {},
        }
        if happened["observed"]:
            episode = await jordan.sees(happened["said"], **more)
        else:
            episode = (await jordan.remembers(happened["said"], **more)).id
        before[episode] = happened["said"]
        if happened["cited"] in {"believed", "both"}:
            await jordan.believes(f"p{number}", number, episode, decay_rate=0)
            cited[f"p{number}"] = episode
        if happened["cited"] in {"known", "both"}:
            facts[await jordan.knows("Jane", "did", str(number), episode)] = episode
    return before, cited, facts
