"""Homes that are left as they were found: no server runs in them any more, and they are gone.

The tests that share a life stand in one file, so that with `--dist loadfile` it is lived once.
"""

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from command_line import Figures, Running, Starter, empla, figures, reports

from empla.storage import embedded


@contextmanager
def a_home() -> Generator[Path]:
    # Not pytest's folder: the user that runs PostgreSQL for root must reach it.
    folder = Path(tempfile.mkdtemp(prefix="empla-home-"))
    folder.chmod(0o755)
    home = folder / "home"
    try:
        yield home
    finally:
        if home.exists():
            embedded.stop(home)
        shutil.rmtree(folder)


@pytest.fixture
def home() -> Iterator[Path]:
    with a_home() as found:
        yield found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts commands that do not outlive the test."""
    notes = tmp_path / "said"
    notes.mkdir()
    with ExitStack() as stack:

        def run(*words: str | Path, home: Path) -> Running:
            running = Running(*words, home=home, notes=notes)
            stack.callback(running.kill)
            return running

        yield run


@pytest.fixture(scope="session")
def lasting_home() -> Iterator[Callable[[], Path]]:
    """Makes homes that last for the session."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(a_home())


@pytest.fixture(scope="session")
def own_world(lasting_home: Callable[[], Path]) -> Path:
    """A home in which the small world of our own was lived without interruption."""
    home = lasting_home()
    done = empla("demo", home=home)
    assert done.code == 0, done.err
    return home


@pytest.fixture(scope="session")
def own_figures(own_world: Path) -> Figures:
    return figures(reports(own_world))
