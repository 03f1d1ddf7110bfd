"""Vectors as the database takes them: at the model's own width, and as a code of 512 bits by which candidates are found."""

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from empla.embedding.embedder import MOST_DIMENSIONS, Vectors, normalised
from empla.errors import InvalidError

BITS = 512


def codes(vectors: Vectors) -> list[str]:
    """The signs of 512 projections of each vector, as bits.

    Two vectors at an angle differ in angle/π of their bits on average (Charikar 2002, "Similarity estimation techniques from
    rounding algorithms"). The projections are a Hadamard matrix with random signs, twice, which is orthogonal and needs no storage.
    """
    signs = (vectors @ _projections(vectors.shape[1])) > 0
    return [row.tobytes().decode("ascii") for row in signs.astype(np.uint8) + ord("0")]


def literals(vectors: Vectors) -> list[str]:
    """Each vector as pgvector reads it, at the width it has: those of one model must all have the same."""
    # Six decimals of a number below 1 are more than half precision keeps; a list prints faster than its numbers one by one.
    return [str(row.tolist()) for row in np.round(vectors.astype(np.float64), 6)]


def checked(vector: "NDArray[np.floating] | list[float]") -> Vectors:
    """A vector from outside, as one row of length 1.

    Raises `InvalidError` for one that is empty, too long, without direction, or not made of numbers.
    """
    try:
        given = np.asarray(vector)
    except ValueError:
        raise InvalidError("a vector is a list of numbers") from None
    if given.dtype.kind not in "fiu":
        raise InvalidError("a vector is a list of numbers")
    if given.ndim != 1 or not 1 <= given.size <= MOST_DIMENSIONS:
        raise InvalidError(f"a vector has 1 to {MOST_DIMENSIONS} numbers")
    if not np.isfinite(given).all():
        raise InvalidError("a vector is made of finite numbers")
    if not given.any():
        raise InvalidError("a vector of zeros has no direction")
    return normalised(given.reshape(1, -1))


@lru_cache(maxsize=8)
def _projections(dimensions: int) -> Vectors:
    size = max(BITS, 1 << (dimensions - 1).bit_length())
    hadamard = np.ones((1, 1), np.float32)
    while len(hadamard) < size:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    # From a hash and not from a generator: codes are kept, and a generator's numbers may differ in its next version.
    first, second = (
        np.where(np.unpackbits(np.frombuffer(hashlib.shake_256(seed).digest(size // 8), np.uint8)), 1, -1)
        for seed in (b"empla codes 1", b"empla codes 2")
    )
    mixed = (hadamard * second) @ (hadamard * first)
    return np.ascontiguousarray(mixed[:BITS, :dimensions].T, np.float32)
