"""What an employee believes, in a browser: on any day of its life, why, and a person's word against it."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from browsing import ROLES, Site, a_token
from factories import MONDAY, a_simulated_tenant, wait
from insider import Person, a_person
from playwright.async_api import Browser, expect

from empla.bdi import belief_listing, beliefs, conflicts
from empla.bdi.beliefs import Belief, Evidence
from empla.dashboard.beliefs import added_up
from empla.employees import assignments, employees
from empla.memory import episodic
from empla.mind import pieces
from empla.mind.why import why
from empla.storage.tx import Caller, ReadTx
from empla.tenancy.users import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")
_SEE_OTHER, _FORBIDDEN, _INVALID = 303, 403, 422
_PAGE = 3  # statements: the frame, who it is, and which belief


@dataclass(frozen=True)
class Past:
    """An employee that has lived some weeks, and who looks at it."""

    house: Caller
    employee: UUID
    mood: UUID
    risk: UUID
    holder: UUID
    tokens: dict[Role, str]

    @property
    def here(self) -> str:
        return f"/employees/{self.employee}/beliefs"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def past(site: Site) -> AsyncGenerator[Past]:
    """It heard twice of a mood and guessed against it, inferred a risk from that, and guessed against a person's word."""
    database = site.database
    house = await a_simulated_tenant(database)
    people: dict[Role, Person] = {role: await a_person(database, house, role) for role in ROLES}
    async with database.write(house) as tx:
        one = (await employees.hire(tx, name="Robin", role="csm", email="robin@acme.example")).id
        await assignments.assign(tx, user=people["user"].id, employee=one)
        episode = await episodic.record(tx, employee=one, description="They said the pilot drags on.")
        await _heard(tx, one, "mood", "cool", evidence=episode.id, decay_rate=0.05)
    await wait(database, house, days=12)
    async with database.write(house) as tx:
        await _heard(tx, one, "mood", "warm")
        mood = await _heard(tx, one, "mood", "cool", source="inference")
        risk = await _heard(tx, one, "risk", "low", source="inference", rests_on=[mood.id], decay_rate=0.01)
        holder = await _heard(tx, one, "budget_holder", "Ines", source="told_by_human")
        await _heard(tx, one, "budget_holder", "Tom", source="inference")
    await wait(database, house, days=8)
    tokens: dict[Role, str] = {role: await a_token(person) for role, person in people.items()}
    yield Past(house, one, mood.id, risk.id, holder.id, tokens)


async def _heard(tx: Any, employee: UUID, predicate: str, value: object, **said: object) -> Belief:
    piece = Evidence.parse(subject="Acme", predicate=predicate, object=value, **said)
    return await beliefs.observe(tx, employee=employee, piece=piece)


async def test_the_slider_shows_what_was_believed_on_a_day_and_its_address_keeps_it(
    site: Site, browser: Browser, past: Past
) -> None:
    async with site.page(browser, past.tokens["user"]) as page:
        await page.goto(site.url + past.here)
        await expect(page.get_by_role("heading", name="3 beliefs")).to_be_visible()
        slider = page.get_by_role("slider", name="As of")
        await slider.focus()
        await page.keyboard.press("Home")
        for _ in range(5):
            await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("heading", name="1 belief")).to_be_visible()
        await expect(page.get_by_role("cell", name="cool")).to_be_visible()
        await expect(page).to_have_url(re.compile("as_of=2025-03-08"))
        await page.reload()
        await expect(page.get_by_label("As of the end of")).to_have_value("2025-03-08")
        await page.locator("#held").get_by_role("link", name="Acme").click()
        await expect(page.locator("#claim .claimed")).to_have_text("cool")
        await expect(page.locator("#why")).to_contain_text("They said the pilot drags on.")
        await page.get_by_role("slider", name="As of").focus()
        await page.keyboard.press("End")
        await expect(page.locator("#claim .claimed")).to_have_text("warm")
        await expect(page).to_have_url(re.compile("^((?!as_of).)*$"))


async def test_without_a_script_a_date_asks(site: Site, past: Past) -> None:
    async with site.client(past.tokens["user"]) as client:
        then = await client.get(f"{past.here}?as_of=2025-03-08&search=&order=name")
        to_come = await client.get(f"{past.here}?as_of=2031-01-01")
        nothing = await client.get(f"{past.here}?as_of=2025-03-08&search=risk")
        no_date = await client.get(f"{past.here}?as_of=yesterday")
    assert "1 belief<" in then.text
    assert "cool" in then.text
    assert "3 beliefs<" in to_come.text
    assert "Nothing like that" in nothing.text
    assert no_date.status_code == _INVALID


async def test_why_is_shown_as_it_adds_up(site: Site, browser: Browser, past: Past) -> None:
    """By the same arithmetic as `empla why`, now and then; and one goes on to what it was inferred from."""
    async with site.database.read(past.house) as tx:
        for at in (None, MONDAY + timedelta(days=13)):
            for belief in await beliefs.as_of(tx, employee=past.employee, at=at or tx.now):
                answer = await why(
                    tx, employee=past.employee, subject=belief.subject, predicate=belief.predicate, at=at
                )
                found = await pieces.pieces(tx, employee=past.employee, belief=belief.id, at=at)
                assert added_up(found, belief, at or tx.now).odds == pytest.approx(answer.log_odds)
                assert [piece.object for piece in found if piece.part == "silent"] == [
                    ground.object for ground in answer.silenced
                ]
        faded = (await belief_listing.get(tx, employee=past.employee, belief=past.mood)).confidence
    async with site.page(browser, past.tokens["user"]) as page:
        await page.goto(f"{site.url}{past.here}/{past.risk}")
        await expect(page.locator("#why")).to_contain_text("+0.847")
        await expect(page.locator("#why")).to_contain_text("No surer than its ground")
        await page.locator("#below").get_by_role("link", name="Acme mood").click()
        await expect(page.locator("#why")).to_contain_text("-0.847")
        await expect(page.locator("#why")).to_contain_text("+1.350 = 79 %")
        await expect(page.locator("#why .sum").last).to_contain_text(f"{faded * 100:.0f} %")
        await expect(page.locator("#claim .u-wrap")).to_be_visible()
        await expect(page.locator("#above")).to_contain_text("Acme risk")


async def test_staff_tells_and_retracts_and_a_user_may_not(site: Site, browser: Browser, past: Past) -> None:
    told = {"subject": "Acme", "predicate": "seats", "object": "40", "kind": "number", "reason": "I counted."}
    async with site.client(past.tokens["user"]) as client:
        assert "Correct it" not in (await client.get(f"{past.here}/{past.mood}")).text
        assert "Tell it something" not in (await client.get(past.here)).text
        assert (await client.post(f"{past.here}/tell", data=told)).status_code == _FORBIDDEN
        refused = await client.post(f"{past.here}/{past.mood}/retract", data={"reason": "No."})
        assert refused.status_code == _FORBIDDEN
    async with site.client(past.tokens["manager"]) as client:
        wrong = await client.post(f"{past.here}/tell", data={**told, "object": "many"})
        assert wrong.status_code == _INVALID
        assert "this is no number" in wrong.text
        answer = await client.post(f"{past.here}/tell", data=told)
        assert answer.status_code == _SEE_OTHER
    async with site.database.read(past.house) as tx:
        [seats] = await beliefs.held(tx, employee=past.employee, predicate="seats")
    assert seats.object == 40
    assert seats.source == "told_by_human"
    async with site.page(browser, past.tokens["manager"]) as page:
        await page.goto(f"{site.url}{past.here}/{seats.id}")
        await page.get_by_text("Take it away").click()
        await page.get_by_label("Why it is wrong").fill("It was another firm.")
        await page.get_by_role("button", name="Retract it").click()
        await expect(page.get_by_text("Held no more, and neither")).to_be_visible()
        await expect(page.locator("#claim")).to_contain_text("It was another firm.")
        await expect(page.get_by_role("button", name="Retract it")).to_have_count(0)


async def test_a_conflict_is_settled_by_staff_with_a_reason(site: Site, browser: Browser, past: Past) -> None:
    async with site.database.read(past.house) as tx:
        [open_one] = await conflicts.listed(tx, employee=past.employee)
    sent = {"conflict": str(open_one.id), "decision": "overturn", "reason": "Tom signs now."}
    async with site.client(past.tokens["user"]) as client:
        assert "The claim is right" not in (await client.get(past.here)).text
        assert (await client.post(f"{past.here}/settle", data=sent)).status_code == _FORBIDDEN
    async with site.page(browser, past.tokens["manager"]) as page:
        await page.goto(site.url + past.here)
        await page.locator("#conflicts").get_by_label("Why").fill("Tom signs now.")
        await page.get_by_role("button", name="The claim is right").click()
        await expect(page.get_by_text("Settled: it believes what was claimed")).to_be_visible()
        await expect(page.locator("#claim .claimed")).to_have_text("Tom")
        await expect(page.locator("#history")).to_contain_text("Dana · Tom signs now.")


async def test_each_part_is_one_statement(site: Site, past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    rows = ReadTx._rows  # pyright: ignore[reportPrivateUsage]

    async def counted(self: ReadTx, shape: Any, query: Any, parameters: Any) -> Any:
        sent.append(query)
        return await rows(self, shape, query, parameters)

    monkeypatch.setattr(ReadTx, "_rows", counted)
    partly = {"HX-Request-Type": "partial", "HX-Target": "section#held"}
    async with site.client(past.tokens["user"]) as client:
        for path, headers, expected in [
            (past.here, {}, 5),  # the frame, who it is, conflicts, when it changed, what it believes
            (f"{past.here}?as_of=2025-03-08", {}, 4),
            (past.here, partly, 3),
            (f"{past.here}/{past.mood}", {}, _PAGE + 6),
            (f"{past.here}/{past.mood}?as_of=2025-03-08", {}, _PAGE + 7),
            (f"{past.here}/{past.mood}", partly | {"HX-Target": "section#why"}, _PAGE + 1),
        ]:
            sent.clear()
            answer = await client.get(path, headers=headers)
            assert answer.status_code == 200
            assert len(sent) == expected, path
