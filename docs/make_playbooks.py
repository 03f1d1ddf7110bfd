"""Writes docs/playbooks/ROLE.md from the shelf, and the generated parts of docs/playbooks.md; `--check` says what is out of date."""

import re
import sys
from pathlib import Path

from empla.conditions_syntax import GRAMMAR
from empla.employees.capabilities import KNOWN, OF_ROLE
from empla.employees.employees import EmployeeRole
from empla.memory import shelf
from empla.memory.actions import ACTIONS, Action, Parameter
from empla.memory.events import EVENTS
from empla.memory.playbook import KEYS, Playbook
from empla.memory.playbook_file import FileRole, checked
from empla.memory.playbook_words import told

HERE = Path(__file__).parent
CONCEPT = HERE / "playbooks.md"
FOLDER = HERE / "playbooks"
TITLES: dict[EmployeeRole, str] = {
    "sales_ae": "The account executive",
    "sdr": "The sales development representative",
    "csm": "The customer success manager",
    "pm": "The product manager",
    "recruiter": "The recruiter",
}
PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def role_page(role: EmployeeRole) -> str:
    """What an employee of the role starts with, in plain sentences."""
    library = {playbook.name: playbook for playbook in shelf.of_role(role)}
    own = [playbook for playbook in _of_file(role) if playbook.name in library]
    shared = [playbook for playbook in _of_file(shelf.SHARED) if playbook.name in library]
    able = ", ".join(OF_ROLE[role])
    lines = [
        f"# {TITLES[role]} (`{role}`)",
        "",
        f"*Made by `python docs/make_playbooks.py`; change `empla/playbooks/{role}.yaml`, not this page.*",
        "[What a playbook is](../playbooks.md).",
        "",
        f"What an employee of this role knows on its first day. Unless whoever hires it says otherwise, it can do: {able}. Names in",
        "braces are filled in when the time comes; `wanted` is what the goal asks for, `value` how it stands.",
        "",
        *_section("What it does", [each for each in own if each.type == "workflow"], library),
        *_section("What anybody does", [each for each in shared if each.type == "workflow"], library),
        *_section("What it minds when it chooses", [each for each in own if each.type == "heuristic"], library),
        *_section("Skills that these use", [each for each in (*own, *shared) if each.type == "skill"], library),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _of_file(role: FileRole) -> tuple[Playbook, ...]:
    found = shelf.file_of(role)
    return () if found is None else checked(found).playbooks


def _section(title: str, playbooks: list[Playbook], library: dict[str, Playbook]) -> list[str]:
    if not playbooks:
        return []
    return [f"## {title}", "", *(line for playbook in playbooks for line in _entry(playbook, library))]


def _entry(playbook: Playbook, library: dict[str, Playbook]) -> list[str]:
    words = told(playbook, library)
    steps = [f"{number}. {step}" for number, step in enumerate(words.steps, start=1)]
    return [
        f"### {playbook.name}",
        "",
        " ".join(playbook.description.split()),
        "",
        f"**When** {'; or when '.join(words.starts)}" + ("" if words.only_if else ":"),
        *([f"– and only if {' and '.join(words.only_if)}:"] if words.only_if else []),
        "",
        *(steps if playbook.type == "workflow" else [f"- {step}" for step in words.steps]),
        "",
        *([" ".join(words.ends), ""] if words.ends else []),
    ]


def grammar() -> str:
    """The condition language."""
    return f"```text\n{GRAMMAR}```\n"


def actions() -> str:
    """The table of actions."""
    rows = [
        f"| `{action.name}` | {_required(action)} | {_names(action.optional)} | {action.does}{_notes(action)} |"
        for action in ACTIONS.values()
    ]
    return "\n".join(["| action | needs | may have | does |", "|---|---|---|---|", *rows]) + "\n"


def _required(action: Action) -> str:
    either = " or ".join(f"`{parameter.name}`" for parameter in action.one_of)
    return ", ".join([part for part in (_names(action.required), either) if part])


def _names(parameters: tuple[Parameter, ...]) -> str:
    return ", ".join(
        f"`{parameter.name}` ({', '.join(parameter.choices)})" if parameter.choices else f"`{parameter.name}`"
        for parameter in parameters
    ).replace("|", "\\|")


def _notes(action: Action) -> str:
    notes = ""
    if action.capability:
        notes += f" Needs {action.capability}, unless the step says otherwise."
    if action.yields:
        notes += f" Its outcome is {action.yields}."
    return notes + (" In heuristics alone." if action.for_heuristics else "")


def capabilities() -> str:
    """What employees can be able to do."""
    rows = [f"| `{name}` | {means} | {_roles(name)} |" for name, means in KNOWN.items()]
    return "\n".join(["| capability | an employee can… | of itself |", "|---|---|---|", *rows]) + "\n"


def _roles(capability: str) -> str:
    return ", ".join(role for role, able in OF_ROLE.items() if capability in able)


def keys() -> str:
    """Which keys stand in which type of playbook."""
    rows = [
        f"| `{key}` | {' | '.join('yes' if key in KEYS[kind] else '' for kind in KEYS)} |" for key in KEYS["workflow"]
    ]
    head = f"| key | {' | '.join(KEYS)} |"
    return "\n".join([head, "|---" * (len(KEYS) + 1) + "|", *rows]) + "\n"


def events() -> str:
    """The events that the shelf waits for."""
    rows = [f"| `{kind}` | {means.partition(': ')[0]} | {means.partition(': ')[2]} |" for kind, means in EVENTS.items()]
    return "\n".join(["| kind | says that… | with |", "|---|---|---|", *rows]) + "\n"


def roles() -> str:
    """Links to the roles' pages."""
    rows = [f"| [{TITLES[role]}](playbooks/{role}.md) | {len(shelf.of_role(role))} |" for role in TITLES]
    return "\n".join(["| role | playbooks |", "|---|---|", *rows]) + "\n"


PARTS = {
    "grammar": grammar,
    "actions": actions,
    "capabilities": capabilities,
    "keys": keys,
    "events": events,
    "roles": roles,
}


def concept_page() -> str:
    """docs/playbooks.md with its generated parts as they are now."""
    text = CONCEPT.read_text(encoding="utf-8")
    return PART.sub(lambda part: f"{part[1]}{PARTS[part[2]]()}{part[3]}", text)


def main() -> None:
    """Write the pages, or with `--check` exit with a sentence when one is out of date."""
    pages = {CONCEPT: concept_page(), **{FOLDER / f"{role}.md": role_page(role) for role in TITLES}}
    if "--check" not in sys.argv:
        FOLDER.mkdir(exist_ok=True)
        for page, text in pages.items():
            page.write_text(text, encoding="utf-8")
        return
    for page, text in pages.items():
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            sys.exit(f"docs/{page.relative_to(HERE)} is out of date: run python docs/make_playbooks.py")


if __name__ == "__main__":
    main()
