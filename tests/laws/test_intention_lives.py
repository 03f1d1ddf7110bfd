"""Whatever an employee intends: steps run in their order and once, plans end once, and nothing waits for ever."""

from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar, get_args
from uuid import UUID

import pytest
from driving import Driver, law
from factories import a_simulated_tenant, an_employee
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from living import Living
from pydantic import JsonValue

from empla.bdi import goals, intentions
from empla.bdi.goals import Goal
from empla.bdi.intentions import Commitment, Intention, OnFailedDependency, Step
from empla.bdi.states import INTENTION, LIVE_GOALS, LIVE_INTENTIONS, OPEN_STEPS, STEP, Graph
from empla.effects import effects, notices
from empla.effects.effects import Effect
from empla.effects.notices import Notice

Answer = TypeVar("Answer")
Definition = dict[str, Any]

FLAGS = ("self.green", "self.blue")
PLAYBOOKS = ("first", "second", "third")
LIMIT = 1000

flags = st.sampled_from(FLAGS)
spans = st.sampled_from([0.02, 0.1, 1, 3])
plain: st.SearchStrategy[Definition] = st.sampled_from(
    [
        {"action": "note", "text": "done"},
        {"action": "note", "text": "done", "criteria": "self.green"},
        {"action": "note", "text": "done", "if": "self.blue"},
        {"action": "decide", "criteria": "self.green", "as": "is_green"},
        {"action": "follow_up", "kind": "k"},  # refused: it does not say in how long
        {"action": "note", "text": "faxed", "capability": "fax", "if": "self.green"},
        {"action": "ask", "text": "May I?", "timeout": "2 days"},
    ]
)
waiting: st.SearchStrategy[Definition] = st.fixed_dictionaries(
    {"action": st.just("await"), "criteria": flags, "timeout": st.sampled_from(["3 hours", "2 days"])}
)


def pursuing(place: int) -> st.SearchStrategy[Definition]:
    """A part, from a playbook that comes later, or one that is not there."""
    later = [*PLAYBOOKS[place + 1 :], "none"]
    return st.fixed_dictionaries({"action": st.just("pursue"), "playbook": st.sampled_from(later)})


@st.composite
def playbooks(draw: st.DrawFn, place: int) -> tuple[list[Definition], dict[str, Any]]:
    """Steps that depend on any earlier ones, and how their plan is committed to."""
    steps = draw(st.lists(plain | waiting | pursuing(place), min_size=1, max_size=4))
    for position, step in enumerate(steps, start=1):
        own = dict(step)
        if draw(st.booleans()):
            own["after"] = sorted(draw(st.sets(st.integers(1, position - 1), max_size=2))) if position > 1 else []
        if draw(st.booleans()):
            own |= {"retries": draw(st.integers(0, 2)), "backoff": draw(st.sampled_from(["1h", "1 day"]))}
        steps[position - 1] = own
    stated: dict[str, Any] = {"commitment": draw(st.sampled_from(get_args(Commitment)))}
    if draw(st.booleans()):
        stated |= {"success": draw(flags), "timeframe": "3 days"}
    if draw(st.booleans()):
        stated["impossible"] = "self.green and self.blue"
    return steps, stated


@dataclass(frozen=True)
class Seen:
    """All that there is to see at one moment."""

    now: datetime
    goals: dict[UUID, Goal]
    plans: dict[UUID, Intention]
    steps: dict[UUID, list[Step]]
    effects: list[Effect]
    questions: list[Notice]

    def live(self) -> list[Intention]:
        return [plan for plan in self.plans.values() if plan.status in LIVE_INTENTIONS]


class Intentions(RuleBasedStateMachine):
    """One employee whose playbooks are random, in a world that is, too."""

    driver: ClassVar[Driver]

    @initialize(known=st.tuples(*(playbooks(place) for place in range(len(PLAYBOOKS)))))
    def hire(self, known: Sequence[tuple[list[Definition], dict[str, Any]]]) -> None:
        async def hired() -> Living:
            caller = await a_simulated_tenant(self.driver.database)
            employee = await an_employee(self.driver.database, caller, role="custom")
            living = Living(self.driver.database, caller, employee.id)
            for name, (steps, stated) in zip(PLAYBOOKS, known, strict=True):
                called_by = {"triggers": ["chance"]} if name == "first" else {"goals": ["pipeline.coverage"]}
                await living.learns(name, *steps, **called_by, **stated)
            # One that always has a part which waits longer than the whole may take.
            part: Definition = {"action": "await", "criteria": "self.green", "timeout": "4 days"}
            await living.learns("part", part)
            whole: Definition = {"action": "pursue", "playbook": "part"}
            await living.learns("whole", whole, triggers=["challenge"], success="self.blue", timeframe="1 day")
            await living.wants("pipeline.coverage", threshold=1, conditions={"recur_after": "4 days"})
            await living.hears(1.5, decay_rate=0)
            return living

        self.living = self.run(hired())
        self.plans: dict[UUID, Intention] = {}  # as they were seen last
        self.steps: dict[tuple[UUID, int], Step] = {}

    def run(self, operation: Coroutine[Any, Any, Answer]) -> Answer:
        return self.driver.run(operation)

    # What happens: each time, some time has passed and the employee looks at it

    @rule(days=spans, kind=st.sampled_from(["chance", "challenge"]))
    def meet(self, days: float, kind: str) -> None:
        self.run(self.living.waits(days))
        self.run(self.living.meets(kind))
        self._cycle()

    @rule(days=spans, coverage=st.sampled_from([0.5, 0.6, 1.5]))
    def measure(self, days: float, coverage: float) -> None:
        self.run(self.living.waits(days))
        self.run(self.living.hears(coverage, decay_rate=0))
        self._cycle()

    @rule(days=spans, flag=flags, value=st.sampled_from([True, True, False, "odd"]))
    def turn(self, days: float, flag: str, value: JsonValue) -> None:
        self.run(self.living.waits(days))
        self.run(self.living.hears(value, "self", flag.partition(".")[2], decay_rate=0))
        self._cycle()

    @rule(days=spans)
    def wait(self, days: float) -> None:
        self.run(self.living.waits(days))
        self._cycle()

    @precondition(lambda self: self.plans)
    @rule(days=spans, data=st.data(), policy=st.sampled_from(get_args(OnFailedDependency)))
    def intend(self, days: float, data: st.DataObject, policy: OnFailedDependency) -> None:
        self.run(self.living.waits(days))
        known = sorted(self.plans)
        depends_on = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True))
        name = f"dependant {len(known)}"
        note: Definition = {"action": "note", "text": "done"}
        self.run(self.living.intends(name, note, depends_on=depends_on, on_failed_dependency=policy))
        self._cycle()

    @rule(days=spans)
    def answer(self, days: float) -> None:
        self.run(self.living.waits(days))

        questions = self.look().questions

        async def answered() -> None:
            async with self.living.database.write(self.living.caller) as tx:
                await notices.answer(tx, notice=questions[0].id, text="Go on")

        if questions:
            self.run(answered())
        self._cycle()

    @rule()
    def come_to_rest(self) -> None:
        self.run(self.living.goes_on())
        for _ in range(4):  # what ended in a cycle without a step is gone on with in the next
            self.run(self.living.goes_on())
        seen = self.look()
        for plan in seen.live():
            assert self.waits_for(plan, seen), f"{plan.plan_key} is stuck"

    def _cycle(self) -> None:
        self.run(self.living.lives())

    # What always holds

    def waits_for(self, plan: Intention, seen: Seen) -> bool:
        """Whether there is something that a plan at rest waits for, and that will come or fail to."""
        steps = seen.steps[plan.id]
        if any(seen.plans[on].status in LIVE_INTENTIONS for on in plan.dependencies or ()):
            return True
        for step in steps:
            if step.status == "in_progress":
                children = [child for child in seen.live() if child.parent_id == plan.id]
                return step.timeout_at is not None or (step.action == "pursue" and len(children) > 0)
            if step.status == "pending" and step.not_before is not None and step.not_before > seen.now:
                return True
        is_done = all(step.status not in OPEN_STEPS for step in steps)
        return is_done and plan.plan.success_criteria is not None and plan.deadline_at is not None

    @invariant()
    def plans_keep_to_the_laws(self) -> None:
        seen = self.look()
        for plan in seen.plans.values():
            self.keeps_to_its_graph(plan, seen.steps[plan.id])
            self.runs_in_order(plan, seen)
            self.ends_once(plan, seen)
        matters = Counter((plan.goal_id, plan.cause_id, plan.plan_key) for plan in seen.live())
        assert all(count == 1 for count in matters.values())
        # Each effect names its step in the step's result: what was made once is made for good.
        named = [
            step.result.get("effect")
            for steps in seen.steps.values()
            for step in steps
            if step.action == "note" and (step.status == "completed" or "effect" in step.result)
        ]
        assert sorted(str(name) for name in named) == sorted(str(effect.id) for effect in seen.effects)
        for goal in seen.goals.values():
            self.tries_each_plan_once(goal, seen)
        self.plans = seen.plans
        self.steps = {(step.intention_id, step.position): step for steps in seen.steps.values() for step in steps}

    def keeps_to_its_graph(self, plan: Intention, steps: list[Step]) -> None:
        before = self.plans.get(plan.id)
        if before is not None and before.status not in LIVE_INTENTIONS:
            assert plan == before
        assert reaches(INTENTION, "" if before is None else before.status, plan.status)
        for step in steps:
            was = self.steps.get((plan.id, step.position))
            if was is not None and was.status not in OPEN_STEPS:
                assert step == was
            assert reaches(STEP, "" if was is None else was.status, step.status)
            assert step.attempts <= step.max_attempts
            assert was is None or step.attempts >= was.attempts

    def runs_in_order(self, plan: Intention, seen: Seen) -> None:
        status = {step.position: step.status for step in seen.steps[plan.id]}
        for step in seen.steps[plan.id]:
            has_run = step.attempts > 0 or step.status == "skipped"
            assert not has_run or all(status[before] in {"completed", "skipped"} for before in step.depends_on)
        if plan.started_at is not None:
            for on in plan.dependencies or ():
                ended = seen.plans[on].status
                assert ended == "completed" or (ended not in LIVE_INTENTIONS and plan.on_failed_dependency == "proceed")

    def ends_once(self, plan: Intention, seen: Seen) -> None:
        ends = [plan.completed_at, plan.failed_at, plan.abandoned_at]
        is_live = plan.status in LIVE_INTENTIONS
        assert sum(end is not None for end in ends) == (not is_live)
        if is_live:
            assert plan.parent_id is None or seen.plans[plan.parent_id].status in LIVE_INTENTIONS
            return
        assert plan.reason
        assert all(step.status not in OPEN_STEPS for step in seen.steps[plan.id])
        if plan.status == "completed" and plan.goal_id is None:
            assert all(step.status in {"completed", "skipped"} for step in seen.steps[plan.id])
        for other in seen.live():
            lost = plan.status != "completed" and plan.id in (other.dependencies or ())
            assert not lost or other.on_failed_dependency == "proceed"

    def tries_each_plan_once(self, goal: Goal, seen: Seen) -> None:
        if goal.status not in LIVE_GOALS or goal.trying_since is None:
            return
        chosen = [
            plan
            for plan in seen.plans.values()
            if plan.goal_id == goal.id and plan.parent_id is None and plan.created_at >= goal.trying_since
        ]
        for plan in chosen:
            earlier = [one for one in chosen if one.plan_key == plan.plan_key and one.created_at < plan.created_at]
            assert all(one.status == "abandoned" for one in earlier)

    def look(self) -> Seen:
        async def read() -> Seen:
            async with self.living.database.read(self.living.caller) as tx:
                employee = self.living.employee
                plans = await intentions.listed(tx, employee=employee, limit=LIMIT)
                steps: dict[UUID, list[Step]] = {plan.id: [] for plan in plans}
                for step in await intentions.steps_of(tx, employee=employee, intentions=list(steps)):
                    steps[step.intention_id].append(step)
                wanted = await goals.listed(tx, employee=employee)
                made = await effects.latest(tx, employee=employee, limit=LIMIT)
                asked = await notices.listed(tx, employee=employee)
                return Seen(
                    tx.now, {goal.id: goal for goal in wanted}, {plan.id: plan for plan in plans}, steps, made, asked
                )

        return self.run(read())


def reaches(graph: Graph, old: str, new: str) -> bool:
    """Whether there is a way, of any length: a cycle may take several steps at once."""
    reached, ahead = {old}, [old]
    while ahead:
        fresh = graph[ahead.pop()] - reached
        reached |= fresh
        ahead += fresh
    return new in reached


@pytest.fixture
def life(driver: Driver) -> type[Intentions]:
    Intentions.driver = driver
    return Intentions


def test_every_life_of_intentions_keeps_to_the_laws(life: type[Intentions]):
    run_state_machine_as_test(life, settings=law(10, steps=14))
