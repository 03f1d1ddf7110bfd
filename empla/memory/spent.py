"""Where the time of recalling goes, as sums that only grow: one for each database of a process."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from weakref import WeakKeyDictionary

from empla.storage.database import Database

Part = Literal["sql", "embed", "rank"]


@dataclass
class Spent:
    """Seconds by part, of so many recalls."""

    recalls: int = 0
    seconds: dict[Part, float] = field(default_factory=lambda: {"sql": 0.0, "embed": 0.0, "rank": 0.0})

    @contextmanager
    def on(self, part: Part) -> Generator[None]:
        """The block is time of this part, whatever comes of it."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - began


_spent: WeakKeyDictionary[Database, Spent] = WeakKeyDictionary()


def spent(database: Database) -> Spent:
    """By all who ask this database from outside (`answering`), in this process."""
    return _spent.setdefault(database, Spent())
