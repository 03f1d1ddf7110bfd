"""Who is due is claimed over all tenants, once, by workers alone; who may not run is not."""

import asyncio
from datetime import timedelta
from typing import LiteralString

import psycopg
import pytest
from factories import MONDAY, wait
from shift import LEASE, a_shift, a_tenant, claimed, future, past, who

from empla.employees import employees, schedule
from empla.errors import ForbiddenError, InvalidError
from empla.storage.database import Database
from empla.tenancy import tenants


async def test_whoever_is_due_is_claimed_in_every_tenant_the_longest_due_first(alone: Database):
    acme, rival = await a_tenant(alone), await a_tenant(alone)
    second = await a_shift(alone, acme, due=past(minutes=2))
    first = await a_shift(alone, rival, due=past(minutes=3))
    third = await a_shift(alone, acme, due=past(minutes=1))
    await a_shift(alone, rival, due=future(minutes=1))
    assert await who(alone, 1) == [first.employee]
    assert await who(alone) == [second.employee, third.employee]
    assert await who(alone) == []


async def test_a_claim_is_the_workers_until_its_lease_ends_and_the_next_has_a_higher_fence(alone: Database):
    jordan = await a_shift(alone, await a_tenant(alone), due=past(minutes=1))
    (claim,) = await claimed(alone, worker="first", lease=timedelta(seconds=0.2))
    place = await jordan.place()
    assert (claim.fence, place.fence, place.leased_by, place.leased) == (1, 1, "first", True)
    assert await claimed(alone) == []
    await asyncio.sleep(0.25)
    (claim,) = await claimed(alone, worker="second")
    assert (claim.tenant_id, claim.employee_id, claim.fence) == (jordan.operator.tenant, jordan.employee, 2)


async def test_a_simulated_tenants_employee_is_due_by_its_own_clock(alone: Database):
    acme = await a_tenant(alone, simulated=True)
    jordan = await a_shift(alone, acme, due=MONDAY + timedelta(days=1))
    assert (await jordan.place()).clock_now == MONDAY
    assert await who(alone) == []
    await wait(alone, acme, 1)
    assert await who(alone) == [jordan.employee]
    robin = await a_shift(alone, acme)
    assert (await robin.place()).clock_now == MONDAY + timedelta(days=1)
    assert await who(alone) == [robin.employee]


async def test_real_and_simulated_tenants_do_not_starve_each_other(alone: Database):
    real, simulated = await a_tenant(alone), await a_tenant(alone, simulated=True)
    kinds = {(await a_shift(alone, tenant)).employee: tenant for tenant in [real, simulated] * 17}
    for _ in range(3):
        assert {kinds[employee] for employee in await who(alone, 2)} == {real, simulated}
    # One at a time a coin decides: all fourteen the same way comes once in 8,192 times.
    found = [(await who(alone, 1))[0] for _ in range(14)]
    assert {kinds[employee] for employee in found} == {real, simulated}
    assert len({*found, *await who(alone)}) == 28
    assert await who(alone) == []


async def test_one_kind_alone_fills_the_whole_claim(alone: Database):
    for simulated in (False, True):
        tenant = await a_tenant(alone, simulated=simulated)
        for _ in range(5):
            await a_shift(alone, tenant)
        assert len(await who(alone, 5)) == 5


async def test_who_is_paused_or_onboarding_is_not_claimed(alone: Database):
    acme = await a_tenant(alone)
    jordan, robin = await a_shift(alone, acme), await a_shift(alone, acme, active=False)
    async with alone.write(acme) as tx:
        await employees.pause(tx, employee=jordan.employee)
    assert await who(alone) == []
    async with alone.write(acme) as tx:
        await employees.resume(tx, employee=jordan.employee)
        await employees.resume(tx, employee=robin.employee)
    assert set(await who(alone)) == {jordan.employee, robin.employee}


async def test_who_is_dismissed_is_not_claimed(alone: Database):
    acme = await a_tenant(alone)
    jordan, robin = await a_shift(alone, acme), await a_shift(alone, acme)
    async with alone.write(acme) as tx:
        await employees.dismiss(tx, employee=jordan.employee)
    assert await who(alone) == [robin.employee]


@pytest.mark.parametrize("clock", ["real", "simulated"])
async def test_nobody_of_a_suspended_tenant_is_claimed(alone: Database, clock: str):
    acme, rival = await a_tenant(alone, simulated=clock == "simulated"), await a_tenant(alone)
    jordan, robin = await a_shift(alone, acme), await a_shift(alone, rival)
    await tenants.set_status(alone, tenant=acme.tenant, status="suspended")
    assert await who(alone) == [robin.employee]
    await tenants.set_status(alone, tenant=acme.tenant, status="active")
    assert await who(alone) == [jordan.employee]


async def test_whose_row_is_locked_is_passed_over_and_not_waited_for(alone: Database):
    acme = await a_tenant(alone)
    jordan, robin = await a_shift(alone, acme, due=past(minutes=2)), await a_shift(alone, acme)
    async with alone.work(jordan.caller) as tx:
        await schedule.take_turn(tx, employee=jordan.employee)
        assert await who(alone) == [robin.employee]


async def test_many_claims_at_once_claim_nobody_twice(alone: Database):
    acme = await a_tenant(alone)
    for _ in range(20):
        await a_shift(alone, acme)
    found = [one for some in await asyncio.gather(*(who(alone, 3) for _ in range(12))) for one in some]
    assert len(found) == len(set(found))
    assert len({*found, *await who(alone)}) == 20


async def test_a_worker_learns_how_long_it_may_sleep(alone: Database):
    assert await schedule.due_in(alone) is None
    acme = await a_tenant(alone)
    await a_shift(alone, await a_tenant(alone, simulated=True))
    jordan = await a_shift(alone, acme, due=future(minutes=2))
    ahead = await schedule.due_in(alone)
    assert ahead is not None
    assert timedelta(minutes=1.9) < ahead <= timedelta(minutes=2)
    await jordan.wake(past(minutes=1))
    due = await schedule.due_in(alone)
    assert due is not None
    assert due < timedelta(0)
    await claimed(alone)
    assert await schedule.due_in(alone) is None  # its turn is the claimer's


async def test_nobody_but_a_worker_claims(database: Database):
    for call in (schedule.CLAIM, schedule.DUE_IN):
        with pytest.raises(ForbiddenError):
            await database.across(schedule.Claim, call, worker="w", lease=LEASE, most=1)


async def test_within_a_tenant_nothing_is_claimed_or_told(alone: Database):
    jordan = await a_shift(alone, await a_tenant(alone), due=past(minutes=1))
    with psycopg.connect(str(alone.urls.worker)) as worker:
        worker.execute("SELECT ctx.enter(%s, NULL, %s)", (jordan.operator.tenant, jordan.employee))
        assert worker.execute("SELECT empla.due_in()").fetchone() == (None,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="outside of every tenant"):
            worker.execute("SELECT * FROM empla.claim_due('w', '1 min', 1)")
    assert await who(alone) == [jordan.employee]


@pytest.mark.parametrize(
    ("worker", "lease", "most"), [("", LEASE, 1), ("w", timedelta(0), 1), ("w", LEASE, 0), ("w", LEASE, 10_001)]
)
async def test_a_claim_that_makes_no_sense_is_refused(database: Database, worker: str, lease: timedelta, most: int):
    with pytest.raises(InvalidError, match="a worker has a name, a lease lasts"):
        await schedule.claim(database, worker=worker, lease=lease, most=most)


CROWD: LiteralString = """
    INSERT INTO empla.employee_schedule (tenant_id, employee_id, next_cycle_at)
    SELECT gen_random_uuid(), gen_random_uuid(), now() + interval '1 day' FROM generate_series(1, 20000)
"""
# Rows and index entries read so far, and scans of the whole table.
READ: LiteralString = """
    SELECT t.seq_scan, t.idx_tup_fetch + (SELECT sum(idx_tup_read) FROM pg_stat_all_indexes i WHERE i.relid = t.relid)
      FROM pg_stat_all_tables t WHERE t.relid = 'empla.employee_schedule'::regclass
"""


async def test_a_claim_reads_those_whom_it_claims_however_many_others_are_scheduled(alone: Database):
    """Planned for the first time or the tenth, before the first ANALYZE and after."""
    acme = await a_tenant(alone)
    with psycopg.connect(str(alone.urls.admin), autocommit=True) as admin:
        admin.execute(CROWD)
        for analysed in (False, True):
            if analysed:
                admin.execute("ANALYZE empla.employee_schedule")
            people = [(await a_shift(alone, acme)).employee for _ in range(10)]
            with psycopg.connect(str(alone.urls.worker), autocommit=True) as worker:
                worker.execute("SELECT empla.due_in()")
                worker.execute("SELECT pg_stat_force_next_flush()")
                scans, rows = admin.execute(READ).fetchone() or (0, 0)
                for _ in people:
                    assert worker.execute("SELECT * FROM empla.claim_due('w', '1 min', 1)").rowcount == 1
                    worker.execute("SELECT empla.due_in()")
                worker.execute("SELECT pg_stat_force_next_flush()")
            after = admin.execute(READ).fetchone() or (0, 0)
            assert after[0] == scans
            assert after[1] - rows < 1000
