"""Opening a database gives its logs their coming months, and holds nobody up."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest
from own_database import admin_url, own_database

from empla.settings import Settings
from empla.storage import opening

if TYPE_CHECKING:
    from own_database import Cluster


@pytest.fixture
def own(cluster: "Cluster") -> Iterator[Settings]:
    with own_database(cluster) as settings:
        yield settings


def partitions(settings: Settings) -> list[str]:
    with psycopg.connect(admin_url(settings)) as admin:
        found = admin.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^(audit_log|belief_history|metrics)_[0-9]{6}$' ORDER BY 1"
        )
        return [row[0] for row in found]


def drop_the_last_months(settings: Settings) -> None:
    with psycopg.connect(admin_url(settings), autocommit=True) as admin:
        for log in ("audit_log", "belief_history", "metrics"):
            for month in [name for name in partitions(settings) if name.startswith(log)][-2:]:
                admin.execute(f"DROP TABLE empla.{month}".encode())


async def test_months_that_are_missing_are_made_once_however_many_open_it(own: Settings):
    drop_the_last_months(own)

    async def made() -> int:
        async with opening.opened(own) as database:
            return database.partitions_made

    counts = await asyncio.gather(*(made() for _ in range(4)))
    assert sorted(counts) == [0, 0, 0, 6]
    assert await made() == 0


async def test_one_that_is_only_looked_at_stays_as_it_is(own: Settings):
    drop_the_last_months(own)
    before = partitions(own)
    async with opening.opened(own, as_it_is=True):
        pass
    assert partitions(own) == before


async def test_a_reader_of_a_log_does_not_keep_anybody_out(own: Settings):
    drop_the_last_months(own)
    with psycopg.connect(admin_url(own)) as reader:
        reader.execute("SELECT count(*) FROM empla.audit_log")
        async with opening.opened(own) as database:
            assert database.partitions_made == 0
    async with opening.opened(own) as database:
        assert database.partitions_made == 6
