"""Hired in the browser, told by a file, and seen to begin; what can't be read changes nothing, and what may not be is refused."""

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from browsing import Site
from playwright.async_api import Browser, expect

from empla.dashboard import hire
from empla.mind import cycle
from empla.senses import inbox
from empla.storage.tx import Caller

pytestmark = pytest.mark.asyncio(loop_scope="module")
_OK, _SEE_OTHER, _FORBIDDEN, _INVALID = 200, 303, 403, 422
_LATELY = datetime.now(UTC).date() - timedelta(days=10)  # in a company whose clock is wound
_DEALS = f"""opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
D1,Darcel Schlecht,GTX Pro,Isdom,Won,2026-01-05,{_LATELY},4800
D2,Darcel Schlecht,GTX Pro,Acme,Engaging,2026-01-07,,
D3,Vicki Laflamme,GTX Pro,Isdom,Engaging,2026-01-09,,
D4,Darcel Schlecht,GTX Pro,Acme,Won,2026-01-07,,
"""
_PRODUCTS = "product,series,sales_price\nGTX Pro,GTX,4821\n"
_MBOX = """From lena@isdom.example Mon Mar  2 09:00:00 2026
From: Lena <lena@isdom.example>
To: nova@acme.example
Subject: The invoice
Message-ID: <{id}@isdom.example>
Date: Mon, 02 Mar 2026 09:00:00 +0000

When does the invoice come?
"""


async def hired(site: Site) -> UUID:
    async with site.client(site.ours.tokens["manager"]) as manager:
        told = {"name": "Nova", "role": "sales_ae", "email": f"nova.{uuid4().hex[:8]}@acme.example"}
        answer = await manager.post("/hire", data=told)
        assert answer.status_code == _SEE_OTHER, answer.text
        return UUID(answer.headers["location"].split("/")[2])


async def waiting(site: Site, employee: UUID) -> int:
    async with site.database.read(site.ours.operator) as tx:
        return len(await inbox.latest(tx, employee=employee))


async def test_one_hires_from_a_table_and_sees_the_first_cycle(site: Site, browser: Browser) -> None:
    async with site.page(browser, site.ours.tokens["manager"]) as page:
        await page.goto(f"{site.url}/hire")
        await page.get_by_label("Name", exact=True).fill("Nova")
        await page.get_by_label("E-mail", exact=True).fill(f"nova.{uuid4().hex[:8]}@acme.example")
        await page.get_by_label("What it keeps an eye on").fill("pipeline.coverage")
        await page.get_by_label("The number").fill("3")
        await page.get_by_role("button", name="Hire", exact=True).click()
        await expect(page.get_by_text("Hired. Now give it something")).to_be_visible()
        employee = UUID(page.url.split("/")[4])
        for field, name, text in (("The deals", "deals.csv", _DEALS), ("Its products", "products.csv", _PRODUCTS)):
            file = {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
            await page.get_by_label(field).set_input_files(file)  # pyright: ignore[reportArgumentType]
        await page.get_by_label("Whose deals").fill("darcel schlecht")
        await page.get_by_role("button", name="Send the table").click()
        read = page.locator("#read")
        await expect(read.get_by_text("3 rows of Darcel Schlecht; 1 row of other agents")).to_be_visible()
        await expect(read.get_by_text("Won without close_date")).to_be_visible()
        await expect(read.get_by_text("3 new observations")).to_be_visible()
        await read.get_by_role("link", name="See its first cycle").click()
        await expect(page.get_by_role("heading", name="Waiting for a worker")).to_be_visible()
        await cycle.run(site.database, Caller(site.ours.operator.tenant, employee=employee))
        await expect(page.get_by_role("heading", name="Its first cycle has run")).to_be_visible()
        await expect(page.locator("#believes").get_by_text("open value")).to_be_visible()
        await expect(page.locator("#plans").get_by_text("by the playbook").first).to_be_visible()


async def test_a_bad_file_changes_nothing_and_says_why(site: Site) -> None:
    employee = await hired(site)
    to = f"/hire/{employee}/sources"
    async with site.client(site.ours.tokens["manager"]) as manager:
        for kind, text, sentence in (
            ("csv", _DEALS, "has no deal of Nova: say whose deals they are, it has those of Darcel Schlecht (3)"),
            ("csv", "a,b\n1,2\n", "f.txt has no column opportunity_id"),
            ("mbox", _DEALS, "f.txt is no mbox"),
        ):
            answer = await manager.post(to, data={"kind": kind}, files={"file": ("f.txt", text)})
            assert answer.status_code == _INVALID
            assert sentence in answer.text.replace("&#34;", '"')
            assert "Nothing was changed." in answer.text
        useless = _DEALS.splitlines()[0] + "\nD1,Nova,GTX Pro,Isdom,Won,,,\n"
        answer = await manager.post(to, data={"kind": "csv"}, files={"file": ("f.csv", useless)})
        assert answer.status_code == _INVALID
        larger_than_usual = "x" * (site.settings.api_max_body_bytes + 1)
        answer = await manager.post(to, data={"kind": "mbox"}, files={"file": ("f.mbox", larger_than_usual)})
        assert answer.status_code == _INVALID  # it was read
    [form] = [page for page in hire.room.pages if page.name == "hire.tell"]
    assert not isinstance(form.max_bytes, int)
    assert form.max_bytes(site.settings) == site.settings.upload_max_bytes
    assert await waiting(site, employee) == 0


async def test_a_mailbox_is_told_once_however_often_it_is_sent(site: Site) -> None:
    employee = await hired(site)
    text = _MBOX.format(id=uuid4())
    async with site.client(site.ours.tokens["admin"]) as admin:
        for told in ("1 new observation", "0 new observations</strong>, 1 known already"):
            sent = {"kind": "mbox"}
            answer = await admin.post(f"/hire/{employee}/sources", data=sent, files={"file": ("inbox.mbox", text)})
            assert answer.status_code == _OK
            assert told in answer.text
    assert await waiting(site, employee) == 1


async def test_half_of_the_hours_is_refused_with_the_form_still_filled_in(site: Site) -> None:
    told = {"name": "Nova", "role": "csm", "email": "nova.half@acme.example", "timezone": "Europe/Berlin"}
    async with site.client(site.ours.tokens["manager"]) as manager:
        answer = await manager.post("/hire", data=told)
    assert "Working hours need all three" in answer.text
    assert 'value="nova.half@acme.example"' in answer.text


async def test_a_user_neither_hires_nor_tells(site: Site) -> None:
    async with site.client(site.ours.tokens["user"]) as user:
        assert 'href="/hire"' not in (await user.get("/")).text
        told = {"name": "Nova", "role": "csm", "email": f"{os.urandom(4).hex()}@acme.example"}
        assert (await user.post("/hire", data=told)).status_code == _FORBIDDEN
        file = {"file": ("f.csv", _DEALS)}
        to = f"/hire/{site.ours.own}/sources"
        assert (await user.post(to, data={"kind": "csv", "agent": "*"}, files=file)).status_code == _FORBIDDEN
    assert await waiting(site, site.ours.own) == 0
