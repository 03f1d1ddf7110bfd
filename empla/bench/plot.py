"""A line chart as SVG: enough for what the benches draw, and nothing to install."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 190, 48, 60
_COLOURS = (
    "#1b6ca8",
    "#c8553d",
    "#4f8a3d",
    "#8a5a9e",
    "#b58900",
    "#5f6b73",
    "#2aa198",
)  # told apart in print as well, by their dashes
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "", "7 3", "2 3")
_STEPS = (1, 2, 2.5, 5, 10)
_TICKS = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One curve; its points go from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis counts, with the unit in its name."""

    name: str
    is_log: bool = False
    at: Sequence[float] = ()  # where it is marked; at round numbers unless they are given


def chart(title: str, *, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """The chart as an SVG document. A linear axis up begins at 0."""
    across = [point[0] for line in lines for point in line.points]
    up = [point[1] for line in lines for point in line.points]
    marks_x = list(x.at) or _marks(min(across), max(across), is_log=x.is_log)
    marks_y = list(y.at) or _marks(min(up) if y.is_log else 0.0, max(up), is_log=y.is_log)
    to_x = _scale([*across, *marks_x], _LEFT, _WIDTH - _RIGHT, is_log=x.is_log)
    to_y = _scale([*up, *marks_y], _HEIGHT - _BOTTOM, _TOP, is_log=y.is_log)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 26, title, 'font-size="15" font-weight="600"'),
    ]
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for mark in marks_y:
        at = to_y(mark)
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{right}" stroke="#e3e3e3"/>')
        parts.append(_text(_LEFT - 8, at + 4, _short(mark), 'text-anchor="end" fill="#444"'))
    for mark in marks_x:
        at = to_x(mark)
        parts.append(f'<path d="M{at:.1f} {bottom}v5" stroke="#444"/>')
        parts.append(_text(at, bottom + 20, _short(mark), 'text-anchor="middle" fill="#444"'))
    parts.append(f'<path d="M{_LEFT} {bottom}H{right}" stroke="#444"/>')
    parts.append(_text((_LEFT + right) / 2, _HEIGHT - 16, x.name, 'text-anchor="middle"'))
    middle = (_TOP + bottom) / 2
    parts.append(_text(18, middle, y.name, f'text-anchor="middle" transform="rotate(-90 18 {middle:g})"'))
    for place, line in enumerate(lines):
        parts += _curve(line, place, [(to_x(left), to_y(high)) for left, high in line.points])
    return "\n".join([*parts, "</svg>", ""])


def _curve(line: Line, place: int, points: Sequence[tuple[float, float]]) -> list[str]:
    colour, dash = _COLOURS[place % len(_COLOURS)], _DASHES[place % len(_DASHES)]
    stroke = f'stroke="{colour}" stroke-width="2" fill="none"' + (f' stroke-dasharray="{dash}"' if dash else "")
    path = " ".join(f"{left:.1f},{high:.1f}" for left, high in points)
    beside, at = _WIDTH - _RIGHT + 18, _TOP + 12 + 22 * place
    return [
        f'<polyline points="{path}" {stroke}/>',
        *(f'<circle cx="{left:.1f}" cy="{high:.1f}" r="3" fill="{colour}"/>' for left, high in points),
        f'<path d="M{beside} {at}h24" {stroke}/>',
        _text(beside + 31, at + 4, line.name, 'fill="#222"'),
    ]


def _text(left: float, high: float, said: str, how: str) -> str:
    return f'<text x="{left:.1f}" y="{high:.1f}" {how}>{escape(said)}</text>'


class _Scale:
    def __init__(self, values: Sequence[float], begin: float, end: float, *, is_log: bool) -> None:
        self._is_log, self._begin, self._end = is_log, begin, end
        self._low, high = self._of(min(values)), self._of(max(values))
        self._span = (high - self._low) or 1.0

    def _of(self, value: float) -> float:
        return math.log10(value) if self._is_log else value

    def __call__(self, value: float) -> float:
        return self._begin + (self._of(value) - self._low) / self._span * (self._end - self._begin)


def _scale(values: Sequence[float], begin: float, end: float, *, is_log: bool) -> _Scale:
    return _Scale(values, begin, end, is_log=is_log)


def _marks(low: float, high: float, *, is_log: bool) -> list[float]:
    """Round numbers around all values."""
    if is_log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return [10.0**power for power in range(first, max(last, first + 1) + 1)]
    rough = (high - low) / _TICKS or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in _STEPS if step * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * place for place in range(first, last + 1)]


def _short(value: float) -> str:
    return f"{value:,.10g}"
