"""`empla beliefs` and `empla why`."""

import json

from empla.access import doors
from empla.bdi import beliefs as bdi
from empla.cli.options import AsOf, AsUser, Employee, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, print_page, table
from empla.clock import moment
from empla.employees import employees
from empla.errors import UsageError
from empla.mind import why as reasons
from empla.storage import opening

_JSON_FIELDS = {"subject", "predicate", "object", "confidence", "stored_confidence", "source", "last_updated_at"}


async def beliefs(
    *,
    tenant: Tenant,
    employee: Employee,
    subject: str | None = None,
    as_of: AsOf = None,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """What an employee believes, or believed at a moment of its tenant's time.

    Parameters
    ----------
    subject
        Only what is believed about this subject, e.g. pipeline.
    """
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            believer = await employees.find(tx, email=employee)
            if as_of is None:
                found = await bdi.held(tx, employee=believer.id, subject=subject)
            else:
                found = await bdi.as_of(tx, employee=believer.id, at=moment(as_of), subject=subject)
            asked_at = tx.now if as_of is None else moment(as_of)
    if json:
        print_json(found, include=_JSON_FIELDS)
        return
    shown = table("subject", "predicate", "object", "confidence", "source", "since", right=("confidence",))
    for belief in found:
        shown.add_row(
            belief.subject,
            belief.predicate,
            _short(belief.object),
            f"{belief.confidence:.2f}",
            belief.source,
            f"{belief.formed_at:%Y-%m-%d}",
        )
    console.print(f"{believer.name} holds {len(found)} beliefs as of {asked_at:%Y-%m-%d %H:%M} UTC\n", style="bold")
    console.print(shown)


async def why(
    belief: str,
    /,
    *,
    tenant: Tenant,
    employee: Employee,
    as_of: AsOf = None,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Why an employee believes it: evidence, arithmetic, episodes, history.

    Parameters
    ----------
    belief
        SUBJECT.PREDICATE, e.g. pipeline.coverage.
    """
    subject, _, predicate = belief.rpartition(".")
    if not subject or not predicate:
        raise UsageError(f"a belief is named SUBJECT.PREDICATE, e.g. pipeline.coverage, not {belief!r}")
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            believer = await employees.find(tx, email=employee)
            answer = await reasons.why(
                tx,
                employee=believer.id,
                subject=subject,
                predicate=predicate,
                at=None if as_of is None else moment(as_of),
            )
    if json:
        print_json(answer)
    else:
        print_page(str(answer))


def _short(value: object, width: int = 60) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= width else text[: width - 1] + "…"
