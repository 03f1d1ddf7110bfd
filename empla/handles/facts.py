"""What one employee knows, for Python programs; each call is a transaction of its own."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from empla.clock import end_of_day
from empla.memory import fact_graph, fact_listing, semantic
from empla.memory.fact_graph import Neighbourhood
from empla.memory.fact_listing import Contradiction, FactChange, FactEvidence
from empla.memory.semantic import Fact, FactType, Learned, NewFact
from empla.storage.database import Database
from empla.storage.tx import Caller


class FactsHandle:
    """What one employee knows."""

    def __init__(self, database: Database, caller: Caller, employee: UUID) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def learn(
        self,
        subject: str,
        predicate: str,
        value: str,
        *,
        fact_type: FactType = "relationship",
        confidence: float = 0.8,
        source: str | None = None,
        decay_rate: float | None = None,
        functional: bool | None = None,
        episodes: Sequence[UUID] = (),
    ) -> Learned:
        """Hear a claim; returns the fact as it stands then. Raises `InvalidError`, `ForbiddenError`, `NotFoundError`.

        `functional`: a subject has one such object at a time; said once, it holds for the predicate from then on.
        """
        claim = NewFact.parse(
            subject=subject,
            predicate=predicate,
            object=value,
            fact_type=fact_type,
            confidence=confidence,
            source=source,
            decay_rate=decay_rate,
            functional=functional,
            episodes=tuple(episodes),
        )
        return (await self.learn_many([claim]))[0]

    async def learn_many(self, claims: Sequence[NewFact]) -> list[Learned]:
        """Hear all claims in their order, in one statement. Raises as `learn`."""
        async with self._database.write(self._caller) as tx:
            return await semantic.learn_many(tx, employee=self._employee, claims=claims)

    async def verify(self, fact: UUID, *, source: str | None = None) -> Fact:
        """The caller vouches for it: certain, no decay; it settles a contradiction. Raises `NotFoundError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            return await semantic.verify(tx, employee=self._employee, fact=fact, source=source)

    async def forget(self, fact: UUID) -> Fact:
        """It is known no more. Raises `NotFoundError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            return await semantic.forget(tx, employee=self._employee, fact=fact)

    async def revise(self, fact: UUID, to: str, *, source: str | None = None) -> Fact:
        """A slip in its object is mended. Raises `NotFoundError`, `ForbiddenError`, `ConflictError`, `InvalidError`."""
        async with self._database.write(self._caller) as tx:
            return await semantic.revise(tx, employee=self._employee, fact=fact, to=to, source=source)

    async def get(self, fact: UUID) -> Fact:
        """One fact, also when it has ended. Raises `NotFoundError`."""
        async with self._database.read(self._caller) as tx:
            return await semantic.get(tx, employee=self._employee, fact=fact)

    async def list(
        self,
        subject: str | None = None,
        *,
        predicate: str | None = None,
        fact_type: FactType | None = None,
        verified: bool | None = None,
        min_confidence: float = 0.0,
        limit: int = 100,
    ) -> list[Fact]:
        """What is known now, the surest first and what is disputed last. Raises `InvalidError`."""
        async with self._database.read(self._caller) as tx:
            return await fact_listing.listed(
                tx,
                employee=self._employee,
                subject=subject,
                predicate=predicate,
                fact_type=fact_type,
                verified=verified,
                min_confidence=min_confidence,
                limit=limit,
            )

    async def as_of(
        self, at: datetime | date, subject: str | None = None, *, predicate: str | None = None, limit: int = 100
    ) -> "list[Fact]":
        """What was known at a moment of the tenant's time; a date means the end of that UTC day. Raises `InvalidError`."""
        moment = at if isinstance(at, datetime) else end_of_day(at)
        async with self._database.read(self._caller) as tx:
            return await fact_listing.as_of(
                tx, employee=self._employee, at=moment, subject=subject, predicate=predicate, limit=limit
            )

    async def changes(self, subject: str, predicate: str | None = None, *, limit: int = 100) -> "list[FactChange]":
        """What became of the facts about a subject, the latest change first. Raises `InvalidError`."""
        async with self._database.read(self._caller) as tx:
            return await fact_listing.changes(
                tx, employee=self._employee, subject=subject, predicate=predicate, limit=limit
            )

    async def contradictions(self, limit: int = 100) -> "list[Contradiction]":
        """What a person has to settle, by `verify` or `forget`. Raises `InvalidError`."""
        async with self._database.read(self._caller) as tx:
            return await fact_listing.contradictions(tx, employee=self._employee, limit=limit)

    async def evidence(self, fact: UUID) -> "list[FactEvidence]":
        """The episodes that a fact rests on, the oldest first."""
        async with self._database.read(self._caller) as tx:
            return await fact_listing.evidence(tx, employee=self._employee, fact=fact)

    async def neighbourhood(
        self, of: str, *, depth: int = 2, fan_out: int = 25, limit: int = 100, min_confidence: float = 0.0
    ) -> Neighbourhood:
        """The facts at most `depth` (to 3) steps from a name, each with its distance and path. Raises `InvalidError`."""
        async with self._database.read(self._caller) as tx:
            return await fact_graph.neighbourhood(
                tx,
                employee=self._employee,
                of=of,
                depth=depth,
                fan_out=fan_out,
                limit=limit,
                min_confidence=min_confidence,
            )
