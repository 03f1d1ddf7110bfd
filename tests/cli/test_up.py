"""`empla up` as a person runs it: one home lives four times, and whatever ends, nothing of it is left."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from empla.storage import embedded

JORDAN = {"name": "Jordan", "role": "sales_ae", "email": "jordan@acme.example"}
WON = {
    "source": "crm",
    "external_id": "deal-77",
    "kind": "deal_won",
    "description": "Acme signed",
    "content": {"opportunity": "deal-77", "stage": "won", "close_value": 12000},
}
PATIENCE = 60.0  # seconds


def environment() -> dict[str, str]:
    rest = {name: value for name, value in os.environ.items() if not name.startswith("EMPLA_")}
    return rest | {"EMPLA_WORKER_POLL": "0.2"}


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Life:
    """A running `empla up`, in a process group of its own like a shell's job; its stdout is a pipe, its stderr a file."""

    def __init__(self, home: Path, *options: str, out: Path | None = None) -> None:
        self.log = home.with_suffix(".log")
        self.out = out
        command = [sys.executable, "-m", "empla.cli.main", "up", "--home", str(home), "--port", "0", *options]
        with self.log.open("w") as log, (out or self.log).open("w") as file:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if out is None else file,
                stderr=log,
                text=True,
                env=environment(),
                start_new_session=True,
            )
        self.said = self._shown()
        self.url = re.findall(r"is up: (\S+)", self.said)[0]
        self.worker = until(lambda: children(self.process.pid))[0]

    def _shown(self) -> str:
        if self.out is not None:
            file = self.out
            return until(lambda: file.read_text() if "Next:" in file.read_text() else "")
        assert self.process.stdout is not None
        lines: list[str] = []
        # One that says something else than is waited for ends, and so does what it says.
        too_late = threading.Timer(PATIENCE, self.process.kill)
        too_late.start()
        while not lines or not lines[-1].startswith("Next:"):
            line = self.process.stdout.readline()
            assert line, self.log.read_text()
            lines.append(line)
        too_late.cancel()
        return "".join(lines)

    def works(self) -> None:
        """The worker is past its beginning."""
        until(lambda: '"event": "works"' in self.log.read_text())

    def interrupt(self) -> None:
        """Ctrl-C in a terminal: everybody in the group hears it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def ends(self) -> int:
        """How it ended, with all that belonged to it."""
        code = self.process.wait(PATIENCE)
        until(lambda: not is_alive(self.worker))
        return code

    def tidy(self) -> None:
        """Whatever a test that failed left behind."""
        for pid in (self.process.pid, self.worker):
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def life(home: Path, *options: str, out: Path | None = None) -> Generator[Life]:
    living = Life(home, *options, out=out)
    try:
        yield living
    finally:
        living.tidy()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    found = tmp_path / "home"
    yield found
    if found.exists():
        embedded.stop(found)


def refused(home: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "empla.cli.main", "up", "--home", str(home), *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment(), timeout=60)
    assert done.stdout == ""
    return done.returncode, done.stderr


def shown(said: str, name: str) -> str:
    return re.findall(rf"^  {name} +(\S+)$", said, re.MULTILINE)[0]


def signed_in(living: Life, **who: str) -> httpx.Client:
    answered = httpx.post(f"{living.url}/v1/sign-in", json=who)
    assert answered.status_code in {200, 201}, answered.text
    return httpx.Client(
        base_url=living.url, headers={"Authorization": f"Bearer {answered.json()['access_token']}"}, timeout=PATIENCE
    )


def first_life(home: Path) -> str:
    """It is signed in to with what it printed, an employee lives, nobody else takes its place, and Ctrl-C ends all of it."""
    with life(home, "--company", "Acme Corp", "--email", "dana@acme.example") as living:
        who = {name: shown(living.said, word) for name, word in (("tenant", "tenant"), ("email", "e-mail"))}
        password = shown(living.said, "password")
        assert who == {"tenant": "acme-corp", "email": "dana@acme.example"}
        with signed_in(living, **who, password=password) as client:
            assert client.get("/v1/me").json()["role"] == "admin"
            jordan = client.post("/v1/employees", json=JORDAN).json()["id"]
            assert client.post(f"/v1/employees/{jordan}/observations", json=WON).status_code == 200
            believed = f"/v1/employees/{jordan}/beliefs?subject=pipeline&predicate=won_value"
            [won] = until(lambda: client.get(believed).json()["items"])
            assert won["object"] == 12000

            code, sentence = refused(home, "--port", "0")
            assert (code, sentence) == (4, f"empla: empla is up already in {home}: {living.url}\n")
            port = living.url.rpartition(":")[2]
            code, sentence = refused(home.with_name("other"), "--port", port)
            assert (code, sentence) == (
                7,
                f"empla: port {port} of 127.0.0.1 is taken: choose another with --port\n",
            )
            with client.stream("GET", "/v1/events") as stream:
                pieces = stream.iter_text()
                assert next(pieces).startswith("retry:")
                living.interrupt()
                assert all("retry:" not in piece for piece in pieces)  # it ends as a stream should, else this raises
        assert living.ends() == 0
        assert living.process.stdout is not None
        assert living.process.stdout.read().endswith("empla has stopped\n")
        assert password not in living.log.read_text() + (home / "up").read_text()
    assert embedded.running(home) is None
    return password


def second_life(home: Path, password: str) -> None:
    """It shows who is there and changes nobody's password; without its worker, it ends."""
    with life(home, "--email", "dana@acme.example") as living:
        assert re.search(r"^acme-corp +dana@acme.example +Jordan *$", living.said, re.MULTILINE)
        signed_in(living, tenant="acme-corp", email="dana@acme.example", password=password).close()
        token = re.findall(r"/welcome#(\S+)", living.said)[0]
        used = httpx.post(f"{living.url}/v1/links/use", json={"token": token, "password": "correct horse battery"})
        assert used.json()["email"] == "dana@acme.example"
        living.works()
        os.kill(living.worker, signal.SIGKILL)
        assert living.ends() == 7
        last = living.log.read_text().splitlines()[-1]
        assert last == "empla: the worker has ended by itself (SIGKILL), and so everything was stopped"
    assert embedded.running(home) is None


def third_life(home: Path) -> None:
    """What it prints goes into a file, which gets no password; when it is killed, its worker ends."""
    out = home.with_suffix(".out")
    with life(home, "--email", "new@acme.example", out=out) as living:
        assert "empla user password new@acme.example --tenant acme-corp --home" in living.said
        assert not re.search(r"^  password ", living.said, re.MULTILINE)
        living.works()
        living.process.kill()
        assert living.ends() == -signal.SIGKILL
    assert embedded.running(home) is not None


def fourth_life(home: Path) -> None:
    """The place of the one that was killed is free. A worker that hangs is waited for, until a second Ctrl-C."""
    with life(home) as living:
        living.works()
        os.kill(living.worker, signal.SIGSTOP)
        living.interrupt()
        with pytest.raises(subprocess.TimeoutExpired):
            living.process.wait(1)
        living.interrupt()
        assert living.ends() == 0
    assert embedded.running(home) is not None  # it was running before


def test_a_home_lives(home: Path):
    if not Path("/proc/self/task").exists():
        pytest.skip("no /proc here: whose child the worker is can't be seen, and empla up was not run")
    password = first_life(home)
    second_life(home, password)
    third_life(home)
    fourth_life(home)
