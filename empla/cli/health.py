"""`empla health`: connection, versions, fences, partitions and sizes."""

from empla.cli.options import Home, Json, settings_for
from empla.cli.output import console, number, print_json, table
from empla.observability import health as observed
from empla.observability.health import TOPICS, Health
from empla.storage import opening

_KIB = 1024


async def health(*, json: Json = False, home: Home = None) -> None:
    """Connection, versions, roles, fences, partitions, sizes. Changes nothing; exit code 7 when something is wrong."""
    async with opening.opened(settings_for(home), as_it_is=True) as database:
        found = await observed.health(database)
    if json:
        print_json(found)
    else:
        _print(found)
    if not found.healthy:
        raise observed.unhealthy(found.findings)


def _print(found: Health) -> None:
    console.print(
        f"PostgreSQL {found.server_version}, pgvector {found.vector_version or 'missing'}, schema at {found.revision or 'base'}; "
        f"answers {found.login} in {found.latency_ms:.1f} ms\n",
        soft_wrap=True,
    )
    verdicts = table("", "")
    for topic in TOPICS:
        findings = [finding.finding for finding in found.findings if finding.topic == topic]
        for sentence in findings or ["as it should be" if topic in {"server", "revision"} else "as they should be"]:
            verdicts.add_row(topic, sentence, style="bold red" if findings else "")
    console.print(verdicts)
    sizes = table("table", "rows, about", "KiB", right=("rows, about", "KiB"), title="\nTables")
    for each in found.tables:
        sizes.add_row(each.name, number(each.rows), number(each.bytes / _KIB))
    sizes.add_row("whole database", "", number(found.database_bytes / _KIB), style="bold")
    console.print(sizes)
