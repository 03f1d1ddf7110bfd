"""Through the door, in a browser and without one: with a password, with a link, and out; and what another site may not send."""

import pytest
from browsing import COOKIE, PASSWORD, Site
from playwright.async_api import Browser, expect

from empla.access import links

pytestmark = pytest.mark.asyncio(loop_scope="module")
_SEE_OTHER, _UNAUTHORIZED, _FORBIDDEN = 303, 401, 403


async def test_one_signs_in_goes_where_one_wanted_and_out(site: Site, browser: Browser) -> None:
    dana = site.ours.people["manager"]
    async with site.page(browser) as page:
        await page.goto(f"{site.url}/employees/{site.ours.own}")
        await page.get_by_label("Company").fill(dana.slug)
        await page.get_by_label("E-mail").fill(dana.email)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Jordan")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_text("You are signed out.")).to_be_visible()
        await page.goto(site.url)
        assert page.url.endswith("/sign-in")


async def test_a_wrong_password_is_answered_as_an_unknown_company_is(site: Site) -> None:
    dana = site.ours.people["admin"]
    async with site.client() as client:
        wrong = await client.post(
            "/sign-in", data={"tenant": dana.slug, "email": dana.email, "password": "not the password"}
        )
        unknown = await client.post(
            "/sign-in", data={"tenant": dana.slug, "email": "x@acme.example", "password": "not the password"}
        )
    assert wrong.status_code == unknown.status_code == _UNAUTHORIZED
    assert wrong.text == unknown.text.replace("x@acme.example", dana.email)
    assert "the tenant, the e-mail or the password is wrong" in wrong.text
    assert COOKIE not in wrong.cookies


async def test_the_cookie_is_for_pages_alone_and_dies_with_its_sign_in(site: Site) -> None:
    dana = site.ours.people["user"]
    async with site.client() as client:
        signed_in = await client.post("/sign-in", data={"tenant": dana.slug, "email": dana.email, "password": PASSWORD})
        assert signed_in.status_code == _SEE_OTHER
        said = signed_in.headers["set-cookie"]
        assert "HttpOnly" in said
        assert "SameSite=lax" in said
        token = client.cookies[COOKIE]
        assert (await client.get("/")).status_code == 200
        api = await client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert api.status_code == _UNAUTHORIZED
        await client.post("/sign-out")
    access = (await dana.sign_in()).access_token
    async with site.client(token) as stolen, site.client(access) as confused:
        assert (await stolen.get("/")).headers["location"] == "/sign-in"
        assert (await confused.get("/")).headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
    ],
    ids=["another site", "a sister of ours", "an old browser"],
)
async def test_another_site_sends_no_form_of_ours(site: Site, headers: dict[str, str]) -> None:
    async with site.client(site.ours.tokens["admin"]) as client:
        refused = await client.post(f"/employees/{site.ours.own}/standing", data={"act": "pause"}, headers=headers)
        assert refused.status_code == _FORBIDDEN
        assert "this form was sent from another site" in refused.text


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example", "/\\evil.example", "/\tx"])
async def test_nobody_is_sent_elsewhere(site: Site, onward: str) -> None:
    dana = site.ours.people["user"]
    async with site.client() as client:
        answer = await client.post(
            "/sign-in", data={"tenant": dana.slug, "email": dana.email, "password": PASSWORD, "onward": onward}
        )
    assert answer.headers["location"] == "/"


async def test_a_password_is_what_was_typed_with_its_spaces(site: Site) -> None:
    dana, spaced = site.theirs.people["user"], f"  {PASSWORD} "
    async with site.database.write(site.theirs.people["admin"].caller) as tx:
        link = await links.reset(tx, user=dana.id)
    async with site.client() as client:
        new = {"token": link.token, "password": spaced, "again": spaced}
        assert (await client.post("/welcome", data=new)).headers["location"] == "/"
        who = {"tenant": dana.slug, "email": dana.email}
        assert (await client.post("/sign-in", data={**who, "password": PASSWORD})).status_code == _UNAUTHORIZED
        assert (await client.post("/sign-in", data={**who, "password": spaced})).status_code == _SEE_OTHER


async def test_a_link_sets_a_password_and_leads_in(site: Site, browser: Browser) -> None:
    dana = site.ours.people["user"]
    async with site.database.write(site.ours.people["admin"].caller) as tx:
        link = await links.reset(tx, user=dana.id)
    async with site.page(browser) as page:
        await page.goto(f"{site.url}/welcome#{link.token}")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_label("The same again").fill(PASSWORD)
        assert link.token not in page.url
        await page.get_by_role("button", name="Set it, and sign in").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    async with site.client() as client:
        again = await client.post("/welcome", data={"token": link.token})
        assert again.status_code == _UNAUTHORIZED
        assert "this link does not work any more" in again.text
