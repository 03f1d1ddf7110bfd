"""Two workers that are killed and stopped at random, and a mail server in all moods: nothing is sent twice, or lost in silence."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import psycopg
import pytest
from crew import HANGS, Crew
from moody_post import MoodyPost, open_moody_post
from own_database import admin_url, own_database
from shift import past

from empla.effects import approvals, budgets, integrations
from empla.effects.budgets import Resource
from empla.employees import capabilities, employees, lifecycle
from empla.employees.employees import Stage
from empla.employees.shapes import EmployeeConfig
from empla.errors import ConflictError
from empla.memory import procedural
from empla.memory.playbook import Playbook
from empla.mind import deciding
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants

if TYPE_CHECKING:
    from own_database import Cluster

PATIENCE = int(os.environ.get("EMPLA_TEST_PATIENCE", "1"))
CHAOS = 20.0 * PATIENCE  # seconds
TENANTS, STAFF, MESSAGES = 2, 25, 3
SEND_TIMEOUT = 0.7  # seconds; the server stalls for longer
COSTS: tuple[Resource, ...] = ("calls", "effects", "money")
FINAL = {"done", "failed", "uncertain", "cancelled", "drafted"}

LEFT = """
    SELECT (SELECT count(*) FROM empla.observations WHERE status = 'pending')
         + (SELECT count(*) FROM empla.effects WHERE status IN ('awaiting_approval', 'approved', 'started'))
         + abs(%s - (SELECT count(*) FROM empla.effects WHERE kind = 'message'))
"""
# The last column: it was given up as uncertain, and its sender may have said afterwards what came of it.
LEAVING = """
    SELECT e.tenant_id, e.id::text, e.title, e.status, e.attempts, e.receipt ->> 'message_id',
           EXISTS (SELECT FROM empla.notices n WHERE n.tenant_id = e.tenant_id AND n.employee_id = e.employee_id
                                                 AND n.notice_key = 'uncertain:' || e.id)
      FROM empla.effects e WHERE e.kind = 'message' ORDER BY e.created_at
"""
DAYS = "SELECT scope, resource, reserved, spent FROM empla.budget_days WHERE tenant_id = %s"

WRITE = Playbook.of(
    {
        "name": "write",
        "type": "workflow",
        "description": "Write what is to be written.",
        "triggers": ["occasion"],
        "steps": [
            {"action": "send", "to": "{who}", "subject": "{description}", "text": "As you wished: {description}"}
        ],
    }
)


@dataclass
class Person:
    house: Caller
    stage: Stage


@dataclass
class Staff:
    """Everybody who writes, and what they are to write."""

    database: Database
    houses: list[Caller]
    people: dict[UUID, Person]
    intended: list[str] = field(default_factory=list[str])  # the subjects

    async def is_to_write(self, employee: UUID, *, messages: int) -> None:
        """There is an occasion for some messages."""
        names = [f"Message {len(self.intended) + number}" for number in range(messages)]
        news = [
            NewObservation(
                source="world",
                external_id=name,
                recipient="it",
                kind="occasion",
                occurred_at=past(minutes=1),
                description=name,
                participants=(),
                content={"who": f"{name.replace(' ', '.').lower()}@prospect.example"},
            )
            for name in names
        ]
        async with self.database.write(self.people[employee].house) as tx:
            await inbox.deliver(tx, news, recipients={"it": employee})
        self.intended += names

    async def look_after_them(self) -> None:
        """Whatever they ask for is approved, and who was demoted is promoted again, for as long as this lasts."""
        while True:
            for house in self.houses:
                async with self.database.read(house) as tx:
                    asked = await approvals.listed(tx)
                    stages: dict[UUID, Stage] = {
                        found.employee_id: found.stage for found in await lifecycle.records(tx)
                    }
                for approval in asked:
                    with suppress(ConflictError):  # it is cancelled meanwhile
                        async with self.database.write(house) as tx:
                            await deciding.decide(tx, approval=approval.id, verdict="approve")
                for employee, stage in stages.items():
                    await self.trust(employee, stage)
            await asyncio.sleep(0.2)

    async def trust(self, employee: UUID, stage: Stage) -> None:
        person = self.people[employee]
        for to in lifecycle.STAGES[lifecycle.STAGES.index(stage) + 1 : lifecycle.STAGES.index(person.stage) + 1]:
            with suppress(ConflictError):  # it is demoted again meanwhile
                async with self.database.write(person.house) as tx:
                    await lifecycle.promote(tx, employee=employee, to=to)


@pytest.fixture
def own(cluster: "Cluster") -> Iterator[Settings]:
    with own_database(cluster) as settings:
        yield settings


def rows(own: Settings, query: str, *words: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(admin_url(own), autocommit=True) as admin:
        return admin.execute(cast("Any", query), words).fetchall()


async def hired(database: Database, port: int) -> Staff:
    staff = Staff(database, [], {})
    for number in range(TENANTS):
        house = Caller(await tenants.create(database, slug=f"house-{number}", name="House"))
        staff.houses.append(house)
        async with database.write(house) as tx:
            await integrations.connect(
                tx,
                name="mail",
                capability="email",
                kind="smtp",
                settings={"host": "127.0.0.1", "port": port, "tls": "none"},
            )
            await capabilities.change(
                tx,
                name="email",
                quiet_hours=(None, None),
                tenant_per_hour=1_000_000,
                costs=dict.fromkeys(COSTS, 1),
            )
            for resource in COSTS:
                await budgets.set_daily(tx, scope=house.tenant, resource=resource, daily=Decimal(1_000_000))
            for one in range(STAFF):
                person = await employees.hire(
                    tx,
                    name=f"Jordan {one}",
                    role="custom",
                    email=f"jordan.{one}@acme.example",
                    capabilities=["email"],
                    config=EmployeeConfig(loop_interval_seconds=1),
                )
                await procedural.add(tx, employee=person.id, playbooks=[WRITE])
                for resource in COSTS:
                    await budgets.set_daily(tx, scope=person.id, resource=resource, daily=Decimal(1_000_000))
                staff.people[person.id] = Person(house, "autonomous" if one % 2 else "supervised")
    for employee in staff.people:
        await staff.trust(employee, "shadow")
        await staff.is_to_write(employee, messages=MESSAGES)
    return staff


@dataclass
class Blows:
    kills: int = 0
    stops: int = 0


async def chaos(staff: Staff, crew: Crew, post: MoodyPost) -> Blows:
    """Workers fall and freeze, until the time is up and a message went through after the server had refused it."""
    chosen = random.Random(13)  # noqa: S311 — the same blows in each run, though not at the same moments
    blows, begun = Blows(), time.monotonic()
    while time.monotonic() - begun < CHAOS or (time.monotonic() - begun < CHAOS * 5 and not post.retried):
        which = chosen.randrange(2)
        await asyncio.sleep(chosen.uniform(0.3, 1.2))
        if chosen.random() < 0.7:
            crew.kill(which)
            blows.kills += 1
        else:
            await crew.stop_for_longer_than_a_lease(which)
            blows.stops += 1
        for employee in chosen.sample(list(staff.people), 10):
            await staff.is_to_write(employee, messages=1)
    return blows


async def nothing_is_left(own: Settings, staff: Staff, crew: Crew) -> None:
    begun = time.monotonic()
    while rows(own, LEFT, len(staff.intended)) != [(0,)]:
        assert time.monotonic() - begun < HANGS, f"something waits for ever\n{crew.said()}"
        await asyncio.sleep(0.2)


@asynccontextmanager
async def looked_after(staff: Staff) -> AsyncGenerator[None]:
    care = asyncio.create_task(staff.look_after_them())
    try:
        yield
        assert not care.done(), care.exception()
    finally:
        care.cancel()
        with suppress(asyncio.CancelledError):
            await care


@dataclass
class Leaving:
    house: UUID
    effect: str
    title: str
    status: str
    attempts: int
    message_id: str | None
    was_uncertain: bool


async def test_two_workers_that_fall_and_a_mail_server_in_all_moods(
    own: Settings, tmp_path: Path, record_property: Callable[[str, object], None]
):
    post = MoodyPost(pace=0.05, stall=SEND_TIMEOUT * 1.7, chosen=random.Random(17))  # noqa: S311
    with ExitStack() as stack:
        async with opening.opened(own) as database, open_moody_post(post) as port:
            staff = await hired(database, port)
            more = {"EMPLA_SEND_TIMEOUT": str(SEND_TIMEOUT), "EMPLA_SEND_BACKOFF": "0.1", "EMPLA_REACH_PRIVATE": "1"}
            crew = Crew(own, tmp_path, **more)
            stack.callback(crew.end)
            async with looked_after(staff):
                blows = await chaos(staff, crew, post)
                post.is_calm = True
                await nothing_is_left(own, staff, crew)
                await asyncio.sleep(2)  # to see that nothing is done again
            codes = await asyncio.to_thread(crew.told_to_stop)
    assert codes == [0, 0], crew.said()
    leaving = [Leaving(*row) for row in rows(own, LEAVING)]
    by_status = Counter(each.status for each in leaving)
    sent = Counter({status: sum(post.taken[e.effect] for e in leaving if e.status == status) for status in by_status})
    late = sum(each.was_uncertain and each.status in {"done", "failed"} for each in leaving)
    counts = "; ".join(f"{number} {status} ({sent[status]} sent)" for status, number in sorted(by_status.items()))
    record_property(
        "outbox",
        f"{len(staff.intended)} messages of {len(staff.people)} employees, {blows.kills} × SIGKILL, {blows.stops} × SIGSTOP, "
        f"the server {', '.join(f'{number} × {deed}' for deed, number in sorted(post.moods.items()))}: {counts}",
    )
    record_property(
        "outbox",
        f"sent twice: {sum(number > 1 for number in post.taken.values())}; refused by the server and sent with the same "
        f"Message-ID: {len(post.retried)}; told afterwards by who was given up: {late}; "
        f"most attempts: {max(each.attempts for each in leaving)}",
    )

    # Each intended message is one effect, and was sent at most once.
    assert sorted(each.title for each in leaving) == sorted(staff.intended)
    assert max(post.taken.values()) == max(post.subjects.values()) == 1
    assert set(post.taken) <= {each.effect for each in leaving}
    for each in leaving:
        times = post.taken[each.effect]
        assert each.status in FINAL, each
        assert each.status != "done" or (times == 1 and {each.message_id} == post.message_ids[each.effect]), each
        assert each.status in {"done", "uncertain"} or times == 0, each
    assert by_status["done"] > len(leaving) / 4
    assert by_status["uncertain"] > 0
    # Tried again, it is the same mail.
    assert post.retried
    assert {len(found) for found in post.message_ids.values()} == {1}
    # It came to blows.
    assert blows.kills
    assert blows.stops
    assert set(post.moods) == {"stalls", "hangs up", "later", "never"}
    # What may have happened is paid for, and nothing is set aside any more.
    for house in staff.houses:
        spent = sum(
            each.status in {"done", "uncertain"} or (each.status == "failed" and each.was_uncertain)
            for each in leaving
            if each.house == house.tenant
        )
        days = rows(own, DAYS, house.tenant)
        assert {reserved for _, _, reserved, _ in days} == {0}
        for resource in COSTS:
            used = [(scope == house.tenant, number) for scope, name, _, number in days if name == resource]
            assert sum(number for is_all, number in used if is_all) == spent
            assert sum(number for is_all, number in used if not is_all) == spent
    assert "deadlock" not in crew.said()
