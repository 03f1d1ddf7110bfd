"""A database for tests that Hypothesis drives: those can't be coroutines, so a loop of their own runs the operations."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database

Answer = TypeVar("Answer")

# 1 takes the same few examples in every run: what CI finds, a developer finds. More looks for others, as many times as many.
PATIENCE = int(os.environ.get("EMPLA_TEST_PATIENCE", "1"))


def law(examples: int = 100, *, steps: int = 50) -> settings:
    """So many examples, fewer unless there is time; the real database sets the pace, so there is no deadline."""
    return settings(
        max_examples=max(5, examples * (2 * PATIENCE - 1) * 3 // 5),
        stateful_step_count=steps,
        derandomize=PATIENCE == 1,
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
