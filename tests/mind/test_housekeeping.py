"""Housekeeping reaches every active tenant and no other, and one process at a time does it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from living import Living
from own_database import admin_url, own_database

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.employees import employees
from empla.errors import UnavailableError
from empla.memory import working
from empla.memory.shapes import WorkingContent
from empla.mind import housekeeping
from empla.mind.housekeeping import HousekeeperAtWorkError
from empla.settings import Settings
from empla.storage import opening, retention
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants, users

if TYPE_CHECKING:
    from own_database import Cluster

CALL = {"action": "task", "title": "Call ten prospects"}
FAILING = {**CALL, "criteria": "phone.works", "retries": 0}
LONG_AGO = timedelta(days=30)


@pytest.fixture
def own(cluster: "Cluster") -> Iterator[Settings]:
    with own_database(cluster) as settings:
        yield settings


async def a_believer(database: Database, slug: str, *, starts_at: datetime | None = None) -> Caller:
    """The operator of a tenant whose one employee holds a belief that has decayed and one that never does."""
    operator = Caller(await tenants.create(database, slug=slug, name=slug, starts_at=starts_at))
    async with database.write(operator) as tx:
        hired = await employees.hire(tx, name="Jordan", role="pm", email="jordan@acme.example")
        then = tx.now - LONG_AGO
        faded = Evidence(subject="jane", predicate="mood", object="good", occurred_at=then)
        lasting = Evidence(subject="jane", predicate="born", object=1980, occurred_at=then, decay_rate=0)
        await beliefs.observe_many(tx, employee=hired.id, news=[faded, lasting])
    return operator


async def held(database: Database, operator: Caller) -> list[str]:
    async with database.read(operator) as tx:
        (person,) = await employees.everyone(tx)
        return [belief.predicate for belief in await beliefs.held(tx, employee=person.id)]


async def test_what_decayed_is_forgotten_in_every_active_tenant_by_its_own_clock(own: Settings):
    async with opening.opened(own) as database:
        real = await a_believer(database, "real")
        simulated = await a_believer(database, "simulated", starts_at=datetime(2020, 1, 1, tzinfo=UTC))
        resting = await a_believer(database, "resting")
        await tenants.set_status(database, tenant=resting.tenant, status="suspended")
        told: list[tuple[int, int]] = []
        done = await housekeeping.keep_house(database, progress=lambda count, total: told.append((count, total)))
        assert (done.tenants, done.beliefs_forgotten) == (2, 2)
        assert told == [(0, 2), (1, 2)]
        await tenants.set_status(database, tenant=resting.tenant, status="active")
        assert [await held(database, one) for one in (real, simulated, resting)] == [
            ["born"],
            ["born"],
            ["born", "mood"],
        ]
        assert (await housekeeping.keep_house(database)).beliefs_forgotten == 1


async def one_that_lived(database: Database, operator: Caller) -> Living:
    """Jordan's life: a goal that was violated for two days, a plan that brought it back, one that failed, and things in hand."""
    async with database.read(operator) as tx:
        (jordan,) = await employees.everyone(tx)
    living = Living(database, operator, jordan.id)
    await living.learns("vain", FAILING, goals=["pipeline.coverage"])
    await living.learns("will", CALL, goals=["pipeline.coverage"], success="pipeline.coverage >= 1")
    await living.wants("pipeline.coverage", threshold=1.0)
    for value in (1.3, 0.8, 1.2):
        await living.hears(value, decay_rate=0)
        await living.goes_on()
        await living.waits(2)
    async with database.write(operator) as tx:
        later = tx.now + timedelta(days=1)
        for pinned, expires_at in ((False, None), (False, later), (True, later), (True, None)):
            await working.hold(
                tx,
                employee=jordan.id,
                context_type="scratchpad",
                content=WorkingContent(task=f"{pinned} {expires_at}"),
                pinned=pinned,
                expires_at=expires_at,
            )
    return living


async def test_achievements_are_summed_up_and_what_expired_is_gone_in_every_active_tenant(own: Settings):
    starts_at = datetime(2020, 1, 1, tzinfo=UTC)
    async with opening.opened(own) as database:
        lives = [
            await one_that_lived(database, await a_believer(database, slug, starts_at=starts_at))
            for slug in ("acme", "resting")
        ]
        done = await housekeeping.keep_house(database)
        assert (done.employees_summed, done.items_expired) == (2, 0)
        await tenants.set_status(database, tenant=lives[1].caller.tenant, status="suspended")
        await lives[0].waits(1)
        done = await housekeeping.keep_house(database)
        assert (done.employees_summed, done.items_expired) == (0, 2)
        assert {item.content.task for item in await lives[0].in_hand()} == {"False None", "True None"}
        async with database.read(lives[0].caller) as tx:
            summed = (await employees.get(tx, employee=lives[0].employee)).performance_metrics.to_json()
    assert summed.pop("eventful_cycles") == 4
    assert summed.pop("mean_cycle_seconds")
    assert summed == {
        "goals_achieved": 0,
        "goal_violations": 1,
        "goals_restored": 1,
        "mean_days_to_restore": 2.0,
        "tasks_completed": 1,
        "tasks_failed": 1,
        "tasks_abandoned": 0,
        "steps_completed": 1,
        "success_rate": 0.5,
    }


async def test_one_at_a_time_keeps_house(own: Settings):
    async with opening.opened(own) as database, opening.opened(own) as another:
        async with another.alone(housekeeping.TASK) as alone:
            assert alone
            with pytest.raises(HousekeeperAtWorkError, match="another process is keeping house"):
                await housekeeping.keep_house(database)
        assert (await housekeeping.keep_house(database)).tenants == 0


async def test_a_pool_of_one_connection_is_enough(own: Settings):
    async with opening.opened(own.model_copy(update={"pool_size": 1})) as database:
        await a_believer(database, "real")
        assert (await housekeeping.keep_house(database)).beliefs_forgotten == 1


async def test_sign_ins_that_were_over_long_ago_are_gone_in_every_active_tenant(own: Settings):
    async with opening.opened(own) as database:
        for slug in ("acme", "rival", "resting"):
            operator = Caller(await tenants.create(database, slug=slug, name=slug))
            async with database.write(operator) as tx:
                dana = await users.invite(tx, email="dana@acme.example", name="Dana", role="user")
            with psycopg.connect(admin_url(own)) as admin:
                admin.execute("SELECT set_config('app.current_tenant_id', %s, true)", (str(operator.tenant),))
                admin.execute(
                    "INSERT INTO empla.sign_ins (tenant_id, user_id, idle_until, expires_at) VALUES (%s, %s, '2020-01-01', '2020-01-30')",
                    (operator.tenant, dana.id),
                )
        await tenants.set_status(database, tenant=operator.tenant, status="suspended")
        assert (await housekeeping.keep_house(database)).sign_ins_swept == 2
        assert (await housekeeping.keep_house(database)).sign_ins_swept == 0


def an_old_month(settings: Settings, name: str, log: str = "audit_log") -> None:
    with psycopg.connect(admin_url(settings), autocommit=True) as admin:
        admin.execute("SET ROLE empla_owner")
        admin.execute(
            f"CREATE TABLE empla.{log}_{name} PARTITION OF empla.{log} FOR VALUES "
            f"FROM (empla.uuidv7_floor(to_date('{name}', 'YYYYMM'))) "
            f"TO (empla.uuidv7_floor(to_date('{name}', 'YYYYMM') + interval '1 month'))".encode()
        )


def months_ago(count: int) -> str:
    today = datetime.now(UTC)
    month = today.year * 12 + today.month - 1 - count
    return f"{month // 12}{month % 12 + 1:02}"


def partitions(settings: Settings) -> set[str]:
    with psycopg.connect(admin_url(settings)) as admin:
        return {row[0] for row in admin.execute("SELECT relname FROM pg_class WHERE relname ~ '^audit_log_[0-9]{6}$'")}


async def test_this_month_and_as_many_before_as_are_to_be_kept_stay(own: Settings):
    for count in (2, 3, 4):
        an_old_month(own, months_ago(count))
    async with opening.opened(own.model_copy(update={"retain_log_months": 3})) as database:
        assert (await housekeeping.keep_house(database)).partitions_dropped == 0  # nobody gave the administrator's URL
        assert (await housekeeping.keep_house(database, admin_url=admin_url(own))).partitions_dropped == 1
    assert {f"audit_log_{months_ago(count)}" for count in (0, 1, 2, 3)} < partitions(own)
    assert f"audit_log_{months_ago(4)}" not in partitions(own)


async def test_without_a_limit_nothing_is_dropped(own: Settings):
    an_old_month(own, "200001")
    async with opening.opened(own) as database:
        assert (await housekeeping.keep_house(database, admin_url=admin_url(own))).partitions_dropped == 0


def test_a_reader_holds_a_month_up_and_not_the_housekeeper(own: Settings):
    an_old_month(own, "200001")
    with psycopg.connect(admin_url(own)) as reader:
        reader.execute("SELECT count(*) FROM empla.audit_log")
        with pytest.raises(UnavailableError, match="a reader holds a log, so none of its months was dropped"):
            retention.drop_log_months(admin_url(own), keep=1)
    assert retention.drop_log_months(admin_url(own), keep=1) == 1
