"""DEV STUB"""

from dataclasses import dataclass


@dataclass(frozen=True)
class A:
    capability: str | None = None


ACTIONS = {
    n: A() for n in "task note believe remember adopt_goal follow_up notify ask decide await pursue veto rank".split()
} | {"draft": A("email")}
