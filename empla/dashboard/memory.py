"""What an employee remembers: asked, with the parts of every score; facts as a graph; episodes along time; what it has in hand."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field
from starlette.responses import Response

from empla.api.doors import STAFF
from empla.dashboard import memory_drawings as drawings
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Told, Visit
from empla.employees import employees
from empla.errors import NotFoundError
from empla.memory import answering, census, episodic, fact_graph, fact_listing, importance, semantic, working
from empla.memory.episodic import EpisodeType
from empla.memory.question import KINDS, Filters, Kind
from empla.mind import origin

room = Room("memory")
_HITS = 12
_EPISODES = 25  # on a page
_FACTS = 60  # of a neighbourhood
_CONTESTED = 20
_PATH = "/employees/{employee:uuid}/memory"


class Question(Fields):
    """What to look for, and among what."""

    q: str | None = Field(default=None, max_length=1000)
    kind: Kind | None = None
    since: date | None = None
    until: date | None = None  # the last day that counts
    who: str | None = Field(default=None, max_length=500)
    told: str | None = None

    @property
    def filters(self) -> Filters:
        """As recall takes them; days are those of UTC."""
        kinds = KINDS if self.kind is None else (self.kind,)
        return Filters(kinds=kinds, since=_begin(self.since), until=_begin(self.until, after=1), participant=self.who)


@room.shows(_PATH)
async def search(visit: Visit, employee: UUID) -> Response:
    """A question is recall's own statements, without one there is a count. Looking is no use of a memory: none is reinforced."""
    asked = visit.asked(Question)
    filters = asked.filters
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        counted = None if asked.q else await census.census(tx, employee=employee)
    desk = visit.at_desk
    hits = (
        await answering.answer(
            desk.database,
            desk.caller,
            employee=employee,
            query=asked.q,
            limit=_HITS,
            filters=filters,
            reinforce=False,
        )
        if asked.q
        else []
    )
    return visit.show(
        "memory_search.html",
        person=person,
        here=_here(employee),
        asked=asked,
        counted=counted,
        hits=list(zip(hits, drawings.bars(hits), strict=True)),
        bar_width=drawings.BAR_WIDTH,
    )


class Place(Fields):
    """Whom or what the graph is about."""

    of: str | None = Field(default=None, max_length=500)
    told: str | None = None


@room.shows(_PATH + "/facts")
async def facts(visit: Visit, employee: UUID) -> Response:
    """The names, the graph and what is contested are one statement each."""
    asked = visit.asked(Place)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        names = await fact_listing.names(tx, employee=employee) if asked.of is None or visit.wants("names") else []
        of = asked.of or (names[0].name if names else None)
        near = (
            await fact_graph.neighbourhood(tx, employee=employee, of=of, depth=2, fan_out=12, limit=_FACTS)
            if of is not None and visit.wants("graph")
            else None
        )
        contested = (
            await fact_listing.contradictions(tx, employee=employee, limit=_CONTESTED)
            if visit.wants("contested")
            else []
        )
    return visit.show(
        "memory_facts.html",
        person=person,
        here=_here(employee),
        of=of,
        names=names,
        near=near,
        graph=None if near is None else drawings.graph(near),
        size=(drawings.WIDTH, drawings.HEIGHT),
        contested=contested,
    )


@room.shows(_PATH + "/facts/{fact:uuid}")
async def fact(visit: Visit, employee: UUID, fact: UUID) -> Response:
    """One fact, also when it has ended, and the episodes that it rests on."""
    visit.asked(Told)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        known = await semantic.get(tx, employee=employee, fact=fact)
        evidence = await fact_listing.evidence(tx, employee=employee, fact=fact)
    return visit.show("memory_fact.html", person=person, here=_here(employee), fact=known, evidence=evidence)


class Nothing(Fields):
    """A form that asks for nothing more than its address says."""


class Settle(Fields):
    """A person's word on a fact."""

    act: Literal["verify", "forget"]
    onward: Literal["fact", "facts"] = "fact"


@room.takes(_PATH + "/facts/{fact:uuid}")
async def settle(visit: Visit, employee: UUID, fact: UUID) -> Response:
    """Staff vouches for it, or it is known no more."""
    sent = await visit.sent(Settle)
    async with visit.write(roles=STAFF) as tx:
        if sent.act == "verify":
            await semantic.verify(tx, employee=employee, fact=fact)
        else:
            await semantic.forget(tx, employee=employee, fact=fact)
    to = f"{_here(employee)}/facts" + (f"/{fact}" if sent.onward == "fact" else "")
    return visit.go(to, told="verified" if sent.act == "verify" else "fact_forgotten")


class Stretch(Fields):
    """Which episodes."""

    type: EpisodeType | None = None
    who: str | None = Field(default=None, max_length=500)
    since: AwareDatetime | date | None = None
    before: AwareDatetime | date | None = None
    last: UUID | None = None  # the page goes on behind this one
    last_at: AwareDatetime | None = None
    told: str | None = None


@room.shows(_PATH + "/episodes")
async def episodes(visit: Visit, employee: UUID) -> Response:
    """The timeline is one statement, the list another."""
    asked = visit.asked(Stretch)
    since, before = _begin(asked.since), _begin(asked.before)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        density = (
            await episodic.density(tx, employee=employee, episode_type=asked.type, participant=asked.who)
            if visit.wants("timeline")
            else []
        )
        found = (
            await episodic.latest(
                tx,
                employee=employee,
                limit=_EPISODES + 1,
                since=since,
                before=before,
                episode_type=asked.type,
                participant=asked.who,
                last=asked.last if asked.last_at else None,
                last_at=asked.last_at if asked.last else None,
            )
            if visit.wants("episodes")
            else []
        )
    return visit.show(
        "memory_episodes.html",
        person=person,
        here=_here(employee),
        asked=asked,
        columns=drawings.columns(density, since=since, before=before),
        size=drawings.TIMELINE,
        found=found[:_EPISODES],
        has_more=len(found) > _EPISODES,
    )


@room.shows(_PATH + "/episodes/{episode:uuid}")
async def episode(visit: Visit, employee: UUID, episode: UUID) -> Response:
    """What happened, why it weighs what it weighs, and what rests on it: a statement each."""
    visit.asked(Told)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        found = await episodic.by_ids(tx, employee=employee, ids=[episode])
        if not found:
            raise NotFoundError("there is no such episode")
        weight = await importance.explain(tx, employee=employee, episode=episode)
        place = await origin.of_episode(tx, employee=employee, episode=episode)
    return visit.show(
        "memory_episode.html", person=person, here=_here(employee), episode=found[0], weight=weight, origin=place
    )


@room.takes(_PATH + "/episodes/{episode:uuid}/forget")
async def forget(visit: Visit, employee: UUID, episode: UUID) -> Response:
    """Staff alone: its words are erased for good."""
    await visit.sent(Nothing)
    async with visit.write(roles=STAFF) as tx:
        await episodic.forget(tx, employee=employee, ids=[episode])
    return visit.go(f"{_here(employee)}/episodes/{episode}", told="episode_forgotten")


@room.shows(_PATH + "/in-hand")
async def in_hand(visit: Visit, employee: UUID) -> Response:
    """What it needs for what it does just now."""
    visit.asked(Told)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        items = await working.in_hand(tx, employee=employee) if visit.wants("items") else []
    return visit.show("memory_in_hand.html", person=person, here=_here(employee), items=items)


def _here(employee: UUID) -> str:
    return f"/employees/{employee}/memory"


def _begin(day: date | None, *, after: int = 0) -> datetime | None:
    """The moment itself, or when that day begins; None beyond the last day that there is."""
    if day is None or isinstance(day, datetime):
        return day
    return None if after and day == date.max else datetime.combine(day + timedelta(days=after), time(), UTC)
