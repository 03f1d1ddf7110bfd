"""Where the lines of memory's drawings go: a score in parts, a name among what is known of it, how much happened when. No SQL."""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from empla.memory.episodic import Stretch
from empla.memory.fact_graph import Neighbour, Neighbourhood
from empla.memory.recall import Hit

# A score


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a score, as a piece of its bar."""

    name: str
    value: float
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A score: what speaks against it stands left of nothing, what speaks for it right of it."""

    zero: float
    pieces: list[Piece]


BAR_WIDTH = 400.0
_LEAST_SEEN = 0.005  # of a score; two decimals would show nothing


def bars(hits: Sequence[Hit]) -> list[Bar]:
    """A bar for each, all to one scale, so that they can be compared."""
    sides = [
        (sum(p for p in _parts(hit).values() if p < 0), sum(p for p in _parts(hit).values() if p > 0)) for hit in hits
    ]
    least, most = min((low for low, _ in sides), default=0.0), max((high for _, high in sides), default=0.0)
    scale = BAR_WIDTH / ((most - least) or 1.0)
    return [_bar(_parts(hit), zero=-least * scale, scale=scale) for hit in hits]


def _parts(hit: Hit) -> dict[str, float]:
    return {name: share for name, share in dict(hit.parts).items() if abs(share) >= _LEAST_SEEN}


def _bar(parts: dict[str, float], *, zero: float, scale: float) -> Bar:
    right = left = zero
    pieces: list[Piece] = []
    for name, value in parts.items():
        width = abs(value) * scale
        if value > 0:
            pieces.append(Piece(name, value, round(right, 1), round(width, 1)))
            right += width
        else:
            left -= width
            pieces.append(Piece(name, value, round(left, 1), round(width, 1)))
    return Bar(round(zero, 1), pieces)


# What is known of a name

WIDTH, HEIGHT = 760.0, 470.0
_NEAR, _FAR = (190.0, 125.0), (315.0, 205.0)  # half the axes of the two rings
_MOST_NEAR, _MOST_FAR = 8, 10
_LONGEST = 20  # characters of a label
_LETTER, _PAD, _HIGH = 6.7, 22.0, 28.0
_APART = 8.0  # between two nodes
_PUSHES = 80
_TOUCH = 0.1  # less is rounding


@dataclass(slots=True)
class Node:
    """One name."""

    name: str
    label: str
    ring: int  # 0: what the drawing is about
    x: float
    y: float

    @property
    def width(self) -> float:
        """Of what its label stands in."""
        return round(len(self.label) * _LETTER + _PAD, 1)


@dataclass(frozen=True, slots=True)
class Edge:
    """One fact, from its subject to its object."""

    fact: Neighbour
    x1: float
    y1: float
    x2: float
    y2: float
    at: tuple[float, float]  # where its word stands


@dataclass(frozen=True, slots=True)
class Graph:
    """The drawing."""

    nodes: list[Node]
    edges: list[Edge]
    left_out: int  # facts that found no place


def graph(found: Neighbourhood) -> Graph:
    """The name in the middle, those beside it on a ring, and on another those beside these; the same facts give the same drawing."""
    nodes = {_key(found.of): Node(found.of, _cut(found.of), 0, WIDTH / 2, HEIGHT / 2)}
    behind: dict[str, list[str]] = {}  # the near ones, each with those that hang on it
    drawn: list[tuple[Neighbour, str, str]] = []
    for fact in found.facts:
        subject, target = _key(fact.subject), _key(fact.object)
        new = [key for key in (subject, target) if key not in nodes]
        if new and not _takes(new[0], target if new[0] == subject else subject, behind, centre=_key(found.of)):
            continue
        for key in new:
            name = fact.subject if key == subject else fact.object
            nodes[key] = Node(name, _cut(name), 1 if key in behind else 2, 0.0, 0.0)
        drawn.append((fact, subject, target))
    _place(nodes, behind)
    _push_apart(list(nodes.values()))
    edges = [_edge(fact, nodes[subject], nodes[target]) for fact, subject, target in drawn if subject != target]
    for node in nodes.values():
        node.x, node.y = round(node.x, 1), round(node.y, 1)
    return Graph(list(nodes.values()), edges, len(found.facts) - len(drawn))


def _takes(key: str, beside: str, behind: dict[str, list[str]], *, centre: str) -> bool:
    """Whether a new name finds a place beside one that has one."""
    if beside == centre and len(behind) < _MOST_NEAR:
        behind[key] = []
        return True
    if beside in behind and sum(map(len, behind.values())) < _MOST_FAR:
        behind[beside].append(key)
        return True
    return False


def _place(nodes: dict[str, Node], behind: dict[str, list[str]]) -> None:
    """Whoever has much behind it has a wide sector of the rings."""
    weights = {key: max(1.0, 0.8 * len(far)) for key, far in behind.items()}
    whole, angle = sum(weights.values()) or 1.0, -math.pi / 2
    for key, far in behind.items():
        sector = 2 * math.pi * weights[key] / whole
        _put(nodes[key], angle + sector / 2, _NEAR)
        for place, each in enumerate(far):
            _put(nodes[each], angle + sector * (place + 0.5) / len(far), _FAR)
        angle += sector


def _put(node: Node, angle: float, radii: tuple[float, float]) -> None:
    node.x, node.y = WIDTH / 2 + radii[0] * math.cos(angle), HEIGHT / 2 + radii[1] * math.sin(angle)
    _keep_inside(node)


def _keep_inside(node: Node) -> None:
    half = node.width / 2
    node.x = min(max(node.x, half + 2), WIDTH - half - 2)
    node.y = min(max(node.y, _HIGH / 2 + 2), HEIGHT - _HIGH / 2 - 2)


def _push_apart(nodes: list[Node]) -> None:
    """Until none covers another, or that is tried often enough; the middle stays."""
    for _ in range(_PUSHES):
        moved = False
        for place, one in enumerate(nodes):
            for other in nodes[place + 1 :]:
                across = (one.width + other.width) / 2 + _APART - abs(one.x - other.x)
                down = _HIGH + _APART - abs(one.y - other.y)
                if across > _TOUCH and down > _TOUCH:
                    _push(one, other, across, down)
                    moved = True
        if not moved:
            return


def _push(one: Node, other: Node, across: float, down: float) -> None:
    share = 1.0 if one.ring == 0 else 0.5  # of the way that the other goes
    if down <= across:
        way = down if other.y >= one.y else -down
        other.y, one.y = other.y + way * share, one.y - way * (1 - share)
    else:
        way = across if other.x >= one.x else -across
        other.x, one.x = other.x + way * share, one.x - way * (1 - share)
    _keep_inside(one)
    _keep_inside(other)


def _edge(fact: Neighbour, start: Node, end: Node) -> Edge:
    x1, y1 = _border(start, end)
    x2, y2 = _border(end, start)
    return Edge(fact, x1, y1, x2, y2, (round((x1 + x2) / 2, 1), round((y1 + y2) / 2 - 4, 1)))


def _border(node: Node, towards: Node) -> tuple[float, float]:
    """Where a line from the middle of a node leaves it."""
    dx, dy = towards.x - node.x, towards.y - node.y
    steps = [half / abs(way) for half, way in ((node.width / 2 + 3, dx), (_HIGH / 2 + 3, dy)) if way]
    step = min([1.0, *steps])
    return round(node.x + dx * step, 1), round(node.y + dy * step, 1)


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _key(name: str) -> str:
    """Equal for spellings of one name, as the database sees it."""
    return unicodedata.normalize("NFC", name.strip(" ")).lower()


# How much happened when

TIMELINE = (720.0, 100.0)
_LOWEST = 4.0  # what happened once is seen


@dataclass(frozen=True, slots=True)
class Column:
    """A stretch of time, as high as much happened."""

    stretch: Stretch
    x: float
    y: float
    width: float
    height: float
    is_chosen: bool


def columns(stretches: Sequence[Stretch], *, since: datetime | None, before: datetime | None) -> list[Column]:
    """Along the time from the first to the last, whatever lay between; those that are looked at stand out."""
    if not stretches:
        return []
    wide, high = TIMELINE
    begins, ends = stretches[0].at, max(each.until for each in stretches)
    whole, most = (ends - begins).total_seconds(), max(each.episodes for each in stretches)
    drawn: list[Column] = []
    for each in stretches:
        width = wide * (each.until - each.at).total_seconds() / whole
        height = _LOWEST + (high - _LOWEST) * each.episodes / most
        drawn.append(
            Column(
                each,
                round(wide * (each.at - begins).total_seconds() / whole, 1),
                round(high - height, 1),
                round(max(1.5, width * 0.82), 1),
                round(height, 1),
                (since is None or each.at >= since) and (before is None or each.until <= before),
            )
        )
    return drawn
