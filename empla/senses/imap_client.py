"""One connection to an IMAP server (RFC 3501), which only reads. It blocks; `mail_imap` runs it in a thread.

Every failure is one sentence with host and port. What a server says is never repeated, for it might repeat a password.
"""

import imaplib
import ipaddress
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Literal, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from empla.errors import EmplaError, InvalidError, UnavailableError
from empla.senses import mail_headers

Tls = Literal["implicit", "starttls", "none"]

_PLENTY = 20_000_000  # bytes, of an answer that holds no mail: the numbers of two million mails
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,12})\b")
_ARRIVED = re.compile(rb'\bINTERNALDATE "([^"]{1,60})"')
_NOTHING = re.compile(rb'\bBODY\[\](?:<0>)? (?:NIL|"")')
_NOT_ASCII = re.compile(r"[^\x20-\x7e]+|&")

Answer = TypeVar("Answer")


class ImapAccount(BaseModel):
    """Where a mailbox is, and who may read it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str
    port: int = Field(default=993, ge=1, le=65535)
    login: str
    password: SecretStr
    tls: Tls = "implicit"  # starttls: mostly at port 143. none: for loopback alone, unless allow_plaintext
    folder: str = "INBOX"
    allow_plaintext: bool = False  # send the password over the network for all to read

    def check(self) -> None:
        """Raises `InvalidError` when it can't be used, or not safely."""
        for name, value in (
            *(("host", self.host), ("login", self.login), ("folder", self.folder)),
            ("password", self.password.get_secret_value()),
        ):
            if not value or _CONTROL.search(value):
                raise InvalidError(f"the {name} of an IMAP account is text without control characters")
        if self.tls == "none" and not self.allow_plaintext and not _is_loopback(self.host):
            raise InvalidError(
                f"{self.place} without TLS would show the password to all who listen; use implicit or starttls"
            )

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Sized:
    """What is known of a mail before it is fetched."""

    size: int  # bytes, as the server counts them
    arrived_at: datetime


class Connection(imaplib.IMAP4):
    """Takes no more than `budget` bytes from the server before the next command."""

    budget = _PLENTY

    def read(self, size: int) -> bytes:
        self._spend(size)
        return self._bytes().read(size)

    def readline(self) -> bytes:
        line = self._bytes().readline(self.budget + 1)
        self._spend(len(line))
        return line

    def _bytes(self) -> BinaryIO:
        return cast("BinaryIO", self.file)  # typed for text too

    def _spend(self, size: int) -> None:
        self.budget -= size
        if self.budget < 0:
            raise self.abort("more than was asked for")


class _TlsConnection(Connection, imaplib.IMAP4_SSL):
    pass


class ImapClient:
    """A context: leaving it logs out. Raises `UnavailableError` when the server fails, `InvalidError` when it refuses."""

    def __init__(self, account: ImapAccount, *, timeout: float) -> None:
        account.check()
        self._account = account
        self._timeout = timeout  # seconds, for each answer
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        try:
            self._ask(self._connect)
            self._log_in()
        except BaseException:
            self._hang_up()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # everything was read already
            self._open.logout()
        self._hang_up()

    def abort(self) -> None:
        """From another thread: whoever waits for an answer waits no more, and fails."""
        if self._connection is not None:
            # Only the socket: closing the file would wait for whoever reads from it.
            with suppress(OSError, AttributeError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)

    def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(OSError, AttributeError):
                self._connection.shutdown()

    def open(self, folder: str) -> int:
        """Only read from this folder now; returns its UIDVALIDITY, which changes when its numbers mean other mails."""
        name = _modified_utf7(folder).replace("\\", "\\\\").replace('"', '\\"')
        status, _ = self._ask(lambda: self._open.select(f'"{name}"', readonly=True))
        if status != "OK":
            raise InvalidError(f"{self._account.place} opens no folder {folder!r} for this login")
        _, validity = self._ask(lambda: self._open.response("UIDVALIDITY"))
        if not validity or not isinstance(validity[0], bytes) or not validity[0].isdigit():
            raise self._failed("does not number its mails")
        return int(validity[0])

    def numbers_after(self, uid: int) -> list[int]:
        """The UIDs of all mails that came after this one, in their order."""
        # "9:*" names the last mail even when its number is below 9.
        found = self._uid(_PLENTY, "SEARCH", f"UID {uid + 1}:*")
        words = b" ".join(each for each in found if isinstance(each, bytes)).split()
        return sorted({number for word in words if word.isdigit() and (number := int(word)) > uid})

    def sizes(self, uids: Sequence[int]) -> dict[int, Sized]:
        """Of those that are still there."""
        found: dict[int, Sized] = {}
        for text, _ in self._fetch(uids, "(UID RFC822.SIZE INTERNALDATE)", budget=_PLENTY):
            uid, size, arrived = _UID.search(text), _SIZE.search(text), _ARRIVED.search(text)
            if uid is None or size is None or arrived is None:
                continue
            at = mail_headers.read_date(arrived[1].decode("ascii", "replace").strip().replace("-", " ", 2))
            if at is not None:
                found[int(uid[1])] = Sized(int(size[1]), at)
        return found

    def mails(self, uids: Sequence[int], *, most: int, budget: int) -> dict[int, bytes]:
        """Those that are still there, of each no more than its first `most` + 1 bytes; `budget` is for all of them together."""
        found: dict[int, bytes] = {}
        for text, literal in self._fetch(uids, f"(UID BODY.PEEK[]<0.{most + 1}>)", budget=budget):
            uid = _UID.search(text)
            if uid is not None and (literal is not None or _NOTHING.search(text)):
                found[int(uid[1])] = literal or b""
        return found

    @property
    def _open(self) -> Connection:
        assert self._connection is not None, "used outside of its context"  # noqa: S101 — a mistake of ours
        return self._connection

    def _connect(self) -> None:
        account = self._account
        # Made in two steps, for the second one talks to the server already, and `abort` must be able to end that.
        if account.tls == "implicit":
            secure = self._connection = _TlsConnection.__new__(_TlsConnection)
            context = ssl.create_default_context()
            secure.__init__(account.host, account.port, ssl_context=context, timeout=self._timeout)
            return
        plain = self._connection = Connection.__new__(Connection)
        plain.__init__(account.host, account.port, timeout=self._timeout)
        if account.tls == "starttls":
            if "STARTTLS" not in plain.capabilities:
                raise self._failed("offers no STARTTLS")
            plain.starttls(ssl.create_default_context())

    def _log_in(self) -> None:
        login, password = self._account.login, self._account.password.get_secret_value()
        if "AUTH=PLAIN" in self._open.capabilities:
            written = f"\0{login}\0{password}".encode()
            attempt: Callable[[], object] = lambda: self._open.authenticate("PLAIN", lambda _: written)  # noqa: E731
        elif not (login + password).isascii():
            raise InvalidError(f"{self._account.place} takes only ASCII in a login and password")
        else:
            attempt = lambda: self._open.login(login, password)  # noqa: E731
        try:
            self._ask(attempt, refusal=True)
        except imaplib.IMAP4.error:
            raise InvalidError(f"{self._account.place} refuses this login and password") from None

    def _fetch(self, uids: Sequence[int], what: str, *, budget: int) -> Iterator[tuple[bytes, bytes | None]]:
        """Each answer as its text and its literal."""
        text = b""
        literal: bytes | None = None
        for piece in self._uid(budget, "FETCH", ",".join(map(str, uids)), what):
            if isinstance(piece, tuple):
                head, literal = cast("tuple[bytes, bytes]", piece)
                text += head + b" "
            elif isinstance(piece, bytes):
                yield text + piece, literal
                text, literal = b"", None

    def _uid(self, budget: int, command: str, *arguments: str) -> Collection[Any]:
        self._open.budget = budget
        status, found = self._ask(lambda: self._open.uid(command, *arguments))
        if status != "OK":
            raise self._failed("does not answer what it is asked")
        return found

    def _ask(self, question: Callable[[], Answer], *, refusal: bool = False) -> Answer:
        """The server's answer. With `refusal`, a plain NO is raised as it is."""
        try:
            return question()
        except EmplaError:
            raise
        except ssl.SSLCertVerificationError as problem:
            raise self._failed(f"has a certificate that is not trusted: {problem.verify_message}") from None
        except ssl.SSLError:
            raise self._failed("does not speak TLS as it should") from None
        except TimeoutError:
            raise self._failed(f"does not answer within {self._timeout:g} s (EMPLA_MAIL_TIMEOUT)") from None
        except OSError as problem:
            raise self._failed(f"can't be reached: {problem.strerror or 'the connection broke'}") from None
        except imaplib.IMAP4.abort:
            raise self._failed("hung up, or sent what is not IMAP") from None
        except imaplib.IMAP4.error:
            if refusal:
                raise
            raise self._failed("does not answer as an IMAP server") from None
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError):
            # What imaplib raises for answers that it did not expect.
            raise self._failed("does not answer as an IMAP server") from None

    def _failed(self, how: str) -> UnavailableError:
        return UnavailableError(f"the mail server {self._account.place} {how}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _modified_utf7(name: str) -> str:
    """A folder's name as IMAP writes it (RFC 3501, 5.1.3): "Entwürfe" is "Entw&APw-rfe"."""

    def written(found: re.Match[str]) -> str:
        if found[0] == "&":
            return "&-"
        return f"&{b64encode(found[0].encode('utf-16-be', 'replace')).decode().rstrip('=').replace('/', ',')}-"

    return _NOT_ASCII.sub(written, name)
