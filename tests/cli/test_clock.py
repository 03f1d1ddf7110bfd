"""Cycles from the command line: one employee's now, everybody's who is due, nobody's who is paused; and what they cost."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from own_database import environment
from test_people import hired, invited

from empla.settings import Settings

if TYPE_CHECKING:
    from conftest import Run


def night() -> str:
    """A shift that is not on now."""
    start, end = (f"{datetime.now(UTC) + timedelta(hours=hours):%H:%M}" for hours in (6, 8))
    return json.dumps({"working_hours": {"timezone": "UTC", "start": start, "end": end}})


def test_one_cycle_of_one_employee(empla: "Run", slug: str):
    jordan = hired(empla, slug)
    said = empla("cycle", "--tenant", slug, "--employee", jordan)
    assert said.out.startswith("Jordan perceived 0 events and formed or revised 6 beliefs; ")
    assert "; next turn " in said.out
    again = empla("cycle", "--tenant", slug, "--employee", jordan, "--json").json
    assert (again["perceived"], again["revised"], again["resting"]) == (0, 0, False)
    assert datetime.fromisoformat(again["next_cycle_at"]) > datetime.now(UTC) + timedelta(minutes=4)


def test_outside_its_working_hours_an_employee_rests_unless_it_must(empla: "Run", slug: str):
    cycle = ("cycle", "--tenant", slug, "--employee", hired(empla, slug, "--config", night()))
    said = empla(*cycle)
    assert said.out.startswith("Jordan does not work now; next turn ")
    assert "--anyway runs it all the same" in said.out
    assert empla(*cycle, "--json").json["resting"]
    assert empla(*cycle, "--anyway", "--json").json["revised"] == 6


def test_a_paused_employee_runs_no_cycle(empla: "Run", slug: str):
    jordan = hired(empla, slug)
    cycle = ("cycle", "--tenant", slug, "--employee", jordan)
    for _ in range(2):
        assert empla("employee", "pause", jordan, "--tenant", slug).out == f"Jordan <{jordan}> is paused\n"
    said = empla(*cycle)
    assert (said.code, said.err) == (4, "empla: this employee is paused\n")
    assert empla("employee", "list", "--tenant", slug, "--json").json[0]["status"] == "paused"
    assert empla("employee", "resume", jordan, "--tenant", slug).out == f"Jordan <{jordan}> is active\n"
    assert empla(*cycle).code == 0


def test_a_user_pauses_nobody(empla: "Run", slug: str):
    jordan, user = hired(empla, slug), invited(empla, slug, "user")
    empla("employee", "assign", jordan, "--to", user, "--tenant", slug)
    assert empla("employee", "pause", jordan, "--tenant", slug, "--user", user).code == 5
    assert empla("employee", "pause", jordan, "--tenant", slug, "--user", invited(empla, slug, "manager")).code == 0


@pytest.fixture
def own_empla(own: Settings, empla: "Run", monkeypatch: pytest.MonkeyPatch) -> "Run":
    """The command on a database of the test's own, for a worker works for all tenants."""
    for name, value in environment(own).items():
        if name.startswith("EMPLA_"):
            monkeypatch.setenv(name, value)
    return empla


def test_a_worker_that_works_once_runs_whoever_is_due(own_empla: "Run"):
    own_empla("tenant", "create", "acme", "--name", "Acme")
    hired(own_empla, "acme")
    own_empla(
        *("employee", "hire", "--tenant", "acme", "--name", "Owl", "--role", "pm", "--email", "owl@acme.example"),
        *("--config", night()),
    )
    said = own_empla("worker", "--once")
    assert (said.code, said.out) == (0, "1 cycles run, 1 times rested, 0 failed\n")
    assert [json.loads(line)["event"] for line in said.err.splitlines()] == ["works", "lived", "stopped"]
    assert own_empla("worker", "--once").out == "0 cycles run, 0 times rested, 0 failed\n"


def test_a_worker_without_its_login_says_so(own_empla: "Run", monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("EMPLA_WORKER_DATABASE_URL")
    said = own_empla("worker", "--once")
    assert said.code == 7
    assert said.err.endswith("empla: cycles run under the worker role: set EMPLA_WORKER_DATABASE_URL\n")


@pytest.mark.parametrize("wrong", [("--concurrency", "0"), ("--concurrency", "many"), ("--twice",)], ids=str)
def test_a_wrong_call_is_refused(empla: "Run", wrong: tuple[str, ...]):
    assert empla("worker", *wrong).code == 2


def test_ctrl_c_ends_a_worker_well(own: Settings):
    worker = subprocess.Popen(
        [sys.executable, "-m", "empla.cli.main", "worker"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(own),
    )
    assert worker.stderr is not None
    assert json.loads(worker.stderr.readline())["event"] == "works"
    worker.send_signal(signal.SIGINT)
    out, err = worker.communicate(timeout=60)
    assert (worker.returncode, out) == (0, "0 cycles run, 0 times rested, 0 failed\n")
    assert json.loads(err.splitlines()[-1])["event"] == "stopped"


def test_a_bench_reports_claims_and_cycles(empla: "Run"):
    said = empla("bench", "cycle", "--rows", "1000", "--cycles", "10", "--claims", "10", "--json").json
    assert [claim["rows"] for claim in said["claims"]] == [1000]
    assert said["cycle"]["statements"] == 6
