"""`empla db …`: the database itself. Opening, moving, looking after."""

import dataclasses
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from empla.cli.options import Home, Json, settings_for
from empla.cli.output import console, print_json, progress
from empla.demo import seed as seeding
from empla.errors import UsageError
from empla.mind import housekeeping
from empla.observability import health
from empla.storage import embedded, opening
from empla.storage import status as standing

Login = Annotated[Literal["app", "worker", "admin"], Parameter(help="Whose URL.")]


def upgrade(
    *,
    revision: Annotated[str, Parameter(help="A revision such as 0005, or head for the newest.")] = "head",
    home: Home = None,
) -> None:
    """Bring the schema to this version (or --revision)."""
    console.print(f"the schema is at {opening.upgrade(settings_for(home), revision)}")


def downgrade(
    revision: str,
    /,
    *,
    yes: Annotated[
        bool, Parameter(negative="", help="Remove the rows that the older schema has no place for.")
    ] = False,
    home: Home = None,
) -> None:
    """Take the schema back to a revision; base removes all data.

    Parameters
    ----------
    revision
        A revision such as 0005, or base for an empty database.
    """
    from empla.storage import migrate  # noqa: PLC0415 — Alembic takes 0.3 s to import, and no other command here needs it

    url = opening.admin_url(settings_for(home))
    if migrate.check_downgrade(url, revision) and not yes:
        raise UsageError(f"going back to {revision} may lose rows, and the database has some: add --yes if you mean it")
    console.print(f"the schema is at {migrate.downgrade(url, revision)}")


def status(*, json: Json = False, home: Home = None) -> None:
    """Where the database is, and at which revision. Starts and changes nothing."""
    found = standing.status(settings_for(home))
    if json:
        print_json(dataclasses.asdict(found))
        return
    where = "embedded server in " if found.embedded else ""
    console.print(f"{where}{found.place}: {'running' if found.running else 'not running'}", markup=False)
    if found.running:
        console.print(f"PostgreSQL {found.server_version}, pgvector {found.vector_version or 'missing'}")
        advice = "" if found.revision == found.newest else f"; this empla needs {found.newest}: run empla db upgrade"
        console.print(f"the schema is at {found.revision or 'base'}{advice}")


async def check(*, json: Json = False, home: Home = None) -> None:
    """Is everything as it should be? One line for each finding; exit code 7 when there is one."""
    async with opening.opened(settings_for(home), as_it_is=True) as database:
        findings = await health.check(database)
    if json:
        print_json(findings)
    elif not findings:
        console.print(f"{', '.join(health.TOPICS)}: as they should be")
    else:
        for finding in findings:
            print(f"{finding.topic}: {finding.finding}")
    if findings:
        raise health.unhealthy(findings)


async def seed(*, home: Home = None) -> None:
    """Two small tenants to try things on: acme-corp in real time, globex in simulated. Run again, it changes nothing."""
    settings = settings_for(home)
    async with opening.opened(settings) as database:
        made = await seeding.seed(database)
    where = f" --home {settings.home}" if home is not None else ""
    counts = made.model_dump()
    if any(counts.values()):
        console.print("made " + ", ".join(f"{count} {name}" for name, count in counts.items() if count))
    else:
        console.print("the seed is here already")
    console.print("\nTry:", style="bold")
    for command in seeding.COMMANDS:
        console.print(f"  {command}{where}", markup=False, soft_wrap=True)


def url(
    *,
    login: Login = "app",
    show_password: Annotated[bool, Parameter(negative="", help="Print a password that the URL has, not ***.")] = False,
    home: Home = None,
) -> None:
    """The URL of the app login (or --login) and nothing else, for psql: psql "$(empla db url)"."""
    found = opening.url(settings_for(home), login)
    print(found if show_password else opening.without_password(found))


def stop(*, home: Home = None) -> None:
    """Stop the embedded server of this home. Its data stay; the next command starts it again."""
    folder = settings_for(home).home
    stopped = embedded.stop(folder)
    console.print(f"the server of {folder} {'has stopped' if stopped else 'was not running'}", markup=False)


async def maintain(*, json: Json = False, home: Home = None) -> None:
    """Partitions ahead, forgetting, sums of achievements, statistics, retention."""
    settings = settings_for(home)
    async with opening.opened(settings) as database:
        admin_url = opening.admin_url(settings) if settings.retain_log_months else None
        with progress(TextColumn("tenants"), BarColumn(), MofNCompleteColumn()) as bar:
            task = bar.add_task("tenants", total=None)
            done = await housekeeping.keep_house(
                database,
                admin_url=admin_url,
                progress=lambda count, total: bar.update(task, completed=count, total=total),
            )
        done = dataclasses.replace(done, partitions_made=done.partitions_made + database.partitions_made)
    if json:
        print_json(dataclasses.asdict(done))
        return
    console.print(
        f"{done.partitions_made} partitions made, {done.partitions_dropped} dropped; in {done.tenants} tenants {done.beliefs_forgotten} "
        f"beliefs and {done.episodes_evicted} episodes forgotten, {done.items_expired} items in hand expired, "
        f"{done.events_forgotten} events forgotten, {done.sign_ins_swept} old sign-ins and links removed, "
        f"achievements of {done.employees_summed} employees summed up anew; "
        f"statistics of {done.tables_analysed} tables refreshed",
        soft_wrap=True,
    )
