"""A real IMAP server on loopback, and a certificate for it that nobody but a test trusts."""

import imaplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from threading import Event, Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from empla.senses.imap_client import ImapAccount, Tls

LOGIN, PASSWORD = "jordan", 'hunter2 and mo\\re "ß"'
HOST = "127.0.0.1"


@dataclass(frozen=True)
class MailServer:
    port: int
    certificate: Path

    def account(
        self, *, tls: Tls = "none", port: int | None = None, folder: str = "INBOX", password: str = PASSWORD
    ) -> ImapAccount:
        return ImapAccount(
            host=HOST, port=port or self.port, login=LOGIN, password=SecretStr(password), tls=tls, folder=folder
        )

    @contextmanager
    def session(self) -> Generator[imaplib.IMAP4]:
        """Somebody else who is logged in, and may write."""
        with imaplib.IMAP4(HOST, self.port, timeout=20) as client:
            client.authenticate("PLAIN", lambda _: f"\0{LOGIN}\0{PASSWORD}".encode())
            yield client

    def receives(self, *mails: bytes, at: datetime, folder: str = "INBOX") -> None:
        with self.session() as client:
            for mail in mails:
                status, _ = client.append(folder, "", at, mail)
                assert status == "OK"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@contextmanager
def serving(folder: Path) -> Generator[MailServer]:
    """Starts the server with an empty INBOX, and stops it."""
    port, certificate, key = free_port(), folder / "certificate.pem", folder / "key.pem"
    make_certificate(certificate, key)
    command = [
        *(str(Path(sys.executable).with_name("pymap")), "--host", HOST, "--port", str(port)),
        *("--cert", str(certificate), "--key", str(key)),
        *("dict", "--demo-user", LOGIN, "--demo-password", PASSWORD),
    ]
    with (folder / "pymap.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(port, process)
            yield MailServer(port, certificate)
        finally:
            process.terminate()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, "the mail server ended"
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("the mail server does not answer")


def make_certificate(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test's own")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


@contextmanager
def speaking_tls(server: MailServer) -> Generator[int]:
    """A port that speaks TLS from the first byte, as 993 does, before the real server; for one connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.certificate.with_name("key.pem"))
    with socket.create_server((HOST, 0)) as listening:

        def serve() -> None:
            with suppress(OSError):  # who does not trust the certificate hangs up
                client = context.wrap_socket(listening.accept()[0], server_side=True)
                with closing(client), socket.create_connection((HOST, server.port)) as behind:
                    onward = Thread(target=_pump, args=(behind, client), daemon=True)
                    onward.start()
                    _pump(client, behind)
                    onward.join(20)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
    thread.join(20)


@dataclass(frozen=True)
class Impostor:
    port: int
    heard: list[bytes]
    ended: Event  # the conversation is over


@contextmanager
def saying(*lines: bytes, silent: bool = False) -> Generator[Impostor]:
    """A port that says these lines, one for each that it hears, and then hangs up, or says no more; TAG is the last command's."""
    heard: list[bytes] = []
    ended = Event()
    with socket.create_server((HOST, 0)) as listening:

        def serve() -> None:
            with suppress(OSError), closing(listening.accept()[0]) as client, client.makefile("rb") as reader:
                for number, line in enumerate(lines):
                    if number:
                        heard.append(reader.readline())
                    client.sendall(line.replace(b"TAG", heard[-1].split()[0] if heard else b"*"))
                while silent and (line := reader.readline()):
                    heard.append(line)
            ended.set()

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield Impostor(listening.getsockname()[1], heard, ended)
    thread.join(20)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
