"""Which step runs next: the most pressing intention that was not served in this cycle, the one that waited longest first. Pure."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from empla.bdi.intentions import Step
from empla.bdi.priority import DAYS_PER_POINT, days_between
from empla.mind.circumstance import Circumstance, LiveIntention

DEFAULT_CONCURRENT_TASKS = 5
# What a step that depends on another one waits for; a plan that may proceed goes on after a failure, too.
_DONE = {
    "replan": {"completed", "skipped"},
    "abandon": {"completed", "skipped"},
    "proceed": {"completed", "skipped", "failed"},
}


def next_step(
    circumstance: Circumstance, *, served: Collection[UUID], at_once: int
) -> tuple[LiveIntention, Step] | None:  # a pair, to be taken apart at once
    """The intention to serve and its step; None when nothing is ready.

    At most `at_once` intentions are worked on at a time. One that only waits (for the world, an answer, another plan, a pause) does
    not count, and neither does what another one pursues. New ones are begun while there is room.
    """
    ready = [
        (intention, step)
        for intention in circumstance.intentions
        if (step := _ready(intention, circumstance)) is not None and _may_go_on(intention, circumstance)
    ]
    worked_on = sum(_counts(intention) for intention, _ in ready if intention.status == "in_progress")
    room = at_once > worked_on
    candidates = [
        (intention, step)
        for intention, step in ready
        if intention.id not in served and (intention.status == "in_progress" or room or not _counts(intention))
    ]
    return min(candidates, key=lambda each: _turn(each[0], circumstance.seen_at), default=None)


def _turn(intention: LiveIntention, now: datetime) -> tuple[float, float, str]:
    """The most pressing first; who waits gains as a goal does, so that nothing starves."""
    waited_since = intention.served_at or intention.created_at
    pressing = intention.priority + days_between(waited_since, now) / DAYS_PER_POINT
    return -pressing, waited_since.timestamp(), str(intention.id)


def _counts(intention: LiveIntention) -> bool:
    return intention.parent_id is None


def _ready(intention: LiveIntention, circumstance: Circumstance) -> Step | None:
    """Its first step that could run now: what it depends on is done, and its pause is over."""
    if intention.has_to_wait:
        return None
    steps = circumstance.steps_by_intention[intention.id]
    done = {step.position for step in steps if step.status in _DONE[intention.on_failed_dependency]}
    return next(
        (
            step
            for step in steps
            if step.status == "pending"
            and done.issuperset(step.depends_on)
            and (step.not_before is None or step.not_before <= circumstance.seen_at)
        ),
        None,
    )


def _may_go_on(intention: LiveIntention, circumstance: Circumstance) -> bool:
    """An intention rests while its goal is suspended, unless it is blind."""
    goal = circumstance.goal(intention.goal_id)
    if goal is None or intention.commitment == "blind":
        return True
    return not (goal.status == "blocked" and goal.current_progress.blocked_by in {"context", "creation"})
