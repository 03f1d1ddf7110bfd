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


HEAD = "role: sales_ae\nplaybooks:\n- name: p\n  description: d\n  triggers: [go]\n"
STEPS = f"{HEAD}  steps:\n"
# What stands in the file, and its faults, each with the line.
WRONG: list[tuple[str, list[str]]] = [
    ("", ["1: the file is empty"]),
    ("# nothing\n", ["1: the file is empty"]),
    ("just words", ["1: a playbook file holds two keys, role and playbooks"]),
    ("- a\n", ["1: a playbook file holds two keys, role and playbooks"]),
    ("role: x", ["1: role must be one of sales_ae, csm, pm, sdr, recruiter, custom, every", "1: playbooks must be a list"]),
    ("role: pm\nplaybooks: {}\n", ["2: playbooks must be a list"]),
    ("role: pm\ncolour: red\nplaybooks:\n", ["2: colour is not a key of a playbook file, which has role and playbooks"]),
    ("role: pm\nplaybooks: []\nrole: csm\n", ["3: the key role stands here twice"]),
    ("role: pm\nplaybooks: a: b: c\n", ["2: this is not YAML: mapping values are not allowed in this context"]),
    ("role: pm\nplaybooks: [\n", ["3: this is not YAML: while parsing a flow node, did not find expected node content"]),
    ("role: pm\n\tx: []\n", ["2: this is not YAML: while scanning a plain scalar, found a tab character that violates indentation"]),
    ("role: &r pm\n", ["1: anchors and aliases are not allowed: write it out"]),
    ("role: pm\nplaybooks: *r\n", ["2: anchors and aliases are not allowed: write it out"]),
    ("&k role: pm\n", ["1: anchors and tags are not allowed"]),
    ("role: !!str pm\n", ["1: tags are not allowed: tag:yaml.org,2002:str"]),
    ("role: !<!python/object/apply:os.system> x\n", ["1: tags are not allowed: !python/object/apply:os.system"]),
    ("? [a]\n: b\n", ["1: a key must be plain text"]),
    ("role: pm\n---\nrole: pm\n", ["2: a second document begins here, but a file holds one"]),
    ("a: " + "[" * 40, ["1: lists and mappings stand more than 32 deep in one another"]),
    ("role: pm\nx: 1e999\n", ["2: 1e999 is too large a number"]),
    ("role: pm\nx: \x07\n", ["2: the file holds a character that YAML does not allow"]),
    ("role: pm\nplaybooks: [7, {}]\n", [
        "2: a playbook must be a mapping of keys, such as name and steps",
        "2: name is missing",
        "2: description is missing",
        "2: steps is missing",
    ]),
    (f"{HEAD}  colour: red\n  steps: [{{action: note, text: x}}]\n", ["6: p: colour is not a key that may stand in a playbook"]),
    (f"{HEAD}  steps: []\n", ["6: p: steps must be a list of at least one step"]),
    (f"{HEAD}  steps: [note]\n", ["6: p: step 1: a step must be a mapping of keys, such as action"]),
    (f"{STEPS}  - {{text: x}}\n  - {{action: 7}}\n", ["7: p: step 1: action is missing", "8: p: step 2: action must be text"]),
    (f"{STEPS}  - action: dance\n", ["7: p: step 1: dance is neither an action nor a skill"]),
    (f"{STEPS}  - action: p\n", ["7: p: step 1: p is a workflow, not a skill: pursue it"]),
    (f"{STEPS}  - action: task\n", ["7: p: step 1: task needs title"]),
    (f"{STEPS}  - action: task\n    title: x\n    colour: red\n", ["9: p: step 1: task takes no colour"]),
    (f"{STEPS}  - action: task\n    title: 7\n", ["8: p: step 1: title must be text"]),
    (f"{STEPS}  - action: task\n    title: ' '\n", ["8: p: step 1: title must not be empty"]),
    (f"{STEPS}  - action: task\n    title: '{{a b}}'\n", ["8: p: step 1: title: {a b} holds no name; write {{ and }} for braces"]),
    (f"{STEPS}  - action: task\n    title: x\n    due: quarter\n", [
        '9: p: step 1: due: "quarter" is not a duration such as "10m", "48h", "3 days" or "2 weeks"'
    ]),
    (f"{STEPS}  - action: task\n    title: x\n    due: 3\n", ['9: p: step 1: due must be a duration such as "48h" or "2 weeks"']),
    (f"{STEPS}  - action: draft\n    to: x\n", ["7: p: step 1: draft needs text or template, and only one of them"]),
    (f"{STEPS}  - action: draft\n    to: x\n    text: y\n    template: z\n", [
        "7: p: step 1: draft needs text or template, and only one of them",
    ]),
    (f"{STEPS}  - action: draft\n    to: x\n    template: z\n", ["9: p: step 1: there is no template z"]),
    (f"{STEPS}  - action: notify\n    text: x\n    severity: loud\n", ["9: p: step 1: severity must be one of info, warning, urgent"]),
    (f"{STEPS}  - action: remember\n    text: x\n    participants: Jane\n", ["9: p: step 1: participants must be a list of 1 to 50"]),
    (f"{STEPS}  - action: adopt_goal\n    key: k\n    metric: 7\n    value: 1\n    threshold: 2\n", [
        "7: p: step 1: adopt_goal needs value or threshold, and only one of them",
        "9: p: step 1: metric must be the name of a metric, such as pipeline.coverage",
    ]),
    (f"{STEPS}  - {{action: adopt_goal, key: k, metric: a b, value: '1',\n     importance: 2}}\n", [
        "7: p: step 1: metric: a b is not the name of a metric, such as pipeline.coverage or *.health",
        "7: p: step 1: value must be a number",
        "8: p: step 1: importance must be a number from 0 to 1",
    ]),
    (f"{STEPS}  - action: decide\n", ["7: p: step 1: decide needs criteria"]),
    (f"{STEPS}  - action: await\n    criteria: known x\n", ["7: p: step 1: await needs timeout"]),
    (f"{STEPS}  - action: note\n    text: x\n    if: bant >\n", [
        "9: p: step 1: if: a name or a value must stand here, not the end, at character 7"
    ]),
    (f"{STEPS}  - action: note\n    text: x\n    criteria: {{a: {{}}}}\n", [
        "9: p: step 1: criteria.a: must be a value, a list of values, or a comparison"
    ]),
    (f"{STEPS}  - action: note\n    text: x\n    retries: 11\n    backoff: 1y\n    timeout: 0h\n    as: a b\n    template: 1\n", [
        "7: p: step 1: note needs text or template, and only one of them",
        "9: p: step 1: retries must be a whole number from 0 to 10",
        '10: p: step 1: backoff: "1y" is not a duration such as "10m", "48h", "3 days" or "2 weeks"',
        '11: p: step 1: timeout: "0h" is no time at all',
        "12: p: step 1: as must be one word, letters, digits and underscores",
        "13: p: step 1: template must be text",
    ]),
    (f"{STEPS}  - action: note\n    text: x\n    step: 2\n", ["9: p: step 1: step is 2, but this is step 1"]),
    (f"{STEPS}  - action: note\n    text: x\n    after: 1\n", ["9: p: step 1: after must be a list of earlier steps, by their numbers"]),
    (f"{STEPS}  - action: note\n    text: x\n    after: [1, 2, 0, x, true]\n  - {{action: note, text: y}}\n", [
        "9: p: step 1: after names the step itself",
        "9: p: step 1: after names 2, which comes later: steps wait for earlier ones alone",
        "9: p: step 1: after names 0, but there is no such step",
        "9: p: step 1: after names x, but there is no such step",
        "9: p: step 1: after names True, but there is no such step",
    ]),
    (f"{STEPS}  - action: veto\n    playbook: p\n", ["7: p: step 1: veto is for heuristics alone"]),
    (f"{STEPS}  - action: pursue\n    playbook: q\n", ["8: p: step 1: there is no playbook q"]),
    (f"{STEPS}  - action: pursue\n    playbook: look_up\n", ["8: p: step 1: look_up is a skill, and only workflows are pursued or chosen"]),
    (f"{STEPS}  - action: pursue\n    playbook: p\n", ["8: p: step 1: it would pursue itself: p → p"]),
    (f"{STEPS}  - action: look_up\n    due: soon\n", [
        '8: p: step 1: due: "soon" is not a duration such as "10m", "48h", "3 days" or "2 weeks"'
    ]),
    (f"{STEPS}  - action: note\n    text: x\n    capability: fly\n", ["9: p: step 1: capability: fly is not a capability; there are …"]),
    (f"{HEAD}  version: 0\n  type: plan\n  commitment: full\n  on_failed_dependency: wait\n  steps: [{{action: note, text: x}}]\n", [
        "6: p: version must be a whole number from 1 to 1,000,000",
        "7: p: type must be one of skill, workflow, heuristic",
        "8: p: commitment must be one of blind, single_minded, open_minded",
        "9: p: on_failed_dependency must be one of replan, abandon, proceed",
    ]),
    (f"{HEAD}  goals: [a b]\n  context: and\n  success: 5\n  timeframe: 3\n  templates: [x]\n  steps: [{{action: note, text: x}}]\n", [
        "6: p: goals: a b is not the name of a metric, such as pipeline.coverage or *.health",
        "7: p: context: a name or a value must stand here, not and, at character 1",
        "8: p: success: must be a text, an object, or a list of them",
        '9: p: timeframe must be a duration such as "48h" or "2 weeks"',
        "10: p: templates must be at most 50 texts by their names",
    ]),
    (f"{HEAD}  templates:\n    t: '{{'\n    u: 7\n  steps: [{{action: note, text: x}}]\n", [
        "7: p: the template t: a brace stands alone; write {{ or }}",
        "8: p: the template u must be text",
    ]),
    ("role: pm\nplaybooks:\n- name: A B\n  description: [x]\n  triggers: go\n  steps: [{action: note, text: x}]\n", [
        "3: A B: name must be small letters, digits and underscores, a letter first, at most 100",
        "4: A B: description must be text",
        "5: A B: triggers must be a list of 1 to 50",
    ]),
    ("role: pm\nplaybooks:\n- name: task\n  description: x\n  triggers: ['']\n  steps: [{action: note, text: x}]\n", [
        "3: task: name: task is the name of an action",
        "5: task: triggers must be text",
    ]),
    (f"{HEAD}  steps: [{{action: note, text: x}}]\n- name: p\n  description: d\n  triggers: [go]\n  steps: [{{action: note, text: x}}]\n", [
        "7: p: there are two playbooks of this name"
    ]),
    ("role: pm\nplaybooks:\n- name: lost\n  description: x\n  steps: [{action: note, text: x}]\n", [
        "3: lost: nothing starts it: it has no triggers, goals or finds_out, and no other playbook pursues it"
    ]),
    (dedent("""\
        role: pm
        playbooks:
        - name: s
          type: skill
          description: x
          triggers: [go]
          steps:
          - {action: note, text: x}
          - {action: look_up}
        """), [
        "6: s: triggers is not a key that may stand in a skill",
        "9: s: step 2: a skill's step is an action, not another skill: look_up",
    ]),
    (dedent("""\
        role: pm
        playbooks:
        - name: s
          type: skill
          description: x
          steps: [{action: note, text: x}, {action: note, text: y}]
        - name: h
          type: heuristic
          description: x
          success: x
          steps: [{action: note, text: x}, {action: rank, playbook: s, weight: 1}, {action: veto, playbook: nobody}]
        """), [
        "6: s: a skill has exactly one step, not 2",
        "10: h: success is not a key that may stand in a heuristic",
        "11: h: step 1: note is for skills and workflows; a heuristic has veto and rank",
        "11: h: step 2: weight must be a number from -0.3 to 0.3",
        "11: h: step 3: there is no playbook nobody",
    ]),
    (dedent("""\
        role: pm
        playbooks:
        - {name: a, description: x, triggers: [go], steps: [{action: pursue, playbook: b}]}
        - {name: b, description: x, steps: [{action: go_on}]}
        - {name: go_on, type: skill, description: x, steps: [{action: pursue, playbook: c}]}
        - {name: c, description: x, steps: [{action: pursue, playbook: a}, {action: pursue, playbook: c}]}
        """), [
        "3: a: step 1: it would pursue itself: a → b → c → a",
        "4: b: step 1: it would pursue itself: b → c → a → b",
        "6: c: step 1: it would pursue itself: c → a → b → c",
        "6: c: step 2: it would pursue itself: c → c",
    ]),
]  # fmt: skip


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
