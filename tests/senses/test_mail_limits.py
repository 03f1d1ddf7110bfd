"""Whatever a mail holds, it takes no more than its limits, in room and in time."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mails import HEAD, RECEIVED, noted, observed, parse

from empla.shapes import check_json

# Limits


def test_what_is_too_large_is_left_out():
    parsed = parse(HEAD + b"\n" + b"x" * 5000, mail_max_bytes=2000)
    assert parsed.observation is None
    assert parsed.findings.faults == ["larger than 2,000 bytes (EMPLA_MAIL_MAX_BYTES)"]


@pytest.mark.parametrize("kind", [b"text/plain", b"text/html"])
def test_long_text_is_cut_and_says_so(kind: bytes):
    raw = HEAD + b"Content-Type: " + kind + b"\n\n" + b"a" * 100 + b"b"
    whole, cut = observed(raw, mail_max_text=101), observed(raw, mail_max_text=100)
    assert (whole.content["truncated"], cut.content["truncated"]) == (False, True)
    assert (len(str(whole.content["text"])), cut.content["text"]) == (101, "a" * 100)


def test_the_content_is_cut_to_what_an_observation_may_hold():
    raw = HEAD + b"Content-Type: text/plain; charset=utf-8\n\n" + '"\\€'.encode() * 2000
    found = observed(raw, max_content_bytes=2048)
    assert found.content["truncated"] is True
    assert str(found.content["text"]).startswith('"\\€')
    check_json(found.content, what="content", max_bytes=2048)
    to = b", ".join(b"person.%d@prospect.example" % number for number in range(100))
    parsed = parse(HEAD + b"Cc: " + to + b"\n\nHi", max_content_bytes=1024)
    assert parsed.findings.faults == ["more than 1,024 bytes of headers and attachments' names"]


def nested(depth: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth))


@pytest.mark.parametrize(
    ("bomb", "note"),
    [
        (nested(10_000), "more than 10 multiparts inside one another"),
        (nested(1) + b"\nx\n--b0\n" * 100_000, "more than 100 parts"),
        (nested(1) + (nested(1).replace(b"b0", b"c") + b"--b0\n") * 50_000, "more than 100 parts"),
        (b"X: y\n" * 1_000_000, "more than 262,144 bytes of headers"),
        (b"Content-Type: multipart/mixed\n\nHi", "a multipart without parts"),
        (b"Content-Type: multipart/mixed; boundary=never\n\nHi", "a multipart without parts"),
    ],
)
def test_a_bomb_does_not_go_off(bomb: bytes, note: str):
    started = time.process_time()
    assert note in noted(HEAD + bomb)[1]
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    "pattern",
    [b"(", b'"', b"<", b'\\"', b"=?a?q?", b"a@", b", ", b'"a" <', b"<!--", b"</", b"<a ", b"&#", b"a=", b"; a="],
)
def test_time_grows_with_the_bytes_only(pattern: bytes):
    def headers() -> bytes:
        names = (b"To", b"Cc", b"Subject", b"References", b"Content-Type", b"Content-Disposition")
        return b"".join(name + b": text/plain; x=" + pattern * (60_000 // len(pattern)) + b"\n" for name in names)

    started = time.process_time()
    parse(HEAD.replace(b"To: jordan@acme.example\nSubject: The budget\n", headers()) + b"\nHi")
    parse(HEAD + b"Content-Type: text/html\n\n" + pattern * (300_000 // len(pattern)))
    assert time.process_time() - started < 3


# Whatever comes

PIECES = st.sampled_from(
    [
        *(
            b"From: ",
            b"To: ",
            b"Subject: ",
            b"Date: ",
            b"Message-ID: ",
            b"References: ",
            b"Content-Type: ",
            b"\n",
            b"\r\n",
            b"\n\n",
        ),
        *(
            b"multipart/mixed; boundary=b",
            b"text/html",
            b"text/plain; charset=",
            b"utf-16",
            b"--b",
            b"--b--",
            b"<a@b>",
            b"a@b, ",
        ),
        *(
            b"=?utf-8?q?=00=ED=A0=80?=",
            b"=?utf-8?b?//8=?=",
            b"Content-Transfer-Encoding: base64",
            b"quoted-printable",
            b"\0",
            b"\r",
        ),
        *(
            b"<p>",
            b"<!--",
            b"<script",
            b"</",
            b"&#0;",
            b"&#xD800;",
            b"&#55296;",
            b"filename*0*=",
            b"name*=utf-8''%00",
            b"1 Jan 0001 ",
        ),
        *(
            b"(",
            b'"',
            b"\\",
            b"<",
            b">",
            b";",
            b"=",
            b"\xed\xa0\x80",
            b"\xff",
            b"+2AA-",
            b"Content-Disposition: attachment; ",
        ),
    ]
)
MAILS = st.one_of(
    st.binary(max_size=300),
    st.lists(PIECES | st.binary(max_size=4), max_size=40).map(b"".join),
    st.lists(PIECES | st.binary(max_size=4), max_size=40).map(lambda pieces: HEAD + b"".join(pieces)),
    st.lists(PIECES, max_size=40).map(
        lambda pieces: HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + b"".join(pieces)
    ),
)


@given(raw=MAILS)
@example(raw=HEAD + b"Content-Type: text/html\n\n&#0;&#55296;&#xD800;")
@example(raw=HEAD + b"Content-Type: text/plain; charset=utf-7\n\n+2AA-")
@example(raw=HEAD + b"Content-Type: a/b; name*=utf-16''%d8\n\n")
@example(raw=HEAD + b"Content-Type: a/b; name*=; name*0*; =c; name*x=3; name*\n\n")
def test_whatever_comes_is_read_or_reported_and_can_be_kept(raw: bytes):
    parsed = parse(raw, mail_max_text=100)
    assert not any("can't be read" in fault for fault in parsed.findings.faults)
    assert all(reason.isprintable() and len(reason) < 200 for reason in parsed.findings.faults + parsed.findings.notes)
    if parsed.observation is None:
        assert len(parsed.findings.faults) == 1
        return
    found = parsed.observation
    check_json(found.content, what="content")
    assert 1 <= len(found.external_id) <= 500
    assert 1 <= len(found.description) <= 500
    assert found.description.isprintable()
    assert len(str(found.content["text"])) <= 100
    assert len(found.participants) <= 1000
    for text in (found.external_id, found.description, *found.participants):
        check_json(text, what="text")
    assert found.occurred_at <= RECEIVED
    assert parse(raw, mail_max_text=100) == parsed


@given(body=st.binary(max_size=3000), most=st.integers(100, 500), room=st.integers(1024, 3000))
def test_limits_hold(body: bytes, most: int, room: int):
    found, _ = noted(HEAD + b"\n" + body, mail_max_text=most, max_content_bytes=room)
    assert len(str(found.content["text"])) <= most
    check_json(found.content, what="content", max_bytes=room)
