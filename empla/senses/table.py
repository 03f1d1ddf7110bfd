"""A CSV file is read row by row: what can't be read is reported with its line, and the next row is read."""

import codecs
import csv
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from empla.errors import InvalidError
from empla.senses.observation import Oddity

LONGEST_FIELD = 10_000  # characters
LONGEST_LINE = 100_000  # characters
# A quote that is never closed must not swallow the file: a row that runs on for longer is not a row.
MOST_LINES_IN_A_ROW = 20

_BROKEN_BYTE = re.compile("[\udc80-\udcff]")  # what `surrogateescape` makes of a byte that is not UTF-8
_SUSPECT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Row:
    line: int  # where it begins; 1-based, the header is line 1
    cells: dict[str, str]  # by column; outer and doubled white space removed


@dataclass(frozen=True, slots=True)
class Table:
    rows: list[Row]
    unreadable: int  # rows that are not in `rows`; each has an oddity with kept=False
    oddities: list[Oddity]


@dataclass(frozen=True, slots=True)
class _Record:
    cells: list[str]
    line_count: int
    fault: str | None = None


def read_bytes(path: Path, *, largest_bytes: int) -> bytes | None:
    """The file's bytes; None when there is no such file.

    Raises `InvalidError` when it is too large, no plain file, or may not be read.
    """
    try:
        if not path.exists():
            return None
        if not path.is_file():  # a pipe or a device might never end
            raise InvalidError(f"{path} is not a file.")
        with path.open("rb") as file:
            data = file.read(largest_bytes + 1)
    except OSError as problem:
        raise InvalidError(f"{path} can't be read: {problem.strerror}.") from problem
    if len(data) > largest_bytes:
        raise InvalidError(f"{path} is larger than {largest_bytes:,} bytes, the most that is read.")
    return data


def parse(file: str, data: bytes, *, required: Collection[str], optional: Collection[str] = ()) -> Table:
    """Every row of a comma-separated file with a header: read, or reported.

    UTF-8, lines that end with LF or CRLF, fields quoted as in RFC 4180. Raises `InvalidError` when no header
    can be read, or it lacks a required column or names one twice.
    """
    oddities: list[Oddity] = []
    if data.startswith(codecs.BOM_UTF8):
        data = data.removeprefix(codecs.BOM_UTF8)
        oddities.append(Oddity(file=file, line=1, reason="a byte order mark before the header", kept=True))
    # A byte that is not UTF-8 becomes a surrogate, which no valid UTF-8 gives: it spoils its own line only.
    text = data.replace(b"\r\n", b"\n").rstrip(b"\n").decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    columns = _header(file, lines[0], required)
    oddities.extend(_header_oddities(file, columns, required, optional))

    rows: list[Row] = []
    unreadable = 0
    position = 1
    while position < len(lines):
        record = _record(lines, position, len(columns))
        if record.fault is None:
            row = Row(position + 1, dict(zip(columns, map(_tidy, record.cells), strict=True)))
            rows.append(row)
            oddities.extend(_tidied(file, row, record.cells))
        else:
            unreadable += 1
            oddities.append(Oddity(file=file, line=position + 1, reason=record.fault, kept=False))
        position += record.line_count
    return Table(rows, unreadable, oddities)


def _header(file: str, line: str, required: Collection[str]) -> list[str]:
    fault = _fault(line)
    if fault is not None:
        raise InvalidError(f"{file} has no header that can be read: {fault}.")
    try:
        columns = [name.strip() for name in next(csv.reader([line], strict=True))]
    except csv.Error as problem:
        raise InvalidError(f"{file} has no header that can be read: {problem}.") from problem
    missing = [name for name in required if name not in columns]
    if missing:
        raise InvalidError(f"{file} has no column {', '.join(missing)}.")
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise InvalidError(f"{file} has the column {twice or 'without a name'} more than once.")
    return columns


def _header_oddities(
    file: str, columns: Collection[str], required: Collection[str], optional: Collection[str]
) -> Iterable[Oddity]:
    for name in optional:
        if name not in columns:
            yield Oddity(file=file, line=1, reason=f"no column {name}", kept=True)
    for name in columns:
        if name not in required and name not in optional:
            reason = f'the column "{name[:60]}" is not known and not read'
            yield Oddity(file=file, line=1, reason=reason, kept=True)


def _record(lines: list[str], start: int, width: int) -> _Record:
    """The row that begins on this line. One that can't be read gives up its first line only."""
    line = lines[start]
    fault = _fault(line)
    if fault is not None:
        return _Record([], 1, fault)
    if '"' in line:
        following = lines[start : start + MOST_LINES_IN_A_ROW]
        reader = csv.reader((f"{text}\n" for text in takewhile(_is_sound, following)), strict=True)
        try:
            cells = next(reader)
        except csv.Error:
            return _Record([], 1, "the quotes don't match")
        line_count = reader.line_num
    else:
        cells = line.split(",")
        line_count = 1
    if len(cells) != width:
        return _Record([], 1, "too few columns" if len(cells) < width else "too many columns")
    if max(map(len, cells)) > LONGEST_FIELD:
        return _Record([], 1, f"a field of more than {LONGEST_FIELD:,} characters")
    return _Record(cells, line_count)


def _fault(line: str) -> str | None:
    if not line.strip():
        return "an empty line"
    if len(line) > LONGEST_LINE:
        return f"a line of more than {LONGEST_LINE:,} characters"
    if _SUSPECT.search(line) is None:
        return None
    if _BROKEN_BYTE.search(line) is not None:
        return "a byte that is not UTF-8"
    return "a NUL byte" if "\0" in line else "a control character"


def _is_sound(line: str) -> bool:
    """Whether a quoted field may run on through this line: an empty one is a blank line inside the field."""
    return not line.strip() or _fault(line) is None


def _tidy(cell: str) -> str:
    return " ".join(cell.split())


def _tidied(file: str, row: Row, written: list[str]) -> Iterable[Oddity]:
    for (column, cell), raw in zip(row.cells.items(), written, strict=True):
        if cell != raw:
            what = "a line break" if "\n" in raw else "needless white space"
            yield Oddity(file=file, line=row.line, reason=f"{what} in {column}", kept=True)
