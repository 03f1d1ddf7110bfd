"""Whatever is written into an e-mail, its headers are ours, and the text arrives."""

import email.policy
import re
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from outgoing import outgoing

from empla.effects.senders.message import build
from empla.effects.senders.smtp_line import stuffed
from empla.errors import InvalidError

HEADERS = {
    *("Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "X-Empla-Effect"),
    *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
}
EVIL = st.text() | st.lists(
    st.sampled_from(
        [
            *'\r\n\x0b\x0c\x1c\x85\u2028 ,;:<>@"\\()=?_.aé漢\ud800\x00\u202e',
            "\r\nBcc: eve@evil.example",
            "=?utf-8?q?=0ABcc:?=",
        ]
    )
).map("".join)


def parsed(content: bytes) -> EmailMessage:
    return BytesParser(policy=email.policy.default).parsebytes(content)


def written(text: str) -> list[str]:
    """Its lines, the last one's end written or not."""
    return re.sub("\r\n|\r", "\n", text).removesuffix("\n").split("\n")


def printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable() or letter in "\u202e ")[:100]


def whole(text: str) -> str:
    return "".join(letter for letter in text if not "\ud800" <= letter <= "\udfff")


# What is refused for one part alone would hide what the other parts do.
@settings(deadline=None)
@given(title=EVIL.map(lambda text: text[:500]), name=EVIL.map(printable), body=EVIL.map(whole))
@example(title="", name="Ada", body="\x00\x1b[2J")
@example(title="=?utf-8?q?=0ABcc:_eve@evil.example?=", name="=?utf-8?q?=0ABcc:_eve@evil.example?=", body="")
@example(title="a" * 1000, name="b" * 200, body=".\r\n" * 3)
@example(title="é" * 1000, name="é, " * 66, body="c" * 5000)
@example(title="Hi\r\nBcc: eve@evil.example", name="Ada", body="\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n")
def test_nothing_that_is_written_becomes_a_header(title: str, name: str, body: str):
    content = build(outgoing(title=title, name=name, body=body)).content
    assert content.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", content)
    assert max(map(len, content.split(b"\r\n"))) <= 998
    raw = content.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0].decode() for line in raw.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert sorted(names) == sorted(HEADERS)
    message = parsed(content)
    assert [each.addr_spec for each in message["From"].addresses] == ["ada@acme.example"]
    assert [each.addr_spec for each in message["To"].addresses] == ["bob@customer.example"]
    assert b"\r\n.\r\n" not in stuffed(b"\r\n" + content)
    assert written(message.get_content()) == written(body)


@settings(deadline=None)
@given(EVIL.filter(lambda text: not text.isascii() or not re.fullmatch(r"[a-z0-9.]+", text)))
def test_an_address_is_plain_or_refused(text: str):
    for address in (f"{text}@acme.example", f"ada@{text}", text, f"ada@acme.example{text}", f"{text}ada@acme.example"):
        try:
            mail = build(outgoing(to=(address,)))
        except InvalidError:
            continue
        [recipient] = mail.recipients
        assert not re.search(r"[\s<>,;:\"()\x00-\x20]", recipient)
        assert recipient.count("@") == 1
        [read] = parsed(mail.content)["To"].addresses
        assert read.domain.isascii()
        if not mail.international:
            assert read.addr_spec == recipient


@pytest.mark.parametrize(
    "address",
    ["", "ada", "@acme.example", "ada@", "a@b@c.example", "a b@c.example", "<a@c.example>", "a@c.example\r\nBcc: e@e.example",
     "a@[127.0.0.1]", '"a b"@c.example', "a@-c.example", "a@c..example", "a" * 65 + "@c.example", "a@" + "c." * 130 + "example",
     "a..b@c.example", ".a@c.example", "a@c.example,d@e.example", "a@c.example\u2028", "a\u00a0b@c.example", "a@c\ud800.example"],
)  # fmt: skip
def test_what_is_no_address(address: str):
    for wrong in (
        {"to": (address,)},
        {"sender": address},
        {"arguments": {"cc": [address]}},
        {"arguments": {"reply_to": address}},
    ):
        with pytest.raises(InvalidError, match="is not an e-mail address"):
            build(outgoing(**cast("Any", wrong)))


def test_a_name_with_a_line_break_is_refused_and_a_title_is_folded():
    with pytest.raises(InvalidError, match="the sender's name has a character"):
        build(outgoing(name="Ada\nBcc: eve@evil.example"))
    with pytest.raises(InvalidError, match="the sender's name has more than 200"):
        build(outgoing(name="a" * 201))
    with pytest.raises(InvalidError, match="the title has more than 1000"):
        build(outgoing(title="a" * 1001))
    message = parsed(build(outgoing(title="One\r\nBcc: two\x00\u2028three")).content)
    assert message["Subject"] == "One Bcc: two three"
    assert message["Bcc"] is None


@pytest.mark.parametrize(
    "name", ["Grüße, & <Söhne>", 'Ada "The" Lovelace', "a@b.example", "漢字" * 40, "x, y; z: (c) \\", "=?utf-8?q?a?="]
)
def test_a_name_arrives(name: str):
    message = parsed(build(outgoing(name=name)).content)
    [sender] = message["From"].addresses
    assert (sender.addr_spec, sender.display_name.replace(" ", "")) == (
        "ada@acme.example",
        name.replace(" ", ""),
    ) or "=?" in name


def test_a_thread_is_named_by_its_ids():
    ids = [f"<{'a' * 200}{number}@customer.example>" for number in range(5)]
    message = parsed(build(outgoing(arguments={"in_reply_to": ids[0], "references": [*ids]})).content)
    assert "".join(message["In-Reply-To"].split()) == ids[0]
    assert message["References"].split() == ids
    bare = parsed(build(outgoing(arguments={"in_reply_to": "a@b.example"})).content)
    assert bare["In-Reply-To"] == "<a@b.example>"  # as an observation of a mail has it
    for wrong in ("<a>\r\nBcc: e@e.example", ["<a b@c>"], 7, [7], "a@b>", [f"<{'a' * 300}@b>"]):
        with pytest.raises(InvalidError, match="names no message"):
            build(outgoing(arguments={"in_reply_to": cast("Any", wrong)}))


def test_the_same_effect_is_the_same_bytes_and_another_key_another_message():
    first, again, other = build(outgoing()), build(outgoing()), build(outgoing(key="ключ\n\ud800"))
    assert first == again
    assert first.message_id != other.message_id
    assert re.fullmatch(r"<[0-9a-f]{32}@acme\.example>", other.message_id)


def test_everyone_gets_it_once_and_not_too_many_do():
    mail = build(
        outgoing(to=("a@b.example", "c@d.example", "a@b.example"), arguments={"cc": ["c@d.example", "e@f.example"]})
    )
    assert mail.recipients == ("a@b.example", "c@d.example", "e@f.example")
    with pytest.raises(InvalidError, match="at most 100"):
        build(outgoing(to=tuple(f"a{number}@b.example" for number in range(101))))
    with pytest.raises(InvalidError, match="needs a recipient"):
        build(outgoing(to=()))
