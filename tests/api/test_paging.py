"""A list is read in pages that neither lose nor repeat a row, whatever comes meanwhile."""

import base64
import re
from uuid import uuid4

import httpx
import pytest
from calling import Home, problem

from empla.employees import employees
from empla.storage.database import Database


@pytest.fixture
async def crew(database: Database, ours: Home) -> list[str]:
    """The addresses of the tenant's employees, in the order of hiring."""
    async with database.write(ours.operator) as tx:
        for number in (5, 1, 4, 2, 3):
            email = f"{number}.{uuid4().hex[:8]}@acme.example"
            await employees.hire(tx, name=f"No {number}", role="pm", email=email)
        return [each.email for each in sorted(await employees.everyone(tx), key=lambda each: each.id)]


@pytest.mark.parametrize("sort", ["email", "-created"])
@pytest.mark.parametrize("limit", [1, 2, 3, 200])
async def test_pages_have_every_row_once_and_in_order(
    manager: httpx.AsyncClient, crew: list[str], sort: str, limit: int
):
    found: list[str] = []
    path = f"/v1/employees?sort={sort}&limit={limit}"
    while path:
        page = await manager.get(path)
        assert len(page.json()["items"]) <= limit
        found += [each["email"] for each in page.json()["items"]]
        link = re.fullmatch('<(.+)>; rel="next"', page.headers.get("link", ""))
        path = link[1] if link else ""
        assert bool(link) == (page.json()["next_cursor"] is not None)
    assert found == (sorted(crew) if sort == "email" else crew[::-1])


async def test_what_comes_meanwhile_shifts_nothing(
    manager: httpx.AsyncClient, database: Database, ours: Home, crew: list[str]
):
    first = (await manager.get("/v1/employees", params={"limit": 3})).json()
    async with database.write(ours.operator) as tx:
        await employees.hire(tx, name="Early", role="pm", email=f"0.{uuid4().hex[:8]}@acme.example")
    rest = (await manager.get("/v1/employees", params={"cursor": first["next_cursor"]})).json()
    assert [each["email"] for each in first["items"] + rest["items"]] == sorted(crew)


async def test_a_filter_holds_on_every_page(manager: httpx.AsyncClient, crew: list[str]):
    del crew
    first = (await manager.get("/v1/employees", params={"role": "pm", "limit": 4})).json()
    rest = (await manager.get("/v1/employees", params={"role": "pm", "cursor": first["next_cursor"]})).json()
    assert [len(first["items"]), len(rest["items"])] == [4, 1]
    assert {each["role"] for each in first["items"] + rest["items"]} == {"pm"}


async def test_a_cursor_of_another_question_or_of_nobody_is_refused(manager: httpx.AsyncClient, crew: list[str]):
    del crew
    cursor = (await manager.get("/v1/employees", params={"limit": 2})).json()["next_cursor"]
    told = problem(await manager.get("/v1/employees", params={"cursor": cursor, "role": "pm"}), 422, "invalid")
    assert told["detail"] == "the cursor belongs to another list, or to other filters: begin without one"
    problem(await manager.get("/v1/users", params={"cursor": cursor}), 422, "invalid")
    question = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")[0]
    for place in ('{"email": 7}', '{"id": "x"}', "[]", "{", '{"email": "a", "tenant": "b"}', "\x00"):
        forged = base64.urlsafe_b64encode(f"{question}:{place}".encode()).decode().rstrip("=")
        problem(await manager.get("/v1/employees", params={"cursor": forged}), 422, "invalid")
    for nonsense in ("", "%", "ä", "====", "a" * 1999):
        problem(await manager.get("/v1/employees", params={"cursor": nonsense}), 422, "invalid")


async def test_people_and_assignments_are_read_in_pages_too(manager: httpx.AsyncClient, ours: Home):
    first = (await manager.get("/v1/users", params={"limit": 2})).json()
    rest = (await manager.get("/v1/users", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert {each["id"] for each in first["items"] + rest["items"]} == {str(user) for user in ours.people.values()}
    assert rest["next_cursor"] is None
    await manager.put(f"/v1/users/{ours.people['user']}/employees/{ours.colleague}")
    one = (await manager.get("/v1/assignments", params={"limit": 1})).json()
    other = (await manager.get("/v1/assignments", params={"limit": 1, "cursor": one["next_cursor"]})).json()
    pairs = {each["employee_id"] for each in one["items"] + other["items"]}
    assert pairs == {str(ours.own), str(ours.colleague)}
