"""`empla demo`: the main job, from an empty folder to a report."""

import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from empla.access import doors
from empla.cli.ingest import print_oddities
from empla.cli.options import Home, settings_for
from empla.cli.output import console, progress
from empla.cli.report import print_standings
from empla.clock import end_of_day
from empla.demo import replay, world
from empla.errors import UsageError
from empla.mind import report as reports
from empla.mind import why as reasons
from empla.mind.pipeline import SUBJECT
from empla.mind.report import Report, Standing
from empla.senses import crm
from empla.senses.crm import CrmReading
from empla.senses.observation import summary
from empla.storage import embedded, opening
from empla.storage.database import Database


async def demo(
    *,
    data: Annotated[
        Path | None, Parameter(help="A CRM export of four CSV files; without it, a small world of our own.")
    ] = None,
    until: Annotated[str | None, Parameter(help="Live until the evening of this day, e.g. 2017-04-01.")] = None,
    home: Home = None,
) -> None:
    """A sales force lives through its CRM's history, one cycle per employee and day, and reports. Stopped, it carries on."""
    settings = settings_for(home, synchronous_commit=False)  # what a power cut takes, the next run does again
    reading = _read(data)
    last_day = _day(until)
    plan = replay.plan(reading, until=last_day)
    started = time.monotonic()
    console.print(
        f"{len(reading.observations):,} events of {reading.rows_read:,} deals; {sum(map(len, plan.offices.values()))} employees "
        f"in {len(plan.offices)} offices live from {plan.first_day} to {plan.last_day}."
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
            took = time.monotonic() - started
            console.print(
                f"\n{outcome.cycles:,} cycles in {took:.0f} s: {outcome.perceived:,} events perceived, "
                f"{outcome.revised:,} beliefs formed or revised.\n"
            )
            await _report(database, plan)
    finally:
        if not was_running:
            embedded.stop(settings.home)
    _farewell(plan, settings.home if settings.database_url is None else None)


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


async def _report(database: Database, plan: replay.Plan) -> None:
    evening = end_of_day(plan.last_day)
    everyone: list[tuple[str, Standing]] = []
    for slug in plan.offices:
        caller = await doors.caller_for(database, tenant=slug)
        async with database.read(caller) as tx:
            answer: Report = await reports.report(tx, at=evening)
            people = await reports.standings(tx, at=evening)
        print_standings(answer, people)
        console.print()
        everyone += [(slug, person) for person in people]
    await _story(database, everyone, plan)


async def _story(database: Database, everyone: list[tuple[str, Standing]], plan: replay.Plan) -> None:
    """Who sold most, whose pipeline is thin, and why one of these things is believed."""
    sellers = [(slug, person) for slug, person in everyone if person.won_value]
    if not sellers:
        return
    slug, best = max(sellers, key=lambda found: found[1].won_value or 0)
    console.print(f"Best seller: {best.name} ({slug}) won {best.won_value:,.0f}.", style="bold")
    thin = [found for found in everyone if found[1].coverage is not None]
    if thin:
        _, least = min(thin, key=lambda found: found[1].coverage or 0)
        console.print(
            f"Thinnest pipeline: {least.name}, whose open deals are worth {least.coverage:.2f} of the last 90 days' wins."
        )
    _, stale = max(everyone, key=lambda found: found[1].stale_count or 0)
    console.print(f"Most stale deals: {stale.name}, {stale.stale_count or 0:,.0f} open for more than {90} days.\n")
    caller = await doors.caller_for(database, tenant=slug)
    async with database.read(caller) as tx:
        answer = await reasons.why(
            tx, employee=best.employee_id, subject=SUBJECT, predicate="won_value", at=end_of_day(plan.last_day)
        )
    console.print(f"Why does {best.name} believe that?", style="bold")
    console.print("\n".join(str(answer).splitlines()[:16]), markup=False)


def _farewell(plan: replay.Plan, home: Path | None) -> None:
    slug, agents = next(iter(plan.offices.items()))
    where = f" --home {home}" if home is not None else ""
    middle = plan.first_day + (plan.last_day - plan.first_day) / 2
    who = f"--tenant {slug} --employee {agents[0].email}"
    console.print("\nLook further:", style="bold")
    for command in (
        f"empla beliefs {who} --subject pipeline{where}",
        f"empla beliefs {who} --subject pipeline --as-of {middle}{where}",
        f"empla why pipeline.open_value {who}{where}",
        f"empla report --tenant {slug} --as-of {middle} --json{where}",
        *((f"empla db stop{where}",) if home is not None else ()),
    ):
        console.print(f"  {command}", markup=False, soft_wrap=True)
