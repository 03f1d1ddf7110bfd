"""`empla demo`: the main job, from an empty folder to a report."""

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from empla.access import doors
from empla.cli.ingest import print_oddities
from empla.cli.options import Home, settings_for
from empla.cli.output import console, print_command, progress
from empla.cli.report import add_standings, add_sums, print_goals, standings_table
from empla.cli.story import Hero, Office, tell
from empla.clock import end_of_day
from empla.demo import replay, trust, world
from empla.effects import approvals
from empla.effects.approvals import Approval
from empla.employees import employees
from empla.errors import UsageError
from empla.ids import short
from empla.mind import pursuits
from empla.mind import report as reports
from empla.mind.pipeline import COVERAGE_DAYS, STALE_DAYS
from empla.senses import crm
from empla.senses.crm import CrmReading
from empla.senses.observation import summary
from empla.storage import embedded, opening
from empla.storage.database import Database

_LEASE = 5.0  # seconds
_LEGEND = (
    "value: open deals at list price; worth: what was won; wins: won / closed;\n"
    f"cover: value / won in the last {COVERAGE_DAYS} days; stale: open for more than {STALE_DAYS} days."
)


async def demo(
    *,
    data: Annotated[
        Path | None, Parameter(help="A CRM export of four CSV files; without it, a small world of our own.")
    ] = None,
    until: Annotated[str | None, Parameter(help="Live until the evening of this day, e.g. 2017-04-01.")] = None,
    home: Home = None,
) -> None:
    """A sales force lives through its CRM's history, one cycle per employee and day, and reports. Stopped, it carries on."""
    # What a power cut takes, the next run does again; and it does not wait long for a run that was killed.
    settings = settings_for(home, synchronous_commit=False, worker_lease=_LEASE)
    reading = _read(data)
    last_day = _day(until)
    plan = replay.plan(reading, until=last_day)
    started = time.monotonic()
    console.print(
        f"{sum(map(len, plan.offices.values()))} employees in {len(plan.offices)} offices live "
        f"from {plan.first_day} to {plan.last_day}:\n"
        f"{len(reading.observations):,} events of {reading.rows_read:,} deals, one cycle per employee and evening.",
    )
    print_oddities(summary(reading.oddities))
    was_running = settings.database_url is not None or embedded.running(settings.home) is not None
    try:
        async with opening.opened(settings) as database:
            with progress(TextColumn("cycles"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
                task = bar.add_task("cycles", total=plan.cycles)
                outcome = await replay.replay(
                    database, reading, until=last_day, progress=lambda done: bar.update(task, completed=done)
                )
            console.print(_done(outcome, seconds=time.monotonic() - started))
            hero = await _report(database, plan)
            waiting = await _waiting(database, plan)
    finally:
        if not was_running:
            embedded.stop_unused(settings.home)
    where = ["--home", str(home)] if home else []
    _ask(waiting, settings.home, where)
    _farewell(plan, hero, where, is_embedded=settings.database_url is None)


def _read(data: Path | None) -> CrmReading:
    if data is not None:
        return crm.read(data)
    with tempfile.TemporaryDirectory(prefix="empla-world-") as folder:
        world.generate(Path(folder))
        return crm.read(Path(folder))


def _day(until: str | None) -> date | None:
    try:
        return None if until is None else date.fromisoformat(until)
    except ValueError:
        raise UsageError(f"--until takes a day like 2017-04-01, not {until!r}") from None


def _done(outcome: replay.Outcome, *, seconds: float) -> str:
    if outcome.cycles == 0:
        return "\nThey have lived through all of it before; nothing was added."
    return (
        f"\n{outcome.cycles:,} cycles in {seconds:.0f} s: {outcome.perceived:,} events perceived, "
        f"{outcome.revised:,} beliefs revised, {outcome.steps:,} steps done."
    )


async def _report(database: Database, plan: replay.Plan) -> Hero:
    evening = end_of_day(plan.last_day)
    offices: list[Office] = []
    for slug in sorted(plan.offices):
        caller = await doors.caller_for(database, tenant=slug)
        async with database.read(caller) as tx:
            offices.append(
                Office(
                    slug,
                    await reports.report(tx, at=evening),
                    await reports.standings(tx, at=evening),
                    await reports.thin_spells(tx, at=evening),
                    await pursuits.spells(tx, at=evening),
                )
            )
    shown = standings_table()
    for office in offices:
        add_standings(shown, office.answer, office.people)
    add_sums(shown, f"all {sum(map(len, plan.offices.values()))}", reports.sums([p for o in offices for p in o.people]))
    console.print(f"\nWhat they believe of their pipelines on the evening of {plan.last_day}:\n")
    console.print(shown)
    console.print(_LEGEND)
    print_goals(pursuits.together([r for o in offices for r in pursuits.records(o.spells, at=evening)]))
    return await tell(database, offices, at=evening)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The requests of one office."""

    slug: str
    requests: list[Approval]
    trusted: int  # employees beyond shadow


async def _waiting(database: Database, plan: replay.Plan) -> list[_Waiting]:
    """What the offices' supervised employees ask before they act."""
    found: list[_Waiting] = []
    for slug in sorted(plan.offices):
        caller = await doors.caller_for(database, tenant=slug)
        async with database.read(caller) as tx:
            staff = await employees.everyone(tx)
            trusted = sum(person.lifecycle_stage != "shadow" for person in staff)
            found.append(_Waiting(slug, await approvals.listed(tx, limit=1000), trusted))
    return found


def _ask(waiting: list[_Waiting], folder: Path, where: list[str]) -> None:
    """What a manager may do now: look at what waits, approve one, and find the mail."""
    trusted, asked = sum(office.trusted for office in waiting), sum(len(office.requests) for office in waiting)
    if not trusted:
        return
    console.print(
        f"\n{trusted} employees have earned it and are supervised now: {asked} messages of theirs wait for approval.",
        style="bold",
    )
    first = next((office for office in waiting if office.requests), None)
    if first is None:
        return
    program = _program()
    print_command([program, "approvals", "--tenant", first.slug, *where])
    console.print("To approve the latest of them, which puts the mail into the folder below:")
    print_command([program, "approve", short(first.requests[0].id), "--tenant", first.slug, *where])
    console.print(f"  {folder.absolute() / trust.MAIL / first.slug}", soft_wrap=True)


def _program() -> str:
    """`empla` as it was called, unless the shell finds it by that name."""
    return "empla" if shutil.which("empla") or not sys.argv[0].endswith("empla") else sys.argv[0]


def _farewell(plan: replay.Plan, hero: Hero, where: list[str], *, is_embedded: bool) -> None:
    """Commands to paste."""
    program = _program()
    middle = str(plan.first_day + (plan.last_day - plan.first_day) / 2)
    who = ["--tenant", hero.slug, "--employee", hero.email]
    console.print("\nLook further:", style="bold")
    for words in (
        ["goals", *who],
        ["intentions", *who, "--all"],
        ["beliefs", *who, "--subject", "pipeline"],
        ["beliefs", *who, "--subject", "pipeline", "--as-of", middle],
        ["why", f"pipeline.{hero.predicate}", *who],
        ["episodes", *who, "--limit", "5"],
        ["report", "--tenant", hero.slug, "--as-of", middle, "--json"],
    ):
        print_command([program, *words, *where])
    if is_embedded:
        print_command([program, "db", "stop", *where])
    console.print("\nSee it in a browser, at the address and with the password that this prints:", style="bold")
    print_command([program, "up", "--company", hero.slug, "--email", f"you@{hero.slug}.example", *where])
