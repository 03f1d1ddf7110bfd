"""One employee's goals, for Python programs; each call is a transaction of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from empla.bdi import goals
from empla.bdi.goals import Goal, GoalEvent
from empla.bdi.states import LIVE_GOALS, GoalStatus
from empla.mind import mandate, outcome
from empla.mind.mandate import Wanted
from empla.mind.outcome import BeforeSuccess
from empla.storage.database import Database
from empla.storage.tx import Caller


class GoalsHandle:
    """What one employee wants."""

    def __init__(self, database: Database, caller: Caller, employee: UUID) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def adopt(self, metric: str, **wanted: Any) -> Goal:
        """It is wanted from now on, and the employee's next cycle is due; `wanted` is what `Wanted` has.

        `await jordan.goals.adopt("pipeline.coverage", goal_type="maintenance", at_least=1.0, restore=1.1)`. Raises `UsageError`,
        `InvalidError`, `ForbiddenError`, and `ConflictError` while a goal of its key is live.
        """
        async with self._database.write(self._caller) as tx:
            return await mandate.want(tx, employee=self._employee, wanted=Wanted(metric=metric, **wanted))

    async def listed(self, statuses: Sequence[GoalStatus] | None = tuple(sorted(LIVE_GOALS))) -> list[Goal]:
        """Those that are live, or of these statuses (None: all), the most pressing first."""
        async with self._database.read(self._caller) as tx:
            return await goals.listed(tx, employee=self._employee, statuses=statuses)

    async def find(self, named: str) -> Goal:
        """The goal whose id begins or ends so, or the live one of this key. Raises `NotFoundError`, `UsageError` for several."""
        async with self._database.read(self._caller) as tx:
            return await goals.find(tx, named=named, employee=self._employee)

    async def drop(self, goal: UUID, *, reason: str) -> None:
        """It is wanted no more; its plans end in the next cycle. Raises `ConflictError` for one that is over, `NotFoundError`."""
        async with self._database.write(self._caller) as tx:
            await mandate.give_up(tx, goal=goal, reason=reason)

    async def history(self, goal: UUID, *, as_of: datetime | None = None) -> list[GoalEvent]:
        """How it came to stand where it stands, or stood at a moment, the latest change first."""
        async with self._database.read(self._caller) as tx:
            return await goals.history(tx, employee=self._employee, goal=goal, at=as_of)

    async def before_success(self, goal: UUID) -> BeforeSuccess:
        """The beliefs that moved and the plans that ran before it was met; `print` it. Raises `NotFoundError` for one that never was."""
        async with self._database.read(self._caller) as tx:
            return await outcome.before_success(tx, goal=goal)
