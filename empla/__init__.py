"""The mind and memory of digital employees, on PostgreSQL.

    async with empla.open() as app: …

Nothing heavy is imported before it is used, so that `empla --help` answers at once.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Belief", "EmplaError", "Episode", "Evidence", "Settings", "Why", "open"]

if TYPE_CHECKING:
    from empla.app import open_app as open  # noqa: A004 — empla.open() reads as what it does
    from empla.bdi.beliefs import Belief, Evidence
    from empla.errors import EmplaError
    from empla.memory.episodic import Episode
    from empla.mind.why import Why
    from empla.settings import Settings

_HOME = {
    "open": ("empla.app", "open_app"),
    "Belief": ("empla.bdi.beliefs", "Belief"),
    "Evidence": ("empla.bdi.beliefs", "Evidence"),
    "EmplaError": ("empla.errors", "EmplaError"),
    "Episode": ("empla.memory.episodic", "Episode"),
    "Why": ("empla.mind.why", "Why"),
    "Settings": ("empla.settings", "Settings"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'empla' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    module, attribute = _HOME[name]
    return getattr(import_module(module), attribute)
