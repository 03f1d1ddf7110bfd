"""The application over this worker's database, with two tenants at home in it."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from calling import Home, Keys, a_home, client, whole
from fastapi import FastAPI
from pydantic import SecretStr

from empla import sealing
from empla.api.app import NOUNS, create
from empla.api.operations import Noun
from empla.settings import Settings
from empla.storage.database import Database


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a key of its own, by which secrets are sealed."""
    return settings.model_copy(update={"secret_keys": SecretStr(sealing.new_key())})


@pytest.fixture
def keys() -> Keys:
    return Keys()


# These look at what was made with the database that the application was made with.
_ANEW = frozenset({"test_probes"})


@pytest.fixture
def app(request: pytest.FixtureRequest, database: Database, settings: Settings, keys: Keys) -> FastAPI:
    """All of it, or the one operation that a test has by its name."""
    callspec = getattr(request.node, "callspec", None)
    nouns = () if callspec is None else _only(callspec.params.get("name"))
    if nouns:
        return create(database, settings, door=keys.door, nouns=nouns)
    if request.path.stem in _ANEW:
        return create(database, settings, door=keys.door)
    return whole(database, settings, door=keys.door)


def _only(name: object) -> tuple[Noun, ...]:
    for noun in NOUNS:
        for operation in noun.operations:
            if operation.name == name:
                alone = Noun(noun.name, about=noun.about)
                alone.operations.append(operation)
                return (alone,)
    return ()


@pytest.fixture
async def ours(database: Database) -> Home:
    return await a_home(database)


@pytest.fixture
async def theirs(database: Database) -> Home:
    return await a_home(database, name="Rival")


@pytest.fixture
async def admin(app: FastAPI, keys: Keys, ours: Home) -> AsyncGenerator[httpx.AsyncClient]:
    async with client(app, keys.give(ours.guest("admin"))) as found:
        yield found


@pytest.fixture
async def manager(app: FastAPI, keys: Keys, ours: Home) -> AsyncGenerator[httpx.AsyncClient]:
    async with client(app, keys.give(ours.guest("manager"))) as found:
        yield found


@pytest.fixture
async def user(app: FastAPI, keys: Keys, ours: Home) -> AsyncGenerator[httpx.AsyncClient]:
    async with client(app, keys.give(ours.guest("user"))) as found:
        yield found
