"""`empla report`, and the standings that the demo ends with."""

from collections.abc import Sequence

from pydantic import JsonValue
from rich.table import Table

from empla.access import doors
from empla.cli.options import AsOf, AsUser, Home, Json, Tenant, settings_for
from empla.cli.output import console, number, print_json, table
from empla.clock import moment
from empla.mind import pursuits
from empla.mind import report as reports
from empla.mind.pursuits import GoalRecord
from empla.mind.report import Report, Standing
from empla.storage import opening


async def report(
    *, tenant: Tenant, as_of: AsOf = None, user: AsUser = None, json: Json = False, home: Home = None
) -> None:
    """What a tenant's employees believe in sum, at a moment of its time, with a digest to compare runs by."""
    at = None if as_of is None else moment(as_of)
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            answer = await reports.report(tx, at=at)
            people = await reports.standings(tx, at=at)
            goals = pursuits.records(await pursuits.spells(tx, at=at), at=answer.as_of)
    if json:
        print_json(answer.model_dump(mode="json") | {"goals": [goal.model_dump(mode="json") for goal in goals]})
        return
    shown = standings_table()
    add_standings(shown, answer, people)
    console.print(
        f"What {answer.employees} employees believe of their pipelines at {answer.as_of:%Y-%m-%d %H:%M} UTC:\n"
    )
    console.print(shown)
    print_goals(goals)
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in answer.counts.model_dump().items())
    console.print(f"\n{counts}\ndigest {answer.digest}")


def print_goals(found: Sequence[GoalRecord]) -> None:
    """How often each goal was violated and restored, and what was done about it; nothing when none ever was."""
    if not found:
        return
    figures = ("times", "back", "now", "days", "plans", "good", "bad", "done", "asked")
    named = any(record.name for record in found)
    shown = table(*(("employee",) if named else ()), "goal", *figures, right=figures)
    shown.padding = (0, 0, 0, 1)
    for record in found:
        shown.add_row(
            *((record.name,) if named else ()),
            record.description,
            *(number(value) for value in (record.violated, record.restored, record.lasting, record.days, record.plans)),
            *(number(value) for value in (record.succeeded, record.failed, record.effects, record.asked)),
        )
    console.print("\nWhat became of their goals:\n")
    console.print(shown)
    console.print(
        "times: violated; back: restored; now: violated still; days: in violation, of all together;\n"
        "plans: begun, of which good and bad ends; done: tasks, notes and drafts; asked: a human, for want of a plan."
    )


def standings_table() -> Table:
    """An empty table of standings: one line per employee, as `add_standings` writes them."""
    figures = ("open", "value", "won", "worth", "lost", "wins", "cover", "stale")
    shown = table("employee", *figures, right=figures)
    shown.padding = (0, 0, 0, 1)
    for column in shown.columns[1:]:
        column.min_width = len(str(column.header)) + 1
    return shown


def add_standings(shown: Table, answer: Report, people: Sequence[Standing]) -> None:
    """One line per employee, the best seller first, and their sums."""
    shown.add_row(f"{answer.tenant}", style="bold")
    for person in people:
        shown.add_row(
            f"  {person.name}",
            number(person.open_count),
            number(person.open_value),
            number(person.won_count),
            number(person.won_value),
            number(person.lost_count),
            "–" if person.win_rate is None else f"{person.win_rate:.0%}",
            number(person.coverage, 2),
            number(person.stale_count),
        )
    add_sums(shown, f"  all {answer.employees}", answer.beliefs)


def add_sums(shown: Table, name: str, sums: dict[str, JsonValue]) -> None:
    """One line of sums; a win rate is theirs, too, a coverage has none."""
    win_rate = sums.get("win_rate")
    shown.add_row(
        name,
        *(
            number(_number(sums[figure]))
            for figure in ("open_count", "open_value", "won_count", "won_value", "lost_count")
        ),
        "–" if win_rate is None else f"{_number(win_rate):.0%}",
        "",
        number(_number(sums["stale_count"])),
        style="bold",
    )


def _number(value: JsonValue) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
