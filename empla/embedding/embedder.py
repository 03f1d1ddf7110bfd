"""What turns texts into vectors: a port, with one model in a wheel, and servers or models that the user configures."""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""One row for each text, of length 1 but for texts that say nothing, which are all zeros; at most `MOST_DIMENSIONS` columns."""

MOST_DIMENSIONS = 1024


class Embedder(Protocol):
    """One model. Vectors of different names are never compared."""

    @property
    def name(self) -> str:
        """The model, with its version."""
        ...

    @property
    def is_instant(self) -> bool:
        """Whether a text takes less time than a statement, so that a memory is embedded as it is written."""
        ...

    @property
    def max_batch(self) -> int:
        """Texts in one call, at most."""
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of the texts, in their order. Raises `UnavailableError` when the model can't be reached."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


def model_id(name: str) -> int:
    """The number that stands for a model in the database; 31 bits of its name's SHA-256."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) & 0x7FFFFFFF


def normalised(vectors: NDArray[np.floating]) -> Vectors:
    """The same directions with length 1, however long or short they were; zeros stay zeros."""
    wide = vectors.astype(np.float64)
    largest = np.abs(wide).max(axis=1, keepdims=True, initial=0)
    np.divide(wide, largest, out=wide, where=largest > 0)  # so that no square is too large or too small
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    np.divide(wide, lengths, out=wide, where=lengths > 0)
    return wide.astype(np.float32)
