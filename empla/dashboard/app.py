"""The API and the pages for people, as one application."""

from collections.abc import Sequence

from fastapi import FastAPI

from empla.access.doors import by_token
from empla.api import app as api
from empla.api.app import Beside
from empla.api.doors import Door
from empla.dashboard import (
    approvals,
    audit,
    beliefs,
    budgets,
    employee,
    goals,
    health,
    hire,
    integrations,
    keys,
    live,
    memory,
    notices,
    overview,
    pages,
    plans,
    playbooks,
    sign_in,
    tenant,
    users,
    work,
)
from empla.dashboard.pages import Room
from empla.settings import Settings
from empla.storage.database import Database

# One file for each; a room that is not named here has no pages.
ROOMS: tuple[Room, ...] = (
    *(sign_in.room, live.room, overview.room, hire.room, employee.room),
    *(beliefs.room, goals.room, plans.room, memory.room, work.room),
    *(playbooks.room, audit.room, approvals.room, notices.room, users.room),
    *(keys.room, budgets.room, integrations.room, tenant.room, health.room),
)


def create(
    database: Database,
    settings: Settings,
    *,
    door: Door = by_token,
    beside: Sequence[Beside] = (),
    rooms: Sequence[Room] = ROOMS,
) -> FastAPI:
    """An application over an open database: `/v1` for programs, `/` for people."""
    app = api.create(database, settings, door=door, beside=beside)
    pages.mount(app, app.state.house, rooms)
    return app
