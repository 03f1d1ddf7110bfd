"""Approvals, the outbox, budgets, capabilities, integrations and stages from the command line; who may do what."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from leaving import mails

if TYPE_CHECKING:
    from conftest import Run

JORDAN = "jordan@acme.example"
PLAYBOOK = """role: custom
playbooks:
  - name: answer
    type: workflow
    description: Answer every mail.
    triggers: [mail_received]
    steps:
      - action: send
        to: "{from}"
        subject: "Re: {subject}"
        text: Thank you for your letter.
        in_reply_to: "{message_id}"
"""


def letter(number: int, sender: str = "jane@prospect.example") -> str:
    return (
        f"From jane Mon Mar  3 10:00:00 2025\nFrom: Jane <{sender}>\nTo: {JORDAN}\nSubject: Letter {number}\n"
        f"Date: Mon, 3 Mar 2025 09:00:00 +0000\nMessage-ID: <{number}@prospect.example>\n\nHello.\n\n"
    )


@pytest.fixture
def sink(tmp_path: Path) -> Path:
    return tmp_path / "sink"


@pytest.fixture
def t(empla: "Run", slug: str, tmp_path: Path, sink: Path) -> "Run":
    """The command line, in a tenant with a supervised employee that answers mails into a folder."""

    def run(*arguments: str) -> Any:
        return empla(*arguments, "--tenant", slug)

    playbooks = tmp_path / "answer.yaml"
    playbooks.write_text(PLAYBOOK, encoding="utf-8")
    for arguments in (
        ("employee", "hire", "--name", "Jordan", "--role", "custom", "--email", JORDAN, "--capability", "email"),
        ("employee", "promote", JORDAN, "--to", "supervised"),
        ("playbook", "add", str(playbooks), "--employee", JORDAN),
        ("integrations", "connect", "mail", "--kind", "maildir", "--settings", json.dumps({"folder": str(sink)})),
        ("capability", "change", "email", "--quiet-hours", "none"),
        *(("user", "invite", f"{role}@acme.example", "--name", role, "--role", role) for role in ("manager", "user")),
    ):
        said = run(*arguments)
        assert said.code == 0, said.err
    return run


def gets(t: "Run", tmp_path: Path, *letters: str) -> None:
    box = tmp_path / "box"
    box.write_text("".join(letters), encoding="utf-8")
    assert t("ingest", str(box), "--source", "mbox", "--employee", JORDAN).code == 0
    for _ in range(3):
        assert t("cycle", "--employee", JORDAN, "--anyway").code == 0


def test_a_mail_is_answered_once_a_manager_approves(t: "Run", tmp_path: Path, sink: Path):
    gets(t, tmp_path, letter(1))
    [asked] = t("approvals", "--json").json
    assert (asked["title"], asked["recipients"], asked["tainted"]) == ("Re: Letter 1", ["jane@prospect.example"], True)
    shown = t("approvals").out
    assert "Re: Letter 1 (email, until" in shown
    assert "| Thank you for your letter." in shown
    assert t("outbox").out.count("awaiting approval") == 1
    said = t("approve", asked["id"], "--user", "manager@acme.example")
    assert (said.code, said.err) == (0, "")
    [mail] = mails(sink)
    assert said.out == f"approved and sent: {sink / 'new'}/{next((sink / 'new').iterdir()).name}\n"
    assert (mail["To"], mail["In-Reply-To"]) == ("jane@prospect.example", "<1@prospect.example>")
    [decided] = t("approvals", "--which", "all", "--json").json
    assert (decided["status"], decided["decided_by"] is not None) == ("approved", True)
    again = t("approve", asked["id"])
    assert (again.code, again.err) == (4, "empla: this was approved already\n")


def test_an_edit_goes_out_and_a_rejection_does_not(t: "Run", tmp_path: Path, sink: Path):
    gets(t, tmp_path, letter(1), letter(2, "jim@prospect.example"))
    by_title = {asked["title"]: asked["id"] for asked in t("approvals", "--json").json}
    edited = t("approve", by_title["Re: Letter 1"], "--body", "Shorter.", "--reason", "too long")
    assert edited.out.startswith("approved and sent"), edited
    rejected = t("reject", by_title["Re: Letter 2"], "not him")
    assert rejected.out == "rejected; Jordan knows why\n"
    [mail] = mails(sink)
    assert mail.get_content().strip() == "Shorter."
    told = t("episodes", "--employee", JORDAN).out
    assert "A human edited what I wanted to send: Re: Letter 1 (too long)" in told
    assert "A human rejected what I wanted to send: Re: Letter 2 (not him)" in told
    [line] = [line for line in t("employee", "record").out.splitlines() if line.startswith("Jordan")]
    assert line.split()[3:9] == ["0", "1", "1", "1", "0", "0"]


def test_who_is_no_staff_decides_nothing(t: "Run", tmp_path: Path):
    gets(t, tmp_path, letter(1))
    [asked] = t("approvals", "--json").json
    assert t("employee", "assign", JORDAN, "--to", "user@acme.example").code == 0
    assert len(t("approvals", "--json", "--user", "user@acme.example").json) == 1
    for arguments in (
        ("approve", asked["id"]),
        ("reject", asked["id"], "no"),
        ("budget", "set", "effects", "1000"),
        ("employee", "promote", JORDAN, "--to", "autonomous"),
    ):
        said = t(*arguments, "--user", "user@acme.example")
        assert (said.code, said.err) == (5, "empla: the caller's role does not allow this\n")
    # And a manager decides about effects, but not about what the tenant is offered and connected to.
    folder = json.dumps({"folder": str(tmp_path)})
    for arguments in (
        ("capability", "change", "email", "--tenant-per-hour", "1000"),
        ("integrations", "connect", "more", "--kind", "maildir", "--settings", folder),
        ("integrations", "disconnect", "mail"),
    ):
        assert t(*arguments, "--user", "manager@acme.example").code == 5
    [asked] = t("approvals", "--json").json
    assert asked["status"] == "pending"


def test_a_budget_is_shown_and_set(t: "Run", tmp_path: Path, sink: Path):
    assert t("budget", "set", "effects", "0", "--employee", JORDAN).code == 0
    gets(t, tmp_path, letter(1))
    [asked] = t("approvals", "--json").json
    said = t("approve", asked["id"])
    assert "it waits until" in said.out
    assert "the budget of 0 effects a day of the employee is spent" in said.out
    assert any("A manager may raise it" in line or "may raise it" in line for line in t("notices").out.splitlines())
    assert t("budget", "set", "effects", "5", "--employee", JORDAN).out == f"{JORDAN}: at most 5 effects a day\n"
    [effects, *_] = t("budget", "--employee", JORDAN, "--json").json
    assert (effects["resource"], effects["daily"], effects["is_default"]) == ("effects", "5.000000", False)
    assert mails(sink) == []


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("approve", "ffffffff"), 3, "there is no request for approval ffffffff"),
        (("reject", "ffffffff", "no"), 3, "there is no request for approval ffffffff"),
        (("budget", "set", "effects", "many"), 2, "a limit is a number such as 100 or 2.50, not 'many'"),
        (("budget", "set", "effects", "nan"), 2, "a limit is a number from 0 on"),
        (("capability", "change", "telepathy"), 3, "there is no capability 'telepathy'"),
        (
            ("capability", "change", "email", "--quiet-hours", "late"),
            2,
            "quiet hours are two times of day such as \"21:00-07:00\", or none, not 'late'",
        ),
        (
            ("integrations", "connect", "x", "--kind", "maildir", "--settings", '{"folder": "mail"}'),
            6,
            "a folder is named from the root on, not 'mail'",
        ),
        (
            (
                "integrations",
                "connect",
                "x",
                "--kind",
                "smtp",
                "--settings",
                '{"host": "h", "port": 25, "tls": "maybe"}',
            ),
            6,
            "tls: Input should be 'implicit', 'starttls' or 'none'",
        ),
        (
            ("integrations", "connect", "x", "--kind", "webhook", "--settings", '{"url": "https://x.example"}'),
            6,
            "a webhook needs a secret that its calls are signed with",
        ),
        (("employee", "promote", JORDAN, "--to", "shadow"), 4, None),
        (("outbox", "settle", "ffffffff", "happened", "--reason", "x"), 3, "there is no effect ffffffff"),
    ],
)
def test_a_bad_input_gets_one_sentence(t: "Run", arguments: tuple[str, ...], code: int, sentence: str | None):
    said = t(*arguments)
    assert (said.code, said.out) == (code, "")
    if sentence is not None:
        assert said.err == f"empla: {sentence}\n"
