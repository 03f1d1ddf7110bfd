"""A webhook is signed, goes nowhere inside, and what was not answered is not said to have happened."""

import ipaddress
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from http_servers import (
    OK,
    Behaviour,
    Receiver,
    answer,
    drip,
    drip_body,
    drop,
    flood,
    flood_of_headers,
    serving,
    stall,
)
from outgoing import certificate, outgoing
from pydantic import SecretStr, ValidationError

from empla.effects.senders.addresses import AddressRefusedError, Pinned, private, public, resolve
from empla.effects.senders.sender import Outcome
from empla.effects.senders.signature import verify
from empla.effects.senders.webhook import WebhookEndpoint, WebhookSender
from empla.errors import ForbiddenError, InvalidError

SECRET = SecretStr("a secret of the receiver")


def sender(url: str, *, timeout: float = 3, resolver: Any = None, trust: Any = None, **endpoint: Any) -> WebhookSender:
    known = WebhookEndpoint.model_validate({"allow_private": True, **endpoint, "url": url})
    more = {} if resolver is None else {"resolver": resolver}
    return WebhookSender(known, SECRET, timeout, trust=trust, **more)


async def met(receiver: Receiver, *, within: float = 3, arguments: Any = None, **endpoint: Any) -> Outcome:
    async with serving(receiver) as port:
        begun = time.monotonic()
        webhook = sender(f"http://127.0.0.1:{port}/hook", timeout=within, **endpoint)
        outcome = await webhook.send(outgoing(to=(), arguments=arguments))
        assert time.monotonic() - begun < within + 0.5
    return outcome


async def test_a_receiver_gets_what_it_can_verify():
    receiver = Receiver(says=answer(202, body=b'{"id": 7}'))
    outcome = await met(receiver, arguments={"amount": 12.5, "who": "Jörg\ud800"})
    assert (outcome.verdict, outcome.reason) == ("done", "")
    assert outcome.receipt == {"status": 202, "answer": '{"id": 7}'}
    [request] = receiver.requests
    verify(SECRET, request.headers, request.body)
    assert request.line == "POST /hook HTTP/1.1"
    assert request.headers["Idempotency-Key"] == "step-1"
    assert request.headers["User-Agent"] == "empla"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {
        "id": str(outgoing().effect),
        "key": "step-1",
        "type": "effect",
        "employee": {"name": "Ada Lovelace", "address": "ada@acme.example"},
        "title": "Your proposal",
        "text": outgoing().body,
        "arguments": {"amount": 12.5, "who": "Jörg\ud800"},
        "occurred_at": "2026-03-02T09:30:00+00:00",
    }


async def test_a_signature_stands_for_these_bytes_this_secret_and_this_time():
    receiver = Receiver()
    await met(receiver)
    [request] = receiver.requests
    headers, body = request.headers, request.body
    at = int(headers["Empla-Timestamp"])
    verify(SECRET, {name.upper(): value for name, value in headers.items()}, body, now=at + 300)
    wrong: list[tuple[SecretStr, dict[str, str], bytes, float]] = [
        (SECRET, headers, body + b" ", at),
        (SECRET, headers, body.replace(b"Ada", b"Eve"), at),
        (SecretStr("another secret, also long"), headers, body, at),
        (SECRET, headers, body, at + 301),
        (SECRET, headers, body, at - 301),
        (SECRET, {**headers, "Empla-Timestamp": str(at + 1000)}, body, at + 1000),
        (SECRET, {**headers, "Empla-Timestamp": f" {at}"}, body, at),
        (SECRET, {**headers, "Empla-Signature": headers["Empla-Signature"].replace("v1", "v0")}, body, at),
        (SECRET, {**headers, "Empla-Signature": "v1=é"}, body, at),
        (SECRET, {**headers, "Empla-Signature": "v1="}, body, at),
        (SECRET, {}, body, at),
    ]
    for secret, sent, got, now in wrong:
        with pytest.raises(ForbiddenError):
            verify(secret, sent, got, now=now)


async def test_a_key_that_is_no_header_is_its_digest():
    receiver = Receiver()
    async with serving(receiver) as port:
        await sender(f"http://127.0.0.1:{port}").send(outgoing(key="ключ\r\nX-Evil: 1"))
    [request] = receiver.requests
    assert len(request.headers["Idempotency-Key"]) == 64
    assert json.loads(request.body)["key"] == request.headers["Idempotency-Key"]
    assert "X-Evil" not in request.headers


@pytest.mark.parametrize(
    ("status", "once", "idempotent"),
    [(200, "done", "done"), (204, "done", "done"), (299, "done", "done"), (301, "failed", "failed"), (307, "failed", "failed"),
     (400, "failed", "failed"), (404, "failed", "failed"), (410, "failed", "failed"), (408, "later", "later"),
     (425, "later", "later"), (429, "later", "later"), (503, "later", "later"), (500, "uncertain", "later"),
     (502, "uncertain", "later"), (504, "uncertain", "later"), (599, "uncertain", "later")],
)  # fmt: skip
async def test_what_each_status_means(status: int, once: str, idempotent: str):
    for deduplicates, verdict in ((False, once), (True, idempotent)):
        outcome = await met(Receiver(says=answer(status)), idempotent=deduplicates)
        assert (outcome.verdict, outcome.receipt["status"]) == (verdict, status)
        assert (outcome.reason == "") == (verdict == "done")


async def test_a_redirect_is_not_followed():
    target = Receiver()
    async with serving(target) as port:
        outcome = await met(Receiver(says=answer(302, f"Location: http://127.0.0.1:{port}/")))
    assert (outcome.verdict, target.connections) == ("failed", 0)
    assert outcome.reason == "the receiver answered 302, and redirects are not followed"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("120", 120), ("999999999", 86400), ("-5", None), ("soon", None), ("", None), ("Fri, 31 Dec 2199 23:59:59 GMT", 86400),
     ("Sat, 01 Jan 2000 00:00:00 GMT", 0), ("9" * 5000, None)],
)  # fmt: skip
async def test_a_receiver_may_put_off_for_at_most_a_day(said: str, seconds: int | None):
    outcome = await met(Receiver(says=answer(429, f"Retry-After: {said}")))
    assert outcome.verdict == "later"
    assert outcome.receipt.get("retry_after_seconds") == seconds


@pytest.mark.parametrize("does", [stall, drop, drip, flood_of_headers])
async def test_silence_after_the_request_is_uncertain(does: Behaviour):
    for idempotent, verdict in ((False, "uncertain"), (True, "later")):
        receiver = Receiver(does=does)
        outcome = await met(receiver, within=0.5, idempotent=idempotent)
        assert (outcome.verdict, len(receiver.requests)) == (verdict, 1)
        assert "after it had the whole request" in outcome.reason


async def test_what_is_not_http_is_uncertain():
    assert (await met(Receiver(says=b"220 mail.example ESMTP\r\n"))).verdict == "uncertain"


@pytest.mark.parametrize("does", [stall, drop])
async def test_silence_before_the_request_was_sent_is_later(does: Behaviour):
    receiver = Receiver(does=does, early=True)
    async with serving(receiver) as port:
        known = WebhookEndpoint(allow_private=True, url=f"http://127.0.0.1:{port}/")
        webhook = WebhookSender(known, SECRET, 0.5, max_bytes=32_000_000)
        # So much that it can't lie in the buffers on the way.
        outcome = await webhook.send(outgoing(body="x" * 20_000_000))
    assert (outcome.verdict, receiver.requests, receiver.connections) == ("later", [], 1)


async def test_an_answer_without_an_end_is_an_answer():
    begun = time.monotonic()
    outcome = await met(Receiver(does=flood), within=20, max_response_bytes=1000)
    assert time.monotonic() - begun < 10  # it stopped reading
    assert (outcome.verdict, outcome.receipt["answer"]) == ("done", "x" * 200)
    assert (await met(Receiver(does=drip_body), within=0.5)).verdict == "done"


async def test_nobody_listens():
    async with serving(Receiver()) as port:
        pass
    outcome = await sender(f"http://127.0.0.1:{port}/").send(outgoing())
    assert outcome.verdict == "later"
    assert outcome.reason.startswith("the receiver can't be reached")


async def test_too_much_or_no_json_is_not_sent():
    receiver = Receiver()
    assert (await met(receiver, arguments={"a": float("nan")})).reason == "the arguments are no JSON"
    outcome = await met(receiver, arguments={"a": "x" * 1_048_576})
    assert (outcome.verdict, receiver.connections) == ("failed", 0)


async def test_a_receiver_is_asked_by_the_same_key():
    for status, happened in ((200, True), (404, False), (500, None), (302, None), (204, None)):
        receiver = Receiver(says=answer(status))
        async with serving(receiver) as port:
            webhook = sender("https://acme.example/", status_url=f"http://127.0.0.1:{port}/status?of=empla")
            assert webhook.can_be_asked
            assert await webhook.happened(outgoing(key="a/b&c")) is happened
        [request] = receiver.requests
        assert request.line == "GET /status?of=empla&key=a%2Fb%26c HTTP/1.1"
        verify(SECRET, request.headers, b"a/b&c")
    assert await webhook.happened(outgoing()) is None
    nobody = sender("https://acme.example/")
    assert (nobody.can_be_asked, await nobody.happened(outgoing())) == (False, None)


async def test_the_certificate_is_of_the_name_and_the_address_the_resolvers(tmp_path: Path):
    made = certificate(tmp_path, name="hooks.example")
    asked: list[tuple[str, int]] = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    receiver = Receiver()
    async with serving(receiver, tls=made.server) as port:
        for host, trust, verdict in (
            ("hooks.example", made.trusting, "done"),
            ("other.example", made.trusting, "later"),
            ("hooks.example", None, "later"),
        ):
            webhook = sender(f"https://{host}:{port}/", resolver=resolver, trust=trust)
            outcome = await webhook.send(outgoing())
            assert outcome.verdict == verdict, outcome
            assert ("a certificate that is not trusted" in outcome.reason) == (verdict == "later")
    assert [name for name, _ in asked] == ["hooks.example", "other.example", "hooks.example"]
    [request] = receiver.requests
    assert request.headers["Host"] == f"hooks.example:{port}"


async def test_a_name_that_changes_its_address_is_looked_up_once():
    """DNS rebinding: the first answer is looked at, and is where the request goes."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def resolver(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    receiver = Receiver()
    async with serving(receiver) as port:
        first = await sender(f"http://rebinding.example:{port}/", resolver=resolver).send(outgoing())
    assert (first.verdict, len(answers)) == ("done", 1)


@pytest.mark.parametrize(
    "found",
    [["10.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["2606:2800:21f:cb07::1", "::1"], ["169.254.169.254"], ["::ffff:127.0.0.1"]],
)  # fmt: skip
async def test_one_address_inside_is_enough_to_refuse(found: list[str]):
    async def resolver(_host: str, _port: int) -> Sequence[str]:
        return found

    outcome = await sender("https://evil.example/", resolver=resolver, allow_private=False).send(outgoing())
    assert outcome.verdict == "failed"
    assert outcome.reason == "the host has an address that is not of the public network"


INSIDE = [
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),  # noqa: S104
    *(
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "192.0.2.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
    ),
    *("255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:127.0.0.1"),
    *(
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:0a00:0001::1",
        "2002:5db8:d70e::",
    ),
    *("2001:0:5db8:d70e::1", "2001:db8::1", "100::1", "5f00::1"),
]


@pytest.mark.parametrize("text", INSIDE)
async def test_nothing_inside_is_public(text: str):
    address = ipaddress.ip_address(text)
    assert not public(address)
    host = f"[{text}]" if address.version == 6 else text
    outcome = await sender(f"https://{host}:1/", allow_private=False).send(outgoing())
    assert outcome.verdict == "failed"


def test_what_is_public_and_what_an_operator_may_allow():
    for text in ("93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07::1", "64:ff9b::808:808", "::ffff:8.8.8.8"):
        assert public(ipaddress.ip_address(text))
        assert not private(ipaddress.ip_address(text))
    for text in ("127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fd12::1", "100.64.0.1", "::ffff:10.0.0.1"):
        assert private(ipaddress.ip_address(text))
    for text in ("169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "fd00:ec2::254", "100.100.100.200",  # noqa: S104
                 "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "240.0.0.1"):  # fmt: skip
        assert not private(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "url",
    ["http://acme.example/", "ftp://acme.example/", "file:///etc/passwd", "gopher://127.0.0.1/", "//acme.example/", "",
     "https://", "https:///x", "https://user@acme.example/", "https://a:b@acme.example/", "https://acme.example@127.0.0.1/",
     "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/",
     "https://017700000001/", "https://127.0.0.0x1/", "https://127.0.0.1.:99999/", "https://1.2.3.4.5/", "https://[::1/",
     "https://[fe80::1%25eth0]/", "https://[v1.x]/", "https://acme.example:0/", "https://acme.example:99999/",
     "https://acme.example:x/", "https://acme.example\\@127.0.0.1/", "https://acme.example/a b", "https://acme.example/\r\nX: y",
     "https://acme.example/\x00", "https://①②⑦.0.0.1/", "https://müller.example/", "https://a%2eb/", "https://acme.example/#x",
     "https://ac\tme.example/", "https://" + "a" * 3000, "https://[::ffff:127.0.0.1]:x/"],
)  # fmt: skip
def test_a_url_that_could_be_read_in_two_ways_is_none(url: str):
    for endpoint in ({"url": url}, {"url": "https://acme.example/", "status_url": url}):
        with pytest.raises(ValidationError):
            WebhookEndpoint.model_validate(endpoint)


async def test_even_the_operator_sends_without_tls_inside_alone():
    async def resolver(_host: str, _port: int) -> Sequence[str]:
        return ["93.184.215.14"]

    outcome = await sender("http://acme.example/", resolver=resolver).send(outgoing())
    assert (outcome.verdict, outcome.reason) == ("failed", "http without TLS leads to a public address")


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0x7f000001", "localhost", "::ffff:7f00:1"]
)
async def test_what_the_machine_understands_is_looked_at_and_not_the_spelling(host: str):
    """Should one of them ever get past the look at the URL."""
    network = Pinned(resolve, allow_private=False, encrypted=True)
    with pytest.raises(AddressRefusedError):
        await network.connect_tcp(host, 443)


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch):
    proxy = Receiver()
    async with serving(proxy) as port:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        receiver = Receiver(says=OK)
        assert (await met(receiver)).verdict == "done"
    assert (proxy.connections, len(receiver.requests)) == (0, 1)


def test_a_secret_is_long_enough_and_never_shown():
    endpoint = WebhookEndpoint(url="https://acme.example/")
    with pytest.raises(InvalidError, match="at least 16"):
        WebhookSender(endpoint, SecretStr("short"), 3)
    assert SECRET.get_secret_value() not in repr(WebhookSender(endpoint, SECRET, 3))
