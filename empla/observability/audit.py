"""Who changed what, and when: the database writes it in the transaction of the change, and here it is read alone."""

from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.storage.tx import ReadTx

ActorType = Literal["employee", "user", "system"]


class Entry(BaseModel):
    """One change, or one act that changes no row, such as signing in."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    actor_type: ActorType
    actor_id: UUID  # the nil uuid for the operator
    actor: str | None  # the name; None for the operator, and for whoever is gone from the database
    action_type: str  # resource.verb
    resource_type: str
    resource_id: UUID | None
    details: dict[str, JsonValue]  # what was made or removed; of what was changed, before and after
    metadata: dict[str, JsonValue]
    occurred_at: datetime  # the tenant's time
    recorded_at: datetime  # the wall clock's
    is_erased: bool  # retention has erased the details


# An entry is an employee's when it acted, or when what was changed is its own; a row that is gone from its table names it in the details.
LISTED: LiteralString = """
    SELECT a.id, a.actor_type, a.actor_id, coalesce(u.name, e.name) AS actor, a.action_type, a.resource_type, a.resource_id, a.details,
           a.metadata, a.occurred_at, a.recorded_at, a.erased_digest IS NOT NULL AS is_erased
      FROM (SELECT l.* FROM audit_log l
             WHERE l.tenant_id = %(tenant)s::uuid
               AND (%(before)s::timestamptz IS NULL OR (l.occurred_at, l.id) < (%(before)s::timestamptz, %(before_id)s::uuid))
               AND (%(since)s::timestamptz IS NULL OR l.occurred_at >= %(since)s::timestamptz)
               AND (%(until)s::timestamptz IS NULL OR l.occurred_at < %(until)s::timestamptz)
               AND (%(actor)s::uuid IS NULL OR l.actor_id = %(actor)s::uuid)
               AND (%(actor_type)s::text IS NULL OR l.actor_type = %(actor_type)s::text)
               AND (%(action)s::text IS NULL OR l.action_type = %(action)s::text)
               AND (%(resource_type)s::text IS NULL OR l.resource_type = %(resource_type)s::text)
               AND (%(resource)s::uuid IS NULL OR l.resource_id = %(resource)s::uuid)
               AND (%(employee)s::uuid IS NULL OR l.actor_id = %(employee)s::uuid OR l.resource_id = %(employee)s::uuid
                    OR l.details ->> 'employee_id' = %(employee)s::text OR l.details ->> 'scope' = %(employee)s::text
                    OR CASE l.resource_type
                       WHEN 'goal' THEN EXISTS (SELECT FROM employee_goals r
                           WHERE r.tenant_id = %(tenant)s::uuid AND r.employee_id = %(employee)s::uuid AND r.id = l.resource_id)
                       WHEN 'intention' THEN EXISTS (SELECT FROM employee_intentions r
                           WHERE r.tenant_id = %(tenant)s::uuid AND r.employee_id = %(employee)s::uuid AND r.id = l.resource_id)
                       WHEN 'belief' THEN EXISTS (SELECT FROM beliefs r
                           WHERE r.tenant_id = %(tenant)s::uuid AND r.employee_id = %(employee)s::uuid AND r.id = l.resource_id)
                       WHEN 'conflict' THEN EXISTS (SELECT FROM belief_conflicts r
                           WHERE r.tenant_id = %(tenant)s::uuid AND r.employee_id = %(employee)s::uuid AND r.id = l.resource_id)
                       WHEN 'fact' THEN EXISTS (SELECT FROM memory_semantic r
                           WHERE r.tenant_id = %(tenant)s::uuid AND r.employee_id = %(employee)s::uuid AND r.id = l.resource_id)
                       WHEN 'procedure' THEN EXISTS (SELECT FROM memory_procedural r
                           WHERE r.tenant_id = %(tenant)s::uuid AND r.employee_id = %(employee)s::uuid AND r.id = l.resource_id)
                       WHEN 'effect' THEN EXISTS (SELECT FROM effects r
                           WHERE r.tenant_id = %(tenant)s::uuid AND r.employee_id = %(employee)s::uuid AND r.id = l.resource_id)
                       WHEN 'approval' THEN EXISTS (SELECT FROM approvals r
                           WHERE r.tenant_id = %(tenant)s::uuid AND r.employee_id = %(employee)s::uuid AND r.id = l.resource_id)
                       WHEN 'notice' THEN EXISTS (SELECT FROM notices r
                           WHERE r.tenant_id = %(tenant)s::uuid AND r.employee_id = %(employee)s::uuid AND r.id = l.resource_id)
                       WHEN 'conversation' THEN EXISTS (SELECT FROM conversations r
                           WHERE r.tenant_id = %(tenant)s::uuid AND r.employee_id = %(employee)s::uuid AND r.id = l.resource_id)
                       WHEN 'budget' THEN EXISTS (SELECT FROM budgets r
                           WHERE r.tenant_id = %(tenant)s::uuid AND r.scope = %(employee)s::uuid AND r.id = l.resource_id)
                       ELSE false END)
             ORDER BY l.occurred_at DESC, l.id DESC LIMIT %(limit)s::int) a
      LEFT JOIN users u ON a.actor_type = 'user' AND u.tenant_id = %(tenant)s::uuid AND u.id = a.actor_id
      LEFT JOIN employees e ON a.actor_type = 'employee' AND e.tenant_id = %(tenant)s::uuid AND e.id = a.actor_id
     ORDER BY a.occurred_at DESC, a.id DESC
"""


async def listed(
    tx: ReadTx,
    *,
    limit: int,
    before: datetime | None = None,
    before_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    actor: UUID | None = None,
    actor_type: ActorType | None = None,
    action: str | None = None,
    resource_type: str | None = None,
    resource: UUID | None = None,
    employee: UUID | None = None,
) -> list[Entry]:
    """The latest first, of all that was told of the tenant; managers and admins see it, for anybody else there is none.

    `since` is inclusive, `until` is not; both are the tenant's time. Of an employee: what it did, and what was done to it and its own.
    """
    return await tx.fetch_all(
        Entry,
        LISTED,
        limit=limit,
        before=before,
        before_id=before_id,
        since=since,
        until=until,
        actor=actor,
        actor_type=actor_type,
        action=action,
        resource_type=resource_type,
        resource=resource,
        employee=employee,
    )
