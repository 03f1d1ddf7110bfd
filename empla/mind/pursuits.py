"""What became of the goals of a tenant's employees: when each was violated and restored, why, and what was done about it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.bdi.shapes import GoalType
from empla.storage.tx import ReadTx


class Spell(BaseModel):
    """A time in which a goal was violated, with the plans that were begun in it."""

    model_config = ConfigDict(frozen=True)

    employee_id: UUID
    name: str
    goal_id: UUID
    goal_type: GoalType
    description: str
    since: datetime
    reason: str | None  # what was believed when it began
    until: datetime | None  # None: it lasts
    restored_by: str | None  # what was believed when it ended
    worst: float | None
    plans: list[str]  # by name, as they were begun
    succeeded: list[str]
    failed: list[str]
    effects: int  # that its plans brought about: tasks, notes and drafts
    asked: bool  # a human was asked

    @property
    def length(self) -> timedelta:
        """How long it lasted; nothing for one that lasts."""
        return timedelta(0) if self.until is None else self.until - self.since


# Which value was the worst depends on the comparison; of a metric that must be high it is the lowest.
SPELLS: LiteralString = """
    WITH said AS (
        SELECT h.employee_id, h.goal_id, h.changed_at, h.id, h.new_state, h.old_state, h.reason
          FROM goal_history h
         WHERE h.tenant_id = %(tenant)s::uuid AND h.changed_at <= %(at)s::timestamptz
           AND (%(employee)s::uuid IS NULL OR h.employee_id = %(employee)s::uuid)
           AND (%(goal)s::uuid IS NULL OR h.goal_id = %(goal)s::uuid)
    ), begun AS (
        SELECT s.employee_id, s.goal_id, s.changed_at AS since, s.reason, e.changed_at AS until, e.reason AS restored_by
          FROM said s
          LEFT JOIN LATERAL (
               SELECT n.changed_at, n.reason FROM said n
                WHERE n.employee_id = s.employee_id AND n.goal_id = s.goal_id AND n.id > s.id AND n.new_state = 'met'
                ORDER BY n.id LIMIT 1) e ON true
         WHERE s.new_state = 'violated' AND s.old_state IS DISTINCT FROM 'violated'
    ), spell AS (
        -- Violated, unknown for a while and violated again is one spell: the first of those that end alike.
        SELECT DISTINCT ON (employee_id, goal_id, until) * FROM begun ORDER BY employee_id, goal_id, until, since
    )
    SELECT s.employee_id, p.name, s.goal_id, g.goal_type, g.description, s.since, s.reason, s.until, s.restored_by, w.worst,
           coalesce(i.plans, '{}') AS plans, coalesce(i.succeeded, '{}') AS succeeded, coalesce(i.failed, '{}') AS failed,
           coalesce(i.effects, 0)::int AS effects,
           EXISTS (SELECT FROM notices n
                    WHERE n.tenant_id = %(tenant)s::uuid AND n.employee_id = s.employee_id AND n.goal_id = s.goal_id
                      AND n.kind = 'escalation' AND n.created_at >= s.since
                      AND n.created_at <= coalesce(s.until, %(at)s::timestamptz)) AS asked
      FROM spell s
      JOIN employees p ON p.tenant_id = %(tenant)s::uuid AND p.id = s.employee_id
      JOIN employee_goals g ON g.tenant_id = %(tenant)s::uuid AND g.employee_id = s.employee_id AND g.id = s.goal_id
      LEFT JOIN LATERAL (
           SELECT CASE WHEN left(coalesce(g.target ->> 'comparator', CASE g.goal_type WHEN 'prevention' THEN '<=' ELSE '>=' END), 1) = '<'
                       THEN max(v.value) ELSE min(v.value) END AS worst
             FROM (SELECT (h.new_value #>> '{}')::float8 AS value FROM belief_history h
                    WHERE h.tenant_id = %(tenant)s::uuid AND h.employee_id = s.employee_id AND h.subject = g.measure ->> 'subject'
                      AND h.predicate = g.measure ->> 'predicate' AND h.change_type NOT IN ('late', 'contradicted')
                      AND jsonb_typeof(h.new_value) = 'number' AND h.changed_at >= s.since
                      AND h.changed_at <= coalesce(s.until, %(at)s::timestamptz)) v) w ON true
      LEFT JOIN LATERAL (
           SELECT array_agg(n.plan_key ORDER BY n.created_at, n.id) FILTER (WHERE n.parent_id IS NULL) AS plans,
                  array_agg(n.plan_key ORDER BY n.created_at, n.id)
                      FILTER (WHERE n.parent_id IS NULL AND n.completed_at <= %(at)s::timestamptz) AS succeeded,
                  array_agg(n.plan_key ORDER BY n.created_at, n.id)
                      FILTER (WHERE n.parent_id IS NULL AND n.failed_at <= %(at)s::timestamptz) AS failed,
                  (SELECT count(*) FROM effects x
                    WHERE x.tenant_id = %(tenant)s::uuid AND x.employee_id = s.employee_id AND x.created_at <= %(at)s::timestamptz
                      AND x.intention_id = ANY (array_agg(n.id))) AS effects
             FROM employee_intentions n
            WHERE n.tenant_id = %(tenant)s::uuid AND n.employee_id = s.employee_id AND n.goal_id = s.goal_id AND n.plan_key IS NOT NULL
              AND n.created_at >= s.since AND n.created_at <= coalesce(s.until, %(at)s::timestamptz)) i ON true
     ORDER BY s.since, p.name, g.description
"""


async def spells(
    tx: ReadTx, *, at: datetime | None = None, employee: UUID | None = None, goal: UUID | None = None
) -> list[Spell]:
    """Every time in which a goal was violated, up to a moment of the tenant's time, the earliest first; of one employee or goal alone."""
    return await tx.fetch_all(Spell, SPELLS, at=at or tx.now, employee=employee, goal=goal)


class GoalRecord(BaseModel):
    """What became of one goal of one employee, in sum."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    employees: int  # whose it is
    violated: int  # times
    restored: int
    days: float  # in which it was violated
    lasting: int  # violated at the moment
    plans: int
    succeeded: int
    failed: int
    effects: int
    asked: int


def records(found: Sequence[Spell], *, at: datetime) -> list[GoalRecord]:
    """The spells added up by employee and goal, in the order of names."""
    return [
        GoalRecord(
            name=name,
            description=description,
            employees=1,
            violated=len(group),
            restored=sum(spell.until is not None for spell in group),
            days=sum(((spell.until or at) - spell.since).total_seconds() for spell in group) / 86_400,
            lasting=sum(spell.until is None for spell in group),
            plans=sum(len(spell.plans) for spell in group),
            succeeded=sum(len(spell.succeeded) for spell in group),
            failed=sum(len(spell.failed) for spell in group),
            effects=sum(spell.effects for spell in group),
            asked=sum(spell.asked for spell in group),
        )
        for name, description, group in _by_goal(found)
    ]


def _by_goal(found: Sequence[Spell]) -> list[tuple[str, str, list[Spell]]]:
    groups: dict[tuple[str, str, UUID], list[Spell]] = {}
    for spell in found:
        groups.setdefault((spell.name, spell.description, spell.goal_id), []).append(spell)
    return [
        (name, description, group)
        for (name, description, _), group in sorted(groups.items(), key=lambda each: each[0][:2])
    ]


def together(found: Sequence[GoalRecord]) -> list[GoalRecord]:
    """The same goal of several employees as one record, under no name."""
    groups: dict[str, list[GoalRecord]] = {}
    for record in found:
        groups.setdefault(record.description, []).append(record)
    return [
        GoalRecord(
            name="",
            description=description,
            employees=len(group),
            violated=sum(record.violated for record in group),
            restored=sum(record.restored for record in group),
            days=sum(record.days for record in group),
            lasting=sum(record.lasting for record in group),
            plans=sum(record.plans for record in group),
            succeeded=sum(record.succeeded for record in group),
            failed=sum(record.failed for record in group),
            effects=sum(record.effects for record in group),
            asked=sum(record.asked for record in group),
        )
        for description, group in sorted(groups.items())
    ]
