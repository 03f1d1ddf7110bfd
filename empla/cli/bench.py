"""`empla bench …`: measurements in databases of their own."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from empla.bench import cycle as benching
from empla.bench import memory as memories
from empla.bench import recall as recalls
from empla.bench.cycle import Report
from empla.cli.options import Home, Json, settings_for
from empla.cli.output import console, errors, number, print_json, table
from empla.errors import UsageError


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
        progress=_progress,
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


_Plot = Annotated[Path | None, Parameter(help="Draw it into this SVG file.")]


async def recall(
    *,
    data: Annotated[
        Path | None, Parameter(help="Conversations in LoCoMo's form: a JSON file, or a folder of them.")
    ] = None,
    form: Annotated[
        recalls.Form,
        Parameter(help="How turns are told: speaker and time as facts, in the text with a date, or text alone."),
    ] = "structured",
    plot: _Plot = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """How much of the evidence is recalled, beside BM25, vectors and their hybrid. The home is not touched."""
    conversations = recalls.read(data)
    report = await recalls.run(settings_for(home), conversations=conversations, form=form, progress=_progress)
    if plot is not None:
        plot.write_text(recalls.plot(report), encoding="utf-8")
    if json:
        print_json(report)
        return
    console.print(
        f"{report.questions:,} questions about {report.memories:,} memories, {report.form}; {report.embedder}\n"
    )
    names = list(report.measured[0].conversations)
    head = [f"R@{k}" for k in recalls.KS]
    shown = table("", *head, *names, right=(*head, *names), title="Evidence recalled; by conversation at 10")
    for each in report.measured:
        by_conversation = [f"{each.conversations[name][10]:.3f}" for name in names]
        shown.add_row(each.name, *(f"{each.at[k]:.3f}" for k in recalls.KS), *by_conversation)
    console.print(shown)
    console.print()
    for each in report.differences:
        console.print(f"ours at 10 is {each.mean:+.3f} to {each.than} (95 %: {each.low:+.3f} to {each.high:+.3f})")


def _progress(what: str) -> None:
    errors.print(f"[dim]{what} …[/dim]")


async def memory(
    *,
    sizes: Annotated[str | None, Parameter(help="Memories per employee, separated by commas.")] = None,
    employees: Annotated[str | None, Parameter(help="How many employees, separated by commas.")] = None,
    queries: Annotated[int, Parameter(validator=Number(gte=3), help="Recalls of each kind.")] = 60,
    adds: Annotated[int, Parameter(validator=Number(gte=3), help="Single adds.")] = 60,
    full: Annotated[
        bool,
        Parameter(negative="", help="Up to 100,000 memories of one employee and to 1,000 employees; takes minutes."),
    ] = False,
    plot: _Plot = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """How fast memories are added and recalled, and how much of the exact answer. The home is not touched."""
    report = await memories.run(
        settings_for(home),
        sizes=_numbers(sizes) or (memories.FULL_SIZES if full else memories.SIZES),
        employed=_numbers(employees) or (memories.FULL_EMPLOYEES if full else memories.EMPLOYEES),
        most=memories.FULL_MOST if full else memories.MOST,
        queries=queries,
        adds=adds,
        progress=_progress,
    )
    if plot is not None:
        plot.write_text(memories.plot(report), encoding="utf-8")
    if json:
        print_json(report)
    else:
        _print_memory(report)


def _numbers(said: str | None) -> tuple[int, ...]:
    parts = [] if said is None else said.split(",")
    try:
        found = tuple(int(part) for part in parts)
    except ValueError:
        raise UsageError(f"{said!r} is no list of numbers like 10,100,1000") from None
    if any(number < 1 for number in found):
        raise UsageError(f"{said!r} holds a number below 1")
    return found


def _print_memory(report: memories.Report) -> None:
    console.print(f"PostgreSQL {report.server_version}, which waits for no disk; {report.embedder}; one client, ms\n")
    head = (
        "employees",
        "memories",
        "p50",
        "p95",
        "p99",
        "to bare",
        "messages",
        "client CPU",
        "server CPU",
        "overlap@10",
        "short",
        "leaks",
    )
    shown = table("recall of 10", *head, right=head)
    for each in report.recalled:
        for name, speed in each.speeds.items():
            is_ours = speed.statements is not None
            is_judged = name == next(iter(each.speeds))
            shown.add_row(
                name,
                number(each.employees),
                number(each.memories),
                *(f"{value:.2f}" for value in (speed.p50, speed.p95, speed.p99)),
                f"{speed.p50 / each.speeds['bare SQL'].p50:.2f}",
                f"{speed.statements:g}" if is_ours else "1",
                _cpu(speed.client_ms) if is_ours else "",
                _cpu(speed.server_ms) if is_ours else "",
                *((f"{each.overlap:.3f}", str(each.short), str(each.leaks)) if is_judged else ("", "", "")),
            )
    console.print(shown)
    names = list(report.recalled[0].speeds)
    scaled = table(
        "memories", "employees", *names, right=("memories", *names), title="\nMore employees: p50, as a ratio"
    )
    for each in report.scaled:
        scaled.add_row(
            number(each.memories),
            f"{each.fewer:,} → {each.more:,}",
            *(f"{each.ratios[name]:.2f}" for name in names),
        )
    console.print(scaled)
    added = report.added
    shown = table("", "p50", "p95", "p99", right=("p50", "p95", "p99"), title="\nAdding one")
    for name, speed in (("an episode with its vector", added.single), ("bare insert", added.bare)):
        shown.add_row(name, *(f"{value:.2f}" for value in (speed.p50, speed.p95, speed.p99)))
    console.print(shown)
    console.print(f"{added.ratio:.2f} times the bare insert, with {added.single.statements:g} messages")
    console.print(
        f"\nAdding 1,000 at once: {number(added.bulk_per_second)}/s, {number(added.embedded_per_second)}/s with embedding"
    )


def _cpu(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
