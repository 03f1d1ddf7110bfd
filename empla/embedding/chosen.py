"""The embedder that the settings choose."""

from empla.embedding.embedder import Embedder
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
        case _:
            raise UsageError(f"EMPLA_EMBEDDER is static or none, not {settings.embedder!r}")
