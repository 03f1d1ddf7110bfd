"""How a new employee begins: what it was told, whether its first cycle has run, and what came of it."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.employees.employees import Status
from empla.errors import NotFoundError
from empla.storage.tx import ReadTx


class Beginning(BaseModel):
    """How far it is."""

    model_config = ConfigDict(frozen=True)

    status: Status
    next_cycle_at: datetime
    last_cycle_at: datetime | None  # None until the first has run
    is_at_work: bool  # a worker has its turn just now
    failures: int  # cycles that failed since the last one that did not
    waiting: int  # observations that are not perceived yet
    perceived: int
    refused: int  # that could not be perceived
    episodes: int
    beliefs: int
    goals: int
    plans: int
    asks: int  # effects that wait for a person
    drafts: int  # effects that it would have brought about, were it trusted

    @property
    def has_begun(self) -> bool:
        """Its first cycle has run, and nothing that it was told waits any more."""
        return self.last_cycle_at is not None and not self.waiting


BEGINNING: LiteralString = """
    SELECT e.status, s.next_cycle_at, s.last_cycle_at, s.failures,
           s.leased_by IS NOT NULL AND coalesce(s.lease_until > clock_timestamp(), false) AS is_at_work,
           o.waiting, o.perceived, o.refused,
           (SELECT count(*) FROM memory_episodes m
             WHERE m.tenant_id = %(tenant)s::uuid AND m.employee_id = e.id AND m.deleted_at IS NULL) AS episodes,
           (SELECT count(*) FROM beliefs b
             WHERE b.tenant_id = %(tenant)s::uuid AND b.employee_id = e.id AND b.deleted_at IS NULL) AS beliefs,
           (SELECT count(*) FROM employee_goals g
             WHERE g.tenant_id = %(tenant)s::uuid AND g.employee_id = e.id AND g.deleted_at IS NULL) AS goals,
           (SELECT count(*) FROM employee_intentions i
             WHERE i.tenant_id = %(tenant)s::uuid AND i.employee_id = e.id AND i.deleted_at IS NULL) AS plans,
           (SELECT count(*) FROM effects f
             WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = e.id AND f.status = 'awaiting_approval') AS asks,
           (SELECT count(*) FROM effects f
             WHERE f.tenant_id = %(tenant)s::uuid AND f.employee_id = e.id AND f.status = 'drafted') AS drafts
      FROM employees e
      JOIN employee_schedule s ON s.tenant_id = e.tenant_id AND s.employee_id = e.id
     CROSS JOIN LATERAL (
          SELECT count(*) FILTER (WHERE n.status = 'pending') AS waiting, count(*) FILTER (WHERE n.status = 'perceived') AS perceived,
                 count(*) FILTER (WHERE n.status = 'failed') AS refused
            FROM observations n WHERE n.tenant_id = %(tenant)s::uuid AND n.employee_id = e.id) o
     WHERE e.tenant_id = %(tenant)s::uuid AND e.id = %(employee)s::uuid AND e.deleted_at IS NULL
"""


async def of(tx: ReadTx, *, employee: UUID) -> Beginning:
    """Of an employee whom the caller may see. Raises `NotFoundError`."""
    found = await tx.fetch_one(Beginning, BEGINNING, employee=employee)
    if found is None:
        raise NotFoundError("there is no such employee")
    return found


class Concluded(BaseModel):
    """Something that it believes."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    subject: str
    predicate: str
    object: JsonValue
    confidence: float  # effective, 0..1


CONCLUDED: LiteralString = """
    SELECT b.id, b.subject, b.predicate, b.object,
           at_most_its_supports(effective_confidence(b.confidence, b.decay_rate, b.decay_model, b.last_updated_at, %(now)s::timestamptz),
                                b.tenant_id, b.employee_id, b.source, b.grounds, b.object, %(now)s::timestamptz) AS confidence
      FROM (SELECT * FROM beliefs
             WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
             ORDER BY jsonb_typeof(object) IN ('object', 'array'), formed_at DESC, subject, predicate LIMIT %(limit)s::int) b
     ORDER BY jsonb_typeof(b.object) IN ('object', 'array'), b.formed_at DESC, b.subject, b.predicate
"""


async def concluded(tx: ReadTx, *, employee: UUID, limit: int) -> list[Concluded]:
    """What it made of what it was told: figures and words first, records as they came after these; the latest first."""
    return await tx.fetch_all(Concluded, CONCLUDED, employee=employee, limit=limit, now=tx.now)
