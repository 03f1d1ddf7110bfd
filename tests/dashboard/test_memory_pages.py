"""An employee's memory in the browser: asked, with the parts of each score; facts that people settle; episodes along time."""

import math
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from browsing import PHONE, Site
from playwright.async_api import Browser, expect

from empla.dashboard import memory_drawings as drawings
from empla.memory import episodic, semantic
from empla.memory.episodic import Stretch
from empla.memory.fact_graph import Neighbour, Neighbourhood
from empla.memory.ranking import Parts
from empla.memory.recall import Hit
from empla.memory.semantic import NewFact

pytestmark = pytest.mark.asyncio(loop_scope="module")
_AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
_SEE_OTHER, _FORBIDDEN, _NOT_FOUND = 303, 403, 404


async def test_what_is_asked_is_found_with_the_parts_of_its_score_and_leads_to_the_episode(
    site: Site, browser: Browser
) -> None:
    told = "Lena of Isdom was annoyed about the invoice"
    async with site.database.write(site.ours.operator) as tx:
        await episodic.record(tx, employee=site.ours.own, description=told, participants=["Lena"], tainted=True)
    async with site.page(browser, site.ours.tokens["user"], size=PHONE) as page:
        await page.goto(f"{site.url}/employees/{site.ours.own}/memory")
        await page.get_by_label("Ask in your own words").fill("annoyed about an invoice")
        await page.get_by_role("button", name="Search").click()
        first = page.locator(".answers > li").first
        await expect(first.get_by_role("link", name=told)).to_be_visible()
        score = float(await first.locator(".score-sum").inner_text())
        parts = re.findall(r"[+-]\d+\.\d\d", await first.locator(".legend").inner_text())
        assert math.isclose(sum(map(float, parts)), score, abs_tol=0.005 * (len(parts) + 1))
        await first.get_by_role("link", name=told).click()
        await expect(page.get_by_text("from outside")).to_be_visible()
        await expect(page.get_by_role("button", name="Forget this episode")).to_have_count(0)  # a user may not


async def test_a_name_is_put_in_the_middle_and_staff_settles_what_is_contested(site: Site, browser: Browser) -> None:
    own = site.ours.own
    async with site.database.write(site.ours.people["manager"].caller) as tx:
        march = NewFact(subject="Isdom", predicate="renews in", object="March", functional=True)
        await semantic.verify(tx, employee=own, fact=(await semantic.learn(tx, employee=own, claim=march)).id)
        for subject, predicate, thing in (("Isdom", "renews in", "May"), ("Lena", "works at", "Isdom")):
            claim = NewFact(subject=subject, predicate=predicate, object=thing)
            await semantic.learn(tx, employee=own, claim=claim)
    async with site.page(browser, site.ours.tokens["manager"]) as page:
        await page.goto(f"{site.url}/employees/{own}/memory/facts?of=Isdom")
        await page.locator("svg.graph a", has_text="Lena").click()
        await expect(page.get_by_role("heading", name="Around Lena")).to_be_visible()
        contested = page.locator("#contested")
        await expect(contested.get_by_text("1 contradiction")).to_be_visible()
        await (
            contested.get_by_role("listitem").filter(has_text="May").get_by_role("button", name="Vouch for it").click()
        )
        await expect(page.get_by_text("Vouched for: it is certain now")).to_be_visible()
        await expect(page.locator("#contested")).to_be_empty()


async def test_what_people_may_not_they_are_not_offered_and_are_refused(site: Site) -> None:
    ours, theirs = site.ours, site.theirs
    here, fact, episode = f"/employees/{ours.own}/memory", ours.things["fact"], ours.things["episode"]
    async with site.client(ours.tokens["user"]) as user:
        assert "Forget it" not in (await user.get(f"{here}/facts/{fact}")).text
        assert (await user.post(f"{here}/facts/{fact}", data={"act": "forget"})).status_code == _FORBIDDEN
        assert (await user.post(f"{here}/episodes/{episode}/forget")).status_code == _FORBIDDEN
    async with site.client(theirs.tokens["admin"]) as stranger:
        assert (await stranger.post(f"{here}/episodes/{episode}/forget")).status_code == _NOT_FOUND
    async with site.client(ours.tokens["manager"]) as manager:
        assert "Forget it" in (await manager.get(f"{here}/facts/{fact}")).text


async def test_an_episode_is_forgotten_and_a_stretch_of_time_shows_its_own_alone(site: Site) -> None:
    here = f"/employees/{site.ours.own}/memory/episodes"
    async with site.database.write(site.ours.operator) as tx:
        early, late = [
            await episodic.record(tx, employee=site.ours.own, description=told, occurred_at=at)
            for told, at in (("The early one", _AT), ("The late one", _AT + timedelta(days=20)))
        ]
    async with site.client(site.ours.tokens["manager"]) as manager:
        whole = (await manager.get(here)).text
        assert "The early one" in whole
        assert "The late one" in whole
        part = (await manager.get(here, params={"since": "2026-03-15", "before": late.occurred_at.isoformat()})).text
        assert "The early one" not in part
        assert (await manager.post(f"{here}/{early.id}/forget")).status_code == _SEE_OTHER
        gone = (await manager.get(f"{here}/{early.id}")).text
        assert "The early one" not in gone
        assert "Its words are erased" in gone


# What is drawn.


def a_hit(**parts: float) -> Hit:
    told = Parts(**parts)
    return Hit.model_construct(id=uuid4(), kind="fact", parts=told, score=sum(parts.values()))


async def test_bars_have_one_scale_and_what_speaks_against_stands_left_of_nothing() -> None:
    strong, weak = drawings.bars([a_hit(words=2.0, recency=1.0), a_hit(words=0.5, importance=-1.0)])
    assert strong.zero == weak.zero == drawings.BAR_WIDTH / 4
    assert [(piece.x, piece.width) for piece in strong.pieces] == [(100.0, 200.0), (300.0, 100.0)]
    assert [(piece.name, piece.x, piece.width) for piece in weak.pieces] == [
        ("words", 100.0, 50.0),
        ("importance", 0.0, 100.0),
    ]


def near(subject: str, thing: str, distance: int, path: list[UUID]) -> Neighbour:
    id_ = uuid4()
    return Neighbour.model_construct(
        id=id_, subject=subject, predicate="knows", object=thing, confidence=0.9, distance=distance, path=[*path, id_]
    )


async def test_a_graph_covers_nobody_and_says_what_it_leaves_out() -> None:
    first = [near("Acme", f"a neighbour with a long name {place}", 1, []) for place in range(12)]
    second = [near(fact.object, f"someone behind {place}", 2, fact.path) for place, fact in enumerate(first)]
    found = Neighbourhood(of="acme", facts=[*first, *second])
    graph = drawings.graph(found)
    assert graph == drawings.graph(found)
    assert graph.left_out == len(found.facts) - len(graph.edges) > 0
    for place, one in enumerate(graph.nodes):
        assert one.width / 2 <= one.x <= drawings.WIDTH - one.width / 2
        for other in graph.nodes[place + 1 :]:
            assert abs(one.x - other.x) >= (one.width + other.width) / 2 or abs(one.y - other.y) >= 28


async def test_columns_stand_where_their_time_is_with_room_for_what_was_quiet() -> None:
    day = timedelta(days=1)
    stretches = [
        Stretch(unit="day", at=at, until=at + day, episodes=count)
        for at, count in ((_AT, 4), (_AT + day, 2), (_AT + 9 * day, 4))
    ]
    first, second, last = drawings.columns(stretches, since=_AT + day, before=None)
    wide, high = drawings.TIMELINE
    assert (first.x, second.x, last.x) == (0.0, wide / 10, wide * 9 / 10)
    assert (first.height, last.height) == (high, high)
    assert [each.is_chosen for each in (first, second, last)] == [False, True, True]
