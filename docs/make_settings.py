"""Writes docs/settings.md from empla/settings.py; `--check` says when the page is out of date."""

import sys
from pathlib import Path

from pydantic.fields import FieldInfo

from empla.settings import Settings

PAGE = Path(__file__).with_name("settings.md")
HEAD = """# Settings

Each is an environment variable, read once when a command starts. Made from `empla/settings.py`.

| variable | default | bounds | meaning |
|---|---|---|---|
"""


def default(name: str, field: FieldInfo) -> str:
    if name == "home":
        return "`~/.local/share/empla`; `/var/lib/empla` for root"
    return "not set" if field.default is None else f"`{field.default}`"


def bounds(field: FieldInfo) -> str:
    signs = (("ge", "≥ "), ("gt", "> "), ("le", "≤ "), ("lt", "< "))
    found = [f"{sign}{getattr(rule, key):,}" for rule in field.metadata for key, sign in signs if hasattr(rule, key)]
    return ", ".join(found)


def page() -> str:
    """The whole page."""
    rows = (
        f"| `EMPLA_{name.upper()}` | {default(name, field)} | {bounds(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    )
    return HEAD + "\n".join(rows) + "\n"


def main() -> None:
    """Write the page, or with `--check` exit with a sentence when it is out of date."""
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/settings.md is out of date: run python docs/make_settings.py")


if __name__ == "__main__":
    main()
