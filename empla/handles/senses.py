"""What one employee is told of the world, for Python programs; each call is a transaction of its own."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue, ValidationError

from empla.errors import InvalidError
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.storage.database import Database
from empla.storage.tx import Caller


class InboxHandle:
    """What happened, waiting to be perceived in the employee's next cycle."""

    def __init__(self, database: Database, caller: Caller, employee: UUID) -> None:
        self._database = database
        self._caller = caller
        self._employee = employee

    async def deliver(
        self,
        kind: str,
        description: str,
        *,
        source: str,
        external_id: str,
        occurred_at: datetime | None = None,
        participants: Sequence[str] = (),
        content: dict[str, JsonValue] | None = None,
        tainted: bool = True,
    ) -> bool:
        """It happened (now, unless said), and the employee's next cycle is due then; False when this source told of this id before.

        `tainted` unless it comes from the company's own records: docs/effects.md says what that means.
        Raises `InvalidError`, `ForbiddenError`.
        """
        async with self._database.write(self._caller) as tx:
            try:
                observation = NewObservation(
                    source=source,
                    external_id=external_id,
                    recipient="self",
                    kind=kind,
                    occurred_at=occurred_at or tx.now,
                    description=description,
                    participants=tuple(participants),
                    content=content or {},
                    tainted=tainted,
                )
            except ValidationError as error:
                fault = error.errors()[0]
                raise InvalidError(f"{fault['loc'][0]}: {fault['msg'].lower()}") from None
            delivery = await inbox.deliver(tx, [observation], recipients={"self": self._employee})
        return delivery.new == 1
