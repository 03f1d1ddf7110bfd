"""One employee that tests teach facts in single sentences, each in a transaction of its own."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from factories import a_simulated_tenant, an_employee, wait
from pydantic import BaseModel

from empla.memory import episodic, fact_graph, fact_listing, semantic
from empla.memory.fact_graph import Neighbourhood
from empla.memory.fact_listing import Contradiction
from empla.memory.semantic import Fact, Learned, NewFact
from empla.storage.database import Database
from empla.storage.tx import Caller, Tx

AUDITS: LiteralString = """
    SELECT action_type AS said FROM audit_log WHERE tenant_id = %(tenant)s::uuid AND resource_type = 'fact' ORDER BY id
"""


class _Line(BaseModel):
    said: str


@dataclass
class Knower:
    database: Database
    caller: Caller
    employee: UUID

    def as_itself(self) -> "Knower":
        """In its own cycle, with the rights of the worker."""
        return Knower(self.database, Caller(self.caller.tenant, employee=self.employee), self.employee)

    def _turn(self) -> AbstractAsyncContextManager[Tx]:
        return self.database.work(self.caller) if self.caller.employee else self.database.write(self.caller)

    async def learns(self, subject: str, predicate: str, value: str, **more: Any) -> Learned:
        return await self.learns_from({"subject": subject, "predicate": predicate, "object": value, **more})

    async def learns_from(self, said: dict[str, Any]) -> Learned:
        claim = NewFact.parse(**said)
        async with self._turn() as tx:
            return await semantic.learn(tx, employee=self.employee, claim=claim)

    async def learns_all(self, *triples: tuple[str, str, str], **more: Any) -> list[Learned]:
        claims = [NewFact.parse(subject=s, predicate=p, object=o, **more) for s, p, o in triples]
        return await self.learns_claims(claims)

    async def learns_claims(self, claims: Sequence[NewFact]) -> list[Learned]:
        async with self._turn() as tx:
            return await semantic.learn_many(tx, employee=self.employee, claims=claims)

    async def verifies(self, fact: UUID, source: str | None = None) -> Fact:
        async with self._turn() as tx:
            return await semantic.verify(tx, employee=self.employee, fact=fact, source=source)

    async def forgets(self, fact: UUID) -> Fact:
        async with self._turn() as tx:
            return await semantic.forget(tx, employee=self.employee, fact=fact)

    async def revises(self, fact: UUID, to: str, source: str | None = None) -> Fact:
        async with self._turn() as tx:
            return await semantic.revise(tx, employee=self.employee, fact=fact, to=to, source=source)

    async def rests(self, fact: UUID, *episodes: UUID) -> int:
        async with self._turn() as tx:
            return await semantic.rest_on(tx, employee=self.employee, fact=fact, episodes=episodes)

    async def knows(self, **filters: Any) -> list[Fact]:
        async with self._turn() as tx:
            return await fact_listing.listed(tx, employee=self.employee, **filters)

    async def words(self, **filters: Any) -> list[str]:
        return [str(fact) for fact in await self.knows(**filters)]

    async def gets(self, fact: UUID) -> Fact:
        async with self._turn() as tx:
            return await semantic.get(tx, employee=self.employee, fact=fact)

    async def knew(self, at: datetime, **filters: Any) -> list[Fact]:
        async with self._turn() as tx:
            return await fact_listing.as_of(tx, employee=self.employee, at=at, **filters)

    async def contradictions(self, limit: int = 100) -> list[Contradiction]:
        async with self._turn() as tx:
            return await fact_listing.contradictions(tx, employee=self.employee, limit=limit)

    async def changes(self, subject: str, predicate: str | None = None) -> list[str]:
        """The oldest first."""
        async with self._turn() as tx:
            found = await fact_listing.changes(tx, employee=self.employee, subject=subject, predicate=predicate)
        return [f"{change.object} {change.change}" for change in reversed(found)]

    async def evidence(self, fact: UUID) -> list[str]:
        async with self._turn() as tx:
            return [e.description for e in await fact_listing.evidence(tx, employee=self.employee, fact=fact)]

    async def near(self, of: str, **bounds: Any) -> Neighbourhood:
        async with self._turn() as tx:
            return await fact_graph.neighbourhood(tx, employee=self.employee, of=of, **bounds)

    async def remembers(self, description: str) -> UUID:
        async with self.database.write(self.caller) as tx:
            return (await episodic.record(tx, employee=self.employee, description=description)).id

    async def audits(self) -> list[str]:
        async with self.database.read(self.caller) as tx:
            return [line.said for line in await tx.fetch_all(_Line, AUDITS)]

    async def waits(self, days: float) -> datetime:
        return await wait(self.database, self.caller, days)


async def a_knower(database: Database) -> Knower:
    """A fresh employee of a fresh tenant in simulated time."""
    caller = await a_simulated_tenant(database)
    return Knower(database, caller, (await an_employee(database, caller)).id)
