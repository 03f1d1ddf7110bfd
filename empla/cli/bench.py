"""`empla bench …`: measurements in databases of their own."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from empla.bench import cycle as benching
from empla.bench.cycle import Report
from empla.cli.options import Home, Json, settings_for
from empla.cli.output import console, errors, number, print_json, table


async def cycle(
    *,
    rows: Annotated[
        int, Parameter(validator=Number(gte=100, lte=100_000_000), help="Rows of the largest schedule.")
    ] = benching.SIZES[-1],
    cycles: Annotated[int, Parameter(validator=Number(gte=10), help="Quiet cycles to run.")] = 1000,
    claims: Annotated[int, Parameter(validator=Number(gte=10), help="Claims for each size of the schedule.")] = 1000,
    json: Json = False,
    home: Home = None,
) -> None:
    """Claims per second for each size of the schedule, and what a quiet cycle costs. The home is not touched."""
    report = await benching.run(
        settings_for(home),
        rows=rows,
        cycles=cycles,
        claims=claims,
        progress=lambda what: errors.print(f"[dim]{what} …[/dim]"),
    )
    if json:
        print_json(report)
    else:
        _print(report)


def _print(report: Report) -> None:
    console.print(f"PostgreSQL {report.server_version}, which waits for no disk\n")
    right = ("rows", "claims/s", "server CPU ms", "time, as a ratio")
    claims = table(*right, right=right, title="Claiming one turn")
    for cost in report.claims:
        claims.add_row(number(cost.rows), number(cost.per_second), _ms(cost.server_ms), f"{cost.ratio:.2f}")
    console.print(claims)
    cost = report.cycle
    shown = table("", "", right=("",), title="\nA quiet cycle")
    for name, value in (
        ("statements", f"{cost.statements:g}"),
        ("cycles/s, one after the other", number(cost.per_second)),
        ("cycles/s per core", "unknown" if cost.per_core is None else number(cost.per_core)),
        ("client CPU ms", _ms(cost.client_ms)),
        ("server CPU ms", _ms(cost.server_ms)),
        ("time, to an empty transaction's", f"{cost.ratio:.2f}"),
    ):
        shown.add_row(name, value)
    console.print(shown)


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
