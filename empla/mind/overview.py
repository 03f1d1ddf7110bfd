"""What people see first: who they are here, what waits for them, and how their employees do. One statement each, by the asker's fences.

A fence judges each row that is looked at, and what an employee has done grows with the years: so a statement finds the employees that the
asker may see, and looks with an index for what each of them has today.
"""

from datetime import datetime
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.employees.employees import EmployeeRole, Stage, Status
from empla.errors import NotFoundError
from empla.storage.tx import ReadTx


class Viewer(BaseModel):
    """Who looks, at which tenant, and what waits there."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    email: str
    role: str
    tenant_name: str
    tenant_slug: str
    branding: dict[str, JsonValue]
    is_simulated: bool  # the tenant's clock is set, not wound
    now: datetime  # the tenant's time
    approvals: int  # that wait; at most MOST_COUNTED
    notices: int  # that are open; at most MOST_COUNTED

    @property
    def is_admin(self) -> bool:
        """May change users, keys and settings."""
        return self.role == "admin"

    @property
    def is_staff(self) -> bool:
        """May hire, decide and correct."""
        return self.role in {"admin", "manager"}


class _Viewer(BaseModel):
    id: UUID
    name: str
    email: str
    tenant_name: str
    tenant_slug: str
    branding: dict[str, JsonValue]
    is_simulated: bool
    approvals: int
    notices: int


MOST_COUNTED = 100  # what is more is said as so many and more
VIEWER: LiteralString = """
    SELECT u.id, u.name, u.email, t.name AS tenant_name, t.slug AS tenant_slug, coalesce(t.settings -> 'branding', '{}') AS branding,
           t.clock = 'simulated' AS is_simulated,
           (SELECT count(*) FROM (SELECT FROM effects f WHERE f.tenant_id = %(tenant)s::uuid AND f.status = 'awaiting_approval'
                                   LIMIT %(most)s::int) f) AS approvals,
           (SELECT count(*) FROM (SELECT FROM notices n WHERE n.tenant_id = %(tenant)s::uuid AND n.status = 'open'
                                   LIMIT %(most)s::int) n) AS notices
      FROM users u JOIN tenants t ON t.id = u.tenant_id
     WHERE u.tenant_id = %(tenant)s::uuid AND u.id = ctx.user_id()
"""


async def viewer(tx: ReadTx) -> Viewer:
    """The caller. Raises `NotFoundError` for the operator, who is nobody of the tenant."""
    found = await tx.fetch_one(_Viewer, VIEWER, most=MOST_COUNTED)
    if found is None:
        raise NotFoundError("the operator is nobody of the tenant")
    return Viewer(**found.model_dump(), role=tx.role, now=tx.now)


class Member(BaseModel):
    """One employee, as it stands."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    role: EmployeeRole
    email: str
    status: Status
    lifecycle_stage: Stage
    doing: str | None  # the plan in hand
    doing_since: datetime | None
    goals: int  # that it pursues
    at_risk: int  # of them violated
    approvals: int  # that wait
    spent: Decimal  # money today
    last_cycle_at: datetime | None
    next_cycle_at: datetime | None


TEAM: LiteralString = """
    WITH asked AS (
        SELECT employee_id, count(*) AS waiting FROM effects
         WHERE tenant_id = %(tenant)s::uuid AND status = 'awaiting_approval' GROUP BY employee_id
    ), shown AS (
        SELECT e.id, e.name, e.role, e.email, e.status, e.lifecycle_stage, g.pursued AS goals, g.at_risk,
               coalesce(a.waiting, 0) AS approvals
          FROM employees e
         CROSS JOIN LATERAL (
               SELECT count(*) AS pursued, count(*) FILTER (WHERE w.current_progress ->> 'state' = 'violated') AS at_risk
                 FROM employee_goals w
                WHERE w.tenant_id = %(tenant)s::uuid AND w.employee_id = e.id AND w.deleted_at IS NULL
                  AND w.status IN ('active', 'in_progress', 'blocked')) g
          LEFT JOIN asked a ON a.employee_id = e.id
         WHERE e.tenant_id = %(tenant)s::uuid AND e.deleted_at IS NULL
           AND (%(search)s::text IS NULL OR strpos(lower(e.name || ' ' || e.email), lower(%(search)s::text)) > 0)
           AND (%(status)s::text IS NULL OR e.status = %(status)s::text)
         ORDER BY coalesce(a.waiting, 0) > 0 DESC, g.at_risk > 0 DESC, lower(e.name), e.id
         LIMIT %(limit)s::int OFFSET %(skip)s::int
    )
    SELECT s.id, s.name, s.role, s.email, s.status, s.lifecycle_stage, plan.description AS doing, plan.started_at AS doing_since,
           s.goals, s.at_risk, s.approvals, coalesce(d.spent, 0) AS spent, t.last_cycle_at, t.next_cycle_at
      FROM shown s
      LEFT JOIN LATERAL (
          SELECT i.description, i.started_at FROM employee_intentions i
           WHERE i.tenant_id = %(tenant)s::uuid AND i.employee_id = s.id AND i.status = 'in_progress' AND i.deleted_at IS NULL
             AND s.status = 'active'
           ORDER BY i.priority DESC, i.started_at DESC LIMIT 1) plan ON true
      LEFT JOIN budget_days d ON d.tenant_id = %(tenant)s::uuid AND d.scope = s.id AND d.resource = 'money'
                             AND d.day = (%(now)s::timestamptz AT TIME ZONE 'UTC')::date
      LEFT JOIN employee_schedule t ON t.tenant_id = %(tenant)s::uuid AND t.employee_id = s.id
     ORDER BY s.approvals > 0 DESC, s.at_risk > 0 DESC, lower(s.name), s.id
"""


async def team(
    tx: ReadTx, *, search: str | None = None, status: Status | None = None, limit: int = 50, skip: int = 0
) -> list[Member]:
    """Those who ask something first, then those whose goals are at risk, then by name."""
    return await tx.fetch_all(Member, TEAM, search=search or None, status=status, limit=limit, skip=skip, now=tx.now)


class Sums(BaseModel):
    """The tenant's day in figures."""

    model_config = ConfigDict(frozen=True)

    employees: int
    active: int
    at_risk: int  # goals that are violated
    approvals: int
    notices: int
    sent: int  # effects that were sent today
    spent: Decimal  # money today
    daily: Decimal  # that may be spent in a day


SUMS: LiteralString = """
    WITH today AS (
        SELECT date_trunc('day', %(now)s::timestamptz, 'UTC') AS began, (%(now)s::timestamptz AT TIME ZONE 'UTC')::date AS day
    ), team AS (
        SELECT count(*) AS employees, count(*) FILTER (WHERE e.status = 'active') AS active, coalesce(sum(goal.at_risk), 0) AS at_risk,
               coalesce(sum(effect.sent), 0) AS sent
          FROM employees e CROSS JOIN today
         CROSS JOIN LATERAL (
               SELECT count(*) AS at_risk FROM employee_goals g
                WHERE g.tenant_id = %(tenant)s::uuid AND g.employee_id = e.id AND g.deleted_at IS NULL
                  AND g.status IN ('active', 'in_progress', 'blocked') AND g.current_progress ->> 'state' = 'violated') goal
         CROSS JOIN LATERAL (
               SELECT count(*) AS sent FROM effects f
                WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = e.id AND f.status = 'done' AND f.ended_at >= today.began) effect
         WHERE e.tenant_id = %(tenant)s::uuid AND e.deleted_at IS NULL
    ), asked AS (
        SELECT count(*) AS approvals FROM effects WHERE tenant_id = %(tenant)s::uuid AND status = 'awaiting_approval'
    ), notice AS (
        SELECT count(*) AS notices FROM notices WHERE tenant_id = %(tenant)s::uuid AND status = 'open'
    )
    SELECT team.employees, team.active, team.at_risk::bigint, asked.approvals, notice.notices, team.sent::bigint,
           coalesce(d.spent, 0) AS spent, coalesce(b.daily, default_budget(true, 'money')) AS daily
      FROM today CROSS JOIN team CROSS JOIN asked CROSS JOIN notice
      LEFT JOIN budget_days d ON d.tenant_id = %(tenant)s::uuid AND d.scope = %(tenant)s::uuid AND d.day = today.day
                             AND d.resource = 'money'
      LEFT JOIN budgets b ON b.tenant_id = %(tenant)s::uuid AND b.scope = %(tenant)s::uuid AND b.resource = 'money'
"""


async def sums(tx: ReadTx) -> Sums:
    """Of all that the caller may see."""
    found = await tx.fetch_one(Sums, SUMS, now=tx.now)
    assert found is not None  # noqa: S101 — one row without a FROM that could be empty
    return found
