"""Where the boxes and arrows of a plan stand: steps in layers, what waits for another below it, what a step pursues in a frame.

All of it begins at the left, so that a narrow window shows the beginning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from empla.bdi.intention_listing import Placed, Relative
from empla.mind.explanation import in_short

WIDTH, HEIGHT = 212.0, 50.0  # of a box
_BESIDE, _BELOW, _WITHIN = 20.0, 26.0, 14.0
_FITS, _TITLE = 23, 19  # characters of a line in a box, and of its heading


@dataclass(frozen=True, slots=True)
class Box:
    """A step; or an intention, before its steps (`step` is None)."""

    x: float
    y: float
    intention: Relative
    step: Placed | None

    @property
    def status(self) -> str:
        return self.intention.status if self.step is None else self.step.status

    @property
    def title(self) -> str:
        """What it is, in a word or two."""
        if self.step is None:
            return _cut(self.intention.name.replace("_", " "), _TITLE)
        return f"{self.step.position}  {self.step.action.replace('_', ' ')}"

    @property
    def whole(self) -> str:
        """What it is about."""
        return self.intention.description if self.step is None else in_short(self.step.definition)

    @property
    def line(self) -> str:
        """What it is about, as far as it fits."""
        return self.intention.intention_type if self.step is None else _cut(self.whole.replace("_", " "), _FITS)


@dataclass(frozen=True, slots=True)
class Frame:
    """Around an intention that another pursues."""

    x: float
    y: float
    width: float
    height: float
    intention: Relative


@dataclass(frozen=True, slots=True)
class Arrow:
    """From what is done before to what waits for it."""

    path: str
    head: str  # the points of its tip
    is_pursuit: bool  # from a step to what it pursues


@dataclass(frozen=True, slots=True)
class Tree:
    """All of it."""

    width: float
    height: float
    frames: tuple[Frame, ...]
    arrows: tuple[Arrow, ...]
    boxes: tuple[Box, ...]


def tree(family: Sequence[Relative]) -> Tree:
    """Of a family, the one that nothing pursues first."""
    drawn = _Drawing(_children(family))
    room = drawn.room(family[0])
    drawn.draw(family[0], 1 + room.lead, 1.0)
    drawn.depend(family)
    return Tree(
        room.lead + room.width + 2, room.height + 2, tuple(drawn.frames), tuple(drawn.arrows), tuple(drawn.boxes)
    )


def layers(steps: Sequence[Placed]) -> list[list[Placed]]:
    """Each step below the last of those that it waits for."""
    depth: dict[int, int] = {}
    for step in steps:
        depth[step.position] = 1 + max((depth.get(before, -1) for before in step.depends_on), default=-1)
    found: list[list[Placed]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for step in steps:
        found[depth[step.position]].append(step)
    return found


def _children(family: Sequence[Relative]) -> dict[tuple[UUID, int | None], list[Relative]]:
    found: dict[tuple[UUID, int | None], list[Relative]] = {}
    for one in family:
        if one.parent_id is not None:
            found.setdefault((one.parent_id, one.parent_position), []).append(one)
    return found


@dataclass(frozen=True, slots=True)
class _Room:
    """What a block takes: to the left of its first column, where its frames begin, and from there on."""

    lead: float
    width: float
    height: float


class _Drawing:
    def __init__(self, children: Mapping[tuple[UUID, int | None], list[Relative]]) -> None:
        self.children = children
        self.frames: list[Frame] = []
        self.arrows: list[Arrow] = []
        self.boxes: list[Box] = []
        self.headers: dict[UUID, tuple[float, float]] = {}

    def room(self, one: Relative) -> _Room:
        """Of an intention with all that is below it, without a frame."""
        lead, width, height = 0.0, WIDTH, HEIGHT
        for layer in layers(one.steps):
            row = _in_a_row([self._cell(one, step) for step in layer])
            lead, width, height = max(lead, row.lead), max(width, row.width), height + _BELOW + row.height
        return _Room(lead, width, height)

    def _cell(self, one: Relative, step: Placed) -> _Room:
        """A step, and what it pursues below it."""
        frames = [self._framed(child) for child in self._pursued(one, step)]
        if not frames:
            return _Room(0.0, WIDTH, HEIGHT)
        row = _in_a_row(frames)
        return _Room(row.lead, max(WIDTH, row.width), HEIGHT + _BELOW + row.height)

    def _framed(self, child: Relative) -> _Room:
        inner = self.room(child)
        return _Room(inner.lead + _WITHIN, inner.width + _WITHIN, inner.height + 2 * _WITHIN)

    def _pursued(self, one: Relative, step: Placed) -> list[Relative]:
        return self.children.get((one.id, step.position), [])

    def draw(self, one: Relative, x: float, y: float) -> None:
        """With the left upper corner of its first column there."""
        self.boxes.append(Box(x, y, one, None))
        self.headers[one.id] = (x, y)
        ends: dict[int, list[tuple[float, float]]] = {}
        top = y + HEIGHT + _BELOW
        for layer in layers(one.steps):
            cells = [self._cell(one, step) for step in layer]
            for step, left in zip(layer, _columns(cells, x), strict=True):
                ends[step.position] = self._step(one, step, left, top)
                before = [end for position in step.depends_on for end in ends.get(position, [])]
                to = (left + WIDTH / 2, top)
                self.arrows += [arrow(start, to) for start in before or [(x + WIDTH / 2, y + HEIGHT)]]
            top += _in_a_row(cells).height + _BELOW

    def _step(self, one: Relative, step: Placed, left: float, top: float) -> list[tuple[float, float]]:
        """Draws it; from where its arrows go on: below what it pursues, where it pursues something."""
        middle, below = left + WIDTH / 2, top + HEIGHT + _BELOW
        self.boxes.append(Box(left, top, one, step))
        pursued = self._pursued(one, step)
        rooms = [self._framed(child) for child in pursued]
        ends: list[tuple[float, float]] = []
        for child, room, column in zip(pursued, rooms, _columns(rooms, left), strict=True):
            self.frames.append(Frame(column - room.lead, below, room.lead + room.width, room.height, child))
            entry = (column + WIDTH / 2, below + _WITHIN)
            self.arrows.append(arrow((middle, top + HEIGHT), entry, is_pursuit=True))
            self.draw(child, column, below + _WITHIN)
            ends.append((column + WIDTH / 2, below + room.height))
        return ends or [(middle, top + HEIGHT)]

    def depend(self, family: Sequence[Relative]) -> None:
        """What waits for another of the family as a whole."""
        for one in family:
            for other in one.dependencies or ():
                if other in self.headers:
                    (from_x, from_y), (to_x, to_y) = self.headers[other], self.headers[one.id]
                    self.arrows.append(
                        arrow((from_x + WIDTH / 2, from_y + HEIGHT), (to_x + WIDTH / 2, to_y), is_pursuit=True)
                    )


def _columns(rooms: Sequence[_Room], x: float) -> list[float]:
    """Where each begins, beside the others; the first at x, whatever it has to its left."""
    found: list[float] = []
    for number, room in enumerate(rooms):
        left = x if number == 0 else found[-1] + rooms[number - 1].width + _BESIDE + room.lead
        found.append(left)
    return found


def _in_a_row(rooms: Sequence[_Room]) -> _Room:
    last = _columns(rooms, 0.0)[-1]
    return _Room(rooms[0].lead, last + rooms[-1].width, max(room.height for room in rooms))


def arrow(start: tuple[float, float], end: tuple[float, float], *, is_pursuit: bool = False) -> Arrow:
    """Down, across close above the end, and down."""
    (x, y), (to_x, to_y) = start, end
    tip = to_y - 1
    turn = to_y - _BELOW / 2
    across = "" if abs(x - to_x) < 1 else f"V{turn:g}H{to_x:g}"
    return Arrow(
        path=f"M{x:g} {y:g}{across}V{tip - 4:g}",
        head=f"{to_x - 4:g},{tip - 6:g} {to_x + 4:g},{tip - 6:g} {to_x:g},{tip:g}",
        is_pursuit=is_pursuit,
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
