"""A worker runs the cycles of whoever is due, in all tenants; one that fails stops nobody else's. Any number run at once, on any hosts."""

import asyncio
from asyncio import FIRST_COMPLETED, Task, TaskGroup
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog

from empla.employees import schedule
from empla.employees.schedule import Claim, TurnLostError
from empla.errors import ConflictError, EmplaError, ForbiddenError, NotFoundError, UnavailableError
from empla.memory import indexing
from empla.mind import cycle, housekeeping
from empla.storage.database import Database
from empla.storage.tx import Caller

_HOUSE_CHECK_INTERVAL = 3600.0  # seconds; house is kept once a day, by whoever comes first
_INDEX_INTERVAL = 5.0  # seconds; meanwhile a new memory is found by its words alone
_SHORTEST_SLEEP = 0.1  # seconds; somebody may be due whom another process holds
_LONGEST_OUTAGE_SLEEP = 30.0  # seconds

_log = structlog.stdlib.get_logger("empla.worker")


@dataclass(slots=True)
class Tally:
    """What a worker did."""

    cycles: int = 0
    rested: int = 0  # turns outside of working hours
    failed: int = 0


class Worker:
    """So many cycles at once, each with a claim of its own; nothing is claimed that can't be run now."""

    def __init__(self, database: Database, *, name: str, concurrency: int) -> None:
        """`name` is what the schedule calls the holder of a lease."""
        self._database = database
        self._name = name
        self._concurrency = concurrency
        self._running: set[Task[None]] = set()
        self._stopping = asyncio.Event()
        self.tally = Tally()

    def stop(self) -> None:
        """Nothing more is claimed; `run` returns when the cycles in hand are done."""
        self._stopping.set()

    async def run(self, *, once: bool = False) -> None:
        """Work until `stop`, or with `once` until nobody is due.

        With `once` it raises `UnavailableError`; else it waits until the database can be used again.
        """
        _log.info("works", worker=self._name, concurrency=self._concurrency)
        async with TaskGroup() as group:
            beside = [] if once else [group.create_task(self._keep_house()), group.create_task(self._catch_up())]
            try:
                await self._work(group, once=once)
            finally:
                for task in beside:
                    task.cancel()
        if once:
            await indexing.catch_up_all(self._database, embedder=self._database.embedder)
        _log.info("stopped", worker=self._name, cycles=self.tally.cycles, failed=self.tally.failed)

    async def _work(self, group: TaskGroup, *, once: bool) -> None:
        outage = 0.0  # seconds
        while not self._stopping.is_set():
            free = self._concurrency - len(self._running)
            try:
                claims = await self._claim(free)
                outage = 0.0
            except UnavailableError as error:
                if once:
                    raise
                outage = min(max(outage * 2, self._database.settings.worker_poll), _LONGEST_OUTAGE_SLEEP)
                _log.warning("claims nothing", worker=self._name, error=str(error), seconds=outage)
                await self._sleep(outage)
                continue
            for claim in claims:
                task = group.create_task(self._live(claim))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if len(claims) == free or (once and self._running):
                await self._free_hand()
            elif once:
                return
            else:
                await self._sleep(await self._until_due())

    async def _claim(self, most: int) -> list[Claim]:
        lease = timedelta(seconds=self._database.settings.worker_lease)
        return await schedule.claim(self._database, worker=self._name, lease=lease, most=most)

    async def _live(self, claim: Claim) -> None:
        caller = Caller(claim.tenant_id, employee=claim.employee_id)
        try:
            outcome = await cycle.run(self._database, caller, fence=claim.fence)
        except TurnLostError as error:
            _log.info("lost a turn", tenant=claim.tenant_id, employee=claim.employee_id, error=str(error))
        except Exception as error:  # noqa: BLE001 — whatever it was, it is one employee's
            await self._failed(claim, caller, error)
        else:
            self.tally.cycles += outcome.ran
            self.tally.rested += outcome.resting
            if outcome.perceived or outcome.revised or outcome.steps:
                _log.info(
                    "lived",
                    tenant=claim.tenant_id,
                    employee=claim.employee_id,
                    perceived=outcome.perceived,
                    revised=outcome.revised,
                    steps=outcome.steps,
                )

    async def _failed(self, claim: Claim, caller: Caller, error: Exception) -> None:
        """The next turn comes later. Where even that can't be written, nobody is claimed again before the lease ends."""
        try:
            async with self._database.work(caller) as tx:
                later = await schedule.back_off(tx, employee=claim.employee_id, fence=claim.fence)
        except (NotFoundError, ForbiddenError, ConflictError):
            return  # paused, dismissed or suspended since it was claimed, or its turn is another's
        except Exception as second:  # noqa: BLE001 — most likely for the same reason as the first
            later = None
            _log.warning("sets no later turn", employee=claim.employee_id, error=str(second))
        self.tally.failed += 1
        _log.error(
            "failed",
            tenant=claim.tenant_id,
            employee=claim.employee_id,
            next_cycle_at=later,
            error=str(error),
            exc_info=None if isinstance(error, EmplaError) else error,
        )

    async def _free_hand(self) -> None:
        """One of the running cycles has ended, or the worker is to stop."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({*self._running, stopping}, return_when=FIRST_COMPLETED)
        stopping.cancel()

    async def _until_due(self) -> float:
        poll = self._database.settings.worker_poll
        try:
            due_in = await schedule.due_in(self._database)
        except UnavailableError:
            return poll  # the next claim says so
        return poll if due_in is None else min(poll, max(due_in.total_seconds(), _SHORTEST_SLEEP))

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _catch_up(self) -> None:
        """What was perceived or recorded anywhere is counted and embedded, by whichever worker comes first."""
        while not self._stopping.is_set():
            await self._sleep(_INDEX_INTERVAL)
            try:
                await indexing.catch_up_all(self._database, embedder=self._database.embedder)
            except Exception as error:  # noqa: BLE001 — the cycles go on, and words are recalled all the same
                _log.warning(
                    "leaves memories waiting",
                    error=str(error),
                    exc_info=None if isinstance(error, EmplaError) else error,
                )

    async def _keep_house(self) -> None:
        while not self._stopping.is_set():
            try:
                if await housekeeping.is_due(self._database):
                    done = await housekeeping.keep_house(self._database, admin_url=self._database.urls.admin)
                    _log.info("kept house", beliefs_forgotten=done.beliefs_forgotten, tenants=done.tenants)
            except housekeeping.HousekeeperAtWorkError:
                pass  # another worker came first
            except Exception as error:  # noqa: BLE001 — the cycles go on
                _log.warning(
                    "keeps no house", error=str(error), exc_info=None if isinstance(error, EmplaError) else error
                )
            await self._sleep(_HOUSE_CHECK_INTERVAL)
