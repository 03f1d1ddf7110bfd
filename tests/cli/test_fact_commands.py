"""`empla facts` and `empla fact`: teaching, asking and settling on the command line."""

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from conftest import Run

JORDAN = "jordan@acme.example"


@pytest.fixture
def where(empla: "Run", slug: str) -> tuple[str, ...]:
    """Jordan, of a fresh tenant, and a manager and a user beside."""
    hire = ("employee", "hire", "--tenant", slug, "--name", "Jordan", "--role", "pm", "--email", JORDAN)
    assert empla(*hire).code == 0
    for role in ("manager", "user"):
        mail = f"{role}@acme.example"
        assert empla("user", "invite", mail, "--tenant", slug, "--name", role.title(), "--role", role).code == 0
    assert empla("employee", "assign", JORDAN, "--to", "user@acme.example", "--tenant", slug).code == 0
    return ("--tenant", slug, "--employee", JORDAN)


def test_a_fact_is_taught_and_shown(empla: "Run", where: tuple[str, ...]):
    new = empla("fact", "learn", "Acme", "has_ceo", "Jane", *where, "--confidence", "0.5", "--source", "crm")
    assert new.out == "Acme has_ceo Jane (0.50) is new\n", new.err
    again = empla("fact", "learn", "acme", "has_ceo", "jane", *where, "--confidence", "0.5")
    assert again.out == "Acme has_ceo Jane (0.75) was known, and is surer now\n"
    said = empla("facts", *where).out.splitlines()
    assert said[0].startswith("Jordan knows 1 fact as of ")
    assert said[-1].split()[:5] == ["Acme", "has_ceo", "Jane", "0.75", "crm"]
    [fact] = empla("facts", *where, "--subject", "ACME", "--json").json
    assert (fact["object"], fact["verified"], fact["decay_rate"]) == ("Jane", False, 0.005)
    assert empla("facts", *where, "--predicate", "knows", "--json").json == []
    assert empla("facts", *where, "--as-of", "2020-01-01", "--json").json == []
    assert empla("facts", *where, "--as-of", "2999-12-31", "--json").json[0]["id"] == fact["id"]


def test_what_is_known_around_a_name_is_shown_with_the_way(empla: "Run", where: tuple[str, ...]):
    for triple in (("Acme", "has_ceo", "Jane"), ("Bob", "knows", "Jane"), ("Bob", "lives_in", "Rome")):
        assert empla("fact", "learn", *triple, *where).code == 0
    said = empla("facts", *where, "--about", "acme").out.splitlines()
    assert said[0] == "2 facts around acme"
    assert " ".join(said[-1].split()) == "2 0.80 acme –has_ceo→ Jane ←knows– Bob"
    assert [fact["distance"] for fact in empla("facts", *where, "--about", "acme", "--depth", "3", "--json").json] == [
        1,
        2,
        3,
    ]
    assert empla("facts", *where, "--about", "acme", "--depth", "4").err == "empla: a depth is 1 to 3, not 4\n"


def test_a_contradiction_is_shown_and_settled_by_people(empla: "Run", where: tuple[str, ...]):
    berlin = empla("fact", "learn", "Jane", "lives in", "Berlin", *where, "--functional", "--json").json
    verified = empla("fact", "verify", berlin["id"], *where, "--user", "manager@acme.example", "--source", "Dana")
    assert verified.out == "Jane lives in Berlin is verified\n", verified.err
    paris = empla("fact", "learn", "Jane", "lives in", "Paris", *where)
    assert paris.out == (
        "Jane lives in Paris (0.80) contradicts what a person vouches for: see empla facts --contradictions\n"
    )
    said = empla("facts", *where, "--contradictions").out.splitlines()
    assert said[0] == "Jordan knows 1 contradiction"
    assert [line.split()[3] for line in said[-2:]] == ["Berlin", "Paris"]
    [contradiction] = empla("facts", *where, "--contradictions", "--json").json
    newcomer = contradiction["facts"][1]
    assert (newcomer["object"], newcomer["disputed"]) == ("Paris", True)
    assert empla("fact", "verify", newcomer["id"], *where, "--user", "user@acme.example").code == 5
    assert empla("fact", "forget", newcomer["id"], *where).out == "Jane lives in Paris is forgotten\n"
    assert empla("facts", *where, "--contradictions", "--json").json == []
    assert empla("fact", "forget", newcomer["id"], *where).code == 3
    assert empla("fact", "learn", "Jane", "lives in", "Rome", *where, "--many").out.endswith("is new\n")
    assert len(empla("facts", *where, "--json").json) == 2


def test_a_newer_object_says_that_it_supersedes(empla: "Run", where: tuple[str, ...]):
    assert empla("fact", "learn", "Jane", "lives in", "Berlin", *where, "--functional").code == 0
    said = empla("fact", "learn", "Jane", "lives in", "Paris", *where)
    assert said.out == "Jane lives in Paris (0.80) is new; it supersedes 1\n"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (
            ("facts", "--about", "a", "--contradictions"),
            2,
            "--about and --contradictions are different questions: ask one",
        ),
        (("facts", "--about", "a", "--subject", "b"), 2, "--about is not narrowed by a subject or a predicate"),
        (("facts", "--limit", "0"), 2, ""),
        (("facts", "--as-of", "soon"), 6, "'soon' is not a date like 2025-12-31 or a time like 2025-12-31T23:59:59Z"),
        (("facts", "--subject", " "), 6, "the subject is empty"),
        (("fact", "learn", "x" * 6000, "is", "long"), 6, "fact: subject: String should have at most 500 characters"),
        (("fact", "learn", "a", "is", "b", "--confidence", "nan"), 6, "fact: confidence: must lie between 0 and 1"),
        (("fact", "learn", "a", "is", ""), 6, "fact: object: String should have at least 1 character"),
        (("fact", "verify", str(uuid4())), 3, "there is no such fact"),
        (("fact", "verify", "one"), 2, ""),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    empla: "Run", where: tuple[str, ...], command: tuple[str, ...], code: int, said: str
):
    answer = empla(*command, *where)
    assert answer.code == code, answer.err
    assert len(answer.err.splitlines()) == 1
    if said:
        assert answer.err == f"empla: {said}\n"
    assert empla("facts", *where, "--json").json == []
