"""The demo in a world of our own: what a person sees, and that whatever stops it, it carries on to the same end."""

import os
import random
import re
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from command_line import (
    Figures,
    Starter,
    commands,
    cycles,
    empla,
    figures,
    in_terminal,
    look,
    reports,
    shell,
    until_stopped,
    words_of,
)

from empla.demo import world
from empla.storage import embedded

EVENINGS = 2412  # of all agents; whoever has more to do lives through several cycles in one
THEN = "2025-03-31"
TRUSTED = "2025-09-17"  # on that evening who has earned it is supervised from now on
EVENINGS_THEN = 9 * 85
# How far a life is lived on that was asked back before: to its end, where there is time for it.
LATER = None if int(os.environ.get("EMPLA_TEST_PATIENCE", "1")) > 1 else "2025-05-10"
IN_A_BROWSER = "See it in a browser, at the address and with the password that this prints:"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


# What a person sees


@pytest.mark.parametrize("columns", [80, 120])
def test_the_report_fits_the_terminal(own_world: Path, columns: int):
    seen = in_terminal("demo", home=own_world, columns=columns)
    assert seen.code == 0, seen.err
    lines = _CONTROL.sub("", seen.out).splitlines()
    # A path of a person's own may be as long as it likes.
    assert [line for line in lines if len(line) > columns and "--home" not in line and "/mail/" not in line] == []
    table = lines[next(n for n, line in enumerate(lines) if line.startswith("employee")) :][:15]
    rows = [line for line in table if re.match("  [A-Z]", line)]
    assert len(rows) == 9  # a name is on one line, with its figures
    assert all(len(row.split()) == 10 for row in rows)
    # About one screen for the offices and their goals, and one for the story, what waits and where to look.
    assert len(lines) <= 122


def test_nothing_but_the_report_is_on_stdout_when_it_is_piped(own_world: Path):
    said = empla("demo", home=own_world)
    assert said.code == 0
    assert said.err == ""
    assert "\x1b" not in said.out
    assert "\r" not in said.out
    assert said.out.startswith("9 employees in 3 offices live from 2025-01-06 to 2025-09-30")


def test_progress_is_shown_in_a_terminal_and_not_on_stdout(home: Path):
    seen = in_terminal("demo", "--until", "2025-01-10", home=home, columns=80)
    assert seen.code == 0, seen.err
    assert "45/45" in seen.err
    assert "45/45" not in seen.out
    assert cycles(seen.out) >= 45


# In a terminal, and in a file where there is time: what is said there is the same.
@pytest.mark.parametrize("columns", [80, *([0] if LATER is None else [])])
def test_the_commands_at_its_end_can_be_pasted(own_world: Path, columns: int):
    page = in_terminal("demo", home=own_world, columns=columns).out if columns else empla("demo", home=own_world).out
    found = commands(_CONTROL.sub("", page))
    assert [words_of(command)[1] for command in found] == [
        "goals",
        "intentions",
        "beliefs",
        "beliefs",
        "why",
        "episodes",
        "report",
        "db",
    ]
    for command in found:
        answer = shell(command)
        assert answer.code == 0, (command, answer.err)
        assert answer.err == ""
    (opened,) = commands(_CONTROL.sub("", page), after=IN_A_BROWSER)
    assert words_of(opened)[1:6] == ["up", "--company", "east", "--email", "you@east.example"]


def test_the_last_command_opens_the_dashboard_on_what_was_lived(home: Path):
    """In a home of its own: who comes in is noted, which the digest of a life tells."""
    (opened,) = commands(empla("demo", "--until", "2025-01-10", home=home).out, after=IN_A_BROWSER)
    with until_stopped(f"exec {opened}", EMPLA_API_PORT="0") as says:
        said = says("Next:")
        found = dict(re.findall(r"(is up:|  tenant|  e-mail|  password) +(\S+)", said))
        employees = re.findall(rf"^{found['  tenant']} .*  (\w+ \w+), (\w+ \w+), (\w+ \w+) *$", said, re.MULTILINE)[0]
        with httpx.Client(base_url=found["is up:"], headers={"Sec-Fetch-Site": "same-origin"}) as browser:
            me = {name: found[f"  {shown}"] for name, shown in (("tenant", "tenant"), ("email", "e-mail"))}
            entered = browser.post("/sign-in", data=me | {"password": found["  password"]})
            assert entered.headers["location"] == "/"
            page = browser.get("/").text
            assert [name for name in employees if name not in page] == []


def test_the_story_is_true(own_world: Path):
    page = empla("demo", home=own_world).out
    story = page.partition("The story")[2].partition("Why did")[0]
    fell, recovered = re.findall(r"Imogen Vasker's coverage fell under 1 on (\S+), .* recovered on (\S+)\.", story)[0]
    who = ("--tenant", "east", "--employee", "imogen.vasker@crm.example", "--subject", "pipeline")

    def coverage(day: str) -> float:
        held = empla("beliefs", *who, "--as-of", day, "--json", home=own_world).json
        return next(belief["object"] for belief in held if belief["predicate"] == "coverage")

    assert coverage(f"{fell}T00:00:00Z") >= 1 > coverage(fell)
    assert coverage(f"{recovered}T00:00:00Z") < 1 <= coverage(recovered)
    assert "Tobias Wrenfield has most stale deals: 20 of 37" in story
    assert f"Why did Imogen Vasker believe this on {recovered}?" in page


def test_the_offices_sum_up_in_one_line(own_world: Path):
    beliefs = [report["beliefs"] for report in reports(own_world).values()]
    page = empla("demo", home=own_world).out
    totals = next(line for line in page.splitlines() if line.startswith("all 9")).split()[2:]
    names = ("open_count", "open_value", "won_count", "won_value", "lost_count")
    assert totals[:5] == [f"{sum(each[name] for each in beliefs):,}" for name in names]
    assert totals[-1] == str(sum(each["stale_count"] for each in beliefs))


# Whatever stops it, it carries on


def test_a_second_run_adds_nothing(own_world: Path, own_figures: Figures):
    again = empla("demo", home=own_world)
    assert "nothing was added" in again.out
    assert figures(reports(own_world)) == own_figures


def test_living_on_and_asking_back_are_the_same(home: Path, own_world: Path, figures_then: Figures):
    assert empla("demo", "--until", THEN, home=home).code == 0
    assert figures(reports(home)) == figures_then
    assert empla("demo", *(() if LATER is None else ("--until", LATER)), home=home).code == 0
    assert figures(reports(home)) == figures(reports(own_world, as_of=LATER))
    assert figures(reports(home, as_of=THEN)) == figures_then


def test_killed_at_any_point_it_carries_on(home: Path, start: Starter, own_figures: Figures):
    """While PostgreSQL is made, the schema, the inbox filled, early, in the middle and late in its life, and when it is promoted."""
    dice = random.Random(20_250_106)  # noqa: S311
    early, middle, late = (
        f"2025-{dice.randint(*part):02}-{dice.randint(1, 28):02}" for part in ((1, 3), (4, 6), (7, 9))
    )
    queries = [
        f"SELECT count(*) > {dice.randint(1, 20)} FROM pg_class WHERE relnamespace = 'empla'::regnamespace",
        f"SELECT count(*) > {dice.randint(0, 900)} FROM empla.observations",
        *(lived(day) for day in sorted((early, middle, late, TRUSTED))),
    ]
    points = [(home / "cluster").exists, *(partial(look, home, query) for query in queries)]
    for reached in points:
        run = start("demo", home=home)
        run.wait_until(reached)
        run.kill()
    assert 0 < cycles(empla("demo", home=home).out) < EVENINGS
    assert figures(reports(home)) == own_figures


def test_when_the_server_is_killed_it_says_so_and_carries_on(home: Path, start: Starter, figures_then: Figures):
    run = start("demo", home=home)  # which goes on for long after the blow
    run.wait_until(partial(look, home, lived("2025-02-10")))
    server = embedded.running(home)
    assert server is not None
    kill_server(server)
    stopped = run.wait()
    assert stopped.code == 7, stopped.err
    assert stopped.err.startswith("empla: ")
    assert stopped.err.count("\n") == 1
    assert empla("demo", "--until", THEN, home=home).code == 0
    assert figures(reports(home, as_of=THEN)) == figures_then


def test_ctrl_c_stops_it_with_a_sentence_and_it_carries_on(home: Path, start: Starter, figures_then: Figures):
    run = start("demo", home=home)  # which goes on for long after the blow
    run.wait_until(partial(look, home, lived("2025-02-10")))
    run.signal(signal.SIGINT)
    stopped = run.wait()
    assert stopped.code == 130
    assert stopped.err == "empla: stopped; what was committed stays, and the same command carries on\n"
    assert embedded.running(home) is None  # it had started the server
    assert empla("demo", "--until", THEN, home=home).code == 0
    assert figures(reports(home, as_of=THEN)) == figures_then


def test_two_at_once_live_one_life(home: Path, start: Starter, figures_then: Figures):
    both = [start("demo", "--until", THEN, home=home) for _ in range(2)]
    answers = [run.wait() for run in both]
    assert [(answer.code, answer.err) for answer in answers] == [(0, ""), (0, "")]
    assert sum(cycles(answer.out) for answer in answers) >= EVENINGS_THEN
    assert figures(reports(home)) == figures_then


def test_a_second_one_joins_in_the_middle(home: Path, start: Starter, figures_then: Figures):
    first = start("demo", "--until", THEN, home=home)
    first.wait_until(partial(look, home, lived("2025-02-10")))
    second = empla("demo", "--until", THEN, home=home)
    answers = [first.wait(), second]
    assert [(answer.code, answer.err) for answer in answers] == [(0, ""), (0, "")]
    assert sum(cycles(answer.out) for answer in answers) >= EVENINGS_THEN
    assert figures(reports(home)) == figures_then


def test_a_home_keeps_to_its_world(own_world: Path, own_figures: Figures, tmp_path: Path):
    world.generate(tmp_path, seed=2)
    refused = empla("demo", "--data", tmp_path, home=own_world)
    assert refused.code == 4
    assert re.fullmatch(
        r"empla: the tenant \w+ of this database lives in another world: choose another --home\n", refused.err
    )
    assert figures(reports(own_world)) == own_figures


def test_a_day_that_can_not_be_is_refused(home: Path):
    assert "nothing happened before 2025-01-06" in empla("demo", "--until", "2024-12-31", home=home).refused(6)
    assert "takes a day like" in empla("demo", "--until", "soon", home=home).refused(2)
    assert not home.exists()


@pytest.fixture(scope="session")
def figures_then(own_world: Path) -> Figures:
    """Those of the finished life, asked back."""
    return figures(reports(own_world, as_of=THEN))


def lived(day: str) -> str:
    return f"SELECT max(simulated_now) > '{day}' FROM empla.tenants"


def kill_server(server: embedded.Server) -> None:
    """Its postmaster and all it started, as the system does when memory runs out."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text("ascii").split()
    for pid in (server.pid, *map(int, children)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
