"""`empla chat` and `empla watch`: write to an employee, read its answer, see what it does."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Run

EMAIL = "jordan@acme.example"


def hired(empla: "Run", slug: str) -> None:
    said = empla("employee", "hire", "--tenant", slug, "--name", "Jordan", "--role", "sales_ae", "--email", EMAIL)
    assert said.code == 0, said.err


def test_an_employee_is_written_to_and_its_answer_is_read(empla: "Run", slug: str):
    hired(empla, slug)
    assert empla("chat", EMAIL, "--tenant", slug).out == "nobody has written to Jordan yet\n"
    said = empla("chat", EMAIL, "How is the pipeline?", "--tenant", slug)
    assert said.code == 0, said.err
    assert "  How is the pipeline?\n" in said.out
    [talk] = empla("chat", EMAIL, "--tenant", slug, "--json").json
    assert (talk["title"], talk["messages"]) == ("How is the pipeline?", 1)
    for stage in ("supervised", "autonomous"):
        assert empla("employee", "promote", EMAIL, "--tenant", slug, "--to", stage).code == 0
    for _ in range(3):
        empla("cycle", "--tenant", slug, "--employee", EMAIL, "--anyway")
    written = empla("chat", EMAIL, "--tenant", slug, "--conversation", talk["id"], "--json").json
    assert [message["author"] for message in written] == ["operator", "employee"]
    empla("chat", EMAIL, "Thanks", "--tenant", slug, "--conversation", talk["id"][-8:])
    assert empla("chat", EMAIL, "--tenant", slug, "--json").json[0]["messages"] == 3
    assert empla("chat", EMAIL, "--tenant", slug, "--follow").code == 2


def test_watching_goes_on_where_it_stopped(empla: "Run", slug: str):
    hired(empla, slug)
    empla("chat", EMAIL, "Hello", "--tenant", slug)
    first = empla("watch", EMAIL, "--tenant", slug, "--after", "0", "--most", "1", "--json")
    assert first.code == 0, first.err
    event = json.loads(first.out)
    assert (event["kind"], event["employee"]) == ("employee.status", "Jordan")
    rest = empla("watch", "--tenant", slug, "--after", event["id"], "--kind", "message.posted", "--most", "1")
    assert rest.out.endswith("  Jordan  message.posted: the operator wrote message 1\n")
    assert empla("watch", "--tenant", slug, "--after", "nonsense").code == 6
