"""How fast memories are added and recalled, and how much of the exact answer, on an embedded server that waits for no disk.

Through the public operations, as the app role under row security, one client. Beside them, in the same rounds, the least that it could
cost: the bare exact SQL on a bare table of halfvec(1024) kept inline, as a superuser and as the app role. Timings are of one machine at
one moment; the ratios of one run can be compared.
"""

import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import numpy as np
from pydantic import BaseModel, ConfigDict

from empla.bench.cycle import Spent, measured, throw_away
from empla.bench.plot import Axis, Line, chart
from empla.embedding.codes import literals
from empla.embedding.embedder import Vectors
from empla.embedding.static import StaticEmbedder
from empla.employees import employees
from empla.memory import episodic, indexing
from empla.memory.episodic import NewEpisode
from empla.memory.question import Asked, Filters
from empla.memory.ranking import BY_MEANING, DEFAULT, Ranking
from empla.memory.recall import recall
from empla.settings import Settings
from empla.storage import bare as bare_table
from empla.storage import embedded
from empla.storage.bare import WIDTH, Bare
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants

SIZES = (10, 100, 1_000, 10_000)  # memories per employee
EMPLOYEES = (1, 10)
FULL_SIZES = (10, 100, 1_000, 10_000, 100_000)
FULL_EMPLOYEES = (1, 10, 100, 1_000)
MOST, FULL_MOST = 10_000, 100_000  # memories of one combination; larger ones are left out
_K = 10
_BATCH = 1_000
_ROUNDS = 3
_BULKS = 3
_SAME = 1e-5  # similarities that close are ties: vectors are kept in half precision
_BY_MEANING, _IN_FULL, _BARE, _BARE_APP = "by meaning", "in full", "bare SQL", "bare SQL as app"
_EPISODES = Filters(kinds=("episode",))


class Speed(BaseModel):
    """Milliseconds that one call takes."""

    model_config = ConfigDict(frozen=True)

    calls: int
    p50: float
    p95: float
    p99: float
    statements: float | None = None  # messages to the server
    client_ms: float | None = None  # CPU of this process
    server_ms: float | None = None  # CPU of the server; None where it can't be told


class Recalled(BaseModel):
    """Recall of 10, with so many employees of so many memories each."""

    model_config = ConfigDict(frozen=True)

    employees: int
    memories: int  # of each
    speeds: dict[str, Speed]
    ratio: float  # p50 by meaning, to the bare SQL's
    overlap: float  # share of the exact answer by meaning; equals count
    short: int  # answers with fewer than could be
    leaks: int  # memories of another


class Scaled(BaseModel):
    """The same memories per employee, with ten times (or as many) the employees: p50 to p50."""

    model_config = ConfigDict(frozen=True)

    memories: int
    fewer: int
    more: int
    ratios: dict[str, float]


class Added(BaseModel):
    """What it costs to add."""

    model_config = ConfigDict(frozen=True)

    single: Speed  # an episode, its words and its vector, in one transaction
    bare: Speed  # an insert into the bare table
    ratio: float  # p50 to p50
    bulk_per_second: float  # in one transaction of 1,000, embedding apart
    embedded_per_second: float  # embedding included


class Report(BaseModel):
    """One run."""

    model_config = ConfigDict(frozen=True)

    server_version: int
    embedder: str
    recalled: list[Recalled]
    scaled: list[Scaled]
    added: Added


_PEOPLE = (
    "Ada",
    "Boris",
    "Chiara",
    "Dmitri",
    "Esther",
    "Femi",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kamala",
    "Luca",
    "Maren",
    "Nikhil",
    "Olga",
    "Pedro",
    "Ruth",
    "Sami",
    "Tomas",
    "Ulla",
    "Vera",
    "Walid",
    "Yara",
    "Zdenek",
)
_FIRMS = (
    "Altona",
    "Birchwood",
    "Castell",
    "Delmar",
    "Eastgate",
    "Fairfax",
    "Greyfell",
    "Hollis",
    "Ironbridge",
    "Kirkwall",
    "Larkspur",
    "Mossend",
    "Norvik",
    "Oakhurst",
    "Penrose",
    "Quillon",
    "Rosedale",
    "Stanmore",
    "Tillery",
    "Upwell",
)
_TOPICS = {
    "renewals": (
        "renewal quote",
        "price increase",
        "notice period",
        "three-year term",
        "usage report",
        "champion who left",
    ),
    "onboarding": (
        "kick-off call",
        "data import",
        "single sign-on",
        "training session",
        "go-live date",
        "missing licence",
    ),
    "incidents": ("outage", "slow export", "failed login", "lost attachment", "security question", "post-mortem"),
    "hiring": (
        "second interview",
        "reference check",
        "salary expectation",
        "start date",
        "declined offer",
        "notice at work",
    ),
    "billing": ("late invoice", "tax number", "credit note", "purchase order", "wrong currency", "payment plan"),
}
_DID = (
    "asked about",
    "complained about",
    "agreed on",
    "wants to discuss",
    "sent notes on",
    "put off",
    "decided",
    "was glad about",
)
_WHY = (
    "because the budget closes in June",
    "and expects an answer by Friday",
    "after talking to the board",
    "since the pilot went well",
    "although legal has not signed",
    "and mentioned a competitor",
    "but prefers e-mail to calls",
    "so that the team can plan ahead",
)


def texts(generator: random.Random, count: int, topics: Sequence[str]) -> list[str]:
    """Sentences as they stand in notes: who, of which firm, about what, and why. No two are alike."""
    return [
        f"{generator.choice(_PEOPLE)} of {generator.choice(_FIRMS)} {generator.choice(_DID)} the "
        f"{generator.choice(_TOPICS[generator.choice(topics)])} {generator.randrange(10**7)} with {generator.choice(_PEOPLE)} "
        f"{generator.choice(_WHY)}."
        for _ in range(count)
    ]


@dataclass(slots=True)
class _Holder:
    """One employee, and what it holds."""

    employee: UUID
    ids: list[UUID] = field(default_factory=list[UUID])
    vectors: list[Vectors] = field(default_factory=list[Vectors])


@dataclass(slots=True)
class _Bench:
    """Everything that a run works with."""

    database: Database
    home: Path
    bare: Bare
    embedder: StaticEmbedder
    generator: random.Random
    progress: Callable[[str], None]
    placed: int = 0


async def run(
    settings: Settings,
    *,
    sizes: Sequence[int],
    employed: Sequence[int],
    most: int,
    queries: int,
    adds: int,
    progress: Callable[[str], None],
) -> Report:
    """Measure each size with each number of employees, but for more than `most` memories in all. `progress` is told what comes next."""
    progress("starting a server")
    async with throw_away(settings) as (database, home):
        server = embedded.start(home, major=settings.postgres_version)
        async with bare_table.made(server.url("admin"), server.url("app")) as bare:
            bench = _Bench(
                database=database,
                home=home,
                bare=bare,
                embedder=StaticEmbedder(),
                generator=random.Random(7),  # noqa: S311 — the same texts each time
                progress=progress,
            )
            recalled: list[Recalled] = []
            for size, count in _combinations(sizes, employed, most):
                progress(f"{count:,} × {size:,} memories")
                recalled.append(await _recalled(bench, size, count, queries))
            progress("adding")
            added = await _added(bench, adds)
        return Report(
            server_version=settings.postgres_version,
            embedder=bench.embedder.name,
            recalled=recalled,
            scaled=list(_scaled(recalled)),
            added=added,
        )


def _combinations(sizes: Sequence[int], employed: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    for size in sorted(sizes):
        for count in sorted(employed):
            if size * count <= most or count == min(employed):
                yield size, count


async def _recalled(bench: _Bench, size: int, count: int, queries: int) -> Recalled:
    caller = await _tenant(bench)
    holders = await _filled(bench, caller, size, count)
    questions = texts(bench.generator, queries, tuple(_TOPICS))
    vectors = bench.embedder.embed_now(questions)
    padded = [_padded(row) for row in vectors]
    chosen = [bench.generator.choice(holders) for _ in questions]
    answers: list[list[UUID]] = [[] for _ in questions]

    async def ask(place: int, ranking: Ranking, asked: Asked | None) -> None:
        async with bench.database.ask(caller) as tx:
            hits = await recall(
                tx,
                employee=chosen[place].employee,
                query=questions[place],
                embedder=bench.embedder,
                asked=asked,
                limit=_K,
                filters=_EPISODES,
                ranking=ranking,
            )
        if ranking is BY_MEANING:
            answers[place] = [hit.id for hit in hits]

    async def by_meaning(place: int) -> None:
        await ask(place, BY_MEANING, Asked(bench.embedder.name, vectors[place : place + 1]))

    async def in_full(place: int) -> None:
        await ask(place, DEFAULT, None)

    async def bare(place: int) -> None:
        await bench.bare.nearest(chosen[place].employee, padded[place], limit=_K, as_app=False)

    async def bare_app(place: int) -> None:
        await bench.bare.nearest(chosen[place].employee, padded[place], limit=_K, as_app=True)

    timed = await _interleaved(
        bench, len(questions), {_BY_MEANING: by_meaning, _IN_FULL: in_full, _BARE: bare, _BARE_APP: bare_app}
    )
    overlap, short, leaks = _judged(holders, chosen, vectors, answers)
    return Recalled(
        employees=count,
        memories=size,
        speeds=timed,
        ratio=timed[_BY_MEANING].p50 / timed[_BARE].p50,
        overlap=overlap,
        short=short,
        leaks=leaks,
    )


async def _tenant(bench: _Bench) -> Caller:
    bench.placed += 1
    return Caller(await tenants.create(bench.database, slug=f"bench-{bench.placed}", name="Bench"))


async def _hired(bench: _Bench, caller: Caller, place: int) -> _Holder:
    async with bench.database.write(caller) as tx:
        hired = await employees.hire(tx, name=f"E{place}", role="custom", email=f"e{place}@bench.example")
    return _Holder(hired.id)


async def _filled(bench: _Bench, caller: Caller, size: int, count: int) -> list[_Holder]:
    topics = list(_TOPICS)
    holders: list[_Holder] = []
    for place in range(count):
        holder = await _hired(bench, caller, place)
        # One employee's topic is a part of everybody's, and it knows of nothing else.
        of = topics[:1] if count > 1 and place == count - 1 else bench.generator.sample(topics, 3)
        for start in range(0, size, _BATCH):
            said = texts(bench.generator, min(_BATCH, size - start), of)
            vectors = bench.embedder.embed_now(said)
            holder.ids += await _add(bench, caller, holder.employee, said, vectors)
            holder.vectors.append(vectors)
        await indexing.catch_up(bench.database, caller, employee=holder.employee, embedder=None)
        holders.append(holder)
    await bench.bare.copy(caller.tenant)
    return holders


async def _add(bench: _Bench, caller: Caller, employee: UUID, said: Sequence[str], vectors: Vectors) -> list[UUID]:
    async with bench.database.write(caller) as tx:
        ids = await episodic.record_many(
            tx, employee=employee, episodes=[NewEpisode(description=each) for each in said]
        )
        await indexing.keep(tx, employee=employee, ids=ids, vectors=vectors, name=bench.embedder.name)
    return ids


def _padded(row: Vectors) -> str:
    [literal] = literals(row.reshape(1, -1))
    return literal[:-1] + ",0" * (WIDTH - literal.count(",") - 1) + "]"


async def _interleaved(
    bench: _Bench, calls: int, ways: dict[str, Callable[[int], Awaitable[None]]]
) -> dict[str, Speed]:
    """Each way in each round, in an order of its own; a first round that does not count opens connections and prepares statements."""
    for way in ways.values():
        for place in range(min(calls, 8)):
            await way(place)
    lasted: dict[str, list[float]] = {name: [] for name in ways}
    spent = {name: Spent() for name in ways}
    sent = dict.fromkeys(ways, 0)
    for part in np.array_split(np.arange(calls), min(_ROUNDS, calls)):
        order = list(ways)
        bench.generator.shuffle(order)
        for name in order:
            before = bench.database.statements
            with measured(spent[name], bench.home):
                for place in part.tolist():
                    began = time.perf_counter()
                    await ways[name](place)
                    lasted[name].append(time.perf_counter() - began)
            sent[name] += bench.database.statements - before
    return {name: _speed(lasted[name], spent[name], sent[name] / calls) for name in ways}


def _speed(lasted: Sequence[float], spent: Spent | None = None, statements: float = 0) -> Speed:
    p50, p95, p99 = (float(edge) * 1000 for edge in np.percentile(lasted, (50, 95, 99)))
    if spent is None or not statements:  # the bare connections are not the app's
        return Speed(calls=len(lasted), p50=p50, p95=p95, p99=p99)
    return Speed(
        calls=len(lasted),
        p50=p50,
        p95=p95,
        p99=p99,
        statements=statements,
        client_ms=spent.client / len(lasted) * 1000,
        server_ms=None if spent.server is None else spent.server / len(lasted) * 1000,
    )


def _judged(
    holders: Sequence[_Holder], chosen: Sequence[_Holder], asked: Vectors, answers: Sequence[Sequence[UUID]]
) -> tuple[float, int, int]:
    """The share of the exact answers that was recalled, how many answers were short, and how many memories were another's."""
    shares, short, leaks = 0.0, 0, 0
    held = {
        id(holder): (np.concatenate(holder.vectors), {m: at for at, m in enumerate(holder.ids)}) for holder in holders
    }
    for holder, vector, answer in zip(chosen, asked, answers, strict=True):
        vectors, places = held[id(holder)]
        similar = vectors @ vector
        wanted = min(_K, len(similar))
        least = np.partition(similar, -wanted)[-wanted] - _SAME
        shares += sum(memory in places and similar[places[memory]] >= least for memory in answer) / wanted
        short += len(answer) < wanted
        leaks += sum(memory not in places for memory in answer)
    return shares / len(answers), short, leaks


def _scaled(recalled: Sequence[Recalled]) -> Iterator[Scaled]:
    """Each beside the next larger number of employees with as many memories each."""
    for one, other in pairwise(recalled):
        if one.memories == other.memories:
            yield Scaled(
                memories=one.memories,
                fewer=one.employees,
                more=other.employees,
                ratios={name: other.speeds[name].p50 / speed.p50 for name, speed in one.speeds.items()},
            )


async def _added(bench: _Bench, adds: int) -> Added:
    caller = await _tenant(bench)
    holder = await _hired(bench, caller, 0)
    topics = tuple(_TOPICS)
    said = texts(bench.generator, adds, topics)
    vectors = bench.embedder.embed_now(said)

    async def single(place: int) -> None:
        async with bench.database.write(caller) as tx:
            episode = await episodic.record(tx, employee=holder.employee, description=said[place])
            row = vectors[place : place + 1]
            await indexing.keep(tx, employee=holder.employee, ids=[episode.id], vectors=row, name=bench.embedder.name)

    async def bare(place: int) -> None:
        await bench.bare.insert(holder.employee, said[place], _padded(vectors[place]))

    speeds = await _interleaved(bench, adds, {"single": single, "bare": bare})
    apart: list[float] = []
    together: list[float] = []
    for _ in range(_BULKS):
        many = texts(bench.generator, _BATCH, topics)
        began = time.perf_counter()
        embedded_many = bench.embedder.embed_now(many)
        between = time.perf_counter()
        await _add(bench, caller, holder.employee, many, embedded_many)
        ended = time.perf_counter()
        apart.append(_BATCH / (ended - between))
        together.append(_BATCH / (ended - began))
        await indexing.catch_up(bench.database, caller, employee=holder.employee, embedder=None)
    return Added(
        single=speeds["single"],
        bare=speeds["bare"],
        ratio=speeds["single"].p50 / speeds["bare"].p50,
        bulk_per_second=float(np.median(apart)),
        embedded_per_second=float(np.median(together)),
    )


def plot(report: Report) -> str:
    """Latency against the memories that an employee has, with the fewest employees."""
    fewest = min(each.employees for each in report.recalled)
    shown = [each for each in report.recalled if each.employees == fewest]
    return chart(
        f"Recall of {_K}, one client, p50",
        x=Axis("memories of the employee", is_log=True),
        y=Axis("milliseconds", is_log=True),
        lines=[Line(name, [(each.memories, each.speeds[name].p50) for each in shown]) for name in shown[0].speeds],
    )
