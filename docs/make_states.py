"""Draws docs/states-goal.svg and its like (intention, step, effect, approval) from empla/bdi/states.py. Run it after changing a graph.

Where a state stands and what an arrow says is written here; which arrows there are is not: one too many or too few is a fault.
"""

import math
import sys
from dataclasses import dataclass, field
from pathlib import Path

from empla.bdi.states import GRAPHS, Graph

HERE = Path(__file__).parent
PAPER, INK, SOFT, LINE = "#ffffff", "#1f2933", "#52606d", "#cbd2d9"
OPEN, GOOD, BAD, NEUTRAL, GROUP = "#e8f1fb", "#eaf6ec", "#fbeaea", "#f5f7fa", "#fbfcfd"
WIDTH, HEIGHT, APART = 130, 44, 9  # of a state; APART is half the space between an arrow and the one back
LIVE = "live"  # the box around the states that share an arrow to the same end
Arrow = tuple[str, str]


@dataclass(frozen=True)
class Drawing:
    """Where the states of one graph stand (their middles), and what the arrows say, each with where its words stand."""

    size: tuple[int, int]
    places: dict[str, tuple[int, int]]
    words: dict[Arrow, tuple[str, int, int]]  # lines parted by |, and the middle of the first
    box: tuple[int, int, int, int] | None = None  # around the live states: left, top, right, bottom
    colors: dict[str, str] = field(default_factory=dict)


DRAWINGS = {
    "goal": Drawing(
        size=(900, 420),
        places={
            "": (40, 220),
            "active": (210, 110),
            "in_progress": (560, 110),
            "blocked": (385, 330),
            "completed": (810, 110),
            "abandoned": (810, 330),
        },
        box=(120, 40, 645, 385),
        colors={"completed": GOOD, "abandoned": NEUTRAL},
        words={
            ("", "active"): ("adopted", 92, 152),
            ("", "blocked"): ("adopted, with a|creation condition", 190, 320),
            ("active", "in_progress"): ("violated, or a plan|was adopted for it", 385, 76),
            ("in_progress", "active"): ("met again", 385, 137),
            ("blocked", "active"): ("suspended no more,|or it begins", 200, 212),
            ("active", "blocked"): ("suspended, or|no plan is left", 342, 187),
            ("in_progress", "blocked"): ("suspended, or|no plan is left", 543, 240),
            ("blocked", "in_progress"): ("goes on, or|has a plan", 436, 187),
            (LIVE, "completed"): ("met, or never|happened", 693, 76),
            (LIVE, "abandoned"): ("dropped, given|up, or overdue", 693, 296),
        },
    ),
    "intention": Drawing(
        size=(900, 310),
        places={
            "": (40, 160),
            "planned": (210, 160),
            "in_progress": (455, 160),
            "completed": (810, 60),
            "failed": (810, 160),
            "abandoned": (810, 248),
        },
        box=(120, 95, 545, 270),
        colors={"completed": GOOD, "failed": BAD, "abandoned": NEUTRAL},
        words={
            ("", "planned"): ("adopted", 80, 150),
            ("planned", "in_progress"): ("its first step|is taken", 332, 134),
            ("in_progress", "completed"): ("what it is for came about,|or its goal is reached", 590, 66),
            ("in_progress", "failed"): ("a step failed, out of time,|or believed impossible", 652, 180),
            (LIVE, "abandoned"): ("its goal, its parent or what|it depends on is no more", 642, 268),
        },
    ),
    "step": Drawing(
        size=(900, 380),
        places={
            "": (40, 150),
            "pending": (210, 150),
            "in_progress": (480, 150),
            "completed": (810, 60),
            "failed": (810, 150),
            "abandoned": (810, 240),
            "skipped": (210, 320),
        },
        box=(120, 80, 570, 225),
        colors={"completed": GOOD, "failed": BAD, "abandoned": NEUTRAL, "skipped": NEUTRAL},
        words={
            ("", "pending"): ("adopted", 80, 140),
            ("pending", "in_progress"): ("begun, and waits|for the world", 345, 118),
            ("in_progress", "pending"): ("failed, tried again|after a pause", 345, 180),
            (LIVE, "completed"): ("done, its criteria hold", 640, 72),
            (LIVE, "failed"): ("no attempt is left", 652, 142),
            (LIVE, "abandoned"): ("its intention ended", 640, 240),
            ("pending", "skipped"): ("its condition (if)|does not hold", 272, 268),
        },
    ),
    "effect": Drawing(
        size=(1080, 470),
        places={
            "": (40, 200),
            "drafted": (250, 50),
            "awaiting_approval": (240, 320),
            "approved": (500, 200),
            "started": (760, 200),
            "uncertain": (760, 380),
            "done": (1000, 50),
            "failed": (1000, 290),
            "cancelled": (500, 420),
        },
        colors={"done": GOOD, "failed": BAD, "cancelled": NEUTRAL},
        words={
            ("", "drafted"): ("in shadow, or a draft", 100, 100),
            ("", "awaiting_approval"): ("supervised, or|can't be undone", 95, 290),
            ("", "approved"): ("autonomous", 170, 192),
            ("", "done"): ("a task or a note, within empla", 700, 132),
            ("drafted", "done"): ("a human did it himself", 640, 42),
            ("drafted", "cancelled"): ("a human|said no", 338, 112),
            ("awaiting_approval", "approved"): ("a human approved|or edited it", 300, 240),
            ("approved", "awaiting_approval"): ("trusted|less now", 372, 296),
            ("awaiting_approval", "cancelled"): ("rejected, expired,|or its plan is over", 320, 388),
            ("approved", "started"): ("through every|gate", 630, 168),
            ("started", "approved"): ("not sent,|tried again", 630, 225),
            ("approved", "cancelled"): ("expired, a repeat,|or its plan is over", 565, 330),
            ("started", "done"): ("sent", 858, 122),
            ("started", "failed"): ("refused for good", 930, 232),
            ("started", "uncertain"): ("nobody|can say", 795, 282),
            ("uncertain", "done"): ("it happened", 958, 170),
            ("uncertain", "failed"): ("it did not", 905, 355),
            ("uncertain", "approved"): ("it did not,|and is tried again", 690, 262),
        },
    ),
    "approval": Drawing(
        size=(900, 400),
        places={
            "": (40, 200),
            "pending": (290, 200),
            "approved": (700, 40),
            "edited": (700, 120),
            "rejected": (700, 200),
            "expired": (700, 280),
            "withdrawn": (700, 360),
        },
        colors={"approved": GOOD, "edited": GOOD, "rejected": BAD, "expired": NEUTRAL, "withdrawn": NEUTRAL},
        words={
            ("", "pending"): ("a human is asked", 132, 218),
            ("", "approved"): ("as a human edited it", 270, 116),
            ("pending", "approved"): ("as it stands", 586, 112),
            ("pending", "edited"): ("with other words", 520, 141),
            ("pending", "rejected"): ("with a reason", 450, 194),
            ("pending", "expired"): ("nobody decided in time", 560, 228),
            ("pending", "withdrawn"): ("nobody need decide any more", 450, 325),
        },
    ),
}


def arrows(graph: Graph, drawing: Drawing) -> set[Arrow]:
    """The graph's arrows; those that all live states have to the same end begin at the box around them."""
    live = {state for state, after in graph.items() if state and after}
    found = {(state, to) for state, after in graph.items() for to in after}
    if drawing.box is not None:
        for end in {to for _, to in found} - live:
            if all((state, end) in found for state in live):
                found = {arrow for arrow in found if arrow[1] != end} | {(LIVE, end)}
    return found


def text(x: float, y: float, words: str, *, size: int = 12, weight: int = 400, color: str = SOFT) -> str:
    words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" fill="{color}" text-anchor="middle">{words}</text>'


def state(name: str, drawing: Drawing) -> str:
    x, y = drawing.places[name]
    if not name:
        return f'<circle cx="{x}" cy="{y}" r="8" fill="{INK}"/>'
    left, top, is_end = x - WIDTH / 2, y - HEIGHT / 2, name in drawing.colors
    fill = drawing.colors.get(name, OPEN)
    inner = f'<rect x="{left + 4:g}" y="{top + 4:g}" width="{WIDTH - 8}" height="{HEIGHT - 8}" rx="6" fill="none" stroke="{LINE}"/>'
    outer = f'<rect x="{left:g}" y="{top:g}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{fill}" stroke="#9aa5b1"/>'
    return outer + (inner if is_end else "") + text(x, y + 5, name.replace("_", " "), size=14, weight=600, color=INK)


def ends(way: Arrow, drawing: Drawing, *, both: bool) -> tuple[float, float, float, float]:
    """Where the arrow begins and ends: on the borders. Two that go both ways keep to their side, like traffic."""
    start, end = way
    to_x, to_y = drawing.places[end]
    if start == LIVE and drawing.box is not None:
        from_x, from_y = drawing.box[2], min(max(to_y, drawing.box[1] + 22), drawing.box[3] - 22)
    else:
        from_x, from_y = drawing.places[start]
    length = math.hypot(to_x - from_x, to_y - from_y)
    along_x, along_y = (to_x - from_x) / length, (to_y - from_y) / length
    aside = APART if both else 0
    x1, y1, x2, y2 = (
        value + aside * off for value, off in zip((from_x, from_y, to_x, to_y), (along_y, -along_x) * 2, strict=True)
    )
    leaves = {LIVE: 0.0, "": 10.0}.get(start, until_border(aside, along_x, along_y))
    enters = until_border(-aside, along_x, along_y)
    return x1 + along_x * leaves, y1 + along_y * leaves, x2 - along_x * enters, y2 - along_y * enters


def until_border(aside: float, along_x: float, along_y: float) -> float:
    """How far it is from beside the middle of a state to its border, in this direction."""
    off_x, off_y = aside * along_y, -aside * along_x
    reach_x = (WIDTH / 2 - math.copysign(off_x, off_x * along_x)) / abs(along_x) if along_x else math.inf
    reach_y = (HEIGHT / 2 - math.copysign(off_y, off_y * along_y)) / abs(along_y) if along_y else math.inf
    return min(reach_x, reach_y)


def arrow(way: Arrow, drawing: Drawing, *, both: bool) -> list[str]:
    x1, y1, x2, y2 = ends(way, drawing, both=both)
    words, x, y = drawing.words[way]
    line = f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{SOFT}" stroke-width="1.4" marker-end="url(#tip)"/>'
    return [line, *(text(x, y + 15 * index, said) for index, said in enumerate(words.split("|")))]


def picture(name: str) -> str:
    """The drawing of one graph. Exits with a sentence when it and the graph differ."""
    graph, drawing = GRAPHS[name], DRAWINGS[name]
    wanted = arrows(graph, drawing)
    if set(drawing.places) != set(graph) or set(drawing.words) != wanted:
        different = sorted(map(str, (set(drawing.words) ^ wanted) | (set(drawing.places) ^ set(graph))))
        sys.exit(f"docs/make_states.py draws another graph of the {name}: {', '.join(different)}")
    width, height = drawing.size
    drawn = [
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" fill="{PAPER}" stroke="#e4e7eb"/>'
    ]
    if drawing.box is not None:
        left, top, right, bottom = drawing.box
        drawn.append(
            f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" rx="12" fill="{GROUP}" '
            f'stroke="{LINE}" stroke-dasharray="5 4"/>'
        )
    for way in sorted(wanted):
        drawn += arrow(way, drawing, both=(way[1], way[0]) in wanted)
    drawn += [state(each, drawing) for each in drawing.places]
    label = f"The states of {'an' if name[0] in 'aeiou' else 'a'} {name}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, Helvetica, Arial, sans-serif" role="img" aria-label="{label}">'
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{SOFT}"/></marker></defs>'
    )
    return head + "\n" + "\n".join(drawn) + "\n</svg>\n"


def main() -> None:
    """Write the pictures, or with `--check` exit with a sentence when one is out of date."""
    for name in GRAPHS:
        page = HERE / f"states-{name}.svg"
        drawn = picture(name)
        if "--check" not in sys.argv:
            page.write_text(drawn, encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != drawn:
            sys.exit(f"docs/{page.name} is out of date: run python docs/make_states.py")


if __name__ == "__main__":
    main()
