"""What a database needs from time to time: months ahead, forgetting, sums of achievements, statistics, retention. One at a time does it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel

from empla.access import idempotency, sign_ins
from empla.bdi import beliefs
from empla.errors import ConflictError, ForbiddenError, NotFoundError
from empla.memory import capacity, working
from empla.observability import events, metrics
from empla.storage import retention
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants

# The task that `Database.alone` names.
TASK = 7_390_004
MOST_BATCHES = 100  # of episodes that one employee forgets in one go; the rest has time until the next


class HousekeeperAtWorkError(ConflictError):
    """Another process is doing the same."""


@dataclass(frozen=True)
class Housework:
    """What was done."""

    partitions_made: int
    tenants: int  # that are active
    beliefs_forgotten: int
    items_expired: int  # of working memory
    episodes_evicted: int  # beyond EMPLA_EPISODES_KEPT
    events_forgotten: int  # older than EMPLA_EVENT_DAYS
    employees_summed: int  # whose performance metrics changed
    answers_swept: int  # of Idempotency-Keys that were kept long enough
    sign_ins_swept: int  # and links, that were over for EMPLA_SIGN_IN_KEPT_DAYS
    tables_analysed: int
    partitions_dropped: int


@dataclass(frozen=True)
class _Kept:
    """What was done for one tenant."""

    forgotten: int = 0
    expired: int = 0
    evicted: int = 0
    summed: int = 0
    events: int = 0
    swept: int = 0
    sign_ins: int = 0


class _Count(BaseModel):
    count: int


class _Due(BaseModel):
    due: bool


# Keeping house ends with the statistics of all tables, and the server remembers when it was asked for each.
IS_DUE: LiteralString = """
    SELECT count(*) FILTER (WHERE last_analyze > now() - interval '1 day') < count(*) AS due
      FROM pg_stat_all_tables WHERE schemaname = 'empla'
"""


async def is_due(database: Database) -> bool:
    """Whether nobody has kept house for a day, or since a table was made."""
    return (await database.across(_Due, IS_DUE))[0].due


ENSURE_PARTITIONS: LiteralString = "SELECT empla.ensure_partitions() AS count"
REFRESH_STATISTICS: LiteralString = "SELECT empla.refresh_statistics() AS count"


async def keep_house(
    database: Database, *, admin_url: str | None = None, progress: Callable[[int, int], None] | None = None
) -> Housework:
    """The logs have their coming months, what decayed, expired or had no room is gone, achievements are summed up, tables are analysed.

    With EMPLA_RETAIN_LOG_MONTHS and the administrator's URL, older months of the logs are dropped. `progress` is told how many
    tenants of how many are done. Raises `HousekeeperAtWorkError`.
    """
    async with database.alone(TASK) as alone:
        if not alone:
            raise HousekeeperAtWorkError("another process is keeping house in this database: let it finish")
        made = (await database.across(_Count, ENSURE_PARTITIONS))[0].count
        active = await tenants.active(database)
        kept: list[_Kept] = []
        for done, tenant in enumerate(active):
            if progress:
                progress(done, len(active))
            kept.append(await _keep(database, tenant))
        analysed = (await database.across(_Count, REFRESH_STATISTICS))[0].count
        keep = database.settings.retain_log_months
        dropped = await asyncio.to_thread(retention.drop_log_months, admin_url, keep=keep) if admin_url and keep else 0
    return Housework(
        partitions_made=made,
        tenants=len(active),
        beliefs_forgotten=sum(each.forgotten for each in kept),
        items_expired=sum(each.expired for each in kept),
        episodes_evicted=sum(each.evicted for each in kept),
        events_forgotten=sum(each.events for each in kept),
        employees_summed=sum(each.summed for each in kept),
        answers_swept=sum(each.swept for each in kept),
        sign_ins_swept=sum(each.sign_ins for each in kept),
        tables_analysed=analysed,
        partitions_dropped=dropped,
    )


async def _keep(database: Database, tenant: UUID) -> _Kept:
    try:
        async with database.write(Caller(tenant)) as tx:
            done = _Kept(
                forgotten=await beliefs.forget(tx, floor=database.settings.forget_below),
                expired=await working.expire(tx),
                summed=await metrics.roll_up(tx),
                events=await events.forget(tx),
                swept=await idempotency.sweep(tx),
                sign_ins=await sign_ins.sweep(tx),
            )
        return replace(done, evicted=await _make_room(database, tenant))
    except (NotFoundError, ForbiddenError):
        return _Kept()  # it was suspended or deleted since it was listed


async def _make_room(database: Database, tenant: UUID) -> int:
    """Episodes beyond what is kept of each employee are evicted, after the beliefs that rested on them; a batch is a transaction."""
    kept, evicted = database.settings.episodes_kept, 0
    async with database.read(Caller(tenant)) as tx:
        crowded = await capacity.crowded(tx, kept=kept)
    for employee in crowded:
        for _ in range(MOST_BATCHES):
            async with database.write(Caller(tenant)) as tx:
                batch = await capacity.evict(tx, employee=employee.employee_id, kept=kept)
            evicted += batch
            if not batch:
                break
    return evicted
