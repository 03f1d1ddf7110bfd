"""A mail is sent once to everybody or to nobody, and what a server did not confirm is not said to be sent."""

import asyncio
import email.policy
import socket
import time
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from mail_servers import DRIP, DROP, LATE, STALL, Inbox, Phase, Scripted, honest, scripted
from outgoing import certificate, outgoing
from pydantic import SecretStr, ValidationError

from empla.effects.senders.sender import Outcome, Verdict
from empla.effects.senders.smtp import SmtpAccount, SmtpSender
from empla.effects.senders.smtp_line import Line
from empla.errors import InvalidError

LINE = "x" * 70 + "\n"
# It can't all lie in the buffers on the way when a server hangs up or reads no more.
BIG = LINE * 13_000


def sender(port: int, *, timeout: float = 5, **more: Any) -> SmtpSender:
    account = SmtpAccount(host="127.0.0.1", port=port, tls="none", **more)
    return SmtpSender(account, None, timeout)


async def met(server: Scripted, *, within: float = 5, **mail: Any) -> Outcome:
    async with scripted(server) as port:
        begun = time.monotonic()
        outcome = await sender(port, timeout=within).send(outgoing(**mail))
        assert time.monotonic() - begun < within + 1
        return outcome


async def test_an_honest_server_gets_the_mail_as_it_was_written():
    inbox = Inbox()
    async with honest(inbox) as port:
        outcome = await sender(port).send(
            outgoing(arguments={"cc": ["Eve@customer.example"]}, body="Grüße,\n.\n..\nA\n")
        )
    assert (outcome.verdict, outcome.reason) == ("done", "")
    [envelope] = inbox.envelopes
    assert envelope.mail_from == "ada@acme.example"
    assert envelope.rcpt_tos == ["bob@customer.example", "Eve@customer.example"]
    assert isinstance(envelope.content, bytes)
    message = message_from_bytes(envelope.content, policy=email.policy.default)
    assert message["Message-ID"] == outcome.receipt["message_id"]
    assert (message["From"], message["To"]) == ("Ada Lovelace <ada@acme.example>", "bob@customer.example")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == outgoing().at
    assert message.get_content().splitlines() == ["Grüße,", ".", "..", "A"]


async def test_it_cannot_be_asked():
    smtp = sender(1)
    assert (smtp.can_be_asked, smtp.deduplicates, await smtp.happened(outgoing())) == (False, False, None)


BEFORE: list[Phase] = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "payload"]


@pytest.mark.parametrize("deed", [STALL, DROP, DRIP])
@pytest.mark.parametrize("phase", BEFORE)
async def test_silence_before_the_dot_is_later(phase: Phase, deed: bytes):
    server = Scripted(phase, deed)
    outcome = await met(server, within=0.8, body=BIG if phase == "payload" else "Hi")
    assert (outcome.verdict, server.mails) == ("later", 0)
    assert outcome.reason.startswith("the mail server ")


@pytest.mark.parametrize("deed", [STALL, DROP, DRIP, b"25", b"250-and\r\n", b"what?\r\n", b"354 go on\r\n"])
async def test_silence_after_the_dot_is_uncertain(deed: bytes):
    server = Scripted("dot", deed)
    outcome = await met(server, within=0.8)
    assert (outcome.verdict, server.mails) == ("uncertain", 1)
    assert "may have been sent" in outcome.reason


@pytest.mark.parametrize(
    ("answer", "verdict"), [(b"451 not now\r\n", "later"), (b"421 bye\r\n", "later"), (b"550 never\r\n", "failed")]
)
@pytest.mark.parametrize("phase", [*BEFORE, "dot"])
async def test_a_refusal_in_each_phase(phase: Phase, answer: bytes, verdict: Verdict):
    server = Scripted(phase, answer)
    outcome = await met(server, body=BIG if phase == "payload" else "Hi")
    # Before the envelope it is us whom it refuses, and not the mail.
    assert outcome.verdict == ("later" if phase in {"greeting", "EHLO"} else verdict)
    # Who refuses EHLO is greeted once more in the old way.
    code = 502 if (phase, verdict) == ("EHLO", "failed") else int(answer[:3])
    assert outcome.receipt["code"] == code
    assert f"{code}" in outcome.reason
    assert server.mails == (phase == "dot")


async def test_an_answer_before_the_mail_has_ended_is_no_yes():
    server = Scripted("DATA", b"354 go on\r\n250 taken\r\n")
    outcome = await met(server)
    assert (outcome.verdict, server.mails) == ("later", 0)


async def test_what_was_said_to_be_for_later_is_not_sent_after_all():
    server = Scripted("RCPT", LATE)  # each answer comes in time, all of them together do not
    async with scripted(server) as port:
        outcome = await sender(port, timeout=0.4).send(outgoing(to=("a@b.example", "c@d.example", "e@f.example")))
        await asyncio.sleep(1)
    assert (outcome.verdict, server.mails) == ("later", 0)


def test_a_line_that_was_cut_is_never_committed():
    line = Line()
    line.cut()
    with pytest.raises(TimeoutError):
        line.commit()
    with socket.socket() as sock, pytest.raises(TimeoutError):
        line.hold(sock)
    assert not line.committed


async def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        outcome = await sender(taken.getsockname()[1]).send(outgoing())
    assert outcome.verdict == "later"


async def test_a_host_that_is_no_name():
    account = SmtpAccount(host=f"{'a' * 70}.example", port=25, tls="none", allow_plaintext=True)
    assert (await SmtpSender(account, None, 5).send(outgoing())).verdict == "later"


async def test_a_server_that_never_stops_talking_fills_no_memory():
    outcome = await met(Scripted("EHLO", b"250-more\r\n" * 100_000))
    assert (outcome.verdict, outcome.reason) == ("later", "the mail server says too much")


async def test_a_recipient_who_is_refused_refuses_the_mail_for_all():
    inbox = Inbox(refuses=("gone@customer.example",))
    async with honest(inbox) as port:
        outcome = await sender(port).send(outgoing(to=("bob@customer.example", "gone@customer.example", "c@d.example")))
    assert (outcome.verdict, inbox.envelopes) == ("failed", [])
    assert "gone@customer.example: no such mailbox" in outcome.reason
    server = Scripted("RCPT", b"450 busy\r\n")
    assert (await met(server, to=("a@b.example", "c@d.example"))).verdict == "later"
    assert server.heard.count(b"RCPT") == 2
    assert b"DATA" not in server.heard


async def test_a_cancelled_sending_hangs_up():
    server = Scripted("MAIL", STALL)
    async with scripted(server) as port:
        sending = asyncio.create_task(sender(port, timeout=60).send(outgoing()))
        await server.reached.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        # The thread has ended too, or the loop would wait 60 seconds for it.
        await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 2)


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_tls_and_a_login(tmp_path: Path, tls: Any):
    made = certificate(tmp_path)
    inbox = Inbox()
    account = {"host": "localhost", "tls": tls, "login": "ada"}
    way: dict[str, Any] = {tls: made.server}
    async with honest(inbox, password=b"pw", **way) as port:
        known = SmtpAccount.model_validate({**account, "port": port})
        good = await SmtpSender(known, SecretStr("pw"), 5, trust=made.trusting).send(outgoing())
        bad = await SmtpSender(known, SecretStr("wrong!"), 5, trust=made.trusting).send(outgoing())
        unknown = await SmtpSender(known, SecretStr("pw"), 5).send(outgoing())
        elsewhere = known.model_copy(update={"host": "127.0.0.2"})
        moved = await SmtpSender(elsewhere, SecretStr("pw"), 5, trust=made.trusting).send(outgoing())
    assert good.verdict == "done", good
    assert (bad.verdict, bad.receipt["code"]) == ("later", 535)  # the password can be mended
    assert "wrong!" not in repr(bad)
    assert unknown.verdict == "later"
    assert "has a certificate that is not trusted" in unknown.reason
    assert moved.verdict == "later"
    assert len(inbox.envelopes) == 1


async def test_without_starttls_nothing_is_said():
    server = Scripted("greeting", b"220 hello\r\n")
    async with scripted(server) as port:
        account = SmtpAccount(host="localhost", port=port, tls="starttls", login="ada")
        outcome = await SmtpSender(account, SecretStr("pw"), 5).send(outgoing())
    assert (outcome.verdict, outcome.reason) == ("later", "the mail server can't be talked to: it offers no STARTTLS")
    assert server.heard == [b"EHLO"]


async def test_an_international_address_needs_a_server_that_takes_it():
    mail = outgoing(to=("jörg@müller.example",))
    for offered, verdict in ((False, "failed"), (True, "done")):
        inbox = Inbox()
        async with honest(inbox, enable_SMTPUTF8=offered) as port:
            assert (await sender(port).send(mail)).verdict == verdict
        assert [each.rcpt_tos for each in inbox.envelopes] == [["jörg@xn--mller-kva.example"]] * offered


async def test_a_mail_is_no_bigger_than_we_and_the_server_allow():
    inbox = Inbox()
    async with honest(inbox, data_size_limit=2000) as port:
        assert (await sender(port).send(outgoing(body=LINE * 100))).verdict == "failed"
        assert (await sender(port).send(outgoing(body=LINE))).verdict == "done"
        account = SmtpAccount(host="127.0.0.1", port=port, tls="none")
        small = SmtpSender(account, None, 5, max_bytes=500)
        assert (await small.send(outgoing(body=LINE * 10))).verdict == "failed"
    assert len(inbox.envelopes) == 1


def test_what_an_account_may_not_be():
    for wrong in (
        {"host": "mail.example", "tls": "none"},
        {"host": "a b", "tls": "implicit"},
        {"host": "m.example", "tls": "implicit", "helo": "a\r\nMAIL"},
    ):
        with pytest.raises(ValidationError):
            SmtpAccount.model_validate({"port": 25, **wrong})
    SmtpAccount(host="mail.example", port=25, tls="none", allow_plaintext=True)
    account = SmtpAccount(host="mail.example", port=465, tls="implicit", login="a")
    for password in (None, SecretStr("pässword")):
        with pytest.raises(InvalidError):
            SmtpSender(account, password, 5)


async def test_a_private_address_is_not_reached_unless_that_is_allowed():
    server = Scripted("greeting", b"220 hello\r\n")
    async with scripted(server) as port:
        account = SmtpAccount(host="localhost", port=port, tls="none")
        outcome = await SmtpSender(account, None, 5, allow_private=False).send(outgoing())
    assert outcome.verdict == "later"
    assert "private address" in outcome.reason
    assert server.heard == []
