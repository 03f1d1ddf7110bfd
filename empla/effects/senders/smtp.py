"""Mail through a company's own server.

A server has taken a mail over when it answers the line with the one dot that ends it. So everything up to that line is sent
first: whatever goes wrong until then, the mail is certainly not sent. From that line on, only the answer says what became of it.
"""

import asyncio
import ipaddress
import smtplib
import socket
import ssl
from contextlib import suppress
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from empla.effects.senders.addresses import public
from empla.effects.senders.message import MOST_BYTES, Mail, address, build
from empla.effects.senders.sender import Outcome, Outgoing, Verdict, said
from empla.effects.senders.smtp_line import Line, Replies, TooMuchError, stuffed
from empla.errors import InvalidError

Answer = tuple[int, bytes]
_MOST_WAITING = 65_536  # bytes


_BEFORE_THE_MAIL = frozenset({"greeting", "EHLO", "STARTTLS", "login"})


class SmtpAccount(BaseModel):
    """Where a company's mail goes out; the password is not part of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$")
    port: int = Field(ge=1, le=65535)
    tls: Literal["implicit", "starttls", "none"]
    login: str | None = Field(default=None, min_length=1, max_length=320)
    helo: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.:\[\]-]{1,253}$")  # else the sender's domain
    from_address: str | None = None  # the envelope's sender, to which bounces go; else the employee
    allow_plaintext: bool = False  # without TLS to another machine, too

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.tls == "none" and not self.allow_plaintext and not _loopback(self.host):
            raise ValueError("without TLS mail goes to this machine alone, unless allow_plaintext says otherwise")
        if self.from_address is not None:
            address(self.from_address, what="from_address")
        return self


class SmtpSender:
    """One connection for each mail. Either every recipient gets it, or none."""

    can_be_asked = False
    deduplicates = False

    def __init__(
        self,
        account: SmtpAccount,
        password: SecretStr | None,
        timeout: float,
        *,
        max_bytes: int = MOST_BYTES,
        trust: ssl.SSLContext | None = None,
        allow_private: bool = True,
    ) -> None:
        """`timeout` is the seconds that one sending takes at most; `trust` by default is what the machine trusts. Raises `InvalidError`."""
        if (account.login is None) != (password is None):
            raise InvalidError("a login and its password are given together")
        if password is not None and not f"{account.login}{password.get_secret_value()}".isascii():
            raise InvalidError("a login or password with other than ASCII letters can't be carried by this protocol")
        self._account = account
        self._password = password
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._trust = trust or ssl.create_default_context()
        self._allow_private = allow_private

    async def happened(self, outgoing: Outgoing) -> bool | None:  # noqa: ARG002
        return None

    async def send(self, outgoing: Outgoing) -> Outcome:
        line = Line()
        talk = asyncio.ensure_future(asyncio.to_thread(self._talk, line, outgoing))
        try:
            # A time-out of the socket begins anew with each byte, so the whole is watched from here.
            await asyncio.wait({talk}, timeout=self._timeout)
        finally:
            line.cut()  # what was not committed by now never will be
        return talk.result() if talk.done() else _broken(line, "did not answer in time")

    def _talk(self, line: Line, outgoing: Outgoing) -> Outcome:
        """All of it, in a thread of its own."""
        try:
            mail = build(outgoing, envelope_sender=self._account.from_address, max_bytes=self._max_bytes)
        except InvalidError as error:
            return Outcome(verdict="failed", reason=str(error))
        line.message_id = mail.message_id
        return self._converse(line, mail)

    def _converse(self, line: Line, mail: Mail) -> Outcome:
        helo = self._account.helo or mail.sender.rpartition("@")[2]
        client = smtplib.SMTP(local_hostname=helo, timeout=self._timeout)
        try:
            replies = self._connect(client, line)
            self._log_in(client)
            _envelope(client, mail)
            return _hand_over(client, replies, line, mail)
        except _RefusedError as refused:
            _leave(client)
            return refused.outcome(line)
        except ssl.SSLCertVerificationError as error:
            return _broken(line, f"has a certificate that is not trusted: {said(error.verify_message)}")
        except (TimeoutError, smtplib.SMTPServerDisconnected) as error:
            late = isinstance(error, TimeoutError) or line.was_cut
            return _broken(line, "did not answer in time" if late else "hung up")
        except TooMuchError:
            return _broken(line, "says too much")
        except (OSError, UnicodeError) as error:  # smtplib errors are the first, a host that is no name the second
            return _broken(line, f"can't be talked to: {said(str(error))}")
        finally:
            client.close()
            line.close()

    def _connect(self, client: smtplib.SMTP, line: Line) -> Replies:
        account = self._account
        client.sock = _reach(account.host, account.port, timeout=self._timeout, allow_private=self._allow_private)
        line.hold(client.sock)
        # A mail that waits here for a server that reads no more was not sent; the less can wait, the less is uncertain.
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_WAITING)
        if account.tls == "none" and not account.allow_plaintext and not _loopback(client.sock.getpeername()[0]):
            raise OSError("its name leads to another machine, and there is no TLS")
        if account.tls == "implicit":
            self._encrypt(client)
        client.file = replies = Replies(client.sock)
        _wanted("greeting", client.getreply(), 2)
        _greet(client)
        if account.tls == "starttls":
            if not client.has_extn("starttls"):
                raise OSError("it offers no STARTTLS")
            _wanted("STARTTLS", client.docmd("STARTTLS"), 2)
            # What was said in the open is forgotten, and what came behind it thrown away.
            self._encrypt(client)
            client.file = replies = Replies(client.sock)
            _greet(client)
        return replies

    def _encrypt(self, client: smtplib.SMTP) -> None:
        assert client.sock is not None  # noqa: S101
        client.sock = self._trust.wrap_socket(client.sock, server_hostname=self._account.host)

    def _log_in(self, client: smtplib.SMTP) -> None:
        if self._account.login is None or self._password is None:
            return
        try:
            client.login(self._account.login, self._password.get_secret_value())
        except smtplib.SMTPAuthenticationError as error:
            # A server may repeat what it was told, so its words stay here.
            _wanted("login", (error.smtp_code, b"the login is refused"), 2)
            raise


def _reach(host: str, port: int, *, timeout: float, allow_private: bool) -> socket.socket:
    """A connection to an address that was looked at before. Raises `OSError`."""
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not allow_private and not all(public(ipaddress.ip_address(place)) for place in found):
        raise OSError("its name leads to a private address, which is not reached from here (EMPLA_REACH_PRIVATE)")
    for last, place in enumerate(found, start=1):
        try:
            return socket.create_connection((place, port), timeout=timeout)
        except OSError:
            if last == len(found):
                raise
    raise OSError("its name leads nowhere")


class _RefusedError(Exception):
    """The server said no, before or after the dot: the mail is certainly not sent."""

    def __init__(self, phase: str, answer: Answer) -> None:
        super().__init__(phase)
        self.phase, self.code, self.words = phase, answer[0], said(answer[1])

    def outcome(self, line: Line) -> Outcome:
        # Before the envelope it is us whom the server refuses, and not this mail: a wrong password is mended, and the mail waits.
        is_about_us = self.phase in _BEFORE_THE_MAIL
        verdict: Verdict = "failed" if 500 <= self.code <= 599 and not is_about_us else "later"  # noqa: PLR2004
        reason = f"the mail server answered {self.code} to {self.phase}: {self.words}"
        return Outcome(verdict=verdict, reason=reason, receipt={**line.receipt, "code": self.code, "at": self.phase})


def _broken(line: Line, what: str) -> Outcome:
    """The conversation ended without an answer."""
    if line.committed:
        reason = f"the mail server {what} after it had the whole mail, so it may have been sent"
        return Outcome(verdict="uncertain", reason=reason, receipt=line.receipt)
    return Outcome(verdict="later", reason=f"the mail server {what}", receipt=line.receipt)


def _wanted(phase: str, answer: Answer, hundreds: int) -> Answer:
    if answer[0] // 100 != hundreds:
        raise _RefusedError(phase, answer)
    return answer


def _greet(client: smtplib.SMTP) -> None:
    answer = client.ehlo()
    if answer[0] // 100 == 5:  # noqa: PLR2004
        client.does_esmtp = False
        client.esmtp_features = {}
        answer = client.helo()
    _wanted("EHLO", answer, 2)


def _envelope(client: smtplib.SMTP, mail: Mail) -> None:
    """From whom and for whom, all of them or none; the server waits for the mail afterwards."""
    options: list[str] = []
    if client.has_extn("size"):
        limit = client.esmtp_features["size"].strip()
        if limit.isdecimal() and 0 < int(limit) < len(mail.content):
            raise _RefusedError("SIZE", (552, f"it takes at most {limit} bytes".encode()))
        options.append(f"SIZE={len(mail.content)}")
    if mail.international:
        if not client.has_extn("smtputf8"):
            raise _RefusedError("SMTPUTF8", (553, b"it takes ASCII addresses alone"))
        options += ["SMTPUTF8", "BODY=8BITMIME"]
    _wanted("MAIL", client.mail(mail.sender, options), 2)
    refusals: list[Answer] = []
    for recipient in mail.recipients:
        code, words = client.rcpt(recipient)
        if code // 100 != 2:  # noqa: PLR2004
            refusals.append((code, recipient.encode() + b": " + words))
        if code == 421:  # noqa: PLR2004 - it hangs up
            break
    if refusals:
        raise _RefusedError("RCPT", max(refusals))
    _wanted("DATA", client.docmd("DATA"), 3)


def _hand_over(client: smtplib.SMTP, replies: Replies, line: Line, mail: Mail) -> Outcome:
    assert client.sock is not None  # noqa: S101
    client.sock.sendall(stuffed(mail.content))
    if replies.spoke():
        # A server that speaks or hangs up before the mail has ended does not take it, whatever it says.
        raise _RefusedError("the unfinished mail", client.getreply())
    line.commit()
    client.sock.sendall(b".\r\n")
    code, words = client.getreply()
    if code // 100 in {4, 5}:
        raise _RefusedError("the mail", (code, words))
    if code // 100 != 2:  # noqa: PLR2004
        return _broken(line, "gave no clear answer")
    _leave(client)
    return Outcome(verdict="done", receipt={**line.receipt, "code": code, "answer": said(words)})


def _leave(client: smtplib.SMTP) -> None:
    """Nobody waits for the answer: what matters has been said."""
    with suppress(OSError, smtplib.SMTPException):
        client.putcmd("RSET")
        client.putcmd("QUIT")


def _loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
