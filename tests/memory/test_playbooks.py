"""Playbook files: what is right is read word for word, and every fault is told with its file, line and reason."""

import json
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from driving import law
from hypothesis import given
from hypothesis import strategies as st
from wrong_playbooks import HEAD, STEPS, WRONG

from empla.errors import InvalidError, NotFoundError
from empla.memory.playbook import Playbook
from empla.memory.playbook_file import MAX_FILE_BYTES, PlaybookFile, checked, read, read_path
from empla.memory.playbook_links import faults_among
from empla.memory.playbook_rules import draft

SKILL = Playbook.of(
    {
        "name": "look_up",
        "type": "skill",
        "description": "Look it up.",
        "steps": [{"action": "task", "title": "Look {what} up", "capability": "research"}],
    }
)


def reading(text: str, *, shelf: tuple[Playbook, ...] = (SKILL,)) -> PlaybookFile:
    return read(dedent(text).encode(), file="mine.yaml", shelf=shelf)


WHOLE = """\
role: sales_ae
playbooks:
  - name: first_call
    version: 3
    type: workflow
    description: |
      A first call.
    triggers: [call_scheduled]
    goals: [pipeline.coverage, "*.health", deals_closed]
    finds_out: [pipeline.coverage]
    context: {deal_size: "> 10000", lead_source: [inbound, referral]}
    prefers: account.health > 70
    impossible: deal.stage = "lost"
    success: [qualified, {bant_score: "> 70"}]
    timeframe: 2 weeks
    commitment: open_minded
    on_failed_dependency: abandon
    templates: {hello: "Hello {contact}", "sp ace": x}
    steps:
      - {step: 1, action: look_up, what: "{account}", duration: 10m}
      - action: draft
        after: []
        to: "{contact}"
        template: hello
        if: known contact
        capability: chat
        retries: 0
        backoff: 30m
        timeout: 2 days
      - {action: decide, criteria: {bant_score: "> 70"}, as: qualified, after: [1, 2]}
      - {action: await, criteria: known reply, timeout: 3 days}
      - {action: believe, subject: "{account}", predicate: interest, object: {level: ["{level}", 1.5, null, true, .5, 1e3]}}
      - {action: pursue, playbook: second_call, if: qualified}
  - name: second_call
    description: A second one.
    steps: [{action: note, text: 'It''s "done"'}]
"""


def test_a_file_is_read_word_for_word():
    found = checked(reading(WHOLE))
    assert (found.role, found.file, found.faults) == ("sales_ae", "mine.yaml", ())
    first, second = found.playbooks
    assert (first.name, first.version, first.type, first.description) == (
        "first_call",
        3,
        "workflow",
        "A first call.\n",
    )
    assert first.conditions.to_json() == {
        "triggers": ["call_scheduled"],
        "goals": ["pipeline.coverage", "*.health", "deals_closed"],
        "finds_out": ["pipeline.coverage"],
        "context": {"deal_size": "> 10000", "lead_source": ["inbound", "referral"]},
        "prefers": "account.health > 70",
        "impossible": 'deal.stage = "lost"',
    }
    steps = first.steps.to_json()
    assert [*steps] == [
        "workflow",
        "steps",
        "success",
        "timeframe",
        "commitment",
        "on_failed_dependency",
        "templates",
    ]
    assert steps["workflow"] == "first_call"
    assert steps["templates"] == {"hello": "Hello {contact}", "sp ace": "x"}
    assert isinstance(steps["steps"], list)
    assert steps["steps"][0] == {"step": 1, "action": "look_up", "what": "{account}", "duration": "10m"}
    assert steps["steps"][4] == {
        "action": "believe",
        "subject": "{account}",
        "predicate": "interest",
        "object": {"level": ["{level}", 1.5, None, True, 0.5, 1000.0]},
    }
    assert second.to_file() == {
        "name": "second_call",
        "version": 1,
        "type": "workflow",
        "description": "A second one.",
        "steps": [{"action": "note", "text": 'It\'s "done"'}],
    }


def test_a_playbook_written_out_is_the_same_playbook():
    for playbook in checked(reading(WHOLE)).playbooks:
        again = Playbook.of(json.loads(json.dumps(playbook.to_file())))
        assert again == playbook
        assert again.digest == playbook.digest


def test_the_digest_is_of_the_content_alone():
    one, _ = checked(reading(WHOLE)).playbooks
    assert one.model_copy(update={"version": 4}).digest == one.digest
    changed = checked(reading(WHOLE.replace("2 weeks", "3 weeks"))).playbooks[0]
    assert changed.digest != one.digest


def test_scalars_are_jsons_and_nothing_else():
    text = "role: custom\nplaybooks:\n- name: x\n  description: y\n  triggers: [go]\n  steps:\n"
    values = "yes, off, 0x10, 0o7, 2026-01-01, 12:30, 1_000, +5, ~, .inf, NaN, 'true', \"1\", true, 1"
    found = checked(reading(f"{text}  - {{action: believe, subject: s, predicate: p, object: [{values}]}}"))
    steps = found.playbooks[0].steps.steps
    assert steps is not None
    assert steps[0].parameters["object"] == [
        "yes",
        "off",
        "0x10",
        "0o7",
        "2026-01-01",
        "12:30",
        "1_000",
        5,
        None,
        ".inf",
        "NaN",
        "true",
        "1",
        True,
        1,
    ]


@pytest.mark.parametrize(("text", "faults"), WRONG, ids=[faults[0] for _, faults in WRONG])
def test_every_fault_is_told_with_its_line_and_reason(text: str, faults: list[str]):
    found = [fault.removeprefix("mine.yaml:") for fault in read(text.encode(), file="mine.yaml", shelf=[SKILL]).faults]
    assert [_shortened(fault) for fault in found] == faults


def _shortened(fault: str) -> str:
    head, there_are, _ = fault.partition("there are email")
    return f"{head}there are …" if there_are else fault


def test_the_table_above_has_a_fault_of_every_kind_of_parameter_and_key():
    told = " ".join(fault for _, faults in WRONG for fault in faults)
    for key in ("if", "criteria", "retries", "backoff", "timeout", "as", "after", "capability", "template", "step"):
        assert f"step 1: {key}" in told, key


def test_text_that_is_not_utf8_is_told_with_its_line():
    assert read(b"role: pm\nx: \xff\n", file="f").faults == ("f:2: the file is not UTF-8 text",)
    assert checked(read(b"\xef\xbb\xbf" + WHOLE.encode(), file="f", shelf=[SKILL])).role == "sales_ae"


def test_sizes_are_limited_and_a_million_steps_refused_at_once(tmp_path: Path):
    began = time.perf_counter()
    many = read((STEPS + "  - {}\n" * 36_000).encode(), file="f")
    assert many.faults[-1] == "f:6: p: there are 36,000 steps, but at most 100 are allowed"
    million = tmp_path / "million.yaml"
    million.write_text(STEPS + "  - {action: note, text: x}\n" * 1_000_000)
    assert read_path(million).faults == (
        f"{million}:1: the file has {million.stat().st_size:,} bytes, but at most 262,144 are allowed",
    )
    assert time.perf_counter() - began < 30  # a limit for machines that are busy; it takes under a second
    hundred = STEPS + "  - {action: note, text: x}\n" * 100
    assert checked(read(hundred.encode(), file="f")).playbooks
    books = "role: pm\nplaybooks:\n" + "".join(
        f"- {{name: p{number}, description: d, triggers: [go], steps: [{{action: note, text: x}}]}}\n"
        for number in range(101)
    )
    assert read(books.encode(), file="f").faults == ("f:2: there are 101 playbooks, but at most 100 are allowed",)
    large = f"{HEAD}  templates: {{t: {'x' * 9000}, u: {'x' * 9000}}}\n  steps:\n" + "".join(
        f"  - {{action: note, text: {'y' * 9000}}}\n" for _ in range(6)
    )
    assert read(large.encode(), file="f").faults == (
        "f:3: p: the playbook has 72,289 bytes of JSON, but at most 65,536 are allowed",
    )
    assert MAX_FILE_BYTES == 262_144


def test_a_file_that_can_not_be_opened_is_not_found(tmp_path: Path):
    with pytest.raises(NotFoundError, match=r"can't be read: no such file or directory$"):
        read_path(tmp_path / "none.yaml")
    with pytest.raises(NotFoundError, match=r"can't be read: is a directory$"):
        read_path(tmp_path)


def test_a_fault_is_one_line_whatever_was_written():
    odd = "role: pm\nplaybooks: []\n? |\n  a\n  b\n: 1\n"
    assert reading(odd).faults == ("mine.yaml:3: a b is not a key of a playbook file, which has role and playbooks",)
    (fault,) = reading(f"role: pm\nplaybooks: []\n? {'x' * 5000}\n: 1\n").faults
    assert len(fault) < 1100


def test_all_faults_are_raised_at_once():
    with pytest.raises(InvalidError) as refusal:
        checked(reading("role: x\nplaybooks: 7\n"))
    assert str(refusal.value).count("\n") == 1


def test_ones_own_playbook_goes_before_that_of_the_shelf():
    own = "role: pm\nplaybooks:\n- {name: look_up, type: skill, description: x, steps: [{action: note, template: t}], templates: {t: x}}\n"
    uses = "- {name: p, description: d, triggers: [go], steps: [{action: look_up, template: t}]}\n"
    assert checked(reading(own + uses)).playbooks
    assert reading("role: pm\nplaybooks:\n" + uses).faults == ("mine.yaml:3: p: step 1: there is no template t",)


anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["task", "note", "look_up", "pursue", "{x}", "p", "1 day", "known x", "skill", "heuristic", "\ud800"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "type",
                    "steps",
                    "action",
                    "text",
                    "title",
                    "if",
                    "after",
                    "as",
                    "triggers",
                    "context",
                    "playbook",
                    "template",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@law(300)
@given(written=anything, step=anything)
def test_any_json_is_a_playbook_or_has_its_faults(written: Any, step: Any):
    found = draft(written)
    assert (found.playbook is None) == bool(found.faults)
    whole = draft({"name": "p", "description": "d", "triggers": ["go"], "steps": [step]})
    if whole.playbook is not None:
        again = draft(whole.playbook.to_file())
        assert again.faults == ()
        faults_among([whole.playbook, SKILL])


@law(200)
@given(
    data=st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: f"role: pm\nplaybooks: {text}".encode(errors="replace"))
)
def test_any_bytes_are_a_file_or_have_their_faults(data: bytes):
    found = read(data, file="f")
    assert found.role or found.faults
    assert all(fault.startswith("f:") and "\n" not in fault for fault in found.faults)
