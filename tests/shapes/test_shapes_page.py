"""docs/shapes.md says what the models say."""

import re
import subprocess
import sys
from pathlib import Path

from empla.shapes import Shape

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "shapes.md"


def run_python(*arguments: str) -> str:
    finished = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    return finished.stderr


def test_the_page_is_up_to_date():
    assert run_python(str(DOCS / "make_shapes.py"), "--check") == ""


def test_the_page_has_every_shape():
    titles = re.findall(r"^## (?:`([\w.]+)`: )?(\w+)", PAGE.read_text(), re.MULTILINE)
    assert sorted(titles) == sorted((shape.column, shape.__name__) for shape in Shape.__subclasses__())


def test_the_example_on_the_page_runs_and_gives_what_it_says():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    checked = re.sub(r"^(config\.\S+) +# (.+)$", r"assert \1 == \2", example, flags=re.MULTILINE)
    assert checked.count("assert") == 2
    assert run_python("-c", checked) == ""
