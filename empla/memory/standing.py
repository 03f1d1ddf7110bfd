"""How far a procedure is trusted, as the database works it out (0012_playbooks.up.sql); a property test holds the two equal."""

import math
from typing import Literal

Standing = Literal["trial", "established", "demoted"]

Z = 1.96  # of 95 %
_Z2 = 3.8416
ESTABLISHED_FROM = 0.4  # the lower bound; three of three reach it
DEMOTED_BELOW = 0.5  # the upper bound
DEMOTED_FROM = 5  # executions
MOST_FAILURES = 3  # in a row


def wilson_lower(successes: int, n: int) -> float:
    """The least rate of success that n executions let one believe; 0 without any."""
    return 0.0 if n < 1 else max(0.0, _bound(successes, n, -Z))


def wilson_upper(successes: int, n: int) -> float:
    """The highest rate of success that n executions let one believe; 1 without any."""
    return 1.0 if n < 1 else min(1.0, _bound(successes, n, Z))


def _bound(successes: int, n: int, z: float) -> float:
    p = min(max(successes, 0), n) / n
    return (p + _Z2 / (2 * n) + z * math.sqrt((p * (1 - p) + _Z2 / (4 * n)) / n)) / (1 + _Z2 / n)


def next_standing(standing: Standing, *, successes: int, n: int, failures: int) -> Standing:
    """After an outcome, given how many failures the record ends with: a failure may demote, a success establishes what is on trial."""
    if failures >= MOST_FAILURES or (failures > 0 and n >= DEMOTED_FROM and wilson_upper(successes, n) < DEMOTED_BELOW):
        return "demoted"
    if standing == "trial" and wilson_lower(successes, n) >= ESTABLISHED_FROM:
        return "established"
    return standing
