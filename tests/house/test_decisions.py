"""A decision is recorded on one page, is found in the index, and names only what exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
PAGES = [*RECORDS, DECISIONS / "README.md"] + [
    ROOT / "docs" / f"{name}.md" for name in ("open-questions", "migrations", "goals", "intentions", "cycle")
]
SECTIONS = ["Context", "Decision", "Consequences", "Alternatives", "What enforces it"]


def test_the_index_has_every_record_in_order() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\d+)\]\(([\w.-]+)\) \|", index, re.MULTILINE)
    assert listed == [(str(number), record.name) for number, record in enumerate(RECORDS, start=1)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_its_number_and_its_parts(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(record.name[:4])}. ")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_only_what_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", re.sub(r"`[^`]*`", "", text)) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    named = re.findall(r"`((?:tests|empla|docs)/[\w./-]+)`", text)
    assert [name for name in named if "NNNN" not in name and not (ROOT / name).exists()] == []
