"""Worker processes that are killed and stopped, and followed by others."""

import asyncio
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

from own_database import environment

from empla.settings import Settings

LEASE = 1.5  # seconds; a stopped process is stopped for longer
HANGS = 120.0  # seconds; what takes longer does not come to an end


class Crew:
    """Two worker processes; who falls is followed by another."""

    def __init__(self, settings: Settings, folder: Path, **more: str) -> None:
        """`more` is set in their environment."""
        self._environment = environment(settings) | {
            "EMPLA_WORKER_LEASE": str(LEASE),
            "EMPLA_WORKER_POLL": "0.05",
            "EMPLA_WORKER_CONCURRENCY": "6",
            "EMPLA_IDLE_TIMEOUT": str(LEASE),  # what a stopped process has locked
            **more,
        }
        self._folder = folder
        self._numbers = count(1)
        self._all: list[subprocess.Popen[bytes]] = []
        self._said: dict[int, Path] = {}  # by process id
        self.working = [self._hired() for _ in range(2)]

    def _hired(self) -> subprocess.Popen[bytes]:
        number = next(self._numbers)
        own = {"PGAPPNAME": f"worker {number}"}
        path = self._folder / f"worker-{number}"
        with path.open("wb") as said:
            worker = subprocess.Popen(
                [sys.executable, "-m", "empla.cli.main", "worker"],
                stdout=said,
                stderr=said,
                env=self._environment | own,
            )
        self._all.append(worker)
        self._said[worker.pid] = path
        return worker

    def kill(self, which: int) -> None:
        self.working[which].kill()
        self.working[which].wait()
        self.working[which] = self._hired()

    async def stop_for_longer_than_a_lease(self, which: int) -> None:
        self.working[which].send_signal(signal.SIGSTOP)
        await asyncio.sleep(LEASE * 1.6)
        self.working[which].send_signal(signal.SIGCONT)

    def is_at_work(self) -> None:
        """Both who work now have begun."""
        begun = time.monotonic()
        while not all('"works"' in self._said[worker.pid].read_text("utf-8") for worker in self.working):
            assert time.monotonic() - begun < HANGS, self.said()
            time.sleep(0.05)

    def told_to_stop(self, number: signal.Signals = signal.SIGTERM) -> list[int]:
        """Their exit codes."""
        self.is_at_work()
        for worker in self.working:
            worker.send_signal(number)
        return [worker.wait(HANGS) for worker in self.working]

    def said(self) -> str:
        """What they said last."""
        return "\n".join(path.read_text("utf-8")[-1000:] for path in self._said.values())

    def end(self) -> None:
        for worker in self._all:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
            worker.wait()
