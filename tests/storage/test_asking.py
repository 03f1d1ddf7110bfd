"""What is asked holds nothing between two statements: each is a read-only transaction of its own, in one message."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from empla.errors import ForbiddenError, InvalidError, NotFoundError, UnavailableError
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants

if TYPE_CHECKING:
    from tests.conftest import Cluster

NAME = "SELECT name FROM tenants WHERE id = %(tenant)s::uuid"
WORK_MEM = "SELECT current_setting('work_mem') WHERE %(tenant)s::uuid IS NOT NULL"
STOLEN = "UPDATE tenants SET name = 'Stolen' WHERE id = %(tenant)s::uuid RETURNING name"
BROKEN = "SELECT (1 / (extract(epoch FROM now())::int * 0))::int WHERE %(tenant)s::uuid IS NOT NULL"


async def test_each_statement_is_one_message_and_nothing_is_held_between_them(
    cluster: "Cluster", database: Database, acme: Caller
):
    async with database.ask(acme) as tx:
        assert await tx.fetch_value(str, NAME) == "Acme"
        first = tx.now
        with cluster.admin() as admin:
            [held] = admin.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
            ).fetchall()
        assert held == (0,)
        assert await tx.fetch_value(str, NAME) == "Acme"
        assert timedelta(0) < tx.now - first < timedelta(minutes=1)
        assert tx.statements == 2


async def test_it_sees_one_tenant_and_may_not_write(database: Database, acme: Caller, rival: Caller):
    async with database.ask(acme) as tx:
        assert await tx.fetch_value(str, "SELECT name FROM tenants WHERE id <> %(tenant)s::uuid") is None
        with pytest.raises(ForbiddenError):
            await tx.fetch_value(str, STOLEN)
    async with database.ask(rival) as tx:
        assert await tx.fetch_value(str, NAME) == "Rival"
    async with database.ask(Caller(UUID(int=1))) as tx:
        with pytest.raises(NotFoundError, match="no such tenant"):
            await tx.fetch_value(str, NAME)
    await tenants.set_status(database, tenant=acme.tenant, status="suspended")
    async with database.ask(acme) as tx:
        with pytest.raises(ForbiddenError, match="this tenant is suspended"):
            await tx.fetch_value(str, NAME)


async def test_what_fails_leaves_a_connection_that_can_be_used(settings: Settings):
    one = settings.model_copy(update={"pool_size": 1, "statement_timeout": 0.2})
    async with opening.opened(one) as database:
        caller = Caller(await tenants.create(database, slug="after-a-failure", name="Acme"))
        async with database.ask(caller) as tx:
            for _ in range(7):  # more often than it takes to prepare a statement
                with pytest.raises(InvalidError, match="division by zero"):
                    await tx.fetch_value(int, BROKEN)
                assert await tx.fetch_value(str, NAME) == "Acme"
            with pytest.raises(UnavailableError, match="statement timeout"):
                await tx.fetch_value(str, "SELECT pg_sleep(20)::text WHERE %(tenant)s::uuid IS NOT NULL")
            assert await tx.fetch_value(str, NAME) == "Acme"
            # Nor does anybody who gives up in the middle.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(
                    tx.fetch_value(str, "SELECT pg_sleep(0.15)::text WHERE %(tenant)s::uuid IS NOT NULL"), 0.02
                )
            assert await tx.fetch_value(str, NAME) == "Acme"


async def test_its_limits_end_with_it(settings: Settings):
    one = settings.model_copy(update={"pool_size": 1})
    async with opening.opened(one) as database:
        caller = Caller(await tenants.create(database, slug="limits-end", name="Acme"))
        async with database.read(caller) as tx:
            usual = await tx.fetch_value(str, WORK_MEM)
        async with database.ask(caller) as tx:
            assert await tx.fetch_value(str, WORK_MEM) == "32MB" != usual
        async with database.read(caller) as tx:
            assert await tx.fetch_value(str, WORK_MEM) == usual
