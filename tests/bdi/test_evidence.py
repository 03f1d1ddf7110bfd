"""What can be believed comes back as it went in; what cannot is refused in a sentence."""

import math
from datetime import timedelta

import pytest
from believer import Believer
from factories import MONDAY
from pydantic import JsonValue

from empla.bdi.beliefs import BeliefType
from empla.bdi.confidence import Source
from empla.errors import InvalidError

HOUR = timedelta(hours=1)


SEED: list[tuple[BeliefType, str, str, JsonValue, float, Source]] = [
    ("state", "pipeline", "coverage", 2.1, 0.9, "observation"),
    ("event", "prospect_jane@acme", "replied_to_email", True, 0.99, "observation"),
    ("causal", "personalized_outreach", "increases", {"metric": "response_rate", "magnitude": 1.5}, 0.7, "inference"),
    ("evaluative", "acme_corp", "priority", "high", 0.8, "told_by_human"),
]


@pytest.mark.parametrize(("kind", "about", "what", "value", "confidence", "source"), SEED)
async def test_the_four_kinds_of_belief_come_back_as_they_went_in(
    jordan: Believer, kind: BeliefType, about: str, what: str, value: JsonValue, confidence: float, source: Source
):
    await jordan.hears(value, about, what, belief_type=kind, reliability=confidence, source=source)
    belief = await jordan.believes(about, what)
    assert (belief.belief_type, belief.subject, belief.predicate) == (kind, about, what)
    assert (belief.object, belief.confidence, belief.source) == (value, confidence, source)


ANYTHING: list[JsonValue] = [
    None,
    True,
    False,
    0,
    -1,
    2.1,
    10**300,
    1e-300,
    "",
    "null",
    "Zürich 東京 🚀",
    'a"b\\c\n',
    [],
    {},
]
NESTED: JsonValue = {"": [None, {"é": []}]}


@pytest.mark.parametrize("value", [*ANYTHING, NESTED])
async def test_every_json_value_can_be_believed_and_replaced(jordan: Believer, value: JsonValue):
    assert (await jordan.hears(value, "🧠", "größe")).object == value
    await jordan.waits(1)
    await jordan.hears("something else", "🧠", "größe")
    await jordan.waits(1)
    assert (await jordan.hears(value, "🧠", "größe")).object == value
    assert [belief.object for belief in await jordan.believed(MONDAY)] == [value]


async def test_the_largest_object_is_kept_whatever_it_is_made_of(jordan: Believer):
    numbers: list[JsonValue] = [1] * 21_845  # 65,535 bytes of text, four times as much as jsonb
    assert (await jordan.hears(numbers)).object == numbers


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (math.nan, "the object of pipeline.coverage is nan, which is not a number that can be stored"),
        (math.inf, "the object of pipeline.coverage is inf, which is not a number that can be stored"),
        ("a\0b", "the object of pipeline.coverage contains a NUL character, which PostgreSQL can't store"),
        ("x" * 70_000, "the object of pipeline.coverage has 70,002 bytes of JSON, but at most 65,536 are allowed"),
    ],
)
async def test_an_object_that_cannot_be_kept_is_refused_in_a_sentence(
    jordan: Believer, value: JsonValue, sentence: str
):
    with pytest.raises(InvalidError) as raised:
        await jordan.hears(value)
    assert str(raised.value) == sentence
    assert await jordan.changes() == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"about": "x" * 6000}, "evidence: subject: String should have at most 500 characters"),
        ({"about": "   "}, "evidence: subject: String should have at least 1 character"),
        ({"about": "a\0b"}, "the subject of the evidence contains a NUL character, which PostgreSQL can't store"),
        ({"what": "語" * 200}, "evidence: predicate: must have at most 500 bytes"),
        ({"decay_rate": 1e-10}, "evidence: decay_rate: must be 0, for never, or at least 1e-09 a day"),
        ({"decay_rate": 1.1}, "evidence: decay_rate: Input should be less than or equal to 1"),
        ({"decay_rate": math.nan}, "evidence: decay_rate: Input should be less than or equal to 1"),
        ({"reliability": 1.0}, "evidence: reliability: Input should be less than or equal to 0.99"),
        ({"reason": "a\0b"}, "the reason of the evidence contains a NUL character, which PostgreSQL can't store"),
        ({"occurred_at": MONDAY.replace(tzinfo=None)}, "occurred_at needs a time zone"),
        ({"occurred_at": MONDAY + HOUR}, "evidence about pipeline.coverage lies in the future: 2025-03-03 10:00 UTC"),
        (
            {"source": "rumour"},
            "evidence: source: Input should be 'observation', 'inference', 'told_by_human' or 'prior'",
        ),
        ({"object_": 1}, "evidence: object_: Extra inputs are not permitted"),
    ],
)
async def test_evidence_that_cannot_be_heard_is_refused_in_a_sentence(
    jordan: Believer, more: dict[str, str | float], sentence: str
):
    with pytest.raises(InvalidError) as raised:
        await jordan.hears(1, **more)  # pyright: ignore[reportArgumentType]
    assert str(raised.value) == sentence
    assert await jordan.changes() == []


async def test_a_clock_that_is_a_little_ahead_is_forgiven(jordan: Believer):
    belief = await jordan.hears(2.1, occurred_at=MONDAY + timedelta(minutes=4))
    assert belief.confidence == 0.9


async def test_the_longest_names_fit_the_index(jordan: Believer):
    about, what = "".join(map(chr, range(0x20000, 0x201F4))), "".join(map(chr, range(0x30000, 0x3007D)))
    assert (len(about), len(what.encode())) == (500, 500)
    assert (await jordan.hears(1, about, what)).subject == about


async def test_blanks_around_a_name_do_not_count_but_its_case_does(jordan: Believer):
    await jordan.hears(1, "  Acme ", " size\n")
    assert (await jordan.hears(1, "Acme", "size")).confidence > 0.9
    assert (await jordan.believes(" Acme", "size ")).subject == "Acme"
    assert (await jordan.hears(2, "acme", "size")).confidence == 0.9
    assert await jordan.retracts(" Acme ", " size ") == 1
