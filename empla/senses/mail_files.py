"""Mailboxes in files: an mbox, a Maildir. They are only read: nothing is moved, flagged or created."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from empla.errors import InvalidError
from empla.senses import mail_headers
from empla.senses.mail import Pile
from empla.senses.mail_message import Receipt, too_large
from empla.senses.observation import Reading
from empla.settings import Settings

LARGEST_MBOX_BYTES = 2_000_000_000  # all its mails are in memory at once, though without their attachments

_PIECE = 64 * 1024  # bytes; a longer line is read in pieces
# "From jane@x Mon Mar  3 09:00:00 2025", mostly in local time; Gmail and others put a zone before or after the year.
_ENVELOPE = re.compile(
    rb"From .*?([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d(?::\d\d)?)(?: ([+-]\d{4}|[A-Z]{1,5}))? (\d{4})(?: ([+-]\d{4}))?\s*\Z"
)
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_LOCAL_TIME = timedelta(hours=14)  # no zone is further from UTC
_MAILDIR_NAME = re.compile(r"([0-9]{9,10})\.")  # it begins with the seconds since 1970 at which it was delivered


def read_mbox(path: Path, *, recipient: str, settings: Settings) -> Reading:
    """All mails of the mbox file, which is the mailbox of `recipient` (e-mail of an employee).

    Raises `InvalidError` when there is no such file, it is no mbox, or has more than 2 GB.
    """
    pile = Pile(recipient, _shown(path.name), settings)
    try:
        with _opened(path) as file:
            about = os.fstat(file.fileno())
            if about.st_size > LARGEST_MBOX_BYTES:
                raise InvalidError(f"{path} is larger than {LARGEST_MBOX_BYTES:,} bytes, the most that is read.")
            _fill(pile, file, name=str(path), received=datetime.fromtimestamp(about.st_mtime, UTC))
    except OSError as problem:
        raise InvalidError(f"{path} can't be read: {problem.strerror}.") from problem
    return pile.reading()


def read_sent_mbox(data: bytes, *, file: str, received: datetime, recipient: str, settings: Settings) -> Reading:
    """As `read_mbox`, of a file that somebody sent; a mail that does not say when it came was `received` then."""
    pile = Pile(recipient, _shown(file), settings)
    _fill(pile, BytesIO(data), name=file, received=received)
    return pile.reading()


def _fill(pile: Pile, file: BinaryIO, *, name: str, received: datetime) -> None:
    settings = pile.settings
    for letter in _letters(file, name, most=settings.mail_max_bytes):
        if letter.size > settings.mail_max_bytes:
            pile.leave_out(too_large(settings), line=letter.line)
        else:
            raw = _ESCAPED.sub(rb"\1", b"".join(letter.pieces))
            pile.add(raw, receipt=_receipt(letter.envelope) or Receipt(received), line=letter.line)


def read_maildir(path: Path, *, recipient: str, settings: Settings) -> Reading:
    """All mails in `new` and `cur` of the Maildir, which is the mailbox of `recipient`; its subfolders are mailboxes of their own.

    Raises `InvalidError` when it is no Maildir or may not be read.
    """
    pile = Pile(recipient, _shown(path.resolve().name), settings)
    try:
        for folder, name in _names(path):
            _add_file(pile, path / folder / name, item=f"{folder}/{name}")
    except OSError as problem:
        raise InvalidError(f"{path} can't be read: {problem.strerror}.") from problem
    return pile.reading()


# mbox


@dataclass(slots=True)
class _Letter:
    line: int  # of its envelope; 1-based
    envelope: bytes  # "From jane@x Mon Mar  3 09:00:00 2025"
    pieces: list[bytes]
    size: int = 0

    def add(self, piece: bytes, most: int) -> None:
        self.size += len(piece)
        if self.size <= most:
            self.pieces.append(piece)
        else:
            self.pieces.clear()


def _letters(file: BinaryIO, name: str, *, most: int) -> Iterator[_Letter]:
    """The mails of an mbox. One begins with an envelope after an empty line; of one with more than `most` bytes only the size is kept."""
    letter: _Letter | None = None
    line, begins, after_blank = 1, True, True
    while piece := file.readline(_PIECE):
        ends = piece.endswith(b"\n")
        if begins and after_blank and piece.startswith(b"From ") and (letter is None or _ENVELOPE.match(piece)):
            if letter is not None:
                yield letter
            letter = _Letter(line, piece, [])
        elif letter is not None:
            letter.add(piece, most)
        elif piece.strip():
            raise InvalidError(f'{name} is no mbox: it does not begin with "From ".')
        after_blank = begins and not piece.strip(b"\r\n")
        line, begins = line + ends, ends
    if letter is not None:
        yield letter


def _receipt(envelope: bytes) -> Receipt | None:
    found = _ENVELOPE.match(envelope)
    if found is None:
        return None
    month, day, time, zone, year, late_zone = (group.decode() if group else "" for group in found.groups())
    zone = zone or late_zone
    at = mail_headers.read_date(f"{day} {month} {year} {time} {zone or '+0000'}")
    return None if at is None else Receipt(at, timedelta(0) if zone else _LOCAL_TIME)


# Maildir


def _names(path: Path) -> list[tuple[str, str]]:
    """Folder and name of every mail, in the order of their names, which begin with the time."""
    names: list[tuple[str, str]] = []
    folders = [folder for folder in ("new", "cur") if os.path.lexists(path / folder)]
    if not folders:
        raise InvalidError(f"{path} is no Maildir: it has neither a folder new nor a folder cur.")
    for folder in folders:
        if (path / folder).is_symlink():
            raise InvalidError(f"{path / folder} is a symbolic link, which is not followed.")
        names += [(folder, name) for name in os.listdir(path / folder) if not name.startswith(".")]  # noqa: PTH208 (names are all)
    return sorted(names, key=lambda each: (each[1], each[0]))


def _add_file(pile: Pile, path: Path, *, item: str) -> None:
    item = _shown(item)
    most = pile.settings.mail_max_bytes
    try:
        with _opened(path, follow=False) as file:
            about = os.fstat(file.fileno())
            raw = b"" if about.st_size > most else file.read(most + 1)
    except FileNotFoundError:
        pile.leave_out("moved away while the Maildir was read; read it again", item=item)
    except InvalidError:
        pile.leave_out("a symbolic link or no file, which is not read", item=item)
    except OSError as problem:
        pile.leave_out(f"can't be read: {problem.strerror}", item=item)
    else:
        if about.st_size > most:
            pile.leave_out(too_large(pile.settings), item=item)
            return
        named = _MAILDIR_NAME.match(path.name)
        delivered = float(named[1]) if named else about.st_mtime
        pile.add(raw, receipt=Receipt(datetime.fromtimestamp(delivered, UTC)), item=item)


def _shown(name: str) -> str:
    """A file's name may hold bytes that are no text."""
    return name.encode(errors="replace").decode()


def _opened(path: Path, *, follow: bool = True) -> BinaryIO:
    """The file, to be read. Raises `InvalidError` when it is none: a pipe or a device might never end."""
    if not follow and path.is_symlink():
        raise InvalidError(f"{path} is a symbolic link, which is not followed.")
    # O_NONBLOCK, for opening a pipe would wait for its writer.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InvalidError(f"{path} is not a file.")
    return os.fdopen(handle, "rb")
