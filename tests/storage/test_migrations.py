"""The schema goes up and down by revisions, each whole or not at all, on any server and for any administrator that may."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import psycopg
import pytest
from alembic.script import ScriptDirectory
from catalogue_dump import differences, dump

from empla.errors import UnavailableError
from empla.storage import ground, migrate
from empla.storage.revision import HEAD

if TYPE_CHECKING:
    from conftest import Cluster

# A role belongs to the server: what these tests need of it is there, and `test_managed_server.py` begins without.
UPGRADE = "import sys; from empla.storage import migrate; print(migrate.upgrade(sys.argv[1]))"


@pytest.fixture
def empty(cluster: "Cluster") -> Iterator[str]:
    """The administrator's URL of a database that holds nothing."""
    name = f"empty_{uuid4().hex[:12]}"
    yield cluster.url("admin", cluster.clone(name, "template1"))
    cluster.drop(name)


@pytest.fixture
def migrated(cluster: "Cluster") -> Iterator[str]:
    """The administrator's URL of a database at the newest revision, with two tenants of one user each."""
    name = f"migrated_{uuid4().hex[:12]}"
    url = cluster.url("admin", cluster.clone(name))
    with psycopg.connect(cluster.url("app", name), autocommit=True) as app:
        for slug in ("acme", "rival"):
            with app.transaction():
                tenant = _value(app, f"SELECT empla.provision_tenant('{slug}', '{slug}')")
            with app.transaction():
                app.execute("SELECT ctx.enter(%s)", (tenant,))
                app.execute(
                    "INSERT INTO users (tenant_id, email, name, role) VALUES (%s, 'dana@acme.example', 'Dana', 'user')",
                    (tenant,),
                )
    yield url
    cluster.drop(name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, for revisions that are not ours."""
    copy = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "FOLDER", copy)
    return copy


def test_there_is_one_head_and_the_code_is_written_for_it() -> None:
    script = ScriptDirectory(str(migrate.FOLDER))
    assert script.get_heads() == [HEAD]
    assert migrate.revisions() == [f"{number:04}" for number in range(1, int(HEAD) + 1)]


@pytest.mark.parametrize("revision", migrate.revisions())
def test_every_revision_is_sql_up_and_down(revision: str) -> None:
    versions = list((migrate.FOLDER / "versions").glob(f"{revision}_*.py"))
    assert len(versions) == 1
    name = versions[0].stem
    assert {path.name for path in (migrate.FOLDER / "sql").glob(f"{revision}_*")} == {
        f"{name}.up.sql",
        f"{name}.down.sql",
    }
    source = versions[0].read_text(encoding="utf-8")
    assert f'revision = "{revision}"' in source
    assert f'"{name}.up.sql"' in source
    assert f'"{name}.down.sql"' in source


def test_each_step_down_leaves_what_was_there_before_and_each_step_up_makes_the_same_again(empty: str) -> None:
    revisions = migrate.revisions()
    with migrate.connected(empty) as admin:
        ground.prepare(admin)
    stages = {"base": _dump(empty)}
    for revision in revisions:
        assert migrate.upgrade(empty, revision) == revision
        stages[revision] = _dump(empty)
        assert stages[revision] != stages["base"]
    for before in reversed(["base", *revisions[:-1]]):
        assert migrate.downgrade(empty, before) == before
        assert not differences(stages[before], _dump(empty)), f"down to {before}"
    for revision in revisions:
        migrate.upgrade(empty, revision)
        assert not differences(stages[revision], _dump(empty)), f"up to {revision} again"


def test_a_downgrade_to_base_leaves_nothing_of_ours_but_the_version_table(migrated: str) -> None:
    whole = _dump(migrated)
    assert migrate.downgrade(migrated) == "base"
    assert migrate.current(migrated) is None
    with migrate.connected(migrated) as admin:
        left = admin.execute("""
            SELECT c.relname FROM pg_class c WHERE c.relnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace) AND c.relkind <> 'i'
            UNION ALL SELECT proname FROM pg_proc WHERE pronamespace IN ('empla'::regnamespace, 'ctx'::regnamespace)
            UNION ALL SELECT t.typname FROM pg_type t WHERE t.typnamespace IN ('empla'::regnamespace, 'ctx'::regnamespace)
        """).fetchall()
    assert sorted(name for (name,) in left) == ["_alembic_version", "alembic_version", "alembic_version"]
    assert migrate.downgrade(migrated) == "base"
    assert migrate.upgrade(migrated) == HEAD
    assert not differences(whole, _dump(migrated))


def test_an_upgrade_run_again_changes_nothing(migrated: str) -> None:
    before = _dump(migrated)
    assert migrate.upgrade(migrated) == HEAD
    assert not differences(before, _dump(migrated))


def test_two_upgrades_at_once_both_end_at_the_head(empty: str, migrated: str) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE, empty], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [(upgrade.communicate(timeout=60), upgrade.returncode) for upgrade in both] == [((f"{HEAD}\n", ""), 0)] * 2
    assert not differences(_dump(migrated), _dump(empty))


def test_a_migration_that_fails_leaves_version_and_schema_as_they_were(migrated: str, folder: Path) -> None:
    before = _dump(migrated)
    planted = _plant(
        folder,
        "CREATE TABLE empla.halfway (id uuid); DROP TABLE empla.observations CASCADE; DROP FUNCTION ctx.now() CASCADE; SELECT 1/0",
    )
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate.upgrade(migrated, planted)
    assert migrate.current(migrated) == HEAD
    assert not differences(before, _dump(migrated))


def test_revisions_before_the_one_that_fails_are_kept(migrated: str, folder: Path) -> None:
    first = _plant(folder, "CREATE TABLE empla.first (id uuid)")
    second = _plant(
        folder, "CREATE TABLE empla.second (id uuid); SELECT 1/0", revision=f"{int(first) + 1:04}", after=first
    )
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate.upgrade(migrated, second)
    assert migrate.current(migrated) == first
    with migrate.connected(migrated) as admin:
        assert _value(admin, "SELECT to_regclass('empla.first') IS NOT NULL AND to_regclass('empla.second') IS NULL")


def test_a_migration_that_waits_for_a_busy_table_gives_up_and_says_so(migrated: str, folder: Path) -> None:
    planted = _plant(folder, "SET LOCAL lock_timeout = '50ms'; ALTER TABLE empla.users ADD COLUMN nickname text")
    with psycopg.connect(migrated) as reader:
        reader.execute("LOCK TABLE empla.users IN ACCESS SHARE MODE")
        with pytest.raises(UnavailableError, match="nothing of it was kept: canceling statement due to lock timeout"):
            migrate.upgrade(migrated, planted)
    assert migrate.current(migrated) == HEAD
    assert migrate.upgrade(migrated, planted) > HEAD


def test_a_colon_in_json_reaches_the_database_as_it_stands(migrated: str, folder: Path) -> None:
    planted = _plant(folder, 'CREATE TABLE empla.sample AS SELECT \'{"a":1, "b": "50 %(x)s"}\'::jsonb AS value')
    migrate.upgrade(migrated, planted)
    with migrate.connected(migrated) as admin:
        assert _value(admin, "SELECT value FROM empla.sample") == {"a": 1, "b": "50 %(x)s"}


def test_a_backfill_by_the_owner_touches_no_row_and_says_nothing(migrated: str, folder: Path) -> None:
    planted = _plant(folder, """UPDATE empla.users SET metadata = '{"backfilled": true}'""")
    migrate.upgrade(migrated, planted)
    assert _backfilled(migrated) == 0


def test_a_backfill_by_the_migrator_touches_every_tenant_s_rows(migrated: str, folder: Path) -> None:
    planted = _plant(
        folder,
        """SET LOCAL ROLE empla_migrator;
           UPDATE empla.users SET metadata = '{"backfilled": true}';
           SET LOCAL ROLE empla_owner""",
    )
    migrate.upgrade(migrated, planted)
    assert _backfilled(migrated) == 2


def test_a_backfill_of_an_audited_column_is_refused_while_its_triggers_watch(migrated: str, folder: Path) -> None:
    planted = _plant(
        folder, "SET LOCAL ROLE empla_migrator; UPDATE empla.users SET role = 'manager'; SET LOCAL ROLE empla_owner"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="audit_log"):
        migrate.upgrade(migrated, planted)
    assert migrate.current(migrated) == HEAD


def test_a_backfill_of_an_audited_column_works_with_its_triggers_set_aside(migrated: str, folder: Path) -> None:
    before = _count(migrated, "empla.audit_log")
    triggers = _dump(migrated)
    planted = _plant(
        folder,
        """ALTER TABLE empla.users DISABLE TRIGGER USER;
           SET LOCAL ROLE empla_migrator;
           UPDATE empla.users SET role = 'manager', metadata = '{"backfilled": true}';
           SET LOCAL ROLE empla_owner;
           ALTER TABLE empla.users ENABLE TRIGGER USER""",
    )
    migrate.upgrade(migrated, planted)
    assert _backfilled(migrated) == 2
    assert _count(migrated, "empla.audit_log") == before
    assert not differences(triggers, _dump(migrated))


def test_every_table_that_holds_rows_of_tenants_lets_the_migrator_in_but_the_logs(migrated: str) -> None:
    with migrate.connected(migrated) as admin:
        closed = admin.execute("""
            SELECT c.relname FROM pg_class c
             WHERE c.relnamespace = 'empla'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'backfill')
             ORDER BY 1""").fetchall()
    # Logs are never rewritten; the version table has no tenant.
    assert [name for (name,) in closed] == [
        "alembic_version",
        "audit_log",
        "belief_history",
        "fact_history",
        "goal_history",
    ]


def _plant(folder: Path, statements: str, *, revision: str = f"{int(HEAD) + 1:04}", after: str = HEAD) -> str:
    """A revision of these statements is the next one."""
    (folder / "sql" / f"{revision}_planted.up.sql").write_text(statements, encoding="utf-8")
    (folder / "versions" / f"{revision}_planted.py").write_text(
        "from alembic import op\n"
        "from empla.storage.migrate import run_script\n"
        f'revision, down_revision = "{revision}", "{after}"\n'
        "def upgrade():\n"
        f'    run_script(op.get_bind(), "{revision}_planted.up.sql")\n',
        encoding="utf-8",
    )
    return revision


def _dump(url: str) -> dict[str, str]:
    """What is ours in the database, the version table aside."""
    with migrate.connected(url) as admin:
        return {name: definition for name, definition in dump(admin).items() if "empla.alembic_version" not in name}


def _backfilled(url: str) -> int:
    return _count(url, """empla.users WHERE metadata @> '{"backfilled": true}'""")


def _count(url: str, rows: str) -> int:
    with migrate.connected(url) as admin:
        found = _value(admin, f"SELECT count(*) FROM {rows}")
    assert isinstance(found, int)
    return found


def _value(connection: psycopg.Connection, query: str) -> int | str | bool | UUID | dict[str, object]:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]
