"""What README.md and the pages of docs/ show is what happens: each marked Python block is run, and prints the text below it.

A block is marked by `<!-- run -->` in the line before it. It runs on a database of its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from tests.conftest import Cluster

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MARK = "<!-- run -->"
BLOCK = re.compile(rf"^{MARK}\n```python\n(?P<code>.*?)^```\n+```text\n(?P<printed>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    page: Path
    line: int  # of the code's first line
    code: str
    printed: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def examples(page: Path) -> Iterator[Example]:
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("code")) + 1
        yield Example(page, line, found["code"], found["printed"])


EXAMPLES = [example for page in PAGES for example in examples(page)]


@pytest.fixture
def fresh_database(cluster: "Cluster", monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    name = cluster.clone(f"page_{uuid4().hex[:12]}")
    monkeypatch.setenv("EMPLA_DATABASE_URL", cluster.url("app", name))
    monkeypatch.setenv("EMPLA_WORKER_DATABASE_URL", cluster.url("worker", name))
    yield
    cluster.drop(name)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
@pytest.mark.usefixtures("fresh_database")
def test_a_pages_example_prints_what_the_page_says(example: Example, capsys: pytest.CaptureFixture[str]):
    code = compile("\n" * (example.line - 1) + example.code, str(example.page), "exec")
    exec(code, {"__name__": "__main__"})  # noqa: S102 — the page's own code
    assert capsys.readouterr().out == example.printed


def test_every_mark_stands_before_a_block_with_its_output():
    for page in PAGES:
        assert page.read_text(encoding="utf-8").count(f"\n{MARK}\n") == len(list(examples(page))), page
    assert {example.page.name for example in EXAMPLES} >= {"README.md", "beliefs.md"}
