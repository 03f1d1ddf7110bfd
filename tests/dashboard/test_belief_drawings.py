"""The curves of a belief are the arithmetic of its decay; bars and values say what is there."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import JsonValue

from empla.bdi.belief_listing import Activity, Step
from empla.bdi.beliefs import Belief
from empla.dashboard.belief_drawings import HEIGHT, bars, course, fading, said

THEN = datetime(2025, 3, 3, 9, tzinfo=UTC)
FLOOR = 0.05


def belief(**changed: Any) -> Belief:
    common: dict[str, Any] = {"confidence": 0.9, "stored_confidence": 0.9, "source": "observation", "evidence": []}
    about: dict[str, Any] = {"belief_type": "state", "subject": "Acme", "predicate": "mood", "object": "warm"}
    times: dict[str, Any] = {"formed_at": THEN, "last_updated_at": THEN}
    fades: dict[str, Any] = {"decay_rate": 0.05, "decay_model": "linear"}
    return Belief(id=uuid4(), employee_id=uuid4(), **(common | about | times | fades | changed))


def step(days: float, kind: str, value: JsonValue, sure: float | None = 0.9, **changed: Any) -> Step:
    at = THEN + timedelta(days=days)
    told: dict[str, Any] = {
        "old_value": None,
        "old_confidence": None,
        "new_value": value,
        "new_confidence": sure,
        "reason": None,
        "actor": None,
        "actor_type": "employee",
        "source": "observation",
        "evidence_at": at,
        "changed_at": at,
        "decay_rate": 0.0,
        "decay_model": "linear",
    }
    return Step(id=uuid4(), belief_id=uuid4(), change_type=kind, **(told | changed))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("model", "days"), [("linear", 17.0), ("exponential", 56.35)])
def test_a_fading_belief_meets_the_floor_when_it_is_said_to(model: str, days: float) -> None:
    found = fading(belief(decay_model=model), at=THEN + timedelta(days=4), floor=FLOOR)
    assert found is not None
    assert found.falls_at is not None
    assert (found.falls_at - THEN) / timedelta(days=1) == pytest.approx(days, abs=0.01)
    chart = json.loads(found.series)
    so_far, to_come, floor = (each["y"] for each in chart["series"])
    now = (THEN + timedelta(days=4)).timestamp()
    for moment, solid, dashed in zip(chart["x"], so_far, to_come, strict=True):
        assert (solid is not None) == (moment <= now)
        assert (dashed is not None) == (moment >= now)
    assert so_far[0] == 90
    assert to_come[-1] < floor[-1] == FLOOR * 100
    assert chart["x"] == sorted(set(chart["x"]))


def test_what_never_fades_has_no_curve_and_what_fades_too_slowly_no_end() -> None:
    assert fading(belief(decay_rate=0.0), at=THEN, floor=FLOOR) is None
    slow = fading(belief(decay_rate=1e-6), at=THEN, floor=FLOOR)
    assert slow is not None
    assert slow.falls_at is None
    at_once = fading(belief(decay_rate=1.0, decay_model="exponential"), at=THEN, floor=FLOOR)
    assert at_once is not None
    assert at_once.falls_at == THEN


def test_a_course_falls_between_changes_and_ends_where_the_belief_did() -> None:
    steps = [
        step(6, "deleted", 3, None),
        step(5, "contradicted", 9, 0.7),
        step(4, "updated", 3),
        step(0, "created", 2, decay_rate=0.1),
    ]
    found = course(steps, at=THEN + timedelta(days=8))
    assert found is not None
    assert found.confidence is not None
    chart = json.loads(found.confidence)
    sure: dict[float, float | None] = dict(zip(chart["x"], chart["series"][0]["y"], strict=True))
    moments = list(sure)
    assert moments == sorted(moments)
    assert sure[THEN.timestamp()] == 90
    assert min(each for each in sure.values() if each is not None) == pytest.approx(50, abs=0.1)
    assert sure[moments[-1]] is None
    assert found.value is not None
    assert json.loads(found.value)["series"][0]["y"] == [2, 3, None, None]


def test_words_have_no_chart_of_values_and_what_began_just_now_none_at_all() -> None:
    words = course([step(1, "updated", "warm"), step(0, "created", "cool")], at=THEN + timedelta(days=2))
    assert words is not None
    assert words.value is words.confidence is None
    assert course([step(0, "created", 2)], at=THEN + timedelta(minutes=5)) is None
    assert course([], at=THEN) is None


def test_a_loud_day_does_not_hide_the_quiet_ones() -> None:
    quiet, loud = bars([Activity(part=1, changes=1), Activity(part=60, changes=900)])
    assert loud.height == HEIGHT
    assert quiet.height >= 3
    assert quiet.y + quiet.height == HEIGHT
    assert (quiet.x, loud.x) == (0, 590)


def test_a_value_is_said_as_one_reads_it() -> None:
    assert said({"stage": "won", "list_price": 14200}) == "stage: won · list price: 14,200"
    assert said(["a", 2.5, True]) == "a, 2.5, yes"
    assert said({}) == said([]) == said(None) == "nothing"
