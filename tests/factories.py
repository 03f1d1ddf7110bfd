"""What tests need to exist, in the fewest words."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from empla.employees import employees
from empla.employees.employees import Employee, EmployeeRole
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants

MONDAY = datetime(2025, 3, 3, 9, tzinfo=UTC)  # when simulated tenants begin


async def a_simulated_tenant(database: Database, *, starts_at: datetime = MONDAY) -> Caller:
    """The operator of a fresh tenant whose time stands until a test moves it."""
    return Caller(await tenants.create(database, slug=f"t-{uuid4().hex[:12]}", name="Acme", starts_at=starts_at))


async def an_employee(
    database: Database, caller: Caller, *, name: str = "Jordan", role: EmployeeRole = "sales_ae"
) -> Employee:
    """A fresh, active employee."""
    email = f"{name.lower()}.{uuid4().hex[:8]}@acme.example"
    async with database.write(caller) as tx:
        return await employees.hire(tx, name=name, role=role, email=email)


async def wait(database: Database, caller: Caller, days: float) -> datetime:
    """So many days later; returns the tenant's time then."""
    async with database.write(caller) as tx:
        return await tenants.advance_clock(tx, tx.now + timedelta(days=days))


def an_id(number: int) -> UUID:
    """The same for the same number."""
    return UUID(int=number)
