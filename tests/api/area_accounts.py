"""Rows of the decision table: capabilities, and the accounts that carry them."""

from uuid import UUID

from calling import Home
from decision_table import ADMIN, Area, Row

from empla.effects import integrations
from empla.storage.database import Database

_SERVER = {"host": "smtp.acme.example", "port": 465, "tls": "implicit"}
_STAFF_ALONE = ((200, 200, 403), (404, 404, 403))

# A capability is named, and every tenant has it: there is no other tenant's.
_ROWS: dict[str, Row] = {
    "capabilities.list": Row((200, 200, 403)),
    "capabilities.get": Row((200, 200, 403)),
    "capabilities.change": Row((200, 403, 403), sends={"tenant_per_hour": 50}, messages=6),
    "capabilities.offer": Row((200, 403, 403), messages=5),
    "capabilities.withdraw": Row((200, 403, 403), messages=5),
    "integrations.list": Row((200, 200, 403)),
    "integrations.add": Row((201, 403, 403), sends={"name": "new", "kind": "smtp", "settings": _SERVER}, messages=4),
    "integrations.get": Row(*_STAFF_ALONE),
    "integrations.enable": Row(*ADMIN, messages=4),
    "integrations.disable": Row(*ADMIN, messages=4),
    "integrations.replace_secret": Row(*ADMIN, sends={"secret": "correct horse"}, messages=5),
    "integrations.remove": Row((204, 403, 403), (404, 403, 403), messages=4),
}


async def _things(database: Database, home: Home) -> dict[str, UUID | str]:
    async with database.write(home.operator) as tx:
        made = await integrations.connect(tx, name="mail", capability="email", kind="smtp", settings=_SERVER)
    return {"capability": "email", "integration": made.id}


AREA = Area(_ROWS, _things)
