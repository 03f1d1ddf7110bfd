"""The same text is asked of a slow embedder once: by whoever asked before, or by several at the same time."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from empla.embedding.embedder import Embedder, Vectors
from empla.errors import UnavailableError

_Key = bytes
_Rows = dict[_Key, NDArray[np.float32]]


class CachedEmbedder:
    """Another embedder, and the vectors of the texts that were asked last. It belongs to one event loop.

    A text is known by its SHA-256, so that long ones take no more room. What failed is not remembered.
    """

    def __init__(self, embedder: Embedder, *, texts: int) -> None:
        """`texts` is how many are remembered."""
        self._embedder = embedder
        self._most = texts
        self._known: OrderedDict[_Key, NDArray[np.float32]] = OrderedDict()
        self._under_way: dict[_Key, asyncio.Task[_Rows]] = {}

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def is_instant(self) -> bool:
        return self._embedder.is_instant

    @property
    def max_batch(self) -> int:
        return self._embedder.max_batch

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`. Who gives up waiting does not stop the call, for others may wait for it too."""
        if not texts:
            return await self._embedder.embed(texts)
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        found: _Rows = {}
        waited: set[asyncio.Task[_Rows]] = set()
        unknown: dict[_Key, str] = {}
        for key, text in zip(keys, texts, strict=True):
            if key in self._known:
                self._known.move_to_end(key)
                found[key] = self._known[key]
            elif key in self._under_way:
                waited.add(self._under_way[key])
            else:
                unknown[key] = text
        if unknown:
            waited.add(self._begin(unknown))
        for task in waited:
            found |= await self._shared(task)
        return _stacked([found[key] for key in keys])

    async def close(self) -> None:
        """What is under way is given up."""
        tasks = set(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._known.clear()
        await self._embedder.close()

    async def _shared(self, task: asyncio.Task[_Rows]) -> _Rows:
        await asyncio.wait([task])
        if task.cancelled():
            raise UnavailableError(f"the embedder {self.name} was closed")
        return task.result()

    def _begin(self, unknown: dict[_Key, str]) -> asyncio.Task[_Rows]:
        task = asyncio.create_task(self._asked(unknown))
        for key in unknown:
            self._under_way[key] = task
        task.add_done_callback(lambda done: self._end(unknown, done))
        return task

    def _end(self, unknown: dict[_Key, str], task: asyncio.Task[_Rows]) -> None:
        for key in unknown:
            del self._under_way[key]
        if not task.cancelled():
            task.exception()  # whoever waits has it; and if nobody does, that is no warning

    async def _asked(self, unknown: dict[_Key, str]) -> _Rows:
        vectors = await self._embedder.embed(list(unknown.values()))
        # Copies: a view would keep the whole answer.
        rows = {key: row.copy() for key, row in zip(unknown, vectors, strict=True)}
        self._known |= rows
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return rows


def _stacked(rows: Sequence[NDArray[np.float32]]) -> Vectors:
    """One below the other; the zeros of a text that says nothing may be fewer, asked before the model's width was known."""
    vectors = np.zeros((len(rows), max(row.size for row in rows)), np.float32)
    for vector, row in zip(vectors, rows, strict=True):
        vector[: row.size] = row
    return vectors
