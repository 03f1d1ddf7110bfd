"""Every page in a real browser, on a desk and on a phone, light and dark: it fits, it complains of nothing, and everybody can read it.

With EMPLA_TEST_SCREENSHOTS, a picture of each is kept in that folder.
"""

import re
from typing import Any, cast

import pytest
from axe_playwright_python.async_playwright import Axe
from browsing import DESKTOP, PHONE, Site, kept
from playwright.async_api import Browser, Page

from empla.dashboard.app import ROOMS

pytestmark = pytest.mark.asyncio(loop_scope="module")
SEEN = [page for room in ROOMS for page in room.pages if page.method == "GET" and not page.streams]
_PARAMETER = re.compile(r"\{(\w+):uuid\}")
_SERIOUS = {"serious", "critical"}


@pytest.mark.parametrize(("look", "size", "scheme"), [("desk", DESKTOP, "light"), ("phone", PHONE, "dark")])
async def test_every_page_fits_and_can_be_read(
    site: Site, browser: Browser, look: str, size: tuple[int, int], scheme: str
) -> None:
    found: list[str] = []
    async with site.page(browser, site.ours.tokens["admin"], size=size, scheme=scheme) as page:
        for declared in (page for page in SEEN if not page.path.endswith(".css")):
            path = _PARAMETER.sub(lambda told: str(site.ours.things[told[1]]), declared.path)
            answer = await page.goto(site.url + path)
            assert answer is not None
            assert answer.status == 200, declared.name
            if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"{declared.name} is wider than the {look}'s window")
            found += [f"{declared.name}: {fault}" for fault in await _faults(page)]
            if (picture := kept(f"{declared.name}-{look}-{scheme}")) is not None:
                await page.screenshot(path=picture, full_page=True)
    assert not found


async def _faults(page: Page) -> list[str]:
    """What axe-core finds serious or critical, and where first."""
    answer: Any = await cast("Any", Axe()).run(page)
    return [
        f"{fault['id']} at {fault['nodes'][0]['html'][:100]}"
        for fault in answer.response["violations"]
        if fault["impact"] in _SERIOUS
    ]
