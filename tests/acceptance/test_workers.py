"""Two workers that are killed and stopped at random: no two cycles of one employee meet, nothing is lost, no zombie writes.

The workers are processes, on a database in which triggers note who took which turn and who wrote what in it. Notes are written in
the order of the employee's lock, in the transaction that they are about.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest
from crew import HANGS, Crew
from factories import MONDAY
from own_database import admin_url, own_database
from shift import past

from empla.employees import employees
from empla.employees.shapes import EmployeeConfig
from empla.memory import procedural
from empla.memory.playbook import Playbook
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
TENANTS, STAFF = 3, 34  # the third tenant lives in simulated time

LEFT = """
    SELECT (SELECT count(*) FROM empla.observations WHERE status = 'pending')
         + (SELECT count(*) FROM empla.employee_intentions WHERE status IN ('planned', 'in_progress'))
"""
NOTES = """
    CREATE TABLE public.notes (n bigserial PRIMARY KEY, employee_id uuid, fence bigint, what text, process text);
    CREATE FUNCTION public.note_turn() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        INSERT INTO public.notes (employee_id, fence, what, process)
        VALUES (NEW.employee_id, NEW.fence, TG_ARGV[0], current_setting('application_name'));
        RETURN NULL;
    END $$;
    CREATE TRIGGER claimed AFTER UPDATE OF fence ON empla.employee_schedule FOR EACH ROW WHEN (NEW.fence <> OLD.fence)
        EXECUTE FUNCTION public.note_turn('claimed');
    CREATE TRIGGER took AFTER UPDATE OF last_cycle_at ON empla.employee_schedule FOR EACH ROW EXECUTE FUNCTION public.note_turn('took');
    CREATE FUNCTION public.note_write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        INSERT INTO public.notes (employee_id, fence, what, process)
        SELECT NEW.employee_id, fence, 'wrote', current_setting('application_name')
          FROM empla.employee_schedule s WHERE s.tenant_id = NEW.tenant_id AND s.employee_id = NEW.employee_id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER note AFTER INSERT ON empla.memory_episodes FOR EACH ROW EXECUTE FUNCTION public.note_write();
    CREATE TRIGGER note AFTER UPDATE ON empla.intention_steps FOR EACH ROW EXECUTE FUNCTION public.note_write();
    CREATE TRIGGER note AFTER INSERT ON empla.effects FOR EACH ROW EXECUTE FUNCTION public.note_write();
"""

# Every piece of news is answered by a plan of three steps, each of which leaves one effect.
STEPS = 3
ANSWER = Playbook.of(
    {
        "name": "answer",
        "type": "workflow",
        "description": "Answer what was heard.",
        "triggers": ["mail"],
        "steps": [{"action": "note", "text": f"{{description}}: {number}"} for number in range(STEPS)],
    }
)


@dataclass
class Note:
    employee: UUID
    fence: int
    what: str
    process: str


@dataclass
class Staff:
    """Everybody who works, and what they were told."""

    database: Database
    houses: list[Caller]
    people: dict[UUID, Caller]
    told: set[str] = field(default_factory=set[str])

    async def tell(self, chosen: random.Random) -> None:
        """Five of them hear something new."""
        for number in range(5):
            employee, house = chosen.choice(list(self.people.items()))
            name = f"{len(self.told)}-{number}"
            news = NewObservation(
                source="mail",
                external_id=name,
                recipient="it",
                kind="mail",
                occurred_at=past(days=1000),
                description=name,
                participants=(),
                content={},
            )
            async with self.database.write(house) as tx:
                await inbox.deliver(tx, [news], recipients={"it": employee})
            self.told.add(name)


@pytest.fixture
def own(cluster: "Cluster") -> Iterator[Settings]:
    with own_database(cluster) as settings:
        with psycopg.connect(admin_url(settings), autocommit=True) as admin:
            admin.execute(NOTES.encode())
        yield settings


async def hired(database: Database) -> Staff:
    houses: list[Caller] = []
    people: dict[UUID, Caller] = {}
    for number in range(TENANTS):
        starts_at = MONDAY if number == TENANTS - 1 else None
        house = Caller(await tenants.create(database, slug=f"house-{number}", name="House", starts_at=starts_at))
        houses.append(house)
        async with database.write(house) as tx:
            for one in range(STAFF):
                person = await employees.hire(
                    tx,
                    name=f"Jordan {one}",
                    role="sales_ae" if one % 2 else "csm",
                    email=f"jordan.{one}@acme.example",
                    config=EmployeeConfig(loop_interval_seconds=1),
                )
                await procedural.add(tx, employee=person.id, playbooks=[ANSWER])
                people[person.id] = house
    return Staff(database, houses, people)


async def chaos(staff: Staff, crew: Crew, own: Settings) -> None:
    """Workers fall and freeze while everybody hears news, until the time is up and it did come to blows."""
    chosen = random.Random(11)  # noqa: S311 — the same blows in each run, though not at the same moments
    begun, moved = time.monotonic(), 0
    while time.monotonic() - begun < CHAOS or (time.monotonic() - begun < CHAOS * 5 and not came_to_blows(notes(own))):
        which, kills = chosen.randrange(2), chosen.random() < 0.4
        await asyncio.sleep(chosen.uniform(0.2, 1.2))
        blow = asyncio.create_task(crew.stop_for_longer_than_a_lease(which)) if not kills else None
        if kills:
            crew.kill(which)
        for _ in range(8):
            await staff.tell(chosen)
            await asyncio.sleep(0.05)
        moved += 1
        async with staff.database.write(staff.houses[-1]) as tx:
            await tenants.advance_clock(tx, MONDAY.replace(year=2027) + moved * (past(days=1) - past(days=2)))
        if blow is not None:
            await blow


def notes(own: Settings) -> list[Note]:
    with psycopg.connect(admin_url(own)) as admin:
        return [
            Note(*row)
            for row in admin.execute("SELECT employee_id, fence, what, process FROM public.notes ORDER BY n").fetchall()
        ]


def abandoned(noted: list[Note]) -> set[tuple[UUID, int]]:
    """Turns that were claimed and never taken by the claimer, though a later one was."""
    latest = Counter[UUID]()
    for note in noted:
        latest[note.employee] = max(latest[note.employee], note.fence)
    taken = {(note.employee, note.fence) for note in noted if note.what == "took"}
    return {
        (note.employee, note.fence)
        for note in noted
        if note.what == "claimed" and (note.employee, note.fence) not in taken and note.fence < latest[note.employee]
    }


def came_to_blows(noted: list[Note]) -> bool:
    """Turns were claimed by processes that fell or froze, and others took their place."""
    return bool(abandoned(noted)) and len({note.process for note in noted}) > 2


def value(own: Settings, query: str) -> int:
    with psycopg.connect(admin_url(own)) as admin:
        row = admin.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


async def all_is_done(own: Settings) -> None:
    begun = time.monotonic()
    while value(own, LEFT):
        assert time.monotonic() - begun < HANGS, "something waits for ever"
        await asyncio.sleep(0.2)


async def test_two_workers_that_are_killed_and_stopped_at_random(own: Settings, tmp_path: Path):
    with ExitStack() as stack:
        async with opening.opened(own) as database:
            staff = await hired(database)
            crew = Crew(own, tmp_path)
            stack.callback(crew.end)
            await chaos(staff, crew, own)
            await all_is_done(own)
        codes = crew.told_to_stop()
    assert codes == [0, 0], crew.said()
    noted = notes(own)
    # Cycles of one employee do not meet: a fence is one process's, and after a higher one nothing is written under a lower.
    present = Counter[UUID]()
    holders: dict[tuple[UUID, int], str] = {}
    for note in noted:
        assert note.fence >= present[note.employee], f"a zombie {note.what}: {note}"
        present[note.employee] = note.fence
        assert holders.setdefault((note.employee, note.fence), note.process) == note.process, note
    taken = {(note.employee, note.fence) for note in noted if note.what == "took"}
    assert {(note.employee, note.fence) for note in noted if note.what == "wrote"} <= taken
    assert came_to_blows(noted)
    # Nothing is lost, and nothing is there twice.
    assert value(own, "SELECT count(*) FROM empla.observations WHERE status = 'perceived'") == len(staff.told)
    assert value(own, "SELECT count(DISTINCT observation_id) FROM empla.memory_episodes") == len(staff.told)
    assert value(own, "SELECT count(*) FROM empla.memory_episodes") == len(staff.told)
    assert value(own, "SELECT count(*) FROM empla.employee_intentions WHERE status = 'completed'") == len(staff.told)
    assert value(own, "SELECT count(DISTINCT cause_id) FROM empla.employee_intentions") == len(staff.told)
    steps = "SELECT count(*) FROM empla.intention_steps WHERE status = 'completed' AND attempts = 1"
    assert value(own, steps) == STEPS * len(staff.told)
    assert value(own, "SELECT count(*) FROM empla.effects") == STEPS * len(staff.told)
    assert "Traceback" not in crew.said()


def test_a_worker_gives_its_turns_back_when_it_is_told_to_stop(own: Settings, tmp_path: Path):
    asyncio.run(_hire_and_leave(own))
    for number in (signal.SIGTERM, signal.SIGINT):
        crew = Crew(own, tmp_path)
        try:
            assert crew.told_to_stop(number) == [0, 0], crew.said()
        finally:
            crew.end()
        assert value(own, "SELECT count(*) FROM empla.employee_schedule WHERE lease_until IS NOT NULL") == 0


async def _hire_and_leave(own: Settings) -> None:
    async with opening.opened(own) as database:
        await hired(database)
