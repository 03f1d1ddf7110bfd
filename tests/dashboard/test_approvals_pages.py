"""What employees ask and tell, decided and answered: the mail leaves as it was approved, and nobody decides what he may not."""

from pathlib import Path

import pytest
from browsing import Site, a_token
from insider import a_person
from leaving import a_leaver, mails
from playwright.async_api import Browser, expect

from empla.effects import notices
from empla.employees import assignments

pytestmark = pytest.mark.asyncio(loop_scope="module")
_SEE_OTHER, _FORBIDDEN, _CONFLICT, _INVALID = 303, 403, 409, 422


async def test_by_keyboard_one_is_edited_one_approved_and_both_mails_leave(
    site: Site, browser: Browser, tmp_path: Path
) -> None:
    leaver = await a_leaver(site.database, tmp_path / "mail")
    dana = await a_person(site.database, leaver.caller, "manager")
    await leaver.is_to_write()
    await leaver.meets("occasion", who="Max", tainted=True)
    await leaver.goes_on()
    subject = {"Jane": "Hello Jane", "Max": "Hello Max"}
    async with site.page(browser, await a_token(dana)) as page:
        await page.goto(f"{site.url}/approvals")
        items = page.locator("[data-item]")
        await expect(items).to_have_count(2)
        await expect(items.first).to_contain_text("jane@prospect.example")
        await expect(items.first).to_contain_text("from outside")
        edited = subject["Jane" if "Hello Jane" in await items.first.inner_text() else "Max"]
        await page.keyboard.press("j")
        await expect(items.first).to_be_focused()
        await page.keyboard.press("e")
        field = items.first.get_by_label("Subject")
        await expect(field).to_be_focused()
        await field.fill("As I would say it")
        await page.get_by_role("button", name="Approve as edited").click()
        await expect(page.get_by_role("status")).to_contain_text("Approved as you edited it")
        # The keyboard goes on with what has come to its place.
        await expect(items).to_have_count(1)
        await expect(items.first).to_be_focused()
        await page.keyboard.press("a")
        await expect(page.locator("#asked")).to_contain_text("Nothing waits for you")
        await leaver.goes_on()
        left = {str(mail["Subject"]) for mail in mails(tmp_path / "mail")}
        assert left == {"As I would say it", *(set(subject.values()) - {edited})}
        await page.goto(f"{site.url}/employees/{leaver.employee}/work")
        await expect(page.locator("#outbox")).to_contain_text("As I would say it")
        await page.goto(f"{site.url}/approvals?which=decided")
        await expect(page.locator("#asked")).to_contain_text("edited by Dana")


async def test_a_request_that_comes_is_shown_and_nothing_moves_while_somebody_writes(
    site: Site, browser: Browser, tmp_path: Path
) -> None:
    leaver = await a_leaver(site.database, tmp_path / "mail")
    dana = await a_person(site.database, leaver.caller, "manager")
    async with site.page(browser, await a_token(dana)) as page:
        await page.goto(f"{site.url}/approvals")
        items = page.locator("[data-item]")
        await leaver.is_to_write()
        await leaver.goes_on()
        await expect(items).to_have_count(1)
        await page.keyboard.press("j")
        await page.keyboard.press("r")
        why = items.first.get_by_label("Why it shall not happen")
        await why.fill("She has it")
        await leaver.meets("occasion", who="Max", tainted=True)
        await leaver.goes_on()
        await page.wait_for_timeout(900)
        await expect(why).to_have_value("She has it")
        await expect(items).to_have_count(1)
        await page.get_by_role("button", name="Reject", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("Rejected")
        await expect(items).to_have_count(1)
        await expect(items.first).to_contain_text("Hello")
        # What was said stays, whatever happens beside it.
        await page.wait_for_timeout(900)
        await expect(page.get_by_role("status")).to_contain_text("Rejected")
    async with site.client(await a_token(dana)) as client:
        assert "She has it" in (await client.get("/approvals?which=decided")).text


async def test_nobody_decides_about_what_he_did_not_see_or_may_not(site: Site, tmp_path: Path) -> None:
    leaver = await a_leaver(site.database, tmp_path / "mail")
    manager, user = [await a_person(site.database, leaver.caller, role) for role in ("manager", "user")]
    async with site.database.write(leaver.caller) as tx:
        await assignments.assign(tx, user=user.id, employee=leaver.employee)
    await leaver.is_to_write()
    await leaver.goes_on()
    [asked] = await leaver.asked()
    form = {"approval": str(asked.id), "digest": asked.digest, "verdict": "approve"}
    async with site.client(await a_token(user)) as client:
        shown = (await client.get("/approvals")).text
        assert "jane@prospect.example" in shown
        assert 'name="verdict"' not in shown
        assert (await client.post("/approvals", data=form)).status_code == _FORBIDDEN
    async with site.client(await a_token(manager)) as client:
        assert 'name="verdict"' in (await client.get("/approvals")).text
        stale = await client.post("/approvals", data={**form, "digest": "0" * 64})
        assert stale.status_code == _CONFLICT
        assert "this is not what you saw" in stale.text
        assert (await client.post("/approvals", data={**form, "verdict": "reject"})).status_code == _INVALID
        strange = await client.post("/approvals", data={**form, "verdict": "edit", "arguments": "{"})
        assert (strange.status_code, "no JSON" in strange.text) == (_INVALID, True)
        assert [request.status for request in await leaver.asked()] == ["pending"]
        # What was emptied is not sent as it stood.
        for name in ("title", "body", "recipients"):
            emptied = await client.post("/approvals", data={**form, "verdict": "edit", name: " "})
            assert (emptied.status_code, "were emptied" in emptied.text) == (_INVALID, True)
        assert (await client.post("/approvals", data={**form, "verdict": "edit", "body": ""})).status_code == _INVALID
        # A browser ends lines in its own way, and sends fields that nobody touched: that is no edit.
        same = {"verdict": "edit", "title": asked.title, "body": asked.body.replace("\n", "\r\n")}
        done = await client.post("/approvals", data={**form, **same, "which": "drafts", "search": "jane"})
        assert done.headers["location"] == "/approvals?which=drafts&search=jane&told=approved"


async def test_a_question_is_answered_and_what_asks_nothing_is_seen(site: Site) -> None:
    ours = site.ours
    async with site.database.write(ours.operator) as tx:
        for kind in ("question", "information"):
            await notices.tell(tx, employee=ours.own, key=f"it {kind}", kind=kind, text=f"it is a {kind}")
        asks, tells = sorted(await notices.listed(tx, employee=ours.own), key=lambda one: one.kind, reverse=True)
    async with site.client(ours.tokens["user"]) as client:
        shown = (await client.get("/notices")).text
        assert "it is a question" in shown
        assert "What it shall know" not in shown
        form = {"notice": str(asks.id), "act": "answer", "text": "Ten percent."}
        assert (await client.post("/notices", data=form)).status_code == _FORBIDDEN
    async with site.client(ours.tokens["manager"]) as client:
        assert (await client.post("/notices", data={**form, "act": "seen"})).status_code == _CONFLICT
        assert (await client.post("/notices", data=form)).headers["location"] == "/notices?told=answered"
        seen = await client.post("/notices", data={"notice": str(tells.id), "act": "seen", "back": "work"})
        assert seen.headers["location"] == f"/employees/{ours.own}/work?told=seen"
        past = (await client.get("/notices?which=past")).text
        assert "Ten percent." in past
        assert "it is a question" not in (await client.get("/notices")).text


async def test_a_draft_that_somebody_sent_himself_is_settled(site: Site, tmp_path: Path) -> None:
    leaver = await a_leaver(site.database, tmp_path / "mail", stage="shadow")
    dana = await a_person(site.database, leaver.caller, "manager")
    await leaver.is_to_write()
    await leaver.goes_on()
    [draft] = await leaver.outgoing()
    async with site.client(await a_token(dana)) as client:
        path = f"/employees/{leaver.employee}/work"
        assert "I sent it myself" in (await client.get(path)).text
        form = {"effect": str(draft.id), "finding": "happened", "reason": "by hand"}
        assert (await client.post(path, data=form)).status_code == _SEE_OTHER
        assert "I sent it myself" not in (await client.get(path)).text
    assert (await leaver.effect(draft.id)).status == "done"
