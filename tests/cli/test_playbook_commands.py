"""`empla playbook …`: what an employee knows how to do, from files, the shelf and its own library."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from empla.memory import shelf

if TYPE_CHECKING:
    from conftest import Run

MINE = """\
role: sales_ae
playbooks:
- name: say_hello
  description: Say hello to whoever is new.
  triggers: [contact_met]
  steps:
  - action: research_account
  - {action: draft, to: "{contact}", subject: Hello, text: "Hello {contact}", if: known contact}
"""


@pytest.fixture
def jordan(empla: "Run", slug: str) -> tuple[str, ...]:
    """The options that name a fresh account executive."""
    email = "jordan@acme.example"
    said = empla(*("employee", "hire", "--tenant", slug, "--name", "Jordan", "--role", "sales_ae", "--email", email))
    assert said.out == (f"Jordan <{email}> works for {slug} as sales_ae; it can do email, calendar, research, crm\n")
    return "--tenant", slug, "--employee", email


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text(MINE)
    return file


def one(empla: "Run", name: str, jordan: tuple[str, ...]) -> dict[str, Any]:
    return empla("playbook", "show", name, *jordan, "--json").json


def test_whoever_is_hired_knows_the_shelf_of_its_role(empla: "Run", jordan: tuple[str, ...]):
    listed = empla("playbook", "list", *jordan, "--json").json["playbooks"]
    assert [each["procedure_name"] for each in listed] == [playbook.name for playbook in shelf.of_role("sales_ae")]
    assert all(not each["faults"] and each["enabled"] and each["standing"] == "established" for each in listed)
    lines = empla("playbook", "list", *jordan).out.splitlines()
    assert lines[0] == f"Jordan knows {len(listed)} playbooks"
    (row,) = [line.split() for line in lines if line.startswith("rebuild_pipeline ")]
    assert row == ["rebuild_pipeline", "workflow", "established", "0/0", "1", "pipeline.coverage"]


def test_one_is_shown_in_plain_sentences(empla: "Run", jordan: tuple[str, ...]):
    said = empla("playbook", "show", "qualification_call", *jordan).out
    assert [line if len(line) <= 98 else f"{line[:98]}…" for line in said.splitlines()] == [
        "qualification_call",
        "A first call in which a large opportunity is qualified by budget, authority, need and timeline.",
        "",
        "It starts when a first call is in the calendar (discovery_call_scheduled); or when a deal is to be…",
        'Only if deal_size > 10000 and lead_source in ["inbound", "referral"].',
        "  1. research_account – Task: Research {account}. What do they do, what have they bought from us o…",
        "  2. prepare_questions – Note: Questions for {account}: Budget: what is set aside for this, and wh…",
        "  3. join_call – Task: Join the call with {account} on zoom. Needs: calendar.",
        "  4. ask_questions – Task: Ask {account} about budget, authority, need, timeline. One question at …",
        "  5. take_notes – Ask a human: “What came out of the call with {account}? Please keep structured n…",
        "  6. qualify_opportunity – Decide whether bant_score > 70. What comes of it is called qualified.",
        "  7. If qualified: schedule_followup – Come back in 3 days (followup_due).",
        "It has succeeded when its steps are done.",
        "",
        "Version 1, established; it was not carried out yet.",
    ]


def test_what_is_not_there_is_not_found(empla: "Run", jordan: tuple[str, ...]):
    said = empla("playbook", "show", "sing", *jordan)
    assert (said.code, said.err) == (3, "empla: there is no playbook 'sing'\n")


def test_a_file_is_taught_once_or_replaced(empla: "Run", jordan: tuple[str, ...], mine: Path):
    said = empla("playbook", "add", str(mine), *jordan)
    assert said.out == "Jordan knows say_hello from now on\n"
    taught = one(empla, "say_hello", jordan)
    assert (taught["learned_from"], taught["version"], taught["conditions"]) == (
        "instruction",
        1,
        {"triggers": ["contact_met"]},
    )
    again = empla("playbook", "add", str(mine), *jordan)
    assert (again.code, again.err) == (
        4,
        "empla: there is a playbook say_hello already; replace it, or choose another name\n",
    )
    mine.write_text(MINE.replace("Say hello to", "Greet"))
    assert empla("playbook", "add", str(mine), *jordan, "--replace").code == 0
    replaced = one(empla, "say_hello", jordan)
    assert (replaced["version"], replaced["description"]) == (2, "Greet whoever is new.")


def test_a_file_with_faults_teaches_nothing(empla: "Run", jordan: tuple[str, ...], mine: Path):
    mine.write_text(MINE + "  - action: dance\n  - action: fly\n")
    said = empla("playbook", "add", str(mine), *jordan)
    assert said.code == 6
    assert said.err.splitlines() == [
        f"empla: {mine}:9: say_hello: step 3: dance is neither an action nor a skill",
        f"{mine}:10: say_hello: step 4: fly is neither an action nor a skill",
    ]
    assert empla("playbook", "show", "say_hello", *jordan).code == 3
    assert empla("playbook", "add", str(mine.with_name("none.yaml")), *jordan).code == 3
    mine.write_text("role: pm\nplaybooks: []\n")
    assert empla("playbook", "add", str(mine), *jordan).err == f"empla: {mine} holds no playbooks\n"


def test_the_shelf_is_valid(empla: "Run"):
    said = empla("playbook", "validate")
    count = sum(len(found.playbooks) for found in shelf.all_files())
    assert (said.code, said.out) == (0, f"{count} playbooks, and nothing wrong with them\n")


def test_files_are_validated_line_by_line_with_the_skills_of_their_role(empla: "Run", mine: Path):
    assert empla("playbook", "validate", str(mine)).out == "1 playbook, and nothing wrong with it\n"
    wrong = mine.with_name("wrong.yaml")
    wrong.write_text(MINE.replace("contact_met", "").replace("known contact", "known"))
    said = empla("playbook", "validate", str(mine), str(wrong))
    assert said.code == 6
    assert said.out == (
        f"{wrong}:5: say_hello: triggers must be a list of 1 to 50\n"
        f"{wrong}:8: say_hello: step 2: if: a name must stand here, not the end, at character 6\n"
    )
    assert said.err == "empla: 2 faults in playbooks\n"
    wrong.write_text(MINE.replace("sales_ae", "custom"))
    said = empla("playbook", "validate", str(wrong))
    assert said.out == f"{wrong}:7: say_hello: step 1: research_account is neither an action nor a skill\n"
    assert said.err == "empla: 1 fault in playbooks\n"


def test_people_switch_playbooks_off_and_on_and_decide_on_their_standing(empla: "Run", jordan: tuple[str, ...]):
    said = empla("playbook", "disable", "win_back", *jordan)
    assert said.out == "Jordan does not use win_back from now on\n"
    assert "It is disabled." in empla("playbook", "show", "win_back", *jordan).out
    assert empla("playbook", "enable", "win_back", *jordan).out == "Jordan uses win_back from now on\n"
    assert empla("playbook", "demote", "win_back", *jordan).code == 2
    said = empla("playbook", "demote", "win_back", *jordan, "--reason", "It annoys them")
    assert said.out == "win_back is demoted with Jordan\n"
    assert empla("playbook", "promote", "win_back", *jordan, "--reason", "Reworded").code == 0
    lines = empla("playbook", "show", "win_back", *jordan).out.splitlines()
    assert [line.partition(": ")[2] for line in lines[-2:]] == [
        "established → demoted, at 0 of 0; decided: It annoys them",
        "demoted → established, at 0 of 0; decided: Reworded",
    ]


def test_an_upgrade_says_what_is_new_and_what_was_left(
    empla: "Run", jordan: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    shelved = shelf.of_role("sales_ae")
    assert empla("playbook", "upgrade", *jordan).out == "Jordan: nothing new\n"
    newer = [
        playbook.model_copy(update={"version": 2, "description": "New words"})
        if playbook.name == "win_back"
        else playbook
        for playbook in shelved
    ]
    greeting = shelved[0].model_copy(update={"name": "greet"})
    monkeypatch.setattr(shelf, "of_role", lambda _role: (*newer, greeting))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert empla("playbook", "upgrade", *jordan[:2]).out == "Jordan: new: greet; newer: win_back\n"
    assert one(empla, "win_back", jordan)["description"] == "New words"


def test_a_user_reads_what_an_assigned_employee_knows_and_changes_nothing(
    empla: "Run", slug: str, jordan: tuple[str, ...], mine: Path
):
    assert empla("user", "invite", "uma@acme.example", "--tenant", slug, "--name", "Uma", "--role", "user").code == 0
    as_uma = (*jordan, "--user", "uma@acme.example")
    assert empla("playbook", "list", *as_uma).code == 3
    assert empla("employee", "assign", jordan[-1], "--to", "uma@acme.example", "--tenant", slug).code == 0
    assert empla("playbook", "show", "win_back", *as_uma).code == 0
    assert empla("playbook", "add", str(mine), *as_uma).code == 5
    assert empla("playbook", "disable", "win_back", *as_uma).code in {3, 5}
    assert one(empla, "win_back", jordan)["enabled"]
