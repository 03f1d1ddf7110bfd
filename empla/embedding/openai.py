"""Any server that speaks OpenAI's `/embeddings`: a cloud, a company's gateway, or a model on the next machine."""

import asyncio
import json
import ssl
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from empla.embedding.embedder import MOST_DIMENSIONS, Vectors, normalised
from empla.embedding.endpoint import Endpoint, Pause, RefusedError
from empla.embedding.said import spoken, with_silence
from empla.errors import UnavailableError

MOST_CHARACTERS = 8_000  # of a text; the rest is not sent
_LEAST_CHARACTERS = 100  # of a text that a model finds too long, after it was halved again and again
_BYTES_OF_A_TEXT = 131_072  # of the answer: 4096 numbers of 32 characters
_BYTES_BESIDE = 65_536
_TOO_MUCH = frozenset({400, 413, 422})  # what servers say to too many or too long texts


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    index: int
    embedding: list[float] = Field(min_length=1)


class _Embeddings(BaseModel):
    model_config = ConfigDict(strict=True)

    data: list[_Entry]


class OpenAIEmbedder:
    """One model of one server. It belongs to one event loop.

    Texts that say nothing are not sent, and are zeros. Longer ones than `MOST_CHARACTERS` are cut there; what a model still finds too
    long is halved until it is taken.
    """

    is_instant = False

    def __init__(
        self,
        model: str,
        *,
        url: str,
        key: SecretStr | None = None,
        dimensions: int | None = None,
        batch: int = 64,
        timeout: float = 20.0,
        attempts: int = 4,
        trust: ssl.SSLContext | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        """`url` is what `/embeddings` is appended to. `dimensions` is only asked for when it is given, or the model has too many.

        Raises `UsageError`.
        """
        self._endpoint = Endpoint(
            url, path="/embeddings", key=key, timeout=timeout, attempts=attempts, trust=trust, pause=pause
        )
        self._model = model
        self._dimensions = dimensions  # asked for
        self._width = dimensions  # answered
        self.max_batch = batch
        self.name = f"openai:{model}{f':{dimensions}' if dimensions else ''}@{self._endpoint.host}"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`; more texts than `max_batch` are several calls, one after another."""
        rows, said = spoken(texts, most=MOST_CHARACTERS)
        found = [
            await self._embedded(said[begin : begin + self.max_batch]) for begin in range(0, len(said), self.max_batch)
        ]
        return with_silence(found, rows, count=len(texts), width=self._width or 1)

    async def close(self) -> None:
        await self._endpoint.close()

    async def _embedded(self, texts: Sequence[str]) -> Vectors:
        """Of no more texts than go into one call, and fewer when the server finds that too much."""
        try:
            numbers = await self._asked(texts)
        except RefusedError as refused:
            if refused.status not in _TOO_MUCH or (len(texts) == 1 and len(texts[0]) <= _LEAST_CHARACTERS):
                raise UnavailableError(self._why(refused.status)) from None
        else:
            if self._width not in (None, numbers.shape[1]):
                raise UnavailableError(
                    f"{self._model} at {self._endpoint.host} answers with {numbers.shape[1]} dimensions, not {self._width}"
                )
            self._width = numbers.shape[1]
            return normalised(numbers)
        if len(texts) == 1:
            return await self._embedded([texts[0][: len(texts[0]) // 2]])
        half = len(texts) // 2
        return np.concatenate([await self._embedded(texts[:half]), await self._embedded(texts[half:])])

    async def _asked(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """In at most `MOST_DIMENSIONS`, also by a model that has more. Raises `RefusedError`."""
        numbers = await self._call(texts, self._dimensions)
        if numbers.shape[1] <= MOST_DIMENSIONS:
            return numbers
        try:
            shortened = await self._call(texts, MOST_DIMENSIONS)
        except RefusedError:
            shortened = numbers
        if shortened.shape[1] != MOST_DIMENSIONS:
            raise UnavailableError(
                f"{self._model} at {self._endpoint.host} has {numbers.shape[1]:,} dimensions and can't do with fewer, "
                f"and at most {MOST_DIMENSIONS:,} fit: choose another model"
            )
        self._dimensions = MOST_DIMENSIONS
        return shortened

    async def _call(self, texts: Sequence[str], dimensions: int | None) -> NDArray[np.float64]:
        asked: dict[str, object] = {"model": self._model, "input": list(texts)}
        if dimensions is not None:
            asked["dimensions"] = dimensions
        most = _BYTES_BESIDE + len(texts) * _BYTES_OF_A_TEXT
        return self._read(await self._endpoint.post(json.dumps(asked).encode(), most=most), len(texts))

    def _read(self, body: bytes, count: int) -> NDArray[np.float64]:
        where = f"{self._model} at {self._endpoint.host}"
        try:
            entries = _Embeddings.model_validate_json(body).data
        except ValidationError:
            raise UnavailableError(f"{where} does not answer with vectors of finite numbers") from None
        if sorted(entry.index for entry in entries) != list(range(count)):
            raise UnavailableError(f"{where} does not answer with one vector for each of {count} texts")
        if len({len(entry.embedding) for entry in entries}) != 1:
            raise UnavailableError(f"{where} answers with vectors of several widths")
        return np.array([entry.embedding for entry in sorted(entries, key=lambda entry: entry.index)], np.float64)

    def _why(self, status: int) -> str:
        """One sentence; never what the server said."""
        host = self._endpoint.host
        match status:
            case 401 | 403 if self._endpoint.has_key:
                return f"{host} does not take the key of EMPLA_EMBEDDER_KEY ({status})"
            case 401 | 403:
                return f"{host} wants a key, and EMPLA_EMBEDDER_KEY is not set ({status})"
            case 404:
                return (
                    f"{host} has no model {self._model}, or EMPLA_EMBEDDER_URL is not what /embeddings follows on (404)"
                )
            case _ if status // 100 == 3:  # noqa: PLR2004
                return f"{host} answered {status}, and redirects are not followed: correct EMPLA_EMBEDDER_URL"
            case _:
                return f"{host} does not take what {self._model} is asked ({status})"
