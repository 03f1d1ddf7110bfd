"""Mail into a Maildir on this machine: for those who try empla out, and for a program that picks it up."""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from empla.effects.senders.message import MOST_BYTES, build
from empla.effects.senders.sender import Outcome, Outgoing, digest
from empla.errors import InvalidError

if sys.platform != "win32":
    import fcntl

_PAUSE = 0.05  # seconds between two looks whether the folder is free
_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600


class MaildirSender:
    """Writes each mail into `folder`/new. The same key twice is one file, as long as nobody removes it from new and cur."""

    can_be_asked = True
    deduplicates = True

    def __init__(self, folder: Path, *, max_bytes: int = MOST_BYTES, timeout: float = 20) -> None:
        """`timeout` is the seconds to wait for another process that is at the folder."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._timeout = timeout

    async def send(self, outgoing: Outgoing) -> Outcome:
        return await asyncio.to_thread(self._send, outgoing)

    async def happened(self, outgoing: Outgoing) -> bool | None:
        try:
            return await asyncio.to_thread(self._lies_there, _name(outgoing.key))
        except OSError:
            return None

    def _send(self, outgoing: Outgoing) -> Outcome:
        try:
            mail = build(outgoing, max_bytes=self._max_bytes)
        except InvalidError as error:
            return Outcome(verdict="failed", reason=str(error))
        name, linked = _name(outgoing.key), False
        try:
            for each in (self._folder, *(self._folder / part for part in ("tmp", "new", "cur"))):
                each.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            # Held while it is looked and linked, so that a mail that a reader moves meanwhile is not delivered again.
            with _held(self._folder / "tmp", timeout=self._timeout):
                if not self._lies_there(name):
                    with _written(self._folder / "tmp", mail.content) as finished:
                        os.link(finished, self._folder / "new" / name)
                        linked = True
                _settle(self._folder / "new")
        except OSError as error:
            verdict = "uncertain" if linked else "later"
            return Outcome(verdict=verdict, reason=f"the Maildir can't be written: {error.strerror or 'no reason'}")
        return Outcome(
            verdict="done", receipt={"message_id": mail.message_id, "file": str(self._folder / "new" / name)}
        )

    def _lies_there(self, name: str) -> bool:
        if (self._folder / "new" / name).exists():
            return True
        try:
            with os.scandir(self._folder / "cur") as read:
                # A reader adds flags behind a colon.
                return any(entry.name.partition(":")[0] == name for entry in read)
        except FileNotFoundError:
            return False


def _name(key: str) -> str:
    return f"{digest(key)[:40]}.empla"


@contextmanager
def _held(folder: Path, *, timeout: float) -> Generator[None]:
    """One process and thread at a time is within. Raises `TimeoutError`, for whoever is within may be frozen."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    end = time.monotonic() + timeout
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise TimeoutError(None, "another process is at it") from None
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _written(folder: Path, content: bytes) -> Generator[Path]:
    """A new file that is on the disk with all its content; gone afterwards."""
    path = folder / f"{secrets.token_hex(16)}.empla"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink()


def _settle(folder: Path) -> None:
    """The folder's entries are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
