"""Every page and form, by each role, for what is theirs and for another company's: made from the declarations, so none is left out."""

import re
from collections.abc import Iterator

import pytest
from browsing import ROLES, Site

from empla.dashboard.app import ROOMS
from empla.dashboard.pages import Page
from empla.tenancy.users import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGES = [page for room in ROOMS for page in room.pages if not page.streams]
CLOSED = [page for page in PAGES if not page.is_open]
_PARAMETER = re.compile(r"\{(\w+):uuid\}")
# What a user may not see at all; of the rest a user sees those of the employees that are his.
_STAFF_ONLY: frozenset[str] = frozenset(
    {
        *("hire.form", "hire.sources", "hire.first_cycle"),
        *("users.administration", "users.people", "users.person", "keys.shelf", "budgets.today"),
        *("integrations.accounts", "playbooks.form", "audit.of_employee", "audit.of_company"),
    }
)
_ADMINS_ONLY: frozenset[str] = frozenset({"tenant.settings", "health.shown"})


def paths(page: Page, things: dict[str, str]) -> Iterator[str]:
    yield _PARAMETER.sub(lambda found: things[found[1]], page.path)


def things(site: Site, *, theirs: bool = False) -> dict[str, str]:
    company = site.theirs if theirs else site.ours
    return {name: str(value) for name, value in company.things.items()}


@pytest.mark.parametrize("page", CLOSED, ids=lambda page: page.name)
async def test_nobody_sees_or_sends_anything_who_is_not_signed_in(site: Site, page: Page) -> None:
    async with site.client() as client:
        for path in paths(page, things(site)):
            answer = await client.request(page.method, path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("page", [page for page in CLOSED if page.method == "GET"], ids=lambda page: page.name)
async def test_who_sees_what(site: Site, page: Page, role: Role) -> None:
    allowed = not (page.name in _ADMINS_ONLY and role != "admin") and not (page.name in _STAFF_ONLY and role == "user")
    async with site.client(site.ours.tokens[role]) as client:
        for path in paths(page, things(site)):
            answer = await client.get(path)
            assert answer.status_code == (200 if allowed else 403), answer.text
            policy = answer.headers["content-security-policy"]
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-store" or page.path.endswith(".css")
        if _PARAMETER.search(page.path):
            for path in paths(page, things(site, theirs=True)):
                assert (await client.get(path)).status_code == (404 if allowed else 403)


FORMS = [page for page in CLOSED if page.method == "POST" and page.name != "sign_in.sign_out"]  # which has no fields


@pytest.mark.parametrize("page", FORMS, ids=lambda page: page.name)
async def test_an_empty_form_and_a_strange_field_are_refused_in_a_sentence(site: Site, page: Page) -> None:
    async with site.client(site.ours.tokens["admin"]) as client:
        for path in paths(page, things(site)):
            strange = await client.post(path, data={"no_such_field": "x"})
            assert strange.status_code == 422


@pytest.mark.parametrize("page", [page for page in CLOSED if page.method == "GET"], ids=lambda page: page.name)
async def test_a_strange_word_in_the_address_is_refused(site: Site, page: Page) -> None:
    async with site.client(site.ours.tokens["admin"]) as client:
        for path in paths(page, things(site)):
            assert (await client.get(f"{path}?no_such_word=x")).status_code == 422


async def test_who_is_refused_something_finds_the_ways_on(site: Site) -> None:
    async with site.client(site.ours.tokens["manager"]) as client:
        seen = await client.get("/administration/settings")
        sent = await client.post("/administration/settings", data={"about": "name", "name": "Ours"})
        part = await client.get(
            "/administration/settings", headers={"HX-Request-Type": "partial", "HX-Target": "div#x"}
        )
    for refused in (seen, sent):
        assert (refused.status_code, 'aria-label="Pages"' in refused.text) == (403, True)
    assert (part.status_code, "<nav" in part.text) == (403, False)


@pytest.mark.parametrize("part", ["x", "section#page", "body#body"])
async def test_there_is_no_part_of_a_page_but_its_own(site: Site, part: str) -> None:
    async with site.client(site.ours.tokens["user"]) as client:
        answer = await client.get("/", headers={"HX-Request-Type": "partial", "HX-Target": part})
    assert (answer.status_code, "this page has no such part" in answer.text) == (404, True)


async def test_the_last_day_and_a_thousand_brackets_are_no_defects(site: Site) -> None:
    here = f"/employees/{site.ours.own}"
    async with site.client(site.ours.tokens["admin"]) as client:
        assert (await client.get(f"{here}/memory?q=x&until=9999-12-31")).status_code == 200
        deep = {"subject": "a", "predicate": "b", "object": "[" * 9000 + "]" * 9000, "kind": "structure"}
        assert (await client.post(f"{here}/beliefs/tell", data=deep)).status_code == 422


async def test_what_is_nowhere_is_a_problem_for_programs_and_an_employee_that_is_not_is_a_page(site: Site) -> None:
    async with site.client(site.ours.tokens["admin"]) as client:
        page = await client.get(f"/employees/{site.theirs.own}")
        assert page.status_code == 404
        assert "text/html" in page.headers["content-type"]
        assert "there is no such employee" in page.text
        nowhere = await client.get("/no/such/page", headers={"Accept": "text/html,*/*"})
        assert nowhere.status_code == 404
        assert "<h1" in nowhere.text or "<strong>" in nowhere.text
        program = await client.get("/v1/no-such-noun", headers={"Accept": "text/html"})
        assert program.headers["content-type"] == "application/problem+json"
