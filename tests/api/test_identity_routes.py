"""The life of a credential over HTTP, with the real door: come in, look around, hand on less, go out."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from calling import client, counted, problem, whole
from fastapi import FastAPI
from insider import PASSWORD, Person, a_house, a_person, audited, cheap, with_keys

from empla.access import links
from empla.settings import Settings
from empla.storage.database import Database
from tests.conftest import Cluster


@pytest.fixture(autouse=True)
def hashings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return cheap(monkeypatch)


@pytest.fixture
def settings(cluster: Cluster) -> Settings:
    urls = {"database_url": cluster.url("app"), "worker_database_url": cluster.url("worker")}
    return with_keys(Settings(**urls, pool_size=4))  # pyright: ignore[reportArgumentType]


@pytest.fixture
def app(database: Database, settings: Settings) -> FastAPI:
    return whole(database, settings)


@pytest.fixture
async def dana(database: Database) -> Person:
    return await a_person(database, await a_house(database), "user")


@pytest.fixture
async def ada(database: Database, dana: Person) -> Person:
    return await a_person(database, dana.operator, "admin")


@pytest.fixture
async def nobody(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    async with client(app) as found:
        yield found


def typed(person: Person, password: str = PASSWORD) -> dict[str, str]:
    return {"tenant": person.slug, "email": person.email, "password": password}


async def signed_in(nobody: httpx.AsyncClient, person: Person, password: str = PASSWORD) -> dict[str, str]:
    answer = await nobody.post("/v1/sign-in", json=typed(person, password))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    return answer.json()


def bearing(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def test_in_looked_around_refreshed_and_out(nobody: httpx.AsyncClient, dana: Person, database: Database):
    tokens = await signed_in(nobody, dana)
    with counted(database, 3):
        me = (await nobody.get("/v1/me", headers=bearing(tokens["access_token"]))).json()
    assert (me["id"], me["role"], me["by"], me["tenant_slug"]) == (str(dana.id), "user", "sign_in", dana.slug)
    assert me["scopes"] == ["admin", "approve", "read", "write"]
    fresh = await nobody.post("/v1/sign-in/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert fresh.headers["cache-control"] == "no-store"
    held = bearing(fresh.json()["access_token"])
    [mine] = (await nobody.get("/v1/sign-ins", headers=held)).json()["items"]
    assert mine["id"] == tokens["sign_in"]
    assert (await nobody.post("/v1/sign-out", headers=held)).status_code == 204
    problem(await nobody.get("/v1/me", headers=held), 401, "unauthorized")
    problem(
        await nobody.post("/v1/sign-in/refresh", json={"refresh_token": fresh.json()["refresh_token"]}),
        401,
        "unauthorized",
    )


async def test_the_address_is_counted_and_the_agent_is_shown(nobody: httpx.AsyncClient, dana: Person, cluster: Cluster):
    answer = await nobody.post("/v1/sign-in", json=typed(dana), headers={"User-Agent": "empla-test/1"})
    listed = await nobody.get("/v1/sign-ins", headers=bearing(answer.json()["access_token"]))
    [mine] = listed.json()["items"]
    assert (mine["address"], mine["agent"]) == ("127.0.0.1", "empla-test/1")
    await nobody.post("/v1/sign-in", json=typed(dana, "wrong horse"))
    assert audited(cluster, dana.tenant, "sign_in")[-1]["details"] == {"address": "127.0.0.1"}


async def test_an_admin_sees_and_ends_the_sign_ins_of_a_user(nobody: httpx.AsyncClient, dana: Person, ada: Person):
    hers, his = await signed_in(nobody, dana), await signed_in(nobody, ada)
    asked = f"/v1/sign-ins?user={dana.id}"
    [seen] = (await nobody.get(asked, headers=bearing(his["access_token"]))).json()["items"]
    assert seen["id"] == hers["sign_in"]
    [own] = (await nobody.get("/v1/sign-ins", headers=bearing(his["access_token"]))).json()["items"]
    assert own["id"] == his["sign_in"]
    by_dana = await nobody.get(f"/v1/sign-ins?user={ada.id}", headers=bearing(hers["access_token"]))
    assert by_dana.json()["items"] == []
    problem(
        await nobody.delete(f"/v1/sign-ins/{his['sign_in']}", headers=bearing(hers["access_token"])), 404, "not-found"
    )
    ended = await nobody.delete(f"/v1/sign-ins/{hers['sign_in']}", headers=bearing(his["access_token"]))
    assert ended.status_code == 204
    problem(await nobody.get("/v1/me", headers=bearing(hers["access_token"])), 401, "unauthorized")


async def test_a_lock_says_how_long(nobody: httpx.AsyncClient, dana: Person, database: Database):
    for _ in range(database.settings.lockout_attempts):
        problem(await nobody.post("/v1/sign-in", json=typed(dana, "wrong horse")), 401, "unauthorized")
    answer = await nobody.post("/v1/sign-in", json=typed(dana))
    problem(answer, 429, "locked")
    assert 890 < int(answer.headers["retry-after"]) <= 900


async def test_another_password_ends_all_other_sign_ins(nobody: httpx.AsyncClient, dana: Person):
    here, there = await signed_in(nobody, dana), await signed_in(nobody, dana)
    wrong = {"old": "wrong horse battery", "new": "staple of the trade"}
    told = problem(
        await nobody.post("/v1/password", json=wrong, headers=bearing(here["access_token"])), 401, "unauthorized"
    )
    assert told["detail"] == "that is not the old password"
    weak = {"old": PASSWORD, "new": "short"}
    problem(await nobody.post("/v1/password", json=weak, headers=bearing(here["access_token"])), 422, "invalid")
    done = await nobody.post("/v1/password", json={**wrong, "old": PASSWORD}, headers=bearing(here["access_token"]))
    assert done.status_code == 204
    assert (await nobody.get("/v1/me", headers=bearing(here["access_token"]))).status_code == 200
    problem(await nobody.get("/v1/me", headers=bearing(there["access_token"])), 401, "unauthorized")
    await signed_in(nobody, dana, "staple of the trade")


async def test_an_invitation_is_handed_out_looked_at_and_used_once(
    nobody: httpx.AsyncClient, ada: Person, database: Database
):
    held = bearing((await signed_in(nobody, ada))["access_token"])
    invited = {"email": f"new.{ada.email}", "name": "Uma", "role": "user"}
    uma = (await nobody.post("/v1/users", json=invited, headers=held)).json()["id"]
    link = await nobody.post(f"/v1/users/{uma}/invitation", headers=held)
    assert (link.status_code, link.headers["cache-control"]) == (201, "no-store")
    token = link.json()["token"]
    looked = await nobody.post("/v1/links/look", json={"token": token})
    assert looked.json() == {"purpose": "invitation", "email": invited["email"], "name": "Uma", "slug": ada.slug}
    problem(await nobody.post("/v1/links/use", json={"token": token, "password": "short"}), 422, "invalid")
    used = {"token": token, "password": "staple of the trade"}
    assert (await nobody.post("/v1/links/use", json=used)).status_code == 200
    problem(await nobody.post("/v1/links/use", json=used), 401, "unauthorized")
    problem(await nobody.post(f"/v1/users/{uma}/invitation", headers=held), 409, "conflict")
    uma_signs_in = Person(database, ada.tenant, ada.slug, ada.id, invited["email"])
    await signed_in(nobody, uma_signs_in, "staple of the trade")
    problem(await nobody.post(f"/v1/users/{ada.id}/reset", headers=held), 403, "forbidden")
    assert (await nobody.post(f"/v1/users/{uma}/reset", headers=held)).status_code == 201


async def test_a_request_for_a_reset_is_answered_alike_and_the_link_is_told_to_nobody(
    nobody: httpx.AsyncClient, dana: Person, database: Database, cluster: Cluster, caplog: pytest.LogCaptureFixture
):
    answers = [
        await nobody.post("/v1/links/request", json={"tenant": slug, "email": email})
        for slug, email in ((dana.slug, dana.email), (dana.slug, f"x{dana.email}"), (f"x{dana.slug}", dana.email))
    ]
    await database.settled()
    assert [(answer.status_code, answer.content, seen(answer)) for answer in answers[1:]] == [
        (204, b"", seen(answers[0]))
    ] * 2
    assert {entry["action"] for entry in audited(cluster, dana.tenant, "link")} == {"link.requested"}
    assert "emplal_" not in caplog.text


def seen(answer: httpx.Response) -> dict[str, str]:
    """All headers but what is each request's own."""
    return {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "date"}}


async def test_a_key_is_shown_once_and_does_less(nobody: httpx.AsyncClient, ada: Person, database: Database):
    held = bearing((await signed_in(nobody, ada))["access_token"])
    account = await nobody.post("/v1/service-accounts", json={"name": "Feeder", "role": "manager"}, headers=held)
    program = account.json()["id"]
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    wanted = {"name": "Feed", "scopes": ["employees:read"], "user": program, "expires_at": until}
    answer = await nobody.post("/v1/keys", json=wanted, headers={**held, "Idempotency-Key": "feed-1"})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    made = answer.json()
    again = await nobody.post("/v1/keys", json=wanted, headers={**held, "Idempotency-Key": "feed-1"})
    assert "its answer was not kept" in problem(again, 409, "conflict")["detail"]
    one = await nobody.get(answer.headers["location"], headers=held)
    assert one.json() == made["key"]
    assert made["text"] not in one.text

    program_held = bearing(made["text"])
    me = (await nobody.get("/v1/me", headers=program_held)).json()
    assert (me["by"], me["email"], me["role"], me["scopes"]) == ("api_key", None, "manager", ["employees:read"])
    assert (await nobody.get("/v1/employees", headers=program_held)).status_code == 200
    problem(await nobody.get("/v1/users", headers=program_held), 403, "forbidden")
    problem(await nobody.post("/v1/keys", json=wanted, headers=program_held), 403, "forbidden")

    seen_before = (await nobody.get(f"/v1/service-accounts/{program}", headers=held)).headers["etag"]
    changed = await nobody.patch(
        f"/v1/service-accounts/{program}", json={"role": "user"}, headers={**held, "If-Match": seen_before}
    )
    assert changed.json()["role"] == "user"
    assert (await nobody.get("/v1/me", headers=program_held)).json()["role"] == "user"
    assert (await nobody.delete(f"/v1/keys/{made['key']['id']}", headers=held)).status_code == 204
    problem(await nobody.get("/v1/me", headers=program_held), 401, "unauthorized")
    await database.settled()


async def test_bad_input_is_told_in_one_sentence(nobody: httpx.AsyncClient, ada: Person):
    held = bearing((await signed_in(nobody, ada))["access_token"])
    told = problem(await nobody.post("/v1/keys", json={"name": "k", "scopes": ["all"]}, headers=held), 422, "invalid")
    assert "there is no scope 'all'" in told["detail"]
    past = {"name": "k", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}
    told = problem(await nobody.post("/v1/keys", json=past, headers=held), 422, "invalid")
    assert told["detail"] == "a key ends in the future"


async def test_keys_and_sign_ins_come_in_pages(nobody: httpx.AsyncClient, ada: Person):
    held = bearing((await signed_in(nobody, ada))["access_token"])
    for _ in range(2):
        await signed_in(nobody, ada)
        await nobody.post("/v1/keys", json={"name": "k", "scopes": ["read"]}, headers=held)
    await nobody.post("/v1/keys", json={"name": "k", "scopes": ["read"]}, headers=held)
    for path in ("/v1/keys", "/v1/sign-ins"):
        ids: list[str] = []
        following: str | None = f"{path}?limit=2"
        while following is not None:
            page = await nobody.get(following, headers=held)
            ids += [item["id"] for item in page.json()["items"]]
            following = page.links["next"]["url"] if "next" in page.links else None
        assert len(ids) == len(set(ids)) == 3, path


async def test_a_link_that_is_delivered_names_whose_it_is(dana: Person, database: Database):
    got: list[links.Delivery] = []

    async def deliver(delivery: links.Delivery) -> None:
        got.append(delivery)

    await links.request_reset(database, slug=dana.slug, email=dana.email, deliver=deliver)
    await database.settled()
    assert [(each.tenant, each.user, each.email) for each in got] == [(dana.tenant, dana.id, dana.email)]
