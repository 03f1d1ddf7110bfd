"""What one employee believes, and its conflicts, for Python programs; each call is a transaction of its own."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from pydantic import JsonValue

from empla.bdi import beliefs, conflicts
from empla.bdi.beliefs import Belief, BeliefType, Change, Evidence
from empla.bdi.confidence import DecayModel, Source
from empla.bdi.conflicts import Conflict, ConflictStatus
from empla.clock import end_of_day
from empla.errors import NotFoundError
from empla.storage.database import Database
from empla.storage.tx import Caller


class BeliefsHandle:
    """What one employee believes."""

    def __init__(self, database: Database, caller: Caller, employee: UUID) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def observe(
        self,
        subject: str,
        predicate: str,
        value: JsonValue,
        *,
        source: Source = "observation",
        reliability: float | None = None,
        occurred_at: datetime | None = None,
        evidence: UUID | None = None,
        belief_type: BeliefType | None = None,
        decay_rate: float | None = None,
        decay_model: DecayModel | None = None,
        reason: str | None = None,
        rests_on: Sequence[UUID] = (),
    ) -> Belief:
        """Hear one piece of evidence; returns what is believed after it. Raises `InvalidError`, `ForbiddenError`.

        An inference that `rests_on` beliefs (their ids) falls with them; `NotFoundError` when one of them is not believed.
        """
        piece = Evidence.parse(
            subject=subject,
            predicate=predicate,
            object=value,
            source=source,
            reliability=reliability,
            occurred_at=occurred_at,
            evidence=evidence,
            belief_type=belief_type,
            decay_rate=decay_rate,
            decay_model=decay_model,
            reason=reason,
            rests_on=tuple(rests_on),
        )
        async with self._database.write(self._caller) as tx:
            return await beliefs.observe(tx, employee=self._employee, piece=piece)

    async def observe_many(self, news: Sequence[Evidence]) -> list[Belief]:
        """Hear all of it, in one statement; returns the beliefs that were touched."""
        async with self._database.write(self._caller) as tx:
            return await beliefs.observe_many(tx, employee=self._employee, news=news)

    async def get(self, subject: str, predicate: str) -> Belief | None:
        """The live belief, or None."""
        async with self._database.read(self._caller) as tx:
            try:
                return await beliefs.current(tx, employee=self._employee, subject=subject, predicate=predicate)
            except NotFoundError:
                return None

    async def held(self, subject: str | None = None) -> list[Belief]:
        """All live beliefs, or those about one subject."""
        async with self._database.read(self._caller) as tx:
            return await beliefs.held(tx, employee=self._employee, subject=subject)

    async def as_of(self, at: datetime | date, subject: str | None = None) -> list[Belief]:
        """What was believed at a moment of the tenant's time; a date means the end of that UTC day."""
        moment = at if isinstance(at, datetime) else end_of_day(at)
        async with self._database.read(self._caller) as tx:
            return await beliefs.as_of(tx, employee=self._employee, at=moment, subject=subject)

    async def changes(
        self,
        since: datetime,
        until: datetime,
        *,
        about: Sequence[tuple[str, str]] | None = None,
        limit: int = 100,
    ) -> list[Change]:
        """What changed in this time, the latest first; `about` names (subject, predicate) pairs. Raises `InvalidError`."""
        async with self._database.read(self._caller) as tx:
            return await beliefs.changes(
                tx, employee=self._employee, since=since, until=until, about=about, limit=limit
            )

    async def retract(self, subject: str, *predicates: str, reason: str) -> int:
        """These beliefs are held no more, and history says why; how many there were."""
        async with self._database.write(self._caller) as tx:
            return await beliefs.retract(
                tx, employee=self._employee, subject=subject, predicates=predicates, reason=reason
            )

    async def forget(self) -> int:
        """Retire what decayed below the floor (EMPLA_FORGET_BELOW); how many."""
        async with self._database.write(self._caller) as tx:
            return await beliefs.forget(tx, floor=self._database.settings.forget_below, employee=self._employee)


class ConflictsHandle:
    """Guesses against a human's word: one employee's, or those of all whom the caller may see."""

    def __init__(self, database: Database, caller: Caller, employee: UUID | None = None) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def listed(self, status: ConflictStatus | None = "open") -> list[Conflict]:
        """The oldest first; None means of every status."""
        async with self._database.read(self._caller) as tx:
            return await conflicts.listed(tx, employee=self._employee, status=status)

    async def resolve(self, conflict: UUID, *, keep: bool, reason: str) -> Conflict:
        """The human's word stands, or else what was claimed is believed, as told by the caller.

        Raises `ConflictError` when it is settled already, `NotFoundError`, `ForbiddenError`, `InvalidError`.
        """
        async with self._database.write(self._caller) as tx:
            return await conflicts.resolve(tx, conflict=conflict, keep=keep, reason=reason)
