"""A database for tests that Hypothesis drives: those can't be coroutines, so a loop of their own runs the operations."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database

Answer = TypeVar("Answer")

# The same examples in every run: what CI finds, a developer finds. The real database sets the pace, so no deadline.
LAW = settings(
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class Driver:
    """An open database, and the loop that everything on it runs in."""

    def __init__(self, chosen: Settings) -> None:
        self._runner = asyncio.Runner()
        self._opened = opening.opened(chosen)
        self.database: Database = self._runner.run(self._opened.__aenter__())

    def run(self, operation: Coroutine[Any, Any, Answer]) -> Answer:
        return self._runner.run(operation)

    def close(self) -> None:
        self._runner.run(self._opened.__aexit__(None, None, None))
        self._runner.close()
