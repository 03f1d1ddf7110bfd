"""How answers are printed: JSON for programs, quiet tables for people."""

import json
import re
import shlex
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.table import Table

_PIPE_WIDTH = 4000  # characters; a program that reads lines wants none of them broken


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """The reader has enough (`| head`): main ends the command, quietly."""
        raise BrokenPipeError


# What is shown may hold brackets and colons of its own.
console = _Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
errors = Console(stderr=True, highlight=False)


def print_json(answer: BaseModel | Sequence[BaseModel] | dict[str, Any], **options: Any) -> None:
    """One JSON document on stdout; `options` go to `model_dump`."""
    if isinstance(answer, BaseModel):
        document: Any = answer.model_dump(mode="json", **options)
    elif isinstance(answer, dict):
        document = answer
    else:
        document = [item.model_dump(mode="json", **options) for item in answer]
    print(json.dumps(document, ensure_ascii=False, indent=2))


def table(*columns: str, right: Sequence[str] = (), title: str | None = None) -> Table:
    """A table without lines; the columns named in `right` hold numbers. Without any name, it has no header."""
    made = Table(
        title=title,
        title_justify="left",
        box=None,
        pad_edge=False,
        show_header=any(columns),
        header_style="bold",
        title_style="bold",
    )
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=column in right)
    return made


def print_page(text: str) -> None:
    """Text of one paragraph or list item per line; in a terminal, what is too long goes on further in than it began."""
    for line in text.splitlines():
        console.print(_folded(line), soft_wrap=True)


def print_command(words: Sequence[str]) -> None:
    """A command to paste into a shell; in a terminal, over several lines where it is too long for one."""
    line = f"  {shlex.join(words)}"
    if console.is_terminal and len(line) > console.width:
        lines: list[str] = []
        # An option stays with its value.
        for word in re.split(r" (?=--)", shlex.join(words)):
            if lines and len(lines[-1]) + len(word) + len("   \\") <= console.width:
                lines[-1] += f" {word}"
            else:
                lines.append(f"      {word}" if lines else f"  {word}")
        line = " \\\n".join(lines)
    console.print(line, soft_wrap=True)


def _folded(line: str) -> str:
    if not console.is_terminal or len(line) <= console.width:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(line, console.width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def progress(*columns: ProgressColumn) -> Progress:
    """A bar on stderr while long work goes on, gone afterwards; nothing where nobody watches."""
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def number(value: float | None, digits: int = 0) -> str:
    """1234567 as 1,234,567; nothing as a dash."""
    return "–" if value is None else f"{value:,.{digits}f}"
