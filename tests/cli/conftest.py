"""`empla` as a person calls it: in this process where speed counts, as a process where the process is what is tested."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from own_database import environment, own_database

from empla.cli import main
from empla.settings import Settings

if TYPE_CHECKING:
    from own_database import Cluster


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def empla(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process, on this worker's database."""
    for name, value in environment(settings).items():
        if name.startswith("EMPLA_"):
            monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["empla", *arguments])
        capsys.readouterr()
        code = 0
        try:
            main.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture
def own(cluster: "Cluster") -> Iterator[Settings]:
    """A database of the test's own."""
    with own_database(cluster) as settings:
        yield settings


@pytest.fixture
def process(settings: Settings) -> Run:
    """Runs a command as a process, on this worker's database; `env` adds to its environment."""

    def run(*arguments: str, env: dict[str, str] | None = None) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "empla.cli.main", *arguments],
            check=False,
            capture_output=True,
            text=True,
            env=environment(settings) | (env or {}),
            timeout=120,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def slug(empla: Run) -> str:
    """A fresh tenant."""
    made = f"t-{uuid4().hex[:12]}"
    assert empla("tenant", "create", made, "--name", "Acme").code == 0
    return made
