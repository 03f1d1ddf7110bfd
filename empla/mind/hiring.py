"""Hiring equips: a new employee can do what its role does, and knows the playbooks of the shelf."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import JsonValue

from empla.employees import employees
from empla.employees.capabilities import OF_ROLE
from empla.employees.employees import Employee, EmployeeRole
from empla.employees.shapes import EmployeeConfig, Personality
from empla.memory import procedural
from empla.storage.tx import Tx


async def hire(
    tx: Tx,
    *,
    name: str,
    role: EmployeeRole,
    email: str,
    personality: Personality | None = None,
    config: EmployeeConfig | None = None,
    capabilities: Sequence[str] | None = None,
    metadata: dict[str, JsonValue] | None = None,
    active: bool = True,
    first_cycle_at: datetime | None = None,
) -> Employee:
    """A new employee in stage shadow, with the playbooks of its role; what it can do is its role's unless it is said.

    Raises `ConflictError` when the e-mail is taken, `InvalidError`, `ForbiddenError`.
    """
    employee = await employees.hire(
        tx,
        name=name,
        role=role,
        email=email,
        personality=personality,
        config=config,
        capabilities=OF_ROLE[role] if capabilities is None else capabilities,
        metadata=metadata,
        active=active,
        first_cycle_at=first_cycle_at,
    )
    await procedural.equip(tx, employee=employee.id, role=role)
    return employee
