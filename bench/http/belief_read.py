"""A belief read over HTTP beside the same call in Python: `python bench/http/belief_read.py` prints both, and their ratio.

The server is a process of its own; the client keeps its connection, and speaks by the standard library's http.client. Both ask as the same
API key, the same database, in turns, so that what the machine does meanwhile slows both. Timings are of one machine at one moment.
"""

import argparse
import asyncio
import http.client
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import uvicorn

from empla.access import keys
from empla.access.doors import by_token
from empla.api.app import create
from empla.api.server import configured
from empla.bdi import belief_listing, beliefs
from empla.bdi.beliefs import Evidence
from empla.bench.cycle import throw_away
from empla.employees import employees
from empla.observability import logs
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants, users

WARM = 300


async def _serve(home: Path) -> None:
    """Until it is killed; says its port."""
    logs.to_stderr()
    settings = Settings(home=home, api_rate=10_000_000, api_address_rate=10_000_000)
    async with opening.opened(settings) as database:
        listening = socket.create_server(("127.0.0.1", 0))
        print(listening.getsockname()[1], flush=True)
        await uvicorn.Server(configured(create(database, settings), settings)).serve(sockets=[listening])


async def _furnished(database: Database) -> tuple[str, UUID, UUID]:
    """A key, an employee and a belief of it among a hundred."""
    operator = Caller(await tenants.create(database, slug="bench", name="Bench"))
    async with database.write(operator) as tx:
        ada = await users.invite(tx, email="ada@acme.example", name="Ada", role="manager")
        jordan = await employees.hire(tx, name="Jordan", role="pm", email="jordan@acme.example")
        key = await keys.create(tx, user=ada.id, name="bench", scopes=["read"])
        for number in range(100):
            news = Evidence(subject="pipeline", predicate=f"p{number}", object=number, occurred_at=tx.now)
            await beliefs.observe_many(tx, employee=jordan.id, news=[news])
        belief = await beliefs.current(tx, employee=jordan.id, subject="pipeline", predicate="p50")
    return key.text, jordan.id, belief.id


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


async def _measure(times: int) -> None:
    async with throw_away(Settings()) as (database, home):
        text, employee, belief = await _furnished(database)
        principal = await by_token(database, text)
        # Its log goes nowhere: a pipe that nobody reads would be full soon, and the server wait for it.
        server = subprocess.Popen(  # noqa: ASYNC220 — nothing else is done meanwhile
            [sys.executable, __file__, "--serve", str(home)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert server.stdout is not None  # noqa: S101
            connection = http.client.HTTPConnection("127.0.0.1", int(server.stdout.readline()), timeout=20)
            path, headers = f"/v1/employees/{employee}/beliefs/{belief}", {"Authorization": f"Bearer {text}"}

            async def in_python() -> None:
                async with database.read(principal.caller) as tx:
                    await belief_listing.get(tx, employee=employee, belief=belief)

            async def over_http() -> None:
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == 200, body  # noqa: S101, PLR2004
                json.loads(body)

            for call in (in_python, over_http):
                for _ in range(WARM):
                    await call()
            took: dict[str, list[float]] = {"Python": [], "HTTP": []}
            for _ in range(times):
                took["Python"].append(await _timed(in_python))
                took["HTTP"].append(await _timed(over_http))
        finally:
            server.terminate()
            server.wait(20)
        print(f"a belief read, {times:,} times each, ms")
        for name, seconds in took.items():
            parts = statistics.quantiles(seconds, n=100)
            print(f"{name:8} p50 {1000 * parts[49]:6.2f}   p95 {1000 * parts[94]:6.2f}   p99 {1000 * parts[98]:6.2f}")
        print(f"ratio at p50: {statistics.median(took['HTTP']) / statistics.median(took['Python']):.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3000)
    parser.add_argument("--serve", type=Path)
    chosen = parser.parse_args()
    asyncio.run(_serve(chosen.serve) if chosen.serve else _measure(chosen.times))
