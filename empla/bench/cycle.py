"""What a claim and a quiet cycle cost, on an embedded server that waits for no disk, in a folder that is gone afterwards.

Timings are of one machine at one moment; the ratios of one run can be compared.
"""

import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.bench.cpu import server_seconds
from empla.employees import employees, schedule
from empla.mind import cycle
from empla.settings import Settings
from empla.storage import embedded, opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants

SIZES = (1_000, 100_000, 1_000_000)  # rows of the schedule
_FILL_BATCH = 100_000
_DUE_AT_ONCE = 50
_LEASE = timedelta(minutes=10)
# What is measured is the work, not the disk: nobody waits for it.
_NO_DISK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_FAR = timedelta(days=1)


class ClaimCost(BaseModel):
    """What it costs to claim one turn, with so many rows in the schedule."""

    model_config = ConfigDict(frozen=True)

    rows: int
    claims: int
    per_second: float  # one after the other, over one connection
    server_ms: float | None  # CPU of the server per claim; None where it can't be told
    ratio: float  # time per claim, to that of the first size


class CycleCost(BaseModel):
    """What a cycle costs in which nothing happens."""

    model_config = ConfigDict(frozen=True)

    cycles: int
    statements: float  # messages to the server per cycle
    per_second: float  # one after the other
    client_ms: float  # CPU of this process per cycle
    server_ms: float | None
    per_core: float | None  # cycles per second of CPU, client and server together
    ratio: float  # time per cycle, to that of a transaction that enters and commits


class Report(BaseModel):
    """One run."""

    model_config = ConfigDict(frozen=True)

    server_version: int
    claims: list[ClaimCost]
    cycle: CycleCost


@dataclass(slots=True)
class Spent:
    """Seconds, in all."""

    elapsed: float = 0.0
    client: float = 0.0
    server: float | None = 0.0


class _Id(BaseModel):
    employee_id: UUID


class _Count(BaseModel):
    count: int


async def run(settings: Settings, *, rows: int, cycles: int, claims: int, progress: Callable[[str], None]) -> Report:
    """Measure with schedules of up to so many rows. `progress` is told what comes next."""
    progress("starting a server")
    async with throw_away(settings) as (database, home):
        progress("quiet cycles")
        cycle_cost = await _cycles(database, home, cycles)
        bench = Caller(await tenants.create(database, slug="bench", name="Bench"))
        costs: list[ClaimCost] = []
        filled = 0
        for size in [*(size for size in SIZES if size < rows), rows]:
            progress(f"claims from {size:,} rows")
            await _fill(database, bench, size - filled)
            filled = size
            spent = await _claims(database, home, bench, claims)
            costs.append(_claim_cost(size, claims, spent, costs))
        return Report(
            server_version=settings.postgres_version,
            claims=costs,
            cycle=cycle_cost,
        )


@asynccontextmanager
async def throw_away(settings: Settings) -> AsyncGenerator[tuple[Database, Path]]:
    """A database of its own, on a server in a folder that is gone afterwards."""
    home = _a_home()
    urls = dict.fromkeys(("database_url", "worker_database_url", "admin_database_url"))
    own = settings.model_copy(update={**urls, "home": home, "statement_timeout": 0.0})
    try:
        embedded.start(home, major=own.postgres_version, start_timeout=own.start_timeout, options=_NO_DISK)
        async with opening.opened(own) as database:
            yield database, home
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


def _a_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="empla-bench-"))
    home.chmod(0o711)  # run by root, the server runs as another user, who must be able to pass through
    return home


@contextmanager
def measured(spent: Spent, home: Path) -> Generator[None]:
    """What the block spends is added."""
    elapsed, client, server = time.perf_counter(), time.process_time(), server_seconds(home)
    yield
    spent.elapsed += time.perf_counter() - elapsed
    spent.client += time.process_time() - client
    after = server_seconds(home)
    spent.server = None if None in (spent.server, server, after) else (spent.server or 0) + (after or 0) - (server or 0)


async def _cycles(database: Database, home: Path, count: int) -> CycleCost:
    """Of one salesperson who has nothing to do, beside transactions that do nothing at all."""
    operator = Caller(await tenants.create(database, slug="quiet", name="Quiet"))
    async with database.write(operator) as tx:
        jordan = await employees.hire(tx, name="Jordan", role="sales_ae", email="jordan@quiet.example")
    caller = Caller(operator.tenant, employee=jordan.id)
    for _ in range(20):  # the first forms beliefs, the others prepare the statements
        await cycle.run(database, caller)
    empty, quiet = Spent(), Spent()
    for _ in range(20):
        async with database.work(caller):
            pass
    with measured(empty, home):
        for _ in range(count):
            async with database.work(caller):
                pass
    before = database.statements
    with measured(quiet, home):
        for _ in range(count):
            await cycle.run(database, caller)
    return CycleCost(
        cycles=count,
        statements=(database.statements - before) / count,
        per_second=count / quiet.elapsed,
        client_ms=quiet.client / count * 1000,
        server_ms=None if quiet.server is None else quiet.server / count * 1000,
        per_core=None if quiet.server is None else count / (quiet.client + quiet.server),
        ratio=quiet.elapsed / empty.elapsed,
    )


FILL: LiteralString = """
    INSERT INTO employee_schedule (tenant_id, employee_id, next_cycle_at)
    SELECT %(tenant)s::uuid, gen_random_uuid(), %(first)s::timestamptz + n * interval '1 millisecond'
      FROM generate_series(1, %(rows)s::int) n
    ON CONFLICT DO NOTHING
"""
REFRESH_STATISTICS: LiteralString = "SELECT empla.refresh_statistics() AS count"


async def _fill(database: Database, bench: Caller, rows: int) -> None:
    for start in range(0, rows, _FILL_BATCH):
        async with database.write(bench) as tx:
            await tx.execute(FILL, rows=min(_FILL_BATCH, rows - start), first=tx.now + _FAR)
    await database.across(_Count, REFRESH_STATISTICS)


SOME: LiteralString = """
    SELECT employee_id FROM employee_schedule WHERE tenant_id = %(tenant)s::uuid ORDER BY employee_id LIMIT %(some)s::int
"""
PUT: LiteralString = """
    UPDATE employee_schedule SET next_cycle_at = %(at)s::timestamptz, lease_until = NULL, leased_by = NULL
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = ANY (%(employees)s::uuid[])
"""


async def _claims(database: Database, home: Path, bench: Caller, count: int) -> Spent:
    """Claims of single turns, a few being due at a time as they are for workers that keep up."""
    async with database.read(bench) as tx:
        some = [row.employee_id for row in await tx.fetch_all(_Id, SOME, some=_DUE_AT_ONCE)]
    await _claim_each(database, bench, some)
    spent = Spent()
    for start in range(0, count, len(some)):
        due = some[: count - start]
        await _put(database, bench, due, at=datetime.now(UTC) - timedelta(minutes=1))
        with measured(spent, home):
            for _ in due:
                await schedule.claim(database, worker="bench", lease=_LEASE, most=1)
        await _put(database, bench, due, at=datetime.now(UTC) + _FAR)
    return spent


async def _claim_each(database: Database, bench: Caller, some: Sequence[UUID]) -> None:
    """Connections are open and statements prepared."""
    await _put(database, bench, some, at=datetime.now(UTC) - timedelta(minutes=1))
    for _ in some:
        await schedule.claim(database, worker="bench", lease=_LEASE, most=1)
    await _put(database, bench, some, at=datetime.now(UTC) + _FAR)


async def _put(database: Database, bench: Caller, some: Sequence[UUID], *, at: datetime) -> None:
    async with database.write(bench) as tx:
        await tx.execute(PUT, employees=list(some), at=at)


def _claim_cost(rows: int, count: int, spent: Spent, smaller: Sequence[ClaimCost]) -> ClaimCost:
    per_second = count / spent.elapsed
    return ClaimCost(
        rows=rows,
        claims=count,
        per_second=per_second,
        server_ms=None if spent.server is None else spent.server / count * 1000,
        ratio=smaller[0].per_second / per_second if smaller else 1.0,
    )
