"""The embedder that the settings choose."""

from empla.embedding.cache import CachedEmbedder
from empla.embedding.embedder import Embedder
from empla.embedding.openai import OpenAIEmbedder
from empla.embedding.sentence_transformers import SentenceTransformersEmbedder
from empla.embedding.static import StaticEmbedder
from empla.errors import UsageError
from empla.settings import Settings


def chosen(settings: Settings) -> Embedder | None:
    """EMPLA_EMBEDDER as an embedder; None for "none", and then words decide alone. Raises `UsageError` for what there is not."""
    match settings.embedder.partition(":"):
        case ("static", "", ""):
            return StaticEmbedder()
        case ("none", "", ""):
            return None
        case ("openai", ":", model) if model.strip():
            slow = OpenAIEmbedder(
                model.strip(),
                url=settings.embedder_url,
                key=settings.embedder_key,
                dimensions=settings.embedder_dimensions,
                batch=settings.embedder_batch,
                timeout=settings.embedder_timeout,
                attempts=settings.embedder_attempts,
            )
        case ("sentence-transformers", ":", model) if model.strip():
            slow = SentenceTransformersEmbedder(
                model.strip(), dimensions=settings.embedder_dimensions, batch=settings.embedder_batch
            )
        case _:
            raise UsageError(
                "EMPLA_EMBEDDER is static, none, openai:<model> or sentence-transformers:<model or folder>, "
                f"not {settings.embedder!r}"
            )
    return CachedEmbedder(slow, texts=settings.embedder_cache) if settings.embedder_cache else slow
