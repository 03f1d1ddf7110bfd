"""The geometry of the drawings: marks stand where the numbers say, and no box of a plan covers another."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from uuid import UUID

from empla.bdi.intention_listing import Placed, Relative
from empla.dashboard.goal_drawings import BULLET, LANE, bullet, lane, way
from empla.dashboard.plan_drawings import HEIGHT, WIDTH, layers, tree
from empla.mind.pursuits import Spell

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _step(position: int, *after: int) -> Placed:
    return Placed(
        position=position, action="task", definition={"title": "x" * 90}, depends_on=list(after), status="pending"
    )


def _plan(number: int, *steps: Placed, parent: int | None = None, by: int | None = None) -> Relative:
    return Relative(
        id=UUID(int=number),
        parent_id=None if parent is None else UUID(int=parent),
        parent_position=by,
        plan_key=f"plan_{number}",
        description="A plan",
        intention_type="tactic",
        status="in_progress",
        dependencies=None,
        depth=0,
        steps=list(steps),
    )


def test_a_value_stands_on_its_side_of_what_is_wanted() -> None:
    short = bullet(value=2.4, number=3, comparator=">=", restore=3.5)
    assert short.bar_at == 0
    assert short.bar_width < short.target_at
    assert short.restore_at is not None
    assert short.restore_at > short.target_at
    assert (short.zone_at, short.zone_width) == (short.target_at, round(BULLET - short.target_at, 1))
    much = bullet(value=20, number=5, comparator="<=")
    assert much.bar_width > much.target_at
    assert (much.zone_at, much.zone_width) == (0, much.target_at)
    assert bullet(value=None, number=0, comparator="==").bar_at is None
    below = bullet(value=-4, number=2, comparator=">=")
    assert below.bar_at is not None
    assert below.bar_at < below.bar_at + below.bar_width < below.target_at


def test_a_baseline_that_dwarfs_the_rest_is_left_out() -> None:
    assert bullet(value=5, number=1, comparator=">=", baseline=77).baseline_at is None
    assert bullet(value=5, number=12, comparator=">=", baseline=1).baseline_at is not None


def test_the_way_is_counted_from_where_it_began() -> None:
    assert way(value=6, baseline=4, number=8) == 0.5
    assert way(value=6, baseline=8, number=4) == 0.5
    assert way(value=20, baseline=4, number=8) == 1
    assert way(value=6, baseline=8, number=8) is None
    assert way(value=None, baseline=4, number=8) is None


def test_a_spell_is_as_long_as_it_lasted_and_a_short_one_is_seen() -> None:
    def spell(since: int, until: int | None) -> Spell:
        return Spell(
            employee_id=UUID(int=1),
            name="Jordan",
            goal_id=UUID(int=2),
            goal_type="maintenance",
            description="",
            since=NOW - timedelta(days=since),
            reason=None,
            until=None if until is None else NOW - timedelta(days=until),
            restored_by=None,
            worst=None,
            plans=[],
            succeeded=[],
            failed=[],
            effects=0,
            asked=False,
        )

    begun = NOW - timedelta(days=100)
    drawn = lane([spell(80, 60), spell(10, None), spell(0, None)], since=begun, now=NOW, begun=begun, ended=None)
    assert [(one.at, one.width) for one in drawn.stretches] == [(200, 200), (900, 100), (LANE - 6, 6)]


def test_a_step_stands_below_all_that_it_waits_for() -> None:
    found = layers([_step(1), _step(2, 1), _step(3, 1), _step(4, 2, 3), _step(5)])
    assert [[step.position for step in layer] for layer in found] == [[1, 5], [2, 3], [4]]


def test_no_box_covers_another_and_all_lie_within_the_drawing_and_their_frames() -> None:
    family = [
        _plan(1, _step(1), _step(2, 1), _step(3, 1), _step(4, 2, 3)),
        _plan(2, _step(1), _step(2, 1), _step(3, 1), parent=1, by=2),
        _plan(3, _step(1), parent=1, by=2),  # a second attempt
        _plan(4, _step(1), _step(2), parent=1, by=3),
        _plan(5, _step(1), _step(2, 1), parent=2, by=1),  # what a part pursues
        _plan(6, parent=4, by=2),
    ]
    drawn = tree(family)
    assert len(drawn.boxes) == sum(1 + len(one.steps) for one in family)
    for one, other in combinations(drawn.boxes, 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT, (one.title, other.title)
    frames = {frame.intention.id: frame for frame in drawn.frames}
    assert set(frames) == {UUID(int=number) for number in range(2, 7)}
    for box in drawn.boxes:
        frame = frames.get(box.intention.id)
        left, top, right, bottom = (
            (0.0, 0.0, drawn.width, drawn.height)
            if frame is None
            else (frame.x, frame.y, frame.x + frame.width, frame.y + frame.height)
        )
        assert left <= box.x <= right - WIDTH
        assert top <= box.y <= bottom - HEIGHT
        assert len(box.line) < 30
    for frame in drawn.frames:
        assert frame.x >= 0
        assert frame.x + frame.width <= drawn.width
