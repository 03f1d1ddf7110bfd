"""What an employee believes, now and on any day; why, and how sure; and a person's word against it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, JsonValue
from starlette.responses import Response

from empla.api.doors import STAFF
from empla.bdi import belief_listing, conflicts
from empla.bdi import beliefs as bdi
from empla.bdi.belief_listing import SURE, UNSURE, Activity, Known, Order
from empla.bdi.beliefs import Belief, Evidence, Predicate, Subject
from empla.bdi.confidence import Source, effective, probability
from empla.bdi.conflicts import MAX_REASON
from empla.clock import moment
from empla.dashboard import belief_drawings as drawings
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Visit
from empla.employees import employees
from empla.employees.employees import Employee
from empla.errors import InvalidError
from empla.mind import pieces, supports
from empla.mind.pieces import Piece
from empla.mind.supports import Support
from empla.storage.tx import ReadTx

room = Room("beliefs")
A_PAGE = 30  # beliefs
_CONFLICTS = 10
_STEPS = 200  # of how one came about
_PARTS = 60  # of the time, for the bars
SOURCES: dict[Source, str] = {
    "told_by_human": "a person said it",
    "observation": "observed",
    "inference": "inferred",
    "prior": "assumed",
}
_WORDS: dict[str, Any] = {"sources": SOURCES, "said": drawings.said}
_NOTICEABLE = 0.0005  # of a confidence: less is not shown


class Asked(Fields):
    """What to look for, and as of when."""

    search: str | None = Field(default=None, max_length=200)
    subject: str | None = Field(default=None, max_length=500)
    source: Source | None = None
    order: Order = "name"
    as_of: str | None = Field(default=None, max_length=40)
    page: int = Field(default=1, ge=1, le=10_000)
    told: str | None = Field(default=None, max_length=40)


@room.shows("/employees/{employee:uuid}/beliefs")
async def held(visit: Visit, employee: UUID) -> Response:
    """Its conflicts first, for they wait for a person; then what it believes, or believed at the end of that day."""
    asked = visit.asked(Asked)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        at = _past(asked.as_of, now=tx.now)
        disputes = (
            await conflicts.oldest(tx, employee=employee, limit=_CONFLICTS)
            if at is None and visit.wants("conflicts")
            else []
        )
        changed = await _changed(tx, person) if visit.wants("time") else []
        found = (
            await belief_listing.search(
                tx,
                employee=employee,
                at=at,
                words=asked.search,
                subject=asked.subject,
                source=asked.source,
                order=asked.order,
                limit=A_PAGE + 1,
                skip=(asked.page - 1) * A_PAGE,
            )
            if visit.wants("held")
            else []
        )
    return visit.show(
        "beliefs.html",
        person=person,
        asked=asked,
        at=at,
        conflicts=disputes,
        found=found[:A_PAGE],
        has_more=len(found) > A_PAGE,
        sure_from=SURE,
        unsure_under=UNSURE,
        slider=_slider(person, at, tx.now, changed),
        **_WORDS,
    )


def _past(as_of: str | None, *, now: datetime) -> datetime | None:
    """A moment that is over; None for now, and for what is still to come."""
    at = None if as_of is None else moment(as_of)
    return at if at is not None and at < now else None


async def _changed(tx: ReadTx, person: Employee, belief: UUID | None = None) -> list[Activity]:
    return await belief_listing.activity(
        tx, employee=person.id, since=person.created_at, until=tx.now, parts=_PARTS, belief=belief
    )


@dataclass(frozen=True)
class Slider:
    """The days from the one on which it was hired to today, where one stands among them, and when anything changed."""

    first: datetime
    last: datetime
    at: datetime | None
    bars: list[drawings.Bar]
    width: float = _PARTS * drawings.STEP

    @property
    def days(self) -> int:
        return (self.last.date() - self.first.date()).days

    @property
    def place(self) -> int:
        return self.days if self.at is None else max(0, min(self.days, (self.at.date() - self.first.date()).days))


def _slider(person: Employee, at: datetime | None, now: datetime, changed: Sequence[Activity]) -> Slider:
    return Slider(min(person.created_at, now), now, at, drawings.bars(changed))


class When(Fields):
    """As of when."""

    as_of: str | None = Field(default=None, max_length=40)
    told: str | None = Field(default=None, max_length=40)


@room.shows("/employees/{employee:uuid}/beliefs/{belief:uuid}")
async def one(visit: Visit, employee: UUID, belief: UUID) -> Response:
    """What it says and how sure it is; why; how it came about; what it rests on, and what rests on it."""
    asked = visit.asked(When)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        known = await belief_listing.known(tx, employee=employee, belief=belief)
        at = _past(asked.as_of, now=tx.now)
        then = known if at is None else await _then(tx, known, at)
        shown, until = then or known, at or tx.now
        changed = await _changed(tx, person, belief) if visit.wants("time") else []
        disputes = (
            await conflicts.about(tx, employee=employee, belief=shown.id, at=until) if visit.wants("conflicts") else []
        )
        behind = await _behind(visit, tx, shown, at) if then else Behind()
        steps = (
            await belief_listing.course(tx, employee=employee, belief=shown.id, until=until, limit=_STEPS)
            if visit.wants("history")
            else []
        )
        floor = tx.settings.forget_below
    is_over = at is None and known.ended_at is not None
    return visit.show(
        "belief.html",
        person=person,
        known=known,
        belief=then,
        at=at,
        is_over=is_over,
        conflicts=disputes,
        behind=behind,
        sums=None if then is None else added_up(behind.pieces, then, until),
        steps=steps,
        course=drawings.course(steps, at=known.ended_at if is_over and known.ended_at else until),
        fading=None if then is None or is_over else drawings.fading(then, at=until, floor=floor),
        floor=floor,
        form=Written.of(known.object),
        slider=_slider(person, at, tx.now, changed),
        **_WORDS,
    )


async def _then(tx: ReadTx, known: Known, at: datetime) -> Belief | None:
    """What was believed about the same, maybe as another belief, which this one came after."""
    found = await bdi.as_of(tx, employee=known.employee_id, at=at, subject=known.subject, predicate=known.predicate)
    return found[0] if found else None


@dataclass(frozen=True)
class Behind:
    """What a belief rests on, and what rests on it; each is one statement."""

    pieces: Sequence[Piece] = ()
    below: Sequence[Support] = ()
    above: Sequence[Support] = ()

    def under(self, of: UUID, depth: int) -> list[Support]:
        """What one of them rests on directly, so far down."""
        return [support for support in self.below if support.of == of and support.depth == depth]


async def _behind(visit: Visit, tx: ReadTx, belief: Belief, at: datetime | None) -> Behind:
    whose, which = belief.employee_id, belief.id
    return Behind(
        await pieces.pieces(tx, employee=whose, belief=which, at=at) if visit.wants("why") else (),
        await supports.below(tx, employee=whose, belief=which, at=at) if visit.wants("below") else (),
        await supports.above(tx, employee=whose, belief=which, at=at) if visit.wants("above") else (),
    )


@dataclass(frozen=True)
class Sums:
    """The arithmetic of a belief, from its evidence to what it is worth."""

    odds: float  # what counts, added up
    stored: float  # the confidence that this is, kept within .01 and .99
    days: float  # since the last evidence
    faded: float  # what the time has left
    is_capped: bool  # by the weakest belief that it rests on


def added_up(found: Sequence[Piece], belief: Belief, at: datetime) -> Sums:
    """As `why` does it."""
    odds = sum((piece.weight or 0) * (1 if piece.supports else -1) for piece in found if piece.part == "counted")
    faded = effective(
        belief.stored_confidence,
        decay_rate=belief.decay_rate,
        decay_model=belief.decay_model,
        anchor=belief.last_updated_at,
        at=at,
    )
    days = max(0.0, (at - belief.last_updated_at).total_seconds() / 86_400)
    return Sums(odds, probability(odds), days, faded, is_capped=belief.confidence < faded - _NOTICEABLE)


Kind = Literal["text", "number", "yes or no", "structure"]


@dataclass(frozen=True)
class Written:
    """A value as one fills it in, and of which kind it is: 12 the text is not 12 the number."""

    kind: Kind
    text: str

    @classmethod
    def of(cls, value: JsonValue) -> "Written":
        if isinstance(value, bool):
            return cls("yes or no", "yes" if value else "no")
        if isinstance(value, int | float):
            return cls("number", json.dumps(value))
        if isinstance(value, str):
            return cls("text", value)
        return cls("structure", json.dumps(value, ensure_ascii=False, indent=1))


def meant(text: str, kind: Kind) -> JsonValue:
    """The value that one filled in. Raises `InvalidError`."""
    if kind == "text":
        return text
    if kind == "yes or no":
        if text.lower() not in {"yes", "no", "true", "false"}:
            raise InvalidError(f"say yes or no, not {text[:40]!r}")
        return text.lower() in {"yes", "true"}
    try:
        value = json.loads(text.replace(",", "") if kind == "number" else text)
    except (ValueError, RecursionError):  # the one for what is no JSON, the other for a thousand brackets
        value = None
    if kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise InvalidError(f"this is no number: {text[:40]!r}")
    if kind == "structure" and value is None and text != "null":
        raise InvalidError("this is no JSON")
    return value


class Word(Fields):
    """What a person says."""

    subject: Subject
    predicate: Predicate
    object: str = Field(max_length=20_000)
    kind: Kind = "text"
    reason: str | None = Field(default=None, max_length=2000)


@room.takes("/employees/{employee:uuid}/beliefs/tell")
async def tell(visit: Visit, employee: UUID) -> Response:
    """It believes what staff says; guesses are silent against that."""
    sent = await visit.sent(Word)
    piece = Evidence.parse(
        subject=sent.subject,
        predicate=sent.predicate,
        object=meant(sent.object, sent.kind),
        source="told_by_human",
        reason=sent.reason,
    )
    async with visit.write(roles=STAFF) as tx:
        believed = await bdi.observe(tx, employee=employee, piece=piece)
    return visit.go(f"/employees/{employee}/beliefs/{believed.id}", told="told")


class Reason(Fields):
    """Why."""

    reason: str = Field(min_length=1, max_length=2000)


@room.takes("/employees/{employee:uuid}/beliefs/{belief:uuid}/retract")
async def retract(visit: Visit, employee: UUID, belief: UUID) -> Response:
    """It is held no more, and what was inferred from it falls with it; history says why."""
    sent = await visit.sent(Reason)
    async with visit.write(roles=STAFF) as tx:
        await bdi.retract_one(tx, employee=employee, belief=belief, reason=sent.reason)
    return visit.go(f"/employees/{employee}/beliefs/{belief}", told="retracted")


class Settled(Fields):
    """Which of the two is right, and why."""

    conflict: UUID
    decision: Literal["keep", "overturn"]
    reason: str = Field(min_length=1, max_length=MAX_REASON)


@room.takes("/employees/{employee:uuid}/beliefs/settle")
async def settle(visit: Visit, employee: UUID) -> Response:
    """The human's word stands, or what was claimed is believed from now on."""
    sent = await visit.sent(Settled)
    keep = sent.decision == "keep"
    async with visit.write(roles=STAFF) as tx:
        settled = await conflicts.resolve(tx, conflict=sent.conflict, employee=employee, keep=keep, reason=sent.reason)
    return visit.go(f"/employees/{employee}/beliefs/{settled.belief_id}", told="kept" if keep else "overturned")
