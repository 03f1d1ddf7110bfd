"""A fact fades unless it is heard again; people vouch for facts; of a functional predicate one object is held."""

import asyncio
import math
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from factories import MONDAY, an_employee, an_id
from knower import Knower, a_knower

from empla.employees import assignments
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from empla.memory import semantic
from empla.memory.semantic import NewFact
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

DAY = timedelta(days=1)
HOME = ("Jane", "lives in")


@pytest.fixture
async def knower(database: Database) -> Knower:
    return await a_knower(database)


def percent(confidence: float) -> float:
    return round(confidence, 4)


# Learning


async def test_a_fact_comes_back_as_it_was_learned(knower: Knower):
    fact = await knower.learns(" Acme ", "has_ceo", "Jané 王 👩‍💼", fact_type="entity", confidence=0.7, source="crm")
    assert (fact.subject, fact.predicate, fact.object) == ("Acme", "has_ceo", "Jané 王 👩‍💼")
    assert (fact.fact_type, fact.confidence, fact.stored_confidence, fact.source) == ("entity", 0.7, 0.7, "crm")
    assert (fact.verified, fact.disputed, fact.learned_at, fact.reinforced_at) == (False, False, MONDAY, MONDAY)
    assert (fact.ended_at, fact.ended, fact.outcome, fact.superseded) == (None, None, "learned", [])
    assert await knower.knows() == [await knower.gets(fact.id)]
    assert str(fact) == "Acme has_ceo Jané 王 👩‍💼"
    assert await knower.audits() == ["fact.created"]


@pytest.mark.parametrize(
    ("kind", "left"), [("relationship", 0.75), ("entity", 0.78), ("rule", 0.8), ("definition", 0.8)]
)
async def test_a_fact_decays_by_its_type_when_it_is_read_and_not_where_it_is_kept(
    knower: Knower, kind: str, left: float
):
    await knower.learns("Acme", "is", "large", fact_type=kind)
    await knower.waits(10)
    [fact] = await knower.knows()
    assert (percent(fact.confidence), fact.stored_confidence) == (left, 0.8)


async def test_a_stated_decay_counts_instead_and_stays(knower: Knower):
    await knower.learns("Acme", "is", "large", decay_rate=0.1)
    await knower.waits(3)
    assert percent((await knower.knows())[0].confidence) == 0.5
    assert (await knower.learns("Acme", "is", "large")).decay_rate == 0.1
    assert (await knower.learns("Acme", "is", "large", decay_rate=0.2)).decay_rate == 0.2


async def test_hearing_it_again_reinforces_what_has_not_yet_decayed(knower: Knower):
    first = await knower.learns("Acme", "is", "large", decay_rate=0.1, confidence=0.8, source="crm")
    await knower.waits(3)
    again = await knower.learns("ACME", "Is", "LARGE", confidence=0.6, source="Jane's mail")
    assert (again.id, again.outcome) == (first.id, "reinforced")
    assert percent(again.confidence) == percent(1 - (1 - 0.5) * (1 - 0.6)) == 0.8
    assert (again.reinforced_at, again.learned_at) == (MONDAY + 3 * DAY, MONDAY)
    assert (again.subject, again.source) == ("Acme", "Jane's mail")
    assert await knower.changes("acme") == ["large learned", "large reinforced"]


async def test_what_was_heard_from_nobody_keeps_its_source(knower: Knower):
    await knower.learns("Acme", "is", "large", source="crm")
    assert (await knower.learns("Acme", "is", "large")).source == "crm"


async def test_only_a_person_is_certain(knower: Knower):
    assert (await knower.learns("Acme", "is", "large", confidence=1)).confidence == 0.99
    for _ in range(3):
        again = await knower.learns("Acme", "is", "large", confidence=0.9)
        assert (again.confidence, again.outcome) == (0.99, "reinforced")


async def test_hearing_less_never_makes_less_sure(knower: Knower):
    await knower.learns("Acme", "is", "large", confidence=0.9)
    assert (await knower.learns("Acme", "is", "large", confidence=0)).confidence == 0.9


async def test_what_decayed_to_nothing_is_learned_afresh(knower: Knower):
    await knower.learns("Acme", "is", "large", decay_rate=0.5)
    await knower.waits(10)
    assert (await knower.knows())[0].confidence == 0
    assert (await knower.learns("Acme", "is", "large", confidence=0.6)).confidence == 0.6


async def test_names_are_the_same_whatever_their_case_and_composition(knower: Knower):
    first = await knower.learns("Café Ñandú", "Serves", "ÄPFEL")
    again = await knower.learns("CAFE\u0301 ñandú", "serves", "äpfel")
    assert (again.id, again.outcome) == (first.id, "reinforced")
    assert await knower.words(subject="cafe\u0301 ÑANDÚ", predicate="SERVES") == ["Café Ñandú Serves ÄPFEL"]
    assert (await knower.learns("Cafe Ñandú", "serves", "äpfel")).outcome == "learned"


# Evidence


async def test_an_episode_counts_once(knower: Knower):
    call, mail = await knower.remembers("a call"), await knower.remembers("a mail")
    first = await knower.learns("Acme", "is", "large", confidence=0.5, episodes=[call])
    again = await knower.learns("Acme", "is", "large", confidence=0.5, episodes=[call])
    assert (again.outcome, again.confidence) == ("known", 0.5)
    more = await knower.learns("Acme", "is", "large", confidence=0.5, episodes=[call, mail])
    assert (more.outcome, more.confidence) == ("reinforced", 0.75)
    assert await knower.evidence(first.id) == ["a call", "a mail"]
    assert await knower.changes("Acme") == ["large learned", "large reinforced"]


async def test_one_episode_supports_many_facts(knower: Knower):
    call = await knower.remembers("a call")
    for size in ("large", "old"):
        fact = await knower.learns("Acme", "is", size, episodes=[call])
        assert (fact.outcome, await knower.evidence(fact.id)) == ("learned", ["a call"])


async def test_a_fact_rests_on_more_without_being_surer(knower: Knower):
    call, mail = await knower.remembers("a call"), await knower.remembers("a mail")
    fact = await knower.learns("Acme", "is", "large", episodes=[call])
    assert await knower.rests(fact.id, call, mail) == 1
    assert await knower.rests(fact.id, call, mail) == 0
    assert await knower.rests(fact.id) == 0
    assert await knower.evidence(fact.id) == ["a call", "a mail"]
    assert await knower.knows() == [await knower.gets(fact.id)]
    assert (await knower.learns("Acme", "is", "large", episodes=[mail])).outcome == "known"


async def test_evidence_is_an_episode_of_the_same_employee(knower: Knower, database: Database):
    colleague = Knower(database, knower.caller, (await an_employee(database, knower.caller)).id)
    stranger = await a_knower(database)
    fact = await knower.learns("Acme", "is", "large")
    for other in (an_id(1), await colleague.remembers("a call"), await stranger.remembers("a call")):
        with pytest.raises(NotFoundError):
            await knower.learns("Acme", "has", "money", episodes=[other])
        with pytest.raises(NotFoundError):
            await knower.rests(fact.id, other)
    assert await knower.words() == ["Acme is large"]


# Verifying and forgetting


async def test_what_a_person_vouches_for_is_certain_and_does_not_decay(knower: Knower):
    fact = await knower.learns("Acme", "is", "large", decay_rate=0.1)
    await knower.waits(5)
    verified = await knower.verifies(fact.id, source="Dana")
    assert (verified.verified, verified.confidence, verified.stored_confidence, verified.source) == (True, 1, 1, "Dana")
    assert verified.reinforced_at == MONDAY + 5 * DAY
    await knower.waits(1000)
    assert (await knower.knows())[0].confidence == 1
    call = await knower.remembers("a call")
    again = await knower.learns("Acme", "is", "large", confidence=0.3, decay_rate=0.5, episodes=[call])
    assert (again.outcome, again.verified, again.confidence, again.source) == ("known", True, 1, "Dana")
    assert await knower.evidence(fact.id) == ["a call"]
    assert await knower.changes("Acme") == ["large learned", "large verified"]
    assert await knower.audits() == ["fact.created", "fact.changed"]


async def test_an_employee_neither_vouches_for_a_fact_nor_ends_one_that_people_vouch_for(knower: Knower):
    fact = await knower.learns("Acme", "is", "large")
    itself = knower.as_itself()
    with pytest.raises(ForbiddenError, match=r"^people alone verify facts, and end verified ones$"):
        await itself.verifies(fact.id)
    verified = await knower.verifies(fact.id)
    for ending in (itself.forgets(fact.id), itself.revises(fact.id, "small")):
        with pytest.raises(ForbiddenError, match=r"^people alone verify facts, and end verified ones$"):
            await ending
    assert await itself.knows() == [verified]
    own = await itself.learns("Acme", "has", "money")
    assert (await itself.forgets(own.id)).ended == "forgotten"
    assert await knower.words() == ["Acme is large"]


async def test_what_is_forgotten_is_known_no_more_and_can_be_learned_again(knower: Knower):
    fact = await knower.learns("Acme", "is", "large")
    await knower.waits(1)
    gone = await knower.forgets(fact.id)
    assert (gone.ended, gone.ended_at) == ("forgotten", MONDAY + DAY)
    assert await knower.knows() == []
    for again in (knower.forgets(fact.id), knower.verifies(fact.id), knower.revises(fact.id, "small")):
        with pytest.raises(NotFoundError, match=r"^this fact is known no more$"):
            await again
    assert (await knower.learns("Acme", "is", "large")).outcome == "learned"
    assert await knower.changes("Acme") == ["large learned", "large forgotten", "large learned"]


async def test_a_slip_is_mended_by_a_fact_that_is_as_sure_and_rests_on_the_same(knower: Knower):
    call = await knower.remembers("a call")
    fact = await knower.learns("Acme", "is", "lagre", confidence=0.7, decay_rate=0.1, source="crm", episodes=[call])
    await knower.waits(2)
    mended = await knower.revises(fact.id, " large ", source="Dana")
    assert (mended.object, percent(mended.confidence), mended.source) == ("large", 0.5, "Dana")
    assert (mended.reinforced_at, mended.learned_at) == (MONDAY, MONDAY + 2 * DAY)
    assert await knower.knows() == [mended]
    assert await knower.evidence(mended.id) == ["a call"]
    assert (await knower.gets(fact.id)).ended == "revised"
    assert (await knower.revises(mended.id, "LARGE")).object == "LARGE"
    await knower.learns("Acme", "is", "old")
    with pytest.raises(ConflictError, match=r"^this fact is known already$"):
        await knower.revises((await knower.knows(predicate="is"))[-1].id, "Old")
    assert sorted(await knower.words()) == ["Acme is LARGE", "Acme is old"]


async def test_a_person_mends_a_verified_fact_and_the_new_one_is_verified(knower: Knower):
    fact = await knower.verifies((await knower.learns("Acme", "is", "lagre")).id)
    mended = await knower.revises(fact.id, "large")
    assert (mended.verified, mended.confidence) == (True, 1)


# Contradictions


async def test_without_a_word_a_subject_has_many_objects(knower: Knower):
    await knower.learns(*HOME, "Berlin")
    assert (await knower.learns(*HOME, "Paris")).superseded == []
    assert len(await knower.knows()) == 2
    assert await knower.contradictions() == []


async def test_of_a_functional_predicate_the_newer_object_supersedes(knower: Knower):
    old = await knower.learns(*HOME, "Berlin", functional=True)
    await knower.waits(1)
    new = await knower.learns("jane", "Lives In", "Paris")
    assert (new.outcome, new.superseded) == ("learned", [old.id])
    assert await knower.words() == ["jane Lives In Paris"]
    gone = await knower.gets(old.id)
    assert (gone.ended, gone.learned_at, gone.ended_at) == ("superseded", MONDAY, MONDAY + DAY)
    assert await knower.contradictions() == []
    await knower.learns("Bob", "lives in", "Rome")
    assert len(await knower.knows()) == 2
    await knower.waits(1)
    back = await knower.learns(*HOME, "Berlin")
    assert (back.outcome, back.superseded) == ("learned", [new.id])
    assert await knower.changes("JANE") == [
        "Berlin learned",
        "Paris learned",
        "Berlin superseded",
        "Berlin learned",
        "Paris superseded",
    ]


async def test_a_verified_fact_is_never_superseded_silently(knower: Knower):
    word = await knower.verifies((await knower.learns(*HOME, "Berlin", functional=True)).id)
    paris = await knower.learns(*HOME, "Paris", source="a mail")
    assert (paris.outcome, paris.disputed, paris.superseded) == ("disputed", True, [])
    again = await knower.learns(*HOME, "Paris")
    assert (again.id, again.outcome, again.disputed) == (paris.id, "reinforced", True)
    assert again.confidence == pytest.approx(0.96)
    assert await knower.learns(*HOME, "Berlin") == (await knower.learns(*HOME, "berlin"))
    assert await knower.words() == ["Jane lives in Berlin", "Jane lives in Paris"]
    [contradiction] = await knower.contradictions()
    assert (contradiction.subject, contradiction.predicate) == HOME
    assert contradiction.facts == [word, await knower.gets(paris.id)]
    rome = await knower.learns(*HOME, "Rome", confidence=0.99)
    assert (rome.disputed, rome.superseded) == (True, [paris.id])
    assert [fact.object for fact in (await knower.contradictions())[0].facts] == ["Berlin", "Rome"]


async def test_a_person_settles_a_contradiction_for_the_newcomer(knower: Knower):
    berlin = await knower.verifies((await knower.learns(*HOME, "Berlin", functional=True)).id)
    paris = await knower.learns(*HOME, "Paris")
    settled = await knower.verifies(paris.id)
    assert (settled.verified, settled.disputed) == (True, False)
    assert await knower.knows() == [settled]
    assert (await knower.gets(berlin.id)).ended == "superseded"
    assert await knower.contradictions() == []
    assert await knower.changes(*HOME) == [
        "Berlin learned",
        "Berlin verified",
        "Paris learned",
        "Paris verified",
        "Berlin superseded",
    ]


async def test_a_person_settles_a_contradiction_by_forgetting_either(knower: Knower):
    for subject, forgotten in (("Jane", "Paris"), ("Bob", "Berlin")):
        berlin = await knower.verifies((await knower.learns(subject, "lives in", "Berlin", functional=True)).id)
        paris = await knower.learns(subject, "lives in", "Paris")
        await knower.forgets({"Paris": paris.id, "Berlin": berlin.id}[forgotten])
        [left] = await knower.knows(subject=subject)
        assert (left.object, left.disputed) == ({"Paris", "Berlin"} - {forgotten} and left.object, False)
        assert left.object != forgotten
    assert await knower.contradictions() == []


async def test_a_predicate_that_turns_out_to_be_functional_shows_what_was_there(knower: Knower):
    await knower.learns_all(("Jane", "lives in", "Berlin"), ("Jane", "lives in", "Paris"), ("Bob", "lives in", "A"))
    await knower.learns_all(("Bob", "lives in", "B"), ("Bob", "lives in", "C"))
    await knower.learns("Bob", "lives in", "B", functional=True)
    assert await knower.words(subject="Bob") == ["Bob lives in B"]
    [contradiction] = await knower.contradictions()
    assert {str(fact) for fact in contradiction.facts} == {"Jane lives in Berlin", "Jane lives in Paris"}
    assert not any(fact.disputed for fact in contradiction.facts)


async def test_a_known_fact_is_disputed_once_its_predicate_is_functional(knower: Knower):
    await knower.verifies((await knower.learns(*HOME, "Berlin")).id)
    await knower.learns(*HOME, "Paris")
    assert (await knower.learns(*HOME, "Paris", functional=True)).disputed
    assert await knower.changes(*HOME) == [
        "Berlin learned",
        "Berlin verified",
        "Paris learned",
        "Paris disputed",
    ]


async def test_a_predicate_that_is_not_functional_after_all_disputes_nothing(knower: Knower):
    await knower.verifies((await knower.learns(*HOME, "Berlin", functional=True)).id)
    await knower.learns(*HOME, "Paris")
    assert (await knower.learns(*HOME, "Rome", functional=False)).outcome == "learned"
    assert [fact.disputed for fact in await knower.knows()] == [False] * 3
    assert await knower.contradictions() == []


async def test_what_is_functional_is_so_for_one_employee(knower: Knower, database: Database):
    colleague = Knower(database, knower.caller, (await an_employee(database, knower.caller)).id)
    await knower.learns(*HOME, "Berlin", functional=True)
    for place in ("Berlin", "Paris"):
        await colleague.learns(*HOME, place)
    assert len(await colleague.knows()) == 2
    assert len(await knower.knows()) == 1


async def test_of_many_who_speak_at_once_one_object_is_left(knower: Knower):
    await knower.verifies((await knower.learns("Bob", "lives in", "Rome", functional=True)).id)
    places = [f"place {number}" for number in range(6)]
    await asyncio.gather(
        *(knower.learns(who, "lives in", place) for place in places for who in ("Jane", "Bob")),
        *(knower.learns("Acme", "is", "large", confidence=0.5) for _ in range(4)),
    )
    assert len(await knower.knows(subject="Jane")) == 1
    assert [fact.disputed for fact in await knower.knows(subject="Bob")] == [False, True]
    assert percent((await knower.knows(subject="Acme"))[0].confidence) == 1 - 0.5**4


# Many at once


async def test_many_facts_are_learned_in_one_statement_in_their_order(knower: Knower):
    claims = [
        NewFact.parse(subject=who, predicate="lives in", object=place, functional=True, confidence=0.5)
        for who, place in (("Jane", "Berlin"), ("Bob", "Rome"), ("Jane", "Paris"), ("Bob", "rome"))
    ]
    async with knower.database.write(knower.caller) as tx:
        learned = await semantic.learn_many(tx, employee=knower.employee, claims=claims)
        assert tx.statements == 2  # the beginning, and this one
        assert await semantic.learn_many(tx, employee=knower.employee, claims=[]) == []
        assert tx.statements == 2
    assert [fact.outcome for fact in learned] == ["learned", "learned", "learned", "reinforced"]
    assert [str(fact) for fact in learned] == [
        "Jane lives in Berlin",
        "Bob lives in Rome",
        "Jane lives in Paris",
        "Bob lives in Rome",
    ]
    assert learned[2].superseded == [learned[0].id]
    assert await knower.words() == ["Bob lives in Rome", "Jane lives in Paris"]


async def test_settling_takes_two_statements(knower: Knower):
    fact = await knower.learns("Acme", "is", "lagre")
    async with knower.database.write(knower.caller) as tx:
        mended = await semantic.revise(tx, employee=knower.employee, fact=fact.id, to="large")
        assert tx.statements == 3
        await semantic.verify(tx, employee=knower.employee, fact=mended.id)
        assert tx.statements == 5
        await semantic.forget(tx, employee=knower.employee, fact=mended.id)
        assert tx.statements == 7


# Who may, and what is refused


async def test_nobody_knows_what_another_tenants_employee_knows(knower: Knower, database: Database):
    fact = await knower.learns(*HOME, "Berlin", functional=True)
    stranger = await a_knower(database)
    thief = Knower(database, stranger.caller, knower.employee)
    assert await thief.knows() == []
    assert (await thief.near("Jane")).facts == []
    assert await thief.knew(MONDAY + DAY) == []
    for attempt in (
        thief.learns("a", "b", "c"),
        thief.verifies(fact.id),
        thief.forgets(fact.id),
        thief.revises(fact.id, "Paris"),
        thief.rests(fact.id, await stranger.remembers("a call")),
        thief.gets(fact.id),
        Knower(database, stranger.caller, stranger.employee).verifies(fact.id),
    ):
        with pytest.raises(NotFoundError):
            await attempt
    assert await knower.knows() == [await knower.gets(fact.id)]


async def test_a_user_reads_and_changes_nothing(knower: Knower, database: Database):
    fact = await knower.learns(*HOME, "Berlin")
    async with database.write(knower.caller) as tx:
        sam = await users.invite(tx, email="sam@acme.example", name="Sam", role="user")
        await assignments.assign(tx, user=sam.id, employee=knower.employee)
    as_sam = Knower(database, Caller(knower.caller.tenant, user=sam.id), knower.employee)
    assert await as_sam.words() == ["Jane lives in Berlin"]
    assert [str(fact) for fact in await as_sam.knew(MONDAY)] == ["Jane lives in Berlin"]
    for attempt in (
        as_sam.learns("a", "b", "c"),
        as_sam.verifies(fact.id),
        as_sam.forgets(fact.id),
        as_sam.revises(fact.id, "Paris"),
    ):
        with pytest.raises(ForbiddenError):
            await attempt
    assert await knower.knows() == [await knower.gets(fact.id)]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"subject": "x" * 6000}, "fact: subject: String should have at most 500 characters"),
        ({"subject": " \n"}, "fact: subject: String should have at least 1 character"),
        ({"predicate": "x" * 201}, "fact: predicate: String should have at most 200 characters"),
        ({"predicate": "👩‍💼" * 50}, "fact: predicate: must have at most 500 bytes"),
        ({"object": ""}, "fact: object: String should have at least 1 character"),
        ({"object": "x" * 10_001}, "fact: object: String should have at most 10000 characters"),
        ({"object": 7}, "fact: object: Input should be a valid string"),
        ({"source": "x" * 1001}, "fact: source: String should have at most 1000 characters"),
        ({"confidence": math.nan}, "fact: confidence: must lie between 0 and 1"),
        ({"confidence": 1.1}, "fact: confidence: must lie between 0 and 1"),
        ({"confidence": -math.inf}, "fact: confidence: must lie between 0 and 1"),
        ({"decay_rate": 2}, "fact: decay_rate: must lie between 0 and 1"),
        ({"fact_type": "rumour"}, "fact: fact_type: Input should be 'entity', 'relationship', 'rule' or 'definition'"),
        (
            {"episodes": [an_id(1)] * 101},
            "fact: episodes: Tuple should have at most 100 items after validation, not 101",
        ),
        ({"subject": "a\0b"}, "the subject of the fact contains a NUL character, which PostgreSQL can't store"),
        ({"predicate": "a\0b"}, "the predicate of the fact contains a NUL character, which PostgreSQL can't store"),
        ({"object": "a\0b"}, "the object of the fact contains a NUL character, which PostgreSQL can't store"),
        ({"source": "a\0b"}, "the source of the fact contains a NUL character, which PostgreSQL can't store"),
        (
            {"subject": "\ud800"},
            "the subject of the fact contains half of a character (a lone surrogate), which PostgreSQL can't store",
        ),
        (
            {"predicate": "\ud800"},
            "the predicate of the fact contains half of a character (a lone surrogate), which PostgreSQL can't store",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
async def test_what_is_no_fact_is_refused_in_a_sentence(knower: Knower, wrong: dict[str, Any], sentence: str):
    with pytest.raises(InvalidError) as raised:
        await knower.learns_from({"subject": "Acme", "predicate": "is", "object": "large", **wrong})
    assert str(raised.value) == sentence
    assert await knower.knows() == []


async def test_of_many_facts_one_of_which_is_wrong_none_is_learned(knower: Knower):
    claims = [
        NewFact.parse(subject="Acme", predicate="is", object=size, episodes=episodes)
        for size, episodes in (("large", []), ("old", [an_id(1)]))
    ]
    with pytest.raises(NotFoundError):
        await knower.learns_claims(claims)
    assert await knower.knows() == []
    with pytest.raises(InvalidError, match=r"^10001 facts at once; at most 10000 are learned in one call$"):
        await knower.learns_all(*[("a", "b", "c")] * 10_001)


@pytest.mark.parametrize(
    "name",
    ["한국어", "العربية", "ไทย", "🏳️‍🌈", "a\tb\x01", "ß", "İstanbul", "\u202eevil", "'; DROP", "%(tenant)s", "a\\0"],
)
async def test_every_script_names_a_fact(knower: Knower, name: str):
    fact = await knower.learns(name, name, name, functional=True, source=name)
    assert (fact.subject, fact.predicate, fact.object, fact.source) == (name,) * 4
    assert (await knower.learns(name, name, name)).id == fact.id
    assert await knower.words(subject=name, predicate=name) == [str(fact)]
    assert [each.id for each in (await knower.near(name)).facts] == [fact.id]


@pytest.mark.parametrize(
    ("to", "source", "sentence"),
    [
        (" ", None, "an object has 1 to 10,000 characters"),
        ("x" * 10_001, None, "an object has 1 to 10,000 characters"),
        ("a\0b", None, "the object of the fact contains a NUL character, which PostgreSQL can't store"),
        ("a", "x" * 1001, "a source has at most 1,000 characters"),
        ("a", "a\0b", "the source of the fact contains a NUL character, which PostgreSQL can't store"),
    ],
)
async def test_what_mends_nothing_is_refused(knower: Knower, to: str, source: str | None, sentence: str):
    fact = await knower.learns("Acme", "is", "large")
    with pytest.raises(InvalidError) as raised:
        await knower.revises(fact.id, to, source)
    assert str(raised.value) == sentence
    assert await knower.words() == ["Acme is large"]


async def test_a_fact_that_never_was_is_not_found(knower: Knower):
    nobody: UUID = an_id(1)
    for attempt in (
        knower.gets(nobody),
        knower.verifies(nobody),
        knower.forgets(nobody),
        knower.revises(nobody, "a"),
    ):
        with pytest.raises(NotFoundError, match=r"^there is no such fact$"):
            await attempt
