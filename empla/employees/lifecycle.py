"""How far an employee is trusted: in shadow it drafts, supervised it acts with approval, autonomous within its limits.

Its record says what it has earned; people decide. Only downwards the database acts by itself (the SQL function `demote_failing`).
"""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from empla.employees import employees
from empla.employees.employees import Employee, Stage
from empla.errors import ConflictError, ForbiddenError, InvalidError
from empla.storage.tx import ReadTx, Tx

STAGES: tuple[Stage, ...] = ("shadow", "supervised", "autonomous")
# Of people's agreement with what it wanted to do, by Wilson's lower bound: ten of ten give .722.
PROMISING = 0.7


def in_stage(stage: Stage) -> str:
    """How it works there, in words."""
    return "in shadow" if stage == "shadow" else stage


class Record(BaseModel):
    """What people and the world made of an employee's effects in its present stage."""

    model_config = ConfigDict(frozen=True)

    employee_id: UUID
    name: str
    stage: Stage
    since: datetime
    approved: int  # as they stood
    edited: int
    rejected: int
    done: int
    failed: int
    uncertain: int
    agreement: float  # Wilson's lower bound of approved / decided, 0..1

    @property
    def decided(self) -> int:
        """How many people have decided."""
        return self.approved + self.edited + self.rejected

    @property
    def next_stage(self) -> Stage | None:
        """What it could be promoted to; None at the top."""
        place = STAGES.index(self.stage) + 1
        return STAGES[place] if place < len(STAGES) else None

    @property
    def is_promising(self) -> bool:
        """It has earned the next stage."""
        return self.next_stage is not None and self.agreement >= PROMISING and not (self.failed or self.uncertain)


RECORD: LiteralString = """
    SELECT p.id AS employee_id, p.name, p.lifecycle_stage AS stage, p.stage_since AS since, a.approved, a.edited, a.rejected, e.done,
           e.failed, e.uncertain, wilson_lower(a.approved, a.approved + a.edited + a.rejected) AS agreement
      FROM employees p
     CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE a.status = 'approved' AND a.edited_from IS NULL)::int AS approved,
                  count(*) FILTER (WHERE a.status = 'edited')::int AS edited, count(*) FILTER (WHERE a.status = 'rejected')::int AS rejected
             FROM approvals a
            WHERE a.tenant_id = %(tenant)s::uuid AND a.employee_id = p.id AND a.stage = p.lifecycle_stage
              AND a.created_at >= p.stage_since) a
     CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE e.status = 'done')::int AS done, count(*) FILTER (WHERE e.status = 'failed')::int AS failed,
                  count(*) FILTER (WHERE e.status = 'uncertain')::int AS uncertain
             FROM effects e
            WHERE e.tenant_id = %(tenant)s::uuid AND e.employee_id = p.id AND e.kind IN ('message', 'call')
              AND e.created_at >= p.stage_since) e
     WHERE p.tenant_id = %(tenant)s::uuid AND p.deleted_at IS NULL AND (%(employee)s::uuid IS NULL OR p.id = %(employee)s::uuid)
     ORDER BY p.email_key
"""


async def records(tx: ReadTx, *, employee: UUID | None = None) -> list[Record]:
    """The record of one employee, or of all whom the caller may see."""
    return await tx.fetch_all(Record, RECORD, employee=employee)


MOVE: LiteralString = """
    UPDATE employees SET lifecycle_stage = %(after)s::text
     WHERE tenant_id = %(tenant)s::uuid AND id = %(employee)s::uuid AND deleted_at IS NULL AND lifecycle_stage = %(before)s::text
"""


# What was proposed about the stage it leaves has settled itself.
LAPSE: LiteralString = """
    UPDATE notices SET status = 'lapsed'
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND status = 'open' AND kind = 'promotion'
       AND starts_with(notice_key, 'promotion:')
"""


async def promote(tx: Tx, *, employee: UUID, to: Stage) -> Employee:
    """A manager or an admin trusts it one stage further. Raises `ConflictError` for any other stage, `ForbiddenError`, `NotFoundError`."""
    person = await employees.get(tx, employee=employee)
    if STAGES.index(to) != STAGES.index(person.lifecycle_stage) + 1:
        raise ConflictError(
            f"{person.name} is {person.lifecycle_stage}, and is promoted one stage at a time, not to {to}"
        )
    if person.status == "onboarding":
        raise InvalidError("an employee that is still onboarding works in shadow")
    return await _move(tx, person, to)


async def demote(tx: Tx, *, employee: UUID, to: Stage) -> Employee:
    """It is trusted less from now on; what it was about to send is asked about again, or given up. Raises as `promote`."""
    person = await employees.get(tx, employee=employee)
    if STAGES.index(to) >= STAGES.index(person.lifecycle_stage):
        raise ConflictError(f"{person.name} is {person.lifecycle_stage} and can't be demoted to {to}")
    return await _move(tx, person, to)


async def _move(tx: Tx, person: Employee, to: Stage) -> Employee:
    if not await tx.execute(MOVE, employee=person.id, before=person.lifecycle_stage, after=to):
        raise ForbiddenError("the caller's role does not allow this")
    await tx.execute(LAPSE, employee=person.id)
    return person.model_copy(update={"lifecycle_stage": to})
