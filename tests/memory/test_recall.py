"""One question, one ranked answer: the right memories, none of another's, never fewer than there are, each score in its parts."""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import an_employee
from recalling import EMBEDDER, recall, remembered, texts

from empla.employees.employees import Employee
from empla.errors import InvalidError
from empla.memory import episodic, indexing, procedural, working
from empla.memory import recall as recalling
from empla.memory.episodic import NewEpisode
from empla.memory.question import KINDS, Filters, without
from empla.memory.ranking import BY_MEANING, BY_WORDS, DEFAULT
from empla.memory.shapes import EpisodeContent, WorkingContent
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
STORIES = (
    "Jane asked for a discount of ten percent",
    "The server room was flooded on Sunday",
    "Bob sent the signed contract by post",
    "Our train to Vienna was cancelled",
    "The customer wants an invoice in euros",
)


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("did anybody want a discount?", STORIES[0]),
        ("water damage", STORIES[1]),
        ("has the agreement been signed?", STORIES[2]),
        ("how did we travel?", STORIES[3]),
        ("INVOICES", STORIES[4]),
    ],
)
async def test_what_answers_comes_first(database: Database, acme: Caller, jordan: Employee, question: str, best: str):
    await remembered(database, acme, jordan.id, *STORIES)
    assert texts(await recall(database, acme, jordan.id, question))[0] == best


async def test_a_new_memory_is_found_by_its_words_at_once_and_by_its_meaning_soon(
    database: Database, acme: Caller, jordan: Employee
):
    await remembered(database, acme, jordan.id, *STORIES, caught_up=False)
    [first, *_] = await recall(database, acme, jordan.id, "who got an invoice?")
    assert (first.text, first.cosine, first.matched > 0) == (STORIES[4], None, True)
    await indexing.catch_up(database, acme, employee=jordan.id, embedder=EMBEDDER)
    [first, *_] = await recall(database, acme, jordan.id, "who got an invoice?")
    assert first.text == STORIES[4]
    assert first.cosine is not None


async def test_without_an_embedder_words_decide(database: Database, acme: Caller, jordan: Employee):
    await remembered(database, acme, jordan.id, *STORIES)
    hits = await recall(database, acme, jordan.id, "the signed contract", embedder=None)
    assert hits[0].text == STORIES[2]
    assert {hit.cosine for hit in hits} == {None}
    assert {hit.parts.vector for hit in hits} == {0}


@pytest.mark.parametrize("ranking", [DEFAULT, BY_MEANING, BY_WORDS], ids=["all", "meaning", "words"])
@pytest.mark.parametrize("caught_up", [True, False], ids=["embedded", "waiting"])
async def test_there_are_never_fewer_than_there_are(
    database: Database, acme: Caller, jordan: Employee, ranking: recalling.Ranking, *, caught_up: bool
):
    await remembered(database, acme, jordan.id, *(f"Note {n} about nothing" for n in range(30)), caught_up=caught_up)
    for limit in (1, 10, 30, 1000):
        hits = await recall(database, acme, jordan.id, "zebra crossing", limit=limit, ranking=ranking)
        assert len({hit.id for hit in hits}) == min(limit, 30)


async def test_a_score_is_the_sum_of_its_parts_and_the_order_is_theirs(
    database: Database, acme: Caller, jordan: Employee
):
    await remembered(
        database,
        acme,
        jordan.id,
        *(
            NewEpisode(description=text, participants=("Jane Doe",), importance=n / 10)
            for n, text in enumerate(STORIES)
        ),
    )
    hits = await recall(database, acme, jordan.id, "what discount did Jane ask for?")
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        assert hit.score == pytest.approx(math.fsum(dict(hit.parts).values()))
    best = hits[0]
    assert best.text == STORIES[0]
    assert min(best.parts.vector, best.parts.words, best.parts.people) > 0
    assert best.parts.importance == pytest.approx(DEFAULT.importance * (0 - 0.5))


async def test_each_part_moves_the_order(database: Database, acme: Caller, jordan: Employee):
    async with database.read(acme) as tx:
        now = tx.now
    old, new = now - timedelta(days=90), now - timedelta(days=1)
    await remembered(
        database,
        acme,
        jordan.id,
        NewEpisode(description="The tender was lost", occurred_at=old, location="a", importance=0.5),
        NewEpisode(description="The tender was lost", occurred_at=new, location="b", importance=0.5),
        NewEpisode(description="The tender was lost", occurred_at=old, location="c", importance=1.0),
        NewEpisode(
            description="The tender was lost", occurred_at=old, location="d", participants=("Tom",), importance=0.5
        ),
    )
    hits = await recall(database, acme, jordan.id, "Tom's tender")
    assert [hit.location for hit in hits] == ["d", "b", "c", "a"]
    assert hits[0].parts.people == DEFAULT.people
    assert hits[1].parts.recency > 0.9 * DEFAULT.recency
    assert hits[2].parts.importance == pytest.approx(DEFAULT.importance / 2)


async def test_who_is_named_is_left_out_of_the_meaning(database: Database, acme: Caller, jordan: Employee):
    await remembered(
        database,
        acme,
        jordan.id,
        NewEpisode(description="She paints the sea", participants=("Ines",)),
        NewEpisode(description="Ines Ines Ines", participants=("Karl",)),
        NewEpisode(description="He repairs clocks", participants=("Karl",)),
    )
    hits = await recall(database, acme, jordan.id, "What does Ines paint?")
    assert hits[0].text == "She paints the sea"
    assert without("What does Ines's friend say to INES?", ["Ines"]) == "What does   friend say to  ?"
    assert without("Ines", ["Ines"]) == "Ines"


async def test_an_address_is_known_by_the_name_in_it(database: Database, acme: Caller, jordan: Employee):
    await remembered(
        database,
        acme,
        jordan.id,
        NewEpisode(description="A call", participants=("jane.miller@prospect.example",)),
        NewEpisode(description="A call", participants=("support@prospect.example",)),
        NewEpisode(description="Pete: let us call"),
    )
    named = {
        question: [hit.parts.people > 0 for hit in await recall(database, acme, jordan.id, question, limit=3)]
        for question in ("Miller's call", "the support call", "the prospect's example", "Pete's call")
    }
    assert named == {
        "Miller's call": [True, False, False],
        "the support call": [False] * 3,
        "the prospect's example": [False] * 3,
        "Pete's call": [True, False, False],
    }


async def test_what_was_said_before_and_after_is_brought_along(database: Database, acme: Caller, jordan: Employee):
    def talk(minute: int, text: str, location: str = "chat") -> NewEpisode:
        return NewEpisode(description=text, occurred_at=NOON + timedelta(minutes=minute), location=location)

    await remembered(
        database,
        acme,
        jordan.id,
        talk(0, "Which colour shall the kitchen have?"),
        talk(1, "I like that one by the window"),
        talk(2, "And that other one is fine too"),
        talk(90, "I like this one by the door"),
        talk(1, "I like those ones by the wall", "phone"),
        *(talk(600 + 60 * n, f"Something else, number {n}", f"room {n}") for n in range(60)),
    )
    hits = {
        hit.text: hit.parts.neighbours for hit in await recall(database, acme, jordan.id, "kitchen colour", limit=70)
    }
    assert hits["I like that one by the window"] > 0.5
    assert hits["And that other one is fine too"] > 0.5
    assert hits["I like this one by the door"] == 0
    assert hits["I like those ones by the wall"] == 0


async def test_who_speaks_before_and_after_becomes_a_candidate_and_is_measured_too(
    database: Database, acme: Caller, jordan: Employee
):
    def talk(minute: int, text: str) -> NewEpisode:
        return NewEpisode(description=text, occurred_at=NOON + timedelta(minutes=minute), location="chat")

    await remembered(
        database,
        acme,
        jordan.id,
        *(talk(600 + 60 * n, f"The kitchen colour, take {n}") for n in range(250)),
        talk(0, "Zanzibar?"),
        talk(1, "Quite so"),
    )
    hits = {hit.text: hit for hit in await recall(database, acme, jordan.id, "Zanzibar or the kitchen", limit=60)}
    brought = hits["Quite so"]
    assert brought.parts.neighbours > 0.5
    assert brought.cosine is not None
    assert brought.parts.vector < 0


async def test_filters_narrow_and_never_thin_out(database: Database, acme: Caller, jordan: Employee):
    await remembered(
        database,
        acme,
        jordan.id,
        *(
            NewEpisode(
                description=f"Call {n} about the price",
                occurred_at=NOON + timedelta(days=n),
                participants=("jane@prospect.example",) if n % 3 == 0 else ("joe@prospect.example",),
                episode_type="feedback" if n % 5 == 0 else "interaction",
                location="phone" if n % 2 else "zoom",
            )
            for n in range(300)
        ),
    )
    narrowed: list[tuple[dict[str, Any], int]] = [
        ({"since": NOON + timedelta(days=290)}, 10),
        ({"until": NOON + timedelta(days=4)}, 4),
        ({"since": NOON + timedelta(days=5), "until": NOON + timedelta(days=8)}, 3),
        ({"participant": "jane@prospect.example"}, 100),
        ({"episode_type": "feedback"}, 60),
        ({"location": "phone"}, 150),
        ({"participant": "jane@prospect.example", "episode_type": "feedback", "location": "phone"}, 10),
        ({"participant": "nobody@prospect.example"}, 0),
    ]
    for filters, expected in narrowed:
        hits = await recall(database, acme, jordan.id, "what about the price?", limit=300, **filters)
        assert len(hits) == expected, filters
    kept = await recall(database, acme, jordan.id, "price", limit=50, participant="jane@prospect.example")
    assert {hit.participants[0] for hit in kept} == {"jane@prospect.example"}


async def test_all_memories_stand_in_one_answer(database: Database, acme: Caller, jordan: Employee):
    async with database.write(acme) as tx:
        await procedural.equip(tx, employee=jordan.id, role="sales_ae")
    await remembered(database, acme, jordan.id, *STORIES)
    hits = await recall(
        database, acme, jordan.id, "somebody asks for a price or a discount", kinds=("episode", "procedure")
    )
    assert {hit.kind for hit in hits[:3]} == {"episode", "procedure"}
    assert hits[0].text.startswith("answer_pricing_question")


async def test_what_is_in_hand_answers_too_while_it_lasts(
    database: Database, acme: Caller, rival: Caller, jordan: Employee
):
    task = WorkingContent.parse({"task": "Prepare the giraffe proposal", "progress": {"pages": 3}})
    note, said = (WorkingContent.parse({"note": f"a giraffe in the {where}"}) for where in ("scratchpad", "talk"))
    async with database.write(acme) as tx:
        held = await working.hold(tx, employee=jordan.id, context_type="current_task", content=task, priority=8)
        await working.hold(tx, employee=jordan.id, context_type="scratchpad", content=note, pinned=True)
        soon = tx.now + timedelta(seconds=1)
        await working.hold(tx, employee=jordan.id, context_type="conversation", content=said, expires_at=soon)
    await remembered(database, acme, jordan.id, *STORIES)
    assert "conversation: a giraffe in the talk" in texts(
        hits := await recall(database, acme, jordan.id, "how far is the giraffe proposal?", kinds=KINDS)
    )
    assert texts(hits)[0] == "current task: Prepare the giraffe proposal 3"
    assert (hits[0].kind, hits[0].id, hits[0].importance, hits[0].tainted) == ("working", held.id, 0.8, False)
    assert [hit.tainted for hit in hits if hit.text.startswith("conversation")] == [True]
    # Neither where it is not asked for, nor by a filter of episodes, nor to anybody else.
    narrowed: list[dict[str, Any]] = [{"kinds": ("episode",)}, {"location": "Rome"}, {"until": NOON}]
    for filters in narrowed:
        asked: dict[str, Any] = {"kinds": KINDS, **filters}
        found = await recall(database, acme, jordan.id, "giraffe", **asked)
        assert "working" not in {hit.kind for hit in found}
    assert await recall(database, rival, jordan.id, "giraffe", kinds=KINDS) == []
    async with database.write(acme) as tx:
        await working.clear(tx, employee=jordan.id)
    await asyncio.sleep(1)  # what was said has expired
    left = await recall(database, acme, jordan.id, "giraffe", kinds=KINDS)
    assert [hit.text for hit in left if hit.kind == "working"] == ["scratchpad: a giraffe in the scratchpad"]


async def test_a_mail_is_found_by_its_subject_and_its_body(database: Database, acme: Caller, jordan: Employee):
    content = EpisodeContent.parse({"subject": "Quarterly numbers", "body": "The giraffe enclosure is over budget."})
    await remembered(database, acme, jordan.id, *STORIES, NewEpisode(description="Mail from Ann", content=content))
    for question in ("giraffe", "quarterly numbers"):
        assert texts(await recall(database, acme, jordan.id, question))[0] == "Mail from Ann"


@pytest.mark.parametrize(
    ("question", "more", "sentence"),
    [
        ("", {}, "a question says what to look for; the latest episodes are listed without one"),
        (" \n\t", {}, "a question says what to look for; the latest episodes are listed without one"),
        ("x" * 10_001, {}, "a question has at most 10,000 characters"),
        ("a\0b", {}, "the question contains a NUL character, which PostgreSQL can't store"),
        ("price", {"limit": 0}, "a limit is 1 to 1,000, not 0"),
        ("price", {"limit": -3}, "a limit is 1 to 1,000, not -3"),
        ("price", {"limit": 1_000_000}, "a limit is 1 to 1,000, not 1000000"),
        ("price", {"since": NOON, "until": NOON - timedelta(days=1)}, "the time window ends before it begins"),
        ("price", {"since": NOON.replace(tzinfo=None)}, "a time needs a time zone"),
        ("price", {"mood": "good"}, "the filter mood can't be used: extra inputs are not permitted"),
        ("price", {"episode_type": "dream"}, "the filter episode_type can't be used: input should be "),
    ],
)
async def test_what_can_not_be_asked_gets_one_sentence(
    database: Database, acme: Caller, jordan: Employee, question: str, more: dict[str, object], sentence: str
):
    with pytest.raises(InvalidError) as refused:
        await recall(database, acme, jordan.id, question, **more)  # pyright: ignore[reportArgumentType]
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    "question",
    ["🙂", "価格はいくらですか", "Цена", "السعر", "who are you?", "...", "%(tenant)s {} ' \" \\", "a" * 9_999],
)
async def test_every_script_can_be_asked_in(database: Database, acme: Caller, jordan: Employee, question: str):
    await remembered(database, acme, jordan.id, *STORIES, "製品の価格は百ユーロです 🙂", "Цена слишком высокая")
    assert len(await recall(database, acme, jordan.id, question)) == 7


async def test_scripts_without_spaces_are_found_by_pairs_of_signs(database: Database, acme: Caller, jordan: Employee):
    await remembered(database, acme, jordan.id, "会議は金曜日です", "製品の価格は百ユーロです", "天気がいい")
    assert texts(await recall(database, acme, jordan.id, "価格", ranking=BY_WORDS))[0] == "製品の価格は百ユーロです"


async def test_recall_takes_three_statements_and_writes_nothing(database: Database, acme: Caller, jordan: Employee):
    await remembered(database, acme, jordan.id, *STORIES)
    async with database.read(acme) as tx:
        before = tx.statements
        await recalling.recall(
            tx, employee=jordan.id, query="price", embedder=EMBEDDER, filters=Filters(participant="x")
        )
        assert tx.statements - before == 2  # nothing was found, so nothing is told
        await recalling.recall(tx, employee=jordan.id, query="price", embedder=EMBEDDER)
        assert tx.statements - before == 5


async def test_nothing_of_anybody_else_is_recalled(database: Database, acme: Caller, rival: Caller, jordan: Employee):
    colleague, stranger = await an_employee(database, acme), await an_employee(database, rival)
    secret = "The secret recipe of the house"
    for caller, employee in ((acme, colleague), (rival, stranger)):
        await remembered(database, caller, employee.id, *(f"{secret}, part {n}" for n in range(200)))
    await remembered(database, acme, jordan.id, *STORIES)
    assert sorted(texts(await recall(database, acme, jordan.id, secret))) == sorted(STORIES)
    # Whoever names a stranger's employee, or asks as somebody who may not see this one, is told nothing.
    assert await recall(database, acme, stranger.id, secret) == []
    async with database.write(acme) as tx:
        user = await users.invite(tx, email="nosy@acme.example", name="Nosy", role="user")
    assert await recall(database, Caller(acme.tenant, user=user.id), colleague.id, secret) == []


async def test_what_is_recalled_is_reinforced_and_the_reader_does_not_wait(
    database: Database, acme: Caller, jordan: Employee
):
    [story] = await remembered(database, acme, jordan.id, STORIES[0])
    # Somebody holds the row: who reinforces goes on, and it counts once less.
    async with database.write(acme) as holding:
        await episodic.recalled(holding, employee=jordan.id, times={story: 1})
        async with database.write(acme) as tx:
            assert await episodic.recalled(tx, employee=jordan.id, times={story: 5}) == 0
    async with database.write(acme) as tx:
        assert await episodic.recalled(tx, employee=jordan.id, times={story: 8}) == 1
    async with database.read(acme) as tx:
        [episode] = await episodic.by_ids(tx, employee=jordan.id, ids=[story])
        assert (episode.recall_count, episode.last_recalled_at is not None) == (9, True)
    [hit] = await recall(database, acme, jordan.id, "discount")
    assert hit.parts.reinforcement == pytest.approx(DEFAULT.reinforcement)
