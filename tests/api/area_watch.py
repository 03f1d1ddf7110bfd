"""Rows of the decision table: the audit trail, and figures."""

from uuid import UUID

from calling import Home
from decision_table import Area, Row

from empla.storage.database import Database

_ROWS: dict[str, Row] = {
    "audit.list": Row((200, 200, 403)),
}


async def _things(_database: Database, home: Home) -> dict[str, UUID | str]:
    return {"employee": home.own}


AREA = Area(_ROWS, _things)
