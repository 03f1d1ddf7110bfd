"""What an employee knows: learned, vouched for, contested, and how it came to be known."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from empla.api.doors import DELEGATES
from empla.api.operations import Body, Noun
from empla.api.paging import Page, Paging
from empla.clock import moment
from empla.memory import fact_graph, fact_listing, semantic
from empla.memory.fact_graph import Neighbourhood
from empla.memory.fact_listing import AfterFact, Contradiction, FactChange
from empla.memory.semantic import Fact, FactType, Learned, NewFact
from empla.storage.tx import ReadTx, Tx

noun = Noun("facts", about="What an employee knows, as subject, predicate and object.")
_FACT: dict[str, JsonValue] = {
    "id": "0199a5c0-0000-7000-8000-000000000016",
    "employee_id": "0199a5c0-0000-7000-8000-000000000003",
    "fact_type": "relationship",
    "subject": "Jane",
    "predicate": "works at",
    "object": "Acme",
    "confidence": 0.8,
    "stored_confidence": 0.8,
    "decay_rate": 0.005,
    "reinforced_at": "2026-03-01T09:00:00Z",
    "source": "mail",
    "verified": False,
    "disputed": False,
    "learned_at": "2026-03-01T09:00:00Z",
    "ended_at": None,
    "ended": None,
}
_VERIFIED: dict[str, JsonValue] = {
    **_FACT,
    "confidence": 1.0,
    "stored_confidence": 1.0,
    "decay_rate": 0.0,
    "verified": True,
}
Subject = Annotated[str | None, Query(min_length=1, max_length=500, description="About this one.")]
Predicate = Annotated[str | None, Query(min_length=1, max_length=200, description="With this predicate.")]
Most = Annotated[int, Query(ge=1, le=fact_listing.MAX_LISTED, description="How many at most.")]


@noun.reads(
    "/employees/{employee}/facts",
    "list",
    summary="What an employee knows",
    scope="memory:read",
    example={"items": [_FACT], "next_cursor": None},
)
async def listed(
    tx: ReadTx,
    *,
    cut: Paging,
    employee: UUID,
    subject: Subject = None,
    predicate: Predicate = None,
    fact_type: Annotated[FactType | None, Query(description="Those of this type.")] = None,
    verified: Annotated[bool | None, Query(description="Those that a person vouches for, or not.")] = None,
    min_confidence: Annotated[float, Query(ge=0, le=1, description="Those at least so sure.")] = 0.0,
) -> Page[Fact]:
    """The surest first, what is disputed last; on later pages as sure as each was on the first."""
    after = cut.place(AfterFact)
    found = await fact_listing.listed(
        tx,
        employee=employee,
        subject=subject,
        predicate=predicate,
        fact_type=fact_type,
        verified=verified,
        min_confidence=min_confidence,
        limit=cut.reach,
        after=after,
    )
    at = after.at if after else tx.now
    return cut.page(
        found,
        lambda last: AfterFact(
            at=at,
            disputed=last.disputed,
            confidence=last.confidence,
            reinforced_at=last.reinforced_at,
            id=last.id,
        ),
    )


class LearnFact(Body):
    """What somebody claims."""

    subject: str = Field(min_length=1, max_length=500)
    predicate: str = Field(min_length=1, max_length=200)
    object: str = Field(min_length=1, max_length=10_000)
    fact_type: FactType = "relationship"
    confidence: float = Field(default=0.8, ge=0, le=1)
    source: str | None = Field(default=None, max_length=1000)
    decay_rate: float | None = Field(default=None, ge=0, le=1, description="Per day; by its type when absent.")
    functional: bool | None = Field(default=None, description="A subject has one such object at a time.")
    episodes: tuple[UUID, ...] = Field(default=(), max_length=100, description="What it rests on.")


@noun.acts(
    "/employees/{employee}/facts",
    "learn",
    summary="An employee is told a fact",
    scope="memory:write",
    roles=DELEGATES,
    sends={"subject": "Jane", "predicate": "works at", "object": "Acme", "source": "mail"},
    example={**_FACT, "outcome": "learned", "superseded": []},
)
async def learn(tx: Tx, *, employee: UUID, body: LearnFact) -> Learned:
    """What is known already is reinforced; what can't be true beside it supersedes it, or is disputed."""
    told: dict[str, Any] = {name: getattr(body, name) for name in LearnFact.model_fields}
    return await semantic.learn(tx, employee=employee, claim=NewFact.parse(**told))


class Contradictions(BaseModel):
    """What a person has to settle."""

    model_config = ConfigDict(frozen=True)

    items: list[Contradiction]


@noun.reads(
    "/employees/{employee}/facts/contradictions",
    "contradictions",
    summary="Facts of which one at most can be true",
    scope="memory:read",
    example={"items": [{"subject": "Jane", "predicate": "works at", "facts": [_FACT]}]},
)
async def contradictions(tx: ReadTx, *, employee: UUID, limit: Most = 100) -> Contradictions:
    """Verify or forget one to settle it."""
    return Contradictions(items=await fact_listing.contradictions(tx, employee=employee, limit=limit))


class Facts(BaseModel):
    """What was known at a moment."""

    model_config = ConfigDict(frozen=True)

    items: list[Fact]


@noun.reads(
    "/employees/{employee}/facts/as-of",
    "as_of",
    summary="What an employee knew at a moment",
    scope="memory:read",
    example={"items": [_FACT]},
)
async def as_of(
    tx: ReadTx,
    *,
    employee: UUID,
    at: Annotated[str, Query(max_length=40, description="A moment, or a date: the end of its day in UTC.")],
    subject: Subject = None,
    predicate: Predicate = None,
    limit: Most = 100,
) -> Facts:
    """As sure as it was then."""
    found = await fact_listing.as_of(
        tx, employee=employee, at=moment(at), subject=subject, predicate=predicate, limit=limit
    )
    return Facts(items=found)


class FactChanges(BaseModel):
    """What became of facts."""

    model_config = ConfigDict(frozen=True)

    items: list[FactChange]


@noun.reads(
    "/employees/{employee}/facts/history",
    "history",
    summary="What became of the facts about a subject",
    scope="memory:read",
    example={
        "items": [
            {
                "fact_id": "0199a5c0-0000-7000-8000-000000000016",
                "subject": "Jane",
                "predicate": "works at",
                "object": "Acme",
                "change": "learned",
                "confidence": 0.8,
                "source": "mail",
                "live": True,
                "actor_type": "user",
                "actor_id": "0199a5c0-0000-7000-8000-000000000002",
                "changed_at": "2026-03-01T09:00:00Z",
            }
        ]
    },
)
async def history(
    tx: ReadTx,
    *,
    employee: UUID,
    subject: Annotated[str, Query(min_length=1, max_length=500)],
    predicate: Predicate = None,
    limit: Most = 100,
) -> FactChanges:
    """Those that have ended too, the latest change first."""
    found = await fact_listing.changes(tx, employee=employee, subject=subject, predicate=predicate, limit=limit)
    return FactChanges(items=found)


@noun.reads(
    "/employees/{employee}/facts/near",
    "near",
    summary="The facts around a name",
    scope="memory:read",
    example={
        "of": "Jane",
        "facts": [{**_FACT, "distance": 1, "path": ["0199a5c0-0000-7000-8000-000000000016"]}],
    },
)
async def near(
    tx: ReadTx,
    *,
    employee: UUID,
    of: Annotated[str, Query(min_length=1, max_length=500, description="Who or what it is about.")],
    depth: Annotated[int, Query(ge=1, le=fact_graph.MAX_DEPTH, description="Steps at most.")] = 2,
    fan_out: Annotated[int, Query(ge=1, le=fact_graph.MAX_FAN_OUT, description="Facts from each name at most.")] = 25,
    limit: Most = 100,
    min_confidence: Annotated[float, Query(ge=0, le=1)] = 0.0,
) -> Neighbourhood:
    """Each with its distance and the way to it."""
    return await fact_graph.neighbourhood(
        tx, employee=employee, of=of, depth=depth, fan_out=fan_out, limit=limit, min_confidence=min_confidence
    )


@noun.reads("/employees/{employee}/facts/{fact}", "get", summary="A fact", scope="memory:read", example=_FACT)
async def get(tx: ReadTx, *, employee: UUID, fact: UUID) -> Fact:
    """Also when it has ended."""
    return await semantic.get(tx, employee=employee, fact=fact)


class Vouch(Body):
    """By what it is known."""

    source: str | None = Field(default=None, max_length=1000)


@noun.acts(
    "/employees/{employee}/facts/{fact}/verify",
    "verify",
    summary="A person vouches for a fact",
    scope="memory:write",
    roles=DELEGATES,
    sends={"source": "I asked her"},
    example={**_VERIFIED, "source": "I asked her"},
)
async def verify(tx: Tx, *, employee: UUID, fact: UUID, body: Vouch) -> Fact:
    """It is certain and does not decay; what contradicts it has ended."""
    return await semantic.verify(tx, employee=employee, fact=fact, source=body.source)


@noun.removes(
    "/employees/{employee}/facts/{fact}",
    "forget",
    summary="A fact is known no more",
    scope="memory:write",
    roles=DELEGATES,
)
async def forget(tx: Tx, *, employee: UUID, fact: UUID) -> None:
    """What it disputed is no longer disputed."""
    await semantic.forget(tx, employee=employee, fact=fact)
