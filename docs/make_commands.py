"""Writes docs/commands.md from the commands' own help; `--check` says when the page is out of date."""

import sys
from pathlib import Path

from empla.cli.main import EXIT_CODES, app

PAGE = Path(__file__).with_name("commands.md")
HEAD = """# Commands

Made from `empla --help` and the help of each command.

Answers go to stdout, everything else to stderr. Reading commands take `--json` and print one JSON document. Without `EMPLA_DATABASE_URL`
a command works on the embedded server of its home, and starts it if needed. Settings are [environment variables](settings.md).

| exit code | |
|---|---|
"""
MEANINGS = {
    "usage": "called in a way that it does not take",
    "not_found": "no such thing within what the caller may see",
    "conflict": "it exists already, or has moved on meanwhile",
    "forbidden": "the caller's role does not allow it",
    "invalid": "the input is wrong; nothing was changed",
    "unauthorized": "nobody knows who is asking: no credential, a wrong one, or one that is not good any more",
    "unavailable": "the database can't be used as it is now; the sentence says what to do",
}


def page() -> str:
    """The whole page."""
    codes = {0: "done", **{EXIT_CODES[kind]: f"{kind.replace('_', ' ')}: {MEANINGS[kind]}" for kind in EXIT_CODES}}
    codes |= {
        130: "stopped by Ctrl-C; the same command carries on",
        141: "whoever read its output closed the pipe, as `head` does",
    }
    rows = "".join(f"| {code} | {meaning} |\n" for code, meaning in codes.items())
    generated = app.generate_docs().replace(" *[default: False]*", "")
    contents, _, sections = generated.partition("## Table of Contents")[2].partition("**Commands**:")
    return f"{HEAD}{rows}\n## All commands{contents}{sections[sections.index('## empla') :].rstrip()}\n"


def main() -> None:
    """Write the page, or with `--check` exit with a sentence when it is out of date."""
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/commands.md is out of date: run python docs/make_commands.py")


if __name__ == "__main__":
    main()
