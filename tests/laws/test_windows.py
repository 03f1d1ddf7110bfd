"""A metric over a time is measured by the database as a model does it: from what was believed when, whatever was heard."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import LiteralString, get_args
from uuid import UUID, uuid4

import pytest
from driving import Driver, law
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.bdi.goals import measure_of
from empla.bdi.shapes import CALENDAR_UNITS, CalendarUnit, Measure, Target
from empla.employees import employees
from empla.errors import NotFoundError
from empla.storage.tx import Caller
from empla.tenancy import tenants

START = datetime(2025, 1, 1, tzinfo=UTC)
SUBJECTS = count(1)
DAY = timedelta(days=1)
MEASURES: tuple[Measure, ...] = tuple(measure for measure in get_args(Measure) if measure != "last")
LARGEST = 1.7976931348623157e308

MEASURED: LiteralString = """
    SELECT measured(%(tenant)s::uuid, %(employee)s::uuid, %(subject)s::text, 'count', %(period)s::jsonb, %(measure)s::text,
                    %(at)s::timestamptz) AS value
"""


class Measured(BaseModel):
    value: float | None


@dataclass(frozen=True)
class Heard:
    """One thing that happens to the belief, `wait` after the one before."""

    wait: timedelta
    value: JsonValue = None  # what is heard
    age: timedelta = timedelta(0)  # how late
    is_retracted: bool = False


@dataclass
class Life:
    """What was believed from when on; None for what is no number, or nothing at all."""

    spells: list[tuple[datetime, float | None]] = field(default_factory=list[tuple[datetime, float | None]])

    def believes(self, at: datetime, value: JsonValue) -> None:
        self.spells.append((at, None if isinstance(value, bool) or not isinstance(value, int | float) else value))

    def measured(self, measure: Measure, *, began: datetime, at: datetime) -> float | None:
        """The model: what was believed at the beginning counts from there on."""
        before = [spell for spell in self.spells if spell[0] <= began][-1:]
        during = [(max(began, since), value) for since, value in before]
        during += [spell for spell in self.spells if began < spell[0] <= at]
        known = [value for _, value in during if value is not None]
        if not known:
            return None
        match measure:
            case "change":
                return known[-1] - known[0]
            case "min":
                return min(known)
            case "max":
                return max(known)
            case _:
                pass
        ends = [*during, (at, None)]
        weights = [(value, (until - since) / DAY) for (since, value), (until, _) in pairwise(ends)]
        counted = [(value, weight) for value, weight in weights if value is not None]
        whole = sum(weight for _, weight in counted)
        return sum(value * (weight / whole) for value, weight in counted) if whole else known[-1]


def began_at(unit: CalendarUnit, at: datetime) -> datetime:
    """When the running day, week … began, UTC."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    match unit:
        case "day":
            return day
        case "week":
            return day - day.weekday() * DAY
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(day=1, month=day.month - (day.month - 1) % 3)
        case "year":
            return day.replace(day=1, month=1)


@dataclass
class Mind:
    """One employee in simulated time; each example is about a subject of its own."""

    driver: Driver
    caller: Caller
    employee: UUID

    async def _now(self) -> datetime:
        async with self.driver.database.read(self.caller) as tx:
            return tx.now

    async def _hears(self, subject: str, life: Life, heard: Heard) -> None:
        async with self.driver.database.write(self.caller) as tx:
            now = tx.now + heard.wait
            await tenants.advance_clock(tx, now)
        async with self.driver.database.write(self.caller) as tx:
            if heard.is_retracted:
                await beliefs.retract(
                    tx, employee=self.employee, subject=subject, predicates=["count"], reason="a slip"
                )
            else:
                piece = Evidence(subject=subject, predicate="count", object=heard.value, occurred_at=now - heard.age)
                await beliefs.observe(tx, employee=self.employee, piece=piece)
        async with self.driver.database.read(self.caller) as tx:
            try:
                held = await beliefs.current(tx, employee=self.employee, subject=subject, predicate="count")
            except NotFoundError:
                life.believes(now, None)
            else:
                life.believes(now, held.object)

    async def _measured(self, subject: str, window: str, measure: Measure, at: datetime) -> float | None:
        target = Target.parse({"metric": f"{subject}.count", "threshold": 1, "window": window, "measure": measure})
        async with self.driver.database.read(self.caller) as tx:
            found = await tx.fetch_one(
                Measured,
                MEASURED,
                employee=self.employee,
                subject=subject,
                period=_json(measure_of(target)["period"]),
                measure=measure,
                at=at,
            )
        assert found is not None
        return found.value

    def lives(self, *happenings: Heard) -> tuple[str, Life]:
        subject, life = f"thing {next(SUBJECTS)}", Life()

        async def lived() -> None:
            for heard in happenings:
                await self._hears(subject, life, heard)

        self.driver.run(lived())
        return subject, life

    def now(self) -> datetime:
        return self.driver.run(self._now())

    def measures(self, subject: str, window: str, measure: Measure, at: datetime) -> float | None:
        return self.driver.run(self._measured(subject, window, measure, at))


def _json(period: JsonValue) -> str:
    return f'"{period}"' if isinstance(period, str) else str(period)


@pytest.fixture(scope="module")
def mind(driver: Driver) -> Mind:
    async def hired() -> Mind:
        slug = f"t-{uuid4().hex[:12]}"
        caller = Caller(await tenants.create(driver.database, slug=slug, name="Acme", starts_at=START))
        async with driver.database.write(caller) as tx:
            employee = await employees.hire(tx, name="Jordan", role="custom", email="jordan@acme.example")
        return Mind(driver, caller, employee.id)

    return driver.run(hired())


values: st.SearchStrategy[JsonValue] = st.sampled_from([0, 1, 2.5, -3, 100, None, "many", True])
waits = st.sampled_from([timedelta(0), timedelta(hours=7), 2 * DAY, 11 * DAY, 45 * DAY])
happenings = st.builds(
    Heard,
    wait=waits,
    value=values,
    age=st.sampled_from([timedelta(0)] * 4 + [5 * DAY]),
    is_retracted=st.sampled_from([False] * 5 + [True]),
)
windows = st.sampled_from([*CALENDAR_UNITS, "36h", "10 days", "12 weeks", "1s"])


@law(60)
@given(
    lived=st.lists(happenings, min_size=1, max_size=7),
    later=waits,
    asked=st.lists(st.tuples(windows, st.sampled_from(MEASURES)), min_size=4, max_size=8),
    back=st.sampled_from([timedelta(0)] * 3 + [timedelta(hours=7), 3 * DAY]),
)
@example(
    lived=[Heard(DAY, 5), Heard(timedelta(0), 3)],
    later=timedelta(0),
    asked=[(window, measure) for window in ("day", "1s") for measure in MEASURES],
    back=timedelta(0),
)
@example(  # a long spell reaches into the window
    lived=[Heard(DAY, 5), Heard(45 * DAY, 1)],
    later=2 * DAY,
    asked=[(window, measure) for window in ("10 days", "week", "year") for measure in MEASURES],
    back=timedelta(0),
)
def test_a_window_is_measured_as_the_model_does(
    mind: Mind, lived: list[Heard], later: timedelta, asked: list[tuple[str, Measure]], back: timedelta
):
    subject, life = mind.lives(*lived)
    at = mind.now() + later - back
    for window, measure in asked:
        spans = {"36h": timedelta(hours=36), "10 days": 10 * DAY, "12 weeks": 84 * DAY, "1s": timedelta(seconds=1)}
        began = at - spans[window] if window in spans else began_at(_unit(window), at)
        told = mind.measures(subject, window, measure, at)
        assert told == pytest.approx(life.measured(measure, began=began, at=at)), (window, measure)


def _unit(window: str) -> CalendarUnit:
    return next(unit for unit in get_args(CalendarUnit) if unit == window)


@pytest.mark.parametrize("big", [10**308, -(10**308), 5e-324])
def test_numbers_of_any_size_can_be_measured(mind: Mind, big: float):
    subject, _ = mind.lives(Heard(DAY, big), Heard(10 * DAY, -big))
    at = mind.now() + 10 * DAY
    found = {measure: mind.measures(subject, "12 weeks", measure, at) for measure in MEASURES}
    assert found["min"] == pytest.approx(-abs(big), abs=1e-300)
    assert found["max"] == pytest.approx(abs(big), abs=1e-300)
    assert found["mean"] == pytest.approx(0, abs=1e-300)
    change = found["change"]
    assert change is not None
    assert abs(change) == (LARGEST if abs(big) > 1 else pytest.approx(0, abs=1e-300))
