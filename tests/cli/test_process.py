"""What a script sees of `empla`: exit codes by kind, one sentence on stderr, no traceback, no secret, quiet pipes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from own_database import admin_url, environment

from empla.settings import Settings

if TYPE_CHECKING:
    from conftest import Run, Said

SECRET = "hunter2-and-more"
NOBODY_LISTENS = f"postgresql://u:{SECRET}@127.0.0.1:1/db"
JORDAN = ("--name", "Jordan", "--role", "pm", "--email", "jordan@acme.example")


def is_one_sentence(said: "Said") -> bool:
    return (
        said.err.startswith("empla: ")
        and said.err.count("\n") == 1
        and "Traceback" not in said.err
        and SECRET not in said.err + said.out
        and said.out == ""
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("employee", "list"), 2),
        (("tenant", "show", "nobody-here"), 3),
        (("tenant", "create", "SLUG", "--name", "Again"), 4),
        (("employee", "hire", "--tenant", "SLUG", *JORDAN, "--user", "user@acme.example"), 5),
        (("tenant", "create", "Not A Slug", "--name", "x"), 6),
        (("db", "upgrade", "--revision", "9999"), 6),
    ],
    ids=str,
)
def test_each_kind_of_error_has_its_exit_code(
    arguments: tuple[str, ...], code: int, process: "Run", empla: "Run", slug: str
):
    empla("user", "invite", "user@acme.example", "--tenant", slug, "--name", "U", "--role", "user")
    said = process(*(slug if part == "SLUG" else part for part in arguments))
    assert said.code == code, said
    assert is_one_sentence(said), said


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("no-such-command",), 2),
        (("db", "url", "--login", "root"), 2),
        (("why", "no-dot", "--tenant", "x", "--employee", "y"), 2),
        (("db", "downgrade", "0999"), 6),
        (("tenant", "create", "t-9", "--name", "x", "--starts-at", "yesterday"), 6),
        (("ingest", "/no/such/folder", "--tenant", "x", "--source", "crm"), 6),
        (("report", "--tenant", "x", "--as-of", "2025-13-01"), 6),
    ],
    ids=str,
)
def test_every_wrong_call_is_one_sentence(arguments: tuple[str, ...], code: int, empla: "Run"):
    said = empla(*arguments)
    assert said.code == code, said
    assert is_one_sentence(said), said


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (NOBODY_LISTENS, "empla: no connection to 127.0.0.1:1/db (EMPLA_DATABASE_URL)"),
        (f"host=127.0.0.1 port=1 password={SECRET}", "empla: no connection to 127.0.0.1:1 (EMPLA_DATABASE_URL)"),
        (f"{SECRET} {SECRET}", "empla: EMPLA_DATABASE_URL is not a PostgreSQL URL"),
    ],
)
def test_a_database_that_is_not_there_is_said_without_its_password(
    url: str, sentence: str, empla: "Run", process: "Run", monkeypatch: pytest.MonkeyPatch
):
    said = process("health", env={"EMPLA_DATABASE_URL": url})
    assert (said.code, is_one_sentence(said)) == (7, True), said
    assert said.err.startswith(sentence)
    for setting in ("EMPLA_DATABASE_URL", "EMPLA_ADMIN_DATABASE_URL"):
        monkeypatch.setenv(setting, url)
    for command in (("db", "status"), ("db", "upgrade"), ("db", "downgrade", "base", "--yes"), ("db", "maintain")):
        said = empla(*command)
        assert (said.code, is_one_sentence(said)) == (7, True), said


def test_a_wrong_setting_is_named_and_its_value_is_not_told(process: "Run"):
    said = process("health", env={"EMPLA_POOL_SIZE": SECRET})
    assert said.code == 2
    assert is_one_sentence(said), said
    assert "EMPLA_POOL_SIZE" in said.err


def test_a_login_without_the_role_is_told_what_is_missing(empla: "Run", monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EMPLA_DATABASE_URL", os.environ["EMPLA_WORKER_DATABASE_URL"])
    for command in (("health",), ("db", "seed")):
        said = empla(*command)
        missing = "empla_worker_login may not use empla's schema: GRANT empla_app TO empla_worker_login"
        assert (said.code, said.err) == (7, f"empla: {missing}\n")


def test_ctrl_c_ends_long_work_with_one_sentence_and_the_next_run_carries_on(own: Settings):
    command = [sys.executable, "-m", "empla.cli.main", "demo", "--until", "2025-02-15"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(own))
    with psycopg.connect(admin_url(own), autocommit=True) as admin:
        while not admin.execute("SELECT FROM empla.belief_history LIMIT 1").fetchall() and first.poll() is None:
            time.sleep(0.05)
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=60)
    assert first.returncode == 130, err
    assert err.strip() == "empla: stopped; what was committed stays, and the same command carries on"
    second = subprocess.run(command, check=False, capture_output=True, text=True, env=environment(own), timeout=120)
    assert second.returncode == 0, second.stderr
    assert "Look further" in second.stdout


@pytest.mark.parametrize("arguments", [("health",), ("db", "url"), ("db", "status", "--json"), ("--help",)], ids=str)
def test_a_closed_pipe_is_quiet(arguments: tuple[str, ...], settings: Settings):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "empla.cli.main", *arguments],
        check=False,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(settings),
    )
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == (1 if arguments == ("--help",) else 141)  # help is not printed by us


def test_json_is_one_document_on_stdout(empla: "Run", slug: str):
    for arguments in (("health",), ("db", "status"), ("db", "check"), ("tenant", "show", slug)):
        said = empla(*arguments, "--json")
        assert (said.code, said.err) == (0, ""), said
        json.loads(said.out)


def test_a_home_that_cannot_be_is_said(process: "Run", tmp_path: Path):
    (tmp_path / "file").write_text("")
    urls = dict.fromkeys(("EMPLA_DATABASE_URL", "EMPLA_WORKER_DATABASE_URL", "EMPLA_ADMIN_DATABASE_URL"), "")
    said = process("db", "url", "--home", str(tmp_path / "file"), env=urls)
    assert is_one_sentence(said), said
