"""Where the boxes and arrows of a plan stand: its steps in layers, what waits for another below it, and what a step pursues in a frame of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from empla.bdi.intention_listing import Placed, Relative
from empla.mind.explanation import in_short

WIDTH, HEIGHT = 196.0, 50.0  # of a box
_BESIDE, _BELOW, _WITHIN = 20.0, 26.0, 14.0
_FITS = 25  # characters of a line in a box


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
            return _cut(self.intention.name.replace("_", " "))
        return f"{self.step.position}  {self.step.action.replace('_', ' ')}"

    @property
    def whole(self) -> str:
        """What it is about."""
        return self.intention.description if self.step is None else in_short(self.step.definition)

    @property
    def line(self) -> str:
        """What it is about, as far as it fits."""
        return self.intention.intention_type if self.step is None else _cut(self.whole.replace("_", " "))


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
    size = drawn.size(family[0])
    drawn.draw(family[0], 1.0, 1.0)
    drawn.depend(family)
    return Tree(size.width + 2, size.height + 2, tuple(drawn.frames), tuple(drawn.arrows), tuple(drawn.boxes))


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
class _Size:
    width: float
    height: float


class _Drawing:
    def __init__(self, children: Mapping[tuple[UUID, int | None], list[Relative]]) -> None:
        self.children = children
        self.frames: list[Frame] = []
        self.arrows: list[Arrow] = []
        self.boxes: list[Box] = []
        self.headers: dict[UUID, tuple[float, float]] = {}

    def size(self, one: Relative) -> _Size:
        """Of an intention with all that is below it, without a frame."""
        width, height = WIDTH, HEIGHT
        for layer in layers(one.steps):
            cells = [self._cell(one, step) for step in layer]
            width = max(width, sum(cell.width for cell in cells) + _BESIDE * (len(cells) - 1))
            height += _BELOW + max(cell.height for cell in cells)
        return _Size(width, height)

    def _cell(self, one: Relative, step: Placed) -> _Size:
        """A step, and what it pursues below it."""
        pursued = [self._framed(child) for child in self._pursued(one, step)]
        if not pursued:
            return _Size(WIDTH, HEIGHT)
        width = sum(frame.width for frame in pursued) + _BESIDE * (len(pursued) - 1)
        return _Size(max(WIDTH, width), HEIGHT + _BELOW + max(frame.height for frame in pursued))

    def _framed(self, child: Relative) -> _Size:
        inner = self.size(child)
        return _Size(inner.width + 2 * _WITHIN, inner.height + 2 * _WITHIN)

    def _pursued(self, one: Relative, step: Placed) -> list[Relative]:
        return self.children.get((one.id, step.position), [])

    def draw(self, one: Relative, x: float, y: float) -> None:
        """With its left upper corner there."""
        whole = self.size(one)
        head_x = x + (whole.width - WIDTH) / 2
        self.boxes.append(Box(head_x, y, one, None))
        self.headers[one.id] = (head_x, y)
        ends: dict[int, list[tuple[float, float]]] = {}
        top = y + HEIGHT + _BELOW
        for layer in layers(one.steps):
            cells = [self._cell(one, step) for step in layer]
            left = x + (whole.width - sum(cell.width for cell in cells) - _BESIDE * (len(cells) - 1)) / 2
            for step, cell in zip(layer, cells, strict=True):
                ends[step.position] = self._step(one, step, cell, left, top)
                to = (left + cell.width / 2, top)
                before = [end for position in step.depends_on for end in ends.get(position, [])]
                self.arrows += [arrow(start, to) for start in before or [(head_x + WIDTH / 2, y + HEIGHT)]]
                left += cell.width + _BESIDE
            top += max(cell.height for cell in cells) + _BELOW

    def _step(self, one: Relative, step: Placed, cell: _Size, left: float, top: float) -> list[tuple[float, float]]:
        """Draws it; from where its arrows go on: below what it pursues, where it pursues something."""
        middle = left + cell.width / 2
        self.boxes.append(Box(middle - WIDTH / 2, top, one, step))
        pursued = self._pursued(one, step)
        frames = [self._framed(child) for child in pursued]
        inner = left + (cell.width - sum(frame.width for frame in frames) - _BESIDE * max(0, len(frames) - 1)) / 2
        ends: list[tuple[float, float]] = []
        for child, frame in zip(pursued, frames, strict=True):
            below = top + HEIGHT + _BELOW
            self.frames.append(Frame(inner, below, frame.width, frame.height, child))
            self.arrows.append(
                arrow((middle, top + HEIGHT), (inner + frame.width / 2, below + _WITHIN), is_pursuit=True)
            )
            self.draw(child, inner + _WITHIN, below + _WITHIN)
            ends.append((inner + frame.width / 2, below + frame.height))
            inner += frame.width + _BESIDE
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


def _cut(text: str) -> str:
    return text if len(text) <= _FITS else text[: _FITS - 1] + "…"
