"""A model of the package sentence-transformers, in this process. The package is as large as torch, so it is not installed by default."""

import asyncio
import hashlib
import importlib
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from empla.embedding.embedder import MOST_DIMENSIONS, Vectors, normalised
from empla.embedding.said import spoken, with_silence
from empla.errors import UnavailableError, UsageError

MOST_CHARACTERS = 8_000  # of a text; models cut sooner, each after its own number of tokens
_PACKAGE = "sentence_transformers"


class _Model(Protocol):
    """What is used of `sentence_transformers.SentenceTransformer`."""

    def encode(
        self, sentences: list[str], *, batch_size: int, show_progress_bar: bool, convert_to_numpy: bool
    ) -> Any: ...


class SentenceTransformersEmbedder:
    """A model by its name on the hub, or in a folder, from which it is read without any network."""

    is_instant = False

    def __init__(self, model: str, *, dimensions: int | None = None, batch: int = 64) -> None:
        """`dimensions` cuts the vectors of a model that was trained for it. Raises `UsageError`."""
        if find_spec(_PACKAGE) is None:
            raise UsageError(
                "EMPLA_EMBEDDER wants the package sentence-transformers, which is not installed: "
                "pip install 'empla[sentence-transformers]'"
            )
        self._chosen = model
        self._dimensions = dimensions
        self._one_at_a_time = Lock()
        self.max_batch = batch

    @property
    def name(self) -> str:
        """The model's name; for a folder its last part and what is in it, wherever it lies."""
        return self._name

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`; the first call loads the model."""
        rows, said = spoken(texts, most=MOST_CHARACTERS)
        if not said:
            return with_silence([], rows, count=len(texts), width=1)
        found = await asyncio.to_thread(self._encoded, said)
        return with_silence([found], rows, count=len(texts), width=found.shape[1])

    async def close(self) -> None:
        """Let the model be collected."""
        self.__dict__.pop("_model", None)

    def _encoded(self, texts: list[str]) -> Vectors:
        with self._one_at_a_time:
            found = self._model.encode(texts, batch_size=self.max_batch, show_progress_bar=False, convert_to_numpy=True)
        numbers = np.asarray(found, np.float64)
        if numbers.ndim != 2 or len(numbers) != len(texts) or not np.isfinite(numbers).all():  # noqa: PLR2004
            raise UnavailableError(f"{self._chosen} does not give one vector of finite numbers for each text")
        if not 1 <= numbers.shape[1] <= MOST_DIMENSIONS:
            raise UnavailableError(
                f"{self._chosen} has {numbers.shape[1]:,} dimensions, and at most {MOST_DIMENSIONS:,} fit: set "
                f"EMPLA_EMBEDDER_DIMENSIONS if it was trained to be cut, or choose another model"
            )
        return normalised(numbers)

    @cached_property
    def _name(self) -> str:
        folder = Path(self._chosen).expanduser()
        known = f"{folder.resolve().name}@{_digest(folder)}" if folder.is_dir() else self._chosen
        return f"sentence-transformers:{known}{f':{self._dimensions}' if self._dimensions else ''}"

    @cached_property
    def _model(self) -> _Model:
        folder = Path(self._chosen).expanduser()
        try:
            made = importlib.import_module(_PACKAGE).SentenceTransformer
            return made(str(folder) if folder.is_dir() else self._chosen, truncate_dim=self._dimensions)
        except Exception as error:
            # Whatever torch, the hub's client and the disk raise; the cause is kept.
            raise UnavailableError(f"the model {self._chosen} can't be loaded: {type(error).__name__}") from error


def _digest(folder: Path) -> str:
    """Of every file, so that two models that were trained apart never pass for one."""
    whole = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").digest()
        whole.update(hashlib.sha256(file.relative_to(folder).as_posix().encode()).digest() + content)
    return whole.hexdigest()[:16]
