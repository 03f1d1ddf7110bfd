"""A bare table beside the schema: the least that remembering and recalling could cost, for the benches to compare with.

No tenants, no row security, no words: half-precision vectors of 1024 kept inline, a b-tree on whose they are, and exact search. It is
made on the benches' own servers, and nowhere else.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

WIDTH = 1024


class Bare:
    """The table, as the administrator who made it and as a login of the app role, each over one connection."""

    def __init__(self, admin: AsyncConnection[Any], app: AsyncConnection[Any]) -> None:
        """Use `made`."""
        self._admin, self._app = admin, app

    async def copy(self, tenant: UUID) -> None:
        """What the tenant's employees remember stands here too; all tables have fresh statistics, before and after."""
        await self._admin.execute("ANALYZE")
        await self._admin.execute(
            """
            INSERT INTO bare.memories (owner, memory, body, vector)
            SELECT v.employee_id, v.memory_id, e.description,
                   v.embedding || array_fill(0::real, ARRAY[1024 - vector_dims(v.embedding)])::halfvec
              FROM empla.memory_vectors v
              JOIN empla.memory_episodes e ON e.tenant_id = v.tenant_id AND e.employee_id = v.employee_id AND e.id = v.memory_id
             WHERE v.tenant_id = %s
            """,
            (tenant,),
        )
        await self._admin.execute("VACUUM ANALYZE")

    async def nearest(self, owner: UUID, vector: str, *, limit: int, as_app: bool) -> Sequence[UUID]:
        """The exact answer."""
        cursor = await (self._app if as_app else self._admin).execute(
            "SELECT memory, body FROM bare.memories WHERE owner = %s ORDER BY vector <=> %s::halfvec LIMIT %s",
            (owner, vector, limit),
            prepare=True,
        )
        return [row[0] for row in await cursor.fetchall()]

    async def insert(self, owner: UUID, body: str, vector: str) -> None:
        """One memory, in a transaction of its own."""
        await self._admin.execute(
            "INSERT INTO bare.memories (owner, body, vector) VALUES (%s, %s, %s::halfvec)",
            (owner, body, vector),
            prepare=True,
        )


@asynccontextmanager
async def made(admin_url: str, app_url: str) -> AsyncGenerator[Bare]:
    """The table is there, and empty."""
    async with (
        await AsyncConnection.connect(admin_url, autocommit=True) as admin,
        await AsyncConnection.connect(app_url, autocommit=True) as app,
    ):
        await admin.execute("CREATE SCHEMA bare")
        await admin.execute(
            "CREATE TABLE bare.memories "
            "(id bigserial PRIMARY KEY, owner uuid NOT NULL, memory uuid, body text NOT NULL, vector halfvec(1024) NOT NULL)"
        )
        await admin.execute("ALTER TABLE bare.memories ALTER COLUMN vector SET STORAGE PLAIN")
        await admin.execute("CREATE INDEX ON bare.memories (owner)")
        await admin.execute("GRANT USAGE ON SCHEMA bare TO empla_app")
        await admin.execute("GRANT SELECT ON bare.memories TO empla_app")
        yield Bare(admin, app)
