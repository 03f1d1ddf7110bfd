"""Where the marks of a goal's drawings stand: how far a value is from what is wanted, and when a state was violated."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from empla.bdi.shapes import Comparator
from empla.mind.pursuits import Spell

BULLET = 240.0  # units of width
LANE = 1000.0  # units of width, whatever the time
_LEAST = 6.0  # units of what is short; it is seen all the same
_ROOM = 1.12  # beyond the greatest number


@dataclass(frozen=True, slots=True)
class Bullet:
    """A value as a bar, where it should be as a zone, and what is wanted as a mark; in units from the left."""

    bar_at: float | None  # None: the value is not known
    bar_width: float
    zone_at: float | None  # None: no side of the number is the good one
    zone_width: float
    target_at: float
    restore_at: float | None
    baseline_at: float | None


def bullet(
    *,
    value: float | None,
    number: float,
    comparator: Comparator,
    restore: float | None = None,
    baseline: float | None = None,
) -> Bullet:
    """On a scale that holds zero and all that is drawn; the baseline is drawn only where it does not dwarf the rest."""
    told = [one for one in (value, number, restore) if one is not None]
    reach = max(abs(one) for one in told) or 1.0
    start = None if baseline is None or abs(baseline) > 3 * reach else baseline
    all_ = [0.0, *told, *([] if start is None else [start])]
    low, high = min(all_) * _ROOM, max(all_) * _ROOM
    span = (high - low) or 1.0

    def at(one: float) -> float:
        return round(BULLET * (one - low) / span, 1)

    zero, target = at(0.0), at(number)
    bar = zero if value is None else at(value)
    if comparator[0] == ">":
        zone_at, zone_width = target, round(BULLET - target, 1)
    elif comparator[0] == "<":
        zone_at, zone_width = 0.0, target
    else:
        zone_at, zone_width = None, 0.0
    return Bullet(
        bar_at=None if value is None else min(zero, bar),
        bar_width=max(2.0, round(abs(bar - zero), 1)),
        zone_at=zone_at,
        zone_width=zone_width,
        target_at=target,
        restore_at=None if restore is None else at(restore),
        baseline_at=None if start is None else at(start),
    )


def way(*, value: float | None, baseline: float | None, number: float) -> float | None:
    """The share of the way from the baseline to the number that is behind, 0..1; None where there is no way to go."""
    if value is None or baseline is None or baseline == number:
        return None
    return min(1.0, max(0.0, (value - baseline) / (number - baseline)))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A violated spell on its lane."""

    at: float
    width: float
    spell: Spell


@dataclass(frozen=True, slots=True)
class Lane:
    """The life of a goal as a line, and the spells in which it was violated."""

    at: float
    width: float
    stretches: tuple[Stretch, ...]


def lane(spells: Sequence[Spell], *, since: datetime, now: datetime, begun: datetime, ended: datetime | None) -> Lane:
    """On a line from `since` to `now`."""
    whole = max(1.0, (now - since).total_seconds())

    def at(moment: datetime) -> float:
        return round(LANE * min(1.0, max(0.0, (moment - since).total_seconds() / whole)), 1)

    start, stop = at(begun), at(ended or now)
    stretches: list[Stretch] = []
    for spell in spells:
        first, last = at(spell.since), at(spell.until or ended or now)
        width = max(_LEAST, round(last - first, 1))
        stretches.append(Stretch(min(first, LANE - width), width, spell))
    return Lane(start, max(_LEAST, round(stop - start, 1)), tuple(stretches))
