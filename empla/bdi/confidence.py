"""The arithmetic of belief, as the database does it (migrations/sql/0006_beliefs.up.sql); a property test holds the two equal."""

import math
from datetime import datetime
from typing import Literal

Source = Literal["observation", "inference", "told_by_human", "prior"]
DecayModel = Literal["linear", "exponential"]

# How often each kind of source is right: the weight of one piece of evidence is ln(r / (1 - r)).
RELIABILITY: dict[Source, float] = {"told_by_human": 0.95, "observation": 0.90, "inference": 0.70, "prior": 0.55}
LEAST, MOST = 0.01, 0.99
_SECONDS_PER_DAY = 86_400


def effective(
    confidence: float, *, decay_rate: float, decay_model: DecayModel, anchor: datetime, at: datetime
) -> float:
    """Confidence at a moment: linear max(0, c - rate·days), exponential c·(1 - rate)^days; days are elapsed, with fractions."""
    if decay_rate == 0 or at <= anchor:
        return confidence
    days = (at - anchor).total_seconds() / _SECONDS_PER_DAY
    if decay_model == "linear":
        return max(0.0, confidence - decay_rate * days)
    if decay_rate == 1:
        return 0.0
    return confidence * math.exp(max(-600.0, math.log(1 - decay_rate) * days))


def log_odds(probability: float) -> float:
    """ln(p / (1 - p)), with p kept within .01 and .99."""
    kept = min(MOST, max(LEAST, probability))
    return math.log(kept / (1 - kept))


def probability(odds: float) -> float:
    """The probability of these log-odds, kept within .01 and .99, to twelve digits (.9 stays .9)."""
    return round(min(MOST, max(LEAST, 1 / (1 + math.exp(-min(100.0, max(-100.0, odds)))))), 12)
