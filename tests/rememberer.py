"""One employee whose episodes tests write, cite, age and count, in single sentences; a colleague and a rival stand beside it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import numpy as np
from factories import a_simulated_tenant, an_employee, wait
from psycopg import sql
from psycopg.rows import scalar_row

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.embedding.embedder import Vectors, normalised
from empla.memory import capacity, consolidate, episodic, fact_listing, importance, indexing, recall, semantic
from empla.memory.consolidate import Consolidated
from empla.memory.episodic import Episode
from empla.memory.importance import Explained
from empla.memory.recall import Hit
from empla.memory.semantic import NewFact
from empla.memory.shapes import EpisodeContent
from empla.mind import perceive
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.storage.database import Database
from empla.storage.tx import Caller, Tx

if TYPE_CHECKING:
    from conftest import Cluster


class Angles:
    """A model whose vectors a test can tell: texts that differ in the signs after # alone are as far apart as those say, in degrees."""

    name = "angles:1"
    is_instant = True
    max_batch = 1000

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return normalised(np.array([self._vector(text) for text in texts], np.float32))

    async def close(self) -> None: ...

    def _vector(self, text: str) -> list[float]:
        said, _, signs = text.partition("#")
        base, aside = (np.random.default_rng(abs(hash_of(said)) + seed).standard_normal(256) for seed in (0, 1))
        aside -= base * (aside @ base) / (base @ base)
        angle = np.radians(len(signs))
        return list(np.cos(angle) * base / np.linalg.norm(base) + np.sin(angle) * aside / np.linalg.norm(aside))


def hash_of(text: str) -> int:
    return int.from_bytes(text.encode()[-16:])


@dataclass
class Rememberer:
    database: Database
    caller: Caller
    employee: UUID

    def as_itself(self) -> "Rememberer":
        return Rememberer(self.database, Caller(self.caller.tenant, employee=self.employee), self.employee)

    async def a_colleague(self) -> "Rememberer":
        return Rememberer(self.database, self.caller, (await an_employee(self.database, self.caller)).id)

    def _turn(self) -> AbstractAsyncContextManager[Tx]:
        return self.database.work(self.caller) if self.caller.employee else self.database.write(self.caller)

    async def remembers(self, description: str, *, content: dict[str, Any] | None = None, **more: Any) -> Episode:
        async with self._turn() as tx:
            return await episodic.record(
                tx,
                employee=self.employee,
                description=description,
                content=EpisodeContent.parse(content or {}),
                **more,
            )

    async def sees(
        self, description: str, *, kind: str = "seen", content: dict[str, Any] | None = None, **more: Any
    ) -> UUID:
        """Observed and perceived; the episode."""
        async with self._turn() as tx:
            piece = NewObservation(
                source="crm",
                external_id=uuid4().hex,
                recipient="self",
                kind=kind,
                occurred_at=more.pop("occurred_at", tx.now),
                description=description,
                participants=tuple(more.pop("participants", ())),
                content=content or {},
                **{"tainted": False, **more},
            )
            await inbox.deliver(tx, [piece], recipients={"self": self.employee})
            [percept] = await perceive.perceive(tx, employee=self.employee)
        return percept.episode

    async def believes(self, predicate: str, value: Any, evidence: UUID, **more: Any) -> None:
        async with self._turn() as tx:
            piece = Evidence.parse(subject="acme", predicate=predicate, object=value, evidence=evidence, **more)
            await beliefs.observe(tx, employee=self.employee, piece=piece)

    async def knows(self, subject: str, predicate: str, value: str, *episodes: UUID) -> UUID:
        async with self._turn() as tx:
            claim = NewFact.parse(subject=subject, predicate=predicate, object=value, episodes=episodes)
            return (await semantic.learn(tx, employee=self.employee, claim=claim)).id

    async def facts(self) -> list[str]:
        async with self.database.read(self.caller) as tx:
            return [str(fact) for fact in await fact_listing.listed(tx, employee=self.employee)]

    async def rests(self, fact: UUID) -> dict[UUID, str]:
        async with self.database.read(self.caller) as tx:
            found = await fact_listing.evidence(tx, employee=self.employee, fact=fact)
        return {each.episode_id: each.description for each in found}

    async def embeds(self) -> None:
        await indexing.catch_up(self.database, self.caller, employee=self.employee, embedder=Angles())

    async def recalls(self, query: str, **more: Any) -> list[Hit]:
        async with self.database.read(self.caller) as tx:
            return await recall.recall(tx, employee=self.employee, query=query, embedder=Angles(), limit=100, **more)

    async def lists(self, **filters: Any) -> list[Episode]:
        async with self.database.read(self.caller) as tx:
            return await episodic.latest(tx, employee=self.employee, limit=1000, **filters)

    async def words(self) -> list[str]:
        """What it remembers, oldest first."""
        return [episode.description for episode in reversed(await self.lists())]

    async def finds(self, *ids: UUID) -> list[Episode]:
        async with self.database.read(self.caller) as tx:
            return await episodic.by_ids(tx, employee=self.employee, ids=ids)

    async def forgets(self, *ids: UUID) -> list[UUID]:
        async with self._turn() as tx:
            return await episodic.forget(tx, employee=self.employee, ids=ids)

    async def explains(self, episode: UUID) -> Explained:
        async with self.database.read(self.caller) as tx:
            return await importance.explain(tx, employee=self.employee, episode=episode)

    async def keeps(self, kept: int, most: int = capacity.BATCH) -> int:
        """Evicts what is beyond; how many."""
        async with self._turn() as tx:
            return await capacity.evict(tx, employee=self.employee, kept=kept, most=most)

    async def consolidates(self) -> Consolidated:
        async with self._turn() as tx:
            return await consolidate.consolidate(tx, employee=self.employee)

    async def would_consolidate(self) -> Consolidated:
        async with self.database.read(self.caller) as tx:
            return await consolidate.plan(tx, employee=self.employee)

    async def waits(self, days: float) -> datetime:
        return await wait(self.database, self.caller, days)


async def a_rememberer(database: Database) -> Rememberer:
    """A fresh employee of a fresh tenant in simulated time."""
    caller = await a_simulated_tenant(database)
    return Rememberer(database, caller, (await an_employee(database, caller)).id)


def tables_with(cluster: "Cluster", word: str) -> set[str]:
    """Every table of the schema that has the word in a row."""
    with cluster.admin() as admin:
        admin.execute("SET row_security = off")
        tables = admin.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'empla'::regnamespace AND relkind = 'r'"
        )
        return {
            name
            for (name,) in tables.fetchall()
            if admin.cursor(row_factory=scalar_row)
            .execute(
                sql.SQL("SELECT EXISTS (SELECT FROM empla.{} t WHERE t::text ILIKE %s)").format(sql.Identifier(name)),
                (f"%{word}%",),
            )
            .fetchone()
        }
