"""EMPLA_EMBEDDER says which embedder there is, and what there is not is one sentence."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from empla.embedding.cache import CachedEmbedder
from empla.embedding.chosen import chosen
from empla.embedding.openai import OpenAIEmbedder
from empla.embedding.static import StaticEmbedder
from empla.errors import UsageError
from empla.settings import Settings


def settings(**more: Any) -> Settings:
    return Settings(**more)


def test_by_default_it_is_static_and_none_is_none():
    assert isinstance(chosen(settings()), StaticEmbedder)
    assert chosen(settings(embedder="none")) is None


async def test_a_server_is_as_the_settings_say_and_remembered(monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "EMPLA_EMBEDDER": "openai:nomic-embed-text:v1.5",
        "EMPLA_EMBEDDER_URL": "http://localhost:11434/v1",
        "EMPLA_EMBEDDER_KEY": "sk-geheim",
        "EMPLA_EMBEDDER_DIMENSIONS": "256",
        "EMPLA_EMBEDDER_BATCH": "7",
        "EMPLA_EMBEDDER_TIMEOUT": "1.5",
        "EMPLA_EMBEDDER_ATTEMPTS": "2",
        "EMPLA_EMBEDDER_CACHE": "11",
    }.items():
        monkeypatch.setenv(name, value)
    known = Settings()
    assert "geheim" not in repr(known) + known.model_dump_json()
    embedder = chosen(known)
    assert isinstance(embedder, CachedEmbedder)
    assert embedder.name == "openai:nomic-embed-text:v1.5:256@localhost:11434"
    assert (embedder.is_instant, embedder.max_batch) == (False, 7)
    assert embedder._most == 11  # pyright: ignore[reportPrivateUsage]
    slow: Any = embedder._embedder  # pyright: ignore[reportPrivateUsage]
    endpoint = slow._endpoint
    assert (endpoint._timeout, endpoint._attempts, endpoint.has_key) == (1.5, 2, True)
    await embedder.close()


def test_without_a_cache_it_is_the_server_itself():
    embedder = chosen(settings(embedder="openai: m ", embedder_cache=0))
    assert isinstance(embedder, OpenAIEmbedder)
    assert embedder.name == "openai:m@api.openai.com"


@pytest.mark.parametrize(
    "named",
    ["static:", "static:x", "none:", "openai", "openai:", "openai: ", "sentence-transformers:", "Static", "word2vec", ":", "a" * 500],
)  # fmt: skip
def test_what_there_is_not_is_one_sentence(named: str):
    with pytest.raises(UsageError) as raised:
        chosen(settings(embedder=named))
    assert str(raised.value) == (
        f"EMPLA_EMBEDDER is static, none, openai:<model> or sentence-transformers:<model or folder>, not {named!r}"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("dimensions", 0), ("dimensions", 1025), ("batch", 0), ("batch", 2049), ("timeout", 0), ("timeout", float("nan")), ("attempts", 0),
     ("cache", -1), ("url", "x" * 2001)],
)  # fmt: skip
def test_settings_have_bounds(name: str, value: Any):
    with pytest.raises(ValidationError):
        settings(**{f"embedder_{name}": value})


def test_a_bad_address_or_key_is_said_when_it_is_chosen():
    with pytest.raises(UsageError, match="EMPLA_EMBEDDER_URL"):
        chosen(settings(embedder="openai:m", embedder_url="localhost:11434"))
    with pytest.raises(UsageError, match="EMPLA_EMBEDDER_KEY"):
        chosen(settings(embedder="openai:m", embedder_key=SecretStr("a b")))
