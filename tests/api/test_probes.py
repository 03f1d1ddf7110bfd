"""The probes say how the process does, to whom they may, and nothing of any tenant."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from calling import Home, Keys, client, problem
from fastapi import FastAPI

from empla.api.app import create
from empla.settings import Settings
from empla.storage.database import Database


async def test_a_process_that_answers_is_healthy_and_one_with_a_database_ready(app: FastAPI):
    async with client(app) as nobody:
        assert (await nobody.get("/healthz")).json() == {"status": "ok"}
        ready = await nobody.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["database"] == "ok"
        assert set(ready.json()["worker"]) == {"due", "running", "lag_seconds"}


async def test_without_its_database_it_is_not_ready_but_healthy(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database, "revision", "0001")
    async with client(create(database, settings)) as nobody:
        assert (await nobody.get("/readyz")).status_code == 503
        assert (await nobody.get("/healthz")).status_code == 200


async def test_many_who_ask_whether_it_is_ready_ask_the_database_once(
    app: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []
    across = database.across

    def counting(row: Any, query: Any, **other: Any) -> Any:
        asked.append(query)
        return across(row, query, **other)

    monkeypatch.setattr(database, "across", counting)
    async with client(app) as nobody:
        for _ in range(5):
            await nobody.get("/readyz")
    assert len(asked) == 1


async def test_the_figures_are_for_this_machine_alone(app: FastAPI, manager: httpx.AsyncClient, ours: Home):
    await manager.get("/v1/employees")
    path = f"/v1/employees/{ours.own}"
    await manager.post(f"{path}/episodes", json={"description": "Jane asked for a discount"})
    assert (await manager.post(f"{path}/recall", json={"query": "Jane"})).json()["hits"]
    async with client(app) as here:
        text = (await here.get("/metrics")).text
        problem(await here.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}), 403, "forbidden")
    assert 'empla_requests_total{operation="employees.list",status="2xx"} 1.0' in text
    assert 'empla_request_seconds_bucket{le="0.005",operation="employees.list"}' in text
    for part in ("sql", "embed", "rank"):
        [spent] = [
            line for line in text.splitlines() if line.startswith(f'empla_recall_seconds_total{{part="{part}"}} ')
        ]
        assert float(spent.split()[1]) > 0
    assert "empla_recalls_total 1.0" in text
    for name in (
        "empla_listeners",
        "empla_pool_connections",
        "empla_cycles_due",
        "empla_cycles_lag_seconds",
        "empla_statements",
    ):
        assert f"\n{name}" in text
    assert str(ours.operator.tenant) not in text
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://empla.test") as far:
        problem(await far.get("/metrics"), 403, "forbidden")


async def test_or_for_whoever_has_the_token(database: Database, settings: Settings, keys: Keys):
    watched = settings.model_validate({**settings.model_dump(), "metrics_token": "watcher-0815"})
    async with client(create(database, watched, door=keys.door)) as nobody:
        problem(await nobody.get("/metrics"), 401, "unauthorized")
        problem(await nobody.get("/metrics", headers={"Authorization": "Bearer other"}), 401, "unauthorized")
        told = await nobody.get("/metrics", headers={"Authorization": "Bearer watcher-0815"})
        assert told.status_code == 200


async def test_what_stands_beside_the_app_runs_as_long_as_it_does(database: Database, settings: Settings):
    told: list[str] = []

    @asynccontextmanager
    async def listening() -> AsyncGenerator[None]:
        told.append("begins")
        yield
        told.append("ends")

    app = create(database, settings, beside=[listening])
    async with app.router.lifespan_context(app):
        assert told == ["begins"]
    assert told == ["begins", "ends"]
