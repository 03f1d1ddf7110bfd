"""`empla report`, and the standings that the demo ends with."""

from collections.abc import Sequence

from empla.access import doors
from empla.cli.options import AsOf, AsUser, Home, Json, Tenant, settings_for
from empla.cli.output import console, number, print_json, table
from empla.clock import moment
from empla.mind import report as reports
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
    if json:
        print_json(answer)
        return
    print_standings(answer, people)
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in answer.counts.model_dump().items())
    console.print(f"\n{counts}\ndigest {answer.digest}")


def print_standings(answer: Report, people: Sequence[Standing]) -> None:
    """One line per employee, best seller first, and the sums."""
    figures = ("open", "open value", "won", "won value", "lost", "win rate", "coverage", "stale")
    shown = table(
        "employee",
        *figures,
        right=figures,
        title=f"{answer.tenant}: what {answer.employees} employees believe on {answer.as_of:%Y-%m-%d}",
    )
    for person in people:
        shown.add_row(
            person.name,
            number(person.open_count),
            number(person.open_value),
            number(person.won_count),
            number(person.won_value),
            number(person.lost_count),
            "–" if person.win_rate is None else f"{person.win_rate:.0%}",
            number(person.coverage, 2),
            number(person.stale_count),
        )
    sums = answer.beliefs
    shown.add_row(
        "all",
        *(
            number(_number(sums.get(name)))
            for name in ("open_count", "open_value", "won_count", "won_value", "lost_count")
        ),
        "–" if "win_rate" not in sums else f"{_number(sums['win_rate']):.1%}",
        "",
        number(_number(sums.get("stale_count"))),
        style="bold",
    )
    console.print(shown)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
