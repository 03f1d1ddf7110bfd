"""One `empla up` looks after a home at a time; whoever comes second is told where the first one is."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from empla.errors import ConflictError
from empla.storage import cluster

_LONGEST = 300  # bytes of what the first one says


@contextmanager
def attended(home: Path) -> Generator[Callable[[str], None]]:
    """The home is there, and ours while the block lasts, or the process. Call what is given with our address.

    Raises `ConflictError` when it is another's, and what `cluster.open_home` does.
    """
    with cluster.explained(home):
        home = cluster.open_home(home)
        handle = cluster.lock_file(home / "up")
    try:
        if not cluster.take(handle):
            address = os.read(handle, _LONGEST).decode(errors="replace").strip()
            raise ConflictError(f"empla is up already in {home}{f': {address}' if address else ''}")
        os.ftruncate(handle, 0)

        def tell(address: str) -> None:
            os.pwrite(handle, f"{address}\n".encode(), 0)

        yield tell
    finally:
        os.close(handle)
