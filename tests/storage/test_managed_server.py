"""A server that somebody else runs: the administrator there is no superuser, and everybody has a password.

Roles belong to the server, so each test here has a server of its own, in which none is made yet.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from catalogue_dump import differences, dump
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from refusals import SECRET, refused

from empla.settings import Settings
from empla.storage import embedded, migrate, opening
from empla.storage.revision import HEAD
from empla.storage.tx import Caller
from empla.tenancy import tenants

UPGRADE = "import sys; from empla.storage import migrate; print(migrate.upgrade(sys.argv[1]), end='')"


@dataclass(frozen=True)
class Managed:
    """A server with the database `company`, and what its provider does there for a customer."""

    server: embedded.Server

    def url(self, login: str, *, password: str = SECRET) -> str:
        return self.server.url("admin", "company").replace("postgres@", f"{login}:{password}@", 1)

    def provider(self, *statements: str) -> None:
        """The provider, a superuser, runs these in the customer's database."""
        with psycopg.connect(self.server.url("admin", "company"), autocommit=True) as superuser:
            for statement in statements:
                superuser.execute(statement.encode())

    def login(self, name: str, attributes: str = "") -> None:
        """A login that enters with the password."""
        self.provider(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}' {attributes}", f"GRANT by_password TO {name}")


def _managed(major: int) -> Iterator[Managed]:
    home = Path(tempfile.mkdtemp(prefix="empla-managed-"))
    home.chmod(0o711)  # root's server runs as another user; closed to it, the cluster would lie elsewhere and stay
    try:
        fast = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        server = embedded.start(home, major=major, options=fast)
        rules = home / "cluster" / "pg_hba.conf"
        rules.write_text(f"local all +by_password scram-sha-256\n{rules.read_text()}")
        with psycopg.connect(server.url("admin", "postgres"), autocommit=True) as superuser:
            superuser.execute("CREATE ROLE by_password")
            superuser.execute("CREATE DATABASE company")
            superuser.execute("SELECT pg_reload_conf()")
        yield Managed(server)
    finally:
        embedded.stop(home)
        shutil.rmtree(home)


@pytest.fixture
def managed() -> Iterator[Managed]:
    yield from _managed(18)


@pytest.fixture
def managed_of(request: pytest.FixtureRequest) -> Iterator[Managed]:
    """Of the version that the test asks for."""
    yield from _managed(request.param)


def _settings(managed: Managed, login: str, **others: str) -> Settings:
    urls = {"database_url": managed.url(login), **{name: managed.url(other) for name, other in others.items()}}
    return Settings.model_validate(urls)


@pytest.mark.parametrize(("managed_of", "right"), [(18, "OWNER"), (16, "CREATE")], indirect=["managed_of"])
async def test_an_administrator_who_only_may_create_roles_does_it_all(managed_of: Managed, right: str) -> None:
    managed = managed_of
    managed.provider("CREATE EXTENSION vector")
    managed.login("cloud_admin", "CREATEROLE")
    managed.provider(
        "ALTER DATABASE company OWNER TO cloud_admin"
        if right == "OWNER"
        else "GRANT CREATE ON DATABASE company TO cloud_admin"
    )
    url = managed.url("cloud_admin")
    assert migrate.current(url) is None

    # From nothing, and by two at once: roles are of the whole server, where a lock of one database does not reach.
    assert await asyncio.gather(_upgrade_as_a_process(url), _upgrade_as_a_process(url)) == [f"0 {HEAD}"] * 2
    assert migrate.current(url) == migrate.upgrade(url) == HEAD
    with migrate.connected(url) as admin:
        whole = dump(admin)
        assert admin.execute(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone() == (False,)
    for login, role in (("web", "empla_app"), ("cycles", "empla_worker")):
        managed.login(login)
        with migrate.connected(url) as admin:
            admin.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login)))
    async with opening.opened(_settings(managed, "web", worker_database_url="cycles")) as database:
        tenant = await tenants.create(database, slug="acme", name="Acme")
        async with database.read(Caller(tenant)) as tx:
            assert (await tenants.get(tx)).slug == "acme"
        async with database.work(Caller(tenant)) as tx:
            assert await tx.fetch_value(UUID, "SELECT ctx.tenant_id()") == tenant

    assert migrate.downgrade(url) == "base"
    assert migrate.upgrade(url) == HEAD
    with migrate.connected(url) as admin:
        assert not differences(whole, dump(admin))


async def test_upgrades_of_two_databases_may_meet_at_the_roles(managed: Managed) -> None:
    with psycopg.connect(managed.server.url("admin", "postgres")) as other:
        # Half of another database's upgrade: its roles are made, and not yet to be seen.
        other.execute("CREATE ROLE empla_owner; CREATE ROLE empla_app")
        upgrade = asyncio.create_task(asyncio.to_thread(migrate.upgrade, managed.server.url("admin", "company")))
        with psycopg.connect(managed.server.url("admin", "postgres"), autocommit=True) as watch:
            while not watch.execute("SELECT FROM pg_locks WHERE NOT granted").rowcount:
                assert not upgrade.done()
                await asyncio.sleep(0.01)
        other.commit()
        assert await upgrade == HEAD


@pytest.fixture
def company(managed: Managed) -> Managed:
    """A managed server whose database is migrated."""
    managed.provider("CREATE EXTENSION vector")
    migrate.upgrade(managed.server.url("admin", "company"))
    managed.login("web", "IN ROLE empla_app")
    managed.login("stranger", "CREATEROLE")
    return managed


async def test_whoever_may_not_use_the_schema_is_told_what_to_grant(company: Managed) -> None:
    with refused("stranger may not use empla's schema: GRANT empla_app TO stranger"):
        await _open(_settings(company, "stranger"))
    # A worker's login is checked when the first cycle needs it.
    async with opening.opened(_settings(company, "web", worker_database_url="web")) as database:
        with refused("web may not use empla's schema: GRANT empla_worker TO web"):
            async with database.work(Caller(UUID(int=0))):
                pass


async def test_a_login_that_row_security_does_not_hold_is_refused(company: Managed) -> None:
    company.login("root_login", "SUPERUSER")
    company.login("careless", "BYPASSRLS IN ROLE empla_app")
    for login in ("root_login", "careless"):
        with refused(f"{login} would see every tenant", "a login that is a member of empla_app"):
            await _open(_settings(company, login))


async def test_a_schema_that_went_back_to_base_is_none_yet(company: Managed) -> None:
    migrate.downgrade(company.server.url("admin", "company"))
    with refused("holds no empla schema yet: run empla db upgrade"):
        await _open(_settings(company, "web"))


async def test_a_wrong_password_is_never_told(company: Managed) -> None:
    company.provider("ALTER ROLE web PASSWORD 'another'")
    url = company.url("web")
    pairs = " ".join(f"{name}={value}" for name, value in conninfo_to_dict(url).items())
    in_query = company.server.url("admin", "company").replace("postgres@", "web@", 1) + f"&password={SECRET}"
    for spelled in (url, pairs, in_query):
        with refused("EMPLA_DATABASE_URL", 'password authentication failed for user "web"'):
            await _open(Settings.model_validate({"database_url": spelled}))
        with refused("EMPLA_ADMIN_DATABASE_URL", 'password authentication failed for user "web"'):
            migrate.upgrade(spelled)


def test_an_upgrade_by_a_stranger_is_refused(company: Managed) -> None:
    before = _whole(company)
    company.provider("GRANT CREATE ON DATABASE company TO stranger")
    with refused(
        "login stranger of EMPLA_ADMIN_DATABASE_URL may not create empla's roles", "use the login that made them"
    ):
        migrate.upgrade(company.url("stranger"))
    with refused("stranger is not the administrator of this schema", "set EMPLA_ADMIN_DATABASE_URL"):
        migrate.current(company.url("stranger"))
    assert not differences(before, _whole(company))


def test_an_administrator_who_may_not_create_roles_is_told_so(managed: Managed) -> None:
    managed.provider("CREATE EXTENSION vector")
    managed.login("cloud_admin")
    with refused("login cloud_admin", "may not create empla's roles: give it CREATEROLE"):
        migrate.upgrade(managed.url("cloud_admin"))


def test_without_pgvector_the_administrator_is_told_what_a_superuser_must_run(managed: Managed) -> None:
    managed.login("cloud_admin", "CREATEROLE")
    managed.provider("GRANT CREATE ON DATABASE company TO cloud_admin")
    with refused("cloud_admin may not create it", 'have a superuser run CREATE EXTENSION vector in "company" once'):
        migrate.upgrade(managed.url("cloud_admin"))
    assert _whole(managed) == {}
    managed.provider("CREATE EXTENSION vector")
    assert migrate.upgrade(managed.url("cloud_admin")) == HEAD


def test_without_the_right_to_create_a_schema_the_administrator_is_told_what_to_grant(managed: Managed) -> None:
    managed.provider("CREATE EXTENSION vector")
    managed.login("cloud_admin", "CREATEROLE")
    with refused('GRANT CREATE ON DATABASE "company" TO "cloud_admin"'):
        migrate.upgrade(managed.url("cloud_admin"))


def test_a_schema_of_somebody_else_is_left_alone(managed: Managed) -> None:
    managed.provider("CREATE EXTENSION vector", "CREATE SCHEMA empla", "CREATE TABLE empla.theirs (id int)")
    with refused("the schema empla of this database belongs to postgres, not to empla: choose another database"):
        migrate.upgrade(managed.server.url("admin", "company"))
    managed.provider("INSERT INTO empla.theirs VALUES (1)")


async def _upgrade_as_a_process(url: str) -> str:
    """Its exit code and all it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", UPGRADE, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return f"{process.returncode} {said.decode()}"


async def _open(settings: Settings) -> None:
    async with opening.opened(settings):
        pass


def _whole(managed: Managed) -> dict[str, str]:
    with psycopg.connect(managed.server.url("admin", "company"), autocommit=True) as superuser:
        return dump(superuser)
