"""--help answers at once, for every command; the page of commands is made from it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cyclopts
import pytest

from empla.cli.main import app

if TYPE_CHECKING:
    from conftest import Run

GROUPS = {"db", "tenant", "user", "employee", "playbook"}
DOCS = Path(__file__).parents[2] / "docs"
HEAVY = ("psycopg", "psycopg_pool", "pydantic", "pydantic_settings", "alembic", "sqlalchemy", "empla.storage")

NEEDS_NO_DATABASE = {("playbook", "validate"), ("integrations", "new-key")}


def commands(parent: cyclopts.App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in parent:
        if not name.startswith("-"):
            yield (*path, name)
            yield from commands(parent[name], (*path, name))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["db", "--help"], []], ids=str)
def test_help_imports_nothing_heavy(arguments: list[str]):
    program = (
        "import sys, json\n"
        "from empla.cli import main\n"
        f"sys.argv = ['empla', *{arguments!r}]\n"
        "try:\n    main.main()\nexcept SystemExit:\n    pass\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize("command", list(commands(app)), ids=" ".join)
def test_every_command_helps(command: tuple[str, ...], empla: "Run"):
    said = empla(*command, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: empla {' '.join(command)}")
    assert "Exit codes" in said.out
    named = app
    for name in command:
        named = named[name]
    # Else it is only the name of a group, or what needs no database.
    if named.default_command is not None and command not in NEEDS_NO_DATABASE:
        assert "--home" in said.out


def test_the_page_of_commands_is_up_to_date():
    done = subprocess.run(
        [sys.executable, str(DOCS / "make_commands.py"), "--check"], check=False, capture_output=True, text=True
    )
    assert done.stderr == ""
