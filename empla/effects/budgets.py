"""What employees may spend in a day: set aside before it is spent, settled after it, given back when it was not; never over, not by one."""

from datetime import date
from decimal import Decimal
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, computed_field

from empla.employees import schedule
from empla.errors import ForbiddenError
from empla.storage.tx import ReadTx, Tx

Resource = Literal["effects", "calls", "tokens", "money"]


class Budget(BaseModel):
    """One day's limit of a tenant or an employee, and what is used of it."""

    model_config = ConfigDict(frozen=True)

    scope: UUID  # the tenant's own id for all of it, else an employee's
    resource: Resource
    daily: Decimal
    is_default: bool  # nobody has set it
    reserved: Decimal  # about to be spent
    spent: Decimal
    day: date  # UTC, the tenant's time

    @computed_field
    @property
    def left(self) -> Decimal:
        """What may still be set aside today."""
        return max(self.daily - self.reserved - self.spent, Decimal(0))


USED: LiteralString = """
    SELECT s.scope, r.resource, coalesce(b.daily, default_budget(s.scope = %(tenant)s::uuid, r.resource)) AS daily,
           b.daily IS NULL AS is_default, coalesce(d.reserved, 0) AS reserved, coalesce(d.spent, 0) AS spent, t.day
      FROM (SELECT (%(now)s::timestamptz AT TIME ZONE 'UTC')::date AS day) t
     CROSS JOIN unnest(%(scopes)s::uuid[]) WITH ORDINALITY s (scope, position)
     CROSS JOIN unnest(ARRAY['effects', 'calls', 'tokens', 'money']) WITH ORDINALITY r (resource, place)
      LEFT JOIN budgets b ON b.tenant_id = %(tenant)s::uuid AND b.scope = s.scope AND b.resource = r.resource
      LEFT JOIN budget_days d ON d.tenant_id = %(tenant)s::uuid AND d.scope = s.scope AND d.resource = r.resource AND d.day = t.day
     ORDER BY s.position, r.place
"""


async def used(tx: ReadTx, *, scopes: list[UUID]) -> list[Budget]:
    """Today's budgets of these: employees, or the tenant by its own id."""
    return await tx.fetch_all(Budget, USED, scopes=scopes, now=tx.now)


class Share(Budget):
    """An employee's budget, with its name."""

    name: str


OF_TEAM: LiteralString = """
    WITH shown AS (
        SELECT id, name FROM employees
         WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL
           AND (%(search)s::text IS NULL OR strpos(lower(name || ' ' || email), lower(%(search)s::text)) > 0)
         ORDER BY lower(name), id LIMIT %(limit)s::int OFFSET %(skip)s::int
    )
    SELECT s.id AS scope, s.name, r.resource, coalesce(b.daily, default_budget(false, r.resource)) AS daily,
           b.daily IS NULL AS is_default, coalesce(d.reserved, 0) AS reserved, coalesce(d.spent, 0) AS spent, t.day
      FROM (SELECT (%(now)s::timestamptz AT TIME ZONE 'UTC')::date AS day) t
     CROSS JOIN shown s
     CROSS JOIN unnest(ARRAY['effects', 'calls', 'tokens', 'money']) WITH ORDINALITY r (resource, place)
      LEFT JOIN budgets b ON b.tenant_id = %(tenant)s::uuid AND b.scope = s.id AND b.resource = r.resource
      LEFT JOIN budget_days d ON d.tenant_id = %(tenant)s::uuid AND d.scope = s.id AND d.resource = r.resource AND d.day = t.day
     ORDER BY lower(s.name), s.id, r.place
"""


async def of_team(tx: ReadTx, *, search: str | None = None, limit: int = 50, skip: int = 0) -> list[Share]:
    """Today's budgets of so many employees, by name: four of each."""
    return await tx.fetch_all(Share, OF_TEAM, search=search, limit=limit, skip=skip, now=tx.now)


SET: LiteralString = """
    INSERT INTO budgets (tenant_id, scope, resource, daily)
    VALUES (%(tenant)s::uuid, %(scope)s::uuid, %(resource)s::text, %(daily)s::numeric)
    ON CONFLICT (tenant_id, scope, resource) DO UPDATE SET daily = EXCLUDED.daily
"""


async def set_daily(tx: Tx, *, scope: UUID, resource: Resource, daily: Decimal) -> None:
    """At most so much of it on one day, for the tenant (its own id) or an employee. Raises `InvalidError`, `ForbiddenError`."""
    if not await tx.execute(SET, scope=scope, resource=resource, daily=daily):
        raise ForbiddenError("the caller's role does not allow this")
    # What waits for it is looked at again.
    whose = [turn.employee_id for turn in await schedule.turns(tx)] if scope == tx.tenant_id else [scope]
    await schedule.wake(tx, employees=whose, at=tx.now)


RESERVE: LiteralString = """
    SELECT reserve_budget(%(key)s::text, %(costs)s::jsonb, %(fence)s::bigint) WHERE %(tenant)s::uuid IS NOT NULL
"""


async def reserve(tx: Tx, *, key: str, costs: dict[Resource, float], fence: int) -> str | None:
    """All of it is set aside for the employee whose turn this is, and for its tenant; or nothing is, and the sentence says why.

    The same key twice is set aside once.
    """
    return await tx.fetch_value(str, RESERVE, key=key, costs=costs, fence=fence)


SETTLE: LiteralString = """
    SELECT settle_budget(%(key)s::text, %(is_spent)s::boolean, %(actual)s::jsonb) WHERE %(tenant)s::uuid IS NOT NULL
"""


async def settle(tx: Tx, *, key: str, actual: dict[Resource, float] | None = None) -> None:
    """What was set aside is spent: as much as it really was, which may be more, or all of it."""
    await tx.fetch_value(int, SETTLE, key=key, is_spent=True, actual=actual or {})


async def release(tx: Tx, *, key: str) -> None:
    """It was not spent."""
    await tx.fetch_value(int, SETTLE, key=key, is_spent=False, actual={})
