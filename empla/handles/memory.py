"""What one employee remembers and knows how to do, for Python programs; each call is a transaction of its own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from empla.employees.employees import Employee, EmployeeRole
from empla.handles.facts import FactsHandle
from empla.memory import answering, behind, consolidate, episodic, importance, procedural, working
from empla.memory.consolidate import Consolidated
from empla.memory.demonstration import Learned, Lesson, learn_from_demonstrations
from empla.memory.episodic import Episode, EpisodeType, NewEpisode
from empla.memory.importance import Explained
from empla.memory.playbook import Playbook
from empla.memory.playbook_file import checked, read_path
from empla.memory.playbook_rules import parsed
from empla.memory.procedural import Procedure, Upgraded
from empla.memory.question import Filters
from empla.memory.ranking import DEFAULT, Ranking
from empla.memory.recall import Hit
from empla.memory.rendering import Count, Rendered, tokens
from empla.memory.shapes import EpisodeContent
from empla.memory.standing import Standing
from empla.memory.working import WorkingItem
from empla.mind import applicable as applying
from empla.mind.applicable import Situation, WhatApplies
from empla.storage.database import Database
from empla.storage.tx import Caller


class MemoryHandle:
    """What one employee remembers."""

    def __init__(self, database: Database, caller: Caller, employee: UUID) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee
        self.facts = FactsHandle(database, caller, employee)
        self.working = WorkingHandle(database, caller, employee)

    async def record(
        self,
        description: str,
        *,
        episode_type: EpisodeType = "interaction",
        content: dict[str, JsonValue] | None = None,
        participants: Sequence[str] = (),
        location: str | None = None,
        importance: float | None = None,
        occurred_at: datetime | None = None,
    ) -> Episode:
        """Remember what happened; how important it is is weighed, unless somebody says. Raises `InvalidError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            recorded = await episodic.record(
                tx,
                employee=self._employee,
                description=description,
                episode_type=episode_type,
                content=EpisodeContent.parse(content or {}),
                participants=participants,
                location=location,
                importance=importance,
                occurred_at=occurred_at,
            )
        behind.written(self._database, self._caller, employee=self._employee)
        return recorded

    async def record_many(self, episodes: Sequence[NewEpisode]) -> list[UUID]:
        """All of them or none; their ids in the same order. Raises `InvalidError`, `ForbiddenError`."""
        async with self._database.write(self._caller) as tx:
            ids = await episodic.record_many(tx, employee=self._employee, episodes=episodes)
        behind.written(self._database, self._caller, employee=self._employee)
        return ids

    async def recall(
        self, query: str, *, limit: int = 10, ranking: Ranking = DEFAULT, reinforce: bool = True, **filters: Any
    ) -> list[Hit]:
        """What it remembers that answers best, the best first; see `question.Filters` for what narrows it.

        What was recalled is reinforced, behind the answer, unless `reinforce` is false. Raises `InvalidError`.
        """
        return await answering.answer(
            self._database,
            self._caller,
            employee=self._employee,
            query=query,
            limit=limit,
            filters=Filters.of(**filters),
            ranking=ranking,
            reinforce=reinforce,
        )

    async def latest(self, limit: int = 20, **filters: Any) -> list[Episode]:
        """Episodes, the latest first; `since`, `before`, `episode_type` and `participant` narrow them."""
        async with self._database.read(self._caller) as tx:
            return await episodic.latest(tx, employee=self._employee, limit=limit, **filters)

    async def importance(self, episode: UUID) -> Explained:
        """Why an episode is as important as it is; `str` of it tells a person. Raises `NotFoundError`."""
        async with self._database.read(self._caller) as tx:
            return await importance.explain(tx, employee=self._employee, episode=episode)

    async def forget(self, ids: Sequence[UUID]) -> list[UUID]:
        """These episodes are never remembered again, nor those merged with them; returns all of them.

        Raises `NotFoundError`, `ForbiddenError`, `InvalidError`.
        """
        async with self._database.write(self._caller) as tx:
            return await episodic.forget(tx, employee=self._employee, ids=ids)

    async def consolidate(self, *, dry_run: bool = False) -> Consolidated:
        """Near-duplicates become one episode, and what repeated itself a fact; or only say what would. Raises `ForbiddenError`."""
        if dry_run:
            async with self._database.read(self._caller) as tx:
                return await consolidate.plan(tx, employee=self._employee)
        async with self._database.write(self._caller) as tx:
            return await consolidate.consolidate(tx, employee=self._employee)


class WorkingHandle:
    """What one employee has in hand."""

    def __init__(self, database: Database, caller: Caller, employee: UUID) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def in_hand(self) -> list[WorkingItem]:
        """What matters most first."""
        async with self._database.read(self._caller) as tx:
            return await working.in_hand(tx, employee=self._employee)

    async def render(self, budget: int = working.DEFAULT_BUDGET, *, count: Count = tokens) -> Rendered:
        """As text for a prompt, within so many tokens; `print` it. `count` is a tokenizer's, where there is one. Raises `InvalidError`."""
        return working.render(await self.in_hand(), budget, count=count)


class PlaybooksHandle:
    """What one employee knows how to do."""

    def __init__(self, database: Database, caller: Caller, record: Employee) -> None:
        self._database = database
        self._caller = caller
        self._employee = record.id
        self._role: EmployeeRole = record.role

    async def library(self) -> list[Procedure]:
        """All of them, by name."""
        async with self._database.read(self._caller) as tx:
            return await procedural.library(tx, employee=self._employee)

    async def get(self, name: str) -> Procedure:
        """The one of this name. Raises `NotFoundError`."""
        async with self._database.read(self._caller) as tx:
            return await procedural.find(tx, employee=self._employee, name=name)

    async def faults(self) -> dict[str, list[str]]:
        """Those that can't be carried out, and why."""
        return procedural.faults_by_name(await self.library())

    async def applicable(
        self,
        event: str | None = None,
        *,
        content: Mapping[str, JsonValue] | None = None,
        metric: str | None = None,
        is_unknown: bool = False,
        supposing: Mapping[str, JsonValue] | None = None,
    ) -> WhatApplies:
        """Which apply to an event, to a metric that falls short (or is unknown), or to what it believes; `print` it.

        `supposing` names beliefs as if they were held: `{"account.health": 40}`. Changes nothing. Raises `InvalidError`.
        """
        situation = Situation(
            event=event, content=content or {}, metric=metric, is_unknown=is_unknown, supposing=supposing or {}
        )
        async with self._database.read(self._caller) as tx:
            return await applying.applicable(tx, employee=self._employee, situation=situation)

    async def add(self, *playbooks: dict[str, JsonValue] | Path | str, replace: bool = False) -> list[Procedure]:
        """Taught from now on: each a file, or the keys that a file has for one playbook. Raises `InvalidError`, `ConflictError`."""
        async with self._database.write(self._caller) as tx:
            known = [each.playbook for each in await procedural.library(tx, employee=self._employee)]
            taught: list[Playbook] = []
            for said in playbooks:
                taught += (
                    [parsed(said)] if isinstance(said, dict) else checked(read_path(Path(said), shelf=known)).playbooks
                )
            return await procedural.add(tx, employee=self._employee, playbooks=taught, replace=replace)

    async def learn(
        self, name: str, *demonstrations: Mapping[str, JsonValue], replace: bool = False, **lesson: Any
    ) -> Learned:
        """Learned from what people were seen to do, on trial; `lesson` is what `Lesson` has, such as `triggers` and `context`.

        Each demonstration says `by` whom, the `event` that it answered (`kind`, `content`), and the `steps`, or the ids of the `episodes`
        that record them. Raises `InvalidError`, `ConflictError`, `NotFoundError`, `ForbiddenError`.
        """
        learned = Lesson.parse({"name": name, "demonstrations": [dict(one) for one in demonstrations], **lesson})
        async with self._database.write(self._caller) as tx:
            return await learn_from_demonstrations(tx, employee=self._employee, lesson=learned, replace=replace)

    async def enable(self, name: str) -> None:
        """It may be chosen again. Raises `NotFoundError`, `ForbiddenError`."""
        await self._set_enabled(name, enabled=True)

    async def disable(self, name: str) -> None:
        """It is not chosen any more; what is under way goes on. Raises `NotFoundError`, `ForbiddenError`."""
        await self._set_enabled(name, enabled=False)

    async def _set_enabled(self, name: str, *, enabled: bool) -> None:
        async with self._database.write(self._caller) as tx:
            found = await procedural.find(tx, employee=self._employee, name=name)
            await procedural.set_enabled(tx, employee=self._employee, procedure=found.id, enabled=enabled)

    async def decide(self, name: str, standing: Standing, *, reason: str) -> None:
        """How far it is trusted, whatever its record says. Raises `NotFoundError`, `ForbiddenError`, `InvalidError`."""
        async with self._database.write(self._caller) as tx:
            found = await procedural.find(tx, employee=self._employee, name=name)
            await procedural.set_standing(
                tx, employee=self._employee, procedure=found.id, standing=standing, reason=reason
            )

    async def upgrade(self) -> Upgraded:
        """The shelf's newer versions of what nobody has edited."""
        async with self._database.write(self._caller) as tx:
            return await procedural.upgrade(tx, employee=self._employee, role=self._role)
