"""Models of the package sentence-transformers. It is as large as torch: a module of the same shape stands in for it here."""

import asyncio
import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedding_server import expected

from empla.embedding.cache import CachedEmbedder
from empla.embedding.chosen import chosen
from empla.embedding.sentence_transformers import MOST_CHARACTERS, SentenceTransformersEmbedder
from empla.errors import UnavailableError, UsageError
from empla.settings import Settings

# What version 3 to 5 take; a call with anything else fails.
STAND_IN = """
import threading
import numpy as np
from embedding_server import of_text

made = []
at_once = 0
most_at_once = 0

class SentenceTransformer:
    def __init__(self, model_name_or_path, *, truncate_dim=None):
        if model_name_or_path == "missing":
            raise OSError("token hf_geheim\\nis not allowed")
        self.model, self.dimensions, self.calls = model_name_or_path, truncate_dim, []
        made.append(self)

    def encode(self, sentences, *, batch_size=32, show_progress_bar=None, convert_to_numpy=True):
        global at_once, most_at_once
        at_once += 1
        most_at_once = max(at_once, most_at_once)
        assert show_progress_bar is False and convert_to_numpy is True
        self.calls.append((list(sentences), batch_size, threading.current_thread()))
        threading.Event().wait(0.01)
        at_once -= 1
        match self.model:
            case "wide":
                return np.ones((len(sentences), self.dimensions or 1536), np.float32)
            case "nan":
                return np.full((len(sentences), 8), np.nan, np.float32)
            case "few":
                return np.ones((len(sentences) - 1, 8), np.float32)
            case "flat":
                return np.ones(len(sentences), np.float32)
        return np.array([of_text(text) for text in sentences], np.float32)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "sentence_transformers.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path)  # pyright: ignore[reportUnknownMemberType]
    importlib.invalidate_caches()
    assert "sentence_transformers" not in sys.modules
    yield lambda: sys.modules["sentence_transformers"]
    sys.modules.pop("sentence_transformers", None)


async def test_texts_are_encoded_beside_the_event_loop(package: Any):
    embedder = SentenceTransformersEmbedder("all-MiniLM-L6-v2", batch=16)
    assert "sentence_transformers" not in sys.modules  # imported when it is needed
    assert (embedder.name, embedder.is_instant, embedder.max_batch) == (
        "sentence-transformers:all-MiniLM-L6-v2",
        False,
        16,
    )
    found = await embedder.embed(["a", "", "b", " \n", "x" * 9000])
    assert found.dtype == np.float32
    assert np.allclose(found[[0, 2, 4]], expected(["a", "b", "x" * MOST_CHARACTERS]), atol=1e-6)
    assert not found[[1, 3]].any()
    [model] = package().made
    [(texts, batch, thread)] = model.calls
    assert (texts, batch) == (["a", "b", "x" * MOST_CHARACTERS], 16)
    assert thread is not threading.main_thread()
    assert model.dimensions is None
    await embedder.close()


async def test_one_model_is_loaded_and_does_one_thing_at_a_time(package: Any):
    embedder = SentenceTransformersEmbedder("m")
    await asyncio.gather(*(embedder.embed([str(number)]) for number in range(8)))
    assert len(package().made) == 1
    assert package().most_at_once == 1


async def test_nothing_to_say_loads_no_model(package: Any):
    assert not (await SentenceTransformersEmbedder("m").embed(["", " "])).any()
    assert "sentence_transformers" not in sys.modules
    del package


@pytest.mark.usefixtures("package")
async def test_a_wide_model_is_refused_unless_it_may_be_cut():
    with pytest.raises(
        UnavailableError, match=r"^wide has 1,536 dimensions, and at most 1,024 fit: set EMPLA_EMBEDDER_DIMENSIONS"
    ):
        await SentenceTransformersEmbedder("wide").embed(["a"])
    cut = SentenceTransformersEmbedder("wide", dimensions=512)
    assert (await cut.embed(["a"])).shape == (1, 512)
    assert cut.name == "sentence-transformers:wide:512"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("model", ["nan", "few", "flat"])
async def test_what_are_no_vectors_is_refused(model: str):
    with pytest.raises(UnavailableError, match="one vector of finite numbers for each text"):
        await SentenceTransformersEmbedder(model).embed(["a", "b"])


@pytest.mark.usefixtures("package")
async def test_a_model_that_can_not_be_loaded_is_one_sentence():
    with pytest.raises(UnavailableError) as raised:
        await SentenceTransformersEmbedder("missing").embed(["a"])
    assert str(raised.value) == "the model missing can't be loaded: OSError"
    assert isinstance(raised.value.__cause__, OSError)


async def test_a_folder_is_known_by_what_is_in_it_wherever_it_lies(package: Any, tmp_path: Path):
    one, other = tmp_path / "here" / "ours", tmp_path / "there" / "ours"
    for folder in (one, other):
        (folder / "pooling").mkdir(parents=True)
        (folder / "pooling" / "weights").write_bytes(b"\x00" * 100_000)
    names = {SentenceTransformersEmbedder(str(folder)).name for folder in (one, other)}
    assert len(names) == 1
    assert names.pop().startswith("sentence-transformers:ours@")
    (other / "pooling" / "weights").write_bytes(b"\x00" * 99_999 + b"\x01")
    before, after = SentenceTransformersEmbedder(f"{one}/"), SentenceTransformersEmbedder(str(other))
    assert before.name != after.name
    await after.embed(["a"])
    assert package().made[0].model == str(other)


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    def nothing(_name: str) -> None:
        """Also where it is installed."""

    monkeypatch.setattr("empla.embedding.sentence_transformers.find_spec", nothing)
    with pytest.raises(UsageError) as raised:
        chosen(Settings(embedder="sentence-transformers:all-MiniLM-L6-v2"))
    assert str(raised.value) == (
        "EMPLA_EMBEDDER wants the package sentence-transformers, which is not installed: "
        "pip install 'empla[sentence-transformers]'"
    )


@pytest.mark.usefixtures("package")
def test_it_is_chosen_and_remembered():
    embedder = chosen(Settings(embedder="sentence-transformers:BAAI/bge-m3", embedder_dimensions=1024))
    assert isinstance(embedder, CachedEmbedder)
    assert embedder.name == "sentence-transformers:BAAI/bge-m3:1024"
