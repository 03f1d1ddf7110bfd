"""Rows of the decision table: who comes in, by what, and what that is worth."""

from contextlib import suppress
from uuid import UUID

from calling import Home
from decision_table import Area, Row

from empla.access import keys, passwords, service_accounts, sign_ins
from empla.errors import UnavailableError
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants, users

# Of "correct horse battery", by a recipe that costs nothing.
_HASH = "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gLHIkr1qgP4r3sH1P/NIg3+PMckaLQ3RkuIiytJhVlY"
# The people of the table are taken at their word: they came by no sign-in that could end. The manager has another one.
_NOBODY = (401, 401, 401)
_ROWS: dict[str, Row] = {
    "sign_ins.create": Row(_NOBODY, sends={"tenant": "no-such", "email": "{email}", "password": "wrong"}),
    "sign_ins.refresh": Row(_NOBODY, sends={"refresh_token": "emplar_x"}),
    "sign_ins.out": Row((404, 404, 404)),
    "sign_ins.list": Row((200, 200, 200)),
    "sign_ins.end": Row((204, 204, 404), (404, 404, 404)),
    "password.change": Row(_NOBODY, sends={"old": "wrong horse battery", "new": "staple of the trade"}, keyless=True),
    # Of a tenant that is nowhere, and of a link that nobody made.
    "links.request": Row((204, 204, 204), sends={"tenant": "no-such", "email": "{email}"}, messages=0),
    "links.look": Row(_NOBODY, sends={"token": "emplal_x"}),
    "links.use": Row(_NOBODY, sends={"token": "emplal_x", "password": "correct horse battery"}),
    "links.invite": Row((201, 403, 403), (404, 403, 403), keyless=True),
    "links.reset": Row((201, 403, 403), (404, 403, 403), keyless=True),
    "me.get": Row((200, 200, 200)),
    "keys.list": Row((200, 200, 200)),
    "keys.create": Row((201, 201, 201), sends={"name": "Feed", "scopes": ["read"]}, messages=4, keyless=True),
    # The admin sees them all.
    "keys.get": Row((200, 404, 404), (404, 404, 404)),
    "keys.revoke": Row((204, 404, 404), (404, 404, 404)),
    "service_accounts.list": Row((200, 200, 403)),
    "service_accounts.create": Row((201, 403, 403), sends={"name": "Feeder", "role": "user"}),
    "service_accounts.get": Row((200, 200, 403), (404, 404, 403)),
    "service_accounts.change": Row((200, 403, 403), (404, 403, 403), sends={"role": "user"}, messages=4),
    "service_accounts.remove": Row((204, 403, 403), (404, 403, 403)),
}


async def _things(database: Database, home: Home) -> dict[str, UUID | str]:
    async with database.write(Caller(home.operator.tenant, user=home.people["admin"])) as tx:
        program = await service_accounts.create(tx, name="Feeder", role="manager")
        made = await keys.create(tx, user=program.id, name="Feed", scopes=["read"])
    manager = home.people["manager"]
    async with database.write(home.operator) as tx:
        await passwords.put(tx, user=manager, hashed=_HASH)
        person, tenant = await users.get(tx, user=manager), await tenants.get(tx)
    with suppress(UnavailableError):  # no key signs tokens here; the sign-in is made all the same
        await sign_ins.sign_in(database, slug=tenant.slug, email=person.email, password="correct horse battery")
    async with database.read(home.operator) as tx:
        [sign_in] = await sign_ins.listed(tx, user=manager)
    return {"account": program.id, "key": made.key.id, "sign_in": sign_in.id}


AREA = Area(_ROWS, _things)
