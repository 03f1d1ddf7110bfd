"""The administration in a browser and over HTTP: links and keys are shown once, secrets never, and a colour that nobody could read is refused."""

import re

import pytest
from browsing import PASSWORD, Site
from playwright.async_api import Browser, expect

from empla.access import sign_ins
from empla.effects import budgets

pytestmark = pytest.mark.asyncio(loop_scope="module")
_OK, _SEE_OTHER, _NOT_MODIFIED, _UNAUTHORIZED, _FORBIDDEN, _INVALID = 200, 303, 304, 401, 403, 422
_KEY = re.compile(r'value="(empla_[\w-]+)"')


async def test_who_is_invited_comes_in_by_the_link_sees_whom_he_is_assigned_and_is_removed(
    site: Site, browser: Browser
) -> None:
    async with site.page(browser, site.ours.tokens["admin"]) as page:
        await page.goto(f"{site.url}/administration")
        await page.get_by_label("Name", exact=True).fill("Robin")
        await page.get_by_label("E-mail", exact=True).fill("robin@acme.example")
        await page.get_by_role("button", name="Make the link").click()
        link = await page.get_by_label("The link for Robin").input_value()
        assert link.startswith(f"{site.url}/welcome#emplal_")
        await page.get_by_label("An employee's e-mail").fill(
            await page.locator("#choices option").filter(has_text="Casey").get_attribute("value") or ""
        )
        await page.get_by_role("button", name="Assign").click()
        await expect(page.get_by_role("status")).to_contain_text("Assigned")
        assert "emplal_" not in await page.content()
        async with site.page(browser) as robins:
            await robins.goto(link)
            await robins.get_by_label("Password").fill(PASSWORD)
            await robins.get_by_label("The same again").fill(PASSWORD)
            await robins.get_by_role("button", name="Set it, and sign in").click()
            await expect(robins.locator("#team")).to_contain_text("Casey")
            await expect(robins.locator("#team")).not_to_contain_text("Jordan")
            await expect(robins.get_by_role("link", name="Administration")).to_have_count(0)
            await page.get_by_text("Remove Robin").click()
            await page.get_by_role("button", name="Remove for good").click()
            await expect(page.locator("#people")).not_to_contain_text("robin@acme.example")
            await robins.goto(f"{site.url}/")
            await expect(robins).to_have_url(re.compile("/sign-in"))


async def test_a_key_is_shown_once_opens_what_it_may_and_is_revoked(site: Site) -> None:
    async with site.client(site.ours.tokens["manager"]) as client:
        form = {"act": "make", "name": "feed", "scopes": ["read", "notices:write"], "days": "9"}
        made = await client.post("/administration/keys", data=form)
        found = _KEY.search(made.text)
        assert found is not None
        assert made.headers["cache-control"] == "no-store"
        again = (await client.get("/administration/keys")).text
        assert found[1] not in again
        assert "notices:write, read" in again
        bearer = {"Authorization": f"Bearer {found[1]}"}
        assert (await client.get("/v1/notices", headers=bearer)).status_code == _OK
        key = re.search(r'name="key" value="([\w-]+)"', again)
        assert key is not None
        await client.post("/administration/keys", data={"act": "revoke", "key": key[1]})
        assert (await client.get("/v1/notices", headers=bearer)).status_code == _UNAUTHORIZED
        account = {"act": "account", "name": "feeder", "role": "admin"}
        assert (await client.post("/administration/keys", data=account)).status_code == _FORBIDDEN


async def test_the_companys_colour_is_in_its_pages_if_everybody_can_read_it(site: Site, browser: Browser) -> None:
    async with site.client(site.ours.tokens["admin"]) as client:
        form = {"about": "branding", "shown": "Acme <b>&", "logo": "A", "colour": "#ffe680"}
        pale = await client.post("/administration/settings", data=form)
        assert (pale.status_code, "too pale" in pale.text) == (_INVALID, True)
        kept = await client.post("/administration/settings", data={**form, "colour": "#7a3e94"})
        assert kept.status_code == _SEE_OTHER
        notices = {"about": "notices", "mail_to": "dana@acme.example", "least": "urgent"}
        await client.post("/administration/settings", data=notices)
        shown = (await client.get("/administration/settings")).text
        assert "Acme &lt;b&gt;&amp;" in shown
        assert "dana@acme.example" in shown
        address = re.search(r'href="(/branding\.css[^"]+)"', shown)
        assert address is not None
        sheet = await client.get(address[1])
        assert (sheet.headers["content-type"], "--accent: light-dark(#7a3e94" in sheet.text) == (
            "text/css; charset=utf-8",
            True,
        )
        assert "private" in sheet.headers["cache-control"]
        same = await client.get(address[1], headers={"If-None-Match": sheet.headers["etag"]})
        assert same.status_code == _NOT_MODIFIED
    async with site.client(site.theirs.tokens["admin"]) as client:
        assert (await client.get(address[1])).text == ""
        assert "branding.css" not in (await client.get("/")).text
    async with site.page(browser, site.ours.tokens["user"]) as page:
        await page.goto(site.url)
        brand = page.locator(".brand .mark")
        await expect(brand).to_have_text("A")
        await expect(brand).to_have_css("color", "rgb(122, 62, 148)")


async def test_what_a_manager_may_not_is_not_offered_and_refused(site: Site) -> None:
    async with site.client(site.ours.tokens["manager"]) as client:
        people = (await client.get("/administration/users")).text
        assert "Invite somebody" not in people
        assert "/administration/health" not in people
        refused = [
            ("/administration/users", {"email": "x@acme.example", "name": "X", "role": "user"}),
            (f"/administration/users/{site.ours.people['user'].id}", {"act": "role", "role": "admin"}),
            (f"/administration/users/{site.ours.people['user'].id}", {"act": "link"}),
            ("/administration/integrations", {"act": "disconnect", "name": "mail"}),
            ("/administration/settings", {"about": "name", "name": "Ours"}),
        ]
        for path, form in refused:
            assert (await client.post(path, data=form)).status_code == _FORBIDDEN, path


async def test_a_budget_is_set_a_secret_goes_in_and_never_out_and_a_sign_in_is_ended(site: Site) -> None:
    ours = site.ours
    user = ours.people["user"]
    async with site.client(ours.tokens["admin"]) as client:
        daily = {"resource": "effects", "daily": "7", "employee": str(ours.own)}
        set_ = await client.post("/administration/budgets", data=daily)
        assert set_.headers["location"] == f"/administration/budgets?employee={ours.own}&told=budget_set"
        account = {
            "act": "connect",
            "kind": "smtp",
            "name": "out",
            "host": "smtp.acme.example",
            "port": "465",
            "tls": "implicit",
            "login": "dana",
            "secret": "a secret of mine",
        }
        assert (await client.post("/administration/integrations", data=account)).status_code == _SEE_OTHER
        shown = (await client.get("/administration/integrations")).text
        assert "smtp.acme.example" in shown
        assert "sealed" in shown
        assert "a secret of mine" not in shown
        await client.post("/administration/integrations", data={"act": "disconnect", "name": "out"})
        assert "smtp.acme.example" not in (await client.get("/administration/integrations")).text
        async with site.database.read(ours.operator) as tx:
            assert [int(each.daily) for each in await budgets.used(tx, scopes=[ours.own])][0] == int(daily["daily"])
            [signed_in] = await sign_ins.listed(tx, user=user.id)
        ended = {"act": "end", "sign_in": str(signed_in.id)}
        assert (await client.post(f"/administration/users/{user.id}", data=ended)).status_code == _SEE_OTHER
    async with site.client(ours.tokens["user"]) as client:
        assert (await client.get("/")).headers["location"] == "/sign-in"
