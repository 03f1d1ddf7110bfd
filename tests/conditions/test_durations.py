"""Durations read as people write them, and are written as they read."""

import contextlib
from datetime import timedelta

import pytest
from driving import law
from hypothesis import given
from hypothesis import strategies as st

from empla.durations import LONGEST, duration, in_words
from empla.errors import InvalidError


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("1.5h", timedelta(hours=1.5)),
        ("48h", timedelta(days=2)),
        ("3 days", timedelta(days=3)),
        ("1 Day", timedelta(days=1)),
        ("2 weeks", timedelta(weeks=2)),
        ("2_weeks", timedelta(weeks=2)),
        (" 15 min ", timedelta(minutes=15)),
        ("3650 days", LONGEST),
        ("0.000001s", timedelta(microseconds=1)),
    ],
)
def test_a_duration_is_read(text: str, span: timedelta):
    assert duration(text) == span


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "m",
        "10 months",
        "quarter",
        "-1d",
        "1e3d",
        "1,5h",
        "10m10s",
        "ten days",
        "1d\n2",
        "٣ days",
        "9" * 50,
        "1 m s",
    ],
)
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(InvalidError, match=r'is not a duration such as "10m", "48h", "3 days" or "2 weeks"$'):
        duration(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0d", '"0d" is no time at all'),
        ("0.0000001s", '"0.0000001s" is no time at all'),
        ("3651 days", '"3651 days" is longer than ten years'),
        ("999999999999 weeks", '"999999999999 weeks" is longer than ten years'),
    ],
)
def test_a_duration_has_bounds(text: str, sentence: str):
    with pytest.raises(InvalidError) as refusal:
        duration(text)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(days=14), "2 weeks"),
        (timedelta(days=7), "1 week"),
        (timedelta(days=10), "10 days"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=1.5), "1.5 seconds"),
    ],
)
def test_a_span_is_said_in_its_largest_whole_unit(span: timedelta, words: str):
    assert in_words(span) == words


@law()
@given(st.timedeltas(timedelta(microseconds=1), LONGEST))
def test_what_is_said_is_read_back(span: timedelta):
    assert duration(in_words(span)) == span


@law()
@given(st.text(max_size=60) | st.from_regex(r"[0-9.]{1,13} ?[a-z_]{1,8}", fullmatch=True))
def test_any_text_is_a_duration_within_bounds_or_refused(text: str):
    with contextlib.suppress(InvalidError):
        assert timedelta(0) < duration(text) <= LONGEST
