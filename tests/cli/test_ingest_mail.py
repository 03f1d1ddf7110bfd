"""`empla ingest` for mail: whose mailbox it is, what is missing, and the password from the environment alone."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import imap_server
import pytest
from imap_server import HOST, LOGIN, PASSWORD, MailServer

from empla import sealing
from empla.senses import mail_imap

if TYPE_CHECKING:
    from conftest import Run

ME = "jordan@acme.example"
KEYS = [
    *("rows_read", "rows_left_out", "observations", "new", "known", "changed"),
    *("addressed_to_nobody_here", "oddities"),
]


def mail(number: int) -> bytes:
    return (
        f"From: Jane <jane@prospect.example>\nTo: {ME}\nSubject: Letter {number}\n"
        f"Date: Mon, 3 Mar 2025 09:00:00 +0000\nMessage-ID: <{number}@prospect.example>\n\nHello.\n"
    ).encode()


@pytest.fixture
def jordan(empla: "Run", slug: str) -> tuple[str, ...]:
    """Whose mailbox it is."""
    hired = empla("employee", "hire", "--tenant", slug, "--name", "Jordan", "--role", "custom", "--email", ME)
    assert hired.code == 0, hired.err
    return ("--tenant", slug, "--employee", ME.upper())


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    path = tmp_path / "box"
    envelope = b"From jane Mon Mar  3 10:00:00 2025\n"
    path.write_bytes(b"\n".join(envelope + each for each in (mail(1), mail(2), mail(1))))
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with imap_server.serving(tmp_path_factory.mktemp("imap")) as server:
        server.receives(*(mail(number) for number in range(5)), at=datetime(2025, 3, 3, 10, tzinfo=UTC))
        yield server


def test_an_mbox_goes_into_an_employees_inbox_once(empla: "Run", jordan: tuple[str, ...], mbox: Path):
    first = empla("ingest", str(mbox), "--source", "mbox", *jordan, "--json").json
    assert list(first) == KEYS
    assert (first["rows_read"], first["rows_left_out"], first["new"]) == (3, 1, 2)
    assert first["oddities"] == [{"reason": "a copy of one before it", "kept": False, "count": 1, "first": "box:19"}]
    again = empla("ingest", str(mbox), "--source", "mbox", *jordan)
    assert "0 new, 2 known already, 0 known with another content" in again.out


def test_a_maildir_goes_into_an_employees_inbox(empla: "Run", jordan: tuple[str, ...], tmp_path: Path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1.a").write_bytes(mail(1))
    said = empla("ingest", str(tmp_path), "--source", "maildir", *jordan)
    assert said.out.startswith("1 rows read, 0 left out, 1 observations\n1 new,"), said


def test_a_server_is_read_in_pieces_and_goes_on_where_it_was(
    empla: "Run", jordan: tuple[str, ...], server: MailServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("EMPLA_IMAP_PASSWORD", PASSWORD)
    monkeypatch.setattr(mail_imap, "MOST_MAILS", 2)
    where = ("--source", "imap", "--host", HOST, "--port", str(server.port), "--login", LOGIN, "--tls", "none")
    first = empla("ingest", *where, *jordan, "--json").json
    assert list(first) == [*KEYS, "cursor"]
    assert (first["rows_read"], first["new"]) == (5, 5)
    assert empla("ingest", *where, *jordan, "--json").json["known"] == 5
    later = empla("ingest", *where, *jordan, "--since", first["cursor"])
    assert later.out.startswith("0 rows read"), later
    assert later.out.endswith(f"What comes later: --since {first['cursor']}\n")


def test_a_connected_mailbox_is_read_on_from_where_it_was(
    empla: "Run", jordan: tuple[str, ...], server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("EMPLA_SECRET_KEYS", sealing.new_key())
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\n", encoding="utf-8")
    settings = json.dumps({"host": HOST, "port": server.port, "login": LOGIN, "tls": "none"})
    connect = ("--kind", "imap", "--settings", settings, "--secret-file", str(secret))
    made = empla("integrations", "connect", "box", *jordan[:2], *connect)
    assert made.code == 0, made.err
    assert PASSWORD not in empla("integrations", *jordan[:2], "--json").out
    read = ("ingest", "--source", "imap", "--integration", "box", *jordan, "--json")
    assert empla(*read).json["new"] == 5
    assert empla(*read).json["rows_read"] == 0
    other = empla("ingest", "--source", "imap", "--integration", "nothing", *jordan)
    assert (other.code, other.err) == (3, "empla: there is no integration 'nothing'\n")


@pytest.mark.parametrize(
    ("arguments", "password", "code", "sentence"),
    [
        (("BOX", "--source", "mbox"), None, 2, "--source mbox needs --employee: whose mailbox it is"),
        (("--source", "mbox", "--employee", ME), None, 2, "--source mbox needs a PATH"),
        (("--source", "crm"), None, 2, "--source crm needs a PATH"),
        (("--source", "imap", "--employee", ME), None, 2, "--source imap needs --host and --login"),
        (
            ("--source", "imap", "--employee", ME, "--host", HOST, "--login", LOGIN),
            None,
            2,
            "--source imap needs the password in EMPLA_IMAP_PASSWORD",
        ),
        (("BOX", "--source", "imap", "--employee", ME), None, 2, "--source imap reads a server, so it takes no PATH"),
        (
            ("--source", "imap", "--employee", ME, "--host", HOST, "--login", LOGIN, "--port", "1"),
            PASSWORD,
            7,
            f"the mail server {HOST}:1 can't be reached: Connection refused",
        ),
        (
            ("--source", "imap", "--employee", ME, "--host", HOST, "--login", LOGIN, "--port", "0"),
            PASSWORD,
            2,
            "--port is a number from 1 to 65,535",
        ),
        (
            ("--source", "imap", "--employee", ME, "--host", "mail.example", "--login", LOGIN, "--tls", "none"),
            PASSWORD,
            6,
            "mail.example:143 without TLS would show the password to all who listen; use implicit or starttls",
        ),
    ],
)
@pytest.mark.usefixtures("jordan")
def test_what_is_missing_or_fails_is_one_sentence(
    arguments: tuple[str, ...],
    password: str | None,
    code: int,
    sentence: str,
    empla: "Run",
    slug: str,
    mbox: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    if password is not None:
        monkeypatch.setenv("EMPLA_IMAP_PASSWORD", password)
    said = empla("ingest", *(str(mbox) if each == "BOX" else each for each in arguments), "--tenant", slug)
    assert (said.code, said.err, said.out) == (code, f"empla: {sentence}\n", "")


def test_a_stranger_has_no_mailbox_here(empla: "Run", slug: str, mbox: Path):
    said = empla("ingest", str(mbox), "--source", "mbox", "--tenant", slug, "--employee", "casey@acme.example")
    assert (said.code, said.err) == (3, f"empla: there is no employee 'casey@acme.example' in {slug}\n")
