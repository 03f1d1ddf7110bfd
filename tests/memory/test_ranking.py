"""Scores are arithmetic: each part by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import an_id

from empla.memory.ranking import DEFAULT, Candidates, Parts, Ranked, Ranking, ranked, weighed

NOW = datetime(2025, 3, 3, tzinfo=UTC)


def found(*candidates: dict[str, Any]) -> Candidates:
    usual: dict[str, Any] = {
        "is_first": True,
        "occurred_at": NOW.timestamp(),
        "cosine": None,
        "matched": 0.0,
        "is_named": False,
        "thread": None,
    }
    full = [usual | each for each in candidates]
    return Candidates(
        ids=[an_id(place) for place in range(len(full))],
        kinds=["episode"] * len(full),
        **{name: [each[name] for each in full] for name in usual},
    )


def rank(*candidates: dict[str, Any], ranking: Ranking = DEFAULT) -> list[Ranked]:
    return ranked(found(*candidates), ranking=ranking, now=NOW, most=100)


def by_id(places: list[Ranked]) -> list[Parts]:
    return [each.parts for each in sorted(places, key=lambda each: each.id)]


def test_vector_and_words_are_deviations_from_those_that_were_found_by_themselves():
    parts = by_id(
        rank(
            {"cosine": 0.2, "matched": 1.0},
            {"cosine": 0.6, "matched": 3.0},
            {"cosine": None, "matched": 2.0},
            {"cosine": 0.9, "matched": 9.0, "is_first": False},
        )
    )
    assert [each.vector for each in parts] == pytest.approx([-1, 1, 0, 2.5])
    assert [each.words for each in parts] == pytest.approx([-1.2247, 1.2247, 0, 8.5732], abs=1e-4)


def test_what_is_the_same_for_all_says_nothing():
    assert {each.vector for each in by_id(rank({"cosine": 0.5}, {"cosine": 0.5}))} == {0}
    assert by_id(rank({"cosine": 0.5, "matched": 2.0}))[0].words == 0
    assert rank() == []


def test_neighbours_are_the_two_before_and_the_two_after_that_are_near():
    minute = 60.0
    talk = [
        {"thread": 7, "occurred_at": at * minute, "matched": matched, "is_first": first}
        for at, matched, first in ((0, 8.0, True), (1, 0.0, True), (2, 0.0, True), (3, 0.0, True), (40, 0.0, True))
    ]
    ranking = DEFAULT.model_copy(update={"breadth": 5})
    words = [each.words for each in by_id(rank(*talk, ranking=ranking))]
    parts = [each.neighbours / ranking.neighbours for each in by_id(rank(*talk, ranking=ranking))]
    assert parts == pytest.approx(
        [
            words[1] + words[2],
            words[0] + words[2] + words[3],
            words[0] + words[1] + words[3],
            words[1] + words[2],
            0,
        ]
    )


def test_of_another_conversation_nothing_is_a_neighbour_and_two_that_came_along_are_none_of_each_other():
    ranking = DEFAULT.model_copy(update={"breadth": 3})
    told = by_id(
        rank(
            {"thread": 7, "matched": 5.0},
            {"thread": 8, "matched": 0.0},
            {"thread": 7, "matched": 1.0, "is_first": False},
            {"thread": 7, "matched": 2.0, "is_first": False},
            {"thread": None, "matched": 3.0},
            ranking=ranking,
        )
    )
    base = [each.words for each in told]
    beside = [each.neighbours / ranking.neighbours for each in told]
    assert beside == pytest.approx([base[2] + base[3], 0, base[0], base[0], 0])


def test_with_few_candidates_neighbours_count_in_proportion():
    pair = ({"thread": 7, "matched": 5.0}, {"thread": 7, "matched": 0.0})
    few, enough = (
        by_id(rank(*pair, ranking=DEFAULT.model_copy(update={"breadth": breadth})))[1].neighbours for breadth in (50, 2)
    )
    assert few == pytest.approx(enough * 2 / 50)


def test_what_is_recent_counts_half_after_a_month_and_the_future_counts_as_now():
    days = [timedelta(days=day) for day in (0, 30, 60, -10)]
    parts = by_id(rank(*({"occurred_at": (NOW - age).timestamp()} for age in days)))
    assert [each.recency / DEFAULT.recency for each in parts] == pytest.approx([1, 0.5, 0.25, 1])


def test_who_is_named_counts_once():
    assert [each.people for each in by_id(rank({"is_named": True}, {}))] == [DEFAULT.people, 0]


@pytest.mark.parametrize(("recalls", "share"), [(0, 0), (9, 1), (99, 2), (100_000, 2)])
def test_reinforcement_grows_by_tens_and_ends(recalls: int, share: float):
    parts = weighed(Parts(words=1), importance=0.9, recall_count=recalls, ranking=DEFAULT)
    assert parts.reinforcement == pytest.approx(DEFAULT.reinforcement * share)
    assert parts.importance == pytest.approx(DEFAULT.importance * 0.4)
    assert parts.words == 1


def test_of_equal_ones_the_later_comes_first_and_no_more_than_are_wanted():
    ranking = DEFAULT.model_copy(update={"recency": 0.0})
    same = [{"occurred_at": float(at)} for at in (1, 3, 2)]
    assert [each.id for each in ranked(found(*same), ranking=ranking, now=NOW, most=2)] == [an_id(1), an_id(2)]
