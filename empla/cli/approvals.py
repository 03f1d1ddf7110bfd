"""`empla approvals`, `approve`, `reject`: what employees ask before they act, and what people say to it."""

from datetime import datetime
from typing import Annotated, Literal

from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsUser, Home, Json, Limit, OnlyEmployee, Tenant, settings_for
from empla.cli.output import console, print_json, print_page
from empla.effects import approvals as asked
from empla.effects import effects
from empla.effects.approvals import Approval, Decided, Wording
from empla.effects.effects import Effect
from empla.employees import employees
from empla.employees.lifecycle import in_stage
from empla.errors import NotFoundError
from empla.ids import short
from empla.mind import cycle, deciding
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller

Request = Annotated[str, Parameter(help="The beginning or the end of its id, as empla approvals shows it.")]


async def approvals(
    *,
    tenant: Tenant,
    employee: OnlyEmployee = None,
    which: Annotated[
        Literal["waiting", "drafts", "all"],
        Parameter(help="What waits, what was drafted and can be judged for the record, or also what was decided."),
    ] = "waiting",
    limit: Limit = 100,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """What employees ask before they act, with the exact words and arguments, the latest first."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            people = {person.id: person.name for person in await employees.everyone(tx)}
            asker = None if employee is None else (await employees.find(tx, email=employee)).id
            found = await asked.listed(tx, employee=asker, which=which, limit=limit)
    if json:
        print_json(found)
        return
    for request in found:
        _show(request, people.get(request.employee_id, "–"))
    if not found:
        console.print("nobody waits for approval" if which == "waiting" else "there is nothing to show")


def _show(request: Approval, name: str) -> None:
    decided = "" if request.status == "pending" else f", {request.status}{_by(request)}"
    expires = "" if request.expires_at is None or decided else f", until {_when(request.expires_at)}"
    console.print(
        f"{short(request.id)}  {_when(request.created_at)}  {name}: {request.title} ({request.capability}{decided}{expires})",
        style="bold",
        soft_wrap=True,
    )
    if request.recipients:
        print_page(f"  to {', '.join(request.recipients)}")
    print_page("\n".join(f"  | {line}" for line in request.body.splitlines()))
    for name_of, value in request.arguments.items():
        print_page(f"  {name_of}: {value}")
    tainted = "; what called for it came from outside" if request.tainted else ""
    print_page(f"  {request.why}{tainted}" + (f" → {request.reason}" if request.reason else ""))


async def approve(
    request: Request,
    /,
    *,
    tenant: Tenant,
    reason: Annotated[str | None, Parameter(help="What the employee shall remember of it.")] = None,
    title: Annotated[str | None, Parameter(help="Another title or subject: this edits it.")] = None,
    body: Annotated[str | None, Parameter(help="Another text: this edits it.")] = None,
    to: Annotated[
        list[str] | None, Parameter(negative="", help="Other recipients; may be repeated: this edits it.")
    ] = None,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """Let it happen just as it stands, or as edited; it goes out at once, if the employee's hours and its limits allow."""
    wording = Wording(title=title, body=body, recipients=to)
    edits = wording != Wording()
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        decided = await _decide(
            database, caller, request, verdict="edit" if edits else "approve", reason=reason, wording=wording
        )
        if decided.status == "drafted":
            console.print("noted for the record; what was drafted is never sent", soft_wrap=True)
            return
        lived = database.worker_login is not None and await _goes_out(database, caller, decided)
        async with database.read(caller) as tx:
            effect = await effects.find(tx, named=str(decided.effect_id))
    console.print(_became(effect, lived=lived), soft_wrap=True)


async def reject(
    request: Request,
    reason: Annotated[str, Parameter(help="Why not; the employee remembers it.")],
    /,
    *,
    tenant: Tenant,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """It does not happen. The employee remembers why, and looks for another way."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        decided = await _decide(database, caller, request, verdict="reject", reason=reason, wording=Wording())
        async with database.read(caller) as tx:
            person = await employees.get(tx, employee=decided.employee_id)
    console.print(f"rejected; {person.name} knows why", soft_wrap=True)
    if decided.demoted_to is not None:
        console.print(f"{person.name} works {in_stage(decided.demoted_to)} from now on: too much of it went wrong")


async def _decide(
    database: Database,
    caller: Caller,
    named: str,
    *,
    verdict: Literal["approve", "edit", "reject"],
    reason: str | None,
    wording: Wording,
) -> Decided:
    async with database.write(caller) as tx:
        found = await asked.find(tx, named=named)
        return await deciding.decide(tx, approval=found.id, verdict=verdict, reason=reason, wording=wording)


async def _goes_out(database: Database, caller: Caller, decided: Decided) -> bool:
    """One cycle of the employee, unless its turn is a worker's, who does the same. False when it rests or may not live now."""
    try:
        outcome = await cycle.run(database, Caller(caller.tenant, employee=decided.employee_id))
    except NotFoundError:  # paused or dismissed meanwhile
        return False
    return outcome.ran


def _became(effect: Effect, *, lived: bool) -> str:
    if effect.status == "done":
        where = effect.receipt.get("file") or effect.receipt.get("message_id")
        return f"approved and sent{'' if where is None else f': {where}'}"
    if effect.status == "approved" and not lived:
        return "approved; a worker sends it in the employee's next cycle"
    if effect.status == "approved":
        return f"approved; it waits until {_when(effect.not_before)}: {effect.reason}"
    return f"approved, and now {effect.status}" + (f": {effect.reason}" if effect.reason else "")


def _by(request: Approval) -> str:
    return "" if request.decided_at is None else f" by {request.decider}, {_when(request.decided_at)}"


def _when(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
