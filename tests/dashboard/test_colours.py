"""A company's colour can be read wherever our pages put it, or it is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from empla.dashboard import colours
from empla.dashboard.colours import LEAST
from empla.errors import InvalidError

_SHEETS = {"light": ("#ffffff", "#f6f7f9"), "dark": ("#181d23", "#1f252d")}


def contrast(one: str, other: str) -> float:
    return colours.contrast(colours.parsed(one), colours.parsed(other))


@given(st.integers(0, 0xFFFFFF))
def test_every_colour_is_read_by_everybody_on_light_and_on_dark_or_refused(number: int) -> None:
    colour = f"#{number:06x}"
    try:
        accent = colours.accent_of(colour)
    except InvalidError as error:
        assert "too pale" in str(error)
        return
    for place, sheets in enumerate(_SHEETS.values()):
        on = (*sheets, accent.soft[place])
        assert min(contrast(accent.accent[place], sheet) for sheet in on) >= LEAST
        assert contrast(accent.ink[place], accent.accent[place]) >= LEAST
        assert contrast(accent.ink[place], accent.hover[place]) >= LEAST


def test_known_contrasts() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("colour", ["", "red", "#12345", "#12345g", "#fff;}", "1a5fb4"])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(InvalidError, match="written like"):
        colours.parsed(colour)
