"""What a carrier's answer means for an effect that a turn before had started."""

from datetime import timedelta

import pytest

from empla.mind.deliver import LONGEST_PAUSE, found_out, pause


@pytest.mark.parametrize(
    ("happened", "deduplicates", "verdict"),
    [
        (True, True, "done"),
        (True, False, "done"),
        (False, True, "later"),
        (None, True, "later"),
        (False, False, "uncertain"),  # whoever was stopped may wake up and send
        (None, False, "uncertain"),
    ],
)
def test_it_is_sent_again_only_where_the_same_key_happens_once(happened: bool | None, deduplicates: bool, verdict: str):  # noqa: FBT001
    assert found_out(happened, deduplicates=deduplicates).verdict == verdict


def test_pauses_double_up_to_six_hours_unless_the_receiver_asks_for_another():
    assert [pause({}, attempts, first=60) for attempts in (1, 2, 3)] == [
        timedelta(minutes=minutes) for minutes in (1, 2, 4)
    ]
    assert pause({}, 1000, first=60) == LONGEST_PAUSE
    assert pause({"retry_after_seconds": 7}, 5, first=60) == timedelta(seconds=7)
