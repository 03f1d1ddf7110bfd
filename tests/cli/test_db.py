"""`empla db …` and `empla health`, on databases of the tests' own."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from own_database import admin_url, environment

from empla.settings import Settings
from empla.storage.revision import HEAD

if TYPE_CHECKING:
    from conftest import Run

HERE = (
    "postgresql://u:s3cret@db.example:5432/empla?sslmode=require",
    "postgresql://u:***@db.example:5432/empla?sslmode=require",
)


@pytest.fixture
def own_empla(empla: "Run", own: Settings, monkeypatch: pytest.MonkeyPatch) -> "Run":
    """Runs a command on the test's own database."""
    for name, value in environment(own).items():
        if name.startswith("EMPLA_"):
            monkeypatch.setenv(name, value)
    return empla


@pytest.fixture
def admin(own: Settings) -> Callable[[str], None]:
    """Runs a statement as the administrator of the test's own database."""

    def run(statement: str) -> None:
        with psycopg.connect(admin_url(own), autocommit=True) as connection:
            connection.execute(statement.encode())

    return run


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        HERE,
        ("postgresql://u@db.example/empla", "postgresql://u@db.example/empla"),
        (
            "postgresql://u:p%40:x@a,b/empla?password=s3cret&sslmode=require",
            "postgresql://u:***@a,b/empla?password=***&sslmode=require",
        ),
        ("host=db.example user=u password=s3cret", "host=db.example user=u password=***"),
    ],
)
def test_a_url_is_printed_alone_and_its_password_masked(
    given: str, printed: str, empla: "Run", monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("EMPLA_DATABASE_URL", given)
    said = empla("db", "url")
    assert (said.code, said.err) == (0, "")
    assert sorted(said.out.split()) == sorted(printed.split())  # the parts of a key=value string have no order
    assert empla("db", "url", "--show-password").out == given + "\n"


def test_each_login_has_its_url(empla: "Run", settings: Settings, monkeypatch: pytest.MonkeyPatch):
    for login in ("app", "worker", "admin"):
        assert empla("db", "url", "--login", login).out.startswith("postgresql://")
    assert settings.worker_database_url is not None
    assert empla("db", "url", "--login", "worker").out == settings.worker_database_url.get_secret_value() + "\n"
    monkeypatch.delenv("EMPLA_WORKER_DATABASE_URL")
    said = empla("db", "url", "--login", "worker")
    assert (said.code, said.err) == (7, "empla: there is no worker login: set EMPLA_WORKER_DATABASE_URL\n")


def test_the_schema_goes_down_and_up_and_says_where_it_is(own_empla: "Run"):
    assert own_empla("db", "status", "--json").json["revision"] == HEAD
    assert own_empla("db", "downgrade", "0004").out == "the schema is at 0004\n"
    assert (
        own_empla("db", "status").out.splitlines()[-1]
        == f"the schema is at 0004; this empla needs {HEAD}: run empla db upgrade"
    )
    refused = own_empla("tenant", "show", "x")
    assert refused.code == 7
    assert f"at revision 0004, this empla needs {HEAD}: run empla db upgrade" in refused.err
    assert own_empla("db", "upgrade", "--revision", "0006").out == "the schema is at 0006\n"
    behind = own_empla("db", "upgrade", "--revision", "0004")
    assert (behind.code, behind.err) == (6, "empla: the schema is at 0006 already: empla db downgrade 0004 goes back\n")
    assert own_empla("db", "downgrade", "0008").code == 6
    assert own_empla("db", "upgrade").out == own_empla("db", "upgrade").out == f"the schema is at {HEAD}\n"
    assert own_empla("db", "check").code == 0


def test_rows_are_not_lost_without_a_yes(own_empla: "Run"):
    own_empla("tenant", "create", "acme", "--name", "Acme")
    refused = own_empla("db", "downgrade", "base")
    assert (refused.code, refused.out) == (2, "")
    assert "add --yes if you mean it" in refused.err
    assert own_empla("tenant", "show", "acme").code == 0
    assert own_empla("db", "downgrade", HEAD).out == f"the schema is at {HEAD}\n"
    assert own_empla("db", "downgrade", "base", "--yes").out == "the schema is at base\n"
    assert own_empla("db", "status", "--json").json["revision"] is None
    assert own_empla("tenant", "show", "acme").err.endswith("holds no empla schema yet: run empla db upgrade\n")


def test_a_schema_of_a_newer_empla_is_left_alone(own_empla: "Run", admin: Callable[[str], None]):
    admin("UPDATE empla.alembic_version SET version_num = '9000'")
    for command in (("upgrade",), ("downgrade", "base", "--yes")):
        said = own_empla("db", *command)
        assert (said.code, said.err) == (
            7,
            "empla: the schema is at 9000, which a newer empla made: use that, or one newer still\n",
        )


def test_check_prints_a_line_for_each_finding_and_mends_nothing(own_empla: "Run", admin: Callable[[str], None]):
    admin("ALTER TABLE empla.beliefs NO FORCE ROW LEVEL SECURITY")
    admin("UPDATE empla.alembic_version SET version_num = '0008'")
    for _ in range(2):
        said = own_empla("db", "check")
        assert said.out.splitlines() == [
            f"revision: the schema is at 0008; this empla needs {HEAD}",
            "fences: beliefs does not force row security on its owner",
        ]
        assert (said.code, said.err) == (7, "empla: the database is not as it should be (findings: 2)\n")
    health = own_empla("health")
    assert health.code == 7
    assert "beliefs does not force row security" in health.out


def test_health_tells_versions_verdicts_and_sizes(own_empla: "Run"):
    own_empla("db", "seed")
    own_empla("db", "maintain")
    found = own_empla("health", "--json").json
    assert found["healthy"] is True
    assert found["latency_ms"] > 0
    assert (found["revision"], found["newest_revision"], found["findings"]) == (HEAD, HEAD, [])
    rows = {table["name"]: table["rows"] for table in found["tables"]}
    assert (rows["tenants"], rows["employees"], rows["employee_goals"]) == (2, 12, 22)
    assert rows["belief_history"] > 0
    shown = own_empla("health")
    assert (shown.code, shown.err) == (0, "")
    assert "fences      as they should be" in shown.out


def test_maintain_says_what_it_did(own_empla: "Run", admin: Callable[[str], None], own: Settings):
    own_empla("db", "seed")
    admin(
        "DO $$ BEGIN EXECUTE 'DROP TABLE empla.metrics_' || to_char(now() AT TIME ZONE 'UTC' + interval '3 months', 'YYYYMM'); END $$"
    )
    done = own_empla("db", "maintain", "--json").json
    assert (done["partitions_made"], done["tenants"], done["partitions_dropped"]) == (1, 2, 0)
    assert done["tables_analysed"] > 10
    with psycopg.connect(admin_url(own)) as another:
        another.execute("SELECT pg_advisory_xact_lock(7390004)")
        said = own_empla("db", "maintain")
    assert (said.code, said.err) == (4, "empla: another process is keeping house in this database: let it finish\n")
    assert own_empla("db", "maintain").out.startswith(
        "0 partitions made, 0 dropped; in 2 tenants 0 beliefs and 0 episodes forgotten, 0 items"
    )


def test_retention_needs_the_administrator_and_says_so_first(
    own_empla: "Run", admin: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
):
    january, february = ("empla.uuidv7_floor('2020-01-01')", "empla.uuidv7_floor('2020-02-01')")
    admin(f"CREATE TABLE empla.metrics_202001 PARTITION OF empla.metrics FOR VALUES FROM ({january}) TO ({february})")
    admin("ALTER TABLE empla.metrics_202001 OWNER TO empla_owner")
    assert own_empla("db", "maintain", "--json").json["partitions_dropped"] == 0
    monkeypatch.setenv("EMPLA_RETAIN_LOG_MONTHS", "12")
    assert own_empla("db", "maintain", "--json").json["partitions_dropped"] == 1
    monkeypatch.delenv("EMPLA_ADMIN_DATABASE_URL")
    said = own_empla("db", "maintain")
    assert (said.code, said.err) == (7, "empla: this needs the administrator's login: set EMPLA_ADMIN_DATABASE_URL\n")


def test_the_seed_is_made_once(own_empla: "Run"):
    first = own_empla("db", "seed")
    assert first.out.startswith("made 2 tenants, 6 users, 12 employees, 4 assignments, 22 goals")
    assert own_empla("db", "seed").out.startswith("the seed is here already\n")
    # The commands that it ends with are good ones.
    for line in first.out.splitlines():
        if line.startswith("  empla "):
            words = line.replace('"Hilltop Foods.interest"', "Hilltop_Foods.interest").split()[1:]
            assert own_empla(*(word.replace("_F", " F") for word in words)).code == 0, line


def test_an_embedded_server_is_started_by_need_and_stopped_by_word(
    empla: "Run", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name in ("EMPLA_DATABASE_URL", "EMPLA_WORKER_DATABASE_URL", "EMPLA_ADMIN_DATABASE_URL"):
        monkeypatch.delenv(name)
    home = ("--home", str(tmp_path / "home"))
    assert empla("db", "status", *home).out == f"embedded server in {home[1]}: not running\n"
    assert empla("db", "stop", *home).out == f"the server of {home[1]} was not running\n"
    assert not (tmp_path / "home").exists()
    try:
        assert empla("db", "upgrade", "--revision", "0003", *home).out == "the schema is at 0003\n"
        status = empla("db", "status", "--json", *home).json
        assert (status["running"], status["revision"], status["embedded"]) == (True, "0003", True)
        with psycopg.connect(empla("db", "url", *home).out.strip()) as connection:
            row = connection.execute("SELECT current_user, version_num FROM empla.alembic_version").fetchone()
        assert row == ("empla_app_login", HEAD)
        assert empla("db", "check", *home).code == 0
    finally:
        stopped = empla("db", "stop", *home)
    assert stopped.out == f"the server of {home[1]} has stopped\n"
