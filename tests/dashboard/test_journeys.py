"""What people come for, from the door to the end, in a browser. Each role signs in to what is its own; a cycle is watched as it runs.

The other journeys stand with their rooms: an approved mail leaves (approvals), why and the slider (beliefs), memory is asked, one hires
from a table.
"""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest
from browsing import DESKTOP, PASSWORD, PHONE, ROLES, Site, a_token
from insider import a_person
from leaving import a_leaver
from playwright.async_api import Browser, expect

from empla.effects import notices
from empla.storage.tx import Tx
from empla.tenancy.users import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")
_FORBIDDEN = 403
_OFFERED: dict[Role, list[str]] = {
    "admin": ["Overview", "Approvals", "Notices", "Hire", "Administration"],
    "manager": ["Overview", "Approvals", "Notices", "Hire", "Administration"],
    "user": ["Overview", "Approvals", "Notices"],
}
_REFUSED: dict[Role, list[str]] = {
    "admin": [],
    "manager": ["/administration/settings", "/administration/health"],
    "user": ["/hire", "/administration", "/administration/settings"],
}
# What a page moves while nobody touches it, as browsers add it up; it is asked before the page begins.
_WATCH_SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
      for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifted += shift.value;
    }).observe({ type: "layout-shift", buffered: true });
"""
_GOOD = 0.1  # as browsers' makers judge it


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_signs_in_and_is_offered_what_is_its_own(site: Site, browser: Browser, role: Role) -> None:
    ours = site.ours.people[role]
    async with site.page(browser) as page:
        await page.goto(site.url)
        await page.get_by_label("Company").fill(ours.slug)
        await page.get_by_label("E-mail").fill(ours.email)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
        offered = await page.get_by_role("navigation").first.get_by_role("link").all_inner_texts()
        assert [name.split("\n")[0] for name in offered] == _OFFERED[role]
        seen = page.locator("#team tbody tr")
        await expect(seen).to_have_count(1 if role == "user" else 2)
        await expect(page.get_by_role("link", name="Hire an employee")).to_have_count(0 if role == "user" else 1)
        await seen.get_by_role("link", name="Jordan").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Jordan")
        await expect(page.get_by_role("button", name="Pause")).to_have_count(0 if role == "user" else 1)
    async with site.client(site.ours.tokens[role]) as client:
        refused = {path: await client.get(path) for path in _REFUSED[role]}
        assert [answer.status_code for answer in refused.values()] == [_FORBIDDEN] * len(refused)
        if role == "user":
            paused = await client.post(f"/employees/{site.ours.own}/standing", data={"act": "pause"})
            assert paused.status_code == _FORBIDDEN


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
async def test_a_cycle_is_watched_as_it_runs_and_nothing_jumps(
    site: Site, browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    leaver = await a_leaver(site.database, tmp_path / "mail")
    dana = await a_person(site.database, leaver.caller, "manager")
    async with site.page(browser, await a_token(dana), size=size) as page:
        await page.add_init_script(_WATCH_SHIFTS)
        await page.goto(site.url)
        await page.evaluate("window.notReloaded = true")
        await expect(page.locator("#team tbody tr")).to_contain_text("nothing in hand")
        await page.wait_for_load_state("load")
        await asyncio.sleep(0.3)  # the stream is open
        await leaver.is_to_write()
        await leaver.goes_on()
        await expect(page.locator("#sums")).to_contain_text("Approvals1")
        await expect(page.locator("#team tbody tr")).to_contain_text("write")
        await expect(page.locator("#latest")).to_contain_text("May I? Hello Jane")
        done = page.locator("#sums .figure", has_text="Done today").locator(".value")
        await expect(done).to_have_text("0 effects")
        [asked] = await leaver.asked()
        await leaver.decides(asked.id)
        await leaver.goes_on()
        await expect(done).to_have_text("1 effects")
        await expect(page.locator("#sums")).to_contain_text("Approvals0")
        assert await page.evaluate("window.notReloaded")
        shifted = await page.evaluate("window.shifted")
        assert shifted < _GOOD


async def test_a_part_comes_anew_though_things_go_on_happening(site: Site, browser: Browser, tmp_path: Path) -> None:
    """A company whose employees never rest is watched, too: what has happened is shown before nothing happens any more."""
    leaver = await a_leaver(site.database, tmp_path / "mail")
    dana = await a_person(site.database, leaver.caller, "manager")
    async with site.page(browser, await a_token(dana)) as page:
        await page.goto(site.url)
        await expect(page.locator("#sums")).to_contain_text("Open notices")
        shown = page.locator("#sums .figure", has_text="Open notices").locator(".value")
        for number in range(80):
            async with site.database.write(leaver.caller) as tx:
                await _tell(tx, leaver.employee, number)
            await asyncio.sleep(0.15)
            if int(await shown.inner_text()) > 0:
                return
    raise AssertionError("nothing was shown while things happened")


async def _tell(tx: Tx, employee: UUID, number: int) -> None:
    await notices.tell(tx, employee=employee, key=f"n{number}", kind="information", text="It goes on.")
