"""The shelf: pre-built playbooks per role, files of the package (empla/playbooks/), copied to an employee when it is hired."""

from functools import cache
from importlib.resources import files

from empla.employees.employees import EmployeeRole
from empla.memory.playbook import Playbook
from empla.memory.playbook_file import FileRole, PlaybookFile, checked, read

SHARED: FileRole = "every"
_FOLDER = files("empla") / "playbooks"


@cache
def file_of(role: FileRole) -> PlaybookFile | None:
    """The shelf's file of a role, or of what all share, with its faults; None where there is none: `custom` starts empty."""
    name = f"{role}.yaml"
    resource = _FOLDER / name
    if not resource.is_file():
        return None
    shared = None if role == SHARED else file_of(SHARED)
    return read(resource.read_bytes(), file=f"empla/playbooks/{name}", shelf=() if shared is None else shared.playbooks)


@cache
def of_role(role: EmployeeRole) -> tuple[Playbook, ...]:
    """What an employee of the role starts with, by name: its own and what all roles share."""
    own, shared = file_of(role), file_of(SHARED)
    if own is None:
        return ()
    found = (*checked(own).playbooks, *(() if shared is None else checked(shared).playbooks))
    return tuple(sorted(found, key=lambda playbook: playbook.name))
