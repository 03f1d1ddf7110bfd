"""Memories as text for a prompt, within a budget of tokens: what matters most first, whole lines, never more than the budget.

Tokens are counted without a tokenizer. The bound: every character beyond ASCII counts its UTF-8 bytes, every digit, sign and further
blank counts one, and a run of ASCII letters counts one for each three begun, a capital beginning a new run. Tokenizers that fall back to
bytes make at most one token of a byte, and of words far less; whoever has a tokenizer passes its count instead.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from empla.errors import InvalidError

MARK = "…"
"""Stands where something was cut off."""

LETTERS_OF_A_TOKEN = 3
_LEAST_SHOWN = 4  # characters of a line that is cut; less says nothing
_RUNS = re.compile(r"(?P<word>[A-Z]?[a-z]+|[A-Z]+)|(?P<blank> (?=[A-Za-z]))|(?P<other>.)", re.DOTALL)

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
    for run in _RUNS.finditer(text):
        if run["word"]:
            total += -(-len(run["word"]) // LETTERS_OF_A_TOKEN)
        elif run["other"]:
            total += len(run["other"].encode("utf-8", "surrogatepass"))
        # A blank before a word is the word's own.
    return total


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
