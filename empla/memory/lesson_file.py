"""A file of demonstrations: what people were seen to do, and when it is to be done. The same YAML as a playbook file's, or JSON."""

from pathlib import Path

from empla.errors import FaultyError, InvalidError, NotFoundError
from empla.memory.demonstration import Lesson
from empla.memory.playbook_file import MAX_FILE_BYTES
from empla.memory.strict_yaml import YamlFaultError, document_of


def read_lesson(path: Path, *, name: str) -> Lesson:
    """The lesson of this file, under this name. Raises `NotFoundError` when it can't be opened, `InvalidError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise NotFoundError(f"{path} can't be read: {(error.strerror or str(error)).lower()}") from None
    return lesson_of(data, file=str(path), name=name)


def lesson_of(data: bytes, *, file: str, name: str) -> Lesson:
    """The lesson of what such a file holds. Raises `InvalidError`, every fault on a line of its own."""
    if len(data) > MAX_FILE_BYTES:
        raise InvalidError(f"{file} has more than the {MAX_FILE_BYTES:,} bytes that are allowed")
    try:
        document = document_of(data)
    except YamlFaultError as fault:
        raise InvalidError(f"{file}:{fault.line}: {fault}") from None
    if document.faults:
        raise FaultyError([f"{file}:{line}: {reason}" for line, reason in document.faults])
    if not isinstance(document.value, dict):
        raise InvalidError(f"{file}: a lesson holds demonstrations, and may hold triggers, goals, context and success")
    return Lesson.parse({**document.value, "name": name})
