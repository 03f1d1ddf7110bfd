"""What employees brought about, told and asked, for Python programs; each call is a transaction of its own."""

from uuid import UUID

from empla.effects import effects, notices
from empla.effects.effects import Effect
from empla.effects.notices import Notice, NoticeStatus
from empla.storage.database import Database
from empla.storage.tx import Caller


class EffectsHandle:
    """What one employee brought about: tasks, notes and drafts."""

    def __init__(self, database: Database, caller: Caller, employee: UUID) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def latest(self, limit: int = 100, *, intention: UUID | None = None) -> list[Effect]:
        """The latest first; of one intention, when it is named."""
        async with self._database.read(self._caller) as tx:
            return await effects.latest(tx, employee=self._employee, intention=intention, limit=limit)


class NoticesHandle:
    """What a tenant's employees told or asked people."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def listed(
        self, status: NoticeStatus | None = "open", *, employee: UUID | None = None, limit: int = 100
    ) -> list[Notice]:
        """Those that are open, or of another status (None: all), the latest first; of one employee, when it is named."""
        async with self._database.read(self._caller) as tx:
            return await notices.listed(tx, employee=employee, status=status, limit=limit)

    async def answer(self, notice: UUID, text: str) -> None:
        """A step that asked goes on with it; a goal without a plan is planned anew. Raises as `notices.answer` does."""
        async with self._database.write(self._caller) as tx:
            await notices.answer(tx, notice=notice, text=text)
