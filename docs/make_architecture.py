"""Draws docs/architecture.svg: the rooms of the house, and which way data flows. Run it after moving a room."""

import sys
from pathlib import Path

PAGE = Path(__file__).with_name("architecture.svg")

WIDTH, ROW, GAP, MARGIN = 960, 74, 18, 24
PAPER, INK, SOFT = "#ffffff", "#1f2933", "#52606d"
ROWS = (
    (
        "Faces",
        "#e8f1fb",
        (
            ("empla", "command line: cli/"),
            ("/", "pages: dashboard/"),
            ("/v1", "HTTP API: api/"),
            ("empla worker", "cycles: worker/"),
            ("import empla", "app.py, handles/"),
        ),
    ),
    (
        "Mind",
        "#fdf3e1",
        (
            ("cycle", "perceive → revise → act"),
            ("deliberate", "goals, events → plans"),
            ("pipeline", "what own records say"),
            ("why · explain", "evidence, arithmetic"),
        ),
    ),
    (
        "Rooms",
        "#eaf6ec",
        (
            ("senses", "sources, inbox"),
            ("bdi", "beliefs, goals, plans"),
            ("memory", "what was, how to"),
            ("effects", "tasks, notices"),
            ("employees", "hire, clock"),
            ("tenancy", "tenants, users"),
        ),
    ),
    (
        "Storage",
        "#f1edf9",
        (("Tx", "BEGIN; ctx.enter(tenant, user | employee) … COMMIT: one per request, command or step"),),
    ),
)
DATABASE = (
    ("fences", "row security forced on every table: tenant, role, employee"),
    ("revise()", "evidence moves a belief, in the statement that hears it"),
    ("keepers", "triggers write history and audit; nobody else can"),
    ("doors", "the few functions that cross tenants"),
)


def text(
    x: float, y: float, words: str, *, size: int = 14, weight: int = 400, color: str = INK, anchor: str = "start"
) -> str:
    words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" fill="{color}" text-anchor="{anchor}">{words}</text>'


def box(x: float, y: float, width: float, height: float, fill: str, stroke: str = "#cbd2d9") -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" fill="{fill}" stroke="{stroke}"/>'


def row(y: float, name: str, color: str, cells: tuple[tuple[str, str], ...]) -> list[str]:
    drawn = [text(MARGIN, y + ROW / 2 + 5, name, weight=700)]
    left = MARGIN + 90
    width = (WIDTH - MARGIN - left - GAP * (len(cells) - 1)) / len(cells)
    for index, (title, words) in enumerate(cells):
        x = left + index * (width + GAP)
        drawn += [
            box(x, y, width, ROW, color),
            text(x + width / 2, y + 31, title, weight=600, anchor="middle"),
            text(x + width / 2, y + 53, words, size=12, color=SOFT, anchor="middle"),
        ]
    return drawn


def arrow(y: float, words: str) -> list[str]:
    x = WIDTH / 2 + 45
    return [
        f'<line x1="{x}" y1="{y}" x2="{x}" y2="{y + 26}" stroke="{SOFT}" stroke-width="1.5" marker-end="url(#tip)"/>',
        text(x + 12, y + 18, words, size=12, color=SOFT),
    ]


def picture() -> str:
    y = float(MARGIN)
    drawn: list[str] = []
    for (name, color, cells), words in zip(
        ROWS,
        (
            "parse, call, answer",
            "chooses between nouns",
            "one file per noun, SQL above its function",
            "one driver, one transaction",
        ),
        strict=True,
    ):
        drawn += row(y, name, color, cells)
        drawn += arrow(y + ROW + 4, words)
        y += ROW + 38
    height = 52 + 22 * len(DATABASE)
    left = MARGIN + 90
    drawn += [
        text(MARGIN, y + height / 2 - 4, "PostgreSQL", size=13, weight=700),
        text(MARGIN, y + height / 2 + 14, "≥ 16, vector", size=12, color=SOFT),
        box(left, y, WIDTH - MARGIN - left, height, "#f5f7fa", "#9aa5b1"),
        text(left + 20, y + 28, "embedded by default, or any server by URL", size=13, weight=600),
    ]
    for index, (title, words) in enumerate(DATABASE):
        baseline = y + 56 + 22 * index
        drawn += [
            text(left + 20, baseline, title, size=13, weight=600),
            text(left + 105, baseline, words, size=13, color=SOFT),
        ]
    total = y + height + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total:g}" width="{WIDTH}" height="{total:g}" '
        'font-family="system-ui, Helvetica, Arial, sans-serif" role="img" aria-label="The rooms of empla">'
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{SOFT}"/></marker></defs>{box(0.5, 0.5, WIDTH - 1, total - 1, PAPER, "#e4e7eb")}'
    )
    return head + "\n" + "\n".join(drawn) + "\n</svg>\n"


def main() -> None:
    """Write the picture, or with `--check` exit with a sentence when it is out of date."""
    if "--check" not in sys.argv:
        PAGE.write_text(picture(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != picture():
        sys.exit("docs/architecture.svg is out of date: run python docs/make_architecture.py")


if __name__ == "__main__":
    main()
