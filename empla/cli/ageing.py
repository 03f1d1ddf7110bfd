"""`empla memory importance | forget | consolidate`: what an employee's episodes weigh, and how they end."""

from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsUser, Employee, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, print_page
from empla.employees import employees
from empla.errors import UsageError
from empla.memory import consolidate as consolidation
from empla.memory import episodic
from empla.memory import importance as weighing
from empla.memory.consolidate import Consolidated
from empla.storage import opening

_SHOWN = 20  # merges, and as many facts
Which = Annotated[UUID, Parameter(help="Its id, as empla episodes --json shows it.")]


async def importance(
    episode: Which,
    /,
    *,
    tenant: Tenant,
    employee: Employee,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Why an episode is as important as it is, and what it is worth now."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
            found = await weighing.explain(tx, employee=person.id, episode=episode)
    if json:
        print_json(found)
        return
    print_page(str(found))


async def forget(
    *episodes: Which,
    tenant: Tenant,
    employee: Employee,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Let an employee forget episodes for good: their words are erased, and nothing brings them back."""
    if not episodes:
        raise UsageError("say which episodes to forget: empla episodes --json shows their ids")
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            gone = await episodic.forget(tx, employee=person.id, ids=episodes)
    if json:
        print_json({"forgotten": [str(each) for each in gone]})
        return
    console.print(f"{person.name} has forgotten {_count(len(gone), 'episode')}")


async def consolidate(
    *,
    tenant: Tenant,
    employee: Employee,
    dry_run: Annotated[bool, Parameter(negative="", help="Only say what would be done.")] = False,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Near-duplicates become one episode, and what repeated itself a fact that rests on it; again, it changes nothing."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        if dry_run:
            async with database.read(caller) as tx:
                person = await employees.find(tx, email=employee)
                done = await consolidation.plan(tx, employee=person.id)
        else:
            async with database.write(caller) as tx:
                person = await employees.find(tx, email=employee)
                done = await consolidation.consolidate(tx, employee=person.id)
    if json:
        print_json(done)
        return
    _show(done)


def _show(done: Consolidated) -> None:
    verb = "would be" if done.dry_run else "were"
    console.print(
        f"{_count(done.merged, 'episode')} {verb} merged, {_count(len(done.facts), 'fact')} {verb} learned or reinforced"
    )
    for merge in done.merges[:_SHOWN]:
        console.print(f"  {len(merge.merged) + 1} times: {merge.text}", soft_wrap=True)
    for fact in done.facts[:_SHOWN]:
        console.print(f"  {fact}: {fact.times} times", soft_wrap=True)
    more = max(0, len(done.merges) - _SHOWN) + max(0, len(done.facts) - _SHOWN)
    if more:
        console.print(f"  and {more} more: --json shows all")
    if done.more:
        console.print("There is more to merge: run it again")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
