"""Mailboxes in files become observations, in a real inbox too, and the files stay as they were."""

import mailbox
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories import a_simulated_tenant
from hypothesis import given
from hypothesis import strategies as st
from living import hired
from pydantic import JsonValue

from empla.employees import employees
from empla.errors import InvalidError
from empla.memory import episodic
from empla.senses import inbox
from empla.senses.inbox import Delivery
from empla.senses.mail_files import read_maildir, read_mbox
from empla.senses.observation import Reading
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller

ME = "jordan@acme.example"
NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
ENVELOPE = b"From jane@prospect.example Mon Mar  3 12:00:00 2025\n"


def mail(number: int, *, body: str = "Hello.", more: str = "", hours: float = 0) -> bytes:
    sent = NOON - timedelta(hours=hours)
    return (
        f"From: Jane Doe <jane@prospect.example>\nTo: {ME}\nSubject: Letter {number}\n"
        f"Date: {sent:%d %b %Y %H:%M:%S} +0000\nMessage-ID: <{number}@prospect.example>\n{more}\n{body}\n"
    ).encode()


def mbox(folder: Path, *mails: bytes, envelope: bytes = ENVELOPE) -> Path:
    path = folder / "jordan.mbox"
    path.write_bytes(b"\n".join(envelope + each for each in mails))
    return path


def maildir(folder: Path, *mails: bytes) -> Path:
    """Every second one was seen."""
    path = folder / "Maildir"
    for name in ("new", "cur", "tmp"):
        (path / name).mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(mails):
        place = (
            f"cur/{1741003200 + number}.{number}.host:2,S" if number % 2 else f"new/{1741003200 + number}.{number}.host"
        )
        (path / place).write_bytes(each)
    return path


def of_mbox(path: Path, **settings: int) -> Reading:
    return read_mbox(path, recipient=ME, settings=Settings.model_validate(settings))


def of_maildir(path: Path, **settings: int) -> Reading:
    return read_maildir(path, recipient=ME, settings=Settings.model_validate(settings))


def subjects(reading: Reading) -> list[JsonValue]:
    return [each.content["subject"] for each in reading.observations]


def told(reading: Reading) -> list[tuple[str, int | None, str | None, str, bool]]:
    return [(each.file, each.line, each.item, each.reason, each.kept) for each in reading.oddities]


# mbox


def test_an_mbox_is_read_the_oldest_mail_first(tmp_path: Path):
    reading = of_mbox(mbox(tmp_path, mail(1, hours=1), mail(2, hours=3), mail(3, hours=2)))
    assert subjects(reading) == ["Letter 2", "Letter 3", "Letter 1"]
    assert (reading.rows_read, reading.rows_left_out, reading.oddities) == (3, 0, [])
    assert [each.content["text"] for each in reading.observations] == ["Hello."] * 3


def test_a_library_that_writes_mboxes_is_understood(tmp_path: Path):
    box = mailbox.mbox(tmp_path / "written")
    bodies = ["Hello.\n\nFrom here on, all is well.\n\nFrom jane@x.example Mon Mar  3 12:00:00 2025\n", "Bye."]
    for number, body in enumerate(bodies):
        box.add(mail(number, body=body, hours=2 - number))
    box.close()
    reading = of_mbox(tmp_path / "written")
    assert [each.content["text"] for each in reading.observations] == [bodies[0].strip(), "Bye."]


def test_a_line_that_begins_with_from_is_no_new_mail_without_a_time(tmp_path: Path):
    reading = of_mbox(mbox(tmp_path, mail(1, body="Hello.\n\nFrom my desk, with a view.\n\n>From me\n>>From you")))
    assert [each.content["text"] for each in reading.observations] == [
        "Hello.\n\nFrom my desk, with a view.\n\nFrom me\n>From you"
    ]


@pytest.mark.parametrize(
    ("envelope", "received"),
    [
        (b"From x Mon Mar  3 12:00:00 2025\n", NOON),
        (b"From 1823@xxx Mon Mar 03 14:00:00 +0200 2025\r\n", NOON),
        (b"From - Mon Mar  3 12:00 2025 +0000\n", NOON),
        (b"From ???@??? Mon Mar 03 07:00:00 EST 2025\n", NOON),
    ],
)
def test_without_a_date_the_time_of_the_envelope_counts(tmp_path: Path, envelope: bytes, received: datetime):
    reading = of_mbox(mbox(tmp_path, b"From: jane@x.example\nMessage-ID: <1@x>\n\nHi\n", envelope=envelope))
    assert reading.observations[0].occurred_at == received
    assert told(reading) == [("jordan.mbox", 1, None, "no Date that can be read; the time of receipt counts", True)]


def test_without_any_time_that_of_the_file_counts(tmp_path: Path):
    path = mbox(tmp_path, b"From: jane@x.example\nMessage-ID: <1@x>\n\nHi\n", envelope=b"From nobody\n")
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))
    assert of_mbox(path).observations[0].occurred_at == NOON


def test_an_envelope_in_local_time_does_not_make_a_date_late(tmp_path: Path):
    reading = of_mbox(mbox(tmp_path, mail(1, hours=-9), mail(2, hours=-30)))
    assert [each.occurred_at for each in reading.observations] == [NOON, NOON + timedelta(hours=9)]
    assert told(reading) == [("jordan.mbox", 10, None, "a Date after its receipt; the time of receipt counts", True)]


def test_each_mail_is_read_once_and_copies_are_told_from_others(tmp_path: Path):
    reading = of_mbox(mbox(tmp_path, mail(1), mail(2), mail(1), mail(2, body="Something else.")))
    assert subjects(reading) == ["Letter 1", "Letter 2"]
    assert (reading.rows_read, reading.rows_left_out) == (4, 2)
    assert told(reading) == [
        ("jordan.mbox", 19, None, "a copy of one before it", False),
        ("jordan.mbox", 28, None, "the Message-ID of another one before it", False),
    ]


def test_a_mail_that_is_too_large_is_left_out_and_not_held(tmp_path: Path):
    reading = of_mbox(mbox(tmp_path, mail(1), mail(2, body="x" * 200_000), mail(3)), mail_max_bytes=10_000)
    assert subjects(reading) == ["Letter 1", "Letter 3"]
    assert told(reading) == [("jordan.mbox", 10, None, "larger than 10,000 bytes (EMPLA_MAIL_MAX_BYTES)", False)]


def test_line_ends_of_another_system_make_no_difference(tmp_path: Path):
    unix = of_mbox(mbox(tmp_path, mail(1), mail(2)))
    path = tmp_path / "jordan.mbox"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert of_mbox(path).observations == unix.observations


def test_an_empty_mbox_has_no_mails(tmp_path: Path):
    (tmp_path / "empty").touch()
    assert (of_mbox(tmp_path / "empty").rows_read, of_mbox(tmp_path / "empty").observations) == (0, [])


def test_what_is_no_mbox_is_one_sentence(tmp_path: Path):
    (tmp_path / "letter.txt").write_text("Dear Jordan,\n")
    os.mkfifo(tmp_path / "pipe")
    for name, sentence in (
        ("nothing", f"{tmp_path}/nothing can't be read: No such file or directory."),
        ("letter.txt", f'{tmp_path}/letter.txt is no mbox: it does not begin with "From ".'),
        ("pipe", f"{tmp_path}/pipe is not a file."),
        (".", f"{tmp_path} is not a file."),
    ):
        with pytest.raises(InvalidError) as raised:
            of_mbox(tmp_path / name)
        assert str(raised.value) == sentence


@given(data=st.lists(st.sampled_from([ENVELOPE, b"From ", b"\n", b"a", mail(1), mail(2), b"\xff\0"]), max_size=20))
def test_whatever_follows_an_envelope_is_a_row(data: list[bytes], tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("any") / "mbox"
    path.write_bytes(ENVELOPE + b"".join(data))
    reading = of_mbox(path)
    assert reading.rows_read >= 1
    assert reading.rows_read - reading.rows_left_out == len(reading.observations)
    assert of_mbox(path) == reading


# Maildir


def test_a_maildir_is_read_and_stays_as_it_was(tmp_path: Path):
    path = maildir(tmp_path, mail(1, hours=1), mail(2, hours=3), mail(3, hours=2))
    (path / "tmp" / "half").write_bytes(b"From: ")
    (path / "cur" / ".hidden").write_bytes(mail(9))
    before = {each: each.stat() for each in path.rglob("*")}
    reading = of_maildir(path)
    assert subjects(reading) == ["Letter 2", "Letter 3", "Letter 1"]
    assert (reading.rows_read, reading.oddities) == (3, [])
    after = {each: each.stat() for each in path.rglob("*")}
    assert {each: (stat.st_mtime_ns, stat.st_mode) for each, stat in after.items()} == {
        each: (stat.st_mtime_ns, stat.st_mode) for each, stat in before.items()
    }


def test_a_library_that_writes_maildirs_is_understood(tmp_path: Path):
    box = mailbox.Maildir(tmp_path / "Mail")
    for number in range(3):
        box.add(mail(number, hours=3 - number))
    assert subjects(of_maildir(tmp_path / "Mail")) == ["Letter 0", "Letter 1", "Letter 2"]


def test_a_maildir_says_when_a_mail_came(tmp_path: Path):
    path = maildir(tmp_path, b"From: jane@x.example\nMessage-ID: <1@x>\n\nHi\n")
    (path / "cur" / "copied").write_bytes(b"From: jane@x.example\nMessage-ID: <2@x>\n\nHi\n")
    os.utime(path / "cur" / "copied", (NOON.timestamp() - 60, NOON.timestamp() - 60))
    reading = of_maildir(path)
    assert [each.occurred_at for each in reading.observations] == [NOON - timedelta(minutes=1), NOON]
    reason = "no Date that can be read; the time of receipt counts"
    assert told(reading) == [
        ("Maildir", None, "new/1741003200.0.host", reason, True),
        ("Maildir", None, "cur/copied", reason, True),
    ]


def test_a_flag_makes_no_other_mail(tmp_path: Path):
    path = maildir(tmp_path, mail(1), mail(2))
    first = of_maildir(path)
    (path / "new" / "1741003200.0.host").rename(path / "cur" / "1741003200.0.host:2,RS")
    assert of_maildir(path) == first


def test_links_and_what_is_no_file_are_not_read(tmp_path: Path):
    path = maildir(tmp_path, mail(1))
    (tmp_path / "secret").write_bytes(mail(2))
    (path / "new" / "link").symlink_to(tmp_path / "secret")
    (path / "new" / "folder").mkdir()
    os.mkfifo(path / "new" / "pipe")
    reading = of_maildir(path)
    assert subjects(reading) == ["Letter 1"]
    reason = "a symbolic link or no file, which is not read"
    assert told(reading) == [("Maildir", None, f"new/{name}", reason, False) for name in ("folder", "link", "pipe")]


def test_a_large_file_is_left_out(tmp_path: Path):
    reading = of_maildir(maildir(tmp_path, mail(1), mail(2, body="x" * 20_000)), mail_max_bytes=10_000)
    assert subjects(reading) == ["Letter 1"]
    assert [each[3] for each in told(reading)] == ["larger than 10,000 bytes (EMPLA_MAIL_MAX_BYTES)"]


def test_a_name_that_is_no_text_is_shown_all_the_same(tmp_path: Path):
    path = maildir(tmp_path)
    Path(os.fsdecode(os.fsencode(path) + b"/new/\xff")).write_bytes(b"nothing")
    assert told(of_maildir(path)) == [("Maildir", None, "new/?", "no mail: it has no header that mails have", False)]


def test_what_is_no_maildir_is_one_sentence(tmp_path: Path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "cur").symlink_to(tmp_path)
    for name, sentence in (
        (".", f"{tmp_path} is no Maildir: it has neither a folder new nor a folder cur."),
        ("nothing", f"{tmp_path}/nothing is no Maildir: it has neither a folder new nor a folder cur."),
        ("linked", f"{tmp_path}/linked/cur is a symbolic link, which is not followed."),
    ):
        with pytest.raises(InvalidError) as raised:
            of_maildir(tmp_path / name)
        assert str(raised.value) == sentence


def test_both_kinds_of_mailbox_give_the_same(tmp_path: Path):
    mails = [mail(1, more="In-Reply-To: <0@acme.example>\n"), mail(2, body="From now on"), mail(3, hours=5)]
    assert of_mbox(mbox(tmp_path, *mails)).observations == of_maildir(maildir(tmp_path, *mails)).observations


# The inbox


async def test_mails_are_delivered_once_and_perceived_in_one_cycle(database: Database, rival: Caller, tmp_path: Path):
    jordan = await hired(database)
    other = await hired(database)
    mails = [mail(1, hours=72), mail(2, hours=71, more="In-Reply-To: <1@prospect.example>\n")]
    reading = of_mbox(mbox(tmp_path, *mails))
    staff = {ME: jordan.employee}
    assert await inbox.deliver_all(database, jordan.caller, reading.observations, recipients=staff) == Delivery(new=2)
    again = of_maildir(maildir(tmp_path, *mails))
    assert await inbox.deliver_all(database, jordan.caller, again.observations, recipients=staff) == Delivery(known=2)

    outcome = await jordan.lives()
    assert outcome.perceived == 2
    assert (await other.lives()).perceived == 0
    async with database.read(jordan.caller) as tx:
        remembered = list(reversed(await episodic.latest(tx, employee=jordan.employee)))
    assert [each.description for each in remembered] == [
        f"Jane Doe <jane@prospect.example> wrote: Letter {number}" for number in (1, 2)
    ]
    assert [each.content.to_json()["thread"] for each in remembered] == ["1@prospect.example"] * 2
    assert remembered[0].participants == ["jane@prospect.example", ME]
    assert await jordan.faults() == []
    for stranger in (other.caller, rival):
        async with database.read(stranger) as tx:
            assert await episodic.latest(tx, employee=jordan.employee) == []


async def test_the_oddest_mails_go_into_a_real_inbox(database: Database, tmp_path: Path):
    caller = await a_simulated_tenant(database)
    async with database.write(caller) as tx:
        employee = await employees.hire(tx, name="Jordan", role="custom", email=ME)
    odd = [
        b"Subject: \xff\xfe \x00 =?utf-8?q?=00=ED=A0=80?=\nMessage-ID: <"
        + b"\x00\xff" * 300
        + b"@x>\n\n\x00\xed\xa0\x80",
        b"To: " + b", ".join(b"p%d@x.example" % number for number in range(3000)) + b"\nMessage-ID: <2>\n\n",
        mail(3, body='\N{EURO SIGN}"\\' * 100_000, more="Content-Type: text/plain; charset=utf-8\n"),
        b"Date: 1 Jan 1970 00:00:00 +0000\nFrom: a@b.example\nSubject: " + b"s" * 70_000 + b"\nMessage-ID: <4>\n\n",
    ]
    reading = of_maildir(maildir(tmp_path, *odd), mail_max_text=1_000_000)
    assert (len(reading.observations), reading.rows_left_out) == (4, 0)
    delivery = await inbox.deliver_all(database, caller, reading.observations, recipients={ME: employee.id})
    assert delivery == Delivery(new=4)
