"""Why an employee believes something: the arithmetic adds up, and the page is one that a person can read."""

import math
from datetime import datetime, timedelta
from typing import Any

import pytest
from believer import Believer
from factories import MONDAY, an_id

from empla.bdi.beliefs import Belief
from empla.bdi.confidence import probability
from empla.errors import InvalidError, NotFoundError
from empla.memory import episodic
from empla.mind.why import SHOWN_CHANGES, Why, why

HUMAN, SEEN, GUESSED = math.log(0.95 / 0.05), math.log(9), math.log(7 / 3)


async def asked(jordan: Believer, at: datetime | None = None, about: str = "pipeline", what: str = "coverage") -> Why:
    async with jordan.database.read(jordan.caller) as tx:
        return await why(tx, employee=jordan.employee, subject=about, predicate=what, at=at)


async def adds_up(jordan: Believer, *, to: float, at: datetime | None = None) -> Why:
    """The answer, once its arithmetic was seen to give the confidence that is stored."""
    found = await asked(jordan, at)
    assert found.log_odds == pytest.approx(to)
    assert math.fsum(g.weight if g.supports else -g.weight for g in found.grounds) == pytest.approx(to)
    assert found.belief.stored_confidence == pytest.approx(probability(to), abs=1e-11)
    return found


async def remembers(jordan: Believer, description: str, **more: Any) -> episodic.Episode:
    async with jordan.database.write(jordan.caller) as tx:
        return await episodic.record(tx, employee=jordan.employee, description=description, **more)


async def test_the_arithmetic_of_what_was_weighed_adds_up(jordan: Believer):
    await jordan.hears(2.1, source="told_by_human")
    await jordan.hears(2.1)
    await jordan.hears(1.7)
    await jordan.hears(2.1, source="inference")
    found = await adds_up(jordan, to=HUMAN + SEEN - SEEN + GUESSED)
    assert [(g.source, g.supports) for g in found.grounds] == [
        ("told_by_human", True),
        ("observation", True),
        ("inference", True),
        ("observation", False),
    ]
    await adds_up(jordan, to=HUMAN + SEEN - SEEN + GUESSED, at=MONDAY)


async def test_the_arithmetic_of_what_was_confirmed_after_decay_adds_up(jordan: Believer):
    await jordan.hears(2.1)
    await jordan.waits(2)
    await jordan.hears(2.1)
    found = await adds_up(jordan, to=GUESSED + SEEN)  # .9 had decayed to .7
    assert [g.is_carried for g in found.grounds] == [True, False]
    await adds_up(jordan, to=SEEN, at=MONDAY + timedelta(days=1))


async def test_the_arithmetic_of_what_was_contradicted_leaves_the_guess_out(jordan: Believer):
    await jordan.hears("high", source="told_by_human")
    await jordan.hears("low", source="inference")
    await jordan.waits(1)
    await jordan.hears("low", source="prior")
    for at in (None, MONDAY, MONDAY + timedelta(days=1)):
        found = await adds_up(jordan, to=HUMAN, at=at)
        assert [g.object for g in found.grounds] == ["high"]


async def test_the_arithmetic_of_what_was_replaced_starts_anew(jordan: Believer):
    await jordan.hears(2.1, source="told_by_human")
    await jordan.waits(1)
    await jordan.hears(1.7)
    await adds_up(jordan, to=SEEN)
    await adds_up(jordan, to=HUMAN, at=MONDAY)


async def test_the_arithmetic_of_a_quiet_confirmation_is_the_present_one(jordan: Believer):
    for _ in range(3):
        await jordan.hears(2.1, decay_rate=0.001)
    await jordan.waits(1)
    await jordan.hears(2.1)
    left = math.log(0.989 / 0.011)
    assert (await jordan.changes())[-1] == "revised"  # nothing new in history
    found = await adds_up(jordan, to=left + SEEN)
    assert [g.occurred_at for g in found.grounds] == [None, MONDAY + timedelta(days=1)]


async def test_true_and_one_are_not_the_same_and_one_and_one_point_zero_are(jordan: Believer):
    await jordan.hears(1, source="told_by_human")
    await jordan.hears(True)
    await jordan.hears(1.0)
    assert [g.supports for g in (await adds_up(jordan, to=HUMAN)).grounds] == [True, True, False]


async def test_the_episodes_it_rests_on_are_shown_oldest_first_also_those_that_speak_against_it(jordan: Believer):
    later = await remembers(jordan, "Jane was delighted", occurred_at=MONDAY - timedelta(hours=1))
    sooner = await remembers(jordan, "Jane hesitated", occurred_at=MONDAY - timedelta(hours=2))
    await jordan.hears("happy", "jane", "mood", evidence=later.id, source="told_by_human")
    await jordan.hears("unhappy", "jane", "mood", evidence=sooner.id)
    await jordan.hears("happy", "jane", "mood", evidence=an_id(1))  # an observation that is no episode
    found = await asked(jordan, about="jane", what="mood")
    assert [episode.description for episode in found.episodes] == ["Jane hesitated", "Jane was delighted"]


async def test_a_long_history_is_counted_and_its_latest_page_shown(jordan: Believer):
    for number in range(SHOWN_CHANGES + 5):
        await jordan.waits(0.5)
        await jordan.hears(number)
    found = await asked(jordan)
    assert (found.changes, len(found.history)) == (25, SHOWN_CHANGES)
    assert [entry.new_value for entry in found.history] == list(range(24, 4, -1))


async def test_what_is_not_believed_has_no_reasons(jordan: Believer):
    await jordan.hears(2.1)
    with pytest.raises(NotFoundError, match=r"^nothing is believed about pipeline\.size$"):
        await asked(jordan, what="size")
    with pytest.raises(NotFoundError, match=r"^nothing was believed about pipeline\.coverage at 2025-03-02 09:00 UTC$"):
        await asked(jordan, MONDAY - timedelta(days=1))
    with pytest.raises(InvalidError, match=r"^as_of needs a time zone$"):
        await asked(jordan, MONDAY.replace(tzinfo=None))


# For and against


async def test_what_speaks_against_it_is_told_with_its_source_its_weight_and_its_episode(jordan: Believer):
    await jordan.hears("low", source="inference")  # before the word, and silenced by it
    await jordan.hears("high", source="told_by_human")
    seen = await remembers(jordan, "They cut the budget")
    await jordan.hears("low", evidence=seen.id)
    guessed = await remembers(jordan, "They sound worried")
    await jordan.waits(1)
    await jordan.hears("none", source="prior", evidence=guessed.id)
    found = await asked(jordan)
    assert [(g.object, g.source) for g in found.speaks_for] == [("high", "told_by_human")]
    assert [(g.object, g.source, round(g.weight, 3), g.id) for g in found.speaks_against] == [
        ("low", "observation", 2.197, str(seen.id)),
        ("none", "prior", 0.201, str(guessed.id)),
        ("low", "inference", 0.847, None),
    ]
    assert [episode.description for episode in found.episodes] == ["They cut the budget", "They sound worried"]
    assert [(c.claimed, c.times) for c in found.conflicts] == [("none", 1)]
    before = await asked(jordan, MONDAY)
    assert [g.object for g in before.speaks_against] == ["low", "low"]
    assert before.conflicts == []
    assert len((await asked(jordan, MONDAY + timedelta(days=1))).conflicts) == 1


async def test_a_guess_against_an_earlier_word_does_not_speak_against_the_present_one(jordan: Believer):
    await jordan.hears("high", source="told_by_human")
    await jordan.hears("low", source="inference")
    await jordan.waits(1)
    await jordan.hears("medium", source="told_by_human")
    assert (await asked(jordan)).silenced == []
    assert [g.object for g in (await asked(jordan, MONDAY)).silenced] == ["low"]


# Under it, and above


async def infers(jordan: Believer, about: str, *on: Belief, **more: Any) -> Belief:
    return await jordan.hears("yes", about, "is", source="inference", rests_on=tuple(b.id for b in on), **more)


async def test_what_it_rests_on_and_what_rests_on_it_is_told_now_and_of_the_past(jordan: Believer):
    usage = await jordan.hears(40, "usage", "is", reliability=0.6, decay_rate=0)
    risk = await infers(jordan, "risk", usage, decay_rate=0)
    await infers(jordan, "call", risk, usage, decay_rate=0)
    for at in (None, MONDAY):
        found = await asked(jordan, at, "risk", "is")
        assert [(s.depth, s.of, s.id, s.object, s.confidence) for s in found.rests_on] == [
            (1, risk.id, usage.id, 40, 0.6)
        ]
        assert [(s.subject, s.of) for s in found.supports] == [("call", risk.id)]
        assert found.belief.confidence == 0.6
        assert "at most 0.60, the confidence of the weakest belief that it rests on" in str(found)
        below = (await asked(jordan, at, "call", "is")).rests_on
        assert [(s.depth, s.subject) for s in below] == [(1, "risk"), (1, "usage"), (2, "usage")]
    gone = await jordan.waits(1)
    await jordan.retracts("usage", "is")
    with pytest.raises(NotFoundError):
        await asked(jordan, gone, "risk", "is")
    then = await asked(jordan, MONDAY, "risk", "is")
    assert ([s.subject for s in then.rests_on], [s.subject for s in then.supports]) == (["usage"], ["call"])


async def test_what_it_rested_on_before_that_changed_is_not_told_of_afterwards(jordan: Believer):
    risk = await infers(jordan, "risk", await jordan.hears(40, "usage", "is"))
    await jordan.hears("yes", "risk", "is")
    later = await jordan.waits(1)
    await jordan.hears(70, "usage", "is")
    assert [s.object for s in (await asked(jordan, MONDAY, "risk", "is")).rests_on] == [40]
    for at in (None, later):
        assert (await asked(jordan, at, "risk", "is")).rests_on == []
        assert (await asked(jordan, at, "usage", "is")).supports == []
    assert [s.id for s in (await asked(jordan, MONDAY, "usage", "is")).supports] == [risk.id]


async def test_a_tower_is_told_to_a_depth_of_five(jordan: Believer):
    below = await jordan.hears("yes", "0", "is")
    for floor in range(1, 8):
        below = await infers(jordan, f"{floor}", below)
    for at in (None, MONDAY):
        found = await asked(jordan, at, "7", "is")
        assert [(s.depth, s.subject) for s in found.rests_on] == [(1, "6"), (2, "5"), (3, "4"), (4, "3"), (5, "2")]


TREE = """\
It was inferred from:
  left.is = "yes", confidence 0.70, inference
    usage.is = 40, confidence 0.90, observation
  right.is = "yes", confidence 0.70, inference
    usage.is = 40, confidence 0.90, observation  (as above)

From it was inferred:
  call.is = "yes", confidence 0.70, inference
"""


async def test_the_page_shows_it_as_a_tree(jordan: Believer):
    usage = await jordan.hears(40, "usage", "is")
    left, right = await infers(jordan, "left", usage), await infers(jordan, "right", usage)
    await infers(jordan, "call", await infers(jordan, "risk", left, right))
    assert TREE in str(await asked(jordan, about="risk", what="is"))


GOLDEN = """\
acme.priority = "high", confidence 0.80, since 2025-03-04 09:00 UTC

The arithmetic (log-odds; each piece of evidence counts ln(r / (1 - r)), r by its source):
  +  1.735  what was left of the belief before
  +  2.197  observation, r = 0.90, 2025-03-05 09:00
  -  0.405  observation, r = 0.60, 2025-03-05 09:00
  =  3.526  which is 0.97, kept within .01 and .99
  decays 0.1 a day (linear): 1.75 days after the last evidence 0.80

What speaks for it:
   1.735  "high"  what was left of the belief before
   2.197  "high"  observation, 2025-03-05 09:00: Acme asked for an offer for 200 seats
What speaks against it:
   0.405  "low"  observation, 2025-03-05 09:00
   0.847  "low"  inference, 2025-03-06 21:00, silent against a human's word
  "low" was claimed once: an open conflict (empla conflicts)

It rests on:
  2025-03-04 09:00  Dana: "They are our biggest account"  (slack)
  2025-03-05 09:00  Acme asked for an offer for 200 seats  (email)

How it came about (5 changes, the latest first):
  2025-03-06 21:00  contradicted "high" → "low"
  2025-03-05 09:00  revised      "high" → "high"  evidence about the same moment was weighed
  2025-03-05 09:00  revised      "high" → "high"  newer evidence of the same state
  2025-03-04 09:00  updated      "low" → "high"  Dana said so
  2025-03-03 09:00  created      "low"  first evidence"""


async def test_the_page_for_a_person_reads_like_this(jordan: Believer):
    await jordan.hears("low", "acme", "priority", source="prior")
    await jordan.waits(1)
    word = await remembers(jordan, 'Dana: "They are our biggest account"', location="slack")
    await jordan.hears("high", "acme", "priority", source="told_by_human", evidence=word.id, reason="Dana said so")
    await jordan.waits(1)
    mail = await remembers(jordan, "Acme asked for an offer for 200 seats", location="email")
    await jordan.hears("high", "acme", "priority", evidence=mail.id)
    await jordan.hears("low", "acme", "priority", reliability=0.6)
    await jordan.waits(1.5)
    await jordan.hears("low", "acme", "priority", source="inference")
    await jordan.waits(0.25)
    assert str(await asked(jordan, about="acme", what="priority")) == GOLDEN
