"""The connection to a mail server as two threads know it: one talks, the other hangs up when it takes too long."""

import re
import socket
import ssl
import threading
from contextlib import suppress

from pydantic import JsonValue

# No honest server says so much about one mail; one that never stops shall not fill the memory.
_MOST_REPLIES = 262_144


class Line:
    """Whoever is first at its lock decides: a line that was cut is never committed, one that is committed may have sent the mail."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wire: socket.socket | None = None
        self.was_cut = False
        self.committed = False
        self.message_id = ""  # of the mail, once it is written

    @property
    def receipt(self) -> dict[str, JsonValue]:
        return {"message_id": self.message_id} if self.message_id else {}

    def hold(self, sock: socket.socket) -> None:
        """From now on this connection can be cut. Raises `TimeoutError` when it should have been already."""
        with self._lock:
            self._go_on()
            # A handle of its own, which stays the same when TLS takes the other over.
            self._wire = sock.dup()

    def commit(self) -> None:
        """The mail may be sent from here on. Raises `TimeoutError` when it was cut, and it is not then."""
        with self._lock:
            self._go_on()
            self.committed = True

    def cut(self) -> None:
        """Whoever waits for the server waits no longer."""
        with self._lock:
            self.was_cut = True
            if self._wire is not None:
                with suppress(OSError):
                    self._wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            if self._wire is not None:
                self._wire.close()
                self._wire = None

    def _go_on(self) -> None:
        if self.was_cut:
            raise TimeoutError


class TooMuchError(Exception):
    """The server says more than anybody has to say about one mail."""


class Replies:
    """What smtplib reads answers from: it has an end, and knows whether the server spoke without being asked."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._held = b""
        self._left = _MOST_REPLIES

    def readline(self, limit: int) -> bytes:
        """The next line with its end. Empty when the server hung up, also within a line: half an answer is none."""
        while b"\n" not in self._held and len(self._held) < limit and self._take():
            pass
        end = min(self._held.find(b"\n") + 1, limit) or (limit if len(self._held) >= limit else 0)
        line, self._held = self._held[:end], self._held[end:]
        return line

    def spoke(self) -> bool:
        """Something has come already, even if it is the end of the connection."""
        waiting = self._sock.gettimeout()
        self._sock.settimeout(0)
        try:
            if not self._held:
                self._take()
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            self._sock.settimeout(waiting)
        return True

    def close(self) -> None:
        """The socket is not ours."""

    def _take(self) -> bool:
        part = self._sock.recv(4096)
        self._left -= len(part)
        if self._left < 0:
            raise TooMuchError
        self._held += part
        return bool(part)


def stuffed(content: bytes) -> bytes:
    """Content whose lines end with CRLF, as it is sent: no line of it is the single dot that ends it."""
    return re.sub(rb"(?m)^\.", b"..", content)
