"""One employee that tests speak with in single sentences, each in a transaction of its own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from factories import wait
from pydantic import BaseModel, JsonValue

from empla.bdi import beliefs
from empla.bdi.beliefs import Belief, Evidence
from empla.storage.database import Database
from empla.storage.tx import Caller, ReadTx

HISTORY: LiteralString = """
    SELECT change_type, old_value, new_value, old_confidence, new_confidence, reason, changed_at, evidence_at
      FROM belief_history WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid ORDER BY changed_at, id
"""
AUDITS: LiteralString = """
    SELECT count(*)::int FROM audit_log WHERE tenant_id = %(tenant)s::uuid AND resource_type = 'belief'
"""


class Change(BaseModel):
    change_type: str
    old_value: JsonValue
    new_value: JsonValue
    old_confidence: float | None
    new_confidence: float | None
    reason: str | None
    changed_at: datetime
    evidence_at: datetime


@dataclass
class Believer:
    database: Database
    caller: Caller
    employee: UUID

    async def hears(self, value: JsonValue, about: str = "pipeline", what: str = "coverage", **more: Any) -> Belief:
        piece = Evidence.parse(subject=about, predicate=what, object=value, **more)
        async with self.database.write(self.caller) as tx:
            return await beliefs.observe(tx, employee=self.employee, piece=piece)

    async def believes(self, about: str = "pipeline", what: str = "coverage") -> Belief:
        async with self.database.read(self.caller) as tx:
            return await beliefs.current(tx, employee=self.employee, subject=about, predicate=what)

    async def believed(self, at: datetime) -> list[Belief]:
        async with self.database.read(self.caller) as tx:
            return await beliefs.as_of(tx, employee=self.employee, at=at)

    async def forgets(self, floor: float = 0.05) -> int:
        async with self.database.write(self.caller) as tx:
            return await beliefs.forget(tx, floor=floor)

    async def retracts(self, about: str, *predicates: str) -> int:
        async with self.database.write(self.caller) as tx:
            return await beliefs.retract(
                tx, employee=self.employee, subject=about, predicates=predicates, reason="a slip of the pen"
            )

    async def waits(self, days: float) -> datetime:
        return await wait(self.database, self.caller, days)

    async def history(self) -> list[Change]:
        async with self.database.read(self.caller) as tx:
            return await self._history(tx)

    async def changes(self) -> list[str]:
        return [change.change_type for change in await self.history()]

    async def audits(self) -> int:
        async with self.database.read(self.caller) as tx:
            return await tx.fetch_value(int, AUDITS) or 0

    async def _history(self, tx: ReadTx) -> list[Change]:
        return await tx.fetch_all(Change, HISTORY, employee=self.employee)
