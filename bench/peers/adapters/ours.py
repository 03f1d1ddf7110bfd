"""empla in the peers' harness: its public operations, as a login of the app role under forced row security.

The harness gives the vectors, so embedding costs nothing here, as it costs no other system anything. Everything else is what a
program pays: a memory is indexed by its words and its vector before the call returns, and its words are counted behind it.
"""

import secrets
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import numpy as np
from common import Adapter, Data
from psycopg import sql
from pydantic import SecretStr

from empla.access import doors
from empla.embedding.embedder import Vectors
from empla.employees import employees
from empla.errors import NotFoundError
from empla.memory import episodic, indexing
from empla.memory.episodic import NewEpisode
from empla.memory.question import Asked, Filters
from empla.memory.ranking import BY_MEANING, DEFAULT, Ranking
from empla.memory.recall import recall
from empla.settings import Settings
from empla.storage import migrate, opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants, users

MODEL = "the harness's"
LOGIN = "empla_bench_login"
_EPISODES = Filters(kinds=("episode",))


class System(Adapter):
    """By meaning alone, as the others are asked; `full` is the same question by all that recall knows."""

    note = "psycopg; public operations as the app role, row security forced; one transaction a call; words counted behind the write"
    variants = ("full",)

    def __init__(self, dsn: str, data: Data, clients: int = 8) -> None:
        """See `Adapter`; `dsn` is the administrator's."""
        super().__init__(dsn, data, clients)
        self._stack = AsyncExitStack()
        self._employees: dict[int, UUID] = {}
        self._database: Database
        self._caller: Caller

    async def setup(self) -> None:
        """The schema of this version, a login that is no superuser, one tenant."""
        migrate.upgrade(self.dsn)
        settings = Settings(database_url=SecretStr(_app_url(self.dsn)), pool_size=self.clients, embedder="none")
        self._database = await self._stack.enter_async_context(opening.opened(settings))
        self._caller = await self._tenant("acme")
        async with self._database.read(self._caller) as tx:
            self._employees = {int(each.name): each.id for each in await employees.everyone(tx)}  # of an earlier run

    async def _tenant(self, slug: str) -> Caller:
        try:
            return await doors.caller_for(self._database, tenant=slug)
        except NotFoundError:
            return Caller(await tenants.create(self._database, slug=slug, name=slug.title()))

    async def _employee(self, emp: int) -> UUID:
        if emp not in self._employees:
            async with self._database.write(self._caller) as tx:
                hired = await employees.hire(tx, name=str(emp), role="custom", email=f"{emp}@acme.example")
            self._employees[emp] = hired.id
        return self._employees[emp]

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        # As wide as the model makes them: the harness pads with zeros, which would be stored and compared.
        return np.stack([self.data.vec(text) for text in texts])[:, : self.data.vecs.shape[1]]

    async def add_one(self, emp: int, text: str) -> None:
        """One transaction: the episode, its words and its vector."""
        employee, vectors = await self._employee(emp), self._vectors([text])
        async with self._database.write(self._caller) as tx:
            episode = await episodic.record(tx, employee=employee, description=text)
            await indexing.keep(tx, employee=employee, ids=[episode.id], vectors=vectors, name=MODEL)
        self._behind(employee)

    async def add_many(self, emp: int, texts: list[str]) -> None:
        """The same for many."""
        await self._add(await self._employee(emp), texts)
        self._behind(self._employees[emp])

    async def _add(self, employee: UUID, texts: list[str]) -> None:
        vectors = self._vectors(texts)
        async with self._database.write(self._caller) as tx:
            ids = await episodic.record_many(
                tx, employee=employee, episodes=[NewEpisode(description=text) for text in texts]
            )
            await indexing.keep(tx, employee=employee, ids=ids, vectors=vectors, name=MODEL)

    def _behind(self, employee: UUID) -> None:
        work = partial(indexing.catch_up, self._database, self._caller, employee=employee, embedder=None)
        self._database.afterwards(("catch up", employee), work)

    async def fill_many(self, emp: int, texts: list[str]) -> None:
        """Words are counted once, after loading."""
        await self._add(await self._employee(emp), texts)

    async def after_fill(self) -> None:
        """Nothing waits."""
        for employee in self._employees.values():
            await indexing.catch_up(self._database, self._caller, employee=employee, embedder=None)
        await super().after_fill()

    async def recall(self, emp: int, query: str, k: int) -> list[str]:
        """By meaning alone."""
        return await self._recall(self._caller, self._employees[emp], query, k, BY_MEANING)

    async def recall_full(self, emp: int, query: str, k: int) -> list[str]:
        """Meaning, words, people, neighbours and all the rest: what a program calls."""
        return await self._recall(self._caller, self._employees[emp], query, k, DEFAULT)

    async def _recall(self, caller: Caller, employee: UUID, query: str, k: int, ranking: Ranking) -> list[str]:
        asked = Asked(MODEL, self._vectors([query]))
        async with self._database.ask(caller) as tx:
            hits = await recall(
                tx, employee=employee, query=query, asked=asked, limit=k, filters=_EPISODES, ranking=ranking
            )
        return [hit.text for hit in hits]

    async def count(self) -> int:
        """Of the memories that can be recalled."""
        with migrate.connected(self.dsn) as admin:
            row = admin.execute("SELECT count(*) FROM empla.memory_index").fetchone()
        return int(row[0]) if row else 0

    async def teardown(self) -> None:
        """What was to be done behind the answers is done."""
        await self._stack.aclose()

    async def probes(self) -> dict[str, Callable[[], Coroutine[Any, Any, list[str]]]]:
        """Who should see nothing."""
        other = await self._tenant("other")
        async with self._database.write(self._caller) as tx:
            stranger = await users.invite(tx, email="stranger@acme.example", name="Stranger", role="user")
        stranger_asks = Caller(self._caller.tenant, user=stranger.id)
        first, query = self._employees[0], self.data.texts[self.data.queries[0]]

        async def ask(caller: Caller, employee: UUID) -> list[str]:
            return await self._recall(caller, employee, query, 10, BY_MEANING)

        async def no_context() -> list[str]:
            with migrate.connected(_app_url(self.dsn)) as login:
                return [row[0] for row in login.execute("SELECT description FROM empla.memory_episodes LIMIT 10")]

        return {
            "another tenant's caller, this employee": partial(ask, other, first),
            "a tenant that there is not": partial(ask, Caller(UUID(int=1)), first),
            "an employee that there is not": partial(ask, self._caller, UUID(int=1)),
            "a user without an assignment": partial(ask, stranger_asks, first),
            "the app login without a tenant, by SQL": no_context,
        }


def _app_url(admin_url: str) -> str:
    """The same database under a login of our own, whose password is new each time the adapter starts."""
    if (known := _LOGINS.get(admin_url)) is not None:
        return known
    password = secrets.token_urlsafe(16)
    with migrate.connected(admin_url) as admin:
        name = sql.Identifier(LOGIN)
        if admin.execute("SELECT FROM pg_roles WHERE rolname = %s", (LOGIN,)).rowcount == 0:
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN IN ROLE empla_app").format(name))
        admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(password)))
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    _LOGINS[admin_url] = urlunsplit(parts._replace(netloc=f"{LOGIN}:{quote(password)}@{place}"))
    return _LOGINS[admin_url]


_LOGINS: dict[str, str] = {}
