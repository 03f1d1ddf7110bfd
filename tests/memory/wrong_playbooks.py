"""Playbook files with faults, each with all that is told of it: the line and the reason. `look_up` is a skill that is there."""

from textwrap import dedent

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
