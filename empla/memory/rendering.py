"""Memories as text for a prompt, within a budget of tokens: what matters most first, whole lines, never more than the budget.

Tokens are counted without a tokenizer, rather too high than too low (docs/working.md has the numbers). A character counts its UTF-8
bytes, and no tokenizer that falls back to bytes makes more of it; but a word of ASCII letters counts one for each two, and the blank
before it nothing. A word has at most 16 letters, all small but for the first, or all capitals. Whoever has a tokenizer passes its count.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from empla.errors import InvalidError

MARK = "…"
"""Stands where something was cut off."""

LONGEST_WORD = 16  # letters
LETTERS_OF_A_TOKEN = 2
_LEAST_SHOWN = 4  # characters of a line that is cut; less says nothing
_RUNS = re.compile(r"(?P<run>[A-Za-z0-9]+)|(?P<blank> (?=[A-Za-z]))|(?P<other>.)", re.DOTALL)
_WORD = re.compile(rf"[A-Za-z][a-z]{{0,{LONGEST_WORD - 1}}}")
_CAPITALS = re.compile(rf"[A-Z]{{2,{LONGEST_WORD}}}")


Count = Callable[[str], int]
"""How many tokens a text has at most: the beginning of a text never more than all of it, lines together never more than each alone."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to say, in one line."""

    text: str
    priority: float = 0.0  # the highest first
    is_pinned: bool = False  # before all that is not


class Rendered(BaseModel):
    """What fits a budget."""

    model_config = ConfigDict(frozen=True)

    text: str  # "" when nothing fits
    tokens: int  # at most so many
    budget: int
    shown: int  # lines, the shortened one among them
    shortened: int
    left_out: int

    def __str__(self) -> str:
        """The text, or why there is none."""
        if self.text or not self.left_out:
            return self.text
        return f"(none of {self.left_out} fits into {self.budget} token{'' if self.budget == 1 else 's'})"


def tokens(text: str) -> int:
    """At most so many tokens, for every script; the module says how it is counted."""
    total = 0
    for found in _RUNS.finditer(text):
        if found["run"]:
            total += _tokens_of_a_run(found["run"])
        elif found["other"]:
            total += len(found["other"].encode("utf-8", "surrogatepass"))
    return total


def _tokens_of_a_run(run: str) -> int:
    """Letters and digits without a gap: a word, or what may be anything."""
    if _WORD.fullmatch(run):
        return max(1, len(run) // LETTERS_OF_A_TOKEN)
    return -(-len(run) // LETTERS_OF_A_TOKEN) if _CAPITALS.fullmatch(run) else len(run)


def render(lines: Iterable[Line], budget: int, *, count: Count = tokens) -> Rendered:
    """The lines that fit, pinned ones first, then by priority; of equals, the earlier one first. Never over the budget.

    A line that does not fit is left out, and a lesser one that does is taken; only a pinned one, and the first when it is too long by
    itself, is cut, with a mark. A budget that holds nothing gives no text. Raises `InvalidError` for a budget under 1.
    """
    check_budget(budget)
    ordered = sorted(
        (Line(text, line.priority, line.is_pinned) for line in lines if (text := _one_line(line.text))),
        key=lambda line: (not line.is_pinned, -line.priority),
    )
    taken: list[str] = []
    left, cut = budget, 0
    for place, line in enumerate(ordered):
        room = left - (count("\n") if taken else 0)
        text = line.text
        if count(text) > room and (place == 0 or line.is_pinned):
            text = shortened(text, room, count=count)
        if text and count(text) <= room:
            taken.append(text)
            left = room - count(text)
            cut += text != line.text
    text = "\n".join(taken)
    return Rendered(
        text=text,
        tokens=count(text),
        budget=budget,
        shown=len(taken),
        shortened=cut,
        left_out=len(ordered) - len(taken),
    )


def check_budget(budget: int) -> None:
    """Raises `InvalidError` for one under 1."""
    if budget < 1:
        raise InvalidError(f"a budget is 1 token or more, not {budget}")


def shortened(text: str, budget: int, *, count: Count = tokens) -> str:
    """The text, or as much of its beginning as fits with a mark, to a word's end where one is near; "" when too little would be left."""
    if count(text) <= budget:
        return text
    least, most = 0, len(text)
    while least < most:
        middle = (least + most + 1) // 2
        if count(text[:middle] + MARK) <= budget:
            least = middle
        else:
            most = middle - 1
    kept = text[:least].rstrip()
    blank = kept.rfind(" ")
    if text[least : least + 1].strip() and blank > len(kept) // 2:
        kept = kept[:blank].rstrip()
    return kept + MARK if len(kept) >= _LEAST_SHOWN else ""


def _one_line(text: str) -> str:
    """What somebody wrote may hold line breaks, and must not look like lines of ours."""
    return " ".join(text.split())
