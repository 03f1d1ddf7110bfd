"""How answers are printed: JSON for programs, quiet tables for people."""

import json
import sys
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


console = _Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
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
        made.add_column(column, justify="right" if column in right else "left")
    return made


def progress(*columns: ProgressColumn) -> Progress:
    """A bar on stderr while long work goes on, gone afterwards; nothing where nobody watches."""
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def number(value: float | None, digits: int = 0) -> str:
    """1234567 as 1,234,567; nothing as a dash."""
    return "–" if value is None else f"{value:,.{digits}f}"
