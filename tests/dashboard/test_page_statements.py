"""What a page costs the database: one message for each panel, and few beside them. Counted for every page; a new one needs a line here."""

import re
from typing import NamedTuple

import pytest
from browsing import Site

from empla.dashboard.app import ROOMS

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGES = {page.name: page.path for room in ROOMS for page in room.pages if page.method == "GET" and not page.streams}
_PARAMETER = re.compile(r"\{(\w+):uuid\}")
_LIVE = re.compile(r"<(\w+) [^>]*data-live[^>]*>")
_NAMED = re.compile(r' id="([\w-]+)"')
_AROUND = 3  # messages: begin, who looks, commit


class Cost(NamedTuple):
    """Messages for what a page shows, beside those around it."""

    of_what: int  # whom and what the page is about: the employee, and the belief or goal or … of it
    parts: int  # of all its panels
    parts_apart: int = 1  # of the dearest of those that change while one looks


# Spells are drawn along their goals, which are one statement more. An explanation is one answer of several statements, the one that
# `empla explain` gives: it reads an intention from its goal down.
COSTS: dict[str, Cost] = {
    "overview.shown": Cost(0, 3),
    "hire.form": Cost(0, 0),
    "hire.sources": Cost(1, 0),
    "hire.first_cycle": Cost(1, 4),
    "employee.now": Cost(1, 2),
    "beliefs.held": Cost(1, 3),
    "beliefs.one": Cost(2, 6),
    "goals.shown": Cost(1, 2, 2),
    "goals.one": Cost(2, 4),
    "plans.listed": Cost(1, 1),
    "plans.one": Cost(1, 10, 9),
    "memory.search": Cost(1, 1),
    "memory.facts": Cost(1, 3),
    "memory.fact": Cost(2, 1),
    "memory.episodes": Cost(1, 2),
    "memory.episode": Cost(2, 2),
    "memory.in_hand": Cost(1, 1),
    "work.work": Cost(1, 4),
    "playbooks.listed": Cost(1, 1),
    "playbooks.one": Cost(2, 1),
    "playbooks.form": Cost(1, 0),
    "audit.of_employee": Cost(1, 1),
    "audit.of_company": Cost(0, 1),
    "approvals.desk": Cost(0, 1),
    "notices.desk": Cost(0, 1),
    "users.administration": Cost(0, 1),
    "users.people": Cost(0, 1),
    "users.person": Cost(1, 2),
    "keys.shelf": Cost(0, 2),
    "budgets.today": Cost(0, 2),
    "integrations.accounts": Cost(0, 1),
    "tenant.settings": Cost(0, 1),
    "tenant.stylesheet": Cost(0, 0),
    "health.shown": Cost(0, 1),
}
FREE = {"sign_in.form", "sign_in.welcome", "sign_in.forgotten"}  # they are the same for everybody


async def test_a_page_is_one_transaction_and_a_panel_one_statement(site: Site) -> None:
    assert set(PAGES) == set(COSTS) | FREE
    database, wrong = site.database, list[str]()
    async with site.client(site.ours.tokens["admin"]) as client:

        async def cost(path: str, *, part: str | None = None) -> tuple[int, str]:
            headers = {} if part is None else {"HX-Request-Type": "partial", "HX-Target": part}
            before = database.statements
            answer = await client.get(path, headers=headers)
            assert answer.status_code == 200, path
            return database.statements - before, answer.text

        for name, declared in PAGES.items():
            path = _PARAMETER.sub(lambda told: str(site.ours.things[told[1]]), declared)
            messages, text = await cost(path)
            if name in FREE:
                assert messages == 0, name
                continue
            of_what, parts, dearest = COSTS[name]
            if messages != _AROUND + of_what + parts:
                wrong.append(f"{name}: {messages} messages")
            for found in _LIVE.finditer(text):
                named = _NAMED.search(found[0])
                assert named is not None, f"{name}: a part that changes has no id"
                messages, _ = await cost(path, part=f"{found[1]}#{named[1]}")
                if messages > _AROUND + of_what + dearest:
                    wrong.append(f"{name}, {named[1]} alone: {messages} messages")
    assert not wrong
