"""A playbook file: YAML with one value for each key, no aliases and no tags; what is wrong with it is said line by line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Literal, cast, get_args

from pydantic import JsonValue

from empla.employees.employees import EmployeeRole
from empla.errors import FaultyError, NotFoundError
from empla.memory import playbook_rules
from empla.memory.playbook import Playbook
from empla.memory.playbook_links import links
from empla.memory.playbook_rules import Draft, Fault
from empla.memory.strict_yaml import Document, YamlFaultError, document_of

MAX_FILE_BYTES = 256 * 1024
MAX_PLAYBOOKS = 100
MAX_REASON = 1000  # characters of one fault

FileRole = EmployeeRole | Literal["every"]
"""Whose playbooks a file holds; `every` is for what all roles of the shelf share."""

ROLES: tuple[str, ...] = (*get_args(EmployeeRole), "every")


@dataclass(frozen=True, slots=True)
class PlaybookFile:
    """What a file holds, and every fault that it has: `file:line: reason`."""

    file: str
    role: FileRole | None  # None when it says none that there is
    playbooks: tuple[Playbook, ...]  # those that can be carried out
    faults: tuple[str, ...]


def read_path(path: FilePath, *, shelf: Iterable[Playbook] = ()) -> PlaybookFile:
    """`read` of a file. Raises `NotFoundError` when it can't be opened."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
            size = path.stat().st_size
    except OSError as error:
        raise NotFoundError(f"{path} can't be read: {(error.strerror or str(error)).lower()}") from None
    if len(data) > MAX_FILE_BYTES:
        return PlaybookFile(str(path), None, (), (_too_large(str(path), max(size, len(data))),))
    return read(data, file=str(path), shelf=shelf)


def read(data: bytes, *, file: str, shelf: Iterable[Playbook] = ()) -> PlaybookFile:
    """The playbooks of a file and all its faults; its steps may name the skills of the `shelf`, and its playbooks go before those."""
    if len(data) > MAX_FILE_BYTES:
        return PlaybookFile(file, None, (), (_too_large(file, len(data)),))
    try:
        document = document_of(data)
    except YamlFaultError as fault:
        return PlaybookFile(file, None, (), (f"{file}:{fault.line}: {fault}",))
    role, items, faults = _outside(document)
    drafts = [playbook_rules.draft(item) for item in items]
    library = library_of(shelf) | {draft.name: draft for draft in drafts if draft.name}
    sound: list[Playbook] = []
    for index, draft in enumerate(drafts):
        wrong = [*draft.faults, *links(draft, library), *_twice(drafts, index)]
        called = f"{draft.name}: " if draft.name else ""
        faults += [(document.line(("playbooks", index, *fault.path)), f"{called}{fault}") for fault in wrong]
        if draft.playbook is not None and not wrong:
            sound.append(draft.playbook)
    lines = sorted(dict.fromkeys(faults), key=lambda fault: fault[0])
    return PlaybookFile(
        file, role, tuple(sound), tuple(f"{file}:{line}: {_one_line(reason)}" for line, reason in lines)
    )


def _one_line(reason: str) -> str:
    """What somebody wrote may hold line breaks, or be very long."""
    line = " ".join(part.strip() for part in reason.splitlines())
    return line if len(line) <= MAX_REASON else line[:MAX_REASON] + "…"


def library_of(playbooks: Iterable[Playbook]) -> dict[str, Draft]:
    """Playbooks by name, as `links` wants them."""
    return {playbook.name: playbook_rules.draft(playbook.to_file()) for playbook in playbooks}


def checked(found: PlaybookFile) -> PlaybookFile:
    """The same file, now known to have no fault. Raises `InvalidError`, every fault on a line of its own."""
    if found.faults:
        raise FaultyError(found.faults)
    return found


def _too_large(file: str, size: int) -> str:
    return f"{file}:1: the file has {size:,} bytes, but at most {MAX_FILE_BYTES:,} are allowed"


def _outside(document: Document) -> tuple[FileRole | None, list[JsonValue], list[tuple[int, str]]]:
    """What stands around the playbooks: the role, and the faults so far."""
    faults = [*document.faults]
    whole = document.value
    if not isinstance(whole, dict):
        return None, [], [*faults, (1, "a playbook file holds two keys, role and playbooks")]
    faults += [
        (document.line((key,)), f"{key} is not a key of a playbook file, which has role and playbooks")
        for key in whole
        if key not in {"role", "playbooks"}
    ]
    role, items = whole.get("role"), whole.get("playbooks")
    if role not in ROLES:
        faults.append((document.line(("role",)), f"role must be one of {', '.join(ROLES)}"))
        role = None
    if items is None and "playbooks" in whole:
        items = []
    if not isinstance(items, list):
        return cast("FileRole | None", role), [], [*faults, (document.line(("playbooks",)), "playbooks must be a list")]
    if len(items) > MAX_PLAYBOOKS:
        sentence = f"there are {len(items):,} playbooks, but at most {MAX_PLAYBOOKS} are allowed"
        return cast("FileRole | None", role), [], [*faults, (document.line(("playbooks",)), sentence)]
    return cast("FileRole | None", role), items, faults


def _twice(drafts: list[Draft], index: int) -> Iterator[Fault]:
    name = drafts[index].name
    if name and any(earlier.name == name for earlier in drafts[:index]):
        yield Fault("there are two playbooks of this name", ("name",))
