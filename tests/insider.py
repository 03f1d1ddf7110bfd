"""Two tenants with people who can sign in, for tests of identity. Hashing costs next to nothing there, and is counted."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from psycopg import sql
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr

from empla import sealing
from empla.access import passwords, sign_ins
from empla.access.sign_ins import Client, Tokens
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants, users
from empla.tenancy.users import Role

if TYPE_CHECKING:
    from tests.conftest import Cluster

PASSWORD = "correct horse battery"


_KEY = sealing.new_key()  # of this process


def with_keys(settings: Settings, **changed: object) -> Settings:
    """The same, with a key that signs."""
    return settings.model_copy(update={"secret_keys": SecretStr(_KEY), **changed})


def cheap(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Passwords are hashed in no time; each hashing adds the recipe it went by."""
    counted: list[str] = []
    real = passwords.argon2

    def hashers(time_cost: int = 1, memory_cost: int = 8, parallelism: int = 1) -> Argon2Hasher:
        return Argon2Hasher(time_cost=time_cost, memory_cost=memory_cost, parallelism=parallelism)

    def counting(password: str, recipe: str | None) -> str:
        hashed = real(password, recipe)
        counted.append(hashed.rpartition("$")[0].rpartition("$")[0])
        return hashed

    monkeypatch.setattr(passwords, "Argon2Hasher", hashers)
    monkeypatch.setattr(passwords, "argon2", counting)
    return counted


@dataclass(frozen=True)
class Person:
    """Somebody of a tenant, who has a password."""

    database: Database
    tenant: UUID
    slug: str
    id: UUID
    email: str

    @property
    def operator(self) -> Caller:
        return Caller(self.tenant)

    @property
    def caller(self) -> Caller:
        """Taken at its word, as whoever holds the URL."""
        return Caller(self.tenant, user=self.id)

    async def sign_in(self, password: str = PASSWORD, *, address: str | None = None) -> Tokens:
        return await sign_ins.sign_in(
            self.database, slug=self.slug, email=self.email, password=password, client=Client(address=address)
        )


async def a_house(database: Database) -> Caller:
    """The operator of a fresh tenant; its slug is in its name."""
    slug = f"t-{uuid4().hex[:12]}"
    return Caller(await tenants.create(database, slug=slug, name=slug))


async def a_person(
    database: Database, house: Caller, role: Role = "user", *, password: str | None = PASSWORD, email: str | None = None
) -> Person:
    async with database.write(house) as tx:
        slug = (await tenants.get(tx)).slug
        made = await users.invite(tx, email=email or f"u-{uuid4().hex[:12]}@acme.example", name="Dana", role=role)
    if password is not None:
        hashed = await passwords.hashed(database, password)
        async with database.write(house) as tx:
            await passwords.put(tx, user=made.id, hashed=hashed)
    return Person(database, house.tenant, slug, made.id, made.email)


@contextmanager
def messages(database: Database, monkeypatch: pytest.MonkeyPatch) -> Generator[list[str]]:
    """Every message to the server from outside of a tenant, by the function it calls."""
    sent: list[str] = []
    real = database.across

    async def across(row: Any, query: Any, **parameters: Any) -> Any:
        sent.append(query.partition("empla.")[2].partition("(")[0])
        return await real(row, query, **parameters)

    with monkeypatch.context() as patch:
        patch.setattr(database, "across", across)
        yield sent


def later(cluster: "Cluster", table: str, tenant: UUID, **columns: str) -> None:
    """As if time had passed: an expression for each column, written with the administrator's hands."""
    with cluster.admin() as admin, admin.transaction():
        admin.execute("SELECT set_config('app.current_tenant_id', %s, true)", (str(tenant),))
        changes = sql.SQL(", ").join(
            sql.SQL("{} = ").format(sql.Identifier(name)) + sql.SQL(value)  # pyright: ignore[reportArgumentType]
            for name, value in columns.items()
        )
        admin.execute(
            sql.SQL("UPDATE empla.{} SET {} WHERE tenant_id = %s").format(sql.Identifier(table), changes),
            (tenant,),
        )


def audited(cluster: "Cluster", tenant: UUID, kind: str) -> list[dict[str, Any]]:
    """What the log of a tenant says of one kind of resource or action, the oldest first."""
    with cluster.admin() as admin:
        rows = admin.execute(
            "SELECT action_type, actor_type, actor_id, resource_id, details FROM empla.audit_log "
            "WHERE tenant_id = %s AND action_type LIKE %s ORDER BY id",
            (tenant, f"{kind}.%"),
        ).fetchall()
    return [dict(zip(("action", "actor_type", "actor", "resource", "details"), row, strict=True)) for row in rows]
