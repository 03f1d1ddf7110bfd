"""A tenant's accounts: their secrets are sealed, bound to their row, never shown, and rotate; one at a time carries a capability."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from factories import a_simulated_tenant
from own_database import own_database
from pydantic import SecretStr

from empla import keys, sealing
from empla.effects import integrations
from empla.effects.integrations import Integration
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, UnavailableError
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

if TYPE_CHECKING:
    from own_database import Cluster

OLD, NEW = sealing.new_key(), sealing.new_key()
PASSWORD = SecretStr("correct horse battery staple")
SERVER = {"host": "mail.acme.example", "port": 465, "tls": "implicit", "login": "acme"}


@pytest.fixture
def own(cluster: "Cluster") -> Iterator[Settings]:
    with own_database(cluster) as settings:
        yield settings


def holding(settings: Settings, *ring: str) -> Settings:
    return settings.model_copy(update={"secret_keys": SecretStr(",".join(ring)) if ring else None})


async def connect(database: Database, house: Caller, name: str = "mail") -> Integration:
    async with database.write(house) as tx:
        return await integrations.connect(
            tx, name=name, capability="email", kind="smtp", settings=SERVER, secret=PASSWORD
        )


async def test_a_secret_is_sealed_rotates_and_opens_in_its_own_row_alone(own: Settings):
    async with opening.opened(holding(own, OLD)) as database:
        house = await a_simulated_tenant(database)
        made = await connect(database, house)
        assert "horse" not in made.model_dump_json()
        async with database.write(house) as tx:
            assert await integrations.secret_of(tx, made) == PASSWORD
            sealed = await tx.fetch_value(bytes, "SELECT sealed FROM integrations WHERE tenant_id = %(tenant)s::uuid")
        assert sealed is not None
        assert b"horse" not in sealed
    async with opening.opened(holding(own, NEW, OLD)) as database:
        async with database.write(house) as tx:
            assert await integrations.rotate(tx) == 1
            assert await integrations.rotate(tx) == 0
        other = await a_simulated_tenant(database)
        theirs = await connect(database, other)
        async with database.write(other) as tx:
            # What another tenant's row holds, in this one.
            mine = await tx.fetch_value(bytes, "SELECT sealed FROM integrations WHERE tenant_id = %(tenant)s::uuid")
            assert mine is not None
            with pytest.raises(InvalidError):
                integrations.opened(mine, tenant=house.tenant, integration=theirs.id, tx=tx)
    async with opening.opened(holding(own, NEW)) as database, database.write(house) as tx:
        assert await integrations.secret_of(tx, made) == PASSWORD
    async with opening.opened(holding(own, OLD)) as database, database.write(house) as tx:
        with pytest.raises(UnavailableError, match="EMPLA_SECRET_KEYS no longer holds") as refused:
            await integrations.secret_of(tx, made)
        assert OLD not in str(refused.value)


async def test_without_a_key_no_secret_is_taken(own: Settings):
    async with opening.opened(holding(own)) as database:
        house = await a_simulated_tenant(database)
        with pytest.raises(UnavailableError, match="set EMPLA_SECRET_KEYS"):
            await connect(database, house)
        async with database.read(house) as tx:
            assert await integrations.listed(tx) == []


def test_an_embedded_server_has_a_key_of_its_own(tmp_path: Path):
    settings = Settings(home=tmp_path, database_url=None, secret_keys=None)
    sealed = keys.keyring(settings).seal("s", context="c")
    assert keys.keyring(settings).open(sealed, context="c").get_secret_value() == "s"
    assert (tmp_path / keys.KEY_FILE).stat().st_mode & 0o777 == 0o600


async def test_one_account_at_a_time_carries_a_capability(own: Settings):
    async with opening.opened(holding(own, OLD)) as database:
        house = await a_simulated_tenant(database)
        await connect(database, house)
        with pytest.raises(ConflictError):
            await connect(database, house)
        await connect(database, house, "newer")
        async with database.write(house) as tx:
            assert {found.name: found.enabled for found in await integrations.listed(tx)} == {
                "mail": False,
                "newer": True,
            }
            await integrations.disconnect(tx, name="newer")
            assert [found.name for found in await integrations.listed(tx)] == ["mail"]
            with pytest.raises(NotFoundError):
                await integrations.disconnect(tx, name="newer")


async def test_a_folder_of_the_machine_is_the_operators_to_give(own: Settings, tmp_path: Path):
    async with opening.opened(holding(own, OLD)) as database:
        house = await a_simulated_tenant(database)
        async with database.write(house) as tx:
            admin = await users.invite(tx, email="ada@acme.example", name="Ada", role="admin")
        with pytest.raises(ForbiddenError):
            async with database.write(Caller(house.tenant, user=admin.id)) as tx:
                await integrations.connect(
                    tx, name="sink", capability="email", kind="maildir", settings={"folder": str(tmp_path)}
                )
        await connect(database, Caller(house.tenant, user=admin.id))
