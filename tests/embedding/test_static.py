"""The default embedder: a text's vector is the mean of its tokens' vectors, whatever is asked beside it."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import wordllama
from driving import law
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]
from tokenizers import Tokenizer

from empla.embedding.static import StaticEmbedder

TEXTS = [
    "The offer was accepted by Jane Doe on Monday.",
    "das Angebot wurde angenommen — Straße, Größe, Öl",
    "предложение принято",
    "提案が受け入れられました",
    "تم قبول العرض",
    "הצעה התקבלה",
    "ข้อเสนอได้รับการยอมรับ",
    "प्रस्ताव स्वीकार किया गया",
    "😀👩‍👩‍👧‍👦🏳️‍🌈🦔",
    "1234567890 +49 (0)30 €12.50 a@b.example",
    "\x00\x07\x1b[31m",
    "é e\u0301 ﬁ \u202e\u200b\ufeff",
    "\U0010fffe 𓀀 𝕏",
    " ",
    "\n",
    "x",
    "word " * 5000,
]


@pytest.fixture(scope="module")
def static() -> StaticEmbedder:
    return StaticEmbedder()


async def test_it_is_instant_and_named_after_its_version(static: StaticEmbedder):
    assert static.name == f"wordllama-256@{version('wordllama')}"
    assert static.is_instant
    await static.close()
    assert (await static.embed(["a"])).shape == (1, 256)


async def test_every_script_has_a_vector_of_length_1(static: StaticEmbedder):
    vectors = await static.embed(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), 256), np.float32)
    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_same_text_has_the_same_vector_whatever_is_beside_it(static: StaticEmbedder):
    together = static.embed_now([*TEXTS, *reversed(TEXTS)])
    alone = np.concatenate([static.embed_now([text]) for text in TEXTS])
    assert np.array_equal(together[: len(TEXTS)], alone)
    assert np.array_equal(together[len(TEXTS) :], alone[::-1])
    assert np.array_equal(StaticEmbedder().embed_now(TEXTS), alone)


def test_an_empty_text_is_zeros_and_no_text_is_no_row(static: StaticEmbedder):
    vectors = static.embed_now(["", "a", ""])
    assert not vectors[[0, 2]].any()
    assert vectors[1].any()
    assert static.embed_now([]).shape == (0, 256)


def test_a_vector_is_the_mean_of_the_tokens_vectors(static: StaticEmbedder):
    """Read by other code: the package safetensors, and one text at a time."""
    folder = Path(wordllama.__file__).parent
    table = load_file(folder / "weights" / "l2_supercat_256.safetensors")["embedding.weight"].astype(np.float64)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    for text, vector in zip(TEXTS, static.embed_now(TEXTS), strict=True):
        mean = table[tokenizer.encode(text[:16_384], add_special_tokens=False).ids].mean(0)
        assert np.allclose(vector, mean / np.linalg.norm(mean), atol=1e-5), text


def test_a_text_is_read_to_its_16384th_character(static: StaticEmbedder):
    long = "a b " * 4096
    same, other = static.embed_now([long + "something else entirely", long[:-4] + "cat "])
    assert np.array_equal(static.embed_now([long])[0], same)
    assert not np.array_equal(same, other)


def test_like_is_nearer_than_unlike(static: StaticEmbedder):
    asked, near, far = static.embed_now(
        ["Who pays the invoice?", "The customer's accountant settles the bill.", "A cat sleeps on the warm roof."]
    )
    assert asked @ near > asked @ far + 0.1


@law(300)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_length_1_or_zeros(text: str):
    [vector] = _SHARED.embed_now([text])
    assert np.isfinite(vector).all()
    length = float(np.linalg.norm(vector))
    assert abs(length - (1 if text else 0)) < 1e-5


_SHARED = StaticEmbedder()
