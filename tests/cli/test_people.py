"""Tenants, users and employees from the command line: one line to confirm, JSON to read."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Run


def hired(empla: "Run", slug: str, *more: str) -> str:
    email = "jordan@acme.example"
    said = empla(
        "employee", "hire", "--tenant", slug, "--name", "Jordan", "--role", "sales_ae", "--email", email, *more
    )
    assert said.code == 0, said.err
    return email


def invited(empla: "Run", slug: str, role: str) -> str:
    email = f"{role}@acme.example"
    said = empla("user", "invite", email, "--tenant", slug, "--name", role.title(), "--role", role)
    assert said.code == 0, said.err
    return email


def test_a_tenant_is_created_in_real_time_and_shown(empla: "Run", slug: str):
    shown = empla("tenant", "show", slug, "--json").json
    assert (shown["slug"], shown["name"], shown["status"], shown["clock"]) == (slug, "Acme", "active", "real")
    assert shown["settings"] == {}


def test_a_tenant_may_live_in_simulated_time(empla: "Run", slug: str):
    other = f"{slug}-b"
    said = empla("tenant", "create", other, "--name", "B", "--starts-at", "2025-03-03T09:00:00Z")
    assert said.out == f"{other} is there, in simulated time, from 2025-03-03 09:00 UTC on\n"
    assert empla("tenant", "show", other, "--json").json["simulated_now"] == "2025-03-03T09:00:00Z"


def test_a_suspended_tenant_refuses_everybody_until_it_is_resumed(empla: "Run", slug: str):
    assert empla("tenant", "suspend", slug).out == f"{slug} is suspended\n"
    refused = empla("employee", "list", "--tenant", slug)
    assert (refused.code, refused.err) == (5, "empla: this tenant is suspended\n")
    assert empla("tenant", "show", slug, "--json").json["status"] == "suspended"
    assert empla("tenant", "resume", slug).out == f"{slug} is active\n"
    assert empla("employee", "list", "--tenant", slug, "--json").json == []


def test_a_person_is_invited_listed_and_removed(empla: "Run", slug: str):
    email = invited(empla, slug, "manager")
    listed = empla("user", "list", "--tenant", slug, "--json").json
    assert [(person["email"], person["role"]) for person in listed] == [(email, "manager")]
    said = empla("user", "remove", email, "--tenant", slug)
    assert said.out == f"Manager <{email}> is removed from {slug}\n"
    assert empla("user", "list", "--tenant", slug, "--json").json == []
    assert empla("user", "remove", email, "--tenant", slug).code == 3


def test_only_an_admin_invites(empla: "Run", slug: str):
    manager = invited(empla, slug, "manager")
    invite = ("user", "invite", "new@acme.example", "--tenant", slug, "--name", "New", "--role", "user")
    assert empla(*invite, "--user", manager).code == 5
    assert empla(*invite, "--user", invited(empla, slug, "admin")).code == 0


def test_an_employee_is_hired_with_what_the_options_and_files_say(empla: "Run", slug: str, tmp_path: Path):
    config = tmp_path / "config.json"
    config.write_text('{"loop_interval_seconds": 60, "ours": [1]}')
    email = hired(
        empla,
        slug,
        *("--personality", '{"tone": "dry"}', "--config", str(config)),
        *("--capability", "email", "--capability", "calendar"),
    )
    (person,) = empla("employee", "list", "--tenant", slug, "--json").json
    assert (person["email"], person["role"], person["lifecycle_stage"]) == (email, "sales_ae", "shadow")
    assert person["personality"] == {"tone": "dry"}
    assert person["config"] == {"loop_interval_seconds": 60, "ours": [1]}
    assert person["capabilities"] == ["email", "calendar"]


@pytest.mark.parametrize(
    ("option", "code", "sentence"),
    [
        (("--config", "{"), 6, "config is not JSON"),
        (("--config", "[]"), 3, "--config: [] can't be read: no such file"),
        (("--config", '{"loop_interval_seconds": "often"}'), 6, "config.loop_interval_seconds must be a whole number"),
        (("--personality", "/nowhere.json"), 3, "--personality: /nowhere.json can't be read"),
        (("--email", "not an address"), 6, "this is not an e-mail address"),
        (("--name", " "), 6, "refused by the rule employees_name_check"),
    ],
)
def test_what_is_wrong_with_a_new_employee_is_said_and_nobody_is_hired(
    empla: "Run", slug: str, option: tuple[str, str], code: int, sentence: str
):
    given = {"--name": "Jordan", "--role": "pm", "--email": "jordan@acme.example", option[0]: option[1]}
    said = empla("employee", "hire", "--tenant", slug, *(part for pair in given.items() for part in pair))
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith(f"empla: {sentence}")
    assert empla("employee", "list", "--tenant", slug, "--json").json == []


def test_a_user_sees_whom_he_is_assigned(empla: "Run", slug: str):
    jordan, user = hired(empla, slug), invited(empla, slug, "user")
    seen = ("employee", "list", "--tenant", slug, "--user", user, "--json")
    assert empla(*seen).json == []
    assign = ("employee", "assign", jordan, "--to", user, "--tenant", slug)
    assert empla(*assign).out == f"User <{user}> sees Jordan <{jordan}>\n"
    assert empla(*assign).code == 0
    assert [person["email"] for person in empla(*seen).json] == [jordan]
    assert empla(*assign, "--user", user).code == 5


def test_a_dismissed_employee_is_gone_and_its_address_free(empla: "Run", slug: str):
    jordan = hired(empla, slug)
    assert empla("employee", "dismiss", jordan, "--tenant", slug).out == f"Jordan <{jordan}> is dismissed\n"
    assert empla("employee", "dismiss", jordan, "--tenant", slug).code == 3
    hired(empla, slug)


def test_lists_for_people_have_one_line_each_however_narrow_the_terminal(empla: "Run", slug: str):
    long = " ".join(["Jordan"] * 25)
    for number in range(2):
        email = f"j{number}@acme.example"
        empla("employee", "hire", "--tenant", slug, "--name", long, "--role", "pm", "--email", email)
    said = empla("employee", "list", "--tenant", slug)
    assert len(said.out.splitlines()) == 3
    assert said.out.count(long) == 2


def test_every_list_is_json_that_says_the_same_as_the_library(empla: "Run", slug: str):
    hired(empla, slug)
    said = empla("employee", "list", "--tenant", slug, "--json")
    assert said.out == json.dumps(said.json, ensure_ascii=False, indent=2) + "\n"
    assert {"id", "name", "role", "email", "status", "created_at"} <= set(said.json[0])
