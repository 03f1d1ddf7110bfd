"""The shelf: pre-built playbooks per role, files of the package (empla/playbooks/), copied to an employee when it is hired."""

from functools import cache
from importlib.resources import files
from typing import get_args

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


def all_files() -> list[PlaybookFile]:
    """Every file of the shelf, what all roles share first."""
    return [found for role in (SHARED, *get_args(EmployeeRole)) if (found := file_of(role)) is not None]


@cache
def of_role(role: EmployeeRole) -> tuple[Playbook, ...]:
    """What an employee of the role starts with, by name: its own, what all roles do, and the shared skills that these need."""
    own, shared = file_of(role), file_of(SHARED)
    if own is None or shared is None:
        return ()
    named = {
        step.action for each in (own, shared) for playbook in each.playbooks for step in playbook.steps.steps or ()
    }
    lent = [playbook for playbook in checked(shared).playbooks if playbook.type != "skill" or playbook.name in named]
    return tuple(sorted((*checked(own).playbooks, *lent), key=lambda playbook: playbook.name))
