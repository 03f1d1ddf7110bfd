"""Goals, intentions, notices and effects from the command line; who may see and change them."""

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Run, Said

JORDAN = "jordan@acme.example"
COVERAGE = ("pipeline.coverage", "--at-least", "1.0", "--type", "maintenance", "--restore", "1.1", "--key", "coverage")


@pytest.fixture
def jordan(empla: "Run", slug: str) -> str:
    """An employee of whom nobody has heard."""
    hire = ("--name", "Jordan", "--role", "custom", "--email", JORDAN)
    assert empla("employee", "hire", "--tenant", slug, *hire).code == 0
    return JORDAN


@pytest.fixture
def people(empla: "Run", slug: str) -> dict[str, str]:
    """An e-mail for each role."""
    found = {role: f"{role}@acme.example" for role in ("admin", "manager", "user")}
    for role, email in found.items():
        assert empla("user", "invite", email, "--tenant", slug, "--name", role.title(), "--role", role).code == 0
    return found


@pytest.fixture
def goals(empla: "Run", slug: str, jordan: str) -> "Run":
    """`empla goals` of the employee; with a word first, that command."""

    def run(*arguments: str) -> "Said":
        whose = () if arguments[:1] in {("show",), ("drop",)} else ("--employee", jordan)
        return empla("goals", *arguments, "--tenant", slug, *whose)

    return run


def of_all(goals: "Run") -> list[dict[str, Any]]:
    return goals("--all", "--json").json


def cycle(empla: "Run", slug: str) -> dict[str, Any]:
    return empla("cycle", "--tenant", slug, "--employee", JORDAN, "--json").json


def test_a_goal_is_adopted_as_the_options_say(goals: "Run"):
    said = goals(
        *(
            "adopt",
            *COVERAGE,
            "--importance",
            "0.8",
            "--deadline",
            "2 weeks",
            "--window",
            "30 days",
            "--measure",
            "min",
        ),
        *(
            "--creation",
            "quota.year > 0",
            "--context",
            "market.open",
            "--drop",
            "self.retired",
            "--recur-after",
            "3 days",
        ),
        *("--description", "Enough open deals", "--json"),
    )
    goal = said.json
    assert (goal["goal_type"], goal["goal_key"], goal["description"], goal["importance"]) == (
        "maintenance",
        "coverage",
        "Enough open deals",
        0.8,
    )
    deadline = goal["target"].pop("deadline")
    assert deadline > goal["created_at"]
    assert goal["target"] == {
        "metric": "pipeline.coverage",
        "threshold": 1.0,
        "comparator": ">=",
        "restore": 1.1,
        "window": "30 days",
        "measure": "min",
    }
    assert goal["conditions"] == {
        "creation": "quota.year > 0",
        "context": "market.open",
        "drop": "self.retired",
        "recur_after": "3 days",
    }
    assert (goal["status"], goal["current_progress"]) == ("blocked", {"blocked_by": "creation"})


@pytest.mark.parametrize(
    ("number", "target"),
    [
        (("--at-least", "3"), {"value": 3.0, "comparator": ">="}),
        (("--at-most", "3"), {"value": 3.0, "comparator": "<="}),
        (("--value", "3", "--comparator", "!="), {"value": 3.0, "comparator": "!="}),
        (("--value", "3"), {"value": 3.0}),
        (("--value", "3", "--type", "prevention"), {"threshold": 3.0}),
    ],
    ids=str,
)
def test_a_goal_wants_one_number(goals: "Run", number: tuple[str, ...], target: dict[str, Any]):
    assert goals("adopt", "deals", *number, "--json").json["target"] == {"metric": "deals", **target}


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ((), 2, "a goal wants one number: at least, at most, or a value with its comparator"),
        (("--at-least", "1", "--at-most", "2"), 2, "a goal wants one number"),
        (("--at-least", "1", "--comparator", "<"), 2, "the comparator < needs a value"),
        (("--at-least", "nan"), 6, "target.value is nan, which is not a number that can be stored"),
        (("--at-least", "1", "--restore", "2"), 6, "target.restore is for goals that keep or prevent a state"),
        (("--at-least", "1", "--deadline", "soon"), 6, "a deadline is a date, a time with its zone, or a span such as"),
        (("--at-least", "1", "--deadline", "2001-01-01"), 6, "the deadline 2001-01-01 23:59 UTC has passed already"),
        (("--at-least", "1", "--window", "often"), 6, "target.window must be a"),
        (("--at-least", "1", "--measure", "min"), 6, "target must have a window when it has a measure"),
        (("--at-least", "1", "--context", "a >"), 6, "the context condition of the goal"),
        (("--at-least", "1", "--recur-after", "x"), 6, "conditions.recur_after must be a duration such as"),
        (("--at-least", "1", "--importance", "2"), 2, 'Invalid value "2.0" for --importance. Must be <= 1.'),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_goal_is_said_and_nothing_is_wanted(
    goals: "Run", options: tuple[str, ...], code: int, sentence: str
):
    said = goals("adopt", "pipeline.coverage", *options)
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith(f"empla: {sentence}")
    assert of_all(goals) == []


def test_a_metric_names_a_belief(goals: "Run"):
    said = goals("adopt", "pipeline.", "--at-least", "1")
    assert (said.code, said.err) == (
        6,
        "empla: target.metric names a belief, SUBJECT.PREDICATE or the employee's own, not 'pipeline.'\n",
    )


def test_a_key_is_live_once(goals: "Run"):
    assert goals("adopt", *COVERAGE).out.startswith("Jordan wants pipeline.coverage >= 1 (goal ")
    again = goals("adopt", *COVERAGE)
    assert (again.code, again.err) == (4, "empla: a goal of the key 'coverage' is live already\n")
    assert goals("drop", "coverage", "--reason", "the quarter is over").out.startswith(
        "given up: pipeline.coverage >= 1 (goal "
    )
    assert goals("adopt", *COVERAGE).code == 0
    assert [goal["status"] for goal in of_all(goals)] == ["abandoned", "active"]
    assert [goal["status"] for goal in goals("--json").json] == ["active"]


def test_a_worker_looks_at_an_adopted_goal_at_once(empla: "Run", goals: "Run", slug: str):
    cycle(empla, slug)  # the next turn lies ahead
    goals("adopt", *COVERAGE)
    empla("worker", "--once")
    assert of_all(goals)[0]["current_progress"]["state"] == "unknown"


def test_a_goal_is_dropped_once_and_with_a_reason(goals: "Run"):
    goal = goals("adopt", *COVERAGE, "--json").json["id"]
    blank = goals("drop", goal, "--reason", " ")
    assert (blank.code, blank.err) == (6, "empla: giving up a goal needs a reason\n")
    assert goals("drop", goal[-6:], "--reason", "it bores me").code == 0
    again = goals("drop", goal, "--reason", "it bores me")
    assert (again.code, again.err) == (4, "empla: this goal is abandoned already\n")
    assert of_all(goals)[0]["reason"] == "it bores me"


def test_a_goal_is_named_by_either_end_of_its_id_or_by_its_key(goals: "Run"):
    first, second = (goals("adopt", "deals", "--at-least", "3", "--json").json["id"] for _ in range(2))
    for named in (first, first[:35], first[-4:], first[-8:].upper(), f" {first} "):
        assert goals("show", named, "--json").json["goal"]["id"] == first
    several = goals("show", first[:8])
    assert (several.code, several.err.partition(":")[2].split(" names")[0]) == (2, f" {first[:8]}")
    assert second != first
    for unknown in ("coverage", "0" * 8, "abc", ""):
        said = goals("show", unknown)
        assert (said.code, said.err) == (3, f"empla: there is no goal {unknown}\n")


def test_the_list_says_how_each_goal_stands(empla: "Run", goals: "Run", slug: str):
    assert goals().out == "Jordan wants nothing; see empla goals adopt --help\n"
    goals("adopt", *COVERAGE, "--deadline", "2099-12-31")
    cycle(empla, slug)
    head, line = (part.rstrip() for part in goals().out.splitlines())
    assert re.split(r"\s{2,}", head) == ["id", "priority", "goal", "how it stands"]
    assert "       2  pipeline.coverage >= 1  blocked, unknown since 20" in line
    told = ": wanted >= 1 (again 1.1) by 2099-12-31; no plan is left for it: a human was asked"
    assert line.endswith(told)


def test_a_goal_says_why_it_presses_and_how_it_came_about(empla: "Run", goals: "Run", slug: str):
    goals("adopt", *COVERAGE, "--importance", "0.8")
    cycle(empla, slug)
    goals("drop", "coverage", "--reason", "no more")
    page = goals("show", of_all(goals)[0]["id"]).out
    assert (
        "Jordan: pipeline.coverage >= 1\n  maintenance of pipeline.coverage, wanted >= 1 (again 1.1)\n  abandoned, unknown since"
        in page
    )
    assert "priority 3: 10 · (0.6 · 0.00 + 0.4 · 0.80) + 0.00 = 3.20, rounded, within 1 … 10\n" in page
    history = page.partition("How it came about (4 changes, the latest first):\n")[2].splitlines()
    assert [line[20:] for line in history] == [
        "abandoned, unknown  no more  (by the operator)",
        "blocked, unknown  no plan is left for it: a human was asked",
        "active, unknown  pipeline.coverage is unknown: nothing is believed about it",
        "active  adopted  (by the operator)",
    ]


def test_a_human_is_asked_and_answers_once(empla: "Run", goals: "Run", slug: str, people: dict[str, str]):
    goals("adopt", *COVERAGE)
    cycle(empla, slug)
    listed = ("notices", "--tenant", slug)
    (notice,) = empla(*listed, "--json").json
    assert (notice["kind"], notice["severity"], notice["status"]) == ("escalation", "warning", "open")
    shown = empla(*listed, "--employee", JORDAN).out.splitlines()
    assert shown[0].startswith(f"{notice['id'][-8:]}  ")
    assert shown[0].endswith("Jordan: escalation (warning)")
    assert (
        shown[1]
        == "  I can't go on with my goal “pipeline.coverage >= 1”: pipeline.coverage is unknown: nothing is believed about it."
    )
    answer = ("notices", "answer", notice["id"][-8:], "Ask Dana", "--tenant", slug)
    refused = empla(*answer, "--user", people["user"])
    assert (refused.code, refused.err) == (3, f"empla: there is no notice {notice['id'][-8:]}\n")
    assert empla(*answer, "--user", people["manager"]).out == "Jordan has the answer, and its next cycle is due\n"
    again = empla(*answer)
    assert (again.code, again.err) == (4, "empla: this notice is answered already\n")
    (answered,) = empla(*listed, "--all", "--json").json
    assert (answered["answer"], answered["status"]) == ("Ask Dana", "answered")
    assert "  → Ask Dana" in empla(*listed, "--all").out.splitlines()
    assert empla(*listed).out == "there are no open notices\n"


def test_what_a_dropped_goal_had_asked_lapses_with_it(empla: "Run", goals: "Run", slug: str):
    goals("adopt", *COVERAGE)
    cycle(empla, slug)
    goals("drop", "coverage", "--reason", "no more")
    assert [notice["status"] for notice in empla("notices", "--tenant", slug, "--all", "--json").json] == ["lapsed"]


@pytest.mark.parametrize("role", ["admin", "manager"])
def test_staff_adopt_and_drop(goals: "Run", people: dict[str, str], role: str):
    assert goals("adopt", *COVERAGE, "--user", people[role]).code == 0
    assert goals("drop", "coverage", "--reason", "no more", "--user", people[role]).code == 0
    assert [goal["status"] for goal in of_all(goals)] == ["abandoned"]


def test_a_user_sees_the_goals_of_whom_it_is_assigned_and_changes_none(
    empla: "Run", goals: "Run", slug: str, people: dict[str, str]
):
    goals("adopt", *COVERAGE)
    cycle(empla, slug)
    as_user = ("--user", people["user"])
    reading = [
        ("goals", "--employee", JORDAN),
        ("intentions", "--employee", JORDAN),
        ("effects", "--employee", JORDAN),
        ("goals", "show", "coverage"),
    ]
    for command in reading:
        assert empla(*command, "--tenant", slug, *as_user).code == 3
    assert empla("notices", "--tenant", slug, *as_user, "--json").json == []
    empla("employee", "assign", JORDAN, "--to", people["user"], "--tenant", slug)
    for command in reading:
        assert empla(*command, "--tenant", slug, *as_user).code == 0
    (notice,) = empla("notices", "--tenant", slug, *as_user, "--json").json
    forbidden = [
        goals("adopt", "deals", "--at-least", "3", *as_user),
        goals("drop", "coverage", "--reason", "mine", *as_user),
        empla("notices", "answer", notice["id"], "Do it", "--tenant", slug, *as_user),
    ]
    assert {(said.code, said.err) for said in forbidden} == {(5, "empla: the caller's role does not allow this\n")}
    assert [goal["status"] for goal in of_all(goals)] == ["blocked"]


def test_nothing_of_another_tenant_is_found(empla: "Run", goals: "Run", slug: str):
    goals("adopt", *COVERAGE)
    cycle(empla, slug)
    goal, (notice,) = of_all(goals)[0], empla("notices", "--tenant", slug, "--json").json
    rival = f"{slug}-rival"
    empla("tenant", "create", rival, "--name", "Rival")
    for command in (
        ("goals", "show", goal["id"]),
        ("goals", "show", "coverage"),
        ("goals", "drop", goal["id"], "--reason", "ours"),
        ("notices", "answer", notice["id"], "ours"),
        ("explain", goal["id"]),
    ):
        assert empla(*command, "--tenant", rival).code == 3
    assert empla("notices", "--tenant", rival, "--all", "--json").json == []


def test_what_is_not_there_is_said_in_a_sentence(empla: "Run", slug: str, jordan: str):
    assert empla("intentions", "--tenant", slug, "--employee", jordan).out == "Jordan is committed to nothing now\n"
    assert empla("effects", "--tenant", slug, "--employee", jordan).out == "Jordan brought nothing about so far\n"
    assert empla("notices", "--tenant", slug, "--all").out == "there are no notices\n"
    said = empla("explain", "0000", "--tenant", slug)
    assert (said.code, said.err) == (3, "empla: there is no intention 0000\n")
    unknown = empla("intentions", "--tenant", slug, "--employee", jordan, "--goal", "coverage")
    assert (unknown.code, unknown.err) == (3, "empla: there is no goal coverage\n")
