"""Hiring gives an employee what its role knows how to do: the shelf's playbooks, and the capabilities that they need."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import JsonValue

from empla.employees import employees
from empla.employees.employees import Employee, EmployeeRole
from empla.employees.shapes import EmployeeConfig, Personality
from empla.memory import procedural
from empla.storage.tx import Tx

CAPABILITIES: Mapping[EmployeeRole, tuple[str, ...]] = {
    "sales_ae": ("email", "calendar", "research", "crm", "phone"),
    "sdr": ("email", "calendar", "research", "crm", "phone"),
    "csm": ("email", "calendar", "research", "support", "analytics", "phone"),
    "pm": ("research", "tickets", "documents", "analytics", "email"),
    "recruiter": ("email", "calendar", "research", "ats", "phone"),
    "custom": (),
}
"""What an employee of a role can do unless somebody says otherwise."""


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
    """A new employee, as `employees.hire` makes it, with the playbooks of its role; two statements. Raises as that does."""
    hired = await employees.hire(
        tx,
        name=name,
        role=role,
        email=email,
        personality=personality,
        config=config,
        capabilities=CAPABILITIES[role] if capabilities is None else capabilities,
        metadata=metadata,
        active=active,
        first_cycle_at=first_cycle_at,
    )
    await procedural.equip(tx, employee=hired.id, role=role)
    return hired
