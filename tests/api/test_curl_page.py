"""The page "Your first employee over HTTP" is true: a shell runs its blocks with the real curl, against a real `empla up`."""

import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from own_database import environment, own_database

from empla import sealing

if TYPE_CHECKING:
    from tests.conftest import Cluster

PAGE = Path(__file__).parents[2] / "docs" / "first-employee-over-http.md"
BLOCK = re.compile(
    r"^<!-- curl -->\n```sh\n(?P<code>.*?)^```\n```text\n(?P<printed>.*?)^```$", re.MULTILINE | re.DOTALL
)
UP = re.compile(r"^```sh\nempla (?P<options>up [^\n]*)\n```\n```text\n(?P<printed>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Up:
    """What it said, and what a reader takes from it."""

    said: str

    def of(self, name: str) -> str:
        return re.findall(rf"{name}:? +(\S+)", self.said)[0]


@pytest.fixture
def up(cluster: "Cluster") -> Iterator[Up]:
    """As the page starts it, but on a database of the tests, and on a port that is free."""
    found = UP.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    command = [sys.executable, "-m", "empla.cli.main", *shlex.split(found["options"]), "--port", "0"]
    with own_database(cluster) as settings:
        env = environment(settings) | {"EMPLA_SECRET_KEYS": sealing.new_key(), "EMPLA_WORKER_POLL": "0.2"}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
        ) as running:
            assert running.stdout is not None
            # One that says something else than is waited for ends, and so does what it says.
            too_late = threading.Timer(60, running.kill)
            too_late.start()
            try:
                lines: list[str] = []
                while not lines or not lines[-1].startswith("Next:"):
                    lines.append(running.stdout.readline())
                    assert lines[-1], lines
                too_late.cancel()
                yield Up("".join(lines))
            finally:
                running.terminate()
                assert running.wait(60) == 0


def test_the_page_does_what_it_says(up: Up, tmp_path: Path):
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here: the page of the first employee over HTTP was not run")
    page = PAGE.read_text(encoding="utf-8")
    shown = UP.search(page)
    assert shown is not None
    for line in shown["printed"].splitlines():
        assert (line.split() or [""])[0] in up.said  # the same lines, with values of their own
    blocks = list(BLOCK.finditer(page))
    assert len(blocks) >= 5
    assert len(re.findall("^<!-- curl -->$", page, re.MULTILINE)) == len(blocks)
    script = f"EMPLA={up.of('is up')}\nPASSWORD={up.of('  password')}\n"
    script += "".join(f"{block['code']}echo ----\n" for block in blocks)
    done = subprocess.run(
        ["sh", "-euc", script],  # noqa: S607  # noqa: S607
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("----\n")[:-1] == [block["printed"] for block in blocks]
