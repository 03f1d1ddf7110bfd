"""What an employee wants, plans and knows, in a browser: looked at, adopted, dropped, called off, judged and taught by whoever may."""

import pytest
from browsing import Site
from playwright.async_api import Browser, expect

from empla.bdi import goals, intentions
from empla.dashboard.playbooks import EXAMPLES
from empla.errors import NotFoundError
from empla.memory import procedural

pytestmark = pytest.mark.asyncio(loop_scope="module")
_SEE_OTHER, _FORBIDDEN, _NOT_FOUND, _INVALID = 303, 403, 404, 422


def _here(site: Site) -> str:
    return f"/employees/{site.ours.own}"


async def test_a_manager_adopts_a_goal_reads_why_it_presses_and_drops_it(site: Site, browser: Browser) -> None:
    async with site.page(browser, site.ours.tokens["manager"]) as page:
        await page.goto(f"{site.url}{_here(site)}/goals")
        await page.get_by_label("What it shall want").fill("Win <twelve> deals")
        await page.get_by_label("Kind").select_option("achievement")
        await page.get_by_label("Metric").fill("deals.won")
        await page.get_by_label("Value").fill("12")
        await page.get_by_label("Deadline, if any").fill("2 weeks")
        await page.get_by_role("button", name="Adopt").click()
        await expect(page.get_by_text("Adopted: its next cycle")).to_be_visible()
        await expect(page.get_by_role("heading", name="Win <twelve> deals")).to_be_visible()
        await page.get_by_text("Why 2?").click()
        await expect(page.get_by_text("10 · (0.6 · 0 + 0.4 · 0.5) + 0 = 2")).to_be_visible()
        await page.get_by_text("Drop this goal").click()
        await page.get_by_label("Why it is wanted no more").fill("Another team does it.")
        await page.get_by_role("button", name="Drop it").click()
        await expect(page.locator("#standing")).to_contain_text("Another team does it.")
        await expect(page.get_by_text("Drop this goal")).to_have_count(0)  # what is over is not dropped again
        await page.goto(f"{site.url}{_here(site)}/goals?which=over")
        await expect(page.get_by_role("link", name="Win <twelve> deals").first).to_be_visible()


async def test_a_plan_is_a_tree_with_what_waits_for_what_and_in_words_why_it_was_chosen(
    site: Site, browser: Browser
) -> None:
    async with site.page(browser, site.ours.tokens["user"]) as page:
        await page.goto(f"{site.url}{_here(site)}/plans")
        await page.get_by_role("link", name="rebuild pipeline").click()
        tree = page.locator("svg.tree")
        assert await tree.locator(".box").count() == 1 + 4 + 1 + 1  # both plans and their steps
        assert await tree.locator(".arrow").count() == 1 + 1 + 1 + 2 + 1 + 1  # the last step waits for two
        await expect(tree).to_contain_text("Call <b>Ann</b>")
        assert await tree.locator(".frame").count() == 1
        await expect(page.locator("#choice")).to_contain_text("it was tried already")
        await expect(page.locator("#choice")).to_contain_text("0.35")
        await expect(page.locator("#about")).to_contain_text("its turn: step 1 (note) is next")
        await expect(page.get_by_text("Call off")).to_have_count(0)  # a user may look
        await tree.get_by_role("link").nth(1).click()
        await expect(page.locator("#about")).to_contain_text("step 2 of rebuild pipeline")


async def test_a_part_of_a_page_is_fetched_alone(site: Site) -> None:
    asks = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "section#tree"}
    async with site.client(site.ours.tokens["admin"]) as client:
        answer = await client.get(f"{_here(site)}/plans/{site.ours.things['intention']}", headers=asks)
        assert answer.text.lstrip().startswith('<section class="sheet" id="tree"')
        for path, parts in (
            (f"/goals/{site.ours.things['goal']}", ("value", "spells", "plans", "standing", "history")),
            ("/goals", ("goals", "spells")),
            (f"/plans/{site.ours.things['intention']}", ("about", "steps", "choice")),
            (f"/playbooks/{site.ours.things['procedure']}", ("reading", "plans", "record")),
        ):
            for part in parts:
                answer = await client.get(_here(site) + path, headers={**asks, "HX-Target": f"section#{part}"})
                assert f'id="{part}"' in answer.text, (path, part)
                assert "<main" not in answer.text


async def test_who_may_not_is_not_offered_and_is_refused(site: Site) -> None:
    things, here = site.ours.things, _here(site)
    forms: list[tuple[str, dict[str, str]]] = [
        (f"{here}/goals", {"metric": "x.y", "value": "1"}),
        (f"{here}/goals/{things['goal']}/drop", {"reason": "no"}),
        (f"{here}/plans/{things['intention']}/call-off", {"reason": "no"}),
        (f"{here}/playbooks/{things['procedure']}/use", {"act": "disable"}),
        (f"{here}/playbooks/{things['procedure']}/judge", {"standing": "demoted", "reason": "no"}),
        (f"{here}/playbooks/teach", {"text": EXAMPLES["playbooks"]}),
    ]
    async with site.client(site.ours.tokens["user"]) as user, site.client(site.theirs.tokens["admin"]) as rival:
        for path, fields in forms:
            assert (await user.post(path, data=fields)).status_code == _FORBIDDEN, path
            assert (await rival.post(path, data=fields)).status_code == _NOT_FOUND, path
        for path in ("/goals", f"/goals/{things['goal']}", f"/playbooks/{things['procedure']}", "/playbooks"):
            text = (await user.get(here + path)).text
            assert "<form" not in text.replace('<form method="post" action="/sign-out"', "").replace(
                'method="get"', ""
            ).replace('<form class="actions filters"', "").replace('<form class="filters"', ""), path
            assert "Teach a playbook" not in text
    async with site.database.read(site.ours.operator) as tx:
        assert (await goals.get(tx, goal=things["goal"])).status == "active"
        assert (await procedural.get(tx, employee=site.ours.own, procedure=things["procedure"])).enabled


async def test_what_is_wrong_stands_by_the_form_which_keeps_what_was_filled_in(site: Site) -> None:
    wrong = EXAMPLES["playbooks"].replace("due: 1 day", "due: soonish").replace("title:", "titel:")
    goal = {"metric": "deals.won", "value": "12", "deadline": "next <week>"}
    async with site.database.read(site.ours.operator) as tx:
        before = await goals.listed(tx, employee=site.ours.own)
    async with site.client(site.ours.tokens["manager"]) as client:
        answer = await client.post(f"{_here(site)}/goals", data=goal)
        assert answer.status_code == _INVALID
        assert "a span such as &#34;2 weeks&#34;, not &#39;next &lt;week&gt;&#39;" in answer.text
        assert 'value="deals.won"' in answer.text
        answer = await client.post(f"{_here(site)}/playbooks/teach", data={"text": wrong})
        assert answer.status_code == _INVALID
        assert answer.text.count("<li>Line ") == 3  # all of them at once, each with its line
        assert "due: soonish" in answer.text
        assert "3 things to mend" in answer.text
    async with site.database.read(site.ours.operator) as tx:
        assert await goals.listed(tx, employee=site.ours.own) == before
        with pytest.raises(NotFoundError):
            await procedural.find(tx, employee=site.ours.own, name="thank_for_the_deal")


async def test_a_playbook_is_taught_from_a_file_judged_and_disabled(site: Site, browser: Browser) -> None:
    async with site.page(browser, site.ours.tokens["manager"]) as page:
        await page.goto(f"{site.url}{_here(site)}/playbooks")
        await page.get_by_role("link", name="Teach a playbook").click()
        await page.get_by_label("Or choose a file").set_input_files(
            {"name": "thank.yaml", "mimeType": "text/yaml", "buffer": EXAMPLES["playbooks"].encode()}
        )
        await page.get_by_role("button", name="Teach it").click()
        await expect(page.get_by_text("Taught: it is known from now on.")).to_be_visible()
        await expect(page.locator("#reading")).to_contain_text("Task: Thank {account}. Due within 1 day.")
        await page.get_by_text("Judge it yourself").click()
        await page.get_by_label("Trust it from now on as").select_option("trial")
        await page.get_by_label("Why").fill("It is new.")
        await page.get_by_role("button", name="Decide").click()
        await expect(page.locator("#record")).to_contain_text("established → trial")
        await page.get_by_role("button", name="Use it no more").click()
        await expect(page.locator("#record")).to_contain_text("disabled")


async def test_a_playbook_is_learned_from_what_people_did(site: Site) -> None:
    path = f"{_here(site)}/playbooks/teach"
    fields = {"kind": "demonstrations", "text": EXAMPLES["demonstrations"]}
    async with site.client(site.ours.tokens["manager"]) as client:
        nameless = await client.post(path, data=fields)
        assert nameless.status_code == _INVALID
        assert "needs a name" in nameless.text
        learned = await client.post(path, data={**fields, "name": "thank_the_winner"})
        assert learned.status_code == _SEE_OTHER
        assert "learned from people" in (await client.get(learned.headers["location"])).text


async def test_a_plan_is_called_off_with_all_that_it_pursues(site: Site) -> None:
    """The last of the file: the plan is not there any more."""
    path = f"{_here(site)}/plans/{site.ours.things['intention']}"
    async with site.client(site.ours.tokens["manager"]) as client:
        assert (
            await client.post(f"{path}/call-off", data={"reason": "They asked us to wait."})
        ).status_code == _SEE_OTHER
        text = (await client.get(path)).text
        assert "They asked us to wait." in text
        assert "Call it off" not in text
        assert "No plan in hand" in (await client.get(f"{_here(site)}/plans")).text
    async with site.database.read(site.ours.operator) as tx:
        kept = await intentions.listed(tx, employee=site.ours.own)
    assert {each.status for each in kept} == {"abandoned"}
