"""What an employee believes: told by people, observed by programs, asked why, and settled where a guess stands against a human's word."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from empla.api.doors import DELEGATES, STAFF
from empla.api.operations import Body, Noun
from empla.api.paging import Page, Paging
from empla.bdi import belief_listing, beliefs, conflicts
from empla.bdi.beliefs import MAX_SUPPORTS, Belief, BeliefType, Change, Evidence, Predicate, Subject
from empla.bdi.confidence import DecayModel, Source
from empla.bdi.conflicts import Conflict, ConflictStatus
from empla.clock import moment
from empla.mind import why as reasons
from empla.mind.why import Why
from empla.storage.tx import ReadTx, Tx

noun = Noun(
    "beliefs", about="What an employee believes, how sure it is of it, and why. A belief moves by evidence alone."
)
_JORDAN = "0199a5c0-0000-7000-8000-000000000003"
_COVERAGE: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000005",
    "employee_id": _JORDAN,
    "belief_type": "state",
    "subject": "pipeline",
    "predicate": "coverage",
    "object": 2.4,
    "confidence": 0.9,
    "stored_confidence": 0.9,
    "source": "observation",
    "evidence": [],
    "formed_at": "2026-03-01T09:00:00Z",
    "last_updated_at": "2026-03-01T09:00:00Z",
    "decay_rate": 0.1,
    "decay_model": "linear",
    "tainted": False,
}
_TOLD: dict[str, JsonValue] = {
    **_COVERAGE,
    "confidence": 0.95,
    "stored_confidence": 0.95,
    "source": "told_by_human",
}
AsOf = Annotated[
    str | None,
    Query(max_length=40, description="As it was at this moment; a date is the end of its day in UTC."),
]
AboutSubject = Annotated[str | None, Query(max_length=500, description="About this subject.")]
AboutPredicate = Annotated[str | None, Query(max_length=200, description="Of this predicate.")]


class AfterName(BaseModel):
    """The place in a list by subject and predicate."""

    model_config = ConfigDict(extra="forbid")

    subject: str
    predicate: str


@noun.reads(
    "/employees/{employee}/beliefs",
    "list",
    summary="What an employee believes",
    example={"items": [_COVERAGE], "next_cursor": None},
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    employee: UUID,
    subject: AboutSubject = None,
    predicate: AboutPredicate = None,
    as_of: AsOf = None,
) -> Page[Belief]:
    """By subject and predicate. Of an employee whom the caller may see; of nobody else there are none."""
    place = cut.place(AfterName)
    after = None if place is None else (place.subject, place.predicate)
    if as_of is None:
        found = await belief_listing.by_name(
            tx, employee=employee, limit=cut.reach, after=after, subject=subject, predicate=predicate
        )
    else:
        found = await beliefs.as_of(
            tx,
            employee=employee,
            at=moment(as_of),
            limit=cut.reach,
            after=after,
            subject=subject,
            predicate=predicate,
        )
    return cut.page(found, lambda last: AfterName(subject=last.subject, predicate=last.predicate))


class Observe(Body):
    """One piece of evidence about a subject: what was seen, by which kind of source, and when in the world."""

    subject: Subject
    predicate: Predicate
    object: JsonValue
    source: Source = "observation"
    reliability: float | None = Field(
        default=None, ge=0.01, le=0.99, description="How often such news is right; by its source when absent."
    )
    occurred_at: datetime | None = Field(default=None, description="When it was so in the world; now when absent.")
    evidence: UUID | None = Field(
        default=None, description="The episode or observation that it rests on; the same one counts once."
    )
    belief_type: BeliefType | None = None
    decay_rate: float | None = Field(default=None, ge=0, le=1, description="Per day; the belief's own when absent.")
    decay_model: DecayModel | None = None
    reason: str | None = Field(default=None, max_length=2000)
    rests_on: list[UUID] = Field(
        default=[],
        max_length=MAX_SUPPORTS,
        description="The beliefs that an inference was made from: it falls with them.",
    )
    tainted: bool = Field(default=False, description="It came from outside, and nobody vouches for it.")

    def as_evidence(self) -> Evidence:
        """Raises `InvalidError`."""
        return Evidence.parse(**{name: getattr(self, name) for name in Observe.model_fields})


@noun.acts(
    "/employees/{employee}/beliefs",
    "observe",
    summary="An employee hears of evidence",
    roles=DELEGATES,
    sends={"subject": "pipeline", "predicate": "coverage", "object": 2.4},
    example=_COVERAGE,
)
async def observe(tx: Tx, *, employee: UUID, body: Observe) -> Belief:
    """Answers what is believed after it: newer news replaces, news of the same moment is weighed, old news goes to history."""
    return await beliefs.observe(tx, employee=employee, piece=body.as_evidence())


class ObserveMany(Body):
    """Evidence about one subject or many."""

    news: list[Observe] = Field(min_length=1, max_length=1000)


class Touched(BaseModel):
    """The beliefs that were touched."""

    model_config = ConfigDict(frozen=True)

    items: list[Belief]


@noun.acts(
    "/employees/{employee}/beliefs/batch",
    "observe_many",
    summary="An employee hears of much evidence at once",
    roles=DELEGATES,
    sends={"news": [{"subject": "pipeline", "predicate": "coverage", "object": 2.4}]},
    example={"items": [_COVERAGE]},
)
async def observe_many(tx: Tx, *, employee: UUID, body: ObserveMany) -> Touched:
    """All of it, or nothing, in one statement. Answers the beliefs that were touched, not those that had heard all of it before."""
    news = [piece.as_evidence() for piece in body.news]
    return Touched(items=await beliefs.observe_many(tx, employee=employee, news=news))


class Tell(Body):
    """What a person says."""

    subject: Subject
    predicate: Predicate
    object: JsonValue
    occurred_at: datetime | None = Field(default=None, description="When it was so in the world; now when absent.")
    reason: str | None = Field(default=None, max_length=2000, description="How the person knows.")


@noun.acts(
    "/employees/{employee}/beliefs/tell",
    "tell",
    summary="A person tells an employee how it is",
    roles=DELEGATES,
    sends={"subject": "pipeline", "predicate": "coverage", "object": 2.4, "reason": "I counted them."},
    example=_TOLD,
)
async def tell(tx: Tx, *, employee: UUID, body: Tell) -> Belief:
    """A human's word silences guesses; one that comes against it is a conflict, which a person settles."""
    piece = Evidence.parse(**{name: getattr(body, name) for name in Tell.model_fields}, source="told_by_human")
    return await beliefs.observe(tx, employee=employee, piece=piece)


class BeforeChange(BaseModel):
    """The place in history."""

    model_config = ConfigDict(extra="forbid")

    changed_at: datetime
    id: UUID


_CHANGE: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000006",
    "belief_id": "0199a5c0-0000-7000-8000-000000000005",
    "change_type": "created",
    "subject": "pipeline",
    "predicate": "coverage",
    "old_value": None,
    "new_value": 2.4,
    "old_confidence": None,
    "new_confidence": 0.9,
    "source": "observation",
    "evidence": [],
    "reason": None,
    "actor_type": "user",
    "actor_id": "0199a5c0-0000-7000-8000-000000000002",
    "evidence_at": "2026-03-01T09:00:00Z",
    "changed_at": "2026-03-01T09:00:00Z",
}


@noun.reads(
    "/employees/{employee}/beliefs/history",
    "history",
    summary="How an employee's beliefs came about",
    example={"items": [_CHANGE], "next_cursor": None},
)
async def history(
    tx: ReadTx,
    *,
    cut: Paging,
    employee: UUID,
    belief: Annotated[UUID | None, Query(description="Of this belief, though it is held no more.")] = None,
    subject: AboutSubject = None,
    predicate: AboutPredicate = None,
    since: Annotated[datetime | None, Query(description="From this moment on.")] = None,
    until: Annotated[datetime | None, Query(description="Up to this moment.")] = None,
) -> Page[Change]:
    """The latest change first; also what was heard without effect (`late`, `contradicted`)."""
    place = cut.place(BeforeChange)
    found = await belief_listing.history(
        tx,
        employee=employee,
        limit=cut.reach,
        belief=belief,
        subject=subject,
        predicate=predicate,
        since=since,
        until=until,
        changed_at=place and place.changed_at,
        before=place and place.id,
    )
    return cut.page(found, lambda last: BeforeChange(changed_at=last.changed_at, id=last.id))


@noun.reads("/employees/{employee}/beliefs/{belief}", "get", summary="A belief", example=_COVERAGE)
async def get(tx: ReadTx, *, employee: UUID, belief: UUID) -> Belief:
    """With its confidence of this moment; one that is held no more is gone, though its history stays."""
    return await belief_listing.get(tx, employee=employee, belief=belief)


_WHY: dict[str, JsonValue] = {
    "asked_at": "2026-03-01T09:00:00Z",
    "belief": _COVERAGE,
    "grounds": [
        {
            "object": 2.4,
            "source": "observation",
            "id": None,
            "reliability": 0.9,
            "occurred_at": "2026-03-01T09:00:00Z",
            "is_carried": False,
            "weight": 2.1972245773362196,
            "supports": True,
        }
    ],
    "silenced": [],
    "conflicts": [],
    "rests_on": [],
    "supports": [],
    "log_odds": 2.1972245773362196,
    "episodes": [],
    "history": [{name: value for name, value in _CHANGE.items() if name in reasons.HistoryEntry.model_fields}],
    "changes": 1,
}


@noun.reads(
    "/employees/{employee}/beliefs/{belief}/why", "why", summary="Why an employee believes something", example=_WHY
)
async def why(tx: ReadTx, *, employee: UUID, belief: UUID, as_of: AsOf = None) -> Why:
    """Its evidence, whose weights (log-odds) add up, and its history; at an earlier moment, of what was believed about the same then."""
    about = await belief_listing.name(tx, employee=employee, belief=belief)
    return await reasons.why(
        tx,
        employee=employee,
        subject=about.subject,
        predicate=about.predicate,
        at=None if as_of is None else moment(as_of),
    )


class Retract(Body):
    """Why."""

    reason: str = Field(min_length=1, max_length=2000)


@noun.acts(
    "/employees/{employee}/beliefs/{belief}/retract",
    "retract",
    summary="A belief is held no more",
    roles=DELEGATES,
    status=204,
    sends={"reason": "It was the figure of another team."},
)
async def retract(tx: Tx, *, employee: UUID, belief: UUID, body: Retract) -> None:
    """History says why. What was inferred from it falls with it."""
    await beliefs.retract_one(tx, employee=employee, belief=belief, reason=body.reason)


_CONFLICT: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000007",
    "employee_id": _JORDAN,
    "belief_id": "0199a5c0-0000-7000-8000-000000000005",
    "subject": "pipeline",
    "predicate": "coverage",
    "held": 2.4,
    "claimed": 1.1,
    "claimed_source": "inference",
    "evidence": [],
    "times": 1,
    "status": "open",
    "opened_at": "2026-03-01T09:00:00Z",
    "resolved_at": None,
    "resolved_by_type": None,
    "resolved_by": None,
    "reason": None,
}


class AfterOpened(BaseModel):
    """The place in a list of what was opened first."""

    model_config = ConfigDict(extra="forbid")

    opened_at: datetime
    id: UUID


Which = Annotated[ConflictStatus | Literal["all"], Query(description="Those that a person has to settle, or settled.")]


@noun.reads(
    "/employees/{employee}/conflicts",
    "conflicts",
    summary="Guesses against a human's word",
    example={"items": [_CONFLICT], "next_cursor": None},
)
async def conflicting(tx: ReadTx, *, cut: Paging, employee: UUID, status: Which = "open") -> Page[Conflict]:
    """The oldest first. Of an employee whom the caller may see; of nobody else there are none."""
    place = cut.place(AfterOpened)
    found = await conflicts.oldest(
        tx,
        limit=cut.reach,
        employee=employee,
        status=None if status == "all" else status,
        opened_at=place and place.opened_at,
        after=place and place.id,
    )
    return cut.page(found, lambda last: AfterOpened(opened_at=last.opened_at, id=last.id))


@noun.reads(
    "/employees/{employee}/conflicts/{conflict}",
    "conflict",
    summary="A guess against a human's word",
    example=_CONFLICT,
)
async def conflict(tx: ReadTx, *, employee: UUID, conflict: UUID) -> Conflict:
    """What the human said, what was claimed, how often, and how it was settled."""
    return await conflicts.get(tx, conflict=conflict, employee=employee)


class Settle(Body):
    """Which of the two is right, and why."""

    decision: Literal["keep", "overturn"] = Field(
        description="The human's word stands, or what was claimed is believed, as told by the caller."
    )
    reason: str = Field(min_length=1, max_length=2000)


@noun.acts(
    "/employees/{employee}/conflicts/{conflict}/settle",
    "settle",
    summary="A person settles a conflict",
    scope="approve",
    roles=STAFF,
    sends={"decision": "keep", "reason": "The guess counted lost deals."},
    example={
        **_CONFLICT,
        "status": "kept",
        "resolved_at": "2026-03-02T09:00:00Z",
        "resolved_by_type": "user",
        "resolved_by": "0199a5c0-0000-7000-8000-000000000002",
        "reason": "The guess counted lost deals.",
    },
)
async def settle(tx: Tx, *, employee: UUID, conflict: UUID, body: Settle) -> Conflict:
    """While the belief says what was kept, the same claim opens no other conflict."""
    return await conflicts.resolve(
        tx, conflict=conflict, employee=employee, keep=body.decision == "keep", reason=body.reason
    )
