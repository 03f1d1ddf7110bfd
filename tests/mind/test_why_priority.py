"""Why 9? The inputs that were kept give the number that is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from living import Living

from empla.bdi.priority import Pressure
from empla.mind.why_priority import why_priority

SHARES = st.floats(0, 1)


@given(
    importance=SHARES, deadline=SHARES, pace=SHARES, violation=st.sampled_from([0.0, 1.0]), waiting=st.floats(0, 100)
)
def test_the_arithmetic_on_the_page_is_that_of_the_engine(
    importance: float, deadline: float, pace: float, violation: float, waiting: float
):
    pressure = Pressure(importance=importance, deadline=deadline, pace=pace, violation=violation, waiting_days=waiting)
    by_hand = 10 * (0.6 * max(deadline, pace, violation) + 0.4 * importance) + waiting / 3
    assert pressure.wanted == pytest.approx(by_hand)
    assert pressure.priority == min(10, max(1, round(by_hand)))


GOLDEN = """\
priority 10: 10 · (0.6 · 1.00 + 0.4 · 0.80) + 0.33 = 9.53, rounded, within 1 … 10
  urgency 1.00 is the strongest of
    deadline 0.00: the share of the time to its deadline that has gone
    pace 0.00: the pace needed until its deadline / the pace seen
    violation 1.00: 1 while a state that shall be kept is violated
  importance 0.80, as somebody said
  0.33 for 1.00 days without a step for it: a point in 3 days"""


async def test_why_a_goal_presses_as_it_does(living: Living):
    await living.learns(
        "wait", {"action": "await", "criteria": "phone.works", "timeout": "9 days"}, goals=["pipeline.coverage"]
    )
    goal = await living.wants("pipeline.coverage", threshold=1.0, importance=0.8)
    found = why_priority(goal)
    assert (found.priority, found.urgency, found.sum) == (3, 0, pytest.approx(3.2))
    await living.hears(0.8, decay_rate=0)
    await living.lives()
    found = why_priority(await living.goal(goal.id))
    assert (found.priority, found.violation, found.sum) == (9, 1, pytest.approx(9.2))
    await living.waits(1)
    await living.lives()
    assert str(why_priority(await living.goal(goal.id))) == GOLDEN


async def test_a_goal_whose_inputs_nobody_kept_has_its_importance(living: Living):
    goal = (await living.wants("pipeline.coverage", threshold=1.0)).model_copy(
        update={"priority_inputs": {"pace": "fast"}}
    )
    assert (why_priority(goal).pace, why_priority(goal).sum) == (0, 2)
