"""How a goal stands follows from what is believed: the three kinds, their conditions, their deadlines, and what is not known. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from driving import law
from factories import an_id
from hypothesis import example, given
from hypothesis import strategies as st

from empla.bdi.assessment import Conditions, Metric, assess
from empla.bdi.goals import Change, Goal, check_target
from empla.bdi.shapes import Comparator, GoalConditions, GoalType, Progress, ProgressState, Target
from empla.bdi.states import GOAL, LIVE_GOALS
from empla.errors import InvalidError
from empla.shapes import read_moment

START = datetime(2025, 3, 3, 9, tzinfo=UTC)
DAY = timedelta(days=1)
TYPES: tuple[GoalType, ...] = get_args(GoalType)
NONE = Metric(note="nothing is believed about it")


def a_goal(
    goal_type: GoalType = "maintenance", *, creation: bool = False, importance: float = 0.5, **target: Any
) -> Goal:
    """A fresh goal on `coverage`, as it is adopted; with `creation`, it waits for its creation condition."""
    fields = {"metric": "coverage", **({"threshold": 1.0} if "value" not in target else {}), **target}
    return Goal(
        id=an_id(1),
        employee_id=an_id(2),
        goal_key=None,
        parent_id=None,
        goal_type=goal_type,
        description="Coverage as it should be",
        priority=5,
        importance=importance,
        priority_inputs={},
        target=Target.parse(fields),
        conditions=GoalConditions(),
        current_progress=Progress.parse({"blocked_by": "creation"} if creation else {}),
        status="blocked" if creation else "active",
        reason=None,
        trying_since=START,
        retry_at=None,
        served_at=None,
        created_at=START,
        updated_at=START,
        completed_at=None,
        abandoned_at=None,
    )


@dataclass
class Standing:
    """A goal that is assessed again and again, as a cycle does it."""

    goal: Goal
    now: datetime = START
    change: Change | None = None

    def hears(self, value: float | None, *, days: float = 0, **conditions: bool) -> "Standing":
        self.now += days * DAY
        metric = NONE if value is None else Metric(value)
        self.change = assess(self.goal, metric=metric, conditions=Conditions(**conditions), now=self.now)
        if self.change is not None:
            self.takes(**{name: getattr(self.change, name) for name in Change.model_fields if name != "id"})
        return self

    def takes(self, **fields: Any) -> None:
        self.goal = self.goal.model_copy(update=fields)

    @property
    def state(self) -> ProgressState | None:
        return self.goal.current_progress.state

    @property
    def status(self) -> str:
        return self.goal.status

    @property
    def violations(self) -> int:
        return self.goal.current_progress.violations or 0


# Met, violated, unknown


@pytest.mark.parametrize("goal_type", TYPES)
@pytest.mark.parametrize(
    ("comparator", "under", "at", "over"),
    [
        (">=", "violated", "met", "met"),
        (">", "violated", "violated", "met"),
        ("<=", "met", "met", "violated"),
        ("<", "met", "violated", "violated"),
        ("==", "violated", "met", "violated"),
        ("!=", "met", "violated", "met"),
    ],
)
def test_every_comparator_means_the_same_in_every_kind(
    goal_type: GoalType, comparator: Comparator, under: str, at: str, over: str
):
    found = [Standing(a_goal(goal_type, comparator=comparator)).hears(value).state for value in (0.9, 1.0, 1.1)]
    assert found == [under, at, over]


def test_unless_said_more_is_better_and_a_prevention_wants_less():
    assert [Standing(a_goal(kind)).hears(2).state for kind in TYPES] == ["met", "met", "violated"]


@pytest.mark.parametrize("goal_type", TYPES)
def test_what_is_not_known_is_neither_met_nor_violated(goal_type: GoalType):
    standing = Standing(a_goal(goal_type)).hears(None)
    progress = standing.goal.current_progress
    assert (standing.state, standing.status, standing.violations) == ("unknown", "active", 0)
    assert (progress.value, progress.known_state, progress.note) == (None, None, "nothing is believed about it")
    assert standing.goal.reason == "coverage is unknown: nothing is believed about it"


def test_a_note_goes_when_the_value_is_there_and_the_last_value_stays_while_it_is_not():
    standing = Standing(a_goal()).hears(None).hears(1.5, days=1)
    assert standing.goal.current_progress.note is None
    progress = standing.hears(None, days=1).goal.current_progress
    assert (progress.value, progress.known_state, progress.state) == (1.5, "met", "unknown")
    assert read_moment(progress.since or "") == START + 2 * DAY


# Each kind


def test_an_achievement_is_done_when_it_is_met_and_not_before():
    standing = Standing(a_goal("achievement", value=10)).hears(3).hears(9.99, days=1)
    assert (standing.status, standing.state, standing.violations) == ("active", "violated", 0)
    assert standing.goal.current_progress.baseline == 3
    standing.hears(10, days=1)
    assert (standing.status, standing.goal.reason) == ("completed", "coverage is 10, wanted >= 10")


def test_an_achievement_is_given_up_after_its_deadline_and_not_at_it():
    deadline = (START + 10 * DAY).isoformat()
    standing = Standing(a_goal("achievement", value=10, deadline=deadline)).hears(3, days=10)
    assert standing.status == "active"
    standing.hears(9, days=0.01)
    assert (standing.status, standing.goal.reason) == (
        "abandoned",
        "its deadline has passed: coverage is 9, wanted >= 10",
    )
    late = Standing(a_goal("achievement", value=10, deadline=deadline)).hears(10, days=11)
    assert late.status == "completed"  # it is true, whenever it was looked at


def test_a_maintenance_goal_is_idle_until_violated_and_active_again_when_restored():
    standing = Standing(a_goal()).hears(1.2)
    assert (standing.status, standing.state) == ("active", "met")
    standing.hears(0.8, days=1)
    assert (standing.status, standing.state, standing.violations) == ("in_progress", "violated", 1)
    assert standing.goal.trying_since == START + DAY
    standing.hears(1.0, days=1)
    assert (standing.status, standing.state, standing.violations) == ("active", "met", 1)


def test_what_was_violated_is_restored_at_a_stricter_value():
    standing = Standing(a_goal(restore=1.1)).hears(1.05)
    assert standing.state == "met"
    standing.hears(0.9).hears(1.05)
    assert (standing.state, standing.status) == ("violated", "in_progress")
    standing.hears(1.1)
    assert (standing.state, standing.status) == ("met", "active")
    assert standing.hears(1.05).state == "met"
    assert standing.violations == 1


def test_an_unknown_time_neither_restores_nor_counts_again():
    standing = Standing(a_goal(restore=1.1)).hears(0.9).hears(None)
    assert (standing.state, standing.status) == ("unknown", "in_progress")
    standing.hears(1.05)
    assert (standing.state, standing.violations) == ("violated", 1)
    standing.hears(1.2).hears(None)
    assert standing.status == "active"
    assert standing.hears(0.9).violations == 2


def test_a_maintenance_goal_ends_at_its_deadline_and_is_not_completed():
    deadline = (START + 10 * DAY).isoformat()
    standing = Standing(a_goal(deadline=deadline)).hears(1.5, days=11)
    assert (standing.status, standing.goal.reason) == (
        "abandoned",
        "the time for which it was to be kept is over: coverage is 1.5, wanted >= 1",
    )


@pytest.mark.parametrize(
    ("values", "status", "reason"),
    [
        ([0, 1, None], "completed", "its time is over, and it never happened"),
        ([0, 2, 0], "abandoned", "its time is over, and it happened 1 time"),
        ([2, 0, 2], "abandoned", "its time is over, and it happened 2 times"),
        ([None, None, None], "completed", "its time is over, and it never happened"),
    ],
)
def test_a_prevention_goal_is_completed_after_its_deadline_when_it_never_happened(
    values: list[float | None], status: str, reason: str
):
    standing = Standing(a_goal("prevention", deadline=(START + 10 * DAY).isoformat()))
    for value in values:
        standing.hears(value, days=1)
        assert standing.status in LIVE_GOALS
    standing.hears(values[-1], days=8)
    assert (standing.status, standing.goal.reason) == (status, reason)


def test_lower_is_better_where_the_comparator_says_so():
    standing = Standing(a_goal(threshold=48, restore=36, comparator="<=")).hears(30)
    assert standing.state == "met"
    standing.hears(60, days=1)
    assert (standing.status, standing.goal.reason) == (
        "in_progress",
        "coverage is 60, wanted <= 48 (restored at 36)",
    )
    assert standing.hears(40).state == "violated"
    assert standing.hears(36).state == "met"
    reached = Standing(a_goal("achievement", value=24, comparator="<=")).hears(40).hears(20)
    assert reached.status == "completed"


@pytest.mark.parametrize(
    ("comparator", "restore", "is_stricter"),
    [(">=", 1.1, True), (">=", 1, True), (">=", 0.9, False), ("<", 0.9, True), ("<", 1.1, False), ("==", 1, False)],
)
def test_a_restore_value_is_no_laxer_than_what_is_kept(comparator: str, restore: float, is_stricter: bool):  # noqa: FBT001
    target = Target.parse({"metric": "m", "threshold": 1, "comparator": comparator, "restore": restore})
    if is_stricter:
        check_target(target, goal_type="maintenance")
    else:
        with pytest.raises(InvalidError, match=r"target\.restore must be at least as strict"):
            check_target(target, goal_type="prevention")
    with pytest.raises(InvalidError, match="an achievement is done when it is met"):
        check_target(target, goal_type="achievement")


# Its conditions


def test_a_goal_with_a_creation_condition_begins_when_that_holds_for_the_first_time():
    standing = Standing(a_goal(creation=True)).hears(0.5, creation=False)
    assert (standing.change, standing.status, standing.state) == (None, "blocked", None)
    standing.hears(0.5, days=1, creation=True)
    assert (standing.status, standing.state, standing.goal.trying_since) == ("in_progress", "violated", START + DAY)
    assert standing.goal.current_progress.blocked_by is None
    standing.hears(0.5, days=1, creation=False)
    assert standing.status == "in_progress"


def test_a_goal_that_waits_for_its_beginning_can_end():
    assert Standing(a_goal(creation=True)).hears(0.5, creation=False, drop=True).status == "abandoned"
    late = a_goal(creation=True, deadline=(START + DAY).isoformat())
    assert Standing(late).hears(0.5, days=2, creation=False).status == "abandoned"


def test_a_goal_is_suspended_while_its_context_does_not_hold():
    standing = Standing(a_goal()).hears(0.5).hears(0.5, days=1, context=False)
    assert (standing.status, standing.goal.current_progress.blocked_by) == ("blocked", "context")
    assert standing.goal.reason == "suspended: its context does not hold"
    standing.hears(0.6, days=1, context=False)
    assert (standing.status, standing.goal.current_progress.value) == ("blocked", 0.6)
    standing.hears(0.6, days=1)
    assert (standing.status, standing.goal.current_progress.blocked_by) == ("in_progress", None)


@pytest.mark.parametrize("goal_type", TYPES)
def test_a_goal_is_abandoned_once_its_drop_condition_holds(goal_type: GoalType):
    standing = Standing(a_goal(goal_type)).hears(1.0, drop=True, context=False)
    assert (standing.status, standing.goal.reason) == ("abandoned", "its drop condition holds")


# Without a plan


def rests(standing: Standing, *, days: float) -> None:
    """No plan was found: the employee asked a human and looks again in so many days."""
    progress = {**standing.goal.current_progress.to_json(), "blocked_by": "no_plan"}
    standing.takes(status="blocked", retry_at=standing.now + days * DAY, current_progress=Progress.parse(progress))


def test_a_goal_without_a_plan_rests_until_it_is_met_or_violated_anew():
    standing = Standing(a_goal()).hears(0.5)
    rests(standing, days=7)
    standing.hears(0.4, days=1)
    assert (standing.status, standing.goal.current_progress.blocked_by) == ("blocked", "no_plan")
    assert standing.goal.retry_at == START + 7 * DAY
    standing.hears(1.5, days=1)
    assert (standing.status, standing.goal.retry_at) == ("active", None)
    standing.hears(0.5, days=1)
    assert (standing.status, standing.goal.trying_since) == ("in_progress", START + 3 * DAY)


# Its priority


def test_a_priority_is_kept_with_what_it_was_computed_from():
    standing = Standing(a_goal("achievement", value=10, importance=0.5, deadline=(START + 10 * DAY).isoformat()))
    standing.hears(0)
    assert standing.goal.priority == 2
    standing.hears(4, days=5)
    assert standing.goal.priority_inputs == {
        "importance": 0.5,
        "deadline": 0.5,
        "pace": 1.0,  # 6 left in 5 days, 4 came in 5
        "violation": 0.0,
        "waiting_days": 5.0,
        "urgency": 1.0,
    }
    assert standing.goal.priority == 10  # 10 · (.6 + .2) + 5/3
    assert Standing(a_goal()).hears(0.5).goal.priority_inputs["violation"] == 1.0


def test_a_goal_that_wants_nothing_is_as_pressing_as_it_is_important():
    deadline = (START + 10 * DAY).isoformat()
    standing = Standing(a_goal(importance=0.5, deadline=deadline)).hears(1.5, days=9)
    assert (standing.goal.priority, standing.goal.priority_inputs["urgency"]) == (2, 0.0)


def test_being_served_starts_the_waiting_anew():
    standing = Standing(a_goal("achievement", importance=0.5)).hears(0).hears(0, days=6)
    assert standing.goal.priority_inputs["waiting_days"] == 6
    standing.takes(served_at=standing.now)
    standing.hears(0, days=3)
    assert standing.goal.priority_inputs["waiting_days"] == 3


@law()
@given(importance=st.floats(0, 1))
def test_any_goal_that_waits_long_enough_reaches_the_top(importance: float):
    standing = Standing(a_goal("achievement", importance=importance)).hears(0)
    assert standing.hears(0, days=30).goal.priority == 10


# Odd input


@pytest.mark.parametrize("value", [1e23, 1.7976931348623157e308, -1e23, 10**308, 5e-324, -0.0, 2**60 + 1])
def test_a_value_of_any_size_is_kept(value: float):
    for kind in TYPES:
        standing = Standing(a_goal(kind, deadline=(START + DAY).isoformat(), value=3)).hears(value, days=0.5)
        assert standing.goal.current_progress.value == value


def test_a_reason_is_never_longer_than_the_database_keeps():
    goal = a_goal(metric=f"{'account ' * 400}.health")
    standing = Standing(goal).hears(0.5)
    assert standing.goal.reason is not None
    assert len(standing.goal.reason) <= 2000
    assert len(Standing(goal).hears(None).goal.reason or "") <= 2000


# What always holds

numbers = st.none() | st.sampled_from([0.0, 0.9, 1.0, 1.05, 1.1, 2.0, 10**300, 1e300])
spans = st.sampled_from([0.0, 0.001, 1.0, 3.0])
hearings = st.lists(
    st.tuples(
        numbers, spans, st.booleans(), st.sampled_from([True, True, True, False]), st.sampled_from([False] * 9 + [True])
    ),
    max_size=12,
)
goals = st.builds(
    a_goal,
    st.sampled_from(TYPES),
    creation=st.booleans(),
    importance=st.floats(0, 1),
    comparator=st.sampled_from([None, ">=", "<"]),
    deadline=st.sampled_from([None, (START + 5 * DAY).isoformat()]),
)


@law(300)
@given(goal=goals, hearings=hearings)
@example(goal=a_goal(), hearings=[(0.9, 1.0, True, True, False), (None, 1.0, True, True, False)])
def test_whatever_it_hears_a_goal_keeps_to_its_graph_and_its_kind(
    goal: Goal, hearings: list[tuple[float | None, float, bool, bool, bool]]
):
    standing = Standing(goal)
    known: str | None = None
    violations = 0
    for value, days, creation, context, drop in hearings:
        before = standing.goal
        standing.hears(value, days=days, creation=creation, context=context, drop=drop)
        is_assessed = standing.state is not None
        state = "unknown" if value is None else _state(goal, value)
        if is_assessed and state != "unknown":
            violations += state == "violated" and known != "violated" and goal.goal_type != "achievement"
            known = state
        assert standing.status == before.status or standing.status in GOAL[before.status]
        assert standing.violations == violations
        assert not is_assessed or standing.state == state
        assert standing.status != "completed" or _may_be_completed(standing)
        assert not drop or standing.status == "abandoned"
        assert (standing.goal.current_progress.blocked_by is None) == (standing.status != "blocked")
        if standing.status not in LIVE_GOALS:
            return
        assert standing.hears(value, creation=creation, context=context, drop=drop).change is None


def _state(goal: Goal, value: float) -> str:
    wanted = {">=": value >= 1, "<": value < 1, "<=": value <= 1}[goal.target.comparator_for(goal.goal_type)]
    return "met" if wanted else "violated"


def _may_be_completed(standing: Standing) -> bool:
    match standing.goal.goal_type:
        case "achievement":
            return standing.state == "met"
        case "maintenance":
            return False
        case "prevention":
            return standing.violations == 0 and standing.now > START + 5 * DAY
