"""Vectors from a server: checked before they are believed, asked for again in measure, and the key is told to nobody else."""

import asyncio
import logging
import socket
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpcore
import numpy as np
import pytest
from embedding_server import (
    Deed,
    EmbeddingServer,
    answer,
    drip,
    drop,
    drop_midway,
    expected,
    flood_of_headers,
    of_text,
    serving,
    stall,
    vectors,
)
from pydantic import SecretStr

from empla.embedding.endpoint import OwnNetwork
from empla.embedding.openai import MOST_CHARACTERS, OpenAIEmbedder
from empla.errors import UnavailableError, UsageError

KEY = "sk-this-is-the-key-0123456789"


class Waits(list[float]):
    """The pauses, which are noted and not made."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def client(server: EmbeddingServer, **more: Any) -> OpenAIEmbedder:
    chosen: dict[str, Any] = {"url": server.url, "key": SecretStr(KEY), "timeout": 3, "pause": Waits(), **more}
    return OpenAIEmbedder(chosen.pop("model", "m"), **chosen)


async def got(server: EmbeddingServer, *texts: str, **more: Any) -> Any:
    async with serving(server):
        embedder = client(server, **more)
        try:
            return await embedder.embed(texts)
        finally:
            await embedder.close()


async def refused(server: EmbeddingServer, *texts: str, **more: Any) -> str:
    with pytest.raises(UnavailableError) as raised:
        await got(server, *(texts or ("one", "two")), **more)
    whole = "".join(traceback.format_exception(raised.value))
    assert KEY not in whole
    assert "\n" not in str(raised.value)
    return str(raised.value).replace(f"127.0.0.1:{server.port}", "HOST")


async def test_the_vectors_are_the_texts_in_their_order_and_of_length_1():
    server = EmbeddingServer()
    texts = [f"text {number}" for number in range(20)]
    found = await got(server, *texts)
    assert found.dtype == np.float32
    assert np.allclose(found, expected(texts), atol=1e-6)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    [asked] = server.asked
    assert asked.line == "POST /v1/embeddings HTTP/1.1"
    assert asked.body == {"model": "m", "input": texts}
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"


async def test_without_a_key_none_is_sent():
    server = EmbeddingServer()
    await got(server, "a", key=None)
    assert "authorization" not in server.asked[0].headers


async def test_more_texts_than_one_call_takes_are_several_calls_over_one_connection():
    server = EmbeddingServer()
    texts = [f"text {number}" for number in range(10)]
    assert np.allclose(await got(server, *texts, batch=4), expected(texts), atol=1e-6)
    assert [len(asked.texts) for asked in server.asked] == [4, 4, 2]
    assert server.connections == 1


async def test_texts_that_say_nothing_are_not_sent_and_are_zeros():
    server = EmbeddingServer()
    found = await got(server, "", "a", " \n\t", "b")
    assert server.texts == ["a", "b"]
    assert not found[[0, 2]].any()
    assert np.allclose(found[[1, 3]], expected(["a", "b"]), atol=1e-6)
    silent = EmbeddingServer()
    assert not (await got(silent, "", " ")).any()
    assert (await got(silent)).shape == (0, 1)
    assert silent.asked == []


async def test_a_text_is_cut_at_its_length_and_made_unicode():
    server = EmbeddingServer()
    await got(server, "x" * (MOST_CHARACTERS + 1), "Jörg 🦔\ud800", "\x00")
    assert server.texts == ["x" * MOST_CHARACTERS, "Jörg 🦔?", "\x00"]


async def test_what_the_model_finds_too_long_is_halved_and_the_others_are_not():
    server = EmbeddingServer(most_characters=1000)
    long = "y" * 6000
    found = await got(server, "a", long, "b")
    assert np.allclose(found, expected(["a", "y" * 750, "b"]), atol=1e-6)
    assert len(server.asked) < 10


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_is_never_taken_is_given_up(status: int):
    server = EmbeddingServer(script=[answer(status)] * 1000)
    said = await refused(server, *("z" * 8000 for _ in range(64)))
    assert said == f"HOST does not take what m is asked ({status})"
    assert len(server.asked) < 20


@pytest.mark.parametrize(
    "first", [answer(429), answer(408), answer(500), answer(502), answer(503), drop, drop_midway, b"SSH-2.0\r\n\r\n"]
)
async def test_who_is_busy_is_asked_again(first: Deed):
    waits = Waits()
    server = EmbeddingServer(script=[first, first])
    assert np.allclose(await got(server, "a", pause=waits), expected(["a"]), atol=1e-6)
    assert len(server.asked) == 3
    assert 0.25 <= waits[0] <= 0.5 <= waits[1] <= 1


async def test_who_stays_busy_is_asked_no_more_often_than_said():
    waits = Waits()
    server = EmbeddingServer(script=[answer(500, body=KEY.encode())] * 100)
    assert await refused(server, attempts=12, pause=waits) == "HOST answered 500, and was asked 12 times"
    assert len(server.asked) == 12
    assert len(waits) == 11
    assert max(waits) <= 60
    once = EmbeddingServer(script=[answer(503)])
    assert await refused(once, attempts=1) == "HOST answered 503, and was asked once"


async def test_a_servers_wish_to_be_left_alone_is_kept():
    waits = Waits()
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=31), usegmt=True)
    script: list[Deed] = [
        answer(429, "Retry-After: 7"),
        answer(503, f"Retry-After: {later}"),
        answer(429, "Retry-After: soon"),
    ]
    await got(EmbeddingServer(script=script), "a", pause=waits)
    assert waits[0] == 7
    assert 25 <= waits[1] <= 31
    assert 1 <= waits[2] <= 2


async def test_a_server_that_wants_to_be_left_alone_for_long_is_not_waited_for():
    waits = Waits()
    server = EmbeddingServer(script=[answer(429, "Retry-After: 3600")])
    said = await refused(server, pause=waits)
    assert said == "HOST answered 429, and wants to be left alone for 3600 seconds"
    assert (len(server.asked), waits) == (1, [])


@pytest.mark.parametrize("deed", [stall, drip])
async def test_an_answer_that_does_not_come_is_not_waited_for(deed: Deed):
    begun = time.monotonic()
    server = EmbeddingServer(script=[deed] * 20)
    assert (
        await refused(server, timeout=0.2, attempts=2)
        == "HOST did not answer within 0.2 seconds, and was asked 2 times"
    )
    assert time.monotonic() - begun < 2


async def test_silence_leaves_no_connection_behind():
    server = EmbeddingServer(script=[stall] * 20)
    assert np.allclose(await got(server, "a", timeout=0.05, attempts=21), expected(["a"]), atol=1e-6)


@pytest.mark.parametrize("deed", [drop, drop_midway, flood_of_headers])
async def test_a_server_that_breaks_off_is_unavailable(deed: Deed):
    said = await refused(EmbeddingServer(script=[deed] * 2), attempts=2)
    assert said in {f"HOST {what}, and was asked 2 times" for what in ("hung up", "did not speak HTTP")}


async def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        server = EmbeddingServer(port=port)
        with pytest.raises(UnavailableError, match="can't be reached, and was asked once"):
            await client(server, attempts=1).embed(["a"])


async def test_an_answer_without_an_end_is_not_read_to_it():
    sent = 0

    async def flood(_asked: Any, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            await writer.drain()
            sent += 65536

    said = await refused(EmbeddingServer(script=[flood]), timeout=20)
    assert said == "HOST answers with more than 327,680 bytes"
    assert sent < 20_000_000  # with what lies in the buffers on the way


def entry(index: Any, *numbers: Any) -> dict[str, Any]:
    return {"index": index, "embedding": list(numbers)}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([entry(0, 1.0)], "one vector for each of 2 texts"),
        ([entry(0, 1.0), entry(1, 1.0), entry(2, 1.0)], "one vector for each of 2 texts"),
        ([entry(0, 1.0), entry(0, 1.0)], "one vector for each of 2 texts"),
        ([entry(1, 1.0), entry(2, 1.0)], "one vector for each of 2 texts"),
        ([entry(0, 1.0), entry(-1, 1.0)], "one vector for each of 2 texts"),
        ([entry(0, 1.0, 2.0), entry(1, 1.0)], "vectors of several widths"),
        ([entry(0, 1.0), entry(1, float("nan"))], "vectors of finite numbers"),
        ([entry(0, 1.0), entry(1, float("inf"))], "vectors of finite numbers"),
        ([entry(0, 1.0), entry(1, 10**400)], "vectors of finite numbers"),
        ([entry(0, 1.0), entry(1, "1.0")], "vectors of finite numbers"),
        ([entry(0, 1.0), entry(1, True)], "vectors of finite numbers"),
        ([entry(0, 1.0), entry(1, None)], "vectors of finite numbers"),
        ([entry(0, 1.0), entry(1, [1.0])], "vectors of finite numbers"),
        ([entry(0, 1.0), entry("1", 1.0)], "vectors of finite numbers"),
        ([entry(0), entry(1)], "vectors of finite numbers"),
        ([entry(0, 1.0), {"index": 1, "embedding": "AACAPw=="}], "vectors of finite numbers"),
        ([entry(0, 1.0), {"index": 1}], "vectors of finite numbers"),
        (None, "vectors of finite numbers"),
        (KEY, "vectors of finite numbers"),
    ],
    ids=repr,
)
async def test_a_wrong_answer_is_not_believed(data: Any, said: str):
    server = EmbeddingServer(script=[vectors(data)])
    assert (await refused(server)).endswith(said)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"\xff", b"<html>", b"[" * 100_000, KEY.encode()], ids=lambda body: body[:8]
)
async def test_what_is_no_json_is_not_believed(body: bytes):
    said = await refused(EmbeddingServer(script=[answer(200, body=body)]))
    assert said == "m at HOST does not answer with vectors of finite numbers"


async def test_numbers_of_any_size_have_a_direction():
    data = [entry(0, 3e300, -4e300), entry(1, 3e-300, 4e-300), entry(2, 3, 4), entry(3, 0, -0.0)]
    found = await got(EmbeddingServer(script=[vectors(data)]), *"abcd")
    assert np.allclose(found, [[0.6, -0.8], [0.6, 0.8], [0.6, 0.8], [0, 0]])


async def test_a_model_does_not_change_its_width():
    server = EmbeddingServer()
    async with serving(server):
        embedder = client(server)
        await embedder.embed(["a"])
        server.width = 9
        with pytest.raises(UnavailableError, match="answers with 9 dimensions, not 8"):
            await embedder.embed(["b"])
        assert (await embedder.embed([""])).shape == (1, 8)
        await embedder.close()


async def test_dimensions_are_asked_for_when_they_are_set():
    server = EmbeddingServer(width=32)
    found = await got(server, "a", "", dimensions=16)
    assert found.shape == (2, 16)
    assert server.asked[0].body["dimensions"] == 16
    stiff = EmbeddingServer(script=[vectors([entry(0, *of_text("a", 32))])])
    assert await refused(stiff, "a", dimensions=16) == "m at HOST answers with 32 dimensions, not 16"


async def test_a_wide_model_is_asked_for_what_fits():
    server = EmbeddingServer(width=3072)
    found = await got(server, "a", "b", "c", batch=1)
    assert found.shape == (3, 1024)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    # After the first call it is known.
    assert [asked.body.get("dimensions") for asked in server.asked] == [None, 1024, 1024, 1024]


async def test_a_wide_model_that_can_not_do_with_fewer_is_refused():
    stiff = EmbeddingServer(width=1536, is_bendable=False)
    said = "m at HOST has 1,536 dimensions and can't do with fewer, and at most 1,024 fit: choose another model"
    assert await refused(stiff, "a") == said
    deaf: list[Deed] = [vectors([entry(0, *of_text("a", 1536))])] * 2
    assert await refused(EmbeddingServer(script=deaf), "a") == said


@pytest.mark.parametrize(
    ("status", "key", "said"),
    [
        (401, KEY, "HOST does not take the key of EMPLA_EMBEDDER_KEY (401)"),
        (403, KEY, "HOST does not take the key of EMPLA_EMBEDDER_KEY (403)"),
        (401, None, "HOST wants a key, and EMPLA_EMBEDDER_KEY is not set (401)"),
        (404, KEY, "HOST has no model m, or EMPLA_EMBEDDER_URL is not what /embeddings follows on (404)"),
        (301, KEY, "HOST answered 301, and redirects are not followed: correct EMPLA_EMBEDDER_URL"),
        (204, KEY, "HOST does not take what m is asked (204)"),
        (418, KEY, "HOST does not take what m is asked (418)"),
    ],
)
async def test_a_refusal_is_one_sentence_and_the_key_is_never_in_it(
    status: int, key: str | None, said: str, caplog: Any
):
    caplog.set_level(logging.DEBUG)
    echo = answer(status, f"X-Key: {KEY[:5]}", "Location: http://127.0.0.1:1/", body=f"bad key {KEY}".encode())
    server = EmbeddingServer(script=[echo])
    assert await refused(server, key=None if key is None else SecretStr(key)) == said
    assert len(server.asked) == 1
    assert KEY not in caplog.text


async def test_the_key_is_in_no_repr_no_name_and_no_log(caplog: Any):
    caplog.set_level(logging.DEBUG)
    server = EmbeddingServer(script=[answer(500), stall, drop])
    async with serving(server):
        embedder = client(server, timeout=0.2)
        await embedder.embed(["a"])
        for said in (repr(embedder), embedder.name, repr(vars(embedder)), repr(vars(embedder._endpoint)), caplog.text):  # pyright: ignore[reportPrivateUsage]
            assert KEY not in said
        await embedder.close()
    assert all(KEY not in asked.line for asked in server.asked)


@pytest.mark.parametrize("key", ["with space", "line\nX-Evil: 1", "ключ", "", "a\x00b", "x" * 5000])
def test_what_is_no_key_is_not_taken_and_not_repeated(key: str):
    with pytest.raises(UsageError) as raised:
        OpenAIEmbedder("m", url="https://a.example/v1", key=SecretStr(key))
    assert str(raised.value) == "EMPLA_EMBEDDER_KEY holds characters that no key has"


async def test_space_around_a_key_is_not_part_of_it():
    server = EmbeddingServer()
    await got(server, "a", key=SecretStr(f" {KEY}\n"))
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "url",
    ["", "api.openai.com", "ftp://a.example", "https://", "https://:443/", "https://a.example:0/", "https://a.example:99999/",
     "https://a b/", "https://[::1", "https://ключ.example/", "https://a\\b/", "https://user:geheim@a.example/", "https://a.example/?key=geheim",
     "https://a.example/#geheim", "http://" + "a" * 2000],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_not_taken(url: str):
    with pytest.raises(UsageError, match=r"^EMPLA_EMBEDDER_URL ") as raised:
        OpenAIEmbedder("m", url=url)
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "dimensions", "name"),
    [
        ("https://api.openai.com/v1", None, "openai:m@api.openai.com"),
        ("https://API.openai.com:443/v1/", 256, "openai:m:256@api.openai.com"),
        ("http://localhost:11434/v1", None, "openai:m@localhost:11434"),
        ("http://[::1]:80/", None, "openai:m@[::1]"),
    ],
)
def test_the_name_tells_model_width_and_server(url: str, dimensions: int | None, name: str):
    assert OpenAIEmbedder("m", url=url, dimensions=dimensions).name == name


@pytest.mark.parametrize(("address", "is_open"), [("93.184.215.14", True), ("2606:4700::1111", True), ("10.1.2.3", False),
                                                   ("127.0.0.1", False), ("fe80::1%eth0", False), ("fd00::1", False)])  # fmt: skip
async def test_without_tls_nothing_leaves_the_own_network(address: str, is_open: bool):  # noqa: FBT001
    class Stream(httpcore.AsyncMockStream):
        is_closed = False

        def get_extra_info(self, info: str) -> Any:
            return (address, 80) if info == "server_addr" else None

        async def aclose(self) -> None:
            self.is_closed = True

    stream = Stream([])

    class Network(httpcore.AsyncNetworkBackend):
        async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
            return stream

    embedder = OpenAIEmbedder("m", url="http://a.example/v1", attempts=1)
    endpoint = embedder._endpoint  # pyright: ignore[reportPrivateUsage]
    endpoint._pool = httpcore.AsyncConnectionPool(network_backend=OwnNetwork(Network()))  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(UnavailableError) as raised:
        await embedder.embed(["a"])
    await embedder.close()
    assert ("without TLS" in str(raised.value)) == is_open
    assert stream.is_closed


async def test_over_http_the_network_is_looked_at_and_over_https_it_need_not_be():
    for url, looks in (("http://127.0.0.1:1", True), ("https://127.0.0.1:1", False)):
        embedder = OpenAIEmbedder("m", url=url, attempts=1)
        with pytest.raises(UnavailableError):
            await embedder.embed(["a"])
        pool: Any = embedder._endpoint._pool  # pyright: ignore[reportPrivateUsage]
        assert isinstance(pool._network_backend, OwnNetwork) == looks
        await embedder.close()


async def test_many_may_ask_at_once():
    server = EmbeddingServer(pace=0.02)
    async with serving(server):
        embedder = client(server)
        texts = [f"text {number}" for number in range(40)]
        found = await asyncio.gather(*(embedder.embed([text]) for text in texts))
        assert np.allclose(np.concatenate(found), expected(texts), atol=1e-6)
        assert server.connections <= 8
        await embedder.close()
        await embedder.close()


async def test_who_gives_up_asking_harms_nobody():
    server = EmbeddingServer(pace=0.05)
    async with serving(server):
        embedder = client(server)
        tasks = [asyncio.create_task(embedder.embed(["a"])) for _ in range(30)]
        await asyncio.sleep(0.02)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert np.allclose(await embedder.embed(["b"]), expected(["b"]), atol=1e-6)
        await embedder.close()
