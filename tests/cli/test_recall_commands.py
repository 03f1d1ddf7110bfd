"""`empla remember | recall` and `empla memory stats | reembed`."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Run

JORDAN = "jordan@acme.example"


@pytest.fixture
def where(empla: "Run", slug: str) -> tuple[str, ...]:
    """Jordan, of a fresh tenant, who remembers two things."""
    hire = ("employee", "hire", "--tenant", slug, "--name", "Jordan", "--role", "pm", "--email", JORDAN)
    assert empla(*hire).code == 0
    where = ("--tenant", slug, "--employee", JORDAN)
    said = empla(
        "remember", "Jane asked for a discount", *where, "--participant", "jane@x.example", "--location", "phone"
    )
    assert said.out.startswith("Jordan remembers it: "), said.err
    assert empla("remember", "The server room was flooded", *where, "--json").json["episode_type"] == "interaction"
    return where


def test_what_was_remembered_is_recalled(empla: "Run", where: tuple[str, ...]):
    shown = empla("recall", "did Jane want a discount?", *where, "--kind", "episode")
    assert "Jane asked for a discount" in shown.out.splitlines()[1], shown.err
    explained = empla("recall", "did Jane want a discount?", *where, "--kind", "episode", "--explain")
    assert explained.out.split()[:4] == ["score", "vector", "words", "people"]
    [hit] = empla("recall", "water", *where, "--location", "phone", "--json").json
    assert (hit["text"], hit["kind"], hit["cosine"] is not None) == ("Jane asked for a discount", "episode", True)
    assert empla("recall", "water", *where, "--location", "moon").out == "Jordan remembers nothing of the kind\n"


def test_what_can_not_be_asked_gets_one_sentence(empla: "Run", where: tuple[str, ...]):
    for words, code in ((("recall", " "), 6), (("remember", " "), 6), (("recall", "x", "--limit", "0"), 2)):
        refused = empla(*words, *where)
        assert (refused.code, refused.err.count("\n")) == (code, 1), refused.err


def test_the_memories_are_counted_and_brought_up_to_date(empla: "Run", where: tuple[str, ...]):
    assert empla("memory", "reembed", *where).code == 0
    known = empla("memory", "stats", *where, "--json").json
    assert (known["episodes"], known["facts"], known["uncounted"], known["unembedded"]) == (2, 0, 0, 0)
    assert known["model_name"].startswith("wordllama-256@")
    assert empla("memory", "stats", *where).out.splitlines()[-1] == f"compared by {known['model_name']}"
