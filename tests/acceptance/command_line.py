"""The command line as processes: run to the end, in a terminal of a width, or started and killed."""

import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import ioctl
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol

import psycopg

from empla.storage import embedded

EMPLA = Path(sys.executable).with_name("empla")
SHARED = Path(os.environ.get("EMPLA_SHARED") or Path(__file__).parents[2].parent / "shared")
CRM_DATA = SHARED / "data" / "crm_maven"
OFFICES = ("central", "east", "west")
# A run that takes longer hangs; it is not a measure of speed.
_PATIENCE = 600  # seconds


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    def refused(self, code: int) -> str:
        """The one sentence of a command that was refused with this exit code."""
        assert self.code == code, (self.code, self.err)
        assert self.out == ""
        assert self.err.startswith("empla: ")
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("empla: ").rstrip("\n")


def environment() -> dict[str, str]:
    """Ours, without what would lead a command elsewhere."""
    left_out = ("EMPLA_", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)} | {
        "TERM": "xterm-256color"
    }


def empla(*words: str | Path, home: Path) -> Answer:
    """Run a command to its end, its output piped."""
    done = subprocess.run(
        [EMPLA, *words, "--home", home],
        check=False,
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env=environment(),
        timeout=_PATIENCE,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def shell(command: str) -> Answer:
    """Paste a command, as it stands, into a shell."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        check=False,
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env=environment(),
        timeout=_PATIENCE,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@contextmanager
def until_stopped(command: str, **variables: str) -> Generator[Callable[[str], str]]:
    """Paste one that goes on until Ctrl-C; gives what it says up to a line that begins so."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env=environment() | variables,
        start_new_session=True,
    )
    out = process.stdout
    assert out is not None
    overdue = threading.Timer(_PATIENCE, process.kill)
    overdue.start()

    def says(last: str) -> str:
        said = list(takewhile(lambda line: not line.startswith(last), out))
        assert process.poll() is None, said
        return "".join(said)

    try:
        yield says
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(_PATIENCE) == 0
    finally:
        overdue.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out.close()


def in_terminal(*words: str | Path, home: Path, columns: int) -> Answer:
    """Run a command to its end with two terminals of this width, one for stdout and one for stderr."""
    command = [str(word) for word in (EMPLA, *words, "--home", home)]
    out, err = _Terminal(columns), _Terminal(columns)
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=out.theirs,
        stderr=err.theirs,
        env=environment(),
        timeout=_PATIENCE,
    )
    return Answer(done.returncode, out.read(), err.read())


class _Terminal:
    """What a process writes to a terminal of this width."""

    def __init__(self, columns: int) -> None:
        self._ours, self.theirs = pty.openpty()
        ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        self._pieces: list[bytes] = []
        self._reader = threading.Thread(target=self._take)
        self._reader.start()

    def _take(self) -> None:
        while True:
            try:
                piece = os.read(self._ours, 65_536)
            except OSError:  # Linux says so when the last writer has gone
                return
            if not piece:
                return
            self._pieces.append(piece)

    def read(self) -> str:
        os.close(self.theirs)
        self._reader.join()
        os.close(self._ours)
        return b"".join(self._pieces).decode().replace("\r\n", "\n")


Figures = dict[str, tuple[str, dict[str, int]]]  # digest and counts by office


class Starter(Protocol):
    """What the fixture `start` is."""

    def __call__(self, *words: str | Path, home: Path) -> "Running": ...


class Running:
    """A command on its way, in a session of its own, as a terminal would have it."""

    def __init__(self, *words: str | Path, home: Path, notes: Path) -> None:
        """What it says goes into two files in `notes`."""
        self._said = (notes / f"{len(list(notes.iterdir()))}.out", notes / f"{len(list(notes.iterdir()))}.err")
        with self._said[0].open("wb") as out, self._said[1].open("wb") as err:
            self._process = subprocess.Popen(
                [EMPLA, *words, "--home", home],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(),
                start_new_session=True,
            )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        """To the command and all it runs; an embedded server has a session of its own."""
        os.killpg(self._process.pid, number)

    def wait(self) -> Answer:
        code = self._process.wait(_PATIENCE)
        return Answer(code, self._said[0].read_text("utf-8"), self._said[1].read_text("utf-8"))

    def wait_until(self, reached: Callable[[], bool], *, every: float = 0.02) -> None:
        """It has come so far, as asked every so many seconds; a command that ended before that fails the test."""
        deadline = time.monotonic() + _PATIENCE
        while not reached():
            assert not self.has_ended, f"it ended too early: {self.wait()}"
            assert time.monotonic() < deadline
            time.sleep(every)

    def kill(self) -> None:
        """It has ended, whatever it was doing."""
        if not self.has_ended:
            self.signal(signal.SIGKILL)
        self._process.wait()


def look(home: Path, query: str) -> Any:
    """One value from the home's database as it is now; None while there is no server, database or table."""
    server = embedded.running(home) if (home / "cluster").exists() else None
    if server is None:
        return None
    try:
        with psycopg.connect(server.url("admin"), autocommit=True) as admin:
            row = admin.execute(query.encode()).fetchone()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return None
    return row[0] if row else None


def reports(home: Path, *, as_of: str | None = None) -> dict[str, Any]:
    """`empla report --json` of each office."""
    at = [] if as_of is None else ["--as-of", as_of]
    return {slug: empla("report", "--tenant", slug, *at, "--json", home=home).json for slug in OFFICES}


def figures(found: dict[str, Any]) -> Figures:
    """What two runs are compared by."""
    return {slug: (report["digest"], report["counts"]) for slug, report in found.items()}


def commands(page: str, *, after: str = "Look further:") -> list[str]:
    """The commands below a line of a page, as a person would copy them: a line that ends with a backslash goes on."""
    lines = page.partition(after)[2].lstrip("\n").partition("\n\n")[0]
    return [command.strip() for command in re.split(r"(?<!\\)\n", lines) if command.strip()]


def words_of(command: str) -> list[str]:
    return shlex.split(command)


def cycles(page: str) -> int:
    """How many cycles a run says it ran."""
    found = re.search(r"([\d,]+) cycles in ", page)
    return int(found[1].replace(",", "")) if found else 0
