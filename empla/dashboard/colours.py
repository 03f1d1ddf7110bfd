"""A company's own colour in our pages: derived for light and for dark so that everybody can read it, or refused. Pure."""

import re
from dataclasses import dataclass

from empla.errors import InvalidError

LEAST = 4.5  # contrast of text, by WCAG 2.2 AA
_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
# As in page.css: what the colour stands on.
_GROUND, _RAISED_DARK, _SHEET_DARK = (246, 247, 249), (31, 37, 45), (24, 29, 35)
_STEPS = 40

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Accent:
    """One colour for each token that depends on it, on light and on dark."""

    accent: tuple[str, str]
    ink: tuple[str, str]  # on the accent
    soft: tuple[str, str]  # under the accent
    hover: tuple[str, str]


def accent_of(colour: str) -> Accent:
    """All that our pages need of it. Raises `InvalidError` for what is no colour, and for one that nobody could read on white."""
    light = parsed(colour)
    soft_light = _mixed(light, _WHITE, 0.1)
    found = min(contrast(light, under) for under in (_WHITE, _GROUND, soft_light))
    if found < LEAST:
        raise InvalidError(
            f"{colour} is too pale to be read on white: its contrast is {found:.1f}, and {LEAST} is needed; take a darker one"
        )
    dark, soft_dark = _on_dark(light)
    ink_dark = max((_WHITE, _mixed(light, _BLACK, 0.25)), key=lambda ink: contrast(ink, dark))
    return Accent(
        accent=(_said(light), _said(dark)),
        ink=(_said(_WHITE), _said(ink_dark if contrast(ink_dark, dark) >= LEAST else _BLACK)),
        soft=(_said(soft_light), _said(soft_dark)),
        hover=(_said(_mixed(light, _BLACK, 0.85)), _said(_mixed(dark, _WHITE, 0.85))),
    )


def _on_dark(light: Rgb) -> tuple[Rgb, Rgb]:  # the colour, and what stands under it
    """As much white as it takes to be read on a dark sheet."""
    for step in range(_STEPS + 1):
        dark = _mixed(light, _WHITE, 1 - step / _STEPS)
        soft = _mixed(dark, _SHEET_DARK, 0.16)
        if min(contrast(dark, under) for under in (_RAISED_DARK, _SHEET_DARK, soft)) >= LEAST:
            return dark, soft
    return _WHITE, _mixed(_WHITE, _SHEET_DARK, 0.16)


def stylesheet(accent: Accent) -> str:
    """What a page loads after its own."""
    tokens = "".join(
        f" --{name}: light-dark({light}, {dark});"
        for name, (light, dark) in (("accent", accent.accent), ("accent-ink", accent.ink), ("accent-soft", accent.soft))
    )
    hover = (
        f"button.first:hover, .button.first:hover {{ background: light-dark({accent.hover[0]}, {accent.hover[1]}); }}"
    )
    return f":root {{{tokens} }}\n{hover}\n"


def parsed(colour: str) -> Rgb:
    """`#0a7` or `#00aa77`. Raises `InvalidError`."""
    if _HEX.fullmatch(colour) is None:
        raise InvalidError("a colour is written like #1a5fb4")
    digits = colour[1:] if len(colour) == len("#rrggbb") else "".join(digit * 2 for digit in colour[1:])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def contrast(one: Rgb, other: Rgb) -> float:
    """Of 1 to 21, by WCAG."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 — as WCAG defines it
        for part in (each / 255 for each in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(share * mine + (1 - share) * its) for mine, its in zip(one, other, strict=True))
    return red, green, blue


def _said(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
