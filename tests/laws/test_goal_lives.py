"""Whatever becomes of an employee's goals: they keep to their graph and their kind, and their history tells it all."""

from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, ClassVar, LiteralString, TypeVar, get_args
from uuid import UUID

import pytest
from driving import Driver, law
from factories import a_simulated_tenant, an_employee
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from living import Living
from pydantic import BaseModel, JsonValue

from empla.bdi import beliefs, goals
from empla.bdi.beliefs import Belief
from empla.bdi.goals import Goal
from empla.bdi.shapes import GoalType, ProgressState
from empla.bdi.states import GOAL, LIVE_GOALS
from empla.errors import ConflictError

Answer = TypeVar("Answer")

METRICS = ("coverage", "complaints")
FLAGS = ("begun", "open", "over")
NOTE = {"action": "note", "text": "done"}
DAY = timedelta(days=1)

HISTORY: LiteralString = """
    SELECT goal_id, old_status, new_status, old_state, new_state, to_jsonb(h)::text AS whole
      FROM goal_history h WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid ORDER BY changed_at, id
"""


class Event(BaseModel):
    goal_id: UUID
    old_status: str | None
    new_status: str
    old_state: ProgressState | None
    new_state: ProgressState | None
    whole: str


@dataclass(frozen=True)
class Wish:
    """A goal that somebody wants."""

    metric: str
    kind: GoalType
    key: str | None
    is_restored_later: bool
    days: int | None
    conditions: dict[str, JsonValue]


@dataclass(frozen=True)
class Seen:
    """All that there is to see at one moment."""

    now: datetime
    goals: dict[UUID, Goal]
    events: list[Event]
    beliefs: dict[tuple[str, str], Belief]

    def holds(self, flag: str) -> bool:
        belief = self.beliefs.get(("self", flag))
        return belief is not None and belief.object is True

    def number(self, metric: str, floor: float) -> float | None:
        belief = self.beliefs.get(("pipeline", metric))
        if belief is None or isinstance(belief.object, bool) or not isinstance(belief.object, int | float):
            return None
        return belief.object if belief.confidence >= floor else None


STATED: list[dict[str, JsonValue]] = [
    {},
    {"context": "open"},
    {"creation": "begun"},
    {"drop": "over", "context": "open"},
    {"recur_after": "2 days"},
]
wishes = st.builds(
    Wish,
    metric=st.sampled_from(METRICS),
    kind=st.sampled_from(get_args(GoalType)),
    key=st.sampled_from([None, "a", "b"]),
    is_restored_later=st.booleans(),
    days=st.sampled_from([None, None, None, 5, 20]),
    conditions=st.sampled_from(STATED),
)
spans = st.sampled_from([0.01, 1, 3, 8])
values: st.SearchStrategy[JsonValue] = st.sampled_from([0, 0, 1, 1.5, 2, 3, "many"])
doubts = st.sampled_from([None, None, None, 0.3])


class Goals(RuleBasedStateMachine):
    """One employee and its goals; what should have become of them is reckoned from the beliefs alone."""

    driver: ClassVar[Driver]

    @initialize(wanted=st.tuples(*(wishes for _ in STATED)))
    def hire(self, wanted: tuple[Wish, ...]) -> None:
        async def hired() -> Living:
            caller = await a_simulated_tenant(self.driver.database)
            employee = await an_employee(self.driver.database, caller, role="custom")
            return Living(self.driver.database, caller, employee.id)

        self.living = self.run(hired())
        self.known: dict[UUID, ProgressState] = {}  # the last state that was known
        self.begun: set[UUID] = set()  # of those with a creation condition
        self.over: dict[UUID, Goal] = {}  # as they were when they ended
        self.written: list[str] = []
        self.plans = 0
        for wish, conditions in zip(wanted, STATED, strict=True):
            self._adopt(replace(wish, key=None, conditions=conditions))
        for flag in ("begun", "open"):
            self.run(self.living.hears(flag == "open", "self", flag, decay_rate=0))

    def run(self, operation: Coroutine[Any, Any, Answer]) -> Answer:
        return self.driver.run(operation)

    # What happens: each time the employee looks at it

    @rule(days=spans, coverage=st.none() | values, complaints=st.none() | values, doubt=doubts)
    def hear(self, days: float, coverage: JsonValue, complaints: JsonValue, doubt: float | None) -> None:
        self._hears(days, coverage, complaints, rate=0, doubt=doubt)

    @rule(days=spans, coverage=values, complaints=values)
    def hear_for_now(self, days: float, coverage: JsonValue, complaints: JsonValue) -> None:
        self._hears(days, coverage, complaints, rate=0.1, doubt=None)

    @rule(days=spans, flags=st.fixed_dictionaries({flag: st.booleans() for flag in FLAGS}))
    def decide(self, days: float, flags: dict[str, bool]) -> None:
        self.run(self.living.waits(days))
        for flag, value in flags.items():
            self.run(self.living.hears(value, "self", flag, decay_rate=0))
        self._cycle()

    @rule(days=spans, retracted=st.none() | st.sampled_from(METRICS))
    def wait(self, days: float, retracted: str | None) -> None:
        self.run(self.living.waits(days))
        if retracted is not None:
            self.run(self.living.retracts("pipeline", retracted))
        self._cycle()

    @rule(fails=st.booleans(), metric=st.sampled_from(METRICS))
    def learn(self, fails: bool, metric: str) -> None:  # noqa: FBT001
        self.plans += 1
        step = {**NOTE, "capability": "fax", "if": "true"} if fails else NOTE
        self.run(self.living.learns(f"plan {self.plans}", step, goals=[f"pipeline.{metric}"]))
        self._cycle()

    @rule(wish=wishes, data=st.data(), drops=st.booleans())
    def want(self, wish: Wish, data: st.DataObject, drops: bool) -> None:  # noqa: FBT001
        """Somebody wants another thing, or one thing no longer."""
        live = sorted(self.live(), key=lambda goal: goal.created_at)
        if drops and live:
            self._drop(data.draw(st.sampled_from(live)))
        else:
            self._adopt(wish)
        self._cycle()

    @rule()
    def come_to_rest(self) -> None:
        """When nothing happens, nothing moves any more."""
        self.run(self.living.goes_on())
        before = self.look().goals
        outcome = self.run(self.living.lives())
        assert (outcome.goals_moved, outcome.steps, outcome.plans_adopted) == (0, 0, 0)
        assert self.look().goals == before

    def _hears(
        self, days: float, coverage: JsonValue, complaints: JsonValue, *, rate: float, doubt: float | None
    ) -> None:
        self.run(self.living.waits(days))
        for metric, value in (("coverage", coverage), ("complaints", complaints)):
            if value is not None:
                self.run(self.living.hears(value, what=metric, decay_rate=rate, reliability=doubt))
        self._cycle()

    def _drop(self, goal: Goal) -> None:
        async def dropped() -> None:
            async with self.living.database.write(self.living.caller) as tx:
                await goals.drop(tx, goal=goal.id, reason="no longer wanted")

        self.run(dropped())
        with pytest.raises(ConflictError, match="this goal is abandoned already"):
            self.run(dropped())

    def _adopt(self, wish: Wish) -> None:
        target: dict[str, Any] = {"threshold": 1, "comparator": ">=" if wish.metric == "coverage" else "<="}
        if wish.is_restored_later and wish.kind != "achievement":
            target["restore"] = 2 if wish.metric == "coverage" else 0
        if wish.days is not None:
            target["deadline"] = (self.run(self.living.now()) + wish.days * DAY).isoformat()
        wanted = self.living.wants(
            f"pipeline.{wish.metric}", goal_type=wish.kind, key=wish.key, conditions=wish.conditions, **target
        )
        if wish.key is not None and any(goal.goal_key == wish.key for goal in self.live()):
            with pytest.raises(ConflictError, match=f"a goal of the key '{wish.key}' is live already"):
                self.run(wanted)
        else:
            self.run(wanted)

    def _cycle(self) -> None:
        before = self.live()
        self.run(self.living.lives())
        seen = self.look()
        for goal in before:
            self.check(seen.goals[goal.id], seen)

    # What always holds

    def check(self, goal: Goal, seen: Seen) -> None:
        """After a cycle, a goal stands as what is believed has it."""
        progress = goal.current_progress
        deadline = goal.target.deadline_at
        is_over = deadline is not None and seen.now > deadline
        if seen.holds("begun"):
            self.begun.add(goal.id)
        if goal.conditions.creation is not None and goal.id not in self.begun and not is_over:
            assert (goal.status, progress.blocked_by) == ("blocked", "creation")
            return
        state = self.state(goal, seen)
        assert progress.state == state
        if state != "unknown":
            self.known[goal.id] = state
        assert progress.known_state == self.known.get(goal.id)
        if goal.conditions.drop is not None and seen.holds("over"):
            assert (goal.status, goal.reason) == ("abandoned", "its drop condition holds")
        elif goal.goal_type == "achievement" and state == "met":
            assert goal.status == "completed"
        elif is_over:
            never = goal.goal_type == "prevention" and not progress.violations
            assert goal.status == ("completed" if never else "abandoned")
        elif goal.conditions.context is not None and not seen.holds("open"):
            assert (goal.status, progress.blocked_by) == ("blocked", "context")
        else:
            assert goal.status in LIVE_GOALS
            assert progress.blocked_by in {None, "no_plan"}
            assert state != "met" or goal.status == "active"

    def state(self, goal: Goal, seen: Seen) -> ProgressState:
        metric = goal.target.metric.partition(".")[2]
        value = seen.number(metric, goal.target.confidence_floor)
        if value is None:
            return "unknown"
        wanted = goal.target.number
        if goal.target.restore is not None and self.known.get(goal.id) == "violated":
            wanted = goal.target.restore
        return "met" if (value >= wanted if metric == "coverage" else value <= wanted) else "violated"

    def look(self) -> Seen:
        async def read() -> Seen:
            async with self.living.database.read(self.living.caller) as tx:
                found = await goals.listed(tx, employee=self.living.employee)
                return Seen(
                    tx.now,
                    {goal.id: goal for goal in found},
                    await tx.fetch_all(Event, HISTORY, employee=self.living.employee),
                    {(b.subject, b.predicate): b for b in await beliefs.held(tx, employee=self.living.employee)},
                )

        return self.run(read())

    def live(self) -> list[Goal]:
        return [goal for goal in self.look().goals.values() if goal.status in LIVE_GOALS]

    @invariant()
    def goals_keep_to_their_kind_and_history_replays_to_the_present(self) -> None:
        seen = self.look()
        whole = [event.whole for event in seen.events]
        assert whole[: len(self.written)] == self.written
        self.written = whole
        told = {
            goal: list(events)
            for goal, events in groupby(sorted(seen.events, key=lambda e: e.goal_id), key=lambda e: e.goal_id)
        }
        assert told.keys() == seen.goals.keys()
        for goal_id, events in told.items():
            self.replays(seen.goals[goal_id], events)
        keys = [g.goal_key for g in seen.goals.values() if g.goal_key is not None and g.status in LIVE_GOALS]
        assert len(keys) == len(set(keys))

    def replays(self, goal: Goal, told: list[Event]) -> None:
        assert told[0].old_status is None
        assert told[0].new_status in GOAL[""]
        for one, after in pairwise(told):
            assert (after.old_status, after.old_state) == (one.new_status, one.new_state)
            assert one.new_status == after.new_status or after.new_status in GOAL[one.new_status]
        assert (told[-1].new_status, told[-1].new_state) == (goal.status, goal.current_progress.state)
        states = [event.new_state for event in told if event.new_state in {"met", "violated"}]
        violated = sum(state == "violated" for state, _ in groupby(states))
        assert (goal.current_progress.violations or 0) == (0 if goal.goal_type == "achievement" else violated)
        assert not (goal.goal_type == "maintenance" and goal.status == "completed")
        assert (goal.completed_at is not None) == (goal.status == "completed")
        assert (goal.abandoned_at is not None) == (goal.status == "abandoned")
        assert 1 <= goal.priority <= 10
        if goal.status not in LIVE_GOALS:
            assert self.over.setdefault(goal.id, goal) == goal


@pytest.fixture
def life(driver: Driver) -> type[Goals]:
    Goals.driver = driver
    return Goals


def test_every_life_of_goals_keeps_to_the_laws(life: type[Goals]):
    run_state_machine_as_test(life, settings=law(8, steps=18))
