"""The shelf is sound: every playbook can be carried out by whom it is for, and is called for by something."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from empla.conditions import Condition
from empla.employees.capabilities import OF_ROLE
from empla.employees.employees import EmployeeRole
from empla.memory import shelf
from empla.memory.actions import ACTIONS, arguments
from empla.memory.events import EVENTS
from empla.memory.playbook import Playbook
from empla.memory.playbook_file import checked, read
from empla.memory.playbook_links import faults_among
from empla.mind.pipeline import FIGURES, SUBJECT

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "seed_json"
ROLES: list[EmployeeRole] = [role for role in get_args(EmployeeRole) if role != "custom"]
SEED: dict[str, Any] = json.loads((ROOT / "empla" / "demo" / "seed.json").read_text())["roles"]


def library(role: EmployeeRole) -> dict[str, Playbook]:
    return {playbook.name: playbook for playbook in shelf.of_role(role)}


def steps(role: EmployeeRole) -> Iterator[tuple[Playbook, dict[str, Any]]]:
    """Every step of the role's playbooks, as it is carried out."""
    known = library(role)
    for playbook in known.values():
        for step in playbook.steps.steps or ():
            yield playbook, playbook.resolved(step, known.get(step.action))


def seed_goals(role: EmployeeRole) -> list[str]:
    return [goal["target"]["metric"] for goal in SEED[role]["goals"]]


def fits(pattern: str, metric: str) -> bool:
    subject, _, predicate = pattern.rpartition(".")
    about, _, what = metric.rpartition(".")
    return predicate == what and (subject or "self") in {"*", about or "self"}


def test_every_file_is_valid_and_of_a_role():
    found = shelf.all_files()
    assert [file.role for file in found] == ["every", *ROLES]
    assert [fault for file in found for fault in file.faults] == []
    assert {Path(file.file).name for file in found} == {path.name for path in (ROOT / "empla" / "playbooks").iterdir()}
    assert shelf.of_role("custom") == ()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_one_playbook_of_a_name_and_can_carry_each_out(role: EmployeeRole):
    names = [playbook.name for playbook in shelf.of_role(role)]
    assert len(names) == len(set(names))
    assert faults_among(shelf.of_role(role)) == {}
    workflows = [playbook for playbook in library(role).values() if playbook.type == "workflow"]
    assert len(workflows) >= 8


@pytest.mark.parametrize("role", ROLES)
def test_an_employee_can_do_all_that_has_no_condition(role: EmployeeRole):
    for playbook, step in steps(role):
        needed = step.get("capability") or ACTIONS[step["action"]].capability
        if needed and "if" not in step:
            assert needed in OF_ROLE[role], f"{playbook.name} needs {needed}"
            if playbook.conditions.goals or playbook.conditions.finds_out:
                assert needed in SEED[role]["capabilities"], f"{playbook.name} needs {needed}"


@pytest.mark.parametrize("role", ROLES)
def test_every_event_that_is_waited_for_comes_and_every_follow_up_is_heard(role: EmployeeRole):
    heard = {kind for playbook in library(role).values() for kind in playbook.conditions.triggers or ()}
    made = {step["kind"] for _, step in steps(role) if step["action"] == "follow_up"}
    assert heard - made - EVENTS.keys() == set()
    assert made - heard == set()


def test_no_event_is_listed_that_nobody_waits_for():
    heard = {
        kind for role in ROLES for playbook in library(role).values() for kind in playbook.conditions.triggers or ()
    }
    assert EVENTS.keys() - heard == {"deal_engaged"}  # which the CRM delivers all the same


@pytest.mark.parametrize("role", ROLES)
def test_each_goal_of_the_seed_is_served_and_its_metric_found_out(role: EmployeeRole):
    stated = [playbook.conditions for playbook in library(role).values()]
    for metric in seed_goals(role):
        assert any(fits(pattern, metric) for each in stated for pattern in each.goals or ()), metric
        assert any(fits(pattern, metric) for each in stated for pattern in each.finds_out or ()), metric


@pytest.mark.parametrize("role", ROLES)
def test_no_goal_is_served_that_nobody_has(role: EmployeeRole):
    adopted = [step["metric"] for _, step in steps(role) if step["action"] == "adopt_goal"]
    metrics = [*seed_goals(role), *adopted, *(f"{SUBJECT}.{figure}" for figure in FIGURES)]
    for playbook in library(role).values():
        for pattern in (*(playbook.conditions.goals or ()), *(playbook.conditions.finds_out or ())):
            assert any(fits(pattern, metric) for metric in metrics), f"{playbook.name}: {pattern}"


@pytest.mark.parametrize("role", ROLES)
def test_every_skill_is_used_and_told_what_its_text_speaks_of(role: EmployeeRole):
    used = {step["skill"] for _, step in steps(role) if "skill" in step}
    assert {name for name, playbook in library(role).items() if playbook.type == "skill"} == used


def test_what_a_skill_is_told_is_spoken_of_by_its_text():
    for role in ROLES:
        for playbook, step in steps(role):
            for name in arguments(step).keys() - {"template", "duration"}:
                texts = " ".join(value for value in step.values() if isinstance(value, str))
                assert f"{{{name}}}" in texts, f"{playbook.name} says {name}"


def test_a_plan_that_serves_a_goal_knows_by_what_it_has_worked():
    for role in ROLES:
        for playbook in library(role).values():
            if playbook.conditions.goals or playbook.conditions.finds_out:
                assert playbook.steps.success is not None, playbook.name
                assert Condition.parse(playbook.steps.success, what="success").parts


def test_the_qualification_call_is_the_specifications_word_for_word():
    playbook = library("sales_ae")["qualification_call"]
    assert playbook.steps.to_json() == json.loads((FIXTURES / "procedure_steps.json").read_text())
    assert playbook.conditions.to_json() == json.loads((FIXTURES / "procedure_conditions.json").read_text())


def test_the_pages_are_up_to_date_and_the_roles_are_linked():
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "make_playbooks.py"), "--check"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    linked = re.findall(r"\(playbooks/(\w+)\.md\)", (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(ROLES)


def test_the_examples_of_the_page_are_valid():
    text = (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(role:.*?)```", text, re.DOTALL)
    assert [playbook.name for playbook in checked(read(example.encode(), file="page")).playbooks] == [
        "chase_stale_deals"
    ]
    examples = re.search(r"Examples:\n\n```text\n(.*?)```", text, re.DOTALL)
    assert examples is not None
    for line in examples[1].splitlines():
        Condition.parse(line, what="page")
