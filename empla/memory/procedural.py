"""Procedures are the plan library of an employee: copied from the shelf, taught or learned, and trusted as far as they have worked."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.employees.employees import EmployeeRole
from empla.errors import ConflictError, FaultyError, ForbiddenError, InvalidError, NotFoundError
from empla.memory import shelf
from empla.memory.playbook import Playbook, ProcedureType
from empla.memory.playbook_links import faults_among
from empla.memory.shapes import Conditions, Steps
from empla.memory.standing import Standing, wilson_lower
from empla.shapes import SMALL_JSON_BYTES, check_json
from empla.storage.tx import ReadTx, Tx

MAX_REASON = 2000  # characters
LearnedFrom = Literal["human_demonstration", "trial_and_error", "instruction", "pre_built"]


class Procedure(BaseModel):
    """One procedure of an employee."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    procedure_name: str
    description: str
    procedure_type: ProcedureType
    steps: Steps
    conditions: Conditions
    version: int
    enabled: bool
    standing: Standing
    success_rate: float  # 0..1: success_count / execution_count
    success_count: int
    execution_count: int
    consecutive_failures: int
    last_executed_at: datetime | None
    learned_from: LearnedFrom | None
    shelf_digest: str | None  # of what it was on the shelf
    evidence: list[JsonValue]  # the moves of its standing, the latest last
    metadata: dict[str, JsonValue]  # where it was learned from, when it was shown
    created_at: datetime
    updated_at: datetime

    @property
    def playbook(self) -> Playbook:
        """What it says, without its record."""
        return Playbook(
            name=self.procedure_name,
            version=self.version,
            type=self.procedure_type,
            description=self.description,
            steps=self.steps,
            conditions=self.conditions,
        )

    @property
    def is_edited(self) -> bool:
        """It came from the shelf, and is no longer what it was there."""
        return self.shelf_digest is not None and self.playbook.digest != self.shelf_digest

    @property
    def success_bound(self) -> float:
        """The rate of success that its record lets one believe: Wilson's lower bound."""
        return wilson_lower(self.success_count, self.execution_count)


class _Counted(Procedure):
    """As the database sends it."""

    moved: bool


class Recorded(BaseModel):
    """A procedure after an outcome was counted."""

    model_config = ConfigDict(frozen=True)

    procedure: Procedure
    moved: bool  # its standing, by this outcome


LIBRARY: LiteralString = """
    SELECT id, employee_id, procedure_name, description, procedure_type, steps, conditions, version, enabled, standing, success_rate,
           success_count, execution_count, consecutive_failures, last_executed_at, learned_from, shelf_digest, evidence, metadata,
           created_at, updated_at
      FROM memory_procedural
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
     ORDER BY procedure_name
"""


async def library(tx: ReadTx, *, employee: UUID) -> list[Procedure]:
    """All that the employee knows how to do, by name; what is disabled or demoted, too."""
    return await tx.fetch_all(Procedure, LIBRARY, employee=employee)


BY_NAME: LiteralString = """
    SELECT id, employee_id, procedure_name, description, procedure_type, steps, conditions, version, enabled, standing, success_rate,
           success_count, execution_count, consecutive_failures, last_executed_at, learned_from, shelf_digest, evidence, metadata,
           created_at, updated_at
      FROM memory_procedural
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (%(enabled)s::boolean IS NULL OR enabled = %(enabled)s::boolean)
       AND (%(standing)s::text IS NULL OR standing = %(standing)s::text)
       AND (%(after)s::text IS NULL OR procedure_name > %(after)s::text)
     ORDER BY procedure_name LIMIT %(limit)s::int
"""


async def by_name(
    tx: ReadTx,
    *,
    employee: UUID,
    limit: int,
    after: str | None = None,
    enabled: bool | None = None,
    standing: Standing | None = None,
) -> list[Procedure]:
    """At most so many of the employee's procedures, by name, from those after this name on."""
    return await tx.fetch_all(
        Procedure, BY_NAME, employee=employee, limit=limit, after=after, enabled=enabled, standing=standing
    )


GET: LiteralString = """
    SELECT id, employee_id, procedure_name, description, procedure_type, steps, conditions, version, enabled, standing, success_rate,
           success_count, execution_count, consecutive_failures, last_executed_at, learned_from, shelf_digest, evidence, metadata,
           created_at, updated_at
      FROM memory_procedural
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
       AND (%(name)s::text IS NULL OR procedure_name = %(name)s::text)
"""


async def get(tx: ReadTx, *, employee: UUID, procedure: UUID) -> Procedure:
    """The procedure of this id. Raises `NotFoundError`."""
    found = await tx.fetch_one(Procedure, GET, employee=employee, id=procedure, name=None)
    if found is None:
        raise NotFoundError("there is no such procedure")
    return found


async def find(tx: ReadTx, *, employee: UUID, name: str) -> Procedure:
    """The procedure of this name. Raises `NotFoundError`."""
    found = await tx.fetch_one(Procedure, GET, employee=employee, id=None, name=name)
    if found is None:
        raise NotFoundError(f"there is no playbook {name!r}")
    return found


def faults(procedure: Procedure, library: Iterable[Procedure]) -> list[str]:
    """Why it can't be carried out, given all that the employee knows; [] when it can."""
    return faults_by_name([*library, procedure]).get(procedure.procedure_name, [])


def faults_by_name(library: Iterable[Procedure]) -> dict[str, list[str]]:
    """`faults` of a whole library at once: what can't be carried out, and why."""
    return faults_among(procedure.playbook for procedure in library)


# Procedures of a name that is there already are left alone.
EQUIP: LiteralString = """
    INSERT INTO memory_procedural (tenant_id, employee_id, procedure_name, description, procedure_type, steps, conditions, version,
                                   standing, learned_from, shelf_digest)
    SELECT %(tenant)s::uuid, %(employee)s::uuid, name, description, type, steps, conditions, version, 'established', 'pre_built', digest
      FROM jsonb_to_recordset(%(playbooks)s::jsonb)
           AS p (name text, description text, type text, steps jsonb, conditions jsonb, version int, digest text)
    ON CONFLICT DO NOTHING
"""


async def equip(tx: Tx, *, employee: UUID, role: EmployeeRole) -> int:
    """The employee has the shelf's playbooks of its role; how many are new to it. Raises `NotFoundError` for no such employee."""
    playbooks = shelf.of_role(role)
    return await tx.execute(EQUIP, employee=employee, playbooks=_rows(playbooks)) if playbooks else 0


def _rows(playbooks: Iterable[Playbook]) -> str:
    rows: list[dict[str, Any]] = [
        {
            "name": playbook.name,
            "description": playbook.description,
            "type": playbook.type,
            "steps": playbook.steps.to_json(),
            "conditions": playbook.conditions.to_json(),
            "version": playbook.version,
            "digest": playbook.digest,
        }
        for playbook in playbooks
    ]
    return json.dumps(rows, ensure_ascii=False)


# What was counted was counted of what it said before; still, it is the same task. Who rewrites a procedure gives it a new chance.
ADD: LiteralString = """
    INSERT INTO memory_procedural (tenant_id, employee_id, procedure_name, description, procedure_type, steps, conditions, version,
                                   standing, learned_from, metadata)
    SELECT %(tenant)s::uuid, %(employee)s::uuid, name, description, type, steps, conditions, version, %(standing)s::text,
           %(learned_from)s::text, %(metadata)s::jsonb
      FROM jsonb_to_recordset(%(playbooks)s::jsonb)
           AS p (name text, description text, type text, steps jsonb, conditions jsonb, version int, digest text)
    ON CONFLICT (tenant_id, employee_id, procedure_name) WHERE deleted_at IS NULL DO UPDATE
       SET description = EXCLUDED.description, procedure_type = EXCLUDED.procedure_type, steps = EXCLUDED.steps,
           conditions = EXCLUDED.conditions, version = greatest(memory_procedural.version + 1, EXCLUDED.version),
           standing = EXCLUDED.standing, learned_from = EXCLUDED.learned_from, metadata = EXCLUDED.metadata,
           consecutive_failures = 0
     WHERE %(replace)s::boolean
    RETURNING id, employee_id, procedure_name, description, procedure_type, steps, conditions, version, enabled, standing, success_rate,
              success_count, execution_count, consecutive_failures, last_executed_at, learned_from, shelf_digest, evidence, metadata,
              created_at, updated_at
"""


async def add(
    tx: Tx,
    *,
    employee: UUID,
    playbooks: Sequence[Playbook],
    learned_from: LearnedFrom = "instruction",
    metadata: dict[str, JsonValue] | None = None,
    replace: bool = False,
) -> list[Procedure]:
    """The employee knows how to do this from now on; with `replace`, one of the same name says this from now on.

    What is taught is established, what is learned is on trial; `metadata` says where it was learned from. Raises `InvalidError` when one
    of them, or what is there already, could not be carried out then; `ConflictError` for a name that is taken; `NotFoundError` for no
    such employee.
    """
    there = {procedure.procedure_name: procedure.playbook for procedure in await library(tx, employee=employee)}
    new = {playbook.name: playbook for playbook in playbooks}
    wrong = _faults_together(there, new)
    if wrong:
        raise FaultyError(wrong)
    added = await tx.fetch_all(
        Procedure,
        ADD,
        employee=employee,
        playbooks=_rows(new.values()),
        standing="established" if learned_from in {"instruction", "pre_built"} else "trial",
        learned_from=learned_from,
        metadata=check_json(metadata or {}, what="the metadata of a playbook", max_bytes=SMALL_JSON_BYTES),
        replace=replace,
    )
    taken = sorted(new.keys() - {procedure.procedure_name for procedure in added})
    if taken:
        raise ConflictError(f"there is a playbook {taken[0]} already; replace it, or choose another name")
    return added


async def faults_of_new(tx: ReadTx, *, employee: UUID, playbook: Playbook) -> list[str]:
    """Why `add` would refuse it, in the place of one of the same name; [] when it would not."""
    there = {procedure.procedure_name: procedure.playbook for procedure in await library(tx, employee=employee)}
    return _faults_together(there, {playbook.name: playbook})


def _faults_together(there: dict[str, Playbook], new: dict[str, Playbook]) -> list[str]:
    """Each fault of what is new, and each that it makes in what is there."""
    before, after = faults_among(there.values()), faults_among((there | new).values())
    return [
        f"{name}: {fault}"
        for name, found in after.items()
        for fault in found
        if name in new or fault not in before.get(name, [])
    ]


class Upgraded(BaseModel):
    """What an upgrade did, by name."""

    model_config = ConfigDict(frozen=True)

    added: list[str]
    replaced: list[str]
    left: list[str]  # edited ones, of which the shelf has a newer version


FOR_UPGRADE: LiteralString = """
    SELECT id, employee_id, procedure_name, description, procedure_type, steps, conditions, version, enabled, standing, success_rate,
           success_count, execution_count, consecutive_failures, last_executed_at, learned_from, shelf_digest, evidence, metadata,
           created_at, updated_at
      FROM memory_procedural
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
     ORDER BY procedure_name
       FOR UPDATE
"""

UPGRADE: LiteralString = """
    INSERT INTO memory_procedural (tenant_id, employee_id, procedure_name, description, procedure_type, steps, conditions, version,
                                   standing, learned_from, shelf_digest)
    SELECT %(tenant)s::uuid, %(employee)s::uuid, name, description, type, steps, conditions, version, 'established', 'pre_built', digest
      FROM jsonb_to_recordset(%(playbooks)s::jsonb)
           AS p (name text, description text, type text, steps jsonb, conditions jsonb, version int, digest text)
    ON CONFLICT (tenant_id, employee_id, procedure_name) WHERE deleted_at IS NULL DO UPDATE
       SET description = EXCLUDED.description, procedure_type = EXCLUDED.procedure_type, steps = EXCLUDED.steps,
           conditions = EXCLUDED.conditions, version = EXCLUDED.version, shelf_digest = EXCLUDED.shelf_digest
"""


async def upgrade(tx: Tx, *, employee: UUID, role: EmployeeRole) -> Upgraded:
    """The employee has the shelf's newest version of whatever nobody has edited, with its record and standing as they were."""
    there = {
        procedure.procedure_name: procedure
        for procedure in await tx.fetch_all(Procedure, FOR_UPGRADE, employee=employee)
    }
    added: list[Playbook] = []
    replaced: list[Playbook] = []
    left: list[str] = []
    for playbook in shelf.of_role(role):
        held = there.get(playbook.name)
        if held is None:
            added.append(playbook)
        elif playbook.digest not in {held.shelf_digest, held.playbook.digest} and playbook.version >= held.version:
            if held.shelf_digest is None or held.is_edited:
                left.append(playbook.name)
            else:
                replaced.append(playbook)
    if added or replaced:
        await tx.execute(UPGRADE, employee=employee, playbooks=_rows([*added, *replaced]))
    return Upgraded(
        added=[playbook.name for playbook in added], replaced=[playbook.name for playbook in replaced], left=left
    )


RECORD_OUTCOME: LiteralString = """
    UPDATE memory_procedural
       SET execution_count = execution_count + 1,
           success_count = success_count + %(success)s::int,
           success_rate = (success_count + %(success)s::int)::float8 / (execution_count + 1),
           consecutive_failures = (consecutive_failures + 1) * (1 - %(success)s::int),
           last_executed_at = %(now)s::timestamptz,
           recent = (recent || %(intention)s::uuid)[greatest(1, cardinality(recent) - 18):],
           standing = next_standing(standing, success_count + %(success)s::int, execution_count + 1,
                                    (consecutive_failures + 1) * (1 - %(success)s::int)),
           evidence = CASE WHEN next_standing(standing, success_count + %(success)s::int, execution_count + 1,
                                              (consecutive_failures + 1) * (1 - %(success)s::int)) = standing THEN evidence
                           ELSE jsonb_path_query_array(evidence, '$[last - 18 to last]') || jsonb_build_object(
                               'was', standing,
                               'standing', next_standing(standing, success_count + %(success)s::int, execution_count + 1,
                                                         (consecutive_failures + 1) * (1 - %(success)s::int)),
                               'at', %(now)s::timestamptz, 'intention', %(intention)s::uuid,
                               'successes', success_count + %(success)s::int, 'executions', execution_count + 1,
                               'intentions', to_jsonb(recent || %(intention)s::uuid)) END
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(id)s::uuid AND deleted_at IS NULL
       AND NOT %(intention)s::uuid = ANY (recent)
    RETURNING id, employee_id, procedure_name, description, procedure_type, steps, conditions, version, enabled, standing, success_rate,
              success_count, execution_count, consecutive_failures, last_executed_at, learned_from, shelf_digest, evidence, metadata,
              created_at, updated_at, coalesce(evidence -> -1 ->> 'intention' = %(intention)s::text, false) AS moved
"""


async def record_outcome(tx: Tx, *, employee: UUID, procedure: UUID, succeeded: bool, intention: UUID) -> Recorded:
    """One execution more is counted, and the procedure's standing follows; the same intention counts once.

    On trial, it is established from a lower bound of .4 on (three of three). Three failures in a row, or an upper bound under .5 after
    five executions, demote it. Raises `NotFoundError`.
    """
    counted = await tx.fetch_one(
        _Counted,
        RECORD_OUTCOME,
        employee=employee,
        id=procedure,
        success=int(succeeded),
        intention=intention,
        now=tx.now,
    )
    if counted is not None:
        return Recorded(procedure=counted, moved=counted.moved)
    return Recorded(procedure=await get(tx, employee=employee, procedure=procedure), moved=False)


ENABLE: LiteralString = """
    UPDATE memory_procedural SET enabled = %(enabled)s::boolean
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(id)s::uuid AND deleted_at IS NULL
"""


async def set_enabled(tx: Tx, *, employee: UUID, procedure: UUID, enabled: bool) -> None:
    """A disabled one is never chosen. Raises `NotFoundError`, `ForbiddenError` for an employee: people decide that."""
    _check_person(tx)
    if not await tx.execute(ENABLE, employee=employee, id=procedure, enabled=enabled):
        raise NotFoundError("there is no such procedure")


SET_STANDING: LiteralString = """
    UPDATE memory_procedural
       SET standing = %(standing)s::text, consecutive_failures = 0,
           evidence = jsonb_path_query_array(evidence, '$[last - 18 to last]') || jsonb_build_object(
               'was', standing, 'standing', %(standing)s::text, 'at', %(now)s::timestamptz, 'by', %(user)s::uuid,
               'reason', %(reason)s::text,
               'successes', success_count, 'executions', execution_count)
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(id)s::uuid AND deleted_at IS NULL
"""


async def set_standing(tx: Tx, *, employee: UUID, procedure: UUID, standing: Standing, reason: str) -> None:
    """A human's decision, with its reason; failures in a row are counted anew. Raises `NotFoundError`, `ForbiddenError`, `InvalidError`."""
    _check_person(tx)
    if not reason.strip() or len(reason) > MAX_REASON:
        raise InvalidError(f"a decision needs a reason of at most {MAX_REASON:,} characters")
    check_json(reason, what="the reason")
    if not await tx.execute(
        SET_STANDING, employee=employee, id=procedure, standing=standing, reason=reason, user=tx.caller.user, now=tx.now
    ):
        raise NotFoundError("there is no such procedure")


def _check_person(tx: Tx) -> None:
    if tx.caller.employee is not None:
        raise ForbiddenError("people decide which playbooks an employee uses, not the employee")
