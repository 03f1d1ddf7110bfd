"""Rows of the decision table: the audit trail, and figures."""

from uuid import UUID

from calling import Home
from decision_table import READ, Area, Row

from empla.storage.database import Database

_ROWS: dict[str, Row] = {
    "audit.list": Row((200, 200, 403)),
    "metrics.list": Row((200, 200, 200)),
    "metrics.days": Row((200, 200, 200)),
    "metrics.total": Row((200, 200, 200)),
    "metrics.days_of_employee": Row(*READ),
    "metrics.total_of_employee": Row(*READ),
}


async def _things(_database: Database, home: Home) -> dict[str, UUID | str]:
    return {"employee": home.own}


AREA = Area(_ROWS, _things)
