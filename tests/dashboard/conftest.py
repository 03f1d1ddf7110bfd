"""One site and one browser for the tests of a file; they share an event loop (`pytestmark` in each file says so)."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import uvicorn
from browsing import CHROMIUM, Site, a_company, chromium
from insider import cheap, with_keys
from playwright.async_api import Browser, async_playwright

from empla.api.server import configured
from empla.dashboard.app import create
from empla.settings import Settings
from empla.storage import opening

if TYPE_CHECKING:
    from tests.conftest import Cluster


@pytest.fixture(scope="module", autouse=True)
def hashings() -> Generator[list[str]]:
    """Passwords cost nothing here."""
    with pytest.MonkeyPatch.context() as patch:
        yield cheap(patch)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(cluster: "Cluster", hashings: list[str]) -> AsyncGenerator[Site]:
    del hashings
    settings = with_keys(
        Settings(
            database_url=cluster.url("app"),  # pyright: ignore[reportArgumentType]
            worker_database_url=cluster.url("worker"),  # pyright: ignore[reportArgumentType]
            admin_database_url=cluster.url("admin"),  # pyright: ignore[reportArgumentType]
            pool_size=4,
            api_rate=1_000_000,
            api_address_rate=1_000_000,
        )
    )
    async with opening.opened(settings) as database:
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(configured(create(database, settings), settings, timeout_graceful_shutdown=1))
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield Site(url, database, settings, await a_company(database), await a_company(database))
        server.should_exit = True
        await serving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncGenerator[Browser]:
    path = chromium()
    async with async_playwright() as tools:
        found = await tools.chromium.launch(executable_path=path, args=CHROMIUM)
        yield found
        await found.close()
