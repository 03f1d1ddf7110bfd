"""A mail becomes one observation, whatever its bytes are."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from mails import HEAD, ME, RECEIVED, noted, observed
from pydantic import JsonValue

from empla.senses import mail_message
from empla.senses.mail_message import Receipt
from empla.senses.observation import NewObservation
from empla.settings import Settings


def text_of(more: bytes, body: bytes) -> JsonValue:
    return observed(HEAD + more + b"\n\n" + body).content["text"]


# What a mail becomes


def test_a_mail_is_one_observation_of_whose_mailbox_it_is():
    raw = (
        b'From: "Doe, Jane" <Jane@Prospect.example>\r\nTo: Jordan <JORDAN@acme.example>, lee@acme.example\r\n'
        b"Cc: Team: a@x.example, (Bee) b@x.example;, c@x.example (Cee)\r\nReply-To: office@prospect.example\r\n"
        b"Subject: Re: The\r\n budget\r\nDate: Mon, 3 Mar 2025 10:00:00 +0100\r\nMessage-ID: <3@prospect.example>\r\n"
        b"In-Reply-To: <2@acme.example>\r\nReferences: <1@acme.example>\r\n <2@acme.example>\r\n\r\n"
        b"It is approved.\r\n\r\n\r\n\r\nJane\r\n"
    )
    assert observed(raw) == NewObservation(
        source="mail",
        external_id="3@prospect.example",
        recipient=ME,
        kind="mail_received",
        occurred_at=datetime(2025, 3, 3, 9, tzinfo=UTC),
        description="Doe, Jane <jane@prospect.example> wrote: Re: The budget",
        participants=(
            *("jane@prospect.example", ME, "lee@acme.example"),
            *("a@x.example", "b@x.example", "c@x.example"),
        ),
        content={
            "from": "jane@prospect.example",
            "from_name": "Doe, Jane",
            "to": [ME, "lee@acme.example"],
            "cc": ["a@x.example", "b@x.example", "c@x.example"],
            "reply_to": "office@prospect.example",
            "subject": "Re: The budget",
            "text": "It is approved.\n\nJane",
            "thread": "1@acme.example",
            "in_reply_to": "2@acme.example",
            "references": ["1@acme.example", "2@acme.example"],
            "attachments": [],
            "message_id": "3@prospect.example",
            "truncated": False,
        },
        tainted=True,
    )


def test_what_the_employee_wrote_is_sent_and_from_outside_all_the_same():
    sent = observed(HEAD.replace(b"Jane@Prospect.example", b"JORDAN@acme.example") + b"\nHi")
    assert (sent.kind, sent.tainted) == ("mail_sent", True)


def test_it_is_from_outside_unless_somebody_says_otherwise():
    assert observed(HEAD).tainted
    assert not NewObservation.model_fields["tainted"].is_required()


@pytest.mark.parametrize(
    ("headers", "thread"),
    [
        (b"References: <a@x> <b@x>\nIn-Reply-To: <b@x>\n", "a@x"),
        (b"In-Reply-To: <b@x>\n", "b@x"),
        (b"In-Reply-To: Your message of Monday <b@x>\n", "b@x"),
        (b"References: \nIn-Reply-To: \n", "1@prospect.example"),
        (b"", "1@prospect.example"),
        (b"References: a@x b@x\n", "a@x"),
    ],
)
def test_a_thread_is_named_by_its_root(headers: bytes, thread: str):
    assert observed(HEAD + headers).content["thread"] == thread


def test_an_answer_to_a_mail_with_an_endless_id_is_in_its_thread():
    endless = b"<" + b"x" * 600 + b"@x>"
    root, notes = noted(HEAD.replace(b"<1@prospect.example>", endless))
    answer = observed(HEAD + b"References: " + endless + b"\n")
    assert notes == ["too long a Message-ID, so its digest names it"]
    assert answer.content["thread"] == root.content["thread"] == root.content["message_id"]
    assert len(root.external_id) == len(str(root.content["thread"])) == 71


def test_without_an_id_the_digest_names_it_however_its_lines_end():
    raw = HEAD.replace(b"Message-ID: <1@prospect.example>\n", b"") + b"\nHi\n"
    found, notes = noted(raw)
    assert notes == ["no Message-ID, so its digest names it"]
    assert found.external_id.startswith("sha256:")
    assert (found.content["message_id"], found.content["thread"]) == (None, found.external_id)
    assert noted(raw.replace(b"\n", b"\r\n") + b"\r\n")[0] == found
    assert noted(raw + b"!")[0].external_id != found.external_id


def test_many_references_keep_the_root_and_the_latest():
    ids = b" ".join(b"<%d@x>" % number for number in range(200))
    references = observed(HEAD + b"References: " + ids + b"\n").content["references"]
    assert references == ["0@x", *(f"{number}@x" for number in range(151, 200))]


# When


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        (b"Sun, 2 Mar 2025 23:30:00 -0500", "2025-03-03T04:30:00+00:00"),
        (b"2 Mar 2025 23:30 -0000", "2025-03-02T23:30:00+00:00"),
        (b"Mon, 3 Mar 25 09:00:00 GMT (a comment)", "2025-03-03T09:00:00+00:00"),
        (b"Mon, 3 Mar 2025 09:33:00 +0000", RECEIVED.isoformat()),  # a clock that is three minutes fast
    ],
)
def test_a_date_is_read_in_utc(date: bytes, moment: str):
    assert observed(HEAD.replace(b"Mon, 3 Mar 2025 10:00:00 +0100", date)).occurred_at.isoformat() == moment


@pytest.mark.parametrize(
    "date",
    [
        *(
            b"yesterday",
            b"",
            b"Mon, 32 Mar 2025 10:00:00 +0000",
            b"1 Jan 0101 00:00:00 +1400",
            b"1 Jan 1969 00:00:00 +0000",
        ),
        *(b"31 Dec 9999 23:59:59 -1400", b"\xff\xfe", b"3 Mar 2025 99:99:99 +9999", b"9" * 5000, b"=?utf-8?q?3_Mar?="),
    ],
)
def test_a_date_that_is_none_gives_way_to_the_receipt(date: bytes):
    found, notes = noted(HEAD.replace(b"Mon, 3 Mar 2025 10:00:00 +0100", date))
    assert found.occurred_at == RECEIVED
    assert notes in (
        ["no Date that can be read; the time of receipt counts"],
        ["a Date after its receipt; the time of receipt counts"],
    )


def test_nothing_is_sent_after_it_was_received():
    raw = HEAD.replace(b"3 Mar 2025", b"4 Mar 2025")
    found, notes = noted(raw)
    assert (found.occurred_at, notes) == (RECEIVED, ["a Date after its receipt; the time of receipt counts"])
    within = Receipt(RECEIVED, give_or_take=timedelta(hours=24))
    parsed = mail_message.parse(raw, recipient=ME, receipt=within, settings=Settings())
    assert parsed.observation is not None
    assert parsed.observation.occurred_at == datetime(2025, 3, 4, 9, tzinfo=UTC)


# Who


@pytest.mark.parametrize(
    ("written", "email", "name"),
    [
        (b"jane@x.example", "jane@x.example", ""),
        (b"<jane@x.example>", "jane@x.example", ""),
        (b"Doe, Jane <jane@x.example>", "jane@x.example", "Jane"),
        (b"jane@x.example (Jane Doe)", "jane@x.example", "Jane Doe"),
        (b"=?iso-8859-1?Q?Ren=E9e_M=FCller?= <r@x.example>", "r@x.example", "Renée Müller"),
        (b"=?utf-8?B?w6k=?= =?utf-8?B?w6g=?= <r@x.example>", "r@x.example", "éè"),
        ("Renée <r@x.example>".encode(), "r@x.example", "Renée"),
        ("Renée <r@x.example>".encode("latin-1"), "r@x.example", "Renée"),
        (b"=?no-such?q?a?= <r@x.example>", "r@x.example", "a"),
        (b"=?utf-8?b?!!!?= <r@x.example>", "r@x.example", ""),
        (b"=?utf-8?b?abcde?= <r@x.example>", "r@x.example", "=?utf-8?b?abcde?="),
        (b'"a \\"b\\" <ceo@acme.example>" <r@x.example>', "r@x.example", "a b ceo@acme.example"),
        (b"ceo@acme.example <r@x.example>", "r@x.example", "ceo@acme.example"),
        (b"<@a.example,@b.example:r@x.example>", "r@x.example", ""),
        ("Zoë <zoë@bücher.example>".encode(), "zoë@bücher.example", "Zoë"),
        (b"=?utf-8?q?a=00=0D=0ABcc:_b@x.example=E2=80=AE?= <r@x.example>", "r@x.example", "a Bcc: b@x.example"),
    ],
)
def test_a_sender_is_read(written: bytes, email: str, name: str):
    content = observed(HEAD.replace(b"Jane Doe <Jane@Prospect.example>", written)).content
    assert (content["from"], content["from_name"]) == (email, name)


@pytest.mark.parametrize(
    "written", [b"", b"Jane", b"<>", b"@", b"a@", b"(((((", b'"', b"a@" + b"x" * 300, b"x" * 300 + b"@a", b"a@b@c"]
)
def test_a_sender_that_is_none_is_noted(written: bytes):
    found, notes = noted(HEAD.replace(b"Jane Doe <Jane@Prospect.example>", written))
    assert (found.content["from"], notes) == (None, ["no From that can be read"])
    assert found.description == "Somebody wrote: The budget"


def test_of_two_senders_the_first_counts():
    for raw in (HEAD + b"From: eve@x.example\n", HEAD.replace(b".example>\nTo", b".example>, eve@x.example\nTo")):
        found, notes = noted(raw)
        assert (found.content["from"], notes) == ("jane@prospect.example", ["more than one From; the first counts"])


def test_no_header_hides_in_another():
    injected = b"Subject: a\rBcc: b@x.example =?utf-8?q?c=0D=0ABcc:_d@x.example?=\n"
    found = observed(HEAD.replace(b"Subject: The budget\n", injected) + b"\nHi")
    assert found.content["subject"] == "a Bcc: b@x.example c Bcc: d@x.example"
    assert found.participants == ("jane@prospect.example", ME)
    assert found.description.isprintable()


def test_many_recipients_are_bounded():
    to = b", ".join(b"p%d@x.example" % number for number in range(3000))
    found = observed(HEAD + b"Cc: " + to + b"\n")
    assert len(found.participants) == 202


# What it says

ALTERNATIVE = (
    b'MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary="=_b"\n\n'
    b"--=_b\nContent-Type: text/plain\n\nPlain.\n--=_b\nContent-Type: text/html\n\n<p>Rich.</p>\n--=_b--\n"
)


def test_plain_text_is_preferred():
    assert observed(HEAD + ALTERNATIVE).content["text"] == "Plain."
    assert observed(HEAD + ALTERNATIVE.replace(b"Plain.", b"  ")).content["text"] == "Rich."


def test_html_becomes_text():
    page = (
        b"<html><head><title>No</title><style>p{}</style></head><body><!-- no --><p>Dear&nbsp;Jordan,<br>see\n<a href='http://x'>"
        b"the offer</a> &lt;b&gt; &eacute;.</p><script>no()</script><ul><li>one<li>two</ul><table><tr><td>1<td>2</table>3 < 4</body>"
    )
    text = text_of(b"Content-Type: text/html; charset=utf-8", page)
    assert text == "Dear Jordan,\nsee the offer <b> é.\n\none\ntwo\n\n1 2\n3 < 4"


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        (b"utf-8", "naïve €".encode(), "naïve €"),
        (b"ISO-8859-15", "naïve €".encode("iso-8859-15"), "naïve €"),
        (b"iso-2022-jp", "日本".encode("iso-2022-jp"), "日本"),
        (b"gb2312", "中文".encode("gb2312"), "中文"),
        (b"koi8-r", "Привет".encode("koi8-r"), "Привет"),
        (b"utf-16", "naïve".encode("utf-16"), "naïve"),
        (b"utf-7", b"na+AO8-ve", "naïve"),
        (b"us-ascii", "naïve".encode(), "naïve"),
        (b"us-ascii", "naïve".encode("cp1252"), "naïve"),
        (b"utf-8", b"na\xefve", "na�ve"),
        (b'"utf-8"', "é".encode(), "é"),
        (b"utf-8", b"a\x00b\x07c\x1bd\xc2\x85e\xed\xa0\x80\xef\xbb\xbf", "abcd\ne���"),
    ],
)
def test_text_is_read_in_its_charset(charset: bytes, body: bytes, text: str):
    # UTF-16 is no text of lines, so all of them come in base64.
    more = b"Content-Transfer-Encoding: base64\nContent-Type: text/plain; charset=" + charset
    assert text_of(more, b64encode(body)) == text


@pytest.mark.parametrize(
    "charset", [b"x-unknown", b"punycode", b"rot13", b"zip", b"idna", b"unicode_escape", b"..", b"\0"]
)
def test_a_charset_that_is_none_is_noted_and_guessed(charset: bytes):
    more = b"Content-Type: text/plain; charset=" + charset + b"\n\n"
    for body in ("naïve".encode(), "naïve".encode("cp1252")):
        found, notes = noted(HEAD + more + body)
        assert found.content["text"] == "naïve"
        assert len(notes) == 1
        assert notes[0].startswith("a charset")


def test_a_page_may_name_its_charset_itself():
    page = b"<meta http-equiv=x content='text/html; charset=koi8-r'>" + "Привет".encode("koi8-r")
    assert text_of(b"Content-Type: text/html", page) == "Привет"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"base64", b"SGVsbG8sIHdvcmxk"),
        (b"BASE64", b"SGVs\r\nbG8s\nIHdv cmxk*=="),
        (b"base64", b"SGVsbG8sIHdvcmxkI"),
        (b"quoted-printable", b"Hello=2C=\n world"),
        (b"x-unknown", b"Hello, world"),
        (b"8bit", b"Hello, world"),
    ],
)
def test_text_is_decoded_as_well_as_it_can_be(encoding: bytes, body: bytes):
    assert text_of(b"Content-Transfer-Encoding: " + encoding, body) == "Hello, world"


def test_attachments_are_noted_and_not_kept():
    message = EmailMessage(policy=SMTP)
    message.set_content("See the offer.")
    message.add_attachment(b"%PDF" * 1000, maintype="application", subtype="pdf", filename="Angebot für\n Jordan.pdf")
    message.add_attachment("a,b\n", subtype="csv", filename="../../etc/passwd")
    message.add_attachment(message_of(b"secret"))
    found = observed(HEAD + message.as_bytes())
    assert found.content["text"] == "See the offer."
    names = [("Angebot für Jordan.pdf", "application/pdf", 4000), ("../../etc/passwd", "text/csv", 4)]
    assert [each for each in attachments(found) if each[1] != "message/rfc822"] == names
    assert len(attachments(found)) == 3
    assert "secret" not in json.dumps(found.content)


def message_of(body: bytes) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message.set_content(body.decode())
    return message


def attachments(found: NewObservation) -> list[tuple[str, str, int]]:
    listed: Any = found.content["attachments"]
    return [(each["name"], each["type"], each["bytes"]) for each in listed]


def test_a_mail_that_was_cut_off_is_read_as_far_as_it_goes():
    assert (
        observed(HEAD + ALTERNATIVE[: ALTERNATIVE.index(b"\n--=_b\nContent-Type: text/html")]).content["text"]
        == "Plain."
    )


def test_a_mail_without_a_subject_or_body():
    found = observed(HEAD.replace(b"Subject: The budget\n", b""))
    assert found.description == "Jane Doe <jane@prospect.example> wrote without a subject"
    assert (found.content["subject"], found.content["text"]) == ("", "")
