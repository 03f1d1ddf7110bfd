"""Health is the catalogue's own word: pull one fence, drop a partition, raise a role, and it shows."""

import asyncio
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import psycopg
import pytest
from own_database import admin_url, own_database
from pydantic import SecretStr

from empla.observability import health
from empla.observability.health import Health
from empla.settings import Settings
from empla.storage import embedded, opening
from empla.storage.revision import HEAD

if TYPE_CHECKING:
    from own_database import Cluster


@pytest.fixture(scope="module")
def own(cluster: "Cluster") -> Iterator[Settings]:
    """One database for these tests: each takes back what it did."""
    with own_database(cluster) as settings:
        yield settings


def findings(settings: Settings) -> list[str]:
    return [f"{found.topic}: {found.finding}" for found in looked_at(settings).findings]


def looked_at(settings: Settings) -> Health:
    async def look() -> Health:
        async with opening.opened(settings, as_it_is=True) as database:
            return await health.health(database)

    return asyncio.run(look())


class Fault(NamedTuple):
    """Two statements of the administrator, and what is found between them."""

    done: str
    undone: str
    found: str


FAULTS = [
    Fault(
        "ALTER TABLE empla.users DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE empla.users ENABLE ROW LEVEL SECURITY",
        "fences: users has no row security",
    ),
    Fault(
        "ALTER TABLE empla.memory_episodes NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE empla.memory_episodes FORCE ROW LEVEL SECURITY",
        "fences: memory_episodes does not force row security on its owner",
    ),
    Fault(
        "CREATE TABLE empla.loose (); ALTER TABLE empla.loose OWNER TO empla_owner",
        "DROP TABLE empla.loose",
        "fences: loose does not force row security on its owner, fences: loose has no row security",
    ),
    Fault(
        "ALTER TABLE empla.users OWNER TO postgres",
        "ALTER TABLE empla.users OWNER TO empla_owner",
        "fences: users belongs to postgres, not to empla_owner",
    ),
    Fault(
        "CREATE POLICY hole ON empla.beliefs FOR SELECT TO empla_app USING (ctx.is_staff())",
        "DROP POLICY hole ON empla.beliefs",
        "fences: the policy hole of beliefs does not ask for the tenant",
    ),
    Fault(
        "CREATE POLICY hole ON empla.beliefs TO PUBLIC USING (tenant_id = ctx.tenant_id()) WITH CHECK (true)",
        "DROP POLICY hole ON empla.beliefs",
        "fences: the policy hole of beliefs does not ask for the tenant",
    ),
    Fault(
        "CREATE VIEW empla.everything AS SELECT * FROM empla.beliefs; ALTER VIEW empla.everything OWNER TO empla_owner",
        "DROP VIEW empla.everything",
        "fences: everything is a view that asks with its owner's rights, not the caller's",
    ),
    Fault(
        "CREATE MATERIALIZED VIEW empla.copied AS SELECT 1; ALTER MATERIALIZED VIEW empla.copied OWNER TO empla_owner",
        "DROP MATERIALIZED VIEW empla.copied",
        "fences: copied keeps rows outside of row security",
    ),
    Fault(
        "CREATE FUNCTION empla.loose() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'",
        "DROP FUNCTION empla.loose",
        "fences: the function empla.loose() belongs to postgres, who is none of ours",
    ),
    Fault(
        "UPDATE empla.alembic_version SET version_num = '0008'",
        f"UPDATE empla.alembic_version SET version_num = '{HEAD}'",
        f"revision: the schema is at 0008; this empla needs {HEAD}",
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.done)
def test_a_pulled_fence_shows(fault: Fault, own: Settings):
    with psycopg.connect(admin_url(own), autocommit=True) as admin:
        admin.execute(fault.done.encode())
        try:
            assert ", ".join(findings(own)) == fault.found
        finally:
            admin.execute(fault.undone.encode())
    assert findings(own) == []


def test_a_missing_month_shows_and_looking_does_not_make_it(own: Settings):
    with psycopg.connect(admin_url(own), autocommit=True) as admin:
        row = admin.execute("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '3 months', 'YYYYMM')").fetchone()
        assert row is not None
        admin.execute(f"DROP TABLE empla.audit_log_{row[0]}".encode())
        for _ in range(2):
            assert findings(own) == [f"partitions: audit_log has no partition audit_log_{row[0]}"]
        admin.execute("SELECT empla.ensure_partitions()")
    assert findings(own) == []


def test_a_partition_that_was_only_detached_is_missing_too(own: Settings):
    with psycopg.connect(admin_url(own), autocommit=True) as admin:
        row = admin.execute("SELECT 'belief_history_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')").fetchone()
        assert row is not None
        bounds = admin.execute(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = %s", (row[0],)
        ).fetchone()
        assert bounds is not None
        admin.execute(f"ALTER TABLE empla.belief_history DETACH PARTITION empla.{row[0]}".encode())
        assert findings(own) == [f"partitions: belief_history has no partition {row[0]}"]
        admin.execute(f"ALTER TABLE empla.belief_history ATTACH PARTITION empla.{row[0]} {bounds[0]}".encode())
    assert findings(own) == []


def test_a_healthy_database_tells_its_facts(own: Settings):
    with psycopg.connect(admin_url(own), autocommit=True) as admin:
        admin.execute("SELECT empla.provision_tenant('acme', 'Acme'), empla.refresh_statistics()")
    found = looked_at(own)
    assert found.healthy
    assert found.revision == found.newest_revision == HEAD
    assert found.login == "empla_app_login"
    assert found.server_version.split(".")[0] in {"16", "17", "18"}
    assert found.latency_ms > 0
    tables = {table.name: table for table in found.tables}
    assert tables["tenants"].rows == 1
    assert tables["metrics"].bytes > 100_000  # with all its partitions and their indexes
    assert found.database_bytes > sum(table.bytes for table in found.tables)


@pytest.fixture(scope="module")
def other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Roles belong to the whole server, so what is done to them is done on another one."""
    home = tmp_path_factory.mktemp("roles") / "home"
    settings = Settings.model_validate(
        {"home": home, "postgres_version": int(os.environ.get("EMPLA_TEST_POSTGRES", "18"))}
    )
    server = embedded.start(home, major=settings.postgres_version, options={"fsync": "off"})
    urls = opening.urls(settings)
    assert urls.admin is not None
    yield settings.model_copy(
        update={
            "database_url": SecretStr(urls.app),
            "worker_database_url": SecretStr(urls.worker or ""),
            "admin_database_url": SecretStr(urls.admin),
        }
    )
    embedded.stop(server.home)


ROLE_FAULTS = [
    Fault(
        "ALTER ROLE empla_app SUPERUSER", "ALTER ROLE empla_app NOSUPERUSER", "roles: the role empla_app is a superuser"
    ),
    Fault(
        "ALTER ROLE empla_keeper BYPASSRLS",
        "ALTER ROLE empla_keeper NOBYPASSRLS",
        "roles: the role empla_keeper bypasses row security",
    ),
    Fault("ALTER ROLE empla_owner LOGIN", "ALTER ROLE empla_owner NOLOGIN", "roles: the role empla_owner may log in"),
    Fault(
        "ALTER ROLE empla_app_login BYPASSRLS",
        "ALTER ROLE empla_app_login NOBYPASSRLS",
        "logins: the login empla_app_login bypasses row security",
    ),
    Fault(
        "CREATE ROLE boss LOGIN SUPERUSER IN ROLE empla_worker",
        "DROP ROLE boss",
        "logins: the login boss is a superuser: no fence holds for it",
    ),
    Fault(
        "CREATE ROLE group_of_ours IN ROLE empla_migrator; GRANT group_of_ours TO empla_app_login WITH INHERIT FALSE",
        "DROP ROLE group_of_ours",
        "logins: the login empla_app_login is also a member of empla_migrator, which it may become by SET ROLE",
    ),
    Fault(
        "GRANT empla_worker TO empla_app_login",
        "REVOKE empla_worker FROM empla_app_login",
        "logins: the login empla_app_login is a member of both empla_app and empla_worker",
    ),
    Fault(
        "REVOKE empla_worker FROM empla_worker_login",
        "GRANT empla_worker TO empla_worker_login",
        "logins: the login empla_worker_login is no member of empla_worker",
    ),
    Fault(
        "CREATE ROLE maker LOGIN CREATEROLE; GRANT empla_app TO maker WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
        "DROP ROLE maker",
        "",
    ),
]


@pytest.mark.parametrize("fault", ROLE_FAULTS, ids=lambda fault: fault.done)
def test_a_role_that_is_too_strong_shows(fault: Fault, other_server: Settings):
    with psycopg.connect(admin_url(other_server), autocommit=True) as admin:
        admin.execute(fault.done.encode())
        try:
            assert ", ".join(findings(other_server)) == fault.found
        finally:
            admin.execute(fault.undone.encode())
    assert findings(other_server) == []


def test_an_administrator_as_app_login_is_found(other_server: Settings):
    assert other_server.admin_database_url is not None
    strong = other_server.model_copy(update={"database_url": other_server.admin_database_url})
    assert "logins: the login postgres is a superuser: no fence holds for it" in findings(strong)
