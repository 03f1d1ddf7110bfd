"""`empla remember` and `empla recall`: what an employee remembers, put in and asked for."""

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsUser, Employee, Home, Json, Limit, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.clock import moment
from empla.employees import employees
from empla.memory import answering, behind, episodic, indexing
from empla.memory.episodic import EpisodeType
from empla.memory.question import KINDS, Filters, Kind
from empla.memory.ranking import BY_MEANING, BY_WORDS, DEFAULT, Ranking
from empla.memory.recall import Hit
from empla.storage import opening
from empla.storage.tx import Caller

_RANKINGS: dict[str, Ranking] = {"all": DEFAULT, "meaning": BY_MEANING, "words": BY_WORDS}


async def remember(
    text: Annotated[str, Parameter(help="What happened; - reads it from standard input.")],
    *,
    tenant: Tenant,
    employee: Employee,
    participant: Annotated[list[str] | None, Parameter(help="Who took part: an address or a name; repeatable.")] = None,
    location: Annotated[str | None, Parameter(help="Where: email, slack, phone, …")] = None,
    type: Annotated[EpisodeType, Parameter(help="What kind of episode it is.")] = "interaction",  # noqa: A002 — as it is called
    occurred_at: Annotated[str | None, Parameter(help="When; now unless it is said.")] = None,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """An employee remembers it from now on, and recalls it by its words and its meaning."""
    said = sys.stdin.read() if text == "-" else text
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            episode = await episodic.record(
                tx,
                employee=person.id,
                description=said.strip(),
                episode_type=type,
                participants=participant or (),
                location=location,
                occurred_at=None if occurred_at is None else moment(occurred_at),
            )
        behind.written(database, caller, employee=person.id)
    if json:
        print_json(episode)
        return
    console.print(f"{person.name} remembers it: {episode.id}")


async def recall(
    question: Annotated[str, Parameter(help="What to look for; - reads it from standard input.")],
    *,
    tenant: Tenant,
    employee: Employee,
    limit: Limit = 10,
    kind: Annotated[list[Kind] | None, Parameter(help="Only this kind of memory; repeatable.")] = None,
    since: Annotated[str | None, Parameter(help="Only from this time on.")] = None,
    until: Annotated[str | None, Parameter(help="Only before this time.")] = None,
    participant: Annotated[str | None, Parameter(help="Only episodes with this participant.")] = None,
    type: Annotated[EpisodeType | None, Parameter(help="Only episodes of this type.")] = None,  # noqa: A002 — as it is called
    location: Annotated[str | None, Parameter(help="Only episodes of this place.")] = None,
    by: Annotated[Literal["all", "meaning", "words"], Parameter(help="By what they are ranked.")] = "all",
    explain: Annotated[bool, Parameter(negative="", help="Show the score of each in its parts.")] = False,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """What an employee remembers that answers best, of all four memories; docs/recall.md explains the scores."""
    asked = sys.stdin.read() if question == "-" else question
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
        embedder = database.embedder
        if embedder is not None and embedder.is_instant:
            await indexing.catch_up(database, Caller(caller.tenant), employee=person.id, embedder=embedder)
        hits = await answering.answer(
            database,
            caller,
            employee=person.id,
            query=asked,
            limit=limit,
            filters=Filters(
                kinds=tuple(kind) if kind else KINDS,
                since=None if since is None else moment(since),
                until=None if until is None else moment(until),
                participant=participant,
                episode_type=type,
                location=location,
            ),
            ranking=_RANKINGS[by],
        )
    if json:
        print_json(hits)
    elif not hits:
        console.print(f"{person.name} remembers nothing of the kind")
    elif explain:
        _explain(hits)
    else:
        _show(hits)


def _show(hits: list[Hit]) -> None:
    shown = table("score", "kind", "when", "what", right=("score",))
    for hit in hits:
        shown.add_row(f"{hit.score:.2f}", hit.kind, f"{hit.occurred_at:%Y-%m-%d}", _line(hit.text))
    console.print(shown)


def _explain(hits: list[Hit]) -> None:
    parts = list(type(hits[0].parts).model_fields)
    shown = table("score", *parts, "kind", "what", right=("score", *parts))
    for hit in hits:
        shares = [f"{share:+.2f}" if share else "·" for share in dict(hit.parts).values()]
        shown.add_row(f"{hit.score:.2f}", *shares, hit.kind, _line(hit.text))
    console.print(shown)


def _line(text: str) -> str:
    return " ".join(text.split())
