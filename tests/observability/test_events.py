"""Events: in the order of transactions, none missed and none twice, seen by right, and followed by many at the cost of one connection."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest
from factories import an_employee
from living import hired
from own_database import admin_url, own_database

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.employees import assignments, employees
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from empla.observability import events
from empla.observability.events import BEGINNING, KINDS, Event, Page
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

if TYPE_CHECKING:
    from conftest import Cluster

IN_TIME = 30.0  # seconds; what takes longer does not come


async def look(database: Database, caller: Caller, after: str | None = None, limit: int = 100) -> Page:
    async with database.read(caller) as tx:
        return await events.since(tx, after=after, limit=limit)


async def all_of(database: Database, caller: Caller, after: str | None = None, *, least: int = 0) -> list[Event]:
    """Read to the end, as soon as nobody else's transaction holds anything back."""
    found: list[Event] = []
    async with asyncio.timeout(IN_TIME):
        while True:
            page = await look(database, caller, after, limit=3)
            found += page.events
            after = page.after
            if not page.is_full and not page.is_held and len(found) >= least:
                return found
            await asyncio.sleep(0 if page.is_full else 0.01)


async def come(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(IN_TIME):
        while not is_so():  # noqa: ASYNC110 — what is waited for tells nobody
            await asyncio.sleep(0.01)


async def pause(database: Database, caller: Caller, employee: UUID) -> None:
    async with database.write(caller) as tx:
        await employees.pause(tx, employee=employee)


async def test_a_transaction_that_commits_late_is_met_in_its_place_and_not_passed_by(
    database: Database, acme: Caller, rival: Caller
):
    early, late = await an_employee(database, acme), await an_employee(database, acme, name="Robin")
    [*_, last] = await all_of(database, acme, least=2)
    async with database.write(acme) as tx:
        await employees.pause(tx, employee=early.id)
        await pause(database, acme, late.id)  # begins later, and is committed before
        page = await look(database, acme, last.id)
        assert (page.events, page.is_held) == ([], True)
    seen = await all_of(database, acme, page.after, least=2)
    assert [event.employee_id for event in seen] == [early.id, late.id]
    assert await all_of(database, acme, seen[0].id) == seen[1:]
    assert await all_of(database, acme, seen[1].id) == []
    assert await all_of(database, rival) == []


async def test_whoever_resumes_anywhere_misses_nothing_and_sees_nothing_twice(database: Database, acme: Caller):
    """Writers of many lengths, and a reader that goes on from each page's end meanwhile."""
    people = [await an_employee(database, acme, name=f"Robin{number}") for number in range(6)]
    begin = (await all_of(database, acme, least=6))[-1].id

    async def write(number: int) -> None:
        for turn in range(4):
            async with database.write(acme) as tx:
                change = employees.resume if turn % 2 else employees.pause
                await change(tx, employee=people[number].id)
                await asyncio.sleep(0.002 * ((number * 7 + turn) % 5))

    async with asyncio.TaskGroup() as group:
        reader = group.create_task(all_of(database, acme, begin, least=24))
        for number in range(6):
            group.create_task(write(number))
    seen = reader.result()
    assert len(seen) == len({event.id for event in seen}) == 24
    places = [event.id.partition("-") for event in seen]
    assert seen == await all_of(database, acme, begin)
    assert [int(place[0]) for place in places] == sorted(int(place[0]) for place in places)


async def test_what_an_employee_lives_through_is_told_and_a_quiet_cycle_is_not(database: Database):
    jordan = await hired(database)
    await jordan.wants("team.coverage", threshold=1)
    await jordan.hears(0.5, "team")
    await jordan.learns(
        "write", {"action": "note", "text": "done"}, {"action": "notify", "text": "Look"}, triggers=["go"]
    )
    await jordan.meets("go")
    await jordan.goes_on()
    seen = await all_of(database, jordan.caller, least=10)
    kinds = [event.kind for event in seen]
    for kind in (
        *("employee.status", "goal.adopted", "belief.changed", "goal.violated", "intention.proposed", "step.done"),
        *("notice.raised", "intention.status", "cycle.finished"),
    ):
        assert kind in kinds, kind
    assert {event.employee for event in seen} == {"Jordan"}
    assert next(event.sentence for event in seen if event.kind == "belief.changed") == "team coverage is 0.5"
    await jordan.lives()
    assert await all_of(database, jordan.caller, seen[-1].id) == []


async def test_what_one_statement_changes_in_much_is_told_as_a_number(database: Database):
    jordan = await hired(database)
    async with database.write(jordan.caller) as tx:
        news = [Evidence.parse(subject=f"deal {number}", predicate="stage", object="open") for number in range(21)]
        await beliefs.observe_many(tx, employee=jordan.employee, news=news)
    told = [
        event.sentence for event in await all_of(database, jordan.caller, least=2) if event.kind == "belief.changed"
    ]
    assert told == ["21 beliefs have changed"]


async def test_users_see_what_their_own_employees_do_and_a_right_that_is_taken_away_ends_it(
    database: Database, acme: Caller
):
    mine, other = await an_employee(database, acme), await an_employee(database, acme, name="Robin")
    async with database.write(acme) as tx:
        sam = await users.invite(tx, email="sam@acme.example", name="Sam", role="user")
        await assignments.assign(tx, user=sam.id, employee=mine.id)
    caller = Caller(acme.tenant, user=sam.id)
    assert {event.employee_id for event in await all_of(database, caller, least=1)} == {mine.id}
    async with aclosing(events.follow(database, caller, after=BEGINNING)) as stream:
        assert (await anext(stream)).employee_id == mine.id
        await pause(database, acme, other.id)
        await pause(database, acme, mine.id)
        async with asyncio.timeout(IN_TIME):
            assert (await anext(stream)).employee_id == mine.id
        async with database.write(acme) as tx:
            await users.delete(tx, user=sam.id)
            await employees.resume(tx, employee=mine.id)
        with pytest.raises((NotFoundError, ForbiddenError)):
            async with asyncio.timeout(IN_TIME):
                await anext(stream)


async def test_the_employee_itself_reads_no_events(database: Database, acme: Caller):
    jordan = await an_employee(database, acme)
    async with database.work(Caller(acme.tenant, employee=jordan.id)) as tx:
        with pytest.raises(ForbiddenError):
            await events.since(tx)


@pytest.mark.parametrize("after", ["", "x", "1", "1-2", f"-1-{0:032}", f"{2**64}-{0:032}", f"1-{0:032} "])
async def test_what_is_no_id_is_refused(database: Database, acme: Caller, after: str):
    with pytest.raises(InvalidError):
        await look(database, acme, after)


async def test_an_id_of_another_database_is_refused_and_its_rows_are_forgotten(cluster: "Cluster", acme: Caller):
    del acme
    with own_database(cluster) as settings:
        async with opening.opened(settings) as database:
            jordan = await hired(database)
            with pytest.raises(ConflictError):
                await look(database, jordan.caller, f"{2**40}-{0:032}")
            with psycopg.connect(admin_url(settings), autocommit=True) as admin:
                admin.execute("UPDATE empla.events SET recorded_at = clock_timestamp() - interval '8 days'")
            await pause(database, jordan.caller, jordan.employee)
            async with database.write(jordan.caller) as tx:
                assert await events.forget(tx) == 1
            assert len(await all_of(database, jordan.caller)) == 1
            async with database.write(jordan.caller) as tx:
                sam = await users.invite(tx, email="sam@acme.example", name="Sam", role="admin")
            async with database.write(Caller(jordan.caller.tenant, user=sam.id)) as tx:
                with pytest.raises(ForbiddenError):
                    await events.forget(tx)


async def test_five_hundred_follow_over_one_connection_and_who_never_reads_holds_nobody_up(
    database: Database, acme: Caller, rival: Caller
):
    jordan = await an_employee(database, acme)
    elsewhere = await an_employee(database, rival)
    [*_, last] = await all_of(database, acme, least=1)

    async def first_two(stream: AsyncGenerator[Event]) -> list[Event]:
        async with aclosing(stream):
            return [await anext(stream), await anext(stream)]

    async with asyncio.TaskGroup() as group, aclosing(events.follow(database, acme, after=BEGINNING)) as idle:
        await anext(idle)  # and never again
        readers = [group.create_task(first_two(events.follow(database, acme, after=last.id))) for _ in range(500)]
        await come(lambda: database.listening.subscribers == 501 and database.listening.connections == 1)
        await pause(database, rival, elsewhere.id)
        await pause(database, acme, jordan.id)
        async with database.write(acme) as tx:
            await employees.resume(tx, employee=jordan.id)
        async with asyncio.timeout(60):
            heard = [await reader for reader in readers]
    assert database.listening.connections == 1
    assert database.listening.subscribers == 0
    assert {tuple(event.sentence for event in each) for each in heard} == {
        ("Jordan is paused, in stage shadow", "Jordan is active, in stage shadow")
    }


async def test_followers_go_on_after_the_server_has_cut_every_connection(cluster: "Cluster"):
    with own_database(cluster) as settings:
        async with opening.opened(settings) as database:
            jordan = await hired(database)
            stream = events.follow(database, jordan.caller, after=BEGINNING)
            async with aclosing(stream), asyncio.timeout(IN_TIME):
                seen = [await anext(stream)]
                await come(lambda: database.listening.connections == 1)
                with psycopg.connect(admin_url(settings), autocommit=True) as admin:
                    admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                waiting = asyncio.create_task(anext(stream))  # pyright: ignore[reportArgumentType]
                async with opening.opened(settings) as other:
                    await pause(other, jordan.caller, jordan.employee)
                seen.append(await waiting)
                await come(lambda: database.listening.connections == 2)
    assert [event.sentence for event in seen] == [
        "Jordan is active, in stage shadow",
        "Jordan is paused, in stage shadow",
    ]


async def test_a_follower_is_woken_and_does_not_wait_for_its_next_look(
    database: Database, acme: Caller, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(events, "LOOK_AGAIN", 3600.0)
    jordan = await an_employee(database, acme)
    async with aclosing(events.follow(database, acme, after=BEGINNING)) as stream:
        await anext(stream)
        waiting = asyncio.create_task(anext(stream))  # pyright: ignore[reportArgumentType]
        await come(lambda: database.listening.connections == 1)
        await asyncio.sleep(0.2)
        await pause(database, acme, jordan.id)
        async with asyncio.timeout(IN_TIME):
            assert (await waiting).kind == "employee.status"


async def test_a_look_is_one_statement(database: Database, acme: Caller):
    await an_employee(database, acme)
    before = database.statements
    await look(database, acme)
    assert database.statements - before == 3  # begin, since, commit


def test_the_kinds_are_those_of_the_table(cluster: "Cluster"):
    with cluster.admin() as admin:
        row = admin.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'events_kind_check'"
        ).fetchone()
    assert row is not None
    assert {kind for kind in KINDS if f"'{kind}'" in row[0]} == set(KINDS)
    assert row[0].count("::text") == len(KINDS)
