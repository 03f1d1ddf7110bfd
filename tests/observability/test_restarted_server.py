"""A follower outlasts its server: it goes on where it was, once the server is there again."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from living import hired

from empla.employees import employees
from empla.observability import events
from empla.settings import Settings
from empla.storage import embedded, opening


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="empla-restart-"))
    made.chmod(0o711)  # run by root, the server runs as another user, who must be able to pass through
    yield made
    embedded.stop(made)
    shutil.rmtree(made, ignore_errors=True)


async def test_a_follower_goes_on_when_its_server_was_stopped_and_started(home: Path):
    settings = Settings(home=home, database_url=None, worker_database_url=None, admin_database_url=None)
    async with opening.opened(settings) as database:
        jordan = await hired(database)
        async with (
            aclosing(events.follow(database, jordan.caller, after=events.BEGINNING)) as stream,
            asyncio.timeout(120),
        ):
            assert (await anext(stream)).sentence == "Jordan is active, in stage shadow"
            waiting = asyncio.create_task(anext(stream))  # pyright: ignore[reportArgumentType]
            await asyncio.to_thread(embedded.stop, home)
            await asyncio.to_thread(embedded.start, home)
            async with opening.opened(settings) as again, again.write(jordan.caller) as tx:
                await employees.pause(tx, employee=jordan.employee)
            assert (await waiting).sentence == "Jordan is paused, in stage shadow"
