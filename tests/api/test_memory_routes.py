"""Memories, observations, webhooks and conversations over HTTP: the round trip of who feeds an employee, and of who asks it."""

import json
import time
from uuid import uuid4

import httpx
import pytest
from calling import Home, client, counted, problem
from fastapi import FastAPI
from pydantic import SecretStr

from empla import sealing, signing
from empla.effects import integrations
from empla.settings import Settings
from empla.storage.database import Database

_KEY = sealing.new_key()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"secret_keys": SecretStr(_KEY)})


async def everything(caller: httpx.AsyncClient, path: str, **params: str | int) -> list[dict[str, object]]:
    """All pages of a list, two items each."""
    found: list[dict[str, object]] = []
    cursor: str | None = None
    while True:
        page = await caller.get(path, params={**params, "limit": 2, **({"cursor": cursor} if cursor else {})})
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return found


async def test_what_is_recorded_is_recalled_and_forgotten(manager: httpx.AsyncClient, ours: Home):
    path = f"/v1/employees/{ours.own}"
    sent = {"description": "Jane of Acme asked for a discount", "content": {"intent": "negotiation"}}
    first = await manager.post(f"{path}/episodes", json=sent, headers={"Idempotency-Key": "one"})
    again = await manager.post(f"{path}/episodes", json=sent, headers={"Idempotency-Key": "one"})
    assert (first.status_code, again.json()) == (201, first.json())
    at = "2026-03-01T09:00:00Z"
    many = {"episodes": [{"description": f"The weather was {n}", "occurred_at": at} for n in range(4)]}
    ids = (await manager.post(f"{path}/episodes/batch", json=many)).json()["ids"]
    listed = await everything(manager, f"{path}/episodes")
    assert [each["id"] for each in listed] == [first.json()["id"], *reversed(ids)]
    hits = (await manager.post(f"{path}/recall", json={"query": "a discount for Acme", "limit": 1})).json()["hits"]
    assert [hit["id"] for hit in hits] == [first.json()["id"]]
    assert hits[0]["score"] == pytest.approx(sum(hits[0]["parts"].values()))
    why = (await manager.get(f"{path}/episodes/{ids[0]}/importance")).json()
    assert why["told"].startswith(f"importance {why['importance']:.2f}")
    assert (await manager.delete(f"{path}/episodes/{ids[0]}")).status_code == 204
    gone = (await manager.get(f"{path}/episodes/{ids[0]}")).json()
    assert (gone["ended"], gone["description"]) == ("forgotten", "forgotten")
    stats = (await manager.get(f"{path}/memory")).json()
    assert stats["episodes"] == 4


async def test_facts_are_told_contested_and_settled(manager: httpx.AsyncClient, database: Database, ours: Home):
    path = f"/v1/employees/{ours.own}/facts"
    claim = {"subject": "Jane", "predicate": "works at", "object": "Acme", "functional": True}
    acme = (await manager.post(path, json=claim)).json()
    await manager.post(f"{path}/{acme['id']}/verify", json={"source": "I asked her"})
    rival = (await manager.post(path, json={**claim, "object": "Rival"})).json()
    assert rival["outcome"] == "disputed"
    [contested] = (await manager.get(f"{path}/contradictions")).json()["items"]
    assert [each["object"] for each in contested["facts"]] == ["Acme", "Rival"]
    for number in range(5):
        sent = {"subject": f"P{number}", "predicate": "knows", "object": "Jane", "confidence": number / 5}
        assert (await manager.post(path, json=sent)).status_code == 200
    listed = await everything(manager, path)
    assert [each["subject"] for each in listed] == ["Jane", "P4", "P3", "P2", "P1", "P0", "Jane"]
    with counted(database, 3):
        near = (await manager.get(f"{path}/near", params={"of": "Jane", "depth": 1})).json()
    assert len(near["facts"]) == 6
    assert (await manager.delete(f"{path}/{rival['id']}")).status_code == 204
    assert (await manager.get(f"{path}/contradictions")).json() == {"items": []}
    changes = (await manager.get(f"{path}/history", params={"subject": "jane"})).json()["items"]
    assert changes[0]["change"] == "forgotten"
    told = problem(await manager.get(f"{path}/as-of", params={"at": "yesterday?"}), 422, "invalid")
    assert told["detail"]


async def test_what_is_told_twice_is_perceived_once(manager: httpx.AsyncClient, ours: Home):
    told = {"source": "crm", "external_id": "1", "kind": "deal_won", "description": "Acme signed"}
    at = {"occurred_at": "2026-03-01T09:00:00Z"}
    path = f"/v1/employees/{ours.own}/observations"
    assert (await manager.post(path, json={**told, **at})).json() == {"new": 1, "known": 0, "changed": []}
    many: list[dict[str, object]] = [
        {**told, **at, "employee": str(ours.own)},
        {**told, **at, "employee": str(ours.colleague)},
    ]
    many.append({**told, **at, "employee": str(ours.own), "content": {"other": True}})
    done = await manager.post("/v1/observations", json={"observations": many})
    assert done.json() == {"new": 1, "known": 1, "changed": ["1"]}
    [item] = await everything(manager, path, status="pending")
    assert (item["external_id"], item["tainted"], item["error"]) == ("1", True, None)
    problem(await manager.post(path, json={**told, "source": "No Source"}), 422, "invalid")


async def test_a_signed_call_is_taken_once_and_any_other_tells_nothing(
    manager: httpx.AsyncClient, app: FastAPI, database: Database, ours: Home
):
    employee = (await manager.get(f"/v1/employees/{ours.own}")).json()
    secret = SecretStr("whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0IQ==")
    async with database.write(ours.operator) as tx:
        await integrations.connect(
            tx,
            name="billing",
            capability="crm",
            kind="webhook_in",
            settings={"employee": employee["email"]},
            secret=secret,
        )
    body = json.dumps({"type": "invoice_paid", "description": "Acme paid"}).encode()
    id_, at = f"msg_{uuid4().hex}", str(int(time.time()))
    signature = signing.signature(secret, webhook_id=id_, timestamp=at, body=body)
    headers = {"webhook-id": id_, "webhook-timestamp": at, "webhook-signature": signature}
    path = f"/v1/hooks/{ours.operator.tenant}/billing"
    async with client(app) as nobody:
        first = await nobody.post(path, content=body, headers=headers)
        assert (first.status_code, first.json()["is_new"]) == (200, True), first.text
        assert (await nobody.post(path, content=body, headers=headers)).json()["is_new"] is False
        refused = [
            await nobody.post(path, content=body + b" ", headers=headers),
            await nobody.post(path, content=body),
            await nobody.post(path, content=body, headers={**headers, "webhook-timestamp": "1"}),
            await nobody.post(f"/v1/hooks/{ours.operator.tenant}/other", content=body, headers=headers),
            await nobody.post(f"/v1/hooks/{uuid4()}/billing", content=body, headers=headers),
        ]
    assert {problem(each, 403, "forbidden")["detail"] for each in refused} == {"the call is not signed as it should be"}


async def test_people_and_an_employee_talk(user: httpx.AsyncClient, manager: httpx.AsyncClient, ours: Home):
    path = f"/v1/employees/{ours.own}/conversations"
    started = await user.post(path, json={"words": "How does it stand?", "title": "The renewal"})
    talk = started.headers["location"]
    for words in ("And now?", "Still there?"):
        assert (await user.post(f"{talk}/messages", json={"words": words})).status_code == 201
    said = await everything(manager, f"{talk}/messages")
    assert [each["position"] for each in said] == [1, 2, 3]
    for number in range(4):
        await user.post(path, json={"words": f"Hello {number}"})
    assert len({each["id"] for each in await everything(user, path)}) == 5
    assert (await user.get(talk)).json()["messages"] == 3
    elsewhere = talk.replace(str(ours.own), str(ours.colleague))
    problem(await manager.get(elsewhere), 404, "not-found")
    problem(await manager.post(f"{elsewhere}/messages", json={"words": "Psst"}), 404, "not-found")
    assert [
        each["kind"]
        for each in await everything(manager, f"/v1/employees/{ours.own}/observations", source="conversation")
    ]
