"""A bare table beside the schema: the least that remembering and recalling could cost, for the benches to compare with.

No tenants, no row security, no words: half-precision vectors of 1024 kept inline, a b-tree on whose they are, and exact search. It is
made on the benches' own servers, and nowhere else.
"""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

import psycopg

from empla.storage import migrate

WIDTH = 1024


class Bare:
    """The table, as the administrator who made it and as a login of the app role."""

    def __init__(self, admin_url: str, app_url: str) -> None:
        """Use it as a context manager."""
        self._urls = admin_url, app_url
        self._admin: psycopg.Connection
        self._app: psycopg.Connection

    def __enter__(self) -> Self:
        self._admin, self._app = (psycopg.connect(url, autocommit=True) for url in self._urls)
        with migrate.connected(self._urls[0]) as admin:
            admin.execute("CREATE SCHEMA bare")
            admin.execute(
                "CREATE TABLE bare.memories "
                "(id bigserial PRIMARY KEY, owner uuid NOT NULL, memory uuid, body text NOT NULL, vector halfvec(1024) NOT NULL)"
            )
            admin.execute("ALTER TABLE bare.memories ALTER COLUMN vector SET STORAGE PLAIN")
            admin.execute("CREATE INDEX ON bare.memories (owner)")
            admin.execute("GRANT USAGE ON SCHEMA bare TO empla_app")
            admin.execute("GRANT SELECT ON bare.memories TO empla_app")
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()
        self._app.close()

    def copy(self, tenant: UUID) -> None:
        """What the tenant's employees remember stands here too; all tables have fresh statistics."""
        self._admin.execute(
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
        self._admin.execute("VACUUM ANALYZE")

    def nearest(self, owner: UUID, vector: str, *, limit: int, as_app: bool) -> Sequence[UUID]:
        """The exact answer."""
        connection = self._app if as_app else self._admin
        rows = connection.execute(
            "SELECT memory, body FROM bare.memories WHERE owner = %s ORDER BY vector <=> %s::halfvec LIMIT %s",
            (owner, vector, limit),
            prepare=True,
        ).fetchall()
        return [row[0] for row in rows]

    def insert(self, owner: UUID, body: str, vector: str) -> None:
        """One memory, in a transaction of its own."""
        self._admin.execute(
            "INSERT INTO bare.memories (owner, body, vector) VALUES (%s, %s, %s::halfvec)",
            (owner, body, vector),
            prepare=True,
        )
