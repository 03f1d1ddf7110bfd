"""The default: static token vectors that come in a wheel. No network, no key, no compiler; thousands of texts a second on one core."""

import json
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from empla.embedding.embedder import Vectors, normalised
from empla.errors import UnavailableError

_PACKAGE = "wordllama"
_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_TENSOR = "embedding.weight"
_MOST_CHARACTERS = 16_384


class StaticEmbedder:
    """The mean of a text's token vectors (WordLlama, 256 dimensions, MIT). Its files are read as they are; its code is not run.

    Why this one, and what it was measured against: docs/decisions/0013-static-vectors-by-default.md.
    """

    @property
    def is_instant(self) -> bool:
        """Some 40 µs a text."""
        return True

    @property
    def max_batch(self) -> int:
        """Enough to be fast."""
        return 1000

    @property
    def name(self) -> str:
        """The package's version is the model's."""
        return f"wordllama-256@{self._version}"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`; a call is computation alone, and never waits."""
        return self.embed_now(texts)

    def embed_now(self, texts: Sequence[str]) -> Vectors:
        """The same, outside of an event loop."""
        table = self._table
        vectors = np.zeros((len(texts), table.shape[1]), np.float32)
        encodings = self._tokenizer.encode_batch([text[:_MOST_CHARACTERS] for text in texts], add_special_tokens=False)
        for row, encoding in enumerate(encodings):
            if encoding.ids:
                vectors[row] = table[encoding.ids].mean(0)
        return normalised(vectors)

    async def close(self) -> None:
        """Nothing is held."""

    @cached_property
    def _version(self) -> str:
        return version(_PACKAGE)

    @cached_property
    def _folder(self) -> Path:
        spec = find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise UnavailableError(f"the package {_PACKAGE} is not installed: install it, or set EMPLA_EMBEDDER=none")
        return Path(spec.submodule_search_locations[0])

    @cached_property
    def _table(self) -> Vectors:
        # safetensors: the length of a JSON header, the header, the numbers.
        raw = (self._folder / _WEIGHTS).read_bytes()
        begin = 8 + int.from_bytes(raw[:8], "little")
        tensor = json.loads(raw[8:begin])[_TENSOR]
        first, last = tensor["data_offsets"]
        half = np.frombuffer(raw[begin + first : begin + last], "<f2")
        return half.reshape(tensor["shape"]).astype(np.float32)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer = Tokenizer.from_file(str(self._folder / _TOKENIZER))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer
