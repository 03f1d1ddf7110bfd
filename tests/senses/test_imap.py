"""A mailbox on a real IMAP server is read, each mail once, and nothing of it is changed or told."""

import asyncio
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import imap_server
import pytest
from imap_server import HOST, LOGIN, PASSWORD, MailServer
from pydantic import SecretStr

from empla.errors import EmplaError, InvalidError, UnavailableError
from empla.senses import imap_client
from empla.senses.imap_client import ImapAccount
from empla.senses.mail_imap import ImapCursor, ImapReading, read_imap
from empla.settings import Settings

ARRIVED = datetime(2025, 3, 3, 9, 30, tzinfo=UTC)
ME = "jordan@acme.example"


def mail(number: int, body: str = "Hello.") -> bytes:
    sent = ARRIVED - timedelta(hours=1)
    return (
        f"From: Jane Doe <jane@prospect.example>\r\nTo: {ME}\r\nSubject: Letter {number}\r\n"
        f"Date: {sent:%a, %d %b %Y %H:%M:%S} +0000\r\nMessage-ID: <{number}@prospect.example>\r\n\r\n{body}\r\n"
    ).encode()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with imap_server.serving(tmp_path_factory.mktemp("imap")) as server:
        yield server


@pytest.fixture
def server(shared: MailServer) -> MailServer:
    """With an empty INBOX."""
    with shared.session() as client:
        client.select("INBOX")
        client.store("1:*", "+FLAGS", r"(\Deleted)")
        client.expunge()
    return shared


async def read(account: ImapAccount, **more: object) -> ImapReading:
    options: dict[str, object] = {"recipient": ME, "settings": Settings()} | more
    return await read_imap(account, **options)  # pyright: ignore[reportArgumentType]


def subjects(reading: ImapReading) -> list[object]:
    return [each.content["subject"] for each in reading.observations]


# What is read


async def test_mails_are_read_with_the_time_that_they_state(server: MailServer):
    server.receives(mail(1), mail(2), at=ARRIVED)
    reading = await read(server.account())
    assert subjects(reading) == ["Letter 1", "Letter 2"]
    first = reading.observations[0]
    assert (first.recipient, first.external_id, first.kind) == (ME, "1@prospect.example", "mail_received")
    assert first.occurred_at == ARRIVED - timedelta(hours=1)
    assert (reading.rows_read, reading.rows_left_out, reading.oddities, reading.waiting) == (2, 0, [], 0)


async def test_without_a_date_the_arrival_counts(server: MailServer):
    server.receives(b"From: jane@x.example\r\nMessage-ID: <1@x>\r\n\r\nHi\r\n", at=ARRIVED)
    reading = await read(server.account())
    assert reading.observations[0].occurred_at == ARRIVED
    assert [each.reason for each in reading.oddities] == ["no Date that can be read; the time of receipt counts"]


async def test_nothing_is_marked_or_moved(server: MailServer, monkeypatch: pytest.MonkeyPatch):
    server.receives(mail(1), at=ARRIVED)
    sent: list[bytes] = []
    original = imap_client.Connection.send

    def recorded(connection: imap_client.Connection, data: bytes) -> None:
        sent.append(data)
        original(connection, data)

    with monkeypatch.context() as patch:
        patch.setattr(imap_client.Connection, "send", recorded)
        for _ in range(2):
            assert len((await read(server.account())).observations) == 1
    told = b" ".join(sent)
    assert b"EXAMINE" in told
    assert b"SELECT" not in told
    assert told.count(b"BODY") == told.count(b"BODY.PEEK[]") == 2
    with server.session() as client:
        client.select("INBOX", readonly=True)
        assert client.search(None, "SEEN") == ("OK", [b""])
        assert client.search(None, "ALL") == ("OK", [b"1"])


async def test_a_second_run_fetches_only_what_is_new(server: MailServer):
    server.receives(mail(1), mail(2), at=ARRIVED)
    first = await read(server.account())
    nothing = await read(server.account(), since=first.cursor)
    assert (nothing.rows_read, nothing.cursor) == (0, first.cursor)
    server.receives(mail(3), at=ARRIVED)
    second = await read(server.account(), since=ImapCursor.parse(str(first.cursor)))
    assert subjects(second) == ["Letter 3"]
    assert second.cursor == ImapCursor(first.cursor.validity, first.cursor.uid + 1)


async def test_a_limit_takes_those_that_came_first_and_says_how_many_wait(server: MailServer):
    server.receives(*(mail(number) for number in range(1, 6)), at=ARRIVED)
    first = await read(server.account(), limit=2)
    assert (subjects(first), first.waiting) == (["Letter 1", "Letter 2"], 3)
    second = await read(server.account(), since=first.cursor, limit=3)
    assert (subjects(second), second.waiting) == (["Letter 3", "Letter 4", "Letter 5"], 0)


async def test_numbers_that_were_given_anew_begin_again(server: MailServer):
    def fresh_folder() -> None:
        with server.session() as client:
            client.delete("Deals")
            client.create("Deals")
        server.receives(mail(1), at=ARRIVED, folder="Deals")

    fresh_folder()
    first = await read(server.account(folder="Deals"))
    fresh_folder()
    again = await read(server.account(folder="Deals"), since=first.cursor)
    assert again.cursor.validity != first.cursor.validity
    assert subjects(again) == ["Letter 1"]


async def test_more_mails_than_one_question_takes(server: MailServer):
    server.receives(*(mail(number) for number in range(230)), at=ARRIVED)
    reading = await read(server.account())
    assert {each.external_id for each in reading.observations} == {
        f"{number}@prospect.example" for number in range(230)
    }


async def test_a_mail_that_is_too_large_is_not_downloaded(server: MailServer, monkeypatch: pytest.MonkeyPatch):
    server.receives(mail(1), mail(2, body="x" * 5000), mail(3), at=ARRIVED)
    fetched: list[int] = []
    original = imap_client.Connection.read

    def counted(connection: imap_client.Connection, size: int) -> bytes:
        fetched.append(size)
        return original(connection, size)

    monkeypatch.setattr(imap_client.Connection, "read", counted)
    reading = await read(server.account(), settings=Settings(mail_max_bytes=2000))
    assert subjects(reading) == ["Letter 1", "Letter 3"]
    assert max(fetched) < 500
    [oddity] = reading.oddities
    assert (oddity.reason, oddity.kept) == ("larger than 2,000 bytes (EMPLA_MAIL_MAX_BYTES)", False)
    assert (oddity.file, oddity.line) == ("INBOX", reading.cursor.uid - 1)


async def test_a_folder_with_a_name_of_its_own(server: MailServer):
    with server.session() as client:
        client.create('"Entw&APw-rfe &- mehr"')
    server.receives(mail(7), at=ARRIVED, folder='"Entw&APw-rfe &- mehr"')
    assert subjects(await read(server.account(folder="Entwürfe & mehr"))) == ["Letter 7"]


# TLS


async def test_tls_from_the_first_byte(server: MailServer, monkeypatch: pytest.MonkeyPatch):
    server.receives(mail(1), at=ARRIVED)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    with imap_server.speaking_tls(server) as port:
        assert subjects(await read(server.account(tls="implicit", port=port))) == ["Letter 1"]


async def test_starttls(server: MailServer, monkeypatch: pytest.MonkeyPatch):
    server.receives(mail(1), at=ARRIVED)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    assert subjects(await read(server.account(tls="starttls"))) == ["Letter 1"]


async def test_a_certificate_that_nobody_trusts_is_refused(server: MailServer):
    sentence = f"the mail server {HOST}:%s has a certificate that is not trusted: self-signed certificate"
    with imap_server.speaking_tls(server) as port:
        await fails(server.account(tls="implicit", port=port), UnavailableError, sentence % port)
    await fails(server.account(tls="starttls"), UnavailableError, sentence % server.port)


async def test_a_certificate_for_another_host_is_refused(server: MailServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    account = server.account(tls="starttls").model_copy(update={"host": "localhost"})
    with pytest.raises(UnavailableError, match=r"has a certificate that is not trusted: Hostname mismatch"):
        await read(account)


async def test_without_starttls_no_password_is_sent():
    said = (b"* OK hello\r\n", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nTAG OK done\r\n")
    with imap_server.saying(*said, silent=True) as impostor:
        account = ImapAccount(host=HOST, port=impostor.port, login=LOGIN, password=SecretStr(PASSWORD), tls="starttls")
        await fails(account, UnavailableError, f"the mail server {HOST}:{impostor.port} offers no STARTTLS")
    assert [line.split()[1:] for line in impostor.heard] == [[b"CAPABILITY"]]


# What fails, in one sentence, without the password


async def fails(account: ImapAccount, kind: type[EmplaError], sentence: str, **more: object) -> None:
    with pytest.raises(kind) as raised:
        await read(account, **more)
    assert str(raised.value) == sentence
    told = "".join(traceback.format_exception(raised.value)) + repr(account) + str(account)
    assert account.password.get_secret_value() not in told
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("password", ["wrong", "näh", 'a\\b"c'])
async def test_a_wrong_password(server: MailServer, password: str):
    sentence = f"{HOST}:{server.port} refuses this login and password"
    await fails(server.account(password=password), InvalidError, sentence)


async def test_no_such_folder(server: MailServer):
    sentence = f"{HOST}:{server.port} opens no folder 'Nowhere' for this login"
    await fails(server.account(folder="Nowhere"), InvalidError, sentence)


async def test_nobody_listens():
    port = imap_server.free_port()
    account = ImapAccount(host=HOST, port=port, login=LOGIN, password=SecretStr(PASSWORD), tls="none")
    await fails(account, UnavailableError, f"the mail server {HOST}:{port} can't be reached: Connection refused")


async def test_a_server_that_does_not_answer():
    with imap_server.saying(silent=True) as impostor:
        account = ImapAccount(host=HOST, port=impostor.port, login=LOGIN, password=SecretStr(PASSWORD), tls="none")
        sentence = f"the mail server {HOST}:{impostor.port} does not answer within 0.3 s (EMPLA_MAIL_TIMEOUT)"
        await fails(account, UnavailableError, sentence, settings=Settings(mail_timeout=0.3))


@pytest.mark.parametrize(
    ("lines", "how"),
    [
        ([], "hung up, or sent what is not IMAP"),
        ([b"HTTP/1.1 400 Bad Request\r\n"], "hung up, or sent what is not IMAP"),
        ([b"* BYE full\r\n"], "does not answer as an IMAP server"),
        ([b"* OK hello\r\n", b"* CAPABILITY\r\n"], "hung up, or sent what is not IMAP"),
        ([b"* OK hello\r\n", b"* 1 FETCH (BODY[] {99999999999}\r\n"], "hung up, or sent what is not IMAP"),
        ([b"* OK " + b"x" * 21_000_000 + b"\r\n"], "hung up, or sent what is not IMAP"),
    ],
)
async def test_what_is_no_imap_server(lines: list[bytes], how: str):
    with imap_server.saying(*lines) as impostor:
        account = ImapAccount(host=HOST, port=impostor.port, login=LOGIN, password=SecretStr(PASSWORD), tls="none")
        await fails(account, UnavailableError, f"the mail server {HOST}:{impostor.port} {how}")


async def test_a_plain_port_that_is_asked_for_tls(server: MailServer):
    sentence = f"the mail server {HOST}:{server.port} does not speak TLS as it should"
    await fails(server.account(tls="implicit"), UnavailableError, sentence)


async def test_no_password_goes_over_the_network_in_the_clear():
    account = ImapAccount(host="mail.example", port=143, login=LOGIN, password=SecretStr(PASSWORD), tls="none")
    sentence = "mail.example:143 without TLS would show the password to all who listen; use implicit or starttls"
    await fails(account, InvalidError, sentence)
    account.model_copy(update={"allow_plaintext": True}).check()


@pytest.mark.parametrize("name", ["host", "login", "password", "folder"])
async def test_no_command_hides_in_a_name(name: str):
    written = {"host": HOST, "login": LOGIN, "password": PASSWORD, "folder": "INBOX"}
    account = ImapAccount.model_validate({**written, name: 'a"\r\nx DELETE INBOX', "tls": "none"})
    await fails(account, InvalidError, f"the {name} of an IMAP account is text without control characters")


@pytest.mark.parametrize("said", [(), (b"* OK hello\r\n",)])
async def test_who_gives_up_does_not_wait_for_the_server(said: tuple[bytes, ...]):
    with imap_server.saying(*said, silent=True) as impostor:
        account = ImapAccount(host=HOST, port=impostor.port, login=LOGIN, password=SecretStr(PASSWORD), tls="none")
        task = asyncio.create_task(read(account, settings=Settings(mail_timeout=20)))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(impostor.ended.wait, 5), "the thread has not hung up"


@pytest.mark.parametrize("text", ["", "1", "1:", "a:b", "1:2:3", "1:2\n", "99999999999:1", "١:٢"])
def test_what_is_no_cursor(text: str):
    with pytest.raises(InvalidError, match="does not say how far a folder was read"):
        ImapCursor.parse(text)


def test_an_account_does_not_show_its_password():
    account = ImapAccount(host=HOST, login=LOGIN, password=SecretStr(PASSWORD))
    assert PASSWORD not in f"{account} {account!r} {account.model_dump_json()}"
    with pytest.raises(ValueError, match="port") as raised:
        ImapAccount.model_validate({"host": HOST, "login": LOGIN, "password": PASSWORD, "port": 0})
    assert PASSWORD not in str(raised.value)
