"""A worker that dies in the middle of a delivery. Run as a script: the tenant, the employee, and where it dies.

`commit-N-before` and `commit-N-after`: around the N-th COMMIT, counted from when it begins to deliver; `link-before` and
`link-after`: around the mail's entry in a Maildir; `dot`: when all of the mail is sent but its last line; `slow-dot`: by another's
hand, for it waits there; `never`: by another's hand, or not at all.
"""

import asyncio
import os
import signal
import sys
import time
from typing import Any, Never
from uuid import UUID

from psycopg import AsyncConnection

from empla.effects.senders.smtp_line import Line
from empla.mind import cycle
from empla.settings import Settings
from empla.storage import opening
from empla.storage.tx import Caller

MOST_CYCLES = 20


def dies() -> Never:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives this")


def dies_at_commit(number: int, when: str) -> None:
    delivers, commits = cycle.deliver, -1  # so many COMMITs since; -1 before it delivers
    executes: Any = AsyncConnection.execute

    async def deliver(*words: Any, **more: Any) -> Any:
        nonlocal commits
        commits = max(commits, 0)
        return await delivers(*words, **more)

    async def execute(connection: Any, query: Any, *words: Any, **more: Any) -> Any:
        nonlocal commits
        is_the_one = False
        if query == "COMMIT" and commits >= 0:
            commits += 1
            is_the_one = commits == number
        if is_the_one and when == "before":
            dies()
        found = await executes(connection, query, *words, **more)
        if is_the_one:
            dies()
        return found

    setattr(cycle, "deliver", deliver)  # noqa: B010
    setattr(AsyncConnection, "execute", execute)  # noqa: B010


def dies_at_link(when: str) -> None:
    links: Any = os.link

    def link(*words: Any, **more: Any) -> None:
        if when == "before":
            dies()
        links(*words, **more)
        dies()

    setattr(os, "link", link)  # noqa: B010


def lingers_at_dot(*, dead: bool) -> None:
    commits = Line.commit

    def commit(line: Line) -> None:
        if dead:
            dies()
        time.sleep(30)
        commits(line)

    setattr(Line, "commit", commit)  # noqa: B010


def doomed(where: str) -> None:
    match where.split("-"):
        case ["commit", number, when]:
            dies_at_commit(int(number), when)
        case ["link", when]:
            dies_at_link(when)
        case ["dot"]:
            lingers_at_dot(dead=True)
        case ["slow", "dot"]:
            lingers_at_dot(dead=False)
        case _:
            assert where == "never", where


async def live(tenant: UUID, employee: UUID) -> None:
    """Cycles until one is quiet."""
    async with opening.opened(Settings()) as database:
        for _ in range(MOST_CYCLES):
            outcome = await cycle.run(database, Caller(tenant, employee=employee))
            if not (outcome.steps or outcome.plans_ended or outcome.effects_moved):
                return


if __name__ == "__main__":
    doomed(sys.argv[3])
    asyncio.run(live(UUID(sys.argv[1]), UUID(sys.argv[2])))
