"""What slow embedders have in common: texts that say nothing are not asked, and long ones are cut."""

from collections.abc import Sequence

import numpy as np

from empla.embedding.embedder import Vectors


def spoken(texts: Sequence[str], *, most: int) -> tuple[list[int], list[str]]:
    """The texts that say something, cut to `most` characters, and their places. What is no Unicode is a question mark."""
    cut = (text.strip()[:most].encode("utf-8", "replace").decode() for text in texts)
    said = [(row, text) for row, text in enumerate(cut) if text]
    return [row for row, _ in said], [text for _, text in said]


def with_silence(found: Sequence[Vectors], rows: Sequence[int], *, count: int, width: int) -> Vectors:
    """The vectors at their places, and zeros between them."""
    vectors = np.zeros((count, width), np.float32)
    if found:
        vectors[rows] = np.concatenate(found)
    return vectors
