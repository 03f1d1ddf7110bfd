"""`empla facts` and `empla fact …`: what an employee knows, and what people make of it."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsOf, AsUser, Employee, Home, Json, Limit, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.clock import moment
from empla.employees import employees
from empla.errors import UsageError
from empla.memory import fact_graph, fact_listing, semantic
from empla.memory.fact_graph import Neighbourhood
from empla.memory.fact_listing import Contradiction
from empla.memory.semantic import Fact, FactType, Learned, NewFact
from empla.storage import opening
from empla.storage.tx import ReadTx

_SHOWN = 60  # characters of an object
Which = Annotated[UUID, Parameter(help="Its id, as empla facts shows it.")]


async def facts(
    *,
    tenant: Tenant,
    employee: Employee,
    subject: Annotated[str | None, Parameter(help="Only about this subject.")] = None,
    predicate: Annotated[str | None, Parameter(help="Only of this predicate.")] = None,
    about: Annotated[str | None, Parameter(help="What is known around this name, whichever side it stands on.")] = None,
    depth: Annotated[int, Parameter(help="With --about: at most so many steps away, 1 to 3.")] = 2,
    as_of: AsOf = None,
    contradictions: Annotated[bool, Parameter(negative="", help="Only what a person has to settle.")] = False,
    limit: Limit = 100,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """What an employee knows, the surest first; or knew at a moment, or can't decide, or what is known around a name."""
    ways = [name for name, said in (("--about", about), ("--as-of", as_of)) if said is not None]
    ways += ["--contradictions"] if contradictions else []
    if len(ways) > 1:
        raise UsageError(f"{' and '.join(ways)} are different questions: ask one")
    if (about is not None or contradictions) and (subject is not None or predicate is not None):
        raise UsageError(f"{ways[0]} is not narrowed by a subject or a predicate")
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            knower = await employees.find(tx, email=employee)
            if about is not None:
                near = await fact_graph.neighbourhood(tx, employee=knower.id, of=about, depth=depth, limit=limit)
                _show_near(near, json=json)
                return
            if contradictions:
                _show_contradictions(
                    await fact_listing.contradictions(tx, employee=knower.id, limit=limit), name=knower.name, json=json
                )
                return
            found = await _found(tx, employee=knower.id, subject=subject, predicate=predicate, as_of=as_of, limit=limit)
            asked_at = tx.now if as_of is None else moment(as_of)
    if json:
        print_json(found)
        return
    facts_found = f"{len(found)} {'fact' if len(found) == 1 else 'facts'}"
    console.print(f"{knower.name} knows {facts_found} as of {asked_at:%Y-%m-%d %H:%M} UTC\n", style="bold")
    _show(found)


async def _found(
    tx: ReadTx, *, employee: UUID, subject: str | None, predicate: str | None, as_of: str | None, limit: int
) -> list[Fact]:
    if as_of is None:
        return await fact_listing.listed(tx, employee=employee, subject=subject, predicate=predicate, limit=limit)
    return await fact_listing.as_of(
        tx, employee=employee, at=moment(as_of), subject=subject, predicate=predicate, limit=limit
    )


def _show(found: Sequence[Fact]) -> None:
    shown = table("subject", "predicate", "object", "confidence", "", "source", "id", right=("confidence",))
    for fact in found:
        shown.add_row(*_cells(fact))
    console.print(shown)


def _cells(fact: Fact) -> list[str]:
    standing = "verified" if fact.verified else "disputed" if fact.disputed else ""
    sure = f"{fact.confidence:.2f}"
    return [fact.subject, fact.predicate, _short(fact.object), sure, standing, _short(fact.source or ""), str(fact.id)]


def _show_near(near: Neighbourhood, *, json: bool) -> None:
    if json:
        print_json(near.facts)
        return
    console.print(f"{len(near.facts)} {'fact' if len(near.facts) == 1 else 'facts'} around {near.of}\n", style="bold")
    shown = table("steps", "confidence", "way", right=("steps", "confidence"))
    for fact in near.facts:
        shown.add_row(str(fact.distance), f"{fact.confidence:.2f}", near.walk(fact))
    console.print(shown)


def _show_contradictions(found: Sequence[Contradiction], *, name: str, json: bool) -> None:
    if json:
        print_json(found)
        return
    console.print(
        f"{name} knows {len(found)} {'contradiction' if len(found) == 1 else 'contradictions'}\n", style="bold"
    )
    _show([fact for contradiction in found for fact in contradiction.facts])


async def learn(
    subject: str,
    predicate: str,
    value: Annotated[str, Parameter(name="OBJECT")],
    /,
    *,
    tenant: Tenant,
    employee: Employee,
    fact_type: Annotated[FactType, Parameter(name="--type", help="What kind of fact it is.")] = "relationship",
    confidence: Annotated[float, Parameter(help="How sure, 0 to 1.")] = 0.8,
    source: Annotated[str | None, Parameter(help="Who or what says so.")] = None,
    decay_rate: Annotated[float | None, Parameter(help="Confidence lost per day; by its type unless said.")] = None,
    functional: Annotated[
        bool | None,
        Parameter(negative="--many", help="A subject has one such object at a time (--many: several); it is kept."),
    ] = None,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Teach an employee a fact, or say it again: Acme has_ceo Jane.

    Parameters
    ----------
    subject
        What it is about.
    predicate
        What is said of it.
    value
        Who or what that is.
    """
    claim = NewFact.parse(
        subject=subject,
        predicate=predicate,
        object=value,
        fact_type=fact_type,
        confidence=confidence,
        source=source,
        decay_rate=decay_rate,
        functional=functional,
    )
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            knower = await employees.find(tx, email=employee)
            learned = await semantic.learn(tx, employee=knower.id, claim=claim)
    _tell(learned, _sentence(learned), json=json)


def _sentence(learned: Learned) -> str:
    said = {
        "learned": "is new",
        "reinforced": "was known, and is surer now",
        "known": "was known, and is as sure as before",
        "disputed": "contradicts what a person vouches for: see empla facts --contradictions",
    }[learned.outcome]
    ended = len(learned.superseded)
    return f"{learned} ({learned.confidence:.2f}) {said}{f'; it supersedes {ended}' if ended else ''}"


async def verify(
    fact: Which,
    /,
    *,
    tenant: Tenant,
    employee: Employee,
    source: Annotated[str | None, Parameter(help="Who says so.")] = None,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Vouch for a fact: it is certain, does not fade, and ends what contradicts it."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            knower = await employees.find(tx, email=employee)
            verified = await semantic.verify(tx, employee=knower.id, fact=fact, source=source)
    _tell(verified, f"{verified} is verified", json=json)


async def forget(
    fact: Which, /, *, tenant: Tenant, employee: Employee, user: AsUser = None, json: Json = False, home: Home = None
) -> None:
    """Let an employee know a fact no more; what contradicted it is no longer disputed."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            knower = await employees.find(tx, email=employee)
            gone = await semantic.forget(tx, employee=knower.id, fact=fact)
    _tell(gone, f"{gone} is forgotten", json=json)


def _tell(fact: Fact, sentence: str, *, json: bool) -> None:
    if json:
        print_json(fact)
    else:
        console.print(sentence, soft_wrap=True)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
