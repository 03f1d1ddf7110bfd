"""The same text is asked once, of a slow embedder; what failed is asked again."""

import asyncio
import gc
from collections.abc import Sequence

import numpy as np
import pytest
from embedding_server import EmbeddingServer, answer, expected, serving

from empla.embedding.cache import CachedEmbedder
from empla.embedding.embedder import Vectors
from empla.embedding.openai import OpenAIEmbedder
from empla.errors import UnavailableError


class Slow:
    """Counts what it is asked, and answers when it may."""

    name = "slow@1"
    is_instant = False
    max_batch = 5

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.failure: Exception | None = None
        self.is_closed = False

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(list(texts))
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return expected(list(texts)) if texts else np.zeros((0, 8), np.float32)

    async def close(self) -> None:
        self.is_closed = True


def nothing_under_way(cached: CachedEmbedder) -> bool:
    return not cached._under_way  # pyright: ignore[reportPrivateUsage]


async def test_a_text_is_asked_once():
    slow = Slow()
    cached = CachedEmbedder(slow, texts=100)
    assert (cached.name, cached.is_instant, cached.max_batch) == ("slow@1", False, 5)
    assert np.array_equal(await cached.embed(["a", "b", "a"]), expected(["a", "b", "a"]))
    assert np.array_equal(await cached.embed(["b", "c", "a"]), expected(["b", "c", "a"]))
    assert np.array_equal(await cached.embed(["c"]), expected(["c"]))
    assert slow.calls == [["a", "b"], ["c"]]
    assert (await cached.embed([])).shape == (0, 8)
    await cached.close()
    assert slow.is_closed


async def test_what_is_given_out_can_not_change_what_is_remembered():
    cached = CachedEmbedder(Slow(), texts=100)
    for _ in range(3):
        found = await cached.embed(["a"])
        assert np.array_equal(found, expected(["a"]))
        found[:] = 0


async def test_only_so_many_are_remembered_and_the_least_used_goes_first():
    slow = Slow()
    cached = CachedEmbedder(slow, texts=2)
    texts = [str(number) for number in range(10)]
    assert np.array_equal(await cached.embed(texts), expected(texts))  # more at once than are remembered
    assert len(cached._known) == 2  # pyright: ignore[reportPrivateUsage]
    await cached.embed(["8"])
    await cached.embed(["new"])
    slow.calls.clear()
    assert np.array_equal(await cached.embed(["8"]), expected(["8"]))
    assert slow.calls == []
    await cached.embed(["9"])
    assert slow.calls == [["9"]]


async def test_those_who_ask_at_once_share_one_call():
    slow = Slow()
    slow.may_answer.clear()
    cached = CachedEmbedder(slow, texts=100)
    asking = [asyncio.create_task(cached.embed(["a", "b"])) for _ in range(20)]
    asking.append(asyncio.create_task(cached.embed(["b", "c"])))
    await asyncio.sleep(0.01)
    assert slow.calls == [["a", "b"], ["c"]]
    slow.may_answer.set()
    *same, other = await asyncio.gather(*asking)
    assert all(np.array_equal(found, expected(["a", "b"])) for found in same)
    assert np.array_equal(other, expected(["b", "c"]))
    assert slow.calls == [["a", "b"], ["c"]]
    assert nothing_under_way(cached)


async def test_who_gives_up_does_not_take_the_answer_from_the_others():
    slow = Slow()
    slow.may_answer.clear()
    cached = CachedEmbedder(slow, texts=100)
    first, second = (asyncio.create_task(cached.embed(["a"])) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    assert first.cancelled()
    slow.may_answer.set()
    assert np.array_equal(await second, expected(["a"]))
    assert slow.calls == [["a"]]


async def test_a_failure_is_everybodys_and_is_not_remembered():
    slow = Slow()
    slow.failure = UnavailableError("it sleeps")
    slow.may_answer.clear()
    cached = CachedEmbedder(slow, texts=100)
    asking = [asyncio.create_task(cached.embed(["a"])) for _ in range(3)]
    await asyncio.sleep(0.01)
    slow.may_answer.set()
    failed = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(error) for error in failed] == ["it sleeps"] * 3
    slow.failure = None
    assert np.array_equal(await cached.embed(["a"]), expected(["a"]))
    assert slow.calls == [["a"]] * 2


async def test_a_failure_that_nobody_waits_for_is_no_warning():
    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    slow = Slow()
    slow.failure = UnavailableError("it sleeps")
    slow.may_answer.clear()
    cached = CachedEmbedder(slow, texts=100)
    task = asyncio.create_task(cached.embed(["a"]))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    slow.may_answer.set()
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    assert said == []
    assert nothing_under_way(cached)


async def test_what_is_under_way_ends_when_it_is_closed():
    slow = Slow()
    slow.may_answer.clear()
    cached = CachedEmbedder(slow, texts=100)
    task = asyncio.create_task(cached.embed(["a"]))
    await asyncio.sleep(0.01)
    await cached.close()
    with pytest.raises(UnavailableError, match="closed"):
        await task
    assert slow.is_closed
    assert nothing_under_way(cached)


async def test_silence_from_before_the_width_was_known_fits_beside_what_came_after():
    server = EmbeddingServer(script=[answer(500)])
    async with serving(server):
        cached = CachedEmbedder(OpenAIEmbedder("m", url=server.url, attempts=2), texts=100)
        assert not (await cached.embed([""])).any()
        found = await cached.embed(["", "a", ""])
        assert np.allclose(found[1:2], expected(["a"]), atol=1e-6)
        assert not found[[0, 2]].any()
        await cached.embed(["a"])
        assert server.texts == ["a", "a"]  # the first was answered 500
        await cached.close()


async def test_texts_that_are_no_unicode_are_apart():
    cached = CachedEmbedder(First(), texts=100)
    assert (await cached.embed(["\ud800", "\ud801", "?"]))[:, 0].tolist() == [0xD800, 0xD801, 0x3F]


class First(Slow):
    async def embed(self, texts: Sequence[str]) -> Vectors:
        return np.array([[ord(text[0])] for text in texts], np.float32)
