"""What an employee wants: how far each goal is, why it presses as it does, when it was violated; adopted and dropped by people."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from empla.api.doors import STAFF
from empla.bdi import beliefs, goals, intention_listing
from empla.bdi.beliefs import Change
from empla.bdi.goals import Goal, metric_key
from empla.bdi.shapes import Comparator, GoalType
from empla.bdi.states import LIVE_GOALS, GoalStatus
from empla.dashboard.goal_drawings import Bullet, Lane, bullet, lane, way
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Told, Visit
from empla.employees import employees
from empla.errors import EmplaError
from empla.mind import mandate, pursuits
from empla.mind.mandate import Wanted
from empla.mind.pursuits import Spell
from empla.mind.why_priority import WhyPriority, why_priority

room = Room("goals")
_LIVE: tuple[GoalStatus, ...] = ("active", "in_progress", "blocked")
_OVER: tuple[GoalStatus, ...] = ("completed", "abandoned")
_MOST = 100  # goals on a page
_MOST_CHANGES = 500  # of a value that is drawn
_PLANS = 20
_BEFORE = timedelta(days=30)  # that a value is drawn from before its goal was adopted


class Asked(Fields):
    """Which goals."""

    which: Literal["live", "over"] = "live"
    told: str | None = Field(default=None, max_length=40)


class Adopted(Fields):
    """A goal, as a form says it."""

    description: str | None = Field(default=None, max_length=2000)
    goal_type: GoalType = "maintenance"
    metric: str = Field(max_length=500)
    comparator: Comparator = ">="
    value: float
    restore: float | None = None
    deadline: str | None = Field(default=None, max_length=60)
    importance: float = Field(default=0.5, ge=0, le=1)


@dataclass(frozen=True, slots=True)
class Shown:
    """A goal with what is drawn and worked out of it."""

    goal: Goal
    comparator: Comparator
    bullet: Bullet
    way: float | None  # share that an achievement has gone of it
    why: WhyPriority


def _shown(goal: Goal) -> Shown:
    target, progress = goal.target, goal.current_progress
    comparator = target.comparator_for(goal.goal_type)
    drawn = bullet(
        value=progress.value,
        number=target.number,
        comparator=comparator,
        restore=target.restore,
        baseline=progress.baseline if goal.goal_type == "achievement" else None,
    )
    share = (
        way(value=progress.value, baseline=progress.baseline, number=target.number)
        if goal.goal_type == "achievement"
        else None
    )
    return Shown(goal=goal, comparator=comparator, bullet=drawn, way=share, why=why_priority(goal))


@room.shows("/employees/{employee:uuid}/goals")
async def shown(visit: Visit, employee: UUID) -> Response:
    """The goals are one statement, and when they were violated one more."""
    return await _page(visit, employee, visit.asked(Asked))


async def _page(
    visit: Visit,
    employee: UUID,
    asked: Asked,
    *,
    draft: Adopted | None = None,
    sentence: str | None = None,
    status: int = 200,
) -> Response:
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        found = await goals.most_pressing(
            tx, employee=employee, limit=_MOST, statuses=_LIVE if asked.which == "live" else _OVER
        )
        spells = await pursuits.spells(tx, employee=employee) if visit.wants("spells") else []
        now = tx.now
    lanes = _lanes(found, spells, now)
    return visit.show(
        "goals.html",
        status=status,
        person=person,
        asked=asked,
        shown=[_shown(goal) for goal in found],
        lanes=lanes,
        since=min((goal.created_at for goal in found), default=now),
        spells=[spell for spell in reversed(spells) if any(goal.id == spell.goal_id for goal in found)],
        metrics=sorted({goal.target.metric for goal in found}),
        draft=draft,
        sentence=sentence,
    )


def _lanes(found: list[Goal], spells: list[Spell], now: datetime) -> list[tuple[Goal, Lane]]:
    since = min((goal.created_at for goal in found), default=now)
    return [
        (
            goal,
            lane(
                [spell for spell in spells if spell.goal_id == goal.id],
                since=since,
                now=now,
                begun=goal.created_at,
                ended=goal.completed_at or goal.abandoned_at,
            ),
        )
        for goal in found
    ]


@room.takes("/employees/{employee:uuid}/goals")
async def adopt(visit: Visit, employee: UUID) -> Response:
    """Staff says what it shall want; what is wrong stands above the form, which keeps what was filled in."""
    sent = await visit.sent(Adopted)
    wanted = Wanted(
        metric=sent.metric,
        goal_type=sent.goal_type,
        value=sent.value,
        comparator=sent.comparator,
        restore=sent.restore,
        deadline=sent.deadline,
        description=sent.description,
        importance=sent.importance,
    )
    try:
        async with visit.write(roles=STAFF) as tx:
            goal = await mandate.want(tx, employee=employee, wanted=wanted)
    except EmplaError as error:
        if error.kind not in {"invalid", "usage"}:
            raise
        return await _page(visit, employee, Asked(), draft=sent, sentence=str(error), status=422)
    return visit.go(f"/employees/{employee}/goals/{goal.id}", told="adopted")


@room.shows("/employees/{employee:uuid}/goals/{goal:uuid}")
async def one(visit: Visit, employee: UUID, goal: UUID) -> Response:
    """How its value went, when it was violated, and which plans served it: a statement each."""
    visit.asked(Told)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        found = await goals.get(tx, goal=goal, employee=employee)
        changes = (
            await beliefs.changes(
                tx,
                employee=employee,
                since=found.created_at - _BEFORE,
                until=tx.now,
                about=[metric_key(found.target.metric)],
                limit=_MOST_CHANGES,
            )
            if visit.wants("value")
            else []
        )
        spells = await pursuits.spells(tx, employee=employee, goal=goal) if visit.wants("spells") else []
        plans = (
            await intention_listing.lines(tx, employee=employee, goal=goal, limit=_PLANS)
            if visit.wants("plans")
            else []
        )
        history = await goals.history(tx, employee=employee, goal=goal) if visit.wants("history") else []
        now = tx.now
    points = _points(changes)
    return visit.show(
        "goal.html",
        person=person,
        one=_shown(found),
        is_live=found.status in LIVE_GOALS,
        points=list(reversed(points)),
        series=_series(found, points, now),
        lanes=_lanes([found], spells, now),
        since=found.created_at,
        spells=list(reversed(spells)),
        plans=plans,
        history=history,
    )


def _points(changes: list[Change]) -> list[tuple[datetime, float | None]]:
    """The numbers that were believed, the earliest first; None from when it was believed no more."""
    return [
        (change.changed_at, _number(None if change.change_type in {"deleted", "decayed"} else change.new_value))
        for change in reversed(changes)
        if change.change_type not in {"late", "contradicted"}
    ]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _series(goal: Goal, points: list[tuple[datetime, float | None]], now: datetime) -> dict[str, object] | None:
    """As the page's script draws it; None where there is too little to draw."""
    if sum(value is not None for _, value in points) < 2:  # noqa: PLR2004 — a line has two ends
        return None
    through = [*points, (now, points[-1][1])] if points[-1][0] < now else points
    target = goal.target
    lines: list[dict[str, object]] = [
        {"label": target.metric, "y": [value for _, value in through], "steps": True},
        {"label": "wanted", "y": [target.number] * len(through), "dashed": True},
    ]
    if target.restore is not None:
        lines.append({"label": "restored at", "y": [target.restore] * len(through), "dashed": True})
    return {"x": [int(at.timestamp()) for at, _ in through], "series": lines}


class Dropped(Fields):
    """Why."""

    reason: str = Field(min_length=1, max_length=2000)


@room.takes("/employees/{employee:uuid}/goals/{goal:uuid}/drop")
async def drop(visit: Visit, employee: UUID, goal: UUID) -> Response:
    """Staff: it is wanted no more."""
    reason = (await visit.sent(Dropped)).reason
    async with visit.write(roles=STAFF) as tx:
        await goals.get(tx, goal=goal, employee=employee)  # of another employee there is none
        await mandate.give_up(tx, goal=goal, reason=reason)
    return visit.go(f"/employees/{employee}/goals/{goal}", told="dropped")
