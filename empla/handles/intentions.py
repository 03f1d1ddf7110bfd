"""One employee's intentions, for Python programs; each call is a transaction of its own."""

from collections.abc import Sequence
from uuid import UUID

from empla.bdi import intentions
from empla.bdi.intentions import Intention, Step
from empla.bdi.states import LIVE_INTENTIONS, IntentionStatus
from empla.mind import explain
from empla.mind.explanation import Explanation
from empla.storage.database import Database
from empla.storage.tx import Caller


class IntentionsHandle:
    """What one employee is committed to."""

    def __init__(self, database: Database, caller: Caller, employee: UUID) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def listed(
        self,
        statuses: Sequence[IntentionStatus] | None = tuple(sorted(LIVE_INTENTIONS)),
        *,
        goal: UUID | None = None,
        limit: int = 100,
    ) -> list[Intention]:
        """Those that are live, or of these statuses (None: all), the latest first; of one goal, when it is named."""
        async with self._database.read(self._caller) as tx:
            return await intentions.listed(tx, employee=self._employee, statuses=statuses, goal=goal, limit=limit)

    async def steps(self, intention: UUID) -> list[Step]:
        """Its steps, in order."""
        async with self._database.read(self._caller) as tx:
            return await intentions.steps_of(tx, employee=self._employee, intentions=[intention])

    async def explain(self, intention: UUID | str) -> Explanation:
        """What called for it, why this plan, how far it is; `print` it. Raises `NotFoundError`, `UsageError`."""
        async with self._database.read(self._caller) as tx:
            return await explain.explain(tx, intention=intention)
