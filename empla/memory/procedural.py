"""DEV STUB"""

import math
from typing import Any, LiteralString
from uuid import UUID
from pydantic import BaseModel, JsonValue
from empla.storage.tx import Tx


class S(BaseModel):
    model_config = {"extra": "allow"}

    def to_json(self):
        return self.model_dump(exclude_unset=True)


class Body(BaseModel):
    steps: list[S] = []
    templates: dict[str, str] = {}
    success: JsonValue = None
    timeframe: str | None = None
    commitment: str | None = None
    on_failed_dependency: str | None = None


class Cond(BaseModel):
    triggers: list[str] = []
    goals: list[str] = []
    finds_out: list[str] = []
    context: JsonValue = None
    prefers: JsonValue = None
    impossible: JsonValue = None


class Procedure(BaseModel):
    id: UUID
    procedure_name: str
    description: str
    procedure_type: str
    steps: Body
    conditions: Cond
    execution_count: int
    success_count: int = 0
    enabled: bool = True
    standing: str = "established"


class Recorded(BaseModel):
    procedure: Procedure
    moved: bool = False


def wilson_lower(s: int, n: int) -> float:
    if n == 0:
        return 0.0
    z = 1.96
    p = s / n
    return (p + z * z / (2 * n) - z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n)


LIB: LiteralString = """SELECT id, procedure_name, description, procedure_type, steps, conditions, execution_count FROM memory_procedural
 WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL ORDER BY procedure_name"""


async def library(tx: Tx, *, employee: UUID) -> list[Procedure]:
    return await tx.fetch_all(Procedure, LIB, employee=employee)


ADD: LiteralString = """INSERT INTO memory_procedural (tenant_id, employee_id, procedure_name, description, procedure_type, steps, conditions, learned_from)
 VALUES (%(tenant)s::uuid, %(employee)s::uuid, %(name)s::text, %(name)s::text, %(kind)s::text, %(steps)s::jsonb, %(conditions)s::jsonb, 'instruction')"""


async def add(tx: Tx, *, employee: UUID, name: str, kind: str = "workflow", steps: Any, conditions: Any) -> None:
    await tx.execute(ADD, employee=employee, name=name, kind=kind, steps=steps, conditions=conditions)


REC: LiteralString = """UPDATE memory_procedural SET execution_count = execution_count + 1, last_executed_at = %(now)s::timestamptz
 WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(p)s::uuid"""


async def record_outcome(tx: Tx, *, employee: UUID, procedure: UUID, succeeded: bool, intention: UUID) -> Recorded:
    await tx.execute(REC, employee=employee, p=procedure, now=tx.now)
    return Recorded(procedure=[x for x in await library(tx, employee=employee) if x.id == procedure][0])
